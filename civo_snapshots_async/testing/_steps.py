"""Ending or holding code at any point at which it waits: a crash, or a process that stalls."""

import asyncio
import itertools
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar, cast

__all__ = ["Steps", "cancel_me"]

T = TypeVar("T")


class Steps:
    """Runs a coroutine; at the n-th point at which it waits for anything, `then` is awaited."""

    def __init__(self, at: int | None, then: Callable[[], Awaitable[None]]) -> None:
        self.at = at
        self.then = then
        self.was_reached = False

    @types.coroutine
    def run(self, coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run it as `await` does, but for that point."""
        caught: BaseException | None = None
        step = itertools.count()
        while True:
            try:
                future = coroutine.throw(caught) if caught else coroutine.send(None)
            except StopIteration as stop:
                return cast("T", stop.value)
            caught = None
            try:
                if next(step) == self.at:
                    self.was_reached = True
                    yield from self.then().__await__()
                yield future
            except BaseException as error:  # noqa: BLE001 - it is thrown into the coroutine
                caught = error


async def cancel_me() -> None:
    """Cancel the task that runs this, as from outside."""
    cast("asyncio.Task[object]", asyncio.current_task()).cancel()
