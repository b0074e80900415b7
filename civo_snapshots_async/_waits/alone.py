"""The plain driver of one wait; the session's poller must come to the same results."""

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
    """Sleep until the wait is due, poll once, and return the events."""
    now = clock.now()
    if wait.is_overdue(now):
        wait.schedule(now, draw)
    if wait.due > now:
        await clock.sleep(wait.due - now)
    # A timer of the loop may fire slightly early.
    sent_at = max(clock.now(), wait.due)
    outcome = await _in_time(clock, wait.cut_at(sent_at) - sent_at, fetch)
    now = clock.now()
    events = wait.observe(now, outcome, sent_at=sent_at)
    wait.schedule(now, draw)

    return events


def draw(earliest: float, latest: float) -> float:
    """Return a random time in a span, so that waits that started together spread out."""
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
        return no_response()


def no_response() -> TransportTimeoutError:
    """Return the outcome of a poll that got no response while its wait had time."""
    return TransportTimeoutError("the poll got no response in time", method="GET", path="")
