"""The moments of a clock, and how Civo writes them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Calendar", "Clock"]

_GIVEN_CLOCK_STARTS = datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)


class Clock(Protocol):
    """Anything that can tell the time."""

    def now(self) -> float:
        """Return the moment, in seconds since whenever."""
        ...


class Calendar:
    """Turns a clock's seconds into dates: those of the wall, or from the page's date on."""

    def __init__(self, clock: Clock | None) -> None:
        if clock is None:
            self.now = time.monotonic
            self._start = datetime.now(UTC) - timedelta(seconds=self.now())
        else:
            self.now = clock.now
            self._start = _GIVEN_CLOCK_STARTS

    def written(self, moment: float) -> str:
        """Return a moment as Civo writes dates: `2025-04-01T09:11:14Z`."""
        return (self._start + timedelta(seconds=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")
