"""Thousands of waits at once: how they fare in a queue and under a rate limit, what they hold."""

import asyncio
import gc
import logging
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import attrs
import pytest

from civo_snapshots_async import PollPolicy, RateLimitedError, Snapshot, SnapshotRef, SystemClock
from civo_snapshots_async._clock import Clock
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._waits.goals import COMPLETE
from civo_snapshots_async._waits.poller import Poller
from civo_snapshots_async._waits.wait import Wait
from civo_snapshots_async.testing import FakeClock

from .make import make_snapshot, refused

PENDING = make_snapshot("Pending", {"vol-1": "Pending"})
DONE = make_snapshot("Complete", {"vol-1": "Completed"})
LISTED = tuple(attrs.evolve(PENDING, id=f"snap-{n}", name=f"n-{n}") for n in range(2000))


@pytest.fixture(autouse=True)
def _without_records(caplog: pytest.LogCaptureFixture) -> None:
    """Save the time that the log records of polls take."""
    caplog.set_level(logging.CRITICAL, logger="civo_snapshots_async")


class Calls:
    """A caller that responds at once, or after a while, and counts its requests."""

    def __init__(self, clock: Clock, shown: Snapshot = PENDING, takes: float = 0) -> None:
        self.clock = clock
        self.shown = shown
        self.takes = takes
        self.sent: list[float] = []

    async def poll(self, request: Request[Any]) -> Any:
        """Respond."""
        self.sent.append(self.clock.now())
        if self.takes:
            await self.clock.sleep(self.takes)
        if request.call == "list_snapshots":
            return LISTED
        return attrs.evolve(self.shown, id=request.snapshot_id, name=request.snapshot_id)


class Limited(Calls):
    """A caller behind a rate limit: a bucket of a second's requests, as FakeCivo's by default."""

    def __init__(self, clock: Clock, per_second: int, *, says_when: bool) -> None:
        super().__init__(clock)
        self.per_second = per_second
        self.retry_after = 1.0 if says_when else None
        self.tokens, self.counted_at = float(per_second), 0.0
        self.refused = 0

    async def poll(self, request: Request[Any]) -> Any:
        """Respond, with a 429 to each request above the limit."""
        now = self.clock.now()
        gained = (now - self.counted_at) * self.per_second
        self.tokens, self.counted_at = min(self.per_second, self.tokens + gained), now
        if self.tokens < 1 - 1e-6:
            self.sent.append(now)
            self.refused += 1
            raise refused(RateLimitedError, status=429, retry_after=self.retry_after)
        self.tokens -= 1
        return await super().poll(request)


def waits(
    calls: Calls, where: list[tuple[str, str]], *, slots: int = 100, interval: float = 3.0
) -> tuple[Poller, list["asyncio.Future[Snapshot]"]]:
    """Start a wait for each instance and snapshot; return the poller, and the tasks."""
    poller = Poller(calls.clock, cast("Caller", calls), slots)
    poll = PollPolicy(interval=interval)

    async def wait(instance_id: str, snapshot_id: str) -> Snapshot:
        ref = SnapshotRef(instance_id, snapshot_id, "FAKE1")
        wait: Wait[Snapshot] = Wait(ref, COMPLETE, poll, 1800.0, calls.clock.now())
        await poller.advance(wait)
        return wait.result()

    return poller, [asyncio.ensure_future(wait(*each)) for each in where]


async def canceled(tasks: list["asyncio.Future[Any]"]) -> Counter[str]:
    """Cancel all tasks, and count how they ended."""
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return Counter(type(end).__name__ for end in ends)


ON_ONE_SNAPSHOT = [("web-1", "snap-1")] * 2000
ON_ONE_INSTANCE = [("web-1", f"snap-{n}") for n in range(2000)]
ON_AS_MANY = [(f"web-{n}", "snap-1") for n in range(1000)]


async def test_a_queue_that_is_longer_than_a_request_may_take_kills_no_wait() -> None:
    """One slot, 10 ms a request, 1,000 waits: the last one has its first poll after 10 s.

    A request may take 2 s, from its slot on: what the transport would count, it has none of here.
    """
    clock = FakeClock(sockets=False)
    calls = Calls(clock, DONE, takes=0.01)
    _, tasks = waits(calls, ON_AS_MANY, slots=1)

    done = await asyncio.gather(*tasks)

    assert all(snapshot.is_complete for snapshot in done)
    assert len(calls.sent) == 1000
    assert clock.now() == pytest.approx(10)


@pytest.mark.parametrize("says_when", [True, False], ids=["Retry-After", "no Retry-After"])
@pytest.mark.parametrize(
    ("many", "seconds", "limit"),
    [
        pytest.param(200, 15, 80, id="200 waits, 80/s"),
        pytest.param(200, 15, 50, id="200 waits, 50/s"),
        pytest.param(1000, 60, 400, id="1,000 waits, 400/s", marks=pytest.mark.slow),
        pytest.param(1000, 60, 250, id="1,000 waits, 250/s", marks=pytest.mark.slow),
    ],
)
async def test_a_rate_limit_kills_no_wait(
    many: int, seconds: int, limit: int, *, says_when: bool
) -> None:
    """Each asks for a poll in 3 s: all of them for a fifth less than the limit, or a third more."""
    clock = FakeClock(sockets=False)
    calls = Limited(clock, limit, says_when=says_when)
    _, tasks = waits(calls, ON_AS_MANY[:many])
    await clock.sleep(seconds)

    assert await canceled(tasks) == {"CancelledError": many}
    assert calls.refused <= 0.15 * len(calls.sent)
    # Those who start together are a herd, as a wait polls at once: the only one.
    busiest = Counter(int(at * 10) for at in calls.sent if at >= 0.1)
    assert max(busiest.values()) <= 4 * len(calls.sent) / (10 * seconds)


async def held(start: Callable[[], list["asyncio.Future[Any]"]]) -> float:
    """Return how many bytes each of many tasks holds, once all of them are asleep."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tasks = start()
    for _ in range(200):
        await asyncio.sleep(0)
    gc.collect()
    bytes_of_all = tracemalloc.get_traced_memory()[0] - before
    await canceled(tasks)
    return bytes_of_all / len(tasks)


@pytest.mark.parametrize(
    ("where", "most"),
    [
        pytest.param(ON_ONE_SNAPSHOT, 700, id="on one snapshot"),
        pytest.param(ON_ONE_INSTANCE, 1050, id="on one instance"),
        pytest.param(ON_AS_MANY, 2600, id="on as many instances"),
    ],
)
async def test_a_wait_holds_little(where: list[tuple[str, str]], most: int) -> None:
    """Beyond what a sleeping task holds: pool, topic, timer and context included."""
    calls = Calls(SystemClock())

    def sleepers() -> list["asyncio.Future[Any]"]:
        return [asyncio.ensure_future(asyncio.sleep(600)) for _ in where]

    tracemalloc.start()
    try:
        of_a_task = await held(sleepers)
        of_a_wait = await held(lambda: waits(calls, where, interval=600)[1])
    finally:
        tracemalloc.stop()

    assert of_a_wait - of_a_task <= most


async def lines_run(start: Callable[[], list["asyncio.Future[Any]"]]) -> int:
    """Return how many lines of the waits' code run from the start to the first poll's end."""
    lines = 0

    def count(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        lines += event == "line" and "_waits" in frame.f_code.co_filename
        return count

    tracer = sys.gettrace()
    sys.settrace(count)
    try:
        tasks = start()
        for _ in range(8):
            await asyncio.sleep(0)
    finally:
        sys.settrace(tracer)
    await canceled(tasks)
    return lines


async def test_a_wait_costs_as_much_among_many_as_among_few() -> None:
    """On one instance, where one list serves them all."""
    few = await lines_run(lambda: waits(Calls(SystemClock()), ON_ONE_INSTANCE[:100])[1])
    many = await lines_run(lambda: waits(Calls(SystemClock()), ON_ONE_INSTANCE[:1000])[1])

    assert many <= 10 * few
