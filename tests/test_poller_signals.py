"""A cancellation between any two steps of the poller, as `asyncio.run` makes one of SIGINT."""

import asyncio
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from civo_snapshots_async import Snapshot
from civo_snapshots_async._waits import pools
from civo_snapshots_async.testing import FakeClock

from .holding import is_idle
from .test_poller import DONE, PENDING, Calls, Polls, outcomes, until

FOLDER = pools.__file__.removesuffix("pools.py")


@contextmanager
def canceling(task: "asyncio.Future[Snapshot]", at: int) -> Iterator[list[str]]:
    """Cancel a task at a step, a call or a return in the files of the waits; yield the step."""
    steps = itertools.count()
    where: list[str] = []

    def step(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code.co_filename.startswith(FOLDER) and next(steps) == at:
            where.append(f"{event} in {frame.f_code.co_qualname}, line {frame.f_lineno}")
            task.cancel()

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        yield where
    finally:
        sys.setprofile(before)


async def step_of_a_cancellation(step: int, *, others: tuple[str, ...]) -> list[str]:
    """Cancel one wait in a step of its poller while others continue; return the step, if any."""
    clock = FakeClock(sockets=False)
    calls = Calls(clock, PENDING, takes=1)
    polls = Polls(clock, calls)
    canceled = asyncio.ensure_future(polls.wait("snap-1"))
    waits = [asyncio.ensure_future(polls.wait(other)) for other in others]
    with canceling(canceled, step) as where:
        await clock.sleep(12)
    calls.shown = DONE

    first, *rest = await outcomes(canceled, *waits)

    assert isinstance(first, asyncio.CancelledError if where else Snapshot), where
    assert all(isinstance(each, Snapshot) for each in rest), where
    await until(lambda: is_idle(polls.poller))

    return where


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="alone"),
        pytest.param(("snap-1",), id="on one snapshot"),
        pytest.param(("snap-2",), id="on one instance"),
    ],
)
async def test_wherever_a_wait_is_canceled_it_ends_and_others_continue(
    others: tuple[str, ...],
) -> None:
    """The steps are those of its first two polls; the last run is one without a cancellation."""
    for step in itertools.count():
        if not await step_of_a_cancellation(step, others=others):
            break

    assert step > 100
