"""A clock whose time jumps from one due time to the next, for tests of code that waits."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime, timedelta

from ._calendar import GIVEN_CLOCK_STARTS
from ._checks import Seconds

__all__ = ["FakeClock"]

# Turns of the event loop in which nobody reads the time, before it jumps: more than pass between
# two readings during a request to a server on this machine.
_IDLE_TURNS = 25
_IDLE_TURNS_WITHOUT_SOCKETS = 10
# While something runs under a `timeout`, which may be a request, each turn takes this many real
# seconds: together more than any request to a server on this machine takes.
_BUSY_TURN = 0.002


class FakeClock:
    """A clock for tests: hours pass in milliseconds, in the order in which they would.

    When everything is waiting, time jumps to the earliest time that something waits for. Give the
    same clock to the session (`clock=`) and to `FakeCivo`.

    - `now`: the seconds that it starts with.
    - `auto`: with `False`, time stands still until the test calls `advance`.
    - `sockets`: with `False`, it does not wait for responses on their way through a socket, which
      is faster where a test uses none.
    """

    def __init__(self, now: float = 0.0, *, auto: bool = True, sockets: bool = True) -> None:
        self._now = now
        self._auto = auto
        self._sockets = sockets
        self._max_idle_turns = _IDLE_TURNS if sockets else _IDLE_TURNS_WITHOUT_SOCKETS
        self._number = itertools.count()
        self._due: list[tuple[float, int]] = []
        self._wake: dict[int, Callable[[], object]] = {}
        self._busy = 0
        self._idle_turns = 0
        self._turning: asyncio.AbstractEventLoop | None = None
        self.slept: list[float] = []
        """The seconds of each sleep that was started, in order."""

    def now(self) -> float:
        """Return the seconds that have passed."""
        self._idle_turns = 0

        return self._now

    def utcnow(self) -> datetime:
        """Return the date that FakeCivo shows on this clock: 2025-04-01T09:11:14Z and on."""
        return GIVEN_CLOCK_STARTS + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Wait until that many seconds have passed."""
        self.slept.append(seconds)
        woken = asyncio.Event()
        number = self._call_after(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            self._wake.pop(number, None)

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncGenerator[asyncio.Timeout]:
        """Limit the time of what is awaited inside, as `asyncio.timeout` does, by this clock."""
        loop = asyncio.get_running_loop()
        self._busy += 1
        number = -1
        try:
            async with asyncio.timeout(None) as limit:
                if seconds is not None:
                    number = self._call_after(seconds, lambda: limit.reschedule(loop.time()))
                try:
                    yield limit
                finally:
                    self._wake.pop(number, None)
        finally:
            self._busy -= 1

    def call_later(
        self, seconds: float, callback: Callable[..., object], *args: object
    ) -> "_Scheduled":
        """Call a function when that many seconds have passed, as an event loop does."""
        context = copy_context()
        number = self._call_after(seconds, lambda: context.run(callback, *args))

        return _Scheduled(self._wake, number)

    def advance(self, seconds: Seconds) -> None:
        """Let time pass, in seconds or as a `timedelta`, and wake all who wait for a time in it.

        They run in the next turns of the event loop, when all of that time has passed. Raises
        `ValueError` for a negative number.
        """
        span = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if span < 0:
            raise ValueError(f"time does not go back, by {span!r} s")
        self._pass_until(self._now + span)

    def _call_after(self, seconds: float, wake: Callable[[], object]) -> int:
        number = next(self._number)
        self._wake[number] = wake
        heapq.heappush(self._due, (self._now + max(seconds, 0.0), number))
        loop = asyncio.get_running_loop()
        # A loop that was closed meanwhile runs no more turns.
        if self._auto and self._turning is not loop:
            self._turning = loop
            self._idle_turns = 0
            loop.call_soon(self._turn)

        return number

    def _turn(self) -> None:
        """Count a turn of the event loop; after enough idle ones, jump to the next due time."""
        while self._due and self._due[0][1] not in self._wake:
            heapq.heappop(self._due)
        if not self._due:
            self._turning = None
            return
        self._idle_turns += 1
        if self._idle_turns > self._max_idle_turns:
            self._pass_until(self._due[0][0])
        loop = asyncio.get_running_loop()
        if self._busy and self._sockets:
            loop.call_later(_BUSY_TURN, self._turn)
        else:
            loop.call_soon(self._turn)

    def _pass_until(self, time: float) -> None:
        while self._due and self._due[0][0] <= time:
            self._now, number = heapq.heappop(self._due)
            self._wake.pop(number, lambda: None)()
        self._now = time
        self._idle_turns = 0


class _Scheduled:
    """A callback that is scheduled, and that can be canceled."""

    def __init__(self, wake: dict[int, Callable[[], object]], number: int) -> None:
        self._wake = wake
        self._number = number

    def cancel(self) -> None:
        """Cancel it; nothing happens where it has been called already."""
        self._wake.pop(self._number, None)
