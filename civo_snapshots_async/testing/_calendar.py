"""The moments of a clock, and how Civo writes them."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Protocol, runtime_checkable

__all__ = ["GIVEN_CLOCK_STARTS", "Calendar", "Clock"]

GIVEN_CLOCK_STARTS = datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)
"""The date at second 0 of a clock that was given."""


class Clock(Protocol):
    """Anything that can tell the time."""

    def now(self) -> float:
        """Return the moment, in seconds since whenever."""
        ...


@runtime_checkable
class _Sleeper(Protocol):
    """A clock that can be waited for as well."""

    def sleep(self, seconds: float, /) -> Awaitable[None]:
        """Wait that many seconds."""
        ...


class Calendar:
    """Turns a clock's seconds into dates: those of the wall, or from the page's date on."""

    def __init__(self, clock: Clock | None) -> None:
        if clock is None:
            self.now = time.monotonic
            self._start = datetime.now(UTC) - timedelta(seconds=self.now())
        else:
            self.now = clock.now
            self._start = GIVEN_CLOCK_STARTS
        self.sleep = clock.sleep if isinstance(clock, _Sleeper) else asyncio.sleep

    def written(self, moment: float) -> str:
        """Return a moment as Civo writes dates: `2025-04-01T09:11:14Z`."""
        return f"{self._date(moment).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

    def moment(self, date: datetime) -> float:
        """Return the clock's seconds at a date with a timezone."""
        return (date - self._start).total_seconds()

    def http_date(self) -> str:
        """Return this moment as HTTP writes dates: `Tue, 01 Apr 2025 09:11:14 GMT`."""
        return format_datetime(self._date(self.now()), usegmt=True)

    def _date(self, moment: float) -> datetime:
        return self._start + timedelta(seconds=moment)
