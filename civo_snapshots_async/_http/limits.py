"""Time limits of requests: one timer of the event loop for all that are in flight.

`asyncio.timeout` starts and cancels a timer of the loop for each request, which takes 4 us; this
takes 1 us. A clock of a test or of a user bounds requests by its own `timeout`.

1. The timer is never later than the earliest limit of a request in flight.
2. It may be earlier, because a limit that has ended does not move it: it then finds nothing to do.
   Moving it each time would cost as much as `asyncio.timeout`.
3. A limit that has ended leaves its entry in the heap, without its task. Such entries are removed
   when they are more than half of the heap.
"""

import asyncio
import heapq
import math
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol

from .._clock import Clock, SystemClock
from .scope import CancelScope

_MIN_LEFT_BEHIND = 64


class Limits(Protocol):
    """What can bound a request."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Bound what is awaited inside, as `asyncio.timeout` does."""
        ...


def limits_of(clock: Clock) -> Limits:
    """Return what bounds the requests of a session on that clock."""
    return MachineLimits() if type(clock) is SystemClock else clock


class MachineLimits:
    """Time limits by the machine's clock, in one event loop."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Limit]] = []
        self._number = 0
        self._left_behind = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def timeout(self, seconds: float) -> "_Limit":
        """Bound what is awaited inside: `TimeoutError` when that many seconds have passed."""
        return _Limit(self, seconds)

    def add(self, limit: "_Limit", seconds: float) -> None:
        """Have a task canceled when its time has passed."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        # Entries for the same time are compared by their numbers.
        self._number += 1
        heapq.heappush(self._heap, (at, self._number, limit))
        if at < self._timer_at:
            self._arm(loop, at)

    def leave_behind(self) -> None:
        """Note that a limit has ended before its time."""
        self._left_behind += 1
        if self._left_behind > _MIN_LEFT_BEHIND and self._left_behind * 2 > len(self._heap):
            self._heap = [each for each in self._heap if each[2].is_running]
            heapq.heapify(self._heap)
            self._left_behind = 0

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._ring)
        self._timer_at = at

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        # A loop may call a little too early, by the resolution of its clock.
        now = max(loop.time(), self._timer_at)
        self._timer, self._timer_at = None, math.inf
        while self._heap and (self._heap[0][0] <= now or not self._heap[0][2].is_running):
            if not heapq.heappop(self._heap)[2].cancel():
                self._left_behind -= 1
        if self._heap:
            self._arm(loop, self._heap[0][0])


class _Limit(CancelScope):
    """One limit of one request."""

    __slots__ = ("_limits", "_seconds")

    def __init__(self, limits: MachineLimits, seconds: float) -> None:
        self._limits = limits
        self._seconds = seconds

    @property
    def is_running(self) -> bool:
        """Whether the task is still inside."""
        return self._task is not None

    async def __aenter__(self) -> None:
        self.enter()
        self._limits.add(self, self._seconds)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.leave(kind):
            raise TimeoutError
        if not self._is_cut:
            self._limits.leave_behind()
