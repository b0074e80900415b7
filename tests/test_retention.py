"""What a plan deletes, and what becomes of doing it."""

import asyncio
import json
import logging
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    InstanceNotFoundError,
    NotFoundError,
    OutcomeUnknownError,
    Phase,
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

from .make import make_snapshot, refused

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
A_WEEK = timedelta(days=7)


def made(age: float | None, state: str = "Complete", *, name: str = "") -> Snapshot:
    """Make a snapshot of some days ago, with them in its id."""
    snapshot_id = f"day-{age}"
    snapshot = make_snapshot(state, snapshot_id=snapshot_id, name=name or snapshot_id)

    return attrs.evolve(snapshot, created_at=None if age is None else NOW - timedelta(days=age))


def plan(*snapshots: Snapshot, **rules: Any) -> PrunePlan:
    """Plan on the 31st."""
    return plan_prune(snapshots, **{"now": NOW, **rules})


def deleted(plan: PrunePlan) -> list[str]:
    """Return the ids of what a plan deletes, in its order."""
    return [snapshot.id for snapshot in plan.to_delete]


FIVE = [made(age) for age in (1, 2, 3, 4, 5)]


class TestThePlan:
    """It is a function of what was listed, and sends nothing."""

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            pytest.param({"keep_last": 1}, ["day-5", "day-4", "day-3", "day-2"], id="one"),
            pytest.param({"keep_last": 3}, ["day-5", "day-4"], id="three"),
            pytest.param({"keep_last": 9}, [], id="more than there are"),
            pytest.param({"keep_within": timedelta(days=3)}, ["day-5", "day-4"], id="three days"),
            pytest.param(
                {"keep_within": timedelta(hours=1)},
                ["day-5", "day-4", "day-3", "day-2"],
                id="the newest is older",
            ),
            pytest.param({"keep_within": timedelta.max}, [], id="for ever"),
            pytest.param(
                {"keep_last": 2, "keep_within": timedelta(days=4)}, ["day-5"], id="days keep more"
            ),
            pytest.param(
                {"keep_last": 4, "keep_within": timedelta(days=1)}, ["day-5"], id="places keep more"
            ),
        ],
    )
    def test_deletes_what_no_rule_keeps(self, rules: dict[str, Any], expected: list[str]) -> None:
        """Of two rules, either keeps; the oldest goes first."""
        assert deleted(plan(*FIVE, **rules)) == expected

    def test_nothing_comes_of_nothing(self) -> None:
        """An instance without snapshots has an empty plan."""
        assert plan(keep_last=1) == PrunePlan(entries=())

    def test_gives_its_reasons(self) -> None:
        """A line for each snapshot, the oldest first, those of no known age before them."""
        shown = plan(
            made(None),
            made(0.5, "Pending"),
            made(1, "Failed"),
            made(2),
            made(3),
            made(4, "Error"),
            made(5),
            made(8),
            made(9, "Failed"),
            keep_last=2,
            keep_within=A_WEEK,
        )

        assert str(shown).splitlines() == [
            "keep day-None (day-None): Civo does not say when it was made",
            "delete day-9 (day-9): it has failed, and a complete one is newer",
            "delete day-8 (day-8): not one of the newest 2 complete ones, not made within 7 days",
            "keep day-5 (day-5): made within 7 days",
            "keep day-4 (day-4): made within 7 days",
            "keep day-3 (day-3): one of the newest 2 complete ones",
            "keep day-2 (day-2): the newest complete one",
            "keep day-1 (day-1): it has failed, and no complete one is newer",
            "keep day-0.5 (day-0.5): it is pending: the snapshot is Pending",
        ]

    @pytest.mark.parametrize(
        ("span", "words"),
        [
            (timedelta(days=1), "not made within 1 day"),
            (timedelta(days=30), "not made within 30 days"),
            (timedelta(hours=36), "not made within 1 day, 12:00:00"),
        ],
    )
    def test_shows_a_time_in_words(self, span: timedelta, words: str) -> None:
        """Full days as days."""
        (entry, _) = plan(made(99), made(0), keep_within=span).entries

        assert entry.reason == words

    def test_only_complete_ones_take_a_place(self) -> None:
        """Pending and failed ones do not push a complete one out."""
        shown = plan(made(1, "Pending"), made(2, "Failed"), made(3), made(4), made(5), keep_last=2)

        assert deleted(shown) == ["day-5"]

    def test_failed_ones_go_when_a_complete_one_is_newer(self) -> None:
        """Without one, they stay, as they show why there is none."""
        failed = [made(age, "Failed") for age in (1, 3)]

        assert deleted(plan(*failed, keep_last=1)) == []
        assert deleted(plan(*failed, made(2), keep_last=1)) == ["day-3"]

    def test_a_volume_that_has_failed_is_a_failure(self) -> None:
        """However complete the snapshot's own state is."""
        broken = attrs.evolve(
            make_snapshot("Complete", {"vol-1": "Failed"}), created_at=NOW - timedelta(days=1)
        )

        assert plan(broken, made(2), made(3), keep_last=1).to_keep == (made(2), broken)

    def test_a_volume_that_is_pending_is_left_alone(self) -> None:
        """It counts for nothing either: the newest complete one is an older one."""
        late = attrs.evolve(
            make_snapshot("Complete", {"vol-1": "Pending"}), created_at=NOW - timedelta(days=1)
        )

        assert plan(late, made(2), made(3), keep_last=1).to_keep == (made(2), late)

    def test_a_prefix_leaves_other_names_alone(self) -> None:
        """They are not counted either."""
        nightly = [made(age, name=f"nightly-{age}") for age in (1, 2, 3)]

        shown = plan(made(0), made(9), *nightly, keep_last=2, name_prefix="nightly-")

        assert deleted(shown) == ["day-3"]
        assert shown.entries[0].reason == "its name does not begin with 'nightly-'"

    def test_those_of_the_same_second_are_kept_together(self) -> None:
        """Nothing shows which one is newer."""
        twins = [attrs.evolve(made(1), id=snapshot_id) for snapshot_id in ("a", "b")]

        assert deleted(plan(*twins, made(2), keep_last=1)) == ["day-2"]

    def test_the_present_is_the_default(self) -> None:
        """Of the machine's clock, in UTC."""
        now = datetime.now(UTC)
        fresh, stale, newest = (
            attrs.evolve(made(age), created_at=now - timedelta(days=age)) for age in (6, 8, 1)
        )

        assert plan_prune([fresh, stale, newest], keep_within=A_WEEK).to_delete == (stale,)

    @pytest.mark.parametrize(
        ("rules", "error", "says"),
        [
            ({}, ValueError, "nothing says what to keep: give keep_last, keep_within or both"),
            ({"name_prefix": "nightly-"}, ValueError, "nothing says what to keep"),
            ({"keep_last": 0}, ValueError, "keep_last must be at least 1, not 0"),
            ({"keep_last": True}, TypeError, "keep_last must be a whole number"),
            ({"keep_last": 2.0}, TypeError, "keep_last must be a whole number"),
            ({"keep_within": 7}, TypeError, "keep_within must be a timedelta, not 7"),
            ({"keep_within": timedelta(0)}, ValueError, "keep_within must be more than no time"),
            ({"keep_within": -A_WEEK}, ValueError, "keep_within must be more than no time"),
            ({"keep_last": 1, "name_prefix": ""}, ValueError, "name_prefix must not be empty"),
            ({"keep_last": 1, "name_prefix": 5}, TypeError, "name_prefix must be a string"),
            ({"keep_last": 1, "now": "today"}, TypeError, "now must be a datetime, not 'today'"),
            (
                {"keep_last": 1, "now": NOW.replace(tzinfo=None)},
                ValueError,
                "now must be timezone-aware",
            ),
        ],
    )
    def test_refuses_rules_that_are_none(
        self, rules: dict[str, Any], error: type[Exception], says: str
    ) -> None:
        """With the argument and the rule."""
        with pytest.raises(error, match=says):
            plan(**rules)

    @pytest.mark.parametrize("field", ["instance_id", "region"])
    def test_refuses_snapshots_of_several_instances(self, field: str) -> None:
        """The newest of one instance is no backup of another."""
        change: Any = {field: "another"}
        elsewhere = attrs.evolve(made(2), **change)

        with pytest.raises(ValueError, match=r"for one instance, not for several: .*another"):
            plan(made(1), elsewhere, keep_last=1)

    def test_refuses_a_snapshot_that_is_given_twice(self) -> None:
        """It would count twice."""
        with pytest.raises(ValueError, match="not twice: day-1"):
            plan(made(1), made(1), made(2), keep_last=1)

    def test_can_be_pickled(self) -> None:
        """A plan that a person has to approve may wait elsewhere."""
        shown = plan(*FIVE, keep_last=1)

        assert pickle.loads(pickle.dumps(shown)) == shown  # noqa: S301


STATES = st.sampled_from(["Complete", "completed", "Pending", "", "Odd", "Failed"])
SNAPSHOTS = st.lists(
    st.builds(
        lambda days, *what, **more: attrs.evolve(
            make_snapshot(*what, **more),
            created_at=None if days is None else NOW - timedelta(days=days),
        ),
        st.none() | st.integers(-1, 20),
        STATES,
        st.dictionaries(st.sampled_from(["vol-1", "vol-2"]), STATES),
        snapshot_id=st.integers(0, 99).map(str),
        name=st.sampled_from(["nightly-1", "weekly-1"]),
    ),
    unique_by=lambda snapshot: snapshot.id,
)
LAST = st.integers(1, 9)
RULES = st.fixed_dictionaries(
    {"keep_last": LAST},
    optional={
        "keep_within": st.integers(1, 20).map(lambda days: timedelta(days=days)),
        "name_prefix": st.just("nightly-"),
    },
)


class TestItsLaws:
    """Whatever was listed, and whatever the rules."""

    @given(SNAPSHOTS, RULES)
    def test_the_newest_complete_one_survives(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Among those that the plan is about, and so among all of that name."""
        shown = plan(*snapshots, **rules)

        concerned = [s for s in snapshots if s.name.startswith(rules.get("name_prefix", ""))]
        dates = [s.created_at for s in concerned if s.is_complete and s.created_at]
        newest = max(dates, default=None)
        assert not [s for s in shown.to_delete if s.is_complete and s.created_at == newest]

    @given(SNAPSHOTS, RULES)
    def test_what_is_pending_or_undated_is_never_deleted(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Nor what is called otherwise."""
        for snapshot in plan(*snapshots, **rules).to_delete:
            assert snapshot.phase is not Phase.PENDING
            assert snapshot.created_at is not None
            assert snapshot.name.startswith(rules.get("name_prefix", ""))

    @given(SNAPSHOTS, RULES, LAST)
    def test_keeping_more_deletes_no_other(
        self, snapshots: list[Snapshot], rules: dict[str, Any], more: int
    ) -> None:
        """With a greater `keep_last`, nothing is deleted that was not before."""
        few = plan(*snapshots, **rules)
        many = plan(*snapshots, **{**rules, "keep_last": rules["keep_last"] + more})

        assert set(deleted(many)) <= set(deleted(few))

    @given(SNAPSHOTS, RULES)
    def test_each_is_deleted_or_kept(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Once, and with a reason."""
        shown = plan(*snapshots, **rules)

        both = sorted(snapshot.id for snapshot in (*shown.to_delete, *shown.to_keep))
        assert both == sorted(snapshot.id for snapshot in snapshots)
        assert all(entry.reason for entry in shown.entries)

    @given(SNAPSHOTS, RULES, st.randoms(use_true_random=False))
    def test_the_order_does_not_matter(
        self, snapshots: list[Snapshot], rules: dict[str, Any], random: Any
    ) -> None:
        """A list may come in any."""
        shuffled = random.sample(snapshots, len(snapshots))

        assert plan(*shuffled, **rules) == plan(*snapshots, **rules)

    @given(SNAPSHOTS, RULES, st.data())
    def test_an_unreadable_entry_deletes_no_other(
        self, snapshots: list[Snapshot], rules: dict[str, Any], data: st.DataObject
    ) -> None:
        """A list of which some could not be read deletes no more than the list of all."""
        readable = [each for each in snapshots if data.draw(st.booleans())]

        assert set(deleted(plan(*readable, **rules))) <= set(deleted(plan(*snapshots, **rules)))

    @given(SNAPSHOTS, LAST)
    def test_as_many_complete_ones_are_kept_as_were_requested(
        self, snapshots: list[Snapshot], keep_last: int
    ) -> None:
        """Or all there are."""
        shown = plan(*snapshots, keep_last=keep_last)

        def complete(some: tuple[Snapshot, ...]) -> int:
            return len([s for s in some if s.is_complete and s.created_at])

        assert complete(shown.to_keep) >= min(keep_last, complete(tuple(snapshots)))


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
            ("INFO", "snapshot day-4 (day-4) of instance web-1 was deleted already"),
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
        refusal = faults.status(404, code="database_account_not_found")
        civo.inject("delete", faults.reset("midway"), refusal)

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
