"""A drill that is canceled at every await, ended by its check, or run among random faults.

Whatever happens, nothing but its own scratch instance is deleted, and what is left is named.
"""

import asyncio
import itertools
import logging
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import pytest

from civo_snapshots_async import (
    CivoSnapshotsError,
    DrillReport,
    Instance,
    PollPolicy,
    SessionClosedError,
    SnapshotSession,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, FakeInstance, laws
from civo_snapshots_async.testing._steps import Steps, cancel_me

from .make import session_on

# A restore takes 2 s, and so does a snapshot.
POLL = PollPolicy(interval=1.5)
SEEDS = range(300)
PARTS = 5


def passes(_: Instance) -> bool:
    """Find nothing wrong."""
    return True


@attrs.frozen
class Seen:
    """What a drill has left, and what it says of that."""

    error: BaseException | None
    """What came out of it."""
    said: str
    """What that says is left behind."""
    sent: frozenset[str]
    """The writes that were about to be sent, by the log."""
    is_logged: bool
    """Whether the log says that it was canceled."""
    scratch: FakeInstance | None
    """The scratch instance that is there."""
    taken: str | None
    """The name of the snapshot that it has taken."""

    @property
    def stage(self) -> tuple[bool, bool, bool]:
        """Whether it has taken a snapshot, has left an instance, and has deleted one."""
        return (
            self.taken is not None,
            self.scratch is not None,
            "delete_instance.sent" in self.sent and self.scratch is None,
        )


@attrs.frozen
class World:
    """A FakeCivo on which one drill after the other is ended."""

    civo: FakeCivo
    clock: FakeClock
    caplog: pytest.LogCaptureFixture

    async def ended(
        self, step: int, end: Callable[[SnapshotSession], Callable[[], Any]], *, takes: bool
    ) -> tuple[bool, Seen]:
        """Drill an instance, and end that at a step; tell whether it got there."""
        name = f"case-{step}"
        self.civo.add_instance(name)
        if not takes:
            self.civo.add_snapshot(name, name="nightly", age=3600)
        effects = len(self.civo.effects)
        self.caplog.clear()
        async with session_on(self.civo, self.clock) as session:
            steps = Steps(step, end(session))
            drill = session.drill(
                name, check=passes, create_if_missing=takes, delete_scratch=True, poll=POLL
            )
            error = await outcome_of(steps, drill)
        # What was on its way to Civo arrives.
        await self.clock.sleep(10)
        laws.only_scratch_instances_are_deleted(self.civo)
        new = self.civo.effects[effects:]
        assert Counter(effect.kind for effect in new).most_common(1)[:1] in (
            [], *([(kind, 1)] for kind in ("create", "restore", "delete_instance")),
        )  # fmt: skip

        return steps.was_reached, self._seen(name, error)

    def _seen(self, name: str, error: BaseException | None) -> Seen:
        events = [vars(record)["civo_event"] for record in self.caplog.records]
        made = [each for each in self.civo.restores if each.from_instance == name]
        taken = [each for each in self.civo.snapshots(name) if each.name.startswith("drill-")]
        notes = [str(error), *getattr(error, "__notes__", ())] if error else []

        return Seen(
            error=error,
            said=" ".join(note for note in notes if "left behind" in note),
            sent=frozenset(event for event in events if event.endswith(".sent")),
            is_logged="drill.canceled" in events,
            scratch=self.civo.instances.get(made[0].instance_id) if made else None,
            taken=taken[0].name if taken else None,
        )


async def outcome_of(steps: Steps, drill: Any) -> BaseException | None:
    """Run a drill in a task of its own; return what it raises."""

    async def run() -> BaseException | None:
        try:
            await steps.run(drill)
        except (asyncio.CancelledError, SessionClosedError) as error:
            return error
        return None

    return await asyncio.create_task(run())


def canceled(_: SnapshotSession) -> Callable[[], Any]:
    """End a drill as a timeout or a Ctrl-C does."""
    return cancel_me


def closed(session: SnapshotSession) -> Callable[[], Any]:
    """End a drill by closing its session."""

    async def close() -> None:
        with suppress(asyncio.CancelledError):
            await session.aclose()

    return close


@pytest.fixture
def world(civo: FakeCivo, fake_clock: FakeClock, caplog: pytest.LogCaptureFixture) -> World:
    """Have a FakeCivo to drill on."""
    caplog.set_level(logging.INFO)

    return World(civo, fake_clock, caplog)


@pytest.mark.parametrize("takes", [False, True], ids=["there is a snapshot", "takes one"])
@pytest.mark.parametrize("end", [canceled, closed])
async def test_a_drill_that_is_ended_at_each_await(
    *, world: World, end: Callable[[SnapshotSession], Callable[[], Any]], takes: bool
) -> None:
    """It deletes nothing more; what may be there is named in the error and in the log."""
    stages: set[tuple[bool, bool, bool]] = set()
    for step in itertools.count():
        was_reached, seen = await world.ended(step, end, takes=takes)

        stages.add(seen.stage)
        if not was_reached:
            assert seen.error is None
            break
        if seen.error is None:
            # It ended before the cancellation reached it.
            continue
        # What is there is named: an instance, and a snapshot.
        for left in filter(None, (seen.scratch and seen.scratch.hostname, seen.taken)):
            assert f" {left}" in seen.said
        # And nothing is named that was not about to be made.
        assert ("instance drill-" in seen.said) <= ("restore.sent" in seen.sent)
        assert ("snapshot drill-" in seen.said) <= ("create.sent" in seen.sent)
        assert bool(seen.said) is seen.is_logged
        # What was sent and is not known to be gone is named, even if it is not there.
        if "restore.sent" in seen.sent:
            assert "instance drill-" in seen.said
        if "create.sent" in seen.sent:
            assert "snapshot drill-" in seen.said
    # Before anything was sent, with what it has made, and after the deletion.
    assert {(False, False, False), (takes, True, False), (takes, False, True)} <= stages
    assert step > 20


class Stop(BaseException):
    """What is no error, as `KeyboardInterrupt`."""


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit, Stop]
)
async def test_what_is_no_error_of_a_check_passes_through(
    civo: FakeCivo,
    session: SnapshotSession,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    """Nothing is deleted, and a note names what is left."""
    civo.add_snapshot("web-1", name="nightly")

    async def check(_: Instance) -> bool:
        raise error

    with pytest.raises(error) as caught:
        await session.drill("web-1", check=check, delete_scratch=True, poll=POLL)

    (scratch,) = (x for x in civo.instances.values() if x.hostname.startswith("drill-"))
    left = f"instance {scratch.hostname} ({scratch.id}): the drill has made it"
    assert caught.value.__notes__ == [f"left behind by the drill of web-1 in FAKE1: {left}"]
    assert vars(caplog.records[-1])["civo_event"] == "drill.canceled"
    assert [effect.kind for effect in civo.effects] == ["restore"]


async def test_a_bug_of_a_callers_passes_through_with_a_note(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """A strategy that raises, say: it is neither the library's error nor the check's."""
    civo.add_snapshot("web-1", name="nightly")

    def strategy(_: object) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        await session.drill(
            "web-1", check=passes, delete_scratch=True, poll=PollPolicy(wait=strategy)
        )

    assert "instance drill-" in caught.value.__notes__[0]
    assert [effect.kind for effect in civo.effects] == ["restore"]


async def test_a_cancellation_that_the_check_swallows_still_ends_it(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """A check with an `except BaseException` hides it from the drill; nothing is deleted."""
    civo.add_snapshot("web-1", name="nightly")
    running = asyncio.Event()

    async def check(_: Instance) -> bool:
        running.set()
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException:  # noqa: BLE001 - as careless as a check may be
            return True
        return False

    drill = asyncio.create_task(session.drill("web-1", check=check, delete_scratch=True, poll=POLL))
    await running.wait()
    drill.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await drill

    assert "instance drill-" in caught.value.__notes__[0]
    assert [effect.kind for effect in civo.effects] == ["restore"]


async def test_a_check_may_end_a_cancellation_of_its_own(
    civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
) -> None:
    """As a timeout inside it: that is none of the drill's."""
    civo.add_snapshot("web-1", name="nightly")

    async def check(_: Instance) -> bool:
        with suppress(TimeoutError):
            async with fake_clock.timeout(5):
                await asyncio.get_running_loop().create_future()
        return True

    report = await session.drill("web-1", check=check, delete_scratch=True, poll=POLL)

    assert (report.passed, report.left_behind) == (True, ())


async def test_a_timeout_around_it_ends_it(
    civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
) -> None:
    """As around anything; the note is on the cancellation that caused it."""
    civo.add_snapshot("web-1", name="nightly")

    async def check(_: Instance) -> bool:
        await asyncio.get_running_loop().create_future()
        return True

    with pytest.raises(TimeoutError) as caught:
        async with fake_clock.timeout(60):
            await session.drill("web-1", check=check, delete_scratch=True, poll=POLL)

    assert "instance drill-" in caught.value.__cause__.__notes__[0]  # type: ignore[union-attr]
    assert [effect.kind for effect in civo.effects] == ["restore"]


# ---- random faults


def meddle(rng: random.Random, civo: FakeCivo, scratch_id: str) -> None:
    """Let somebody do something to the instances, or nothing."""
    scratch, prod = civo.instances[scratch_id], civo.instance("prod-1")
    match rng.randrange(12):
        case 0:
            scratch.hostname = "kept"
        case 1:
            prod.hostname = scratch.hostname
        case 2:
            prod.hostname, scratch.hostname = scratch.hostname, "kept"
        case 3:
            prod.hostname = scratch.id
        case 4:
            civo.remove_instance(scratch.id)
        case 5:
            civo.remove_instance(scratch.id)
            civo.add_instance(scratch.id, hostname="prod-2")
        case _:
            pass


async def run(seed: int) -> Counter[str]:
    """Do a drill under chaos, with somebody who meddles; judge what it says."""
    rng, clock = random.Random(seed), FakeClock()  # noqa: S311 - no secret
    async with FakeCivo(clock=clock) as civo:
        civo.add_instance("web-1")
        civo.add_instance("prod-1")
        if rng.random() < 0.7:
            civo.add_snapshot("web-1", name="nightly", age=3600)

        def check(instance: Instance) -> bool:
            meddle(rng, civo, instance.id)
            return rng.random() < 0.8

        outcome: DrillReport | CivoSnapshotsError
        async with session_on(civo, clock) as session:
            civo.chaos(seed, rate=rng.choice([0.05, 0.15, 0.35]))
            try:
                outcome = await session.drill(
                    "web-1", check=check, create_if_missing=True, delete_scratch=True, poll=POLL
                )
            except CivoSnapshotsError as error:
                outcome = error
        return Counter(judge(civo, outcome))


def judge(civo: FakeCivo, outcome: DrillReport | CivoSnapshotsError) -> set[str]:
    """Compare what a drill says with what it has done."""
    laws.check_all(civo)
    kinds = Counter(effect.kind for effect in civo.effects)
    assert all(count == 1 for count in kinds.values()), "a write was done twice"
    assert {"web-1", "prod-1"} <= {*civo.instances}
    made = [each.instance_id for each in civo.restores]
    is_there = [i for i in made if i in civo.instances and civo.instances[i].hostname != "prod-2"]
    if isinstance(outcome, CivoSnapshotsError):
        assert not civo.effects, "a drill that has written something raised an error"
        return {"raised"}
    left = {each.kind: each for each in outcome.left_behind}
    # What is there is said to be, or to be possible.
    assert not is_there or "instance" in left, "a scratch instance is left and not named"
    assert ("create" in kinds) <= ("snapshot" in left), "a snapshot is left and not named"
    if "instance" in left and left["instance"].id:
        assert [left["instance"].id] == made
    if outcome.passed:
        assert outcome.restore_seconds is not None
        assert made

    return {
        "passed" if outcome.passed else "failed",
        "left" if "instance" in left else "deleted" if "delete_instance" in kinds else "nothing",
    }


async def run_all(seeds: range) -> Counter[str]:
    """Run some side by side, each with a server, a session and a clock of its own."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(seed), name=f"seed {seed}") for seed in seeds]

    return sum((task.result() for task in tasks), Counter[str]())


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(p, marks=pytest.mark.slow) for p in range(1, PARTS))]
)
def test_what_a_report_says_is_left_is_what_is_left(part: int) -> None:
    """Nothing but a scratch instance is deleted, no write is done twice, none is hidden."""
    came_to = asyncio.run(run_all(SEEDS[part::PARTS]))

    assert {"passed", "failed", "left", "deleted", "raised"} <= {*came_to}
