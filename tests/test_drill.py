"""Drills: a snapshot is restored into a scratch instance, checked, and the result reported."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from civo_snapshots_async import (
    AuthenticationError,
    ConflictError,
    DrillFailedError,
    DrillReport,
    InstanceFailedError,
    InstanceNotFoundError,
    OutcomeUnknownError,
    PollPolicy,
    QuotaExceededError,
    SessionClosedError,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotRef,
    SnapshotSession,
    WaitTimeoutError,
)
from civo_snapshots_async._models import Instance
from civo_snapshots_async.testing import FakeCivo, FakeClock, FakeInstance, faults, scripts

from .make import session_on

# A restore takes 2 s.
POLL = PollPolicy(interval=1.5)
LOST = [
    faults.reset("before", effect=True),
    faults.close("midway"),
    faults.bad_json(),
    faults.gateway_timeout(effect=True),
]


@pytest.fixture(autouse=True)
def _snapshot(civo: FakeCivo) -> None:
    """Have an instance with a complete snapshot, an hour old."""
    civo.instance("web-1").disk = "release 1"
    civo.add_snapshot("web-1", "snap-1", name="nightly", age=3600)
    civo.instance("web-1").disk = "release 2"


# FakeCivo numbers what it makes: the snapshot is the first.
SCRATCH_ID = "00000000-0000-4000-8000-000000000002"


def document(instance_id: str, **fields: str) -> dict[str, object]:
    """Return an instance as a get shows it."""
    return {"id": instance_id, "hostname": "web-2", "status": "ACTIVE", **fields}


def passes(_: Instance) -> bool:
    """Find nothing wrong."""
    return True


async def drilled(
    session: SnapshotSession, check: Any = passes, snapshot: Any = None, **more: Any
) -> DrillReport:
    """Do a drill of web-1."""
    return await session.drill("web-1", snapshot, check=check, poll=POLL, **more)


def scratch_of(civo: FakeCivo) -> FakeInstance | None:
    """Return the scratch instance, if there is one."""
    found = [each for each in civo.instances.values() if each.hostname.startswith("drill-")]
    assert len(found) < 2

    return found[0] if found else None


def writes(civo: FakeCivo) -> list[str]:
    """Return what was changed, in order."""
    return [effect.kind for effect in civo.effects]


class TestPassing:
    """The snapshot restores, and the check finds nothing wrong."""

    async def test_it_restores_into_a_scratch_instance(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Of a random host name; the instance itself is left as it is."""
        report = await drilled(session)

        scratch = scratch_of(civo)
        assert report.passed
        assert scratch is not None
        assert scratch.disk == "release 1"
        assert report.scratch is not None
        assert (report.scratch.id, report.scratch.is_active) == (scratch.id, True)
        assert civo.instance("web-1").disk == "release 2"
        assert writes(civo) == ["restore"]

    async def test_each_drill_has_a_host_name_of_its_own(self, session: SnapshotSession) -> None:
        """Of 64 random bits."""
        reports = [await drilled(session), await drilled(session)]

        names = {report.scratch.hostname for report in reports if report.scratch}
        assert len(names) == 2
        assert all(len(name) == len("drill-") + 16 for name in names)

    async def test_the_scratch_instance_is_left_by_default(self, session: SnapshotSession) -> None:
        """And the report says so."""
        report = await drilled(session)

        (left,) = report.left_behind
        assert report.scratch is not None
        assert (left.kind, left.name, left.id) == (
            "instance", report.scratch.hostname, report.scratch.id,
        )  # fmt: skip
        assert left.reason == "only delete_scratch=True deletes it"

    async def test_it_deletes_the_scratch_instance_if_it_is_to(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """That one, and nothing else."""
        report = await drilled(session, delete_scratch=True)

        assert (report.passed, report.left_behind) == (True, ())
        assert report.notes == (
            "volumes of the scratch instance may be left: what Civo does with them is not known",
        )
        assert writes(civo) == ["restore", "delete_instance"]
        assert report.scratch is not None
        assert civo.effects[-1].instance_id == report.scratch.id
        assert [*civo.instances] == ["web-1"]

    async def test_a_scratch_instance_that_goes_slowly_is_seen_to_go(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A get that still shows it is not the end."""
        # Of the source, three polls until it is ACTIVE, one before its deletion, one after that.
        civo.inject("get_instance", faults.status(200, body=document(SCRATCH_ID)), nth=6)

        report = await drilled(session, delete_scratch=True)

        assert report.left_behind == ()
        assert [*civo.instances] == ["web-1"]
        assert [request.kind for request in civo.requests][-3:] == [
            "delete_instance", "get_instance", "get_instance",
        ]  # fmt: skip

    async def test_it_says_how_long_it_took(
        self, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The age of the snapshot is what would be lost, the rest is the time to recover."""

        async def check(_: Instance) -> bool:
            await fake_clock.sleep(5)
            return True

        report = await drilled(session, check)

        assert report.snapshot is not None
        assert report.snapshot.id == "snap-1"
        assert (report.rpo, report.snapshot_age) == (3600, 3600)
        # A restore takes 2 s, and is polled each 1.5 s.
        assert (report.restore_seconds, report.check_seconds) == (3, 5)
        assert report.rto == 8

    async def test_its_report_is_for_people(self, session: SnapshotSession) -> None:
        """What was proved, and what is left."""
        report = await drilled(session)

        assert report.scratch is not None
        assert str(report).splitlines() == [
            "drill of web-1 in FAKE1, 2025-04-01 09:11:14 UTC: passed",
            "  nightly (snap-1), 60 min old, restored in 3 s, checked in 0 s",
            f"left behind: {report.left_behind[0]}",
        ]

    async def test_its_report_is_for_programs(self, session: SnapshotSession) -> None:
        """As JSON, with what it means."""
        report = await drilled(session)

        document = json.loads(json.dumps(report.to_dict()))
        assert (document["passed"], document["rpo"], document["rto"]) == (True, 3600, 3)
        assert document["left_behind"][0]["kind"] == "instance"
        report.raise_for_failure()

    async def test_it_logs_its_start_and_its_end(
        self, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A process that dies leaves the host name of what may be there."""
        report = await drilled(session, delete_scratch=True)

        records = {vars(record)["civo_event"]: record for record in caplog.records}
        assert report.scratch is not None
        assert report.scratch.hostname in records["drill.started"].getMessage()
        assert vars(records["drill.passed"])["civo_snapshot_id"] == "snap-1"
        sent, done = records["delete_instance.sent"], records["delete_instance.done"]
        assert sent.levelname == done.levelname == "WARNING"
        assert vars(sent)["civo_instance_id"] == report.scratch.id
        assert sent.getMessage() == (
            f"delete scratch instance {report.scratch.id} in FAKE1: sending"
        )


class TestSnapshot:
    """Which snapshot is restored."""

    async def test_it_is_the_newest_complete_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Neither an older one, nor one that has failed or is pending."""
        civo.add_snapshot("web-1", "old", age=7200)
        civo.add_snapshot("web-1", "failed", script=scripts.fails("vol-1"), age=600)
        civo.add_snapshot("web-1", "pending", script=scripts.stuck(), age=300)

        report = await drilled(session)

        assert report.snapshot is not None
        assert report.snapshot.id == "snap-1"

    async def test_a_list_alone_does_not_prove_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A get shows a volume that is still pending: the next older one is restored."""
        script = scripts.complete_with_pending_volume("vol-1")
        civo.add_snapshot("web-1", "newer", script=script, age=60)
        listed = [
            {"id": "newer", "name": "n", "status": {"state": "Complete"},
             "created_at": "2025-04-01T09:10:14Z"},
            {"id": "gone", "name": "g", "created_at": "2025-04-01T09:09:14Z"},
            {"id": "snap-1", "name": "nightly", "created_at": "2025-04-01T08:11:14Z"},
        ]  # fmt: skip
        civo.inject("list", faults.status(200, body=json.dumps(listed)))

        report = await drilled(session)

        assert report.snapshot is not None
        assert (report.snapshot.id, report.passed) == ("snap-1", True)

    async def test_an_entry_that_cannot_be_read_hides_no_other(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The report says that a newer one may be among them."""
        listed = [
            {"id": 5},
            {"id": "snap-1", "name": "nightly", "status": {"state": "Complete"}},
        ]
        civo.inject("list", faults.status(200, body=json.dumps(listed)))

        report = await drilled(session)

        assert report.passed
        assert report.notes == ("1 snapshot could not be read: a newer one may be among them",)
        assert str(report).endswith(f"note: {report.notes[0]}")

    @pytest.mark.parametrize(
        "snapshot", ["snap-0", "old", SnapshotRef("web-1", "snap-0", "FAKE1")], ids=str
    )
    async def test_it_may_be_a_given_one(
        self, civo: FakeCivo, session: SnapshotSession, snapshot: Any
    ) -> None:
        """By its id, its name, or its address."""
        civo.add_snapshot("web-1", "snap-0", name="old", age=7200)

        report = await drilled(session, snapshot=snapshot)

        assert report.snapshot is not None
        assert report.snapshot.id == "snap-0"
        assert civo.restores[-1].from_snapshot == "snap-0"

    async def test_its_address_brings_its_region(self, fake_clock: FakeClock) -> None:
        """The drill is in that one."""
        async with FakeCivo(clock=fake_clock, region="LON1", other_regions=("NYC1",)) as civo:
            civo.add_instance("web-1", region="NYC1")
            civo.add_snapshot("web-1", "snap-1")
            async with session_on(civo, fake_clock) as session:
                ref = SnapshotRef("web-1", "snap-1", "NYC1")
                report = await drilled(session, snapshot=ref, delete_scratch=True)

            assert (report.passed, report.region, report.left_behind) == (True, "NYC1", ())
            assert {request.query["region"] for request in civo.requests} == {"NYC1"}

    async def test_one_that_is_not_complete_is_a_failed_drill(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """And nothing was sent."""
        civo.add_snapshot("web-1", "failed", script=scripts.fails("vol-2"))

        report = await drilled(session, snapshot="failed", delete_scratch=True)

        assert report.reason.startswith("there is nothing to restore: snapshot failed of instance")
        assert isinstance(report.error, SnapshotNotCompleteError)
        assert (report.left_behind, report.scratch, writes(civo)) == ((), None, [])

    async def test_without_any_it_is_a_failed_drill(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A backup that is not there restores nothing."""
        civo.add_instance("db-1")
        civo.add_snapshot("db-1", script=scripts.fails("vol-1"))

        report = await session.drill("db-1", check=passes)

        assert (report.passed, report.reason) == (False, "db-1 has no complete snapshot")
        assert (report.left_behind, writes(civo)) == ((), [])
        assert str(report).splitlines() == [
            "drill of db-1 in FAKE1, 2025-04-01 09:11:14 UTC: failed: db-1 has no complete snapshot"
        ]

    async def test_one_that_has_no_date_has_no_age(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nobody knows what would be lost."""
        shown = {"id": "snap-1", "name": "nightly", "status": {"state": "Complete"}}
        civo.inject("get", faults.status(200, body=shown))

        report = await drilled(session)

        assert (report.passed, report.rpo) == (True, None)
        assert "nightly (snap-1), of unknown age, restored in 3 s" in str(report)

    async def test_one_from_a_clock_that_is_ahead_is_new(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """No age is below 0."""
        ahead = datetime(2026, 1, 1, tzinfo=UTC)
        civo.add_snapshot("web-1", "ahead", created_at=ahead)

        assert (await drilled(session)).rpo == 0


class TestTakingOne:
    """With `create_if_missing`, where there is no complete snapshot."""

    @pytest.fixture(autouse=True)
    def _db(self, civo: FakeCivo) -> None:
        civo.add_instance("db-1")

    async def drilled(self, session: SnapshotSession, **more: Any) -> DrillReport:
        """Do a drill of an instance without snapshots."""
        return await session.drill("db-1", check=passes, create_if_missing=True, poll=POLL, **more)

    async def test_it_is_taken_waited_for_and_restored(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is left behind as well, and bears the name of the drill."""
        report = await self.drilled(session, delete_scratch=True)

        (left,) = report.left_behind
        assert report.passed
        assert report.snapshot is not None
        assert (left.kind, left.name, left.id) == (
            "snapshot", report.snapshot.name, report.snapshot.id,
        )  # fmt: skip
        assert left.reason == "the drill has taken it, as there was no complete one"
        assert writes(civo) == ["create", "restore", "delete_instance"]

    async def test_it_is_not_where_there_is_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """What is proved is the backup that there is."""
        await drilled(session, create_if_missing=True)

        assert writes(civo) == ["restore"]

    async def test_one_that_fails_is_a_failed_drill(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is left, and nothing was restored."""
        civo.script_next("db-1", scripts.fails("vol-1", message="no space left"))

        report = await self.drilled(session)

        assert report.reason.startswith("no snapshot could be taken: snapshot ")
        assert "no space left" in report.reason
        assert isinstance(report.error, SnapshotFailedError)
        assert [left.kind for left in report.left_behind] == ["snapshot"]
        assert writes(civo) == ["create"]

    async def test_one_that_is_never_complete_is_a_failed_drill(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """After the timeout of each wait."""
        civo.script_next("db-1", scripts.stuck())

        report = await self.drilled(session, timeout=timedelta(seconds=60))

        assert isinstance(report.error, WaitTimeoutError)
        assert [left.kind for left in report.left_behind] == ["snapshot"]
        assert fake_clock.now() == 60

    async def test_one_that_is_refused_leaves_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The quota is used up."""
        civo.snapshot_quota = 0

        report = await self.drilled(session)

        assert isinstance(report.error, QuotaExceededError)
        assert (report.left_behind, writes(civo)) == ((), [])

    async def test_one_whose_response_was_lost_may_be_there(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """The report says so."""
        civo.inject("create", faults.reset("before", effect=True))
        async with session_on(civo, fake_clock, resolve_timeout=0) as session:
            report = await self.drilled(session)

        (left,) = report.left_behind
        assert isinstance(report.error, OutcomeUnknownError)
        assert (left.id, left.reason) == ("", "its creation was requested, and may have been done")
        assert left.name == civo.snapshots("db-1")[0].name


def nothing(_: Instance) -> None:
    """Forget to return anything."""


def fails(_: Instance) -> bool:
    """Raise."""
    raise AssertionError("no row in\norders")


class TestCheck:
    """What the check says."""

    @pytest.mark.parametrize(
        ("check", "reason"),
        [
            (lambda _: False, "the check returned False"),
            (nothing, "the check returned None"),
            (lambda _: [], "the check returned []"),
            (fails, "the check raised AssertionError: no row in\norders"),
            (lambda: True, "the check raised TypeError: "),
        ],
        ids=["False", "None", "empty", "raises", "takes nothing"],
    )
    @pytest.mark.parametrize("deletes", [True, False], ids=["deletes", "leaves"])
    async def test_it_has_not_passed(
        self, *, civo: FakeCivo, session: SnapshotSession, check: Any, reason: str, deletes: bool
    ) -> None:
        """And why; the scratch instance is treated as after one that has."""
        report = await drilled(session, check, delete_scratch=deletes)

        assert not report.passed
        assert report.reason.startswith(reason)
        assert (report.error, report.rto) == (None, None)
        assert (scratch_of(civo) is None) is deletes
        assert len(report.left_behind) == (not deletes)

    async def test_a_report_has_one_line_for_it(self, session: SnapshotSession) -> None:
        """No text of a check can fake a line."""
        report = await drilled(session, fails)

        assert r"AssertionError: no row in\norders" in str(report).splitlines()[0]

    async def test_it_may_be_async(self, session: SnapshotSession) -> None:
        """Whatever returns something to await."""

        async def check(instance: Instance) -> object:
            return (await session.find_instance(instance.id)).is_active

        assert (await drilled(session, check)).passed
        assert (await drilled(session, lambda instance: asyncio.shield(check(instance)))).passed

    async def test_it_gets_the_active_instance(self, session: SnapshotSession) -> None:
        """With its addresses."""
        seen: list[Instance] = []

        await drilled(session, seen.append)

        assert seen[0].is_active
        assert seen[0].public_ip
        assert seen[0].private_ip

    async def test_one_that_hangs_is_ended(self, session: SnapshotSession) -> None:
        """After its own timeout, which is a reason."""

        async def check(_: Instance) -> bool:
            await asyncio.get_running_loop().create_future()
            return True

        report = await drilled(session, check, check_timeout=timedelta(minutes=3))

        assert report.reason == "the check did not end within 3 min"
        assert report.check_seconds == 180

    async def test_a_verdict_that_comes_too_late_is_none(
        self, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Of a check that swallows the end of its time, or one that blocks the loop."""

        async def swallows(_: Instance) -> bool:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return True

        def blocks(_: Instance) -> bool:
            fake_clock.advance(61)
            return True

        for check in (swallows, blocks):
            report = await drilled(session, check, check_timeout=60)
            assert report.reason == "the check did not end within 60 s"

    async def test_its_own_timeout_is_its_own_error(self, session: SnapshotSession) -> None:
        """It is not taken for the drill's."""

        async def check(_: Instance) -> bool:
            raise TimeoutError("no reply")

        assert (await drilled(session, check)).reason == "the check raised TimeoutError: no reply"

    async def test_an_error_of_the_library_in_it_is_its_own(self, session: SnapshotSession) -> None:
        """It says nothing of the drill."""

        async def check(_: Instance) -> object:
            return await session.find_instance("web-9")

        report = await drilled(session, check)

        assert report.reason.startswith("the check raised InstanceNotFoundError: ")
        assert report.error is None


class TestFailing:
    """The snapshot does not restore."""

    @pytest.mark.parametrize("fault", LOST, ids=str)
    async def test_a_lost_response_is_resolved_by_listing(
        self, civo: FakeCivo, session: SnapshotSession, fault: Any
    ) -> None:
        """The restore is not retried, and the drill continues."""
        civo.inject("restore", fault)

        report = await drilled(session, delete_scratch=True)

        assert (report.passed, report.left_behind) == (True, ())
        assert writes(civo) == ["restore", "delete_instance"]

    async def test_a_lost_response_without_an_instance_may_still_make_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The report names it, and nothing is deleted."""
        civo.inject("restore", faults.reset("before", effect=False))

        report = await drilled(session, delete_scratch=True)

        (left,) = report.left_behind
        assert isinstance(report.error, OutcomeUnknownError)
        assert report.reason.startswith("nightly (snap-1) could not be restored: ")
        assert (left.name.startswith("drill-"), left.id) == (True, "")
        assert left.reason == (
            "its restore was requested, and it may have been made; nothing is deleted that was "
            "not found"
        )
        assert writes(civo) == []

    async def test_a_refused_restore_leaves_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Civo has no capacity, say."""
        civo.inject("restore", faults.status(409, code="out_of_capacity"))

        report = await drilled(session, delete_scratch=True)

        assert isinstance(report.error, ConflictError)
        assert (report.left_behind, report.scratch, writes(civo)) == ((), None, [])

    async def test_an_instance_that_is_never_listed_may_still_come(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The restore was accepted."""
        empty = json.dumps({"page": 1, "per_page": 100, "pages": 1, "items": []})
        civo.inject("list_instances", None, *(faults.status(200, body=empty),) * 100)

        report = await drilled(session, timeout=60)

        (left,) = report.left_behind
        assert isinstance(report.error, WaitTimeoutError)
        assert (left.id, left.reason) == ("", "its restore was accepted, and it was not found")
        assert fake_clock.now() == 60

    @pytest.mark.parametrize("deletes", [True, False], ids=["deletes", "leaves"])
    async def test_an_instance_that_is_never_active_has_not_passed(
        self, *, fake_clock: FakeClock, deletes: bool
    ) -> None:
        """It is known, so it is deleted if it is to be."""
        async with FakeCivo(clock=fake_clock, takes=10_000) as civo:
            civo.add_instance("web-1")
            civo.add_snapshot("web-1")
            async with session_on(civo, fake_clock) as session:
                report = await drilled(session, timeout=60, delete_scratch=deletes)

            assert isinstance(report.error, WaitTimeoutError)
            assert "was not ACTIVE" in report.reason
            assert report.restore_seconds is None
            assert (scratch_of(civo) is None) is deletes
            assert fake_clock.now() == 60

    async def test_an_instance_that_fails_has_not_passed(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is known as well."""
        failed = faults.status(200, body=document(SCRATCH_ID, status="ERROR"))
        civo.inject("get_instance", failed, nth=2)

        report = await drilled(session)

        assert isinstance(report.error, InstanceFailedError)
        assert [left.id for left in report.left_behind] == [SCRATCH_ID]

    async def test_its_failure_can_be_raised(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With the reason, what is left behind, and the error that it came of."""
        civo.inject("restore", faults.reset("before", effect=False))
        report = await drilled(session)

        with pytest.raises(DrillFailedError, match="drill of web-1 in FAKE1 has failed") as caught:
            report.raise_for_failure()

        assert (caught.value.instance_id, caught.value.reason) == ("web-1", report.reason)
        assert caught.value.left_behind == report.left_behind
        assert f"Left behind: {report.left_behind[0]}" in str(caught.value)
        assert isinstance(caught.value.__cause__, OutcomeUnknownError)

    async def test_its_report_is_ready_for_json(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With the error and what that carries."""
        civo.inject("restore", faults.reset("before", effect=False))

        document = json.loads(json.dumps((await drilled(session)).to_dict()))

        assert (document["passed"], document["rto"]) == (False, None)
        assert document["error"]["type"] == "OutcomeUnknownError"

    async def test_it_is_logged_as_a_warning(
        self, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """On one line."""
        await drilled(session, fails)

        last = caplog.records[-1]
        assert (vars(last)["civo_event"], last.levelname) == ("drill.failed", "WARNING")
        assert "\n" not in last.getMessage()


class TestBeforeItsFirstWrite:
    """A drill that can't be made is an error, not a report."""

    @pytest.mark.parametrize(
        ("spoil", "error"),
        [
            (lambda civo: setattr(civo, "token", "another"), AuthenticationError),
            (lambda civo: civo.remove_instance("web-1"), InstanceNotFoundError),
        ],
        ids=["token", "instance"],
    )
    async def test_it_raises(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        spoil: Callable[[FakeCivo], None],
        error: type[Exception],
    ) -> None:
        """What the reads raise, without a word of anything left."""
        spoil(civo)

        with pytest.raises(error) as caught:
            await drilled(session)

        assert "left behind" not in str(caught.value)
        assert writes(civo) == []

    async def test_a_given_snapshot_that_is_not_there_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is a slip, rather than a backup that is lost."""
        with pytest.raises(SnapshotNotFoundError):
            await drilled(session, snapshot="snap-9")

        assert writes(civo) == []

    async def test_a_list_that_is_no_list_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing of it could be read."""
        civo.inject("list", faults.bad_json())

        with pytest.raises(Exception, match="the body is not JSON"):
            await drilled(session)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"check": None}, TypeError),
            ({"delete_scratch": 1}, TypeError),
            ({"create_if_missing": "no"}, TypeError),
            ({"region": "../x"}, ValueError),
            ({"snapshot": SnapshotRef("web-2", "snap-1")}, ValueError),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    async def test_its_arguments_are_checked(
        self, civo: FakeCivo, session: SnapshotSession, arguments: Any, error: type[Exception]
    ) -> None:
        """Before any request."""
        with pytest.raises(error):
            await drilled(session, **arguments)

        assert civo.requests == []

    async def test_an_id_is_checked(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """It could lead to another endpoint."""
        with pytest.raises(ValueError, match=r"^instance_id must be 1 to 128 "):
            await session.drill("../x", check=passes)

        assert civo.requests == []


class TestClosing:
    """The session is closed while a drill runs."""

    async def test_it_says_what_is_left(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """In the text of the error."""

        async def check(_: Instance) -> bool:
            await session.aclose()
            return True

        with pytest.raises(SessionClosedError) as caught:
            await drilled(session, check, delete_scratch=True)

        scratch = scratch_of(civo)
        assert scratch is not None
        assert f"left behind by the drill of web-1 in FAKE1: instance {scratch.hostname}" in str(
            caught.value
        )

    async def test_afterwards_it_sends_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As every call."""
        await session.aclose()

        with pytest.raises(SessionClosedError):
            await drilled(session)

        assert civo.requests == []


async def test_two_drills_at_once_do_not_meet(civo: FakeCivo, session: SnapshotSession) -> None:
    """Each has its own scratch instance, and deletes that."""
    drills: list[Awaitable[DrillReport]] = []
    async with asyncio.TaskGroup() as group:
        drills += [group.create_task(drilled(session, delete_scratch=True)) for _ in range(5)]

    reports = [await each for each in drills]
    assert all(report.passed and not report.left_behind for report in reports)
    assert writes(civo).count("restore") == writes(civo).count("delete_instance") == 5
    assert [*civo.instances] == ["web-1"]
