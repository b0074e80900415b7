"""The poller: its invariants, and what it costs under load."""

import asyncio
import contextvars
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import attrs
import pytest

from civo_snapshots_async import (
    HttpOptions,
    PollPolicy,
    RateLimitedError,
    SessionClosedError,
    Snapshot,
    SnapshotFinished,
    SnapshotNotFoundError,
    SnapshotSeen,
    SnapshotSession,
    SnapshotVanishedError,
    StateChanged,
    SystemClock,
    TransportError,
    WaitTimeoutError,
)
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._models import SnapshotRef
from civo_snapshots_async._waits.goals import COMPLETE, DELETED
from civo_snapshots_async._waits.poller import Poller
from civo_snapshots_async._waits.pools import DueTime, Poll, Pool, Waiter
from civo_snapshots_async._waits.snapshots import OnChange, until_complete
from civo_snapshots_async._waits.wait import Goal, Wait
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .holding import held_by, is_idle
from .make import make_snapshot, refused

PENDING = make_snapshot("Pending", {"vol-1": "Pending"})
DONE = make_snapshot("Complete", {"vol-1": "Completed"})
HALF = make_snapshot("Complete", {"vol-1": "Pending"})
WORKING = make_snapshot("Working", {"vol-1": "Pending"})
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")
LOST = TransportError("lost", method="GET", path="/v2")
LIMITED = refused(RateLimitedError, status=429, retry_after=20.0)
EVERY_10_S = PollPolicy(interval=10)


def named(snapshot: Snapshot, snapshot_id: str) -> Snapshot:
    """Return a snapshot with that id, and a name of its own."""
    return attrs.evolve(snapshot, id=snapshot_id, name=f"{snapshot_id}-name")


def response(shown: Snapshot | Exception, snapshot_id: str) -> Snapshot:
    """Return, or raise, the response to a get."""
    if isinstance(shown, Exception):
        raise shown
    return named(shown, snapshot_id)


class Calls:
    """A caller that records what is sent, and responds with what a test sets."""

    def __init__(self, clock: FakeClock, shown: Snapshot | Exception, takes: float = 0) -> None:
        self.clock = clock
        self.shown = shown
        self.takes = takes
        self.sent: list[tuple[float, str]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def poll(self, request: Request[Any]) -> Any:
        """Respond."""
        self.sent.append((self.clock.now(), request.call.removesuffix("_snapshot")))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.takes:
                await self.clock.sleep(self.takes)
        finally:
            self.in_flight -= 1
        if isinstance(self.shown, Exception):
            raise self.shown
        if request.call == "list_snapshots":
            return tuple(named(self.shown, f"snap-{n}") for n in range(9))
        return response(self.shown, request.snapshot_id)


class Polls:
    """A poller on such a caller."""

    def __init__(self, clock: FakeClock, calls: Calls, slots: int = 100) -> None:
        self.clock = clock
        self.poller = Poller(clock, cast("Caller", calls), slots)

    async def wait(
        self,
        snapshot_id: str = "snap-1",
        instance_id: str = "web-1",
        *,
        goal: Goal = COMPLETE,
        poll: PollPolicy = EVERY_10_S,
        timeout: float | None = 1800.0,
        kind: type[Wait[Snapshot]] = Wait,
    ) -> Snapshot:
        """Wait."""
        wait = self.start(
            snapshot_id, instance_id, goal=goal, poll=poll, timeout=timeout, kind=kind
        )
        await self.poller.advance(wait)
        return wait.result()

    async def follow(self, on_change: OnChange, **more: Any) -> Snapshot:
        """Wait, and report each change."""
        return await until_complete(self.start(**more), self.poller.advance, on_change)

    def start(
        self,
        snapshot_id: str = "snap-1",
        instance_id: str = "web-1",
        *,
        goal: Goal = COMPLETE,
        poll: PollPolicy = EVERY_10_S,
        timeout: float | None = 1800.0,
        kind: type[Wait[Snapshot]] = Wait,
    ) -> Wait[Snapshot]:
        """Start a wait."""
        ref = SnapshotRef(instance_id, snapshot_id, "FAKE1")
        return kind(ref, goal, poll, timeout, self.clock.now())


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not is_so():  # noqa: ASYNC110 - no event shows when
        await asyncio.sleep(0)


async def outcomes(*waits: Any) -> list[Any]:
    """Run waits at once, and return the result or the error of each."""
    results: list[Any] = await asyncio.gather(*waits, return_exceptions=True)
    return results


class Ticking(FakeClock):
    """A clock that moves at each reading, as a real one does."""

    def now(self) -> float:
        """Return a time that was never returned before."""
        self._now += 1e-6
        return super().now()


async def test_on_a_clock_that_moves_a_round_is_one_request() -> None:
    """All who get one response schedule their next polls from one time."""
    clock = Ticking(sockets=False)
    calls = Calls(clock, PENDING)
    polls = Polls(clock, calls)

    waits = [asyncio.ensure_future(polls.wait(timeout=None)) for _ in range(500)]
    await clock.sleep(55)
    calls.shown = DONE

    await outcomes(*waits)

    assert [round(at, 1) for at, _ in calls.sent] == [0, 10, 20, 30, 40, 50, 60]


async def test_waits_that_a_change_wakes_stay_together() -> None:
    """Each task returns on its own; the next poll was scheduled for all of them before."""
    clock = Ticking(sockets=False)
    calls = Calls(clock, PENDING)
    polls = Polls(clock, calls)

    async def change() -> None:
        for n in range(9):
            await clock.sleep(10)
            calls.shown = make_snapshot("Pending", {"vol-1": f"{n}"})
        calls.shown = DONE

    changing = asyncio.ensure_future(change())
    reported: list[Snapshot] = []

    ends = await outcomes(
        *(polls.follow(lambda _, after: reported.append(after), timeout=None) for _ in range(200))
    )
    await changing

    assert all(snapshot.is_complete for snapshot in ends)
    assert len(reported) == 200 * 9
    assert len(calls.sent) <= 11


async def test_waits_that_start_in_one_turn_share_a_request(fake_clock: FakeClock) -> None:
    """The first one serves them all."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)

    ends = await outcomes(*(polls.wait() for _ in range(1000)))

    assert len({id(snapshot) for snapshot in ends}) == 1
    assert calls.sent == [(0, "get")]


@pytest.mark.parametrize("slots", [1, 7])
async def test_no_more_polls_are_in_flight_than_there_are_slots(
    fake_clock: FakeClock, slots: int
) -> None:
    """A poll without a slot is queued, and its timeout starts with its slot."""
    calls = Calls(fake_clock, DONE, takes=1)
    polls = Polls(fake_clock, calls, slots)

    ends = await outcomes(*(polls.wait(instance_id=f"web-{n}") for n in range(30)))

    assert all(isinstance(snapshot, Snapshot) for snapshot in ends)
    assert calls.most_in_flight == slots
    assert fake_clock.now() == -(-30 // slots)


async def test_the_queue_behind_calls_does_not_count_as_a_polls_time(
    civo: FakeCivo, fake_clock: FakeClock
) -> None:
    """A call has the only slot for as long as a poll may take, and no poll fails."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("list", faults.hang())
    async with SnapshotSession(
        civo.token,
        region="FAKE1",
        api_url=civo.api_url,
        clock=fake_clock,
        http=HttpOptions(max_connections=1, call_timeout=5),
        retry=None,
    ) as session:
        call = asyncio.ensure_future(session.list_snapshots("web-1"))
        await until(lambda: len(civo.requests) == 1)
        events = [event async for event in session.watch("web-1", "snap-1")]
        await outcomes(call)

    assert [type(event) for event in events] == [SnapshotSeen, SnapshotFinished]
    assert [(request.kind, request.at) for request in civo.requests] == [("list", 0), ("get", 5)]


class TestDeadlinesInTheQueue:
    """A wait does not fail because of our own queue, and does not wait in it for ever."""

    async def test_the_last_poll_is_made_when_its_slot_comes(self, fake_clock: FakeClock) -> None:
        """A little after the deadline, with the time that a response takes."""
        calls = Calls(fake_clock, DONE, takes=3)
        polls = Polls(fake_clock, calls, 1)
        first = asyncio.ensure_future(polls.wait(instance_id="web-1", timeout=60))
        await until(lambda: bool(calls.sent))
        late = asyncio.ensure_future(polls.wait(instance_id="web-2", timeout=2))
        calls.takes = 0.2

        await outcomes(first, late)

        assert late.result().is_complete
        assert [at for at, _ in calls.sent] == [0, 3]

    async def test_after_5_s_it_times_out_and_counts_no_poll(self, fake_clock: FakeClock) -> None:
        """The only slot is taken by a request that hangs."""
        calls = Calls(fake_clock, PENDING, takes=50)
        polls = Polls(fake_clock, calls, 1)

        _, hasty = await outcomes(
            polls.wait(instance_id="web-1", timeout=60), polls.wait(instance_id="web-2", timeout=20)
        )

        assert isinstance(hasty, WaitTimeoutError)
        assert (hasty.polls, hasty.elapsed) == (0, 25)
        assert str(hasty).endswith(
            "; the last poll could not be sent, as earlier requests were in flight"
        )

    async def test_last_polls_go_first(self, fake_clock: FakeClock) -> None:
        """All other polls have time."""
        calls = Calls(fake_clock, PENDING, takes=1)
        polls = Polls(fake_clock, calls, 1)
        others = [
            asyncio.ensure_future(polls.wait(instance_id=f"db-{n}", timeout=None))
            for n in range(30)
        ]
        await fake_clock.sleep(20.5)
        hurried = asyncio.ensure_future(
            polls.wait(instance_id="web-1", poll=PollPolicy(interval=100), timeout=30)
        )
        await fake_clock.sleep(29.9)
        calls.shown = DONE

        assert (await hurried).is_complete
        assert fake_clock.now() == pytest.approx(20.5 + 30, abs=2)
        assert not all(task.done() for task in others)
        await outcomes(*others)

    async def test_one_that_is_canceled_before_its_deadline_is_gone(
        self, fake_clock: FakeClock
    ) -> None:
        """Even though its deadline was noted, as another one had passed before."""
        polls = Polls(fake_clock, Calls(fake_clock, PENDING, takes=1000))
        waits = [asyncio.ensure_future(polls.wait(timeout=seconds)) for seconds in (5, 10, 15)]
        await fake_clock.sleep(7)
        waits[1].cancel()

        ends = await outcomes(*waits)

        assert [type(end) for end in ends] == [
            WaitTimeoutError, asyncio.CancelledError, WaitTimeoutError,
        ]  # fmt: skip
        assert is_idle(polls.poller)

    async def test_many_deadlines_beside_a_request_that_hangs_cost_no_scan_each(
        self, fake_clock: FakeClock
    ) -> None:
        """The next one is known without checking all who wait: the steps are linear."""
        steps: list[float] = []

        class Counting(Wait[Snapshot]):
            def cut_at(self, sent_at: float) -> float:
                steps.append(sent_at)
                return super().cut_at(sent_at)

        polls = Polls(fake_clock, Calls(fake_clock, PENDING, takes=1000))

        ends = await outcomes(
            *(polls.wait(timeout=5 + n * 0.01, kind=Counting) for n in range(400))
        )

        assert {type(end) for end in ends} == {WaitTimeoutError}
        assert 400 <= len(steps) <= 6 * 400


async def test_a_wait_that_is_canceled_in_the_queue_leaves_nothing(fake_clock: FakeClock) -> None:
    """A thousand of them, for gets and for lists, while one request has the only slot."""
    calls = Calls(fake_clock, PENDING, takes=500)
    polls = Polls(fake_clock, calls, 1)
    first = asyncio.ensure_future(polls.wait("snap-0", timeout=None))
    await until(lambda: bool(calls.sent))
    queued = [
        asyncio.ensure_future(polls.wait(f"snap-{n % 2}", f"web-{n % 20}", timeout=None))
        for n in range(1000)
    ]
    await fake_clock.sleep(1)
    for task in queued:
        task.cancel()
    await outcomes(*queued)

    assert [len(held_by(polls.poller, kind)) for kind in (Pool, Poll, Waiter)] == [1, 1, 1]
    gc.collect()
    assert sum(isinstance(each, Waiter) for each in gc.get_objects()) == 1
    first.cancel()
    await outcomes(first)
    assert is_idle(polls.poller)


async def test_a_wait_that_is_canceled_asleep_leaves_nothing(fake_clock: FakeClock) -> None:
    """Not even until its next poll would have been due."""
    polls = Polls(fake_clock, Calls(fake_clock, PENDING))
    stays = asyncio.ensure_future(polls.wait(timeout=None))
    tasks = [
        asyncio.ensure_future(polls.wait(poll=PollPolicy(interval=n), timeout=None))
        for n in range(1000, 1100)
    ]
    await fake_clock.sleep(5)
    for task in tasks:
        task.cancel()
    await outcomes(*tasks)

    assert [due.at for due in held_by(polls.poller, DueTime)] == [10]
    stays.cancel()
    await outcomes(stays)


async def test_a_wait_that_is_canceled_in_the_queue_sends_nothing(fake_clock: FakeClock) -> None:
    """Neither for a get nor for a list."""
    calls = Calls(fake_clock, DONE, takes=5)
    polls = Polls(fake_clock, calls, 1)
    first = asyncio.ensure_future(polls.wait(instance_id="web-1"))
    queued = [
        asyncio.ensure_future(polls.wait(snapshot_id, instance_id="web-2"))
        for snapshot_id in ("snap-1", "snap-2")
    ]
    await fake_clock.sleep(1)
    for task in queued:
        task.cancel()

    await outcomes(first, *queued)

    assert len(calls.sent) == 1


async def test_a_wait_that_is_canceled_before_its_request_starts_frees_the_slot(
    fake_clock: FakeClock,
) -> None:
    """A task that is canceled before its first step runs no line of it."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls, 1)
    task = asyncio.ensure_future(polls.wait())
    # It is sent in the turn of the loop in which the wait leaves.
    await asyncio.sleep(0)
    task.cancel()
    await outcomes(task)

    assert calls.sent == []
    assert (await polls.wait()).is_complete


async def test_a_bug_in_a_strategy_ends_its_own_wait(fake_clock: FakeClock) -> None:
    """And no other."""

    def broken(_: object) -> float:
        raise ZeroDivisionError

    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    bug, other = await outcomes(polls.wait(poll=PollPolicy(wait=broken)), polls.wait(timeout=25))

    assert isinstance(bug, ZeroDivisionError)
    assert isinstance(other, WaitTimeoutError)


async def test_a_strategy_that_raises_a_cancellation_hangs_no_wait(fake_clock: FakeClock) -> None:
    """It is not the task's own: nobody has canceled that."""

    def cancels(_: object) -> float:
        raise asyncio.CancelledError

    polls = Polls(fake_clock, Calls(fake_clock, PENDING))

    (outcome,) = await outcomes(polls.wait(poll=PollPolicy(wait=cancels), timeout=None))

    assert isinstance(outcome, RuntimeError)
    assert isinstance(outcome.__cause__, asyncio.CancelledError)
    assert is_idle(polls.poller)


class BrokenTimer(FakeClock):
    """A clock that sets no timer."""

    def call_later(self, *_: object) -> Any:
        """Fail."""
        raise ZeroDivisionError


class BrokenTime(FakeClock):
    """A clock that fails as the first response comes."""

    def now(self) -> float:
        """Return the time, up to a second."""
        if super().now() >= 1:
            raise ZeroDivisionError
        return super().now()


class BrokenSnapshot(Snapshot):
    """A snapshot that fails as it is shown."""

    @property
    def is_complete(self) -> bool:
        """Fail."""
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("clock", "shown"),
    [
        pytest.param(BrokenTimer(sockets=False), PENDING, id="as a timer is set"),
        pytest.param(BrokenTime(sockets=False), PENDING, id="as the time is read"),
        pytest.param(
            FakeClock(sockets=False),
            BrokenSnapshot(id="snap-1", name=""),
            id="as a response is shown",
        ),
    ],
)
async def test_a_bug_in_a_callback_ends_the_waits_of_the_pool(
    clock: FakeClock, shown: Snapshot
) -> None:
    """Nobody would get a callback's exception, and they would wait for ever."""
    polls = Polls(clock, Calls(clock, shown, takes=1))

    ends = await outcomes(*(polls.wait() for _ in range(3)))

    assert [type(outcome) for outcome in ends] == [ZeroDivisionError] * 3
    assert len({id(outcome) for outcome in ends}) == 3
    assert is_idle(polls.poller)


async def test_a_bug_in_sending_to_another_pool_ends_that_pool(fake_clock: FakeClock) -> None:
    """A slot that one pool frees goes to another: a bug in its sending does not end the first."""

    class Broken(Wait[Snapshot]):
        @property
        def usual_interval(self) -> float:
            if fake_clock.now() > 0:
                raise ZeroDivisionError
            return super().usual_interval

    calls = Calls(fake_clock, DONE, takes=1)
    polls = Polls(fake_clock, calls, 1)

    one, two, three = await outcomes(
        polls.wait(instance_id="web-1"),
        polls.wait(instance_id="web-2", kind=Broken),
        polls.wait(instance_id="web-3"),
    )

    assert one.is_complete
    assert isinstance(two, ZeroDivisionError)
    assert three.is_complete
    assert is_idle(polls.poller)


async def test_each_wait_observes_in_its_own_context(fake_clock: FakeClock) -> None:
    """The strategies of two waits that share a request see their own variables."""
    name = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []

    def strategy(_: object) -> float:
        seen.append(name.get())
        return 10.0

    async def wait(own: str) -> None:
        name.set(own)
        await polls.wait(poll=PollPolicy(wait=strategy), timeout=15)

    polls = Polls(fake_clock, Calls(fake_clock, PENDING))

    await outcomes(wait("a"), wait("b"))

    assert sorted(seen) == ["a", "a", "b", "b"]


async def test_a_request_is_made_in_the_context_of_the_session(fake_clock: FakeClock) -> None:
    """Not in that of the wait that was due first: a tracer would take it for the parent."""
    name = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []

    class Named(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            seen.append(name.get())
            name.set("the last request")
            return await super().poll(request)

    polls = Polls(fake_clock, Named(fake_clock, PENDING))

    async def wait_as(own: str, timeout: float) -> None:
        name.set(own)
        await outcomes(polls.wait("snap-1", timeout=timeout))

    await asyncio.gather(wait_as("first", 15), wait_as("second", 25))

    assert set(seen) == {"nobody"}


async def test_a_list_is_enough_for_a_wait_for_a_deletion(fake_clock: FakeClock) -> None:
    """A listed snapshot still exists; for an end, a list alone is no proof."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)

    deletion, done = await outcomes(
        polls.wait("snap-1", goal=DELETED, timeout=35), polls.wait("snap-2")
    )

    assert isinstance(deletion, WaitTimeoutError)
    assert done.is_complete
    # A list for both, a get that confirms the end of one, then gets for the other one.
    assert [what for _, what in calls.sent] == ["list_snapshots", "get", "get", "get", "get", "get"]


async def test_a_failed_get_after_a_list_does_not_count_for_a_wait_that_is_asleep(
    fake_clock: FakeClock,
) -> None:
    """It would not have polled at that time; it polls when it is due."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    quick = asyncio.ensure_future(polls.wait("snap-1", poll=PollPolicy(interval=2)))
    slow = asyncio.ensure_future(
        polls.wait("snap-2", poll=PollPolicy(interval=100, max_consecutive_failures=0))
    )
    await fake_clock.sleep(1)
    original = calls.poll

    async def flaky(request: Request[Any]) -> Any:
        calls.shown = LOST if request.call == "get_snapshot" and fake_clock.now() < 5 else DONE
        return await original(request)

    calls.poll = flaky  # type: ignore[method-assign]

    ends = await outcomes(quick, slow)

    assert [snapshot.is_complete for snapshot in ends] == [True, True]


async def test_a_wait_whose_end_a_get_confirms_may_time_out(fake_clock: FakeClock) -> None:
    """While the get that is to confirm what a list showed takes too long."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    quick = asyncio.ensure_future(polls.wait("snap-1", poll=PollPolicy(interval=2)))
    slow = asyncio.ensure_future(polls.wait("snap-2", poll=PollPolicy(interval=20), timeout=30))
    await fake_clock.sleep(1)
    original = calls.poll

    async def hanging(request: Request[Any]) -> Any:
        calls.shown = DONE
        calls.takes = 1000 if request.snapshot_id == "snap-2" else 0
        return await original(request)

    calls.poll = hanging  # type: ignore[method-assign]

    quick_end, slow_end = await outcomes(quick, slow)

    assert quick_end.is_complete
    assert isinstance(slow_end, WaitTimeoutError)
    assert slow_end.elapsed == pytest.approx(30, abs=0.3)


async def test_a_wait_that_is_canceled_as_its_response_comes_is_canceled(
    fake_clock: FakeClock,
) -> None:
    """And the other subscriber gets the response."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait())
    second = asyncio.ensure_future(polls.wait())
    original = calls.poll

    async def canceling(request: Request[Any]) -> Any:
        # After this response, and before the poller has it.
        asyncio.get_running_loop().call_soon(first.cancel)
        return await original(request)

    calls.poll = canceling  # type: ignore[method-assign]

    canceled, done = await outcomes(first, second)

    assert isinstance(canceled, asyncio.CancelledError)
    assert done.is_complete


async def test_a_list_without_volumes_does_not_wake_a_wait_that_follows_them(
    fake_clock: FakeClock,
) -> None:
    """It uses a get when it is due itself."""
    shown = {"list_snapshots": make_snapshot("Pending"), "get_snapshot": PENDING}
    sent: list[tuple[float, str]] = []

    class Bare(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            sent.append((fake_clock.now(), request.snapshot_id or "list"))
            seen = shown[request.call]
            if request.call == "list_snapshots":
                return (attrs.evolve(seen, id="snap-1"), attrs.evolve(seen, id="snap-2", name="x"))
            return attrs.evolve(seen, id=request.snapshot_id)

    poller = Polls(fake_clock, Bare(fake_clock, PENDING)).poller
    waits = [
        Wait[Snapshot](
            SnapshotRef("web-1", f"snap-{number}", "FAKE1"),
            COMPLETE,
            PollPolicy(interval=interval),
            25.0,
            0.0,
        )
        for number, interval in ((1, 5), (2, 20))
    ]

    async def follow(wait: Wait[Snapshot], wakes_on: tuple[type, ...]) -> None:
        while not wait.is_over:
            await poller.advance(wait, wakes_on)
            shown["list_snapshots"] = make_snapshot("Working")

    await outcomes(follow(waits[0], ()), follow(waits[1], (StateChanged,)))

    assert [at for at, what in sent if what == "snap-2"] == [0, 20, 25]


async def test_a_list_requests_no_get_that_is_in_flight(fake_clock: FakeClock) -> None:
    """However often it shows the end that the get is to confirm."""
    sent: list[str] = []

    class Slow(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            sent.append(request.snapshot_id or "list")
            if request.call == "list_snapshots":
                other = attrs.evolve(DONE, id="snap-2", name="x")
                return (attrs.evolve(PENDING, id="snap-1"), other)
            await fake_clock.sleep(7)
            return attrs.evolve(DONE, id=request.snapshot_id)

    polls = Polls(fake_clock, Slow(fake_clock, PENDING))

    _, done = await outcomes(
        polls.wait("snap-1", poll=PollPolicy(interval=2), timeout=6.5), polls.wait("snap-2")
    )

    assert done.is_complete
    assert sent.count("snap-2") == 1


async def test_a_wait_that_is_due_while_a_list_shows_its_end_uses_a_get(
    fake_clock: FakeClock,
) -> None:
    """It was subscribed to the next list, and needs none any more."""
    calls = Calls(fake_clock, PENDING, takes=3)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait("snap-1", timeout=None))
    second = asyncio.ensure_future(polls.wait("snap-2", timeout=None))
    third = asyncio.ensure_future(polls.wait("snap-3", poll=PollPolicy(interval=11)))
    await fake_clock.sleep(5)
    calls.shown = DONE

    ends = await outcomes(first, second, third)

    assert [snapshot.is_complete for snapshot in ends] == [True] * 3
    assert calls.sent == [
        (0, "list_snapshots"), (13, "list_snapshots"), (16, "get"), (16, "get"), (16, "get"),
    ]  # fmt: skip


async def test_a_change_that_a_list_shows_takes_a_wait_out_of_a_slow_get(
    fake_clock: FakeClock,
) -> None:
    """It is in one place: canceled, it leaves no request behind, and is in no later one."""
    slow = asyncio.Event()

    class Slow(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            if request.snapshot_id == "snap-1":
                self.in_flight += 1
                try:
                    await slow.wait()
                finally:
                    self.in_flight -= 1
            return await super().poll(request)

    calls = Slow(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait("snap-1", timeout=None))
    await fake_clock.sleep(1)
    others = [asyncio.ensure_future(polls.wait(f"snap-{n}", timeout=None)) for n in (2, 3)]
    await fake_clock.sleep(25)

    first.cancel()
    await outcomes(first)

    assert calls.in_flight == 0
    slow.set()
    await fake_clock.sleep(60)
    assert not any(task.done() for task in others)
    for task in others:
        task.cancel()
    await outcomes(*others)


async def test_a_request_that_somebody_else_cancels_is_replaced(fake_clock: FakeClock) -> None:
    """No wait waits for ever for a response that can't come."""
    calls = Calls(fake_clock, DONE, takes=5)
    polls = Polls(fake_clock, calls)
    wait = asyncio.ensure_future(polls.wait(timeout=None))
    await until(lambda: bool(calls.sent))
    (request,) = asyncio.all_tasks() - {wait, asyncio.current_task()}
    request.cancel()

    assert (await wait).is_complete
    assert len(calls.sent) == 2


async def test_a_change_that_is_shown_early_delays_no_poll(fake_clock: FakeClock) -> None:
    """A wait that is woken by another's poll still polls when it was due."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    ref = SnapshotRef("web-1", "snap-1", "FAKE1")
    slow: Wait[Snapshot] = Wait(ref, COMPLETE, PollPolicy(interval=100), None, 0.0)

    async def follow() -> None:
        while not slow.is_over:
            await polls.poller.advance(slow, (StateChanged,))

    following = asyncio.ensure_future(follow())
    quick = asyncio.ensure_future(polls.wait(poll=PollPolicy(interval=60)))
    await fake_clock.sleep(50)
    calls.shown = make_snapshot("Working", {"vol-1": "Pending"})
    await fake_clock.sleep(20)
    quick.cancel()
    calls.shown = DONE
    await outcomes(quick, following)

    assert fake_clock.now() == 100


async def test_an_end_that_a_get_does_not_confirm_does_not_count(fake_clock: FakeClock) -> None:
    """A wait that was asleep stays asleep until its own poll is due."""

    class Wrong(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            is_list = request.call == "list_snapshots"
            self.shown = DONE if is_list and 1 < fake_clock.now() < 3 else PENDING
            return await super().poll(request)

    calls = Wrong(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    ends = await outcomes(
        polls.wait("snap-1", poll=PollPolicy(interval=2), timeout=5),
        polls.wait("snap-2", poll=PollPolicy(interval=4), timeout=9),
    )

    assert [type(end) for end in ends] == [WaitTimeoutError] * 2
    assert calls.sent.count((4, "list_snapshots")) == 1


async def test_on_change_may_take_longer_than_the_interval(
    fake_clock: FakeClock,
) -> None:
    """The next poll is due an interval after its end."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    async def dawdle(_: Snapshot, __: Snapshot) -> None:
        calls.shown = DONE
        await fake_clock.sleep(25)

    following = asyncio.ensure_future(polls.follow(dawdle))
    await fake_clock.sleep(5)
    calls.shown = HALF

    assert (await following).is_complete
    assert [at for at, _ in calls.sent] == [0, 10, 45]


async def test_a_strategy_that_raises_after_a_slow_on_change_ends_its_wait(
    fake_clock: FakeClock,
) -> None:
    """The task returns to a wait that has no next poll."""
    intervals = [10.0, 10.0]
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    async def dawdle(_: Snapshot, __: Snapshot) -> None:
        await fake_clock.sleep(25)

    following = asyncio.ensure_future(
        polls.follow(dawdle, poll=PollPolicy(wait=lambda _: intervals.pop()))
    )
    await fake_clock.sleep(5)
    calls.shown = HALF

    with pytest.raises(IndexError):
        await following
    assert is_idle(polls.poller)


class TestRequestsThatEnd:
    """A canceled request keeps its slot and its target until it has ended: here that takes 3 s."""

    class Reluctant(Calls):
        """A caller whose canceled requests take 3 s to end."""

        async def poll(self, request: Request[Any]) -> Any:
            """Respond."""
            try:
                return await super().poll(request)
            except asyncio.CancelledError:
                self.in_flight += 1
                await self.clock.sleep(3)
                self.in_flight -= 1
                raise

    async def test_no_other_is_in_flight_for_its_target(self, fake_clock: FakeClock) -> None:
        """Not even if nobody waits for that target for a while."""
        calls = self.Reluctant(fake_clock, DONE, takes=50)
        polls = Polls(fake_clock, calls)
        first = asyncio.ensure_future(polls.wait())
        await fake_clock.sleep(1)
        first.cancel()
        await asyncio.sleep(0)
        calls.takes = 0

        canceled, second = await outcomes(first, polls.wait())

        assert isinstance(canceled, asyncio.CancelledError)
        assert second.is_complete
        assert [at for at, _ in calls.sent] == [0, 4]
        assert calls.most_in_flight == 1
        assert is_idle(polls.poller)

    async def test_no_other_has_its_slot(self, fake_clock: FakeClock) -> None:
        """There is never one more in flight than there are slots."""
        calls = self.Reluctant(fake_clock, DONE, takes=50)
        polls = Polls(fake_clock, calls, 1)
        first = asyncio.ensure_future(polls.wait(instance_id="web-1"))
        await fake_clock.sleep(1)
        first.cancel()
        calls.takes = 0

        await outcomes(first, polls.wait(instance_id="web-2"))

        assert [at for at, _ in calls.sent] == [0, 4]

    async def test_the_task_of_the_last_subscriber_continues_when_it_has_ended(
        self, fake_clock: FakeClock
    ) -> None:
        """No request for a wait alone outlives it, whether that is canceled or times out."""
        calls = self.Reluctant(fake_clock, DONE, takes=50)
        polls = Polls(fake_clock, calls)
        canceled = asyncio.ensure_future(polls.wait(instance_id="web-1"))
        late = asyncio.ensure_future(polls.wait(instance_id="web-2", timeout=5))
        await fake_clock.sleep(1)
        canceled.cancel()
        await outcomes(canceled)
        ended_at = fake_clock.now()
        await outcomes(late)

        assert (ended_at, fake_clock.now()) == (4, 8)
        assert calls.in_flight == 0

    async def test_a_task_that_is_canceled_twice_ends_at_once(self, fake_clock: FakeClock) -> None:
        """The second cancellation does not wait for the request."""
        polls = Polls(fake_clock, self.Reluctant(fake_clock, DONE, takes=50))
        task = asyncio.ensure_future(polls.wait())
        await fake_clock.sleep(1)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await outcomes(task)

        assert fake_clock.now() == 1
        await polls.poller.aclose()

    async def test_a_wait_that_is_canceled_as_it_times_out_is_canceled(
        self, fake_clock: FakeClock
    ) -> None:
        """Its timeout does not replace the cancellation."""
        polls = Polls(fake_clock, self.Reluctant(fake_clock, DONE, takes=50))
        task = asyncio.ensure_future(polls.wait(timeout=5))
        await fake_clock.sleep(6)
        task.cancel()

        (end,) = await outcomes(task)

        assert isinstance(end, asyncio.CancelledError)
        await polls.poller.aclose()


class TestOlderResponses:
    """A response to an older request that comes after a newer one undoes nothing."""

    class Slow(Calls):
        """From 10 s on, gets of snap-1 take 15 s, and show the state at which they were sent."""

        async def poll(self, request: Request[Any]) -> Any:
            """Respond."""
            if request.snapshot_id != "snap-1" or self.clock.now() < 10:
                return await super().poll(request)
            then = self.shown
            self.sent.append((self.clock.now(), "get"))
            await self.clock.sleep(15)
            return response(then, "snap-1")

    @pytest.mark.parametrize("old", [PENDING, GONE], ids=["pending", "gone"])
    async def test_a_get_does_not_undo_a_list(
        self, fake_clock: FakeClock, old: Snapshot | Exception
    ) -> None:
        """The list's state stays, and the subscribers of the get see that."""
        calls = self.Slow(fake_clock, WORKING)
        polls = Polls(fake_clock, calls)
        first = asyncio.ensure_future(polls.wait(timeout=31))
        await fake_clock.sleep(9)
        calls.shown = old
        await fake_clock.sleep(2)
        calls.shown = WORKING
        others = [asyncio.ensure_future(polls.wait(f"snap-{n}", timeout=30)) for n in (2, 3)]

        (end, *_) = await outcomes(first, *others)

        assert isinstance(end, WaitTimeoutError)
        assert [entry.state for entry in end.timeline] == ["Working"]

    async def test_a_list_does_not_undo_a_get(self, fake_clock: FakeClock) -> None:
        """Nor a get that did not find the snapshot."""
        sent: list[str] = []

        class SlowList(Calls):
            async def poll(self, request: Request[Any]) -> Any:
                sent.append(request.call)
                shown = (1, 2) if len(sent) == 1 else (2,)
                if request.call == "list_snapshots":
                    await fake_clock.sleep(9)
                    return tuple(named(PENDING, f"snap-{n}") for n in shown)
                raise GONE

        calls = SlowList(fake_clock, PENDING)
        polls = Polls(fake_clock, calls)
        waits = [asyncio.ensure_future(polls.wait(f"snap-{n}", timeout=60)) for n in (1, 2)]
        await fake_clock.sleep(1)
        last = asyncio.ensure_future(polls.wait("snap-1", timeout=0))

        ends = await outcomes(last, waits[0])
        await outcomes(waits[1])

        assert {type(end) for end in ends} == {SnapshotVanishedError}
        assert [end.snapshot for end in ends] == [None, None]

    async def test_an_end_that_a_list_showed_does_not_count_for_an_older_get_either(
        self, fake_clock: FakeClock
    ) -> None:
        """Although it is newer, and enough for a wait for the deletion."""
        calls = self.Slow(fake_clock, PENDING)
        polls = Polls(fake_clock, calls)
        first = asyncio.ensure_future(polls.wait("snap-1"))
        await fake_clock.sleep(11)
        calls.shown = DONE
        others = [
            asyncio.ensure_future(polls.wait("snap-1", goal=DELETED, timeout=5)),
            asyncio.ensure_future(polls.wait("snap-2")),
        ]

        (done, *_) = await outcomes(first, *others)

        assert done.is_complete
        # The get of 10 s showed the state at that time; the one that counts was sent after it.
        assert [at for at, what in calls.sent if what == "get"][-1] == 25
        assert fake_clock.now() == 40


class TestUserCodeInBetween:
    """A log handler runs between two steps of the poller, and may cancel any wait.

    Nothing moves a waiter that has left: it is in no list, no queue and no timer.
    """

    @contextmanager
    def canceling(self, tasks: Sequence["asyncio.Future[Snapshot]"]) -> Iterator[None]:
        """Cancel all but the last one with each record."""

        class Canceling(logging.Handler):
            def emit(self, _: logging.LogRecord) -> None:
                for task in tasks[:-1]:
                    task.cancel()

        logger, handler = logging.getLogger("civo_snapshots_async"), Canceling()
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    async def left(self, polls: Polls, tasks: Sequence["asyncio.Future[Snapshot]"]) -> int:
        """Return how many waits there are, all of them asleep; then cancel them."""
        waiters = held_by(polls.poller, Waiter)
        asleep = [each for due in held_by(polls.poller, DueTime) for each in due.waiters]
        assert set(waiters) == set(asleep)
        for task in tasks:
            task.cancel()
        await outcomes(*tasks)
        assert is_idle(polls.poller)
        return len(waiters)

    async def test_as_a_get_is_shown(self, fake_clock: FakeClock) -> None:
        """To five waits: the log record of the first one cancels four."""
        polls = Polls(fake_clock, Calls(fake_clock, PENDING))
        tasks = [asyncio.ensure_future(polls.wait(timeout=None)) for _ in range(5)]

        with self.canceling(tasks):
            await fake_clock.sleep(5)

        assert await self.left(polls, tasks) == 1

    async def test_as_a_list_makes_others_use_a_get(self, fake_clock: FakeClock) -> None:
        """It leaves snap-20 out."""
        polls = Polls(fake_clock, Calls(fake_clock, PENDING))
        # The last one is shown first, before those that it cancels.
        last = asyncio.ensure_future(polls.wait("snap-1", timeout=None))
        tasks = [asyncio.ensure_future(polls.wait("snap-20", timeout=None)) for _ in range(3)]

        with self.canceling([*tasks, last]):
            await fake_clock.sleep(5)

        assert await self.left(polls, [*tasks, last]) == 1

    async def test_as_they_run_out_of_time(self, fake_clock: FakeClock) -> None:
        """All at once, beside a request that hangs for one more."""
        polls = Polls(fake_clock, Calls(fake_clock, PENDING, takes=1000))
        hurried = [asyncio.ensure_future(polls.wait(timeout=5)) for _ in range(4)]
        patient = asyncio.ensure_future(polls.wait(timeout=None))

        with self.canceling([*hurried[1:], patient]):
            ends = await outcomes(*hurried)

        assert Counter(type(end) for end in ends) == {
            WaitTimeoutError: 1, asyncio.CancelledError: 3,
        }  # fmt: skip
        patient.cancel()
        await outcomes(patient)
        assert is_idle(polls.poller)


async def test_closing_ends_all_and_leaves_nothing(fake_clock: FakeClock) -> None:
    """Asleep, queued or in flight; no request, no timer."""
    calls = Calls(fake_clock, PENDING, takes=5)
    polls = Polls(fake_clock, calls, 2)
    waits = [asyncio.ensure_future(polls.wait(instance_id=f"web-{n}")) for n in range(5)]
    await fake_clock.sleep(7)

    await polls.poller.aclose()
    ends = await outcomes(*waits)

    assert [type(outcome) for outcome in ends] == [SessionClosedError] * 5
    assert calls.in_flight == 0
    assert is_idle(polls.poller)
    with pytest.raises(SessionClosedError, match="make a new one"):
        await polls.wait()
    await polls.poller.aclose()


class TestThrottling:
    """A 429 delays all polls, which are spread out afterwards."""

    async def test_there_is_no_thundering_herd(self, civo: FakeCivo, fake_clock: FakeClock) -> None:
        """A thousand waits after one 429: no tenth of a second has many of them."""
        for number in range(200):
            civo.add_instance(f"db-{number}")
            civo.add_snapshot(f"db-{number}", "snap-1", script=scripts.stuck())
        async with SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
        ) as session:
            waits = [
                asyncio.ensure_future(
                    session.wait_until_complete(f"db-{n}", "snap-1", poll=PollPolicy(interval=3))
                )
                for n in range(200)
            ]
            await fake_clock.sleep(10)
            civo.inject("get", faults.rate_limited(30))
            await fake_clock.sleep(50)
            for wait in waits:
                wait.cancel()
            await outcomes(*waits)

        limited = next(r.at for r in civo.requests if r.fault is not None)
        later = [r.at for r in civo.requests if r.at > limited]
        first_round = [at for at in later if at < limited + 33.5]
        assert min(first_round) >= limited + 30
        busiest = Counter(int(at * 10) for at in first_round if at > limited + 30.01)
        assert max(busiest.values()) <= 4 * len(first_round) / 30

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("limit", "most_refused"), [(120, 0.15), (75, 0.6)], ids=["enough", "too little"]
    )
    async def test_a_rate_limit_kills_no_wait(
        self,
        fake_clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
        limit: int,
        most_refused: float,
    ) -> None:
        """300 waits that ask for 100 polls a second, for half a minute."""
        async with FakeCivo(clock=fake_clock, rate_limit=limit, burst=limit) as civo:
            for number in range(300):
                civo.add_instance(f"web-{number}")
                civo.add_snapshot(f"web-{number}", "snap-1", script=scripts.stuck())
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                ends = await outcomes(
                    *(
                        session.wait_until_complete(
                            f"web-{n}", "snap-1", poll=PollPolicy(interval=3), timeout=30
                        )
                        for n in range(300)
                    )
                )

        assert Counter(type(outcome).__name__ for outcome in ends) == {"WaitTimeoutError": 300}
        # Without the last polls, which all come at the deadline.
        polled = [r for r in caplog.records if vars(r).get("civo_event") == "wait.polled"]
        before_the_last = polled[:-300]
        refused_ones = sum("RateLimitedError" in r.getMessage() for r in before_the_last)
        assert refused_ones <= most_refused * len(before_the_last)
        steady = Counter(int(request.at * 10) for request in civo.requests if 9 < request.at < 29)
        assert max(steady.values()) <= 4 * sum(steady.values()) / 200

    async def test_a_deadline_within_the_throttle_is_polled_at(self, fake_clock: FakeClock) -> None:
        """By a wait that the 429 of another delays, and that has no last poll scheduled yet."""
        calls = Calls(fake_clock, PENDING)
        polls = Polls(fake_clock, calls)
        held_back = asyncio.ensure_future(polls.wait(instance_id="web-2", timeout=18))
        await fake_clock.sleep(9)
        calls.shown = LIMITED
        other = asyncio.ensure_future(polls.wait(instance_id="web-1", timeout=500))
        await fake_clock.sleep(0.5)
        calls.shown = PENDING

        (end,) = await outcomes(held_back)
        other.cancel()
        await outcomes(other)

        assert isinstance(end, WaitTimeoutError)
        assert [at for at, _ in calls.sent] == [0, 9, 18]

    async def test_queued_polls_are_delayed_too(self, fake_clock: FakeClock) -> None:
        """They were due before, and have no slot yet."""
        calls = Calls(fake_clock, PENDING, takes=1)
        polls = Polls(fake_clock, calls, 1)
        original = calls.poll

        async def limited(request: Request[Any]) -> Any:
            calls.shown = LIMITED if len(calls.sent) == 0 else DONE
            return await original(request)

        calls.poll = limited  # type: ignore[method-assign]

        await outcomes(*(polls.wait(instance_id=f"web-{n}") for n in range(3)))

        first, *later = [at for at, _ in calls.sent]
        assert first == 0
        assert min(later) >= 21


async def test_a_wait_that_stalls_past_its_deadline_polls_once_more(civo: FakeCivo) -> None:
    """The loop is blocked for longer than the wait may take, on the machine's own clock."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

    async with SnapshotSession(civo.token, region="FAKE1", api_url=civo.api_url) as session:
        wait = asyncio.ensure_future(
            session.wait_until_complete(
                "web-1", "snap-1", timeout=0.5, poll=PollPolicy(interval=0.2)
            )
        )
        await until(lambda: len(civo.requests) == 1)
        civo.snapshot("web-1", "snap-1").script = scripts.completed()
        civo.inject("get", faults.hang())
        await until(lambda: len(civo.requests) == 2)
        time.sleep(1.2)  # noqa: ASYNC251 - that is the stall

        assert (await wait).is_complete


async def test_the_system_clock_calls_later() -> None:
    """Unless it is canceled."""
    clock = SystemClock()
    called: list[str] = []
    clock.call_later(0, called.append, "off").cancel()
    clock.call_later(0, called.append, "on")
    await until(lambda: bool(called))

    assert called == ["on"]


async def test_the_fake_clock_calls_later(fake_clock: FakeClock) -> None:
    """At its time, unless it is canceled."""
    called: list[float] = []
    fake_clock.call_later(5, lambda: called.append(fake_clock.now()))
    fake_clock.call_later(7, called.append, 0.0).cancel()

    await fake_clock.sleep(10)

    assert called == [5]
