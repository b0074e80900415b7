"""The clock by which a session waits. Tests replace it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

import attrs


class Handle(Protocol):
    """A scheduled callback that can be canceled."""

    def cancel(self) -> None:
        """Cancel it; no effect once it has been called."""
        ...


class Clock(Protocol):
    """A clock: `SystemClock`, or `civo_snapshots_async.testing.FakeClock` in tests."""

    def now(self) -> float:
        """Return the seconds since a fixed moment, as `time.monotonic()` does."""
        ...

    def utcnow(self) -> datetime:
        """Return the date and time in UTC, for deadlines that another machine reads."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Limit the time of an `async with` block, as `asyncio.timeout` does."""
        ...

    def call_later(self, seconds: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call `callback(*args)` after that many seconds, from the running event loop."""
        ...


@attrs.frozen
class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def utcnow(self) -> datetime:
        """Return the machine's date and time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Return `asyncio.timeout(seconds)`."""
        return asyncio.timeout(seconds)

    def call_later(self, seconds: float, callback: Callable[..., object], *args: object) -> Handle:
        """Return the running loop's `call_later(seconds, callback, *args)`."""
        return asyncio.get_running_loop().call_later(seconds, callback, *args)
