"""The plain driver of one wait, which the session's poller must equal."""

import math
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .._clock import Clock
from .._errors import CivoSnapshotsError, TransportTimeoutError
from .._events import SnapshotEvent
from .wait import Wait

T = TypeVar("T")


async def advance(
    wait: Wait[T], fetch: Callable[[], Awaitable[T]], clock: Clock
) -> tuple[SnapshotEvent, ...]:
    """Sleep until the wait is due, poll once, and return what is new."""
    now = clock.now()
    wait.plan(now, draw(*wait.span(now)))
    if wait.due > now:
        await clock.sleep(wait.due - now)
    asked_at = clock.now()
    outcome = await _in_time(clock, wait.cut_at(asked_at) - asked_at, fetch)

    return wait.observe(clock.now(), outcome, asked_at=asked_at)


def draw(earliest: float, latest: float) -> float:
    """Return a random moment of a span, so that waits which started together spread out."""
    return earliest + (latest - earliest) * random.random()  # noqa: S311 - no secret


async def _in_time(
    clock: Clock, limit: float, fetch: Callable[[], Awaitable[T]]
) -> T | CivoSnapshotsError:
    try:
        async with clock.timeout(None if limit == math.inf else limit):
            return await fetch()
    except CivoSnapshotsError as error:
        return error
    except TimeoutError:
        return late()


def late() -> TransportTimeoutError:
    """Return what a poll comes to that was not answered while its wait had time."""
    return TransportTimeoutError("the poll was not answered in time", method="GET", path="")
