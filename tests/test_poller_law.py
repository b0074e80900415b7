"""The poller in random operation: snapshots, waits, cancellations, limits and slow responses.

A state machine of hypothesis drives one poller on a clock that takes no time. After each step the
invariants at the head of the poller's file hold: only this file reads the places behind them.
At the end nothing is left, and each wait has ended as it would have alone, and no later.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable
from typing import Any, cast

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from civo_snapshots_async import (
    CivoSnapshotsError,
    PollPolicy,
    RateLimitedError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotRef,
    SnapshotVanishedError,
    StateChanged,
    WaitTimeoutError,
)
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._waits import alone
from civo_snapshots_async._waits.goals import COMPLETE, DELETED
from civo_snapshots_async._waits.poller import Poller
from civo_snapshots_async._waits.pools import DueTime, Poll, Pool, Queue, Topic, Waiter
from civo_snapshots_async._waits.wait import Goal, Wait
from civo_snapshots_async.testing import FakeClock

from .holding import held_by, is_idle
from .make import make_snapshot, refused

GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")
STATES: dict[str, Snapshot | None] = {
    "pending": make_snapshot("Pending", {"vol-1": "Pending"}),
    "working": make_snapshot("Working", {"vol-1": "Pending"}),
    "half": make_snapshot("Complete", {"vol-1": "Pending"}),
    "complete": make_snapshot("Complete", {"vol-1": "Completed"}),
    "failed": make_snapshot("Failed", {"vol-1": "Failed"}),
    "broken": make_snapshot("Pending", {"vol-1": "Failed"}),
    "gone": None,
}
SNAPSHOTS = ("a", "b")
Place = tuple[str, str]
PLACES = st.sampled_from([("web-1", "a"), ("web-1", "a"), ("web-1", "b"), ("web-2", "a")])
# What a response takes where nothing is slow; some hundred of them make no difference to a wait.
QUICK = 0.001
SLACK = 1.0


class World:
    """Some instances and their snapshots, as they are at any time."""

    def __init__(self) -> None:
        self.timelines: dict[Place, list[tuple[float, str]]] = {}

    def change(self, place: Place, at: float, state: str) -> None:
        """Set the state of a snapshot from then on, unless it is terminal."""
        timeline = self.timelines.setdefault(place, [])
        if not timeline or timeline[-1][1] not in {"complete", "failed", "broken", "gone"}:
            timeline.append((at, state))

    def seen(self, place: Place, now: float) -> Snapshot | None:
        """Return a snapshot as it is, or `None` where it is not there."""
        states = [state for at, state in self.timelines.get(place, []) if at <= now]
        shown = STATES[states[-1]] if states else None
        return shown and attrs.evolve(shown, id=place[1], name=f"{place[1]}-name")


class Server:
    """Shows a world, counts what is in flight, and may be slow or refuse."""

    def __init__(self, world: World, clock: FakeClock) -> None:
        self.world = world
        self.clock = clock
        self.takes = QUICK
        self.takes_to_end = 0.0
        """How long a request that is canceled takes to end."""
        self.has_bare_lists = False
        """Whether lists leave the volumes out: then they call complete what is not."""
        self.limited_until = -math.inf
        self.retry_after: float | None = None
        self.sent_at: dict[Place, float] = {}
        """When the last request was sent for each instance (by a list) and snapshot."""
        self.in_flight: Counter[Place] = Counter()
        self.most_in_flight = 0

    async def poll(self, request: Request[Any]) -> Any:
        """Respond with the state at the time of the request."""
        target = request.instance_id, request.snapshot_id
        self.in_flight[target] += 1
        assert self.in_flight[target] == 1, "one request in flight for each target"
        self.most_in_flight = max(self.most_in_flight, self.in_flight.total())
        self.sent_at[target] = now = self.clock.now()
        try:
            await self.clock.sleep(self.takes)
        except asyncio.CancelledError:
            await self.clock.sleep(self.takes_to_end)
            raise
        finally:
            self.in_flight[target] -= 1
        if now < self.limited_until:
            raise refused(RateLimitedError, status=429, retry_after=self.retry_after)
        if request.call == "list_snapshots":
            seen = [self.world.seen((request.instance_id, each), now) for each in SNAPSHOTS]
            listed = tuple(snapshot for snapshot in seen if snapshot)
            if self.has_bare_lists:
                return tuple(attrs.evolve(snapshot, volumes=()) for snapshot in listed)
            return listed
        return self.shown(target, now)

    async def get(self, place: Place) -> Snapshot:
        """Respond to a get."""
        now = self.clock.now()
        await self.clock.sleep(QUICK)
        return self.shown(place, now)

    def shown(self, place: Place, then: float) -> Snapshot:
        """Return a snapshot as it was, or raise that it was not there."""
        seen = self.world.seen(place, then)
        if seen is None:
            raise refused(SnapshotNotFoundError, code="database_snapshot_not_found")
        return seen


@attrs.define(eq=False)
class Started:
    """A wait, and how it ended."""

    place: Place
    goal: Goal
    poll: PollPolicy
    timeout: float
    at: float
    wakes_on: tuple[type, ...] = ()
    task: "asyncio.Task[None] | None" = None
    end: object = None
    ended_at: float = math.inf

    def wait(self, now: float) -> Wait[Snapshot]:
        """Make it."""
        return Wait(SnapshotRef(*self.place, "FAKE1"), self.goal, self.poll, self.timeout, now)

    async def run(self, wait: Wait[Snapshot], advance: Any, clock: FakeClock) -> None:
        """Drive it to its end."""
        while not wait.is_over:
            await advance(wait)
        try:
            self.end = wait.result()
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.end = error
        self.ended_at = clock.now()

    @property
    def kind(self) -> object:
        """How it ended, to be compared."""
        return type(self.end) if isinstance(self.end, Exception) else self.end


class PollerMachine(RuleBasedStateMachine):
    """One poller, and what may happen to it."""

    waits = Bundle("waits")

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("civo_snapshots_async").setLevel(logging.CRITICAL)
        self.runner = asyncio.Runner()
        self.world = World()
        self.clock = FakeClock(sockets=False)
        self.server = Server(self.world, self.clock)
        self.started: list[Started] = []
        self.due: dict[Wait[Any], float] = {}
        self.is_slow = self.is_limited = False
        self.slots = 0
        self.poller = Poller(self.clock, cast("Caller", self.server), 0)

    def run(self, work: Awaitable[object]) -> None:
        """Run something on the machine's loop."""

        async def running() -> None:
            await work

        self.runner.run(running())

    # ---- what happens

    @initialize(
        slots=st.sampled_from([1, 2, 100]),
        trouble=st.sampled_from(["none", "none", "bare lists", "slow", "limited", "both"]),
    )
    def begin(self, slots: int, trouble: str) -> None:
        """Start with a server that is fine, or slow, or limits requests."""
        self.slots = slots
        self.is_slow, self.is_limited = trouble in {"slow", "both"}, trouble in {"limited", "both"}
        self.server.has_bare_lists = trouble == "bare lists"
        self.server.takes_to_end = 0.5 if self.is_slow else 0.0
        self.poller = Poller(self.clock, cast("Caller", self.server), slots)

    @rule(
        target=waits,
        place=PLACES,
        goal=st.sampled_from([COMPLETE, COMPLETE, DELETED]),
        interval=st.sampled_from([2, 3, 10, None]),
        timeout=st.sampled_from([4.5, 20.5, 40.5]),
        wakes_on=st.sampled_from([(), (StateChanged,), (object,)]),
    )
    def start(
        self,
        place: Place,
        goal: Goal,
        interval: int | None,
        timeout: float,
        wakes_on: tuple[type, ...],
    ) -> Started:
        """Start a wait; without an interval, at random times."""
        poll = PollPolicy() if interval is None else PollPolicy(interval=interval)
        started = Started(place, goal, poll, timeout, self.clock.now(), wakes_on)
        self.started.append(started)

        async def starting() -> None:
            wait = started.wait(started.at)
            started.task = asyncio.create_task(
                started.run(wait, lambda wait: self.poller.advance(wait, wakes_on), self.clock)
            )
            await asyncio.sleep(0)

        self.run(starting())
        return started

    @rule(
        target=waits,
        places=st.lists(PLACES, min_size=2, max_size=5),
        interval=st.sampled_from([2, 10]),
    )
    def start_several(self, places: list[Place], interval: int) -> Any:
        """Start several at once."""
        return multiple(*(self.start(place, COMPLETE, interval, 40.5, ()) for place in places))

    @rule(started=consumes(waits), seconds=st.sampled_from([0.0, 0.1, 3]))
    def cancel(self, started: Started, seconds: float) -> None:
        """Cancel a wait, wherever it is."""
        assert started.task is not None
        started.task.cancel()
        self.run(self.clock.sleep(seconds))

    @rule(place=PLACES, state=st.sampled_from(sorted(STATES)))
    def change(self, place: Place, state: str) -> None:
        """Let something happen to a snapshot, at a time at which nobody polls."""
        self.world.change(place, math.floor(self.clock.now()) + 1.25, state)

    @rule(seconds=st.sampled_from([0, 1, 1, 2, 7]))
    def pass_time(self, seconds: int) -> None:
        """Let so much time pass, to a whole second."""
        now = self.clock.now()
        self.run(self.clock.sleep(math.floor(now) + 1 + seconds - now))

    @precondition(lambda self: self.is_limited)
    @rule(seconds=st.sampled_from([1, 5, 30]), retry_after=st.sampled_from([None, 0.0, 2.0, 90.0]))
    def limit(self, seconds: int, retry_after: float | None) -> None:
        """Refuse all requests for a while."""
        self.server.limited_until = self.clock.now() + seconds
        self.server.retry_after = retry_after

    @precondition(lambda self: self.is_slow)
    @rule(takes=st.sampled_from([QUICK, 0.5, 4, 60]))
    def take_longer(self, takes: float) -> None:
        """Let each response take so long from now on."""
        self.server.takes = takes

    # ---- what holds

    @property
    def pools(self) -> list[Pool]:
        """The pools that the poller holds."""
        return held_by(self.poller, Pool)

    @property
    def in_flight(self) -> set[Poll]:
        """The requests that it holds."""
        return {poll for poll in held_by(self.poller, Poll) if poll.task is not None}

    @invariant()
    def each_wait_is_in_one_place(self) -> None:
        """Asleep, queued or in flight; the places have the same waiters."""
        waiters = [waiter for pool in self.pools for waiter in pool.waiters()]
        where = Counter[Waiter](
            waiter for pool in self.pools for place in places(pool) for waiter in place.waiters
        )

        assert where == Counter(waiters)
        assert all(
            waiter.place is not None and waiter in waiter.place.waiters for waiter in waiters
        )
        assert not any(waiter.done() for waiter in waiters)

    @invariant()
    def requests_have_slots(self) -> None:
        """One for each target, and no more than there are slots."""
        polls = {place for pool in self.pools for place in places(pool) if isinstance(place, Poll)}
        in_flight = {poll for poll in polls if poll.task is not None}
        (queue,) = held_by(self.poller, Queue)

        assert self.in_flight == in_flight
        # The last subscriber to leave cancels it.
        assert all(poll.waiters or poll.task.cancelling() for poll in in_flight if poll.task)
        assert len(in_flight) <= self.slots
        assert self.server.most_in_flight <= self.slots
        queued = {poll for poll in polls - in_flight if poll.target.in_flight is None}
        assert len(queue) == len(queued)
        assert len(in_flight) == self.slots or not queued, "no slot is lost"

    @invariant()
    def only_its_own_polls_count(self) -> None:
        """Reschedule a wait by a request alone that was sent when it was due, or later."""
        for waiter in [waiter for pool in self.pools for waiter in pool.waiters()]:
            wait, target = waiter.wait, waiter.wait.target
            was_due = self.due.setdefault(wait, wait.due)
            if wait.due != was_due:
                places = (target.instance_id, target.snapshot_id), (target.instance_id, "")
                assert max(self.server.sent_at.get(place, -1) for place in places) >= was_due
                self.due[wait] = wait.due

    @invariant()
    def whatever_is_due_has_a_timer(self) -> None:
        """And nothing is kept that no wait needs."""
        for pool in self.pools:
            times = [due.at for due in pool.due_times]
            awake = [waiter for waiter in pool.waiters() if isinstance(waiter.place, Poll)]
            cuts = [cast("Poll", waiter.place).cut_of(waiter) for waiter in awake]

            assert times == sorted(set(times))
            assert all(due.waiters for due in pool.due_times)
            assert min([*times, *cuts, math.inf]) >= min(pool.timer_at, pool.cut)
            assert not times or pool.timer is not None
            assert pool.topics or pool.in_flight
            assert all(topic.waiters or topic.in_flight for topic in pool.topics.values())

    def teardown(self) -> None:
        """Let all waits end; nothing is left, and each has ended as it would have alone."""
        self.server.limited_until = -math.inf
        tasks = [started.task for started in self.started if started.task]
        self.run(self.let_end(tasks))
        for task in asyncio.all_tasks(self.runner.get_loop()):
            task.cancel()
        self.runner.close()

        assert all(task.done() for task in tasks), "each wait ends"
        assert not self.clock._wake, "no timer is left"
        assert is_idle(self.poller)
        for started in self.started:
            if started.task and not started.task.cancelled():
                self.is_as_it_should_be(started)

    async def let_end(self, tasks: list["asyncio.Task[None]"]) -> None:
        """Wait for the waits, and for the requests that they have canceled, but not for ever."""
        for _ in range(80):
            if all(task.done() for task in tasks) and not self.in_flight:
                return
            await self.clock.sleep(1)

    def is_as_it_should_be(self, started: Started) -> None:
        """Compare a wait with the same one alone."""
        if self.is_slow or self.is_limited:
            self.is_in_time(started)
        elif started.poll.interval is not None:
            self.is_as_alone(started)

    def is_in_time(self, started: Started) -> None:
        """Whatever the server does, it ends: a queue and a slow response add some seconds."""
        assert isinstance(started.end, Snapshot | CivoSnapshotsError | None)
        assert started.ended_at <= started.at + started.timeout + 5 + 5 + 0.25 + 0.5 + SLACK
        if isinstance(started.end, WaitTimeoutError):
            waited = started.end.elapsed
            assert started.end.polls or waited >= started.timeout + 5 - 1e-6

    def has_seen_more(self, shared: Started, by_itself: Started) -> bool:
        """Tell whether others have shown a wait a state that its own polls missed."""
        if shared.goal is DELETED and isinstance(shared.end, Snapshot):
            # It comes to what was last seen, which may be newer.
            return isinstance(by_itself.end, Snapshot)
        seen_by_itself = getattr(by_itself.end, "snapshot", None)

        return isinstance(shared.end, SnapshotVanishedError) and seen_by_itself is None

    def is_as_alone(self, started: Started) -> None:
        """Compare it with the same wait alone: the same end, and no later."""
        clock = FakeClock(started.at, sockets=False)
        server = Server(self.world, clock)
        by_itself = attrs.evolve(started)

        async def advance(wait: Wait[Snapshot]) -> object:
            return await alone.advance(wait, lambda: server.get(started.place), clock)

        asyncio.run(by_itself.run(by_itself.wait(started.at), advance, clock))

        assert started.kind == by_itself.kind or self.has_seen_more(started, by_itself)
        # A volume that fails before its snapshot says so may be seen up to a minute later.
        if self.server.has_bare_lists and isinstance(started.end, SnapshotFailedError):
            return
        assert started.ended_at <= by_itself.ended_at + SLACK


def places(pool: Pool) -> list[DueTime | Poll]:
    """Return all places in which somebody of a pool may be."""
    targets: list[Pool | Topic] = [pool, *pool.topics.values()]
    polls = [poll for target in targets for poll in (target.next_poll, target.in_flight) if poll]
    return [*pool.due_times, *polls]


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def test_in_random_operation_it_keeps_its_invariants() -> None:
    """Each wait ends as it would have alone, and no later; nothing is left."""
    few = settings(
        max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=QUIET
    )

    run_state_machine_as_test(PollerMachine, settings=few)


@pytest.mark.slow
def test_in_long_random_operation_it_keeps_its_invariants() -> None:
    """The same, with four times as many examples, twice as long."""
    many = settings(
        max_examples=160, stateful_step_count=50, deadline=None, suppress_health_check=QUIET
    )

    run_state_machine_as_test(PollerMachine, settings=many)
