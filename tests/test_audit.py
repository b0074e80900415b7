"""Audits: what is wrong with the snapshots of which instance, by how many requests."""

import asyncio
import json
import pickle
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from civo_snapshots_async import (
    AuditEntry,
    AuditReport,
    AuditViolationError,
    AuthenticationError,
    Instance,
    RateLimitedError,
    RegionNotFoundError,
    RetryPolicy,
    ServerError,
    SessionClosedError,
    Snapshot,
    SnapshotQuota,
    SnapshotSession,
    TransportError,
    VolumeStatus,
)
from civo_snapshots_async._audit_judgement import AuditRules, judge
from civo_snapshots_async._sentences import enumerated, spoken
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEB = Instance(id="i-1", hostname="web-1")
DAY = timedelta(days=1)
RULES = AuditRules(max_age=26 * 3600, max_pending=3600, min_count=1)


def snap(
    hours: float | None, state: str = "Complete", *, name: str = "nightly", volume: str = ""
) -> Snapshot:
    """Make a snapshot that is so many hours old; `None` is for one without a date."""
    return Snapshot(
        id=f"snap-{hours}",
        name=name,
        state=state,
        volumes=(VolumeStatus(id="vol-1", state=volume or state),),
        created_at=None if hours is None else NOW - timedelta(hours=hours),
        instance_id="i-1",
        region="LON1",
    )


def judged(*snapshots: Snapshot, **rules: Any) -> AuditEntry:
    """Judge an instance by its snapshots."""
    return judge(WEB, snapshots, attrs.evolve(RULES, **rules), NOW, "instance")


def found(entry: AuditEntry) -> list[tuple[str, str]]:
    """Return the kinds and reasons of what is wrong."""
    return [(violation.kind, violation.reason) for violation in entry.violations]


class TestJudgement:
    """One instance, by all of its snapshots; nothing is sent."""

    def test_one_that_is_young_and_complete_is_enough(self) -> None:
        """The newest is named, with its age."""
        entry = judged(snap(50), snap(3), snap(27))

        assert entry.is_ok
        assert entry == AuditEntry(
            instance_id="i-1",
            hostname="web-1",
            newest=snap(3),
            age=timedelta(hours=3),
            complete=3,
            source="instance",
        )
        assert str(entry) == "web-1 (i-1): nightly (snap-3) is 3 h old, 3 complete"

    @pytest.mark.parametrize(
        ("snapshots", "says"),
        [
            ([], [("none_complete", "it has no snapshot at all")]),
            (
                [snap(0.5, "Pending")],
                [("none_complete", "it has no complete snapshot: nightly (snap-0.5) is pending")],
            ),
            (
                [snap(1, "Complete", volume="Pending")],
                [("none_complete", "it has no complete snapshot: nightly (snap-1) is pending")],
            ),
            (
                [snap(1, "Failed")],
                [
                    ("none_complete", "it has no complete snapshot: nightly (snap-1) is failed"),
                    (
                        "newest_failed",
                        (
                            "the newest, nightly (snap-1), has failed: the snapshot is Failed, "
                            "volume vol-1 is Failed"
                        ),
                    ),
                ],
            ),
            (
                [snap(50)],
                [
                    (
                        "too_old",
                        ("the newest complete snapshot, nightly (snap-50), is 50 h old, more than "
                        "26 h"),
                    )
                ],
            ),
            (
                [snap(3), snap(2, "Failed", volume="Complete")],
                [
                    (
                        "newest_failed",
                        "the newest, nightly (snap-2), has failed: the snapshot is Failed",
                    )
                ],
            ),
            (
                [snap(3), snap(2, "Pending", volume="Complete")],
                [
                    (
                        "pending_too_long",
                        (
                            "nightly (snap-2) has been pending for 2 h, more than 60 min: the "
                            "snapshot is Pending"
                        ),
                    )
                ],
            ),
            (
                [snap(None)],
                [
                    (
                        "undated",
                        "no complete snapshot has a date that can be true, so its age is not known",
                    )
                ],
            ),
        ],
        ids=[
            "none", "pending", "a volume pending", "failed", "old", "the newest failed", "stuck",
            "undated",
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_reported_in_words(
        self, snapshots: list[Snapshot], says: list[tuple[str, str]]
    ) -> None:
        """Each kind once."""
        assert found(judged(*snapshots)) == says

    @pytest.mark.parametrize(
        "snapshots",
        [
            [snap(26)],
            [snap(3), snap(3.5, "Failed")],
            [snap(3), snap(1, "Pending")],
            [snap(3), snap(None, "Pending")],
            [snap(3), snap(None, "Failed")],
            [snap(3), snap(70, "Deleting")],
            [snap(3), snap(-1, "Failed")],
            [snap(-0.05)],
        ],
        ids=[
            "of that very age", "an older failure", "pending for that very time",
            "pending without a date", "failed without a date", "being deleted",
            "failed in the future", "clocks that differ a little",
        ],
    )  # fmt: skip
    def test_what_is_no_violation(self, snapshots: list[Snapshot]) -> None:
        """At the limit, or of no proof."""
        assert judged(*snapshots).is_ok

    def test_one_that_is_being_deleted_is_no_copy(self) -> None:
        """It may be gone when it is needed."""
        entry = judged(snap(1, " DELETING ", volume="Complete"))

        assert (entry.complete, found(entry)[0][1]) == (0, "it has no snapshot at all")

    def test_of_the_same_second_none_is_the_newer_one(self) -> None:
        """The failure may have come last."""
        assert [kind for kind, _ in found(judged(snap(3), snap(3, "Failed")))] == ["newest_failed"]

    @pytest.mark.parametrize("hours", [-1.0, -24 * 365.0])
    def test_a_date_in_the_future_is_none(self, hours: float) -> None:
        """It would stay young for ever."""
        assert [kind for kind, _ in found(judged(snap(hours)))] == ["undated"]

    def test_of_an_age_below_none_there_is_none(self) -> None:
        """As two clocks may come to."""
        assert judged(snap(-0.05)).age == timedelta(0)

    def test_the_oldest_that_is_stuck_is_named(self) -> None:
        """There may be several."""
        (violation,) = judged(snap(3), snap(7, "Pending"), snap(2, "Odd")).violations

        assert violation.snapshot == snap(7, "Pending")

    @pytest.mark.parametrize(
        ("count", "says"),
        [
            (1, []),
            (2, []),
            (3, [("too_few", "it has 2 complete snapshots, fewer than 3")]),
        ],
    )
    def test_old_ones_count_as_well(self, count: int, says: list[tuple[str, str]]) -> None:
        """`min_count` is how many there are to go back to."""
        entry = judged(snap(3), snap(500), snap(0.1, "Pending"), min_count=count)

        assert found(entry) == says

    def test_none_at_all_is_not_too_few_as_well(self) -> None:
        """It is said once."""
        assert [kind for kind, _ in found(judged(min_count=3))] == ["none_complete"]

    def test_a_name_of_the_servers_stays_on_its_line(self) -> None:
        """It can't be taken for a line of the report."""
        entry = judge(
            Instance(id="i-1", hostname="web\n  db-1: ok"),
            [snap(50, name="a\nb")],
            RULES,
            NOW,
            "instance",
        )

        assert "\n" not in str(entry)


STATES = st.sampled_from(["Complete", "Failed", "Pending", "Odd", "", "Deleting"])
SNAPSHOTS = st.lists(
    st.builds(
        snap, st.none() | st.floats(-100, 100), STATES, name=st.just("a"), volume=STATES
    ),
    max_size=5,
)  # fmt: skip


@given(SNAPSHOTS)
def test_all_is_well_only_with_a_young_complete_snapshot(snapshots: list[Snapshot]) -> None:
    """A law: whatever else there is."""
    entry = judged(*snapshots)

    if entry.is_ok:
        assert entry.newest is not None
        assert entry.newest.is_complete
        assert entry.newest.created_at is not None
        assert NOW - entry.newest.created_at <= timedelta(hours=26)


@given(SNAPSHOTS, SNAPSHOTS)
def test_each_kind_is_reported_once_and_the_order_does_not_matter(
    some: list[Snapshot], more: list[Snapshot]
) -> None:
    """A law: a list may come in any order."""
    one, other = judged(*some, *more), judged(*more, *some)
    kinds = [violation.kind for violation in one.violations]

    assert len(kinds) == len(set(kinds))
    assert kinds == [violation.kind for violation in other.violations]
    assert one.age == other.age


@pytest.fixture
def _three(civo: FakeCivo) -> None:
    """Have one that is well, one that is not, and one that is gone."""
    civo.add_instance("db-1")
    civo.add_instance("old-1")
    civo.add_snapshot("web-1", "snap-1", name="nightly", age=3 * 3600)
    civo.add_snapshot("db-1", "snap-2", name="weekly", age=50 * 3600)
    civo.add_snapshot("old-1", "snap-3", name="last", age=900 * 3600)
    civo.remove_instance("old-1")
    civo.snapshot_quota = 100


def kinds_of(civo: FakeCivo) -> Counter[str]:
    """Count the requests by kind."""
    return Counter(request.kind for request in civo.requests)


@pytest.mark.usefixtures("_three")
class TestRequests:
    """One list for all where the server has it, else one for each."""

    async def test_the_account_wide_list_covers_all(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Three requests, and none for an instance."""
        report = await session.audit(max_age=timedelta(hours=26))

        assert kinds_of(civo) == {"list_resource_snapshots": 1, "get_quota": 1, "list_instances": 1}
        assert [(each.instance_id, each.is_ok, each.source) for each in report.entries] == [
            ("db-1", False, "account"),
            ("web-1", True, "account"),
        ]
        assert [(each.kind, each.instance_id) for each in report.violations] == [
            ("too_old", "db-1")
        ]
        assert report.orphans is not None
        assert [each.id for each in report.orphans] == ["snap-3"]
        assert report.quota == SnapshotQuota(limit=100, used=3)
        assert (report.region, report.notes, report.is_ok) == ("FAKE1", (), False)

    async def test_a_thousand_instances_are_four_requests_at_most(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Some of them in violation, some without any snapshot."""
        for number in range(998):
            civo.add_instance(f"node-{number}")
            if number % 10:
                civo.add_snapshot(f"node-{number}", age=number * 100)

        report = await session.audit(max_age=DAY)

        assert len(report.entries) == 1000
        assert 200 < len(report.violations) < 300
        assert len(civo.requests) <= 4

    @pytest.mark.parametrize(
        "fault",
        [
            faults.status(404, body="404 page not found"),
            faults.status(403, code="database_account_access_denied"),
            faults.status(501),
            faults.status(405),
            faults.bad_json(b"{}"),
            faults.bad_json(b'[{"id": 5}]'),
            faults.bad_json(b"<html>"),
        ],
        ids=repr,
    )
    async def test_without_it_each_instance_has_its_own(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault
    ) -> None:
        """The same is found, but for the snapshots of those that are gone."""
        expected = await session.audit(max_age=DAY)
        civo.inject("list_resource_snapshots", fault)

        report = await session.audit(max_age=DAY)

        assert list(map(str, report.violations)) == list(map(str, expected.violations))
        assert [each.source for each in report.entries] == ["instance", "instance"]
        assert report.orphans is None
        assert report.notes[0].startswith("the account-wide list could not be used: ")
        assert kinds_of(civo)["list"] == 2

    async def test_a_list_that_fails_for_itself_is_done_without(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """After its retries."""
        civo.inject("list_resource_snapshots", *[faults.status(500)] * 3)

        report = await session.audit(max_age=DAY)

        assert [each.source for each in report.entries] == ["instance", "instance"]

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (faults.status(401), AuthenticationError),
            (faults.status(404, code="database_account_not_found"), AuthenticationError),
            (faults.status(404, code="database_region_not_found"), RegionNotFoundError),
            (faults.rate_limited(1), RateLimitedError),
            (faults.close(), TransportError),
        ],
        ids=lambda value: repr(value) if isinstance(value, faults.Fault) else None,
    )
    async def test_what_every_list_would_get_is_raised(
        self,
        civo: FakeCivo,
        fake_clock: FakeClock,
        fault: faults.Fault,
        error: type[Exception],
    ) -> None:
        """A thousand requests more would not help."""
        civo.inject("list_resource_snapshots", fault)

        async with SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, retry=None, clock=fake_clock
        ) as session:
            with pytest.raises(error):
                await session.audit(max_age=DAY)

        assert len(civo.requests) == 1

    async def test_a_state_that_is_not_known_is_for_the_own_list(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A test of Civo's own has "available" in the account-wide list."""
        civo.snapshot("web-1", "snap-1").script = scripts.reports("available")

        report = await session.audit(max_age=DAY)

        assert {each.instance_id: each.source for each in report.entries} == {
            "web-1": "instance",
            "db-1": "account",
        }

    async def test_a_quota_that_cannot_be_read_is_none(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It says so."""
        civo.inject("get_quota", faults.status(403))

        report = await session.audit(max_age=DAY)

        assert report.quota is None
        assert [note.partition(":")[0] for note in report.notes] == ["the quota could not be read"]

    async def test_a_refused_token_is_raised_by_the_quota_as_well(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is no matter of the quota."""
        civo.inject("get_quota", faults.status(401))

        with pytest.raises(AuthenticationError):
            await session.audit(max_age=DAY)

    async def test_instances_that_cannot_be_listed_are_no_audit(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Not even of those that the snapshots name."""
        civo.inject("list_instances", faults.status(403))

        with pytest.raises(Exception, match="403"):
            await session.audit(max_age=DAY)

    async def test_another_region_is_audited_by_an_option(self, fake_clock: FakeClock) -> None:
        """All its requests go there."""
        async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
            civo.add_instance("web-2", region="FAKE2")
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                report = await session.audit(max_age=DAY, region="FAKE2")

        assert [each.instance_id for each in report.entries] == ["web-2"]
        assert {request.query["region"] for request in civo.requests} == {"FAKE2"}
        assert report.region == "FAKE2"


class TestOwnLists:
    """Where the account-wide list does not say whose the snapshots are."""

    @pytest.fixture
    async def civo(self, fake_clock: FakeClock) -> Any:
        """Have such a Civo."""
        async with FakeCivo(clock=fake_clock, account_list_ids="snapshot") as civo:
            civo.add_instance("web-1")
            yield civo

    @pytest.mark.usefixtures("_three")
    async def test_what_is_on_no_list_is_of_an_instance_that_is_gone(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """By exclusion, as all lists were read."""
        report = await session.audit(max_age=DAY)

        assert kinds_of(civo)["list"] == 2
        assert report.orphans is not None
        assert [each.id for each in report.orphans] == ["snap-3"]
        assert [each.instance_id for each in report.violations] == ["db-1"]
        assert report.notes == (
            "the account-wide list does not name the instances: their own lists were read",
        )

    @pytest.mark.usefixtures("_three")
    async def test_nothing_is_excluded_by_some_of_the_lists(self, session: SnapshotSession) -> None:
        """A snapshot on another one would be taken for one of nobody's."""
        report = await session.audit(["web-1"], max_age=DAY)

        assert report.orphans is None

    @pytest.mark.usefixtures("_three")
    async def test_nor_where_one_could_not_be_read(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The rest of the report stands."""
        civo.inject("list", faults.status(400))

        report = await session.audit(max_age=DAY)

        assert report.orphans is None
        assert len(report.entries) == 2

    @pytest.mark.usefixtures("_three")
    async def test_what_one_list_gets_is_that_instances_violation(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """What was not checked is not well."""
        civo.inject("list", *[faults.status(500)] * 9)

        report = await session.audit(["web-1"], max_age=DAY)

        (entry,) = report.entries
        assert [violation.kind for violation in entry.violations] == ["unknown"]
        assert "its snapshots could not be listed: GET" in str(entry)
        assert isinstance(entry.error, ServerError)
        assert report.to_dict()["entries"][0]["error"]["type"] == "ServerError"

    async def test_an_instance_that_is_deleted_meanwhile_is_not_there(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It was listed, and its own list says otherwise."""
        civo.add_snapshot("web-1")
        civo.inject("list", faults.status(404, code="database_instance_find"))

        (violation,) = (await session.audit(max_age=DAY)).violations

        assert (violation.kind, violation.reason) == (
            "not_found",
            "there is no such instance in FAKE1",
        )

    async def test_an_entry_that_cannot_be_read_is_noted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The others are judged."""
        civo.add_snapshot("web-1")
        item = '{"id": "snap-1", "name": "a", "status": {"state": "Complete"}, "created_at": '
        body = f'[{item}"2025-04-01T08:00:00Z"}}, {{"id": "snap-2", "name": 5}}]'
        civo.inject("list", faults.bad_json(body.encode()))

        report = await session.audit(max_age=DAY)

        assert report.is_ok
        assert report.notes[1:] == (
            "web-1: 1 snapshot could not be read, and not judged",
            (
                "of 1 instance the newest complete snapshot was listed without its volumes: one of "
                "them may still be pending"
            ),
        )

    async def test_no_more_than_ten_are_read_at_once(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """An audit is no load."""
        for number in range(29):
            civo.add_instance(f"node-{number}")
        civo.add_snapshot("web-1")
        civo.inject("list", *[faults.delay(1)] * 30)

        await session.audit(max_age=DAY)

        at = Counter(request.at for request in civo.requests if request.kind == "list")
        assert sorted(at.values()) == [10, 10, 10]
        assert fake_clock.now() == pytest.approx(3)

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (faults.status(401), AuthenticationError),
            (faults.status(404, code="database_region_not_found"), RegionNotFoundError),
        ],
    )
    async def test_what_every_instance_would_get_ends_it(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fault: faults.Fault,
        error: type[Exception],
    ) -> None:
        """A token may be revoked in between."""
        for number in range(40):
            civo.add_instance(f"node-{number}")
        civo.add_snapshot("web-1")
        civo.inject("list", *[fault] * 41)

        with pytest.raises(error):
            await session.audit(max_age=DAY)

        assert kinds_of(civo)["list"] <= 10

    @staticmethod
    async def is_listing(civo: FakeCivo, session: SnapshotSession) -> asyncio.Task[AuditReport]:
        """Start an audit that hangs in an own list."""
        civo.inject("list", faults.hang())
        audit = asyncio.create_task(session.audit(max_age=DAY))
        while not kinds_of(civo)["list"]:  # noqa: ASYNC110 - a request sets no event
            await asyncio.sleep(0)
        return audit

    async def test_closing_the_session_ends_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With the error that says so."""
        civo.add_snapshot("web-1")
        audit = await self.is_listing(civo, session)

        await session.aclose()

        with pytest.raises(SessionClosedError):
            await audit

    async def test_canceled_it_leaves_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """No task goes on."""
        civo.add_snapshot("web-1")
        audit = await self.is_listing(civo, session)

        audit.cancel()

        with pytest.raises(asyncio.CancelledError):
            await audit


class TestInstances:
    """Those given, or all."""

    @pytest.mark.usefixtures("_three")
    async def test_those_given_are_audited_alone(self, session: SnapshotSession) -> None:
        """In their order; each once."""
        report = await session.audit(["web-1", "db-1", "WEB-1"], max_age=DAY)

        assert [each.instance_id for each in report.entries] == ["web-1", "db-1"]
        assert [each.instance_id for each in report.violations] == ["db-1"]

    async def test_one_is_known_by_its_host_name_as_well(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Or as the `Instance` itself."""
        civo.add_instance("69a23478", hostname="shop.example.com")
        instance = await session.find_instance("69a23478")

        report = await session.audit([instance, "shop.example.com"], max_age=DAY)

        assert [each.instance_id for each in report.entries] == ["69a23478"]
        assert report.entries[0].hostname == "shop.example.com"

    async def test_all_with_one_host_name_are_meant_by_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """None is left out by a guess."""
        for instance_id in ("i-1", "i-2"):
            civo.add_instance(instance_id).hostname = "twin"

        report = await session.audit(["twin"], max_age=DAY)

        assert [each.instance_id for each in report.entries] == ["i-1", "i-2"]

    async def test_an_id_goes_before_a_host_name(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As in Civo's paths."""
        civo.add_instance("i-1").hostname = "web-1"

        report = await session.audit(["web-1"], max_age=DAY)

        assert [each.instance_id for each in report.entries] == ["web-1"]

    async def test_one_that_is_not_there_is_a_violation(self, session: SnapshotSession) -> None:
        """Its name may be wrong, or the region."""
        report = await session.audit(["web-9"], max_age=DAY)

        assert str(report.violations[0]) == "web-9: there is no such instance in FAKE1"

    async def test_a_region_without_instances_is_noted(self, fake_clock: FakeClock) -> None:
        """It may be the wrong one."""
        async with (
            FakeCivo(clock=fake_clock) as civo,
            SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session,
        ):
            civo.add_instance("web-1")
            civo.add_snapshot("web-1", "snap-1")
            civo.remove_instance("web-1")
            report = await session.audit(max_age=DAY)

        assert report.is_ok
        assert report.notes[0] == "there is no instance in the region"
        assert report.orphans is not None
        assert [each.id for each in report.orphans] == ["snap-1"]

    @pytest.mark.parametrize(
        ("wrong", "error", "says"),
        [
            ({"instances": "web-1"}, TypeError, "must be several, not the one string 'web-1'"),
            ({"instances": []}, ValueError, "instances is empty"),
            ({"instances": ["a/b"]}, ValueError, "an instance must be 1 to 128 letters"),
            ({"instances": [5]}, TypeError, "an instance must be a string"),
            ({"max_age": 0}, ValueError, "max_age must be a finite number of seconds"),
            ({"max_pending": -1}, ValueError, "max_pending must be a finite number"),
            ({"min_count": 0}, ValueError, "min_count must be at least 1"),
            ({"min_count": 1.5}, TypeError, "min_count must be a whole number"),
        ],
    )
    async def test_wrong_use_is_refused(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        wrong: dict[str, Any],
        error: type[Exception],
        says: str,
    ) -> None:
        """Before anything is sent."""
        with pytest.raises(error, match=says):
            await session.audit(**{"max_age": DAY, **wrong})

        assert civo.requests == []


class Fleet:
    """Some instances with some snapshots, in one of the ways in which a Civo may show them."""

    def __init__(self, ages: list[list[tuple[float, str]]]) -> None:
        self.ages = ages

    async def audit(self, ids: Any) -> tuple[AuditReport, int]:
        """Audit it, and count the requests."""
        clock = FakeClock()
        async with FakeCivo(clock=clock, account_list_ids=ids) as civo:
            # One is well in any case, so that the account-wide list names one that is there.
            civo.add_instance("first")
            civo.add_snapshot("first", "snap-first")
            self.fill(civo)
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=clock
            ) as session:
                return await session.audit(max_age=DAY), len(civo.requests)

    def fill(self, civo: FakeCivo) -> None:
        """Add what there is; the last instance is gone again."""
        for number, snapshots in enumerate(self.ages):
            civo.add_instance(f"i-{number}")
            for age, state in snapshots:
                script = scripts.reports(state) if state else scripts.stuck()
                civo.add_snapshot(f"i-{number}", age=age * 3600, script=script)
        if self.ages:
            civo.remove_instance(f"i-{len(self.ages) - 1}")


@settings(max_examples=15)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.floats(0, 60), st.sampled_from(["Complete", "Failed", "Pending", "odd", ""])
            ),
            max_size=3,
        ),
        max_size=4,
    )
)
def test_both_ways_find_the_same(ages: list[list[tuple[float, str]]]) -> None:
    """A law: fewer requests find no less."""
    (one, few), (each, _) = (
        asyncio.run(Fleet(ages).audit("instance")),
        asyncio.run(Fleet(ages).audit("snapshot")),
    )

    assert [found(entry) for entry in one.entries] == [found(entry) for entry in each.entries]
    assert [entry.age for entry in one.entries] == [entry.age for entry in each.entries]
    assert one.orphans is not None
    assert each.orphans is not None
    assert {snapshot.id for snapshot in one.orphans} == {snapshot.id for snapshot in each.orphans}
    odd = sum(any(state == "odd" for _, state in snapshots) for snapshots in ages[:-1])
    assert few == 3 + odd


def entries() -> Iterator[AuditEntry]:
    """Give one that is well and some that are not."""
    yield judged(snap(3))
    yield judge(Instance(id='i-"2"', hostname="db\\1\n"), [snap(50)], RULES, NOW, "account")
    yield judge(Instance(id="i-3"), [], RULES, NOW, "account")


REPORT = AuditReport(
    region="LON1",
    made_at=NOW,
    entries=tuple(entries()),
    orphans=(snap(900, name="last"),),
    quota=SnapshotQuota(limit=100, used=41),
    notes=("a note",),
)


class TestReport:
    """For people, for JSON, for Prometheus, and for a job that fails."""

    def test_for_people_it_prints_what_is_wrong(self) -> None:
        """What is well is a number."""
        assert str(REPORT).splitlines() == [
            "LON1, 2026-11-23 12:00:00 UTC: 1 of 3 instances ok",
            (
                "  'db\\\\1\\n' (i-\"2\"): the newest complete snapshot, nightly (snap-50), is "
                "50 h old, more than 26 h"
            ),
            "  i-3: it has no snapshot at all",
            "1 snapshot of instances that are gone: last (snap-900)",
            "quota: 41 of 100 snapshots used, 59 left",
            "note: a note",
        ]

    def test_what_is_not_known_is_left_out(self) -> None:
        """It is not said to be none."""
        report = attrs.evolve(REPORT, orphans=None, quota=None, notes=())

        assert len(str(report).splitlines()) == 3
        assert "orphans" not in report.to_prometheus()
        assert "quota" not in report.to_prometheus()

    def test_json_has_all_of_it(self) -> None:
        """Times in RFC 3339, spans in seconds."""
        document = json.loads(json.dumps(REPORT.to_dict()))

        assert (document["is_ok"], document["made_at"]) == (False, "2026-11-23T12:00:00Z")
        assert document["entries"][0]["age"] == 3 * 3600
        assert document["entries"][0]["newest"]["id"] == "snap-3"
        assert document["entries"][2]["violations"] == [
            {
                "kind": "none_complete",
                "reason": "it has no snapshot at all",
                "instance_id": "i-3",
                "hostname": "",
                "snapshot": None,
            }
        ]
        assert document["orphans"][0]["id"] == "snap-900"
        assert document["quota"] == {"limit": 100, "used": 41}

    def test_prometheus_reads_it(self) -> None:
        """By its own parser, with names that need escaping."""
        families = {
            family.name: {
                tuple(sorted(sample.labels.items())): sample.value for sample in family.samples
            }
            for family in text_string_to_metric_families(REPORT.to_prometheus())
        }

        where = ("region", "LON1")
        web = (("hostname", "web-1"), ("instance_id", "i-1"), where)
        db = (("hostname", "db\\1\n"), ("instance_id", 'i-"2"'), where)
        bare = (("hostname", ""), ("instance_id", "i-3"), where)
        made = NOW.timestamp()
        assert families == {
            "civo_snapshots_audit_timestamp_seconds": {(where,): made},
            "civo_snapshots_audit_instances": {(where,): 3},
            "civo_snapshots_audit_instances_in_violation": {(where,): 2},
            "civo_snapshots_audit_violation": {
                (*db[:2], ("kind", "too_old"), where): 1,
                (*bare[:2], ("kind", "none_complete"), where): 1,
            },
            "civo_snapshots_newest_complete_timestamp_seconds": {
                web: made - 3 * 3600,
                db: made - 50 * 3600,
            },
            "civo_snapshots_complete": {web: 1, db: 1, bare: 0},
            "civo_snapshots_orphans": {(where,): 1},
            "civo_snapshots_quota_limit": {(where,): 100},
            "civo_snapshots_quota_used": {(where,): 41},
        }

    def test_a_fraction_of_a_second_is_kept(self) -> None:
        """A time need not be whole."""
        report = attrs.evolve(REPORT, made_at=NOW + timedelta(milliseconds=250))
        text = report.to_prometheus()

        assert f'{{region="LON1"}} {NOW.timestamp() + 0.25!r}\n' in text

    def test_a_job_can_fail_by_it(self) -> None:
        """With the violations, and the first few in words."""
        with pytest.raises(AuditViolationError) as caught:
            REPORT.raise_for_violations()

        assert caught.value.violations == REPORT.violations
        assert str(caught.value).startswith(
            "2 of 3 instances in LON1 are in violation: 'db\\\\1\\n' (i-\"2\"): the newest"
        )
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
        assert again.violations == REPORT.violations

    def test_of_one_its_text_is_of_one(self) -> None:
        """As people do."""
        report = attrs.evolve(REPORT, entries=REPORT.entries[2:])

        with pytest.raises(
            AuditViolationError, match=r"^1 of 1 instance in LON1 is in violation: "
        ):
            report.raise_for_violations()

    def test_nothing_is_raised_where_all_is_well(self) -> None:
        """It is a result."""
        attrs.evolve(REPORT, entries=REPORT.entries[:1]).raise_for_violations()

    def test_it_pickles(self) -> None:
        """To be sent elsewhere."""
        assert pickle.loads(pickle.dumps(REPORT)) == REPORT  # noqa: S301


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (-5, "0 s"), (0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"),
        (37 * 3600 + 59, "37 h"), (72 * 3600 - 1, "71 h"), (72 * 3600, "3 days"),
    ],
)  # fmt: skip
def test_a_span_is_shown_in_full_units(seconds: float, says: str) -> None:
    """The coarsest that still says something."""
    assert spoken(seconds) == says


def test_a_long_list_is_cut() -> None:
    """With how many more there are."""
    assert enumerated("abcde") == "a; b; c; d; e"
    assert enumerated("abcdefg") == "a; b; c; d; e; and 2 more"


async def test_retries_are_the_sessions(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """A transient fault is not in the report."""
    civo.add_snapshot("web-1")
    for kind in ("list_resource_snapshots", "get_quota", "list_instances"):
        civo.inject(kind, faults.status(503))

    async with SnapshotSession(
        civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock, retry=RetryPolicy()
    ) as session:
        report = await session.audit(max_age=DAY)

    assert (report.is_ok, report.notes, len(civo.requests)) == (True, (), 6)
