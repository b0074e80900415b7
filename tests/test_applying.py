"""Planning a restore, applying the plan and undoing it, as users do, on a FakeCivo."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    Clock,
    ConflictError,
    DecodeError,
    OutcomeUnknownError,
    PollPolicy,
    RegionNotFoundError,
    Restore,
    RestoreAlreadyAppliedError,
    RestorePlan,
    RestorePlanChangedError,
    SessionClosedError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotSession,
    UndoRefusedError,
    WaitTimeoutError,
    _applying,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, FakeInstance, faults, scripts

# A snapshot takes 2 s.
POLL = PollPolicy(interval=1.5)
WRITES = {"create", "update", "restore", "delete"}
OVERWRITE: dict[str, Any] = {"overwrite_existing": True}
UNSAFE: dict[str, Any] = {**OVERWRITE, "safety_snapshot": False}
Change = Callable[[FakeCivo, FakeInstance], object]


pytestmark = pytest.mark.usefixtures("web")


@pytest.fixture
def web(civo: FakeCivo) -> FakeInstance:
    """Have an instance with a snapshot of before, and what was written since."""
    web = civo.add_instance("i-1", hostname="app-1")
    web.disk = "release 1"
    civo.add_snapshot("i-1", "snap-1", name="before-upgrade", age=37 * 3600)
    web.disk = "release 2"
    return web


def writes(civo: FakeCivo) -> list[str]:
    """Return what was sent that could change anything."""
    return [request.kind for request in civo.requests if request.kind in WRITES]


def another(civo: FakeCivo, clock: Clock) -> SnapshotSession:
    """Have a session that knows nothing of the first one's."""
    return SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url, clock=clock)


def safety_of(civo: FakeCivo, plan: RestorePlan) -> list[str]:
    """Return the names of a plan's safety snapshots."""
    names = [each.name for each in civo.snapshots(plan.facts.instance_id)]

    return [name for name in names if name.startswith(plan.safety_prefix)]


class TestPlanning:
    """Only reads are sent."""

    async def test_an_overwrite(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """By names, it finds the ids; what is not older is not used."""
        civo.add_snapshot("i-1", "snap-0", name="older", age=40 * 3600)
        civo.add_snapshot("i-1", "snap-2", name="newer", age=3600)
        civo.add_snapshot("i-1", "snap-3", name="same-second", age=37 * 3600)

        plan = await session.plan_restore("app-1", "before-upgrade", **OVERWRITE)

        assert str(plan) == (
            "Overwrites app-1 (ACTIVE) with before-upgrade, complete, taken 37 h ago (2 volumes).\n"
            "Lost: everything written since; 2 newer snapshots are not used. First takes the "
            f"safety snapshot undo-{plan.fingerprint[:6]}."
        )
        facts = plan.facts
        assert (facts.instance_id, facts.snapshot_id) == ("i-1", "snap-1")
        assert (facts.volumes, facts.newer) == (("vol-1", "vol-2"), ("snap-2", "snap-3"))
        assert writes(civo) == []

    async def test_a_new_instance(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance
    ) -> None:
        """It says its name, whether that is taken, its network and its address."""
        plan = await session.plan_restore(
            "app-1", "before-upgrade", hostname="Web-1", private_ip="10.0.0.9", description="test"
        )

        assert str(plan) == (
            "Restores before-upgrade of app-1, complete, taken 37 h ago (2 volumes), into a new "
            "instance.\n"
            "It gets the host name Web-1 (taken by web-1: Civo may refuse it), the network "
            f"{web.network_id} and the address 10.0.0.9."
        )
        assert (plan.safety_snapshot, plan.facts.status) == (False, None)
        assert plan.description == "test"
        assert writes(civo) == []

    async def test_a_new_instance_without_a_name(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance
    ) -> None:
        """Then nobody has it, and no list is needed."""
        web.network_id = ""

        plan = await session.plan_restore("i-1", "snap-1")

        assert "a host name of Civo's choice, the network of the old one" in str(plan)
        assert [request.kind for request in civo.requests] == ["get_instance", "get"]

    async def test_a_snapshot_without_a_date_may_be_newer(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is not known to be older."""
        civo.inject("list", faults.status(200, body='[{"id": "snap-9", "name": "x"}]'))

        plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)

        assert plan.facts.newer == ("snap-9",)

    async def test_the_same_facts_have_the_same_fingerprint(
        self, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """However much later it is planned."""
        first = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        fake_clock.advance(3600)
        second = await session.plan_restore("app-1", "before-upgrade", **OVERWRITE)

        assert second.fingerprint == first.fingerprint
        assert str(second) != str(first)

    async def test_what_a_creation_named_is_no_fact(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """It is known to one process, and not to the other that applies the plan."""
        made = await session.create_snapshot("web-1", name="before")
        await session.wait_until_complete("web-1", made)
        here = await session.plan_restore("web-1", made, **OVERWRITE)
        async with another(civo, fake_clock) as other:
            there = await other.plan_restore("web-1", made.id, **OVERWRITE)

        assert made.included_volumes != ()
        assert here.fingerprint == there.fingerprint

    async def test_a_snapshot_that_is_not_complete_can_t_be_planned(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With the reasons."""
        civo.add_snapshot("i-1", "snap-2", script=scripts.complete_with_pending_volume())

        with pytest.raises(SnapshotNotCompleteError, match="volume vol-2 is Pending"):
            await session.plan_restore("i-1", "snap-2", **OVERWRITE)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"overwrite_existing": True, "hostname": "copy"}, ValueError),
            ({"hostname": "a b"}, ValueError),
            ({"safety_snapshot": "yes"}, TypeError),
            ({"private_ip": "here"}, ValueError),
            ({"region": ".."}, ValueError),
        ],
    )
    async def test_what_can_t_be_is_refused_before_anything_is_sent(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        arguments: Any,
        error: type[Exception],
    ) -> None:
        """As by `restore_snapshot`."""
        with pytest.raises(error):
            await session.plan_restore("web-1", "snap-1", **arguments)

        assert civo.requests == []

    async def test_a_list_that_can_t_be_read_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The entry may be a newer snapshot."""
        civo.inject("list", faults.status(200, body='[{"id": 5, "name": "x"}]'))

        with pytest.raises(DecodeError):
            await session.plan_restore("i-1", "snap-1", **OVERWRITE)


class TestApplying:
    """The facts, the safety snapshot, the facts once more, and then the restore."""

    async def test_an_overwrite(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance
    ) -> None:
        """Whoever has the text can do it, and undo it."""
        text = (await session.plan_restore("app-1", "before-upgrade", **OVERWRITE)).to_json()
        plan = RestorePlan.from_json(text)
        seen: list[tuple[Snapshot, Snapshot]] = []

        restore = await session.apply_restore(
            plan, poll=POLL, on_change=lambda *pair: seen.append(pair)
        )

        assert (restore.from_snapshot, restore.overwrite_existing) == ("snap-1", True)
        assert web.disk == "release 1"
        assert [effect.kind for effect in civo.effects] == ["create", "restore"]
        (safety,) = safety_of(civo, plan)
        assert len(safety) == len(plan.safety_prefix) + 16 <= 63
        assert seen[-1][1].is_complete

        await session.wait_until_active("app-1")
        undone = await session.undo_restore(plan)

        assert undone.overwrite_existing
        assert web.disk == "release 2"
        assert writes(civo) == ["create", "restore", "restore"]

    async def test_a_new_instance(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """Nothing is destroyed, and no snapshot is made."""
        plan = await session.plan_restore(
            "i-1", "snap-1", hostname="copy", private_ip="10.0.0.9", description="test"
        )

        restore = await session.apply_restore(plan)

        assert (restore.hostname, restore.private_ipv4) == ("copy", "10.0.0.9")
        assert restore.description == "test"
        assert civo.instance("copy").disk == "release 1"
        assert writes(civo) == ["restore"]

    async def test_its_region_is_the_plans(self, fake_clock: FakeClock) -> None:
        """Whatever the session's own is."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            civo.add_snapshot("db-1", "snap-1")
            async with another(civo, fake_clock) as session:
                plan = await session.plan_restore("db-1", "snap-1", region="FAKE2", **OVERWRITE)
                await session.apply_restore(plan)
                await session.undo_restore(plan)

        assert {request.query["region"] for request in civo.requests} == {"FAKE2"}

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (
                lambda _, web: setattr(web, "hostname", "db-1"),
                "the instance's host name was app-1 and is db-1",
            ),
            (
                lambda _, web: setattr(web, "busy_until", 99.0),
                "the instance's status was ACTIVE and is BUILDING",
            ),
            (lambda civo, _: civo.remove_instance("i-1"), "Failed to find instance 'i-1'"),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "name", "nightly"),
                "the snapshot's name was before-upgrade and is nightly",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "gone_at", 0.0),
                "Failed to find snapshot 'snap-1'",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "script", scripts.fails()),
                "is not complete, and no restore was sent: the snapshot is Failed",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "script", scripts.stuck()),
                "is not complete, and no restore was sent: the snapshot is Pending",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "created", -7200.0),
                "the snapshot's date was 2025-03-30T20:11:14Z and is 2025-04-01T07:11:14Z",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "volumes", ("vol-1",)),
                "volume vol-2 of the snapshot is gone",
            ),
            (
                lambda civo, _: civo.add_snapshot("i-1", "snap-3"),
                "newer snapshot snap-3 is new",
            ),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-2"), "gone_at", 0.0),
                "newer snapshot snap-2 is gone",
            ),
        ],
        ids=[
            "instance renamed", "instance busy", "instance gone", "snapshot renamed",
            "snapshot gone", "snapshot failed", "snapshot pending", "snapshot of another time",
            "snapshot of other volumes", "newer snapshot", "newer snapshot gone",
        ],
    )  # fmt: skip
    async def test_a_plan_whose_facts_have_changed_is_refused(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        web: FakeInstance,
        change: Change,
        says: str,
    ) -> None:
        """With what is different, and nothing was sent."""
        civo.add_snapshot("i-1", "snap-2", age=3600)
        plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        change(civo, web)

        with pytest.raises(RestorePlanChangedError) as caught:
            await session.apply_restore(plan)

        error = caught.value
        assert str(error).startswith(
            f"plan {plan.fingerprint} does not hold any more, and no restore was sent: "
        )
        assert says in str(error)
        assert len(error.differences) == 1
        assert (error.instance_id, error.fingerprint) == ("i-1", plan.fingerprint)
        assert (error.may_have_taken_effect, error.is_transient) == (False, False)
        assert writes(civo) == []

    async def test_a_snapshot_replaced_under_its_name_is_another_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A plan that was made by the name is about the id."""
        plan = await session.plan_restore("app-1", "before-upgrade", **OVERWRITE)
        civo.snapshot("i-1", "snap-1").gone_at = 0.0
        civo.add_snapshot("i-1", "snap-9", name="before-upgrade", age=37 * 3600)

        with pytest.raises(RestorePlanChangedError, match="Failed to find snapshot 'snap-1'"):
            await session.apply_restore(plan)

        assert writes(civo) == []

    async def test_an_instance_whose_name_another_one_has_got_is_another_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A plan that was made by the host name is about the id."""
        plan = await session.plan_restore("app-1", "before-upgrade", **OVERWRITE)
        civo.remove_instance("i-1")
        impostor = civo.add_instance("i-2", hostname="app-1")
        civo.add_snapshot("i-2", "snap-1", name="before-upgrade", age=37 * 3600)

        with pytest.raises(RestorePlanChangedError, match="Failed to find instance 'i-1'"):
            await session.apply_restore(plan)

        assert impostor.disk == "initial"
        assert writes(civo) == []

    @pytest.mark.parametrize(
        ("region", "error"),
        [("FAKE2", RestorePlanChangedError), ("NOWHERE", RegionNotFoundError)],
    )
    async def test_a_plan_of_another_region_is_refused(
        self, fake_clock: FakeClock, region: str, error: type[Exception]
    ) -> None:
        """Its instance is not there; and what is not proven to be gone is not said to be."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("i-1")
            civo.add_snapshot("i-1", "snap-1")
            async with another(civo, fake_clock) as session:
                plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
                with pytest.raises(error):
                    await session.apply_restore(attrs.evolve(plan, region=region))

        assert writes(civo) == []

    async def test_a_plan_of_another_account_is_refused(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """It has no instance of that id."""
        plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        async with FakeCivo(clock=fake_clock, token="another-token") as theirs:
            theirs.add_instance("i-2", hostname="app-1")
            async with another(theirs, fake_clock) as other:
                with pytest.raises(RestorePlanChangedError, match="searched region FAKE1"):
                    await other.apply_restore(plan)

        assert writes(theirs) == writes(civo) == []

    async def test_a_refused_token_changes_no_facts(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Although it arrives as a 404."""
        plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        civo.token = "another-token"

        with pytest.raises(AuthenticationError):
            await session.apply_restore(plan)

    async def test_a_host_name_that_is_taken_by_now_is_a_change(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """So a plan with a host name makes one instance, however often it is delivered."""
        plan = await session.plan_restore("i-1", "snap-1", hostname="copy")
        await session.apply_restore(plan)

        async with another(civo, session.clock) as other:
            with pytest.raises(RestorePlanChangedError, match="has the new host name, is new"):
                await other.apply_restore(plan)

        assert writes(civo) == ["restore"]

    @pytest.mark.parametrize("timeout", [0, -1, "soon"])
    async def test_a_timeout_is_checked_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession, timeout: Any
    ) -> None:
        """As that of any wait."""
        plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        read = len(civo.requests)

        with pytest.raises((ValueError, TypeError), match="timeout must be"):
            await session.apply_restore(plan, timeout=timeout)

        assert len(civo.requests) == read


class TestWhileTheSafetySnapshotIsMade:
    """What changes then is noticed by the second reading, right before the restore."""

    @pytest.fixture
    async def plan(self, session: SnapshotSession) -> RestorePlan:
        """Have a plan to overwrite an instance."""
        return await session.plan_restore("i-1", "snap-1", **OVERWRITE)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda _, web: setattr(web, "hostname", "db-1"), "host name was app-1 and is db-1"),
            (lambda civo, _: civo.remove_instance("i-1"), "Failed to find instance 'i-1'"),
            (lambda civo, _: civo.add_snapshot("i-1", "snap-9"), "newer snapshot snap-9 is new"),
            (
                lambda civo, _: setattr(civo.snapshot("i-1", "snap-1"), "script", scripts.fails()),
                "snapshot snap-1 of instance i-1 is not complete",
            ),
            (
                lambda civo, _: setattr(civo.snapshots("i-1")[0], "gone_at", 2.0),
                "is not listed",
            ),
        ],
        ids=["renamed", "instance gone", "newer", "failed", "safety snapshot deleted"],
    )
    async def test_a_change_of_the_facts_is_refused(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        plan: RestorePlan,
        change: Change,
        says: str,
    ) -> None:
        """The error says that nothing was overwritten, and what was requested."""
        web = civo.instance("i-1")

        def on_change(_: Snapshot, after: Snapshot) -> None:
            if after.is_complete:
                change(civo, web)

        with pytest.raises(RestorePlanChangedError, match=says) as caught:
            await session.apply_restore(plan, poll=POLL, on_change=on_change)

        assert f"this session has requested safety snapshot {plan.safety_prefix}" in str(
            caught.value
        )
        assert str(caught.value).endswith(", and has overwritten nothing")
        assert writes(civo) == ["create"]

    async def test_a_status_of_then_is_waited_for(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """An instance may be busy while a snapshot of it is made, and shortly after."""

        def on_change(*_: Snapshot) -> None:
            web.busy_until = civo_time(session) + 30

        await session.apply_restore(plan, poll=POLL, on_change=on_change)

        assert web.disk == "release 1"
        assert civo.restores[0].created >= 30

    async def test_without_a_timeout_it_waits_for_ever(
        self, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """As any wait does."""
        await session.apply_restore(plan, timeout=None, poll=POLL)

        assert web.disk == "release 1"

    async def test_a_status_that_stays_another_one_times_out(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """One timeout is for both."""

        def on_change(*_: Snapshot) -> None:
            web.busy_until = 10_000.0

        with pytest.raises(WaitTimeoutError, match="instance i-1 was not ACTIVE") as caught:
            await session.apply_restore(plan, timeout=60, poll=POLL, on_change=on_change)

        assert "and has overwritten nothing" in str(caught.value)
        assert civo_time(session) <= 61
        assert writes(civo) == ["create"]

    async def test_where_no_time_is_left_the_status_is_polled_once(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """The safety snapshot became complete at the deadline."""
        await session.apply_restore(plan, timeout=2, poll=PollPolicy(interval=5))

        assert web.disk == "release 1"
        assert [each.kind for each in civo.requests].count("get_instance") == 4

    async def test_a_safety_snapshot_that_fails_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Whoever finds it knows that nothing was overwritten."""
        civo.script_next("i-1", scripts.fails(after=1, message="disk full"))

        with pytest.raises(SnapshotFailedError, match=r"disk full.*has overwritten nothing"):
            await session.apply_restore(plan, poll=POLL)
        async with another(civo, session.clock) as other:
            with pytest.raises(RestoreAlreadyAppliedError, match="failed") as caught:
                await other.apply_restore(plan)

        assert not caught.value.may_have_taken_effect
        assert writes(civo) == ["create"]

    @pytest.mark.parametrize("state", ["Failed", "Deleting"])
    async def test_a_list_that_contradicts_it_is_believed(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan, state: str
    ) -> None:
        """A safety snapshot that is listed as anything but complete is none."""

        def on_change(_: Snapshot, after: Snapshot) -> None:
            status = {"state": state}
            listed = [{"id": after.id, "name": after.name, "status": status}]
            civo.calm()
            civo.inject("list", faults.status(200, body=json.dumps(listed)))

        with pytest.raises(RestorePlanChangedError, match="is not complete: the snapshot is"):
            await session.apply_restore(plan, poll=POLL, on_change=on_change)

        assert writes(civo) == ["create"]

    async def test_a_list_without_states_does_not_contradict_it(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """It is a summary."""

        def on_change(_: Snapshot, after: Snapshot) -> None:
            listed = [{"id": after.id, "name": after.name}]
            civo.calm()
            civo.inject("list", faults.status(200, body=json.dumps(listed)))

        await session.apply_restore(plan, poll=POLL, on_change=on_change)

        assert web.disk == "release 1"

    async def test_a_conflict_that_is_not_the_plans_own_comes_out(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Somebody else is making a snapshot."""
        code = "database_snapshot_create_already_in_process"
        civo.inject("create", faults.status(409, code=code))

        with pytest.raises(ConflictError, match=f"{code}.*has overwritten nothing"):
            await session.apply_restore(plan)

        assert writes(civo) == ["create"]

    async def test_a_conflict_with_the_plans_own_says_so(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Another process was quicker by the time between its list and its create."""
        civo.inject("list", faults.status(200, body="[]"))
        civo.add_snapshot("i-1", name=f"{plan.safety_prefix}{'0' * 16}", script=scripts.stuck())

        with pytest.raises(RestoreAlreadyAppliedError, match="pending") as caught:
            await session.apply_restore(plan)

        assert caught.value.may_have_taken_effect
        assert caught.value.__cause__ is None
        assert writes(civo) == ["create"]

    async def test_a_create_that_is_lost_is_resolved(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """As by `create_snapshot`: nobody else requests that name."""
        civo.inject("create", faults.reset("before", effect=True))

        await session.apply_restore(plan, poll=POLL)

        assert web.disk == "release 1"
        assert writes(civo) == ["create", "restore"]


class TestAppliedBefore:
    """A plan is applied once."""

    @pytest.fixture
    async def plan(self, session: SnapshotSession) -> RestorePlan:
        """Have a plan to overwrite an instance."""
        return await session.plan_restore("i-1", "snap-1", **OVERWRITE)

    @pytest.mark.parametrize("is_same_session", [True, False])
    async def test_a_second_delivery_is_refused(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        plan: RestorePlan,
        *,
        is_same_session: bool,
    ) -> None:
        """By what the session knows, or by the safety snapshot."""
        await session.apply_restore(plan, poll=POLL)
        await session.wait_until_active("i-1")

        async with another(civo, session.clock) as other:
            with pytest.raises(RestoreAlreadyAppliedError) as caught:
                await (session if is_same_session else other).apply_restore(plan)

        error = caught.value
        found = [each.name for each in error.safety_snapshots]
        assert found == ([] if is_same_session else safety_of(civo, plan))
        assert (error.instance_id, error.fingerprint) == ("i-1", plan.fingerprint)
        assert (error.is_transient, error.may_have_taken_effect) == (False, True)
        assert "check instance i-1, and make a new plan if it is needed" in str(error)
        assert writes(civo) == ["create", "restore"]

    async def test_a_new_plan_may_follow(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """It has other facts: the safety snapshot is a newer one."""
        await session.apply_restore(plan, poll=POLL)
        await session.wait_until_active("i-1")
        web.disk = "release 3"

        again = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
        await session.apply_restore(again, poll=POLL)

        assert again.fingerprint != plan.fingerprint
        assert web.disk == "release 1"
        assert len(safety_of(civo, again)) == 1

    async def test_of_two_plans_for_one_instance_one_goes_on(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """The safety snapshot of the one is a newer snapshot to the other."""
        civo.add_snapshot("i-1", "snap-0", age=50 * 3600)
        other = await session.plan_restore("i-1", "snap-0", **OVERWRITE)

        await session.apply_restore(plan, poll=POLL)
        await session.wait_until_active("i-1")
        with pytest.raises(RestorePlanChangedError, match=r"newer snapshot .* is new"):
            await session.apply_restore(other)

        assert writes(civo) == ["create", "restore"]

    async def test_after_a_timeout_the_session_goes_on(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """With its own safety snapshot, as it has sent nothing."""
        civo.script_next("i-1", scripts.completes(90))

        with pytest.raises(WaitTimeoutError, match="has overwritten nothing"):
            await session.apply_restore(plan, timeout=60, poll=POLL)
        await session.apply_restore(plan, timeout=60, poll=POLL)

        assert web.disk == "release 1"
        assert writes(civo) == ["create", "restore"]

    async def test_what_became_complete_while_nobody_waited_is_too_old(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan, fake_clock: FakeClock
    ) -> None:
        """What was written since is in no snapshot."""
        civo.script_next("i-1", scripts.completes(90))
        with pytest.raises(WaitTimeoutError):
            await session.apply_restore(plan, timeout=60, poll=POLL)
        fake_clock.advance(3600)

        with pytest.raises(RestoreAlreadyAppliedError, match="has overwritten nothing"):
            await session.apply_restore(plan, timeout=60, poll=POLL)

        assert writes(civo) == ["create"]

    async def test_two_safety_snapshots_are_one_too_many(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Also where one of them is this session's."""
        civo.script_next("i-1", scripts.completes(90))
        with pytest.raises(WaitTimeoutError):
            await session.apply_restore(plan, timeout=60, poll=POLL)
        civo.add_snapshot("i-1", name=f"{plan.safety_prefix}{'0' * 16}")

        with pytest.raises(RestoreAlreadyAppliedError) as caught:
            await session.apply_restore(plan, poll=POLL)

        assert len(caught.value.safety_snapshots) == 2

    async def test_a_lost_restore_is_not_retried(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """It may have been done."""
        civo.inject("restore", faults.gateway_timeout(effect=False))

        with pytest.raises(OutcomeUnknownError) as caught:
            await session.apply_restore(plan, poll=POLL)
        with pytest.raises(RestoreAlreadyAppliedError):
            await session.apply_restore(plan, poll=POLL)

        assert "has overwritten nothing" not in str(caught.value)
        assert writes(civo) == ["create", "restore"]

    async def test_a_session_that_is_closed_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Nothing is overwritten behind its back."""
        civo.script_next("i-1", scripts.stuck())

        async with asyncio.TaskGroup() as group:
            applying = group.create_task(refused_by_closing(session, plan))
            while not safety_of(civo, plan):
                await session.clock.sleep(1)
            await session.aclose()

        assert applying.result()
        assert writes(civo) == ["create"]

    async def test_a_session_remembers_a_thousand_plans(
        self, session: SnapshotSession, plan: RestorePlan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its memory is bounded; what it has forgotten is guarded as in another process."""
        monkeypatch.setattr(_applying, "_MAX_CLAIMS", 2)
        await session.apply_restore(plan, poll=POLL)
        for number in range(2):
            with pytest.raises(RestorePlanChangedError):
                await session.apply_restore(attrs.evolve(plan, description=str(number)))

        with pytest.raises(RestoreAlreadyAppliedError) as caught:
            await session.apply_restore(plan)

        assert len(caught.value.safety_snapshots) == 1


class TestWithoutASafetySnapshot:
    """Only the session knows what was applied."""

    @pytest.fixture
    async def plan(self, session: SnapshotSession) -> RestorePlan:
        """Have a plan that can't be undone."""
        return await session.plan_restore("i-1", "snap-1", **UNSAFE)

    async def test_it_is_overwritten_at_once(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """After one reading of the facts."""
        await session.apply_restore(plan)

        assert web.disk == "release 1"
        assert writes(civo) == ["restore"]

    async def test_two_at_once_in_a_session_overwrite_once(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """They wait for each other."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(outcome_of(session, plan)) for _ in range(5)]

        outcomes = [type(task.result()) for task in tasks]
        assert outcomes == [Restore, *[RestoreAlreadyAppliedError] * 4]
        assert writes(civo) == ["restore"]

    async def test_one_that_was_lost_is_not_retried(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """By this session."""
        civo.inject("restore", faults.reset("before", effect=False))
        with pytest.raises(OutcomeUnknownError):
            await session.apply_restore(plan)

        with pytest.raises(RestoreAlreadyAppliedError, match="by this session"):
            await session.apply_restore(plan)

        assert writes(civo) == ["restore"]

    async def test_one_that_was_canceled_is_not_retried(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """It may have been done."""
        civo.inject("restore", faults.hang())
        with pytest.raises(TimeoutError):
            async with session.clock.timeout(5):
                await session.apply_restore(plan)

        with pytest.raises(RestoreAlreadyAppliedError):
            await session.apply_restore(plan)

        assert writes(civo) == ["restore"]

    async def test_one_that_was_not_done_may_be_retried(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """Civo has refused it."""
        civo.inject("restore", faults.status(409))
        with pytest.raises(ConflictError):
            await session.apply_restore(plan)

        await session.apply_restore(plan)

        assert web.disk == "release 1"

    async def test_another_process_is_not_guarded(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """As the docstring says: once the facts are the same again."""
        await session.apply_restore(plan)
        await session.wait_until_active("i-1")

        async with another(civo, session.clock) as other:
            await other.apply_restore(plan)

        assert writes(civo) == ["restore", "restore"]


class TestUndoing:
    """The safety snapshot is found by its name, from the plan's text alone."""

    @pytest.fixture
    async def plan(self, session: SnapshotSession) -> RestorePlan:
        """Have a plan to overwrite an instance."""
        return await session.plan_restore("i-1", "snap-1", **OVERWRITE)

    async def test_another_process_can(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """With nothing but the text."""
        await session.apply_restore(plan, poll=POLL)
        text = plan.to_json()

        async with another(civo, session.clock) as other:
            await other.undo_restore(RestorePlan.from_json(text))

        assert web.disk == "release 2"
        assert civo.restores[-1].from_snapshot == civo.snapshots("i-1")[0].id

    async def test_a_plan_without_a_safety_snapshot_can_t_be_undone(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing is sent."""
        plan = await session.plan_restore("i-1", "snap-1", **UNSAFE)
        read = len(civo.requests)

        with pytest.raises(ValueError, match="takes no safety snapshot: it can't be undone"):
            await session.undo_restore(plan)

        assert len(civo.requests) == read

    async def test_what_was_not_applied_can_t_be_undone(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """There is no safety snapshot of it; another plan's is not taken for it."""
        civo.add_snapshot("i-1", name=f"undo-{'0' * 40}-{'0' * 16}")

        with pytest.raises(UndoRefusedError, match="it has no safety snapshot") as caught:
            await session.undo_restore(plan)

        error = caught.value
        assert (error.instance_id, error.fingerprint) == ("i-1", plan.fingerprint)
        assert (error.safety_snapshots, error.may_have_taken_effect) == ((), False)
        assert writes(civo) == []

    async def test_of_several_safety_snapshots_none_is_chosen(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """The error says which there are, and how to go on."""
        await session.apply_restore(plan, poll=POLL)
        later = civo.add_snapshot("i-1", name=f"{plan.safety_prefix}{'0' * 16}")

        with pytest.raises(UndoRefusedError, match=r"it has 2 safety snapshots: .*The oldest") as e:
            await session.undo_restore(plan)

        assert {each.name for each in e.value.safety_snapshots} == {*safety_of(civo, plan)}
        assert later.name in str(e.value)
        assert writes(civo) == ["create", "restore"]

    async def test_one_that_is_not_complete_is_not_restored(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """As by `restore_snapshot`."""
        civo.add_snapshot("i-1", name=f"{plan.safety_prefix}{'0' * 16}", script=scripts.stuck())

        with pytest.raises(SnapshotNotCompleteError):
            await session.undo_restore(plan)

        assert writes(civo) == []

    async def test_what_this_session_has_not_overwritten_is_not_undone(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan, fake_clock: FakeClock
    ) -> None:
        """It would lose what was written since, for nothing."""
        civo.script_next("i-1", scripts.completes(90))
        with pytest.raises(WaitTimeoutError):
            await session.apply_restore(plan, timeout=60, poll=POLL)
        fake_clock.advance(60)

        with pytest.raises(UndoRefusedError, match="this session has not overwritten anything"):
            await session.undo_restore(plan)

        assert writes(civo) == ["create"]

    async def test_it_waits_for_an_apply_of_the_same_session(
        self, civo: FakeCivo, session: SnapshotSession, web: FakeInstance, plan: RestorePlan
    ) -> None:
        """Or it would find no safety snapshot yet."""
        async with asyncio.TaskGroup() as group:
            group.create_task(session.apply_restore(plan, poll=POLL))
            undoing = group.create_task(session.undo_restore(plan))

        assert undoing.result().overwrite_existing
        assert web.disk == "release 2"
        assert writes(civo) == ["create", "restore", "restore"]

    @pytest.mark.parametrize(
        ("entry", "is_refused"),
        [
            ({"id": 5, "name": "nightly"}, False),
            ({"id": 5, "name": 6}, True),
            ({"id": 5, "name": "{prefix}1"}, True),
        ],
        ids=["another's", "any", "the plan's"],
    )
    async def test_an_entry_that_can_t_be_read_matters_only_if_it_may_be_one(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        plan: RestorePlan,
        entry: dict[str, object],
        *,
        is_refused: bool,
    ) -> None:
        """A restore that is needed at once does not fail for somebody else's snapshot."""
        await session.apply_restore(plan, poll=POLL)
        safety = civo.snapshots("i-1")[0]
        listed = json.dumps([{"id": safety.id, "name": safety.name}, entry])
        body = listed.replace("{prefix}", plan.safety_prefix)
        civo.inject("list", faults.status(200, body=body))

        if is_refused:
            with pytest.raises(DecodeError):
                await session.undo_restore(plan)
        else:
            await session.undo_restore(plan)

        assert writes(civo).count("restore") == (1 if is_refused else 2)

    async def test_a_list_that_is_no_list_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession, plan: RestorePlan
    ) -> None:
        """Anything may be in it."""
        civo.inject("list", faults.bad_json())

        with pytest.raises(DecodeError):
            await session.undo_restore(plan)


async def test_the_log_names_the_plan(
    civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
) -> None:
    """When it is applied, and when it is not."""
    plan = await session.plan_restore("i-1", "snap-1", **OVERWRITE)
    await session.apply_restore(plan, poll=POLL)
    with pytest.raises(RestoreAlreadyAppliedError):
        await session.apply_restore(plan)

    events = [
        (record.__dict__["civo_event"], record.getMessage())
        for record in caplog.records
        if record.__dict__.get("civo_event", "").startswith("apply.")
    ]
    assert [event for event, _ in events] == ["apply.started", "apply.refused"]
    assert events[0][1].startswith(f"apply plan {plan.fingerprint}: Overwrites app-1 (ACTIVE)")
    assert events[1][1].startswith(f"plan {plan.fingerprint} has been applied, or may have been")
    assert len(civo.restores) == 1


def civo_time(session: SnapshotSession) -> float:
    """Return the seconds of the clock that session and FakeCivo share."""
    return session.clock.now()


async def outcome_of(session: SnapshotSession, plan: RestorePlan) -> object:
    """Return what applying a plan returns or raises."""
    try:
        return await session.apply_restore(plan)
    except CivoSnapshotsError as error:
        return error


async def refused_by_closing(session: SnapshotSession, plan: RestorePlan) -> bool:
    """Tell whether applying a plan ends by closing the session."""
    try:
        await session.apply_restore(plan, poll=POLL)
    except SessionClosedError:
        return True
    return False
