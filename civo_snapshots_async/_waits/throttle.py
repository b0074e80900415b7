"""What a 429 does to all polls of a session: none for a while, and then no thundering herd."""

import math
import random
from collections.abc import Iterable

from .pools import Pool, Waiter

# One response can't throttle a whole session for longer than this many seconds.
_MAX_SECONDS = 60.0
# For how long a 429 without `Retry-After` throttles.
_DEFAULT_SECONDS = 1.0
# A timer of the loop may fire slightly early, also that of the first who may poll again.
_TOLERANCE = 0.01


class Throttle:
    """Delays polls after a 429, and spreads them out afterwards."""

    def __init__(self) -> None:
        self._ends_at = -math.inf
        self._limited_at = -math.inf

    def start(self, pool: Pool, retry_after: float | None, now: float) -> None:
        """Delay all polls until the time that the 429 for this pool named."""
        seconds = min(retry_after or _DEFAULT_SECONDS, _MAX_SECONDS)
        # The first pool that got a 429 polls again first, at that very time; all others spread out.
        pool.is_spread = now >= self._ends_at
        self._limited_at = now
        self._ends_at = max(self._ends_at, now + seconds)

    def hold_back(self, pool: Pool, due: list[Waiter], now: float) -> Iterable[Waiter]:
        """Put the waiters to sleep that must not poll yet; return the others.

        After a 429 each pool polls once at a random time in the interval that follows, even if it
        was due after the end of the throttle: waits that started together are a herd as well. A
        last poll is never delayed past its deadline.
        """
        if not due:
            return due
        spread = max(waiter.wait.usual_interval for waiter in due)
        if self._lets_through(pool, spread, now):
            return due
        pool.is_spread = True
        back_at = max(now, self._ends_at) + spread * random.random()  # noqa: S311 - no secret
        for waiter in due:
            at = min(back_at, max(waiter.wait.due, waiter.wait.deadline))
            if not waiter.wait.is_final and at > now:
                pool.sleep(waiter, at)

        return [waiter for waiter in due if not waiter.is_asleep]

    def _lets_through(self, pool: Pool, spread: float, now: float) -> bool:
        if now < self._ends_at - _TOLERANCE:
            return False
        is_of_herd = not pool.is_spread and pool.sent_at <= self._limited_at

        return not is_of_herd or now > self._ends_at + spread
