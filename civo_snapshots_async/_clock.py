"""All that is known of time. Tests, ours and our users', bring a clock of their own."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

import attrs


class Handle(Protocol):
    """A callback that is scheduled, and that can be called off."""

    def cancel(self) -> None:
        """Call it off; nothing happens where it has been called already."""
        ...


class Clock(Protocol):
    """A monotonic clock to wait by; `civo_snapshots_async.testing.FakeClock` is another one."""

    def now(self) -> float:
        """Return the seconds since some fixed moment; never goes back."""
        ...

    def utcnow(self) -> datetime:
        """Return the date and time, in UTC: for what another machine reads, not to wait by."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Bound what is awaited inside, as `asyncio.timeout` does; `None` sets no bound."""
        ...

    def call_later(self, seconds: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call a function that many seconds later, from the running event loop."""
        ...


@attrs.frozen
class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def utcnow(self) -> datetime:
        """Return the machine's date and time, in UTC."""
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
