"""Following a plan: what is deleted, and one outcome for each."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    InstanceNotFoundError,
    NotFoundError,
    OutcomeUnknownError,
    PruneEntry,
    PruneOutcome,
    PrunePlan,
    PruneResult,
    Snapshot,
    SnapshotNotFoundError,
    SnapshotSession,
    TransportError,
    plan_prune,
)
from civo_snapshots_async._pruning import prune
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import NOW, made, refused


def plan(*snapshots: Snapshot, **rules: Any) -> PrunePlan:
    """Plan on the 31st."""
    return plan_prune(snapshots, **{"now": NOW, **rules})


FIVE = [made(age) for age in (1, 2, 3, 4, 5)]
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")
LOST = TransportError("lost", method="DELETE", path="/v2")


class Deleter:
    """Deletes what it gets, apart from some."""

    region = "FAKE1"

    def __init__(self, errors: Mapping[str, Exception] | None = None) -> None:
        self.errors = errors or {}
        self.calls: list[tuple[str, str, str | None]] = []

    async def delete_snapshot(
        self, instance_id: str, snapshot: Snapshot, *, region: str | None = None
    ) -> None:
        """Note the call."""
        self.calls.append((instance_id, snapshot.id, region))
        if snapshot.id in self.errors:
            raise self.errors[snapshot.id]


def test_an_unknown_outcome_reads_as_one() -> None:
    """It is no failure that could be done again without a thought."""
    error = OutcomeUnknownError(
        "lost", action="delete_snapshot", instance_id="web-1", region="R", requested={}
    )

    outcome = PruneOutcome(snapshot=made(1), error=error)

    assert str(outcome) == "may or may not have deleted day-1: lost"


class TestDoingIt:
    """The plan's deletions, all of them, and nothing else."""

    async def test_deletes_what_the_plan_names(self) -> None:
        """One by one, the oldest first, by id."""
        session = Deleter()
        shown = plan(*FIVE, keep_last=3)

        result = await prune(session, shown)

        assert session.calls == [("web-1", "day-5", "FAKE1"), ("web-1", "day-4", "FAKE1")]
        assert result.deleted == shown.to_delete
        assert result.failed == ()
        assert str(result) == "2 of 2 snapshots deleted"
        assert str(result.outcomes[0]) == "deleted day-5"
        result.raise_for_failures()

    async def test_does_not_decide_again(self) -> None:
        """A plan is done as it was approved of, even one that was made by hand."""
        session = Deleter()
        entry = PruneEntry(snapshot=made(1, "Pending"), is_deletion=True, reason="I say so")

        await prune(session, PrunePlan(entries=(entry,)))

        assert session.calls == [("web-1", "day-1", "FAKE1")]

    @pytest.mark.parametrize(
        "error",
        [
            LOST,
            refused(ConflictError, status=409, code="database_snapshot_cannot_delete_in_use"),
            refused(InstanceNotFoundError, code="database_instance_not_found"),
            refused(NotFoundError),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_an_error_hides_no_other_outcome(self, error: CivoSnapshotsError) -> None:
        """It is one snapshot's, and names it."""
        session = Deleter({"day-4": error})
        shown = plan(*FIVE, keep_last=2)

        result = await prune(session, shown)

        assert len(session.calls) == 3
        assert [snapshot.id for snapshot in result.deleted] == ["day-5", "day-3"]
        assert result.failed == (PruneOutcome(snapshot=made(4), error=error),)
        assert error.snapshot == made(4)
        assert error.__notes__[-1] == "while deleting snapshot day-4 (day-4) of instance web-1"

    async def test_what_is_gone_already_is_deleted(self) -> None:
        """By Civo's code: somebody else was first."""
        result = await prune(Deleter({"day-5": GONE}), plan(*FIVE, keep_last=4))

        assert [outcome.is_deleted for outcome in result.outcomes] == [True]

    async def test_failures_can_be_raised(self) -> None:
        """All of them at once, as themselves."""
        errors = {"day-5": refused(ConflictError, status=409), "day-3": LOST}
        result = await prune(Deleter(errors), plan(*FIVE, keep_last=1))

        with pytest.raises(ExceptionGroup, match="2 of 4 deletions failed") as caught:
            result.raise_for_failures()

        assert caught.value.exceptions == (errors["day-5"], errors["day-3"])

    async def test_a_bug_comes_out(self) -> None:
        """Only errors that can be named are outcomes."""
        with pytest.raises(KeyError):
            await prune(Deleter({"day-5": KeyError("bug")}), plan(*FIVE, keep_last=4))

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"instance_id": "web-2"}, "for one instance in one region, not for several: .*web-2"),
            ({"region": "LON1"}, "for one instance in one region, not for several: .*LON1"),
        ],
        ids=["instances", "regions"],
    )
    async def test_refuses_a_plan_of_several(self, change: dict[str, Any], says: str) -> None:
        """Before anything is sent, whether it deletes them or keeps them."""
        session = Deleter()
        entries = (
            PruneEntry(snapshot=made(1), is_deletion=True, reason="old"),
            PruneEntry(snapshot=attrs.evolve(made(2), **change), is_deletion=False, reason="new"),
        )

        with pytest.raises(ValueError, match=says):
            await prune(session, PrunePlan(entries=entries))

        assert session.calls == []

    async def test_refuses_a_plan_of_no_instance(self) -> None:
        """Snapshots made by hand may name none."""
        entry = PruneEntry(
            snapshot=attrs.evolve(made(1), instance_id=""), is_deletion=True, reason="old"
        )

        with pytest.raises(ValueError, match="the plan's instance_id must be"):
            await prune(Deleter(), PrunePlan(entries=(entry,)))

    async def test_refuses_an_id_that_is_no_id(self) -> None:
        """None of the others is deleted then."""
        session = Deleter()
        odd = attrs.evolve(made(1), id="../victim")
        entries = tuple(
            PruneEntry(snapshot=snapshot, is_deletion=True, reason="old")
            for snapshot in (made(2), odd)
        )

        with pytest.raises(ValueError, match="the id of a snapshot must be"):
            await prune(session, PrunePlan(entries=entries))

        assert session.calls == []

    @pytest.mark.parametrize(("own", "sent"), [("LON1", "LON1"), ("", None)])
    async def test_goes_to_the_region_of_the_plan(self, own: str, sent: str | None) -> None:
        """Its snapshots know theirs; in another, an instance may have the same name."""
        session = Deleter()
        snapshots = [attrs.evolve(each, region=own) for each in (made(1), made(2))]

        await prune(session, plan(*snapshots, keep_last=1))

        assert session.calls == [("web-1", "day-2", sent)]

    async def test_an_empty_plan_sends_nothing(self) -> None:
        """It has no outcomes."""
        session = Deleter()

        assert await prune(session, plan(keep_last=1)) == PruneResult(outcomes=())
        assert session.calls == []

    async def test_logs_what_it_deletes(self, caplog: pytest.LogCaptureFixture) -> None:
        """What was done is known, even of a prune that was canceled."""
        errors = {"day-4": GONE, "day-3": LOST}
        unknown = "may or may not have been deleted"

        with caplog.at_level(logging.INFO, logger="civo_snapshots_async"):
            await prune(Deleter(errors), plan(*FIVE, keep_last=2))

        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("INFO", "prune of instance web-1: 3 to delete, 2 to keep"),
            ("INFO", "deleted snapshot day-5 (day-5) of instance web-1"),
            ("INFO", "snapshot day-4 (day-4) of instance web-1 was already deleted"),
            ("WARNING", f"snapshot day-3 (day-3) of instance web-1 {unknown}: lost"),
            ("INFO", "prune of instance web-1: 2 of 3 deleted"),
        ]

    async def test_a_cancellation_stops_it_at_once(self, fake_clock: FakeClock) -> None:
        """Nothing further is deleted."""
        session = Deleter()

        class Slow:
            region = "FAKE1"

            async def delete_snapshot(
                self, instance_id: str, snapshot: Snapshot, *, region: str | None = None
            ) -> None:
                await session.delete_snapshot(instance_id, snapshot, region=region)
                await fake_clock.sleep(10)

        task = asyncio.ensure_future(prune(Slow(), plan(*FIVE, keep_last=1)))
        await fake_clock.sleep(15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fake_clock.sleep(100)

        assert [snapshot_id for _, snapshot_id, _ in session.calls] == ["day-5", "day-4"]


class TestOnAServer:
    """From the list to the plan to the deletions."""

    async def test_keeps_the_newest_ones(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The others are gone, and the one that is being made is left alone."""
        for day in range(5):
            civo.add_snapshot("web-1", f"snap-{day}")
            fake_clock.advance(86_400)
        civo.add_snapshot("web-1", "snap-new", script=scripts.stuck())

        listed = await session.list_snapshots("web-1")
        result = await prune(session, plan_prune(listed, keep_last=2))

        assert [snapshot.id for snapshot in result.deleted] == ["snap-0", "snap-1", "snap-2"]
        left = {snapshot.id for snapshot in civo.snapshots("web-1")}
        assert left == {"snap-3", "snap-4", "snap-new"}

    async def test_goes_on_by_what_can_be_read(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """A stranger's malformed entry is left alone, and prevents nothing."""
        for day in range(3):
            civo.add_snapshot("web-1", f"snap-{day}", name=f"nightly-{day}")
            fake_clock.advance(86_400)
        listed = [
            {"id": f"snap-{day}", "name": f"nightly-{day}", "status": {"state": "Complete"},
             "created_at": f"2025-04-0{day + 1}T00:00:00Z"}
            for day in range(3)
        ]  # fmt: skip
        listed[1]["status"] = "Complete"
        civo.inject("list", faults.bad_json(json.dumps(listed).encode()))

        with pytest.raises(DecodeError) as caught:
            await session.list_snapshots("web-1")
        result = await prune(session, plan_prune(caught.value.snapshots, keep_last=1))

        assert [snapshot.id for snapshot in result.deleted] == ["snap-0"]
        assert {snapshot.id for snapshot in civo.snapshots("web-1")} == {"snap-1", "snap-2"}

    async def test_one_that_is_being_restored_is_an_outcome(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """A conflict, and the others are deleted all the same."""
        for snapshot_id in ("snap-1", "snap-2", "snap-3"):
            civo.add_snapshot("web-1", snapshot_id)
            fake_clock.advance(60)
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        await session.restore_snapshot("web-1", "snap-1", hostname="copy")

        result = await prune(session, shown)

        assert [snapshot.id for snapshot in result.deleted] == ["snap-2"]
        assert isinstance(result.failed[0].error, ConflictError)

    async def test_what_all_would_get_is_got_once(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """A refused token is not tried three hundred times; each outcome has the error."""
        for number in range(5):
            civo.add_snapshot("web-1", f"snap-{number}")
            fake_clock.advance(60)
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        civo.token = "another-token"

        result = await prune(session, shown)

        assert [type(outcome.error) for outcome in result.failed] == [AuthenticationError] * 4
        assert [request.kind for request in civo.requests] == ["list", "delete"]

    async def test_what_all_would_get_is_got_once_also_after_a_lost_response(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The first deletion may have been done, and the others were not sent."""
        for number in range(4):
            civo.add_snapshot("web-1", f"snap-{number}")
            fake_clock.advance(60)
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        refused = faults.status(404, code="database_account_not_found")
        civo.inject("delete", faults.reset("midway"), refused)

        result = await prune(session, shown)

        first, *others = [type(outcome.error) for outcome in result.failed]
        assert (first, others) == (OutcomeUnknownError, [AuthenticationError] * 2)
        assert [request.kind for request in civo.requests] == ["list", "delete", "delete"]

    async def test_a_lost_deletion_is_not_reported_as_failed(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither by its outcome nor by the log; the next prune finds out."""
        for number in range(3):
            civo.add_snapshot("web-1", f"snap-{number}")
            fake_clock.advance(60)
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        civo.inject("delete", *[faults.reset("midway")] * 3)

        result = await prune(session, shown)
        again = await prune(session, shown)

        assert [snapshot.id for snapshot in result.deleted] == ["snap-1"]
        assert isinstance(result.failed[0].error, OutcomeUnknownError)
        assert "snap-0) of instance web-1 may or may not have been deleted: " in caplog.text
        assert again.deleted == shown.to_delete

    async def test_a_revoked_token_deletes_nothing(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Although it arrives as a 404, nothing is taken for gone."""
        civo.add_snapshot("web-1", "snap-1")
        fake_clock.advance(60)
        civo.add_snapshot("web-1", "snap-2")
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        civo.token = "another-token"

        result = await prune(session, shown)

        assert result.deleted == ()
        assert isinstance(result.failed[0].error, AuthenticationError)

    async def test_closing_the_session_loses_no_outcome(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """What was not deleted has an outcome of its own."""
        civo.add_snapshot("web-1", "snap-1")
        fake_clock.advance(60)
        civo.add_snapshot("web-1", "snap-2")
        shown = plan_prune(await session.list_snapshots("web-1"), keep_last=1)
        await session.aclose()

        result = await prune(session, shown)

        assert str(result.failed[0].error) == "the session is closed: make a new one"
        assert len(civo.snapshots("web-1")) == 2
