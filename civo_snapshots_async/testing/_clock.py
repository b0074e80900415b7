"""A clock whose time passes at once, for tests of code that waits."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime, timedelta

from ._calendar import GIVEN_CLOCK_STARTS
from ._checks import Seconds

# Turns of the event loop in which nobody asked for the time, before time jumps: more than an
# exchange with a server on this machine takes from one such question to the next.
_QUIET_TURNS = 25
_QUIET_TURNS_WITHOUT_SOCKETS = 10
# While something runs under a `timeout`, a request perhaps, the turns are this long, in seconds of
# the wall: longer in all than any exchange with a server on this machine takes.
_BUSY_TURN = 0.002


class FakeClock:
    """A clock for tests: hours pass in milliseconds, in the order in which they would.

    When everything is waiting, time jumps to the earliest moment that somebody waits for. With
    `auto=False` it stands still until the test calls `advance`. Give the same one to the session
    (`clock=`) and to `FakeCivo`. With `sockets=False` it does not allow for answers that are on
    their way through a socket, which is quicker where a test uses none.
    """

    def __init__(self, now: float = 0.0, *, auto: bool = True, sockets: bool = True) -> None:
        self._now = now
        self._auto = auto
        self._sockets = sockets
        self._quiet_turns = _QUIET_TURNS if sockets else _QUIET_TURNS_WITHOUT_SOCKETS
        self._number = itertools.count()
        self._due: list[tuple[float, int]] = []
        self._wake: dict[int, Callable[[], object]] = {}
        self._busy = 0
        self._quiet = 0
        self._turning: asyncio.AbstractEventLoop | None = None
        self.slept: list[float] = []
        """The seconds of each sleep that was begun, in order."""

    def now(self) -> float:
        """Return the seconds that have passed."""
        self._quiet = 0

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
        """Bound what is awaited inside, as `asyncio.timeout` does, by this clock."""
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
        """Let so much time pass, in seconds; whoever waits for a moment in it is woken.

        What they do then happens when the event loop gets to it, with all the time passed.
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
        # A loop that was closed in the midst of it has taken its turns along.
        if self._auto and self._turning is not loop:
            self._turning = loop
            self._quiet = 0
            loop.call_soon(self._turn)

        return number

    def _turn(self) -> None:
        """Count a turn of the event loop; after enough quiet ones, jump to the next moment."""
        while self._due and self._due[0][1] not in self._wake:
            heapq.heappop(self._due)
        if not self._due:
            self._turning = None
            return
        self._quiet += 1
        if self._quiet > self._quiet_turns:
            self._pass_until(self._due[0][0])
        loop = asyncio.get_running_loop()
        if self._busy and self._sockets:
            loop.call_later(_BUSY_TURN, self._turn)
        else:
            loop.call_soon(self._turn)

    def _pass_until(self, moment: float) -> None:
        while self._due and self._due[0][0] <= moment:
            self._now, number = heapq.heappop(self._due)
            self._wake.pop(number, lambda: None)()
        self._now = moment
        self._quiet = 0


class _Scheduled:
    """A callback that is scheduled, and that can be called off."""

    def __init__(self, wake: dict[int, Callable[[], object]], number: int) -> None:
        self._wake = wake
        self._number = number

    def cancel(self) -> None:
        """Call it off; nothing happens where it has been called already."""
        self._wake.pop(self._number, None)
