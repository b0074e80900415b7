"""What a session runs, so that closing it can end that."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ._errors import SessionClosedError


class Lifetime:
    """Ends with `SessionClosedError` what runs inside it when it is over."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Timeout, asyncio.Task[object] | None] = {}
        self._is_over = False

    @asynccontextmanager
    async def inside(self) -> AsyncGenerator[None]:
        """Run what is inside until it ends, or until `end`."""
        if self._is_over:
            raise SessionClosedError("the session is closed: make a new one")
        scope = asyncio.timeout(None)
        try:
            # A time-out that comes when it is told to: it knows our cancelling from others'.
            async with scope:
                self._running[scope] = asyncio.current_task()
                try:
                    yield
                finally:
                    del self._running[scope]
        except TimeoutError:
            if not scope.expired():
                raise
        if scope.expired():
            raise SessionClosedError(
                "the session was closed while this call ran; what it asked for may still be done"
            )

    def end(self) -> None:
        """End all that runs inside, but for whoever calls this from there."""
        self._is_over = True
        running, this = list(self._running.items()), asyncio.current_task()
        for scope, task in running:
            if task is not this:
                scope.reschedule(asyncio.get_running_loop().time())
