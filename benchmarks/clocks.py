"""Clocks for waits that are measured: it is the CPU that counts, and not the time between polls."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

_Function = Callable[..., object]


class HurriedClock:
    """The machine's clock, but for spans of less than a second, which pass at once.

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
        if seconds < 1:
            self._skipped += seconds
            seconds = 0.0
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return `asyncio.timeout(seconds)`."""
        return asyncio.timeout(seconds)

    def call_later(self, seconds: float, callback: _Function, *args: object) -> asyncio.Handle:
        """Call a function that many seconds later, or in the next turn of the event loop."""
        loop = asyncio.get_running_loop()
        if seconds >= 1:
            return loop.call_later(seconds, callback, *args)

        return loop.call_soon(self._skip, seconds, callback, args)

    def _skip(self, seconds: float, callback: _Function, args: tuple[object, ...]) -> None:
        self._skipped += seconds
        callback(*args)


class Scheduled:
    """A callback of a `HeldClock`, and how to call it off."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: _Function, args: tuple[object, ...]) -> None:
        self.callback: _Function | None = callback
        self.args = args

    def cancel(self) -> None:
        """Call it off."""
        self.callback = None


class HeldClock:
    """The machine's clock, but for spans of five minutes and more: they last until `pass_by`."""

    LONG = 300.0

    def __init__(self) -> None:
        self._skipped = 0.0
        self._held: list[Scheduled] = []

    def now(self) -> float:
        """Return the seconds that have passed, with those that were let pass."""
        return time.monotonic() + self._skipped

    def utcnow(self) -> datetime:
        """Return the date and time by this clock."""
        return datetime.now(UTC) + timedelta(seconds=self._skipped)

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds, of the machine's."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return `asyncio.timeout(seconds)`."""
        return asyncio.timeout(seconds)

    def call_later(
        self, seconds: float, callback: _Function, *args: object
    ) -> asyncio.Handle | Scheduled:
        """Call a function that many seconds later, or when they are let pass."""
        if seconds < self.LONG:
            return asyncio.get_running_loop().call_later(seconds, callback, *args)
        held = Scheduled(callback, args)
        self._held.append(held)

        return held

    def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass, and call whatever was held until then."""
        self._skipped += seconds
        held, self._held = self._held, []
        for each in held:
            if each.callback is not None:
                each.callback(*each.args)
