"""A limit on how many requests a second are accepted: a token bucket on FakeCivo's clock."""

import math
from collections.abc import Callable

from ._errors import rate_limited

__all__ = ["RateLimit", "limit_of"]

# The seconds of a clock are rounded: a token that is due must be available.
_ROUNDING = 1e-6


class RateLimit:
    """A bucket that holds `burst` tokens, gains `per_second`, and loses one for each request.

    `burst` is by default what one second gains. With `retry_after`, an error response has the whole
    seconds until the next token. Raises `ValueError` for a number that can't be used.
    """

    def __init__(
        self,
        per_second: float,
        *,
        burst: int | None,
        retry_after: bool,
        now: Callable[[], float],
    ) -> None:
        if not 0 < per_second < math.inf:
            raise ValueError(f"rate_limit must be a number above 0, not {per_second!r}")
        if burst is not None and burst < 1:
            raise ValueError(f"burst must be 1 or more, not {burst!r}")
        self._per_second = per_second
        self._size = float(burst or max(1, round(per_second)))
        self._retry_after = retry_after
        self._now = now
        self._tokens = self._size
        self._at = now()

    def take(self) -> None:
        """Count a request; `CivoError` if it is one too many."""
        now = self._now()
        gained = (now - self._at) * self._per_second
        self._tokens, self._at = min(self._size, self._tokens + gained), now
        if self._tokens < 1 - _ROUNDING:
            raise rate_limited(self._seconds() if self._retry_after else None)
        self._tokens -= 1

    def _seconds(self) -> int:
        return max(1, math.ceil((1 - self._tokens) / self._per_second - _ROUNDING))


def limit_of(
    per_second: float | None, *, burst: int | None, retry_after: bool, now: Callable[[], float]
) -> RateLimit | None:
    """Return the limit that these arguments make, `None` for no limit."""
    if per_second is not None:
        return RateLimit(per_second, burst=burst, retry_after=retry_after, now=now)
    if burst is not None:
        raise ValueError("burst needs a rate_limit, and none is given")

    return None
