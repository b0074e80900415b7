"""The waits of a session with observers: each is followed from its start to its end."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from contextvars import copy_context
from types import TracebackType
from typing import Any, Protocol, TypeVar

from .._errors import SessionClosedError, WaitTimeoutError
from .._events import SnapshotEvent
from .._models import Snapshot
from .._observers import Observers, error_name, error_text
from .._observing import WaitEnded, WaitOutcome, WaitStarted
from .goals import TERMINAL
from .wait import Wait

T = TypeVar("T")


class Advance(Protocol):
    """Whatever drives a wait until it is over, or until events of these types have come."""

    def __call__(
        self, wait: Wait[Snapshot], wakes_on: tuple[type, ...] = (), /
    ) -> Awaitable[tuple[SnapshotEvent, ...]]:
        """Poll when it is due, and return the events."""
        ...


async def observed(observers: Observers, wait: Wait[Any], drive: Callable[[], Awaitable[T]]) -> T:
    """Drive a wait, and let the observers follow it."""
    with observing(observers, wait):
        return await drive()


async def observed_watch(
    observers: Observers,
    wait: Wait[Snapshot],
    watch: Callable[[Wait[Snapshot], Advance], AsyncGenerator[SnapshotEvent, None]],
    advance: Advance,
) -> AsyncGenerator[SnapshotEvent, None]:
    """Watch, and let the observers follow it, in a context of its own.

    What an async generator sets in the context of its consumer would be seen by all that this one
    does between two events, and might have to be reset in the context of another task.
    """
    context = copy_context()
    observation = observing(observers, wait)
    context.run(observation.__enter__)

    def advance_inside(
        wait: Wait[Snapshot], wakes_on: tuple[type, ...] = (), /
    ) -> Awaitable[tuple[SnapshotEvent, ...]]:
        return context.run(advance, wait, wakes_on)

    try:
        async with aclosing(watch(wait, advance_inside)) as events:
            async for event in events:
                yield event
    except BaseException as error:
        context.run(observation.__exit__, type(error), error, error.__traceback__)
        raise
    else:
        context.run(observation.__exit__, None, None, None)


class observing:  # noqa: N801 - used as a function
    """Let the observers follow a wait while it is inside."""

    # No generator: with its frame it would cost each wait more than all that is in here.
    __slots__ = ("_observers", "_started_at", "_wait")

    def __init__(self, observers: Observers, wait: Wait[Any]) -> None:
        self._observers = observers
        self._wait = wait
        self._started_at = observers.clock.now()

    def __enter__(self) -> None:
        self._observers.enter(self._wait, _started(self._wait))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = self._observers.clock.now() - self._started_at
        requests = self._observers.requests_for(self._wait)
        self._observers.leave(self._wait, _ended(self._wait, requests, seconds, error))


def _started(wait: Wait[Any]) -> WaitStarted:
    return WaitStarted(
        name=wait.goal.name,
        instance_id=wait.target.instance_id,
        snapshot_id=wait.target.snapshot_id,
        region=wait.target.region,
        timeout=wait.timeout,
    )


def _ended(
    wait: Wait[Any], requests: int, seconds: float, error: BaseException | None
) -> WaitEnded:
    # Whoever leaves a watch at its last event has seen all of it.
    if isinstance(error, GeneratorExit) and wait.is_over:
        error = None
    seen: object = wait.seen

    return WaitEnded(
        outcome=_outcome(wait, error),
        polls=wait.polls,
        requests=requests,
        seconds=seconds,
        snapshot=seen if isinstance(seen, Snapshot) else None,
        error=error_name(error),
        message=error_text(error),
    )


def _outcome(wait: Wait[Any], error: BaseException | None) -> WaitOutcome:
    match error:
        case None:
            # To a watch, a failed snapshot is an event, and no error.
            has_failed = wait.goal is TERMINAL and wait.seen is not None and wait.seen.is_failed
            return "failed" if has_failed else "done"
        case WaitTimeoutError():
            return "canceled" if wait.goal.is_part else "timed_out"
        case CancelledError() | GeneratorExit() | SessionClosedError():
            return "canceled"
        case _:
            return "failed"
