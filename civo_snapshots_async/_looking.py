"""When a wait looks, and which of what it meets is worth another look."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

import attrs

from ._clock import Clock
from ._errors import (
    ApiError,
    CivoSnapshotsError,
    NotFoundError,
    SnapshotNotFoundError,
    TransportTimeoutError,
    is_passing,
)
from ._models import Snapshot
from ._pacing import Pacing, PollPolicy

T = TypeVar("T")
Fetch = Callable[[], Awaitable[Snapshot]]

# A look that begins when the time is nearly up may outlive it by this many seconds.
_LAST_LOOK_GRACE = 0.25
# The most that is kept back of the time for the last look, in seconds.
_LONGEST_RESERVE = 5.0


@attrs.frozen(kw_only=True)
class LookAt(Generic[T]):
    """One look at something: what it showed, or what it met."""

    polls: int
    """How many looks there were, this one included."""
    elapsed: float
    """The seconds from the beginning of the wait to the end of this look."""
    outcome: T | CivoSnapshotsError
    is_fatal: bool = False
    """Whether further looks would not help after this error, so that this one was the last."""


class LookingAt(Generic[T]):
    """One wait's looks: at once, again and again until the time is up, and a last one then."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        timeout: float | None,
        poll: PollPolicy,
        clock: Clock,
    ) -> None:
        self._fetch = fetch
        self._poll = poll
        self._clock = clock
        self._pacing = Pacing(poll, timeout)
        self._begun = clock.now()
        self._deadline = math.inf if timeout is None else self._begun + timeout
        self._polls = 0
        self._failures = 0
        self._is_seen = False
        self._is_last = False
        self._answered_in = 0.0

    async def looks(self) -> AsyncGenerator[LookAt[T], None]:
        """Give each look as it is made."""
        while True:
            look = await self._look()
            yield look
            if look.is_fatal or self._is_last or self._begun + look.elapsed >= self._deadline:
                return
            await self._clock.sleep(self._pause(look))

    async def _look(self) -> LookAt[T]:
        asked = self._clock.now()
        outcome = await self._outcome(self._deadline - asked)
        now = self._clock.now()
        self._polls += 1
        is_fatal = False
        if isinstance(outcome, CivoSnapshotsError):
            is_fatal = not self._is_passing(outcome, now)
        else:
            self._is_seen, self._failures, self._answered_in = True, 0, now - asked

        return LookAt(
            polls=self._polls, elapsed=now - self._begun, outcome=outcome, is_fatal=is_fatal
        )

    async def _outcome(self, remaining: float) -> T | CivoSnapshotsError:
        limit = None if remaining == math.inf else max(remaining, _LAST_LOOK_GRACE)
        try:
            async with self._clock.timeout(limit):
                return await self._fetch()
        except CivoSnapshotsError as error:
            return error
        except TimeoutError:
            return TransportTimeoutError("the poll was not answered in time", method="GET", path="")

    def _is_passing(self, error: CivoSnapshotsError, now: float) -> bool:
        if _is_unknown(error):
            return not self._is_seen and now - self._begun < self._poll.missing_grace
        self._failures += 1

        return is_passing(error) and self._failures <= self._poll.max_failures

    def _pause(self, look: LookAt[T]) -> float:
        retry_after = look.outcome.retry_after if isinstance(look.outcome, ApiError) else None
        # Not the look's own time: whoever it was given to may have taken some since.
        elapsed = self._clock.now() - self._begun
        interval = self._pacing.next_interval(elapsed, look.outcome, at_least=retry_after or 0)
        # The last look begins so that its answer, coming as the one before, comes in time.
        reserve = min(self._answered_in, _LONGEST_RESERVE)
        if not self._pacing.is_past_limit(reserve):
            return interval
        self._is_last = True

        return max(self._deadline - self._clock.now() - reserve, 0.0)


Look = LookAt[Snapshot]
Looking = LookingAt[Snapshot]


def _is_unknown(error: CivoSnapshotsError) -> bool:
    # A 404 with a code of another kind is about something else: the token, say.
    if isinstance(error, SnapshotNotFoundError):
        return True

    return type(error) is NotFoundError and not error.code
