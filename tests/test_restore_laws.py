"""Restores and drills under whatever comes.

A state machine of hypothesis' drives sessions on a FakeCivo that trusts its clients: plans, undos,
guarded overwrites, checkpoints, new instances, drills. Requests fail, processes are killed at any
await, and plans are delivered again. After each step the laws of
`civo_snapshots_async.testing.laws` hold. To show that it would notice, the same machine is run with
one guard of the library taken out.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from civo_snapshots_async import (
    CivoSnapshotsError,
    Instance,
    PollPolicy,
    RestorePlan,
    SnapshotSession,
    _applying,
    _restoring,
    _scratch,
)
from civo_snapshots_async.testing import FakeCivo, laws, scripts
from civo_snapshots_async.testing._steps import Steps
from civo_snapshots_async.testing.machine import CRASHES, CivoMachine

from .make import session_on

POLL = PollPolicy(interval=5)
WAIT: dict[str, Any] = {"poll": POLL, "timeout": 60}
NUMBERS = st.integers(0, 5)
# Half of them before it has claimed the plan.
STEPS = st.one_of(st.integers(0, 8), st.integers(9, 40))
Job = Callable[[SnapshotSession], Coroutine[Any, Any, object]]


def rename(civo: FakeCivo, scratch_id: str) -> None:
    """Give the scratch instance another host name: somebody wants to keep it."""
    civo.instance(scratch_id).hostname = f"kept-{len(civo.instances)}"


def swap(civo: FakeCivo, scratch_id: str) -> None:
    """Let `db-1` and the scratch instance change their host names."""
    scratch, other = civo.instance(scratch_id), civo.instances["db-1"]
    scratch.hostname, other.hostname = other.hostname, scratch.hostname


MISCHIEF: dict[str, Callable[[FakeCivo, str], None]] = {
    "none": lambda _civo, _scratch_id: None,
    "renamed": rename,
    "swapped": swap,
}
INCOMPLETE = {
    "pending": scripts.stuck(),
    "volume pending": scripts.complete_with_pending_volume(),
    "failed": scripts.fails(),
    "complete later": scripts.completes(30),
}


class RestoreMachine(CivoMachine):
    """`web-1` is overwritten by plans alone, `db-1` by everything else."""

    came_to: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("civo_snapshots_async").setLevel(logging.CRITICAL)
        # A process that lives on, and remembers what it has done.
        self.session = self.new_session()
        self.texts: list[str] = []

    def teardown(self) -> None:
        """Close it."""
        self.run(self.session.aclose())
        super().teardown()

    def new_session(self) -> SnapshotSession:
        """Make one that knows nothing of any other."""
        return session_on(self.civo, self.clock, resolve_timeout=20)

    @asynccontextmanager
    async def process(self, *, is_new: bool) -> AsyncIterator[SnapshotSession]:
        """Have a process of one's own, or the one that lives on."""
        if not is_new:
            yield self.session
            return
        async with self.new_session() as session:
            yield session

    async def outcome_of(self, what: str, job: Job, *, is_new: bool = False) -> str:
        """Do something in a process, and count what comes of it."""
        outcome = "killed"
        try:
            async with self.process(is_new=is_new) as session:
                await job(session)
            outcome = "done"
        except CivoSnapshotsError as error:
            outcome = type(error).__name__
        finally:
            self.came_to[f"{what}: {outcome}"] += 1
        return outcome

    def do(
        self, what: str, job: Job, *, crash_at: int | None = None, is_new: bool = False
    ) -> str | None:
        """Do something, and perhaps kill it."""
        return self.run(self.outcome_of(what, job, is_new=is_new), crash_at=crash_at)

    # ---- plans, over web-1

    def a_plan(self, number: int, *, is_fresh: bool) -> RestorePlan | None:
        """Return one of those that were made, or a new one, as another process reads it."""
        if is_fresh:
            self.plan(number, is_safe=True)
            number = -1

        return RestorePlan.from_json(self.texts[number % len(self.texts)]) if self.texts else None

    @rule(number=NUMBERS, is_safe=st.booleans())
    def plan(self, number: int, *, is_safe: bool) -> None:
        """Plan to overwrite `web-1` with a snapshot that is nobody's safety snapshot."""
        usual = [each for each in self.civo.snapshots("web-1") if "undo-" not in each.name]
        snapshot_id = usual[number % len(usual)].id

        async def job(session: SnapshotSession) -> None:
            plan = await session.plan_restore(
                "web-1", snapshot_id, overwrite_existing=True, safety_snapshot=is_safe
            )
            self.plans.append(plan)
            self.texts.append(plan.to_json())

        self.do("plan", job)

    @rule(number=NUMBERS, is_fresh=st.booleans(), crash_at=CRASHES, is_new=st.booleans())
    def apply(self, number: int, crash_at: int | None, *, is_fresh: bool, is_new: bool) -> None:
        """Apply a plan, here or in a process of its own; without safety, no other one knows it."""
        plan = self.a_plan(number, is_fresh=is_fresh)
        if plan is None:
            return

        async def job(session: SnapshotSession) -> None:
            await session.apply_restore(plan, **WAIT)

        self.do("apply", job, crash_at=crash_at, is_new=is_new and plan.safety_snapshot)

    @rule(number=NUMBERS, is_fresh=st.booleans(), stalls_at=STEPS)
    def deliver_three_times(self, number: int, stalls_at: int, *, is_fresh: bool) -> None:
        """Apply a plan in a process that stalls until another one has applied it, and once more."""
        plan = self.a_plan(number, is_fresh=is_fresh)
        if plan is None or not plan.safety_snapshot:
            return

        async def job(session: SnapshotSession) -> None:
            await session.apply_restore(plan, **WAIT)

        async def another() -> None:
            await self.outcome_of("second", job, is_new=True)

        async def deliver() -> None:
            await Steps(stalls_at, another).run(self.outcome_of("first", job, is_new=True))
            # By then the instance is ACTIVE again, as the plan says.
            await self.clock.sleep(60)
            await self.outcome_of("third", job, is_new=True)

        self.run(deliver())

    @rule(number=NUMBERS, crash_at=CRASHES, is_new=st.booleans())
    def undo(self, number: int, crash_at: int | None, *, is_new: bool) -> None:
        """Undo a plan, applied or not."""
        plan = self.a_plan(number, is_fresh=False)
        if plan is None or not plan.safety_snapshot:
            return

        async def job(session: SnapshotSession) -> None:
            await session.undo_restore(plan)

        self.do("undo", job, crash_at=crash_at, is_new=is_new)

    # ---- everything else, over db-1

    def a_snapshot(self, number: int) -> str:
        """Return the id of any snapshot of the account."""
        every = self.civo.snapshots()

        return every[number % len(every)].id if every else "none"

    @rule(
        number=NUMBERS,
        script=st.sampled_from(["any", *sorted(INCOMPLETE)]),
        crash_at=CRASHES,
        waits=st.booleans(),
    )
    def overwrite(self, number: int, script: str, crash_at: int | None, *, waits: bool) -> None:
        """Overwrite `db-1` with one that is not complete, or with any, another instance's too."""
        if script == "any":
            snapshot_id = self.a_snapshot(number)
        else:
            snapshot_id = self.civo.add_snapshot("db-1", script=INCOMPLETE[script]).id

        async def job(session: SnapshotSession) -> None:
            if waits:
                await session.restore_when_complete(
                    "db-1", snapshot_id, overwrite_existing=True, **WAIT
                )
            else:
                await session.restore_snapshot("db-1", snapshot_id, overwrite_existing=True)

        self.do("overwrite", job, crash_at=crash_at)

    @rule(crash_at=CRASHES)
    def fail_in_a_checkpoint(self, crash_at: int | None) -> None:
        """Roll `db-1` back, or, after a crash, perhaps not."""

        async def job(session: SnapshotSession) -> None:
            async with session.checkpoint("db-1", on_error="restore", on_cancel="restore", **WAIT):
                await session.get_snapshot("db-1", "none")

        self.do("checkpoint", job, crash_at=crash_at)

    @rule(number=NUMBERS, hostname=st.sampled_from(["copy-1", "copy-2"]), crash_at=CRASHES)
    def ensure_restored(self, number: int, hostname: str, crash_at: int | None) -> None:
        """Restore into a new instance, once for each host name."""
        snapshot_id = self.a_snapshot(number)

        async def job(session: SnapshotSession) -> None:
            await session.ensure_restored("db-1", snapshot_id, hostname=hostname, **WAIT)

        self.do("ensure", job, crash_at=crash_at)

    @rule(number=NUMBERS, mischief=st.sampled_from(sorted(MISCHIEF)), crash_at=CRASHES)
    def drill(self, number: int, mischief: str, crash_at: int | None) -> None:
        """Drill a snapshot of any instance; meanwhile somebody may rename instances."""
        instance_id = self.one_of_the_instances(number).id

        def check(instance: Instance) -> bool:
            MISCHIEF[mischief](self.civo, instance.id)
            return True

        async def job(session: SnapshotSession) -> None:
            report = await session.drill(instance_id, check=check, delete_scratch=True, **WAIT)
            end = f"{len(report.left_behind)} left" if report.passed else "failed"
            self.came_to[f"drill ({mischief}): {end}"] += 1

        self.do("drill", job, crash_at=crash_at)

    @rule(number=NUMBERS)
    def create(self, number: int) -> None:
        """Start a snapshot of any instance, and do not wait for it."""
        instance_id = self.one_of_the_instances(number).id
        self.do("create", lambda session: session.create_snapshot(instance_id, name="usual"))

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        """Delete a snapshot of `db-1`; who deletes a safety snapshot deletes its plan's record."""
        snapshots = self.civo.snapshots("db-1")
        snapshot_id = snapshots[number % len(snapshots)].id if snapshots else "none"
        self.do("delete", lambda session: session.delete_snapshot("db-1", snapshot_id))


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
SOME = settings(
    max_examples=50,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=QUIET,
)


def without_the_check(patch: pytest.MonkeyPatch) -> str:
    """Restore what is not complete."""
    patch.setattr(_restoring, "require_complete", lambda *_: None)

    return "the snapshot was not complete"


def without_the_wait(patch: pytest.MonkeyPatch) -> str:
    """Overwrite before the safety snapshot is complete."""
    patch.setattr(_applying.Applications, "_wait", do_nothing)
    patch.setattr(_applying, "_require_alone", lambda *_: None)

    return "the instance had no complete safety snapshot"


def without_the_claim(patch: pytest.MonkeyPatch) -> str:
    """Apply a plan whatever others have done."""
    patch.setattr(_applying, "_claimed", lambda *_: None)
    patch.setattr(_applying, "_require_alone", lambda *_: None)

    return "overwrite 2 by plan"


def without_doubts(patch: pytest.MonkeyPatch) -> str:
    """Delete what was the scratch instance, whatever it is now."""
    patch.setattr(_scratch.Scratch, "_doubts", find_nothing)

    return "no restore has made it with this host name"


async def do_nothing(*_: object) -> None:
    """Do nothing."""


async def find_nothing(*_: object) -> tuple[str, ...]:
    """Find nothing that speaks against a deletion."""
    return ()


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], str]] = {
    "that the snapshot is complete": without_the_check,
    "that the safety snapshot is complete": without_the_wait,
    "that nobody else has applied the plan": without_the_claim,
    "that the scratch instance is the drill's": without_doubts,
}
ENDS = {
    "apply: done", "apply: killed", "apply: RestoreAlreadyAppliedError",
    "first: done", "first: RestoreAlreadyAppliedError", "second: done",
    "third: RestoreAlreadyAppliedError",
    "undo: done", "overwrite: done", "overwrite: SnapshotNotCompleteError", "ensure: done",
    "drill (none): 0 left", "drill (renamed): 1 left",
    # The body fails with it, and the instance is rolled back.
    "checkpoint: SnapshotNotFoundError",
}  # fmt: skip
LOST = ("OutcomeUnknownError", "TransportError", "DecodeError", "ServerError")


def test_whatever_comes_the_laws_hold() -> None:
    """And all of it does come: it is done, killed, refused, and its responses are lost."""
    RestoreMachine.came_to.clear()

    run_state_machine_as_test(RestoreMachine, settings=SOME)

    came_to = set(RestoreMachine.came_to)
    assert came_to >= ENDS
    assert any(end.endswith(LOST) for end in came_to)


@pytest.mark.slow
def test_whatever_comes_for_longer_the_laws_hold() -> None:
    """The same, with three times as many examples, twice as long."""
    many = settings(SOME, max_examples=150, stateful_step_count=50)

    run_state_machine_as_test(RestoreMachine, settings=many)


@pytest.mark.parametrize("taken_out", sorted(MUTANTS))
def test_without_a_guard_a_law_is_broken(taken_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine notices that, so that what it shows is due to the guards."""
    sentence = MUTANTS[taken_out](monkeypatch)

    # It ends with the first one.
    many = settings(SOME, max_examples=400, phases=[Phase.generate], report_multiple_bugs=False)

    with pytest.raises(laws.LawBrokenError, match=sentence):
        run_state_machine_as_test(RestoreMachine, settings=many)
