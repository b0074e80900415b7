"""The seconds of a clock as dates, and how Civo writes them."""

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
    """Anything that returns the time."""

    def now(self) -> float:
        """Return the time in seconds, from any start."""
        ...


@runtime_checkable
class _Sleeper(Protocol):
    """A clock that can sleep as well."""

    def sleep(self, seconds: float, /) -> Awaitable[None]:
        """Sleep that many seconds."""
        ...


class Calendar:
    """Turns a clock's seconds into dates: the machine's, or from the page's date on."""

    def __init__(self, clock: Clock | None) -> None:
        if clock is None:
            self.now = time.monotonic
            self._start = datetime.now(UTC) - timedelta(seconds=self.now())
        else:
            self.now = clock.now
            self._start = GIVEN_CLOCK_STARTS
        self.sleep = clock.sleep if isinstance(clock, _Sleeper) else asyncio.sleep

    def text(self, seconds: float) -> str:
        """Return a second of the clock as Civo writes dates: `2025-04-01T09:11:14Z`."""
        return f"{self._date(seconds).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

    def seconds_at(self, date: datetime) -> float:
        """Return the clock's seconds at a date with a timezone."""
        return (date - self._start).total_seconds()

    def http_date(self) -> str:
        """Return the current time as HTTP writes dates: `Tue, 01 Apr 2025 09:11:14 GMT`."""
        return format_datetime(self._date(self.now()), usegmt=True)

    def _date(self, seconds: float) -> datetime:
        return self._start + timedelta(seconds=seconds)
