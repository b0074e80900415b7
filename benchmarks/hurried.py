"""A clock for waits that are measured: the time between two polls passes at once."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

_SHORT = 1.0


class HurriedClock:
    """The machine's clock, but for spans of less than a second, which take no time.

    A process that sleeps between two polls wakes with cold caches, and pays for it what no library
    can spare. Longer spans, as those of timeouts, last as long as ever.
    """

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Return the seconds that have passed, with those that took no time."""
        return time.monotonic() + self._skipped

    def utcnow(self) -> datetime:
        """Return the date and time by this clock."""
        return datetime.now(UTC) + timedelta(seconds=self._skipped)

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds, or none."""
        if seconds < _SHORT:
            self._skipped += seconds
            seconds = 0.0
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return `asyncio.timeout(seconds)`."""
        return asyncio.timeout(seconds)

    def call_later(
        self, seconds: float, callback: Callable[..., object], *args: object
    ) -> asyncio.Handle:
        """Call a function that many seconds later, or in the next turn of the event loop."""
        loop = asyncio.get_running_loop()
        if seconds >= _SHORT:
            return loop.call_later(seconds, callback, *args)

        return loop.call_soon(self._skip, seconds, callback, args)

    def _skip(
        self, seconds: float, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._skipped += seconds
        callback(*args)
