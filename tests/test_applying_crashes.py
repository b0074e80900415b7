"""A plan that is applied twice: after a crash, beside a process that stalls, at the same moment.

An apply is ended or held at each point at which it waits for anything. Another process, which knows
only the plan's text, applies it then.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from civo_snapshots_async import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    PollPolicy,
    Restore,
    RestoreAlreadyAppliedError,
    RestorePlan,
    SnapshotSession,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, FakeInstance, _account, faults
from civo_snapshots_async.testing._steps import Steps, cancel_me

# A snapshot takes 2 s: it is polled three times.
POLL = PollPolicy(interval=1.5)


@attrs.frozen
class Case:
    """An instance, and the text of a plan to overwrite it."""

    web: FakeInstance
    text: str

    @property
    def plan(self) -> RestorePlan:
        """The plan, as another process reads it."""
        return RestorePlan.from_json(self.text)


@attrs.frozen
class World:
    """A FakeCivo on which one plan after the other is applied."""

    civo: FakeCivo
    clock: FakeClock

    @asynccontextmanager
    async def process(self) -> AsyncIterator[SnapshotSession]:
        """Have a session that knows nothing of any other one."""
        async with SnapshotSession(
            self.civo.token, region=self.civo.region, api_url=self.civo.api_url, clock=self.clock
        ) as session:
            yield session

    async def new_case(self) -> Case:
        """Plan to overwrite an instance that was never touched."""
        web = self.civo.add_instance(f"case-{len(self.civo.instances)}")
        web.disk = "release 1"
        snapshot_id = self.civo.add_snapshot(web.id, name="before-upgrade", age=3600).id
        web.disk = "release 2"
        async with self.process() as session:
            plan = await session.plan_restore(web.id, snapshot_id, overwrite_existing=True)

        return Case(web, plan.to_json())

    async def apply(self, case: Case) -> object:
        """Apply a plan in a process of its own; return what comes of it."""
        async with self.process() as session:
            return await outcome_of(session, case)

    def overwrites(self, case: Case) -> int:
        """Return how often the instance was overwritten: at most once, and only safely."""
        restores = [each for each in self.civo.restores if each.instance_id == case.web.id]
        for restore in restores:
            safety = [
                each
                for each in self.civo.snapshots(case.web.id)
                if each.name.startswith(case.plan.safety_prefix)
                and each.disk == "release 2"
                and is_complete_after(each.script, restore.created - each.created)
            ]
            assert safety, "overwritten without its safety snapshot"
        assert len(restores) <= 1, "overwritten twice"
        assert case.web.disk == ("release 1" if restores else "release 2")

        return len(restores)


def is_complete_after(script: Any, seconds: float) -> bool:
    """Tell whether a snapshot of a script is complete after so many seconds."""
    return bool(script(seconds, ("vol-1", "vol-2"))["state"] == "Complete")


async def outcome_of(session: SnapshotSession, case: Case) -> object:
    """Return what applying a plan returns or raises."""
    try:
        return await session.apply_restore(case.plan, poll=POLL)
    except (CivoSnapshotsError, asyncio.CancelledError) as error:
        return error


async def canceled_at(step: int, session: SnapshotSession, case: Case) -> bool:
    """Apply a plan, and cancel that at a step; tell whether it got there."""
    steps = Steps(step, cancel_me)

    async def apply() -> None:
        await steps.run(session.apply_restore(case.plan, poll=POLL))

    async with asyncio.TaskGroup() as group:
        group.create_task(apply())

    return steps.was_reached


class Held:
    """A process that applies a plan, and stalls at a step until it is let go on."""

    def __init__(self, world: World, case: Case, step: int, group: asyncio.TaskGroup) -> None:
        self._stalls = asyncio.Event()
        self._goes_on = asyncio.Event()
        self.steps = Steps(step, self._stall)
        self.task = group.create_task(self._apply(world, case))
        self.task.add_done_callback(lambda _: self._stalls.set())

    async def stalled(self) -> None:
        """Wait until it has stalled, or has ended before."""
        await self._stalls.wait()

    async def outcome(self) -> object:
        """Let it go on to its end, and return what came of it."""
        self._goes_on.set()

        return await self.task

    async def _apply(self, world: World, case: Case) -> object:
        async with world.process() as session:
            return await self.steps.run(outcome_of(session, case))

    async def _stall(self) -> None:
        self._stalls.set()
        await self._goes_on.wait()


@pytest.fixture
def world(civo: FakeCivo, fake_clock: FakeClock) -> World:
    """Have a FakeCivo to apply plans on."""
    return World(civo, fake_clock)


@pytest.fixture(params=["in process", "no error response"])
def _error_response(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Civo that refuses two creations at once, and then one that does not."""
    if request.param == "no error response":
        monkeypatch.setattr(_account, "_is_in_process", lambda _: False)


async def test_a_crash_at_each_await_and_another_process(world: World) -> None:
    """None is overwritten twice, and none without its safety snapshot."""
    done: list[tuple[int, int]] = []
    for step in itertools.count():
        case = await world.new_case()
        async with world.process() as session:
            was_reached = await canceled_at(step, session, case)
        by_first = world.overwrites(case)

        second = await world.apply(case)

        done.append((by_first, world.overwrites(case)))
        assert isinstance(second, RestoreAlreadyAppliedError | Restore)
        if not was_reached:
            break
    # Before it has claimed the plan, after that, and at its end.
    assert {(0, 1), (0, 0), (1, 1)} == set(done)
    assert len(done) > 10


async def test_a_crash_at_each_await_and_the_same_session(world: World) -> None:
    """It knows what it has sent: it goes on with a safety snapshot that is not complete yet."""
    done: list[tuple[int, int, bool]] = []
    for step in itertools.count():
        case = await world.new_case()
        async with world.process() as session:
            was_reached = await canceled_at(step, session, case)
            by_first = world.overwrites(case)
            has_claim = len(world.civo.snapshots(case.web.id)) > 1

            second = await outcome_of(session, case)

        done.append((by_first, world.overwrites(case), has_claim))
        assert isinstance(second, RestoreAlreadyAppliedError | Restore)
        if not was_reached:
            break
    # One more than by another process: with a claim, it is done all the same.
    assert (0, 1, True) in done
    assert {(0, 1, False), (0, 0, True), (1, 1, True)} <= set(done)


@pytest.mark.usefixtures("_error_response")
async def test_a_process_that_stalls_at_each_await_and_another_one(world: World) -> None:
    """It is not dead, and goes on after the other one has ended: no claim is handed on."""
    for step in itertools.count():
        case = await world.new_case()
        async with asyncio.TaskGroup() as group:
            first = Held(world, case, step, group)
            await first.stalled()
            second = await world.apply(case)
            world.overwrites(case)

            outcomes = {type(second), type(await first.outcome())}

        assert world.overwrites(case) == 1
        assert outcomes == {Restore, RestoreAlreadyAppliedError}
        if not first.steps.was_reached:
            break


@pytest.mark.slow
async def test_two_processes_that_stall_at_each_await(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each at each of its own, from its list on, where nothing refuses the second creation."""
    monkeypatch.setattr(_account, "_is_in_process", lambda _: False)
    for one, other in itertools.combinations_with_replacement(range(5, 17), 2):
        case = await world.new_case()
        async with asyncio.TaskGroup() as group:
            first = Held(world, case, one, group)
            await first.stalled()
            second = Held(world, case, other, group)
            await second.stalled()

            outcomes = [await first.outcome(), await second.outcome()]

        assert world.overwrites(case) == sum(isinstance(each, Restore) for each in outcomes)


@pytest.mark.usefixtures("_error_response")
async def test_many_processes_at_one_moment(world: World) -> None:
    """At most one overwrites; which one, or whether any, is left to chance."""
    case = await world.new_case()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(world.apply(case)) for _ in range(8)]

    outcomes = [task.result() for task in tasks]
    assert world.overwrites(case) == sum(isinstance(each, Restore) for each in outcomes)


async def test_many_applies_of_one_session_at_one_moment(world: World) -> None:
    """They wait for each other: one overwrites, and the others are refused."""
    case = await world.new_case()

    async with world.process() as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome_of(session, case)) for _ in range(8)]

    outcomes = [type(task.result()) for task in tasks]
    assert world.overwrites(case) == 1
    assert (outcomes.count(Restore), outcomes.count(RestoreAlreadyAppliedError)) == (1, 7)
    assert [each.kind for each in world.civo.effects] == ["create", "restore"]


@pytest.mark.parametrize("has_effect", [True, False])
@pytest.mark.parametrize("kind", ["create", "restore"])
async def test_a_lost_response_and_another_process(
    world: World, kind: Any, *, has_effect: bool
) -> None:
    """A create is resolved by listing, a restore is not known: the other one is refused."""
    case = await world.new_case()
    world.civo.inject(kind, faults.reset("before", effect=has_effect))

    first = await world.apply(case)
    second = await world.apply(case)

    is_done = kind == "create" and has_effect
    assert type(first) is (Restore if is_done else OutcomeUnknownError)
    # Of a create without effect nothing is there that another process could find.
    is_unseen = kind == "create" and not has_effect
    assert type(second) is (Restore if is_unseen else RestoreAlreadyAppliedError)
    assert world.overwrites(case) == (1 if kind == "create" or has_effect else 0)


async def test_a_create_that_takes_effect_late(world: World) -> None:
    """After another process has found no safety snapshot, and made its own: that one is alone."""
    case = await world.new_case()
    world.civo.inject("create", faults.close("before", effect=False))
    first = await world.apply(case)

    async with asyncio.TaskGroup() as group:
        second = Held(world, case, 9, group)
        await second.stalled()
        late = world.civo.add_snapshot(case.web.id, name=f"{case.plan.safety_prefix}{'0' * 16}")
        refused = await second.outcome()

    assert isinstance(first, OutcomeUnknownError)
    assert isinstance(refused, RestoreAlreadyAppliedError)
    assert [each.id for each in refused.safety_snapshots] == [late.id]
    assert world.overwrites(case) == 0
