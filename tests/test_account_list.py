"""The account's list of snapshots, and its quota: two requests for all instances."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import DecodeError, Snapshot, SnapshotRef, SystemClock, VolumeStatus
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.codec import decode
from civo_snapshots_async._http.ledger import Ledger
from civo_snapshots_async._http.message import Response, RetrySafety
from civo_snapshots_async._models import SnapshotQuota
from civo_snapshots_async.testing import FakeCivo

from .make import caller_to, make_snapshot

LIST = endpoints.list_account_snapshots(region="LON1")
QUOTA = endpoints.get_quota(region="LON1")
# A test of the official Go client's has it like this.
ENTRY: dict[str, Any] = {
    "id": "12345",
    "name": "test-snapshot",
    "description": "Test snapshot",
    "resource_type": "instance",
    "created_at": "2023-01-01T12:00:00Z",
    "instance": {
        "id": "inst-12345",
        "name": "test-instance",
        "description": "Test instance",
        "status": {"state": "available"},
        "created_at": "2022-01-01T12:00:00Z",
    },
}


def respond(payload: object) -> Response:
    """Make a response of JSON."""
    return Response(status=200, body=json.dumps(payload).encode())


def read(entry: object) -> Snapshot:
    """Decode a list of one entry."""
    (snapshot,) = decode(LIST, respond([entry]))
    return snapshot


def within(**fields: Any) -> dict[str, Any]:
    """Change the official entry inside."""
    return {**ENTRY, "instance": {**ENTRY["instance"], **fields}}


class TestRequests:
    """Two reads of a region."""

    @pytest.mark.parametrize(
        ("request_", "path"), [(LIST, "/v2/resourcesnapshots"), (QUOTA, "/v2/quota")]
    )
    def test_they_may_be_retried(self, request_: Any, path: str) -> None:
        """They change nothing."""
        assert (request_.method, request_.path, request_.region) == ("GET", path, "LON1")
        assert request_.retry_safety is RetrySafety.ALWAYS
        assert request_.fields is None

    @pytest.mark.parametrize("build", [endpoints.list_account_snapshots, endpoints.get_quota])
    def test_a_region_that_is_none_is_refused(self, build: Any) -> None:
        """Before anything is sent."""
        with pytest.raises(ValueError, match="region must be"):
            build(region="lon1&x=y")


class TestTheList:
    """It becomes snapshots, as an instance's own list does."""

    def test_an_entry_of_the_official_client(self) -> None:
        """Names and times are the snapshot's, the state is what is inside."""
        assert read(ENTRY) == Snapshot(
            id="12345",
            name="test-snapshot",
            description="Test snapshot",
            state="available",
            created_at=datetime(2023, 1, 1, 12, tzinfo=UTC),
            instance_id="inst-12345",
            region="LON1",
        )

    def test_volumes_come_along(self) -> None:
        """Those included, and those reported."""
        status = {"state": "Complete", "volumes": [{"id": "a", "state": "Pending"}], "message": "x"}

        snapshot = read(within(included_volumes=["a", "b"], status=status))

        assert snapshot.included_volumes == ("a", "b")
        assert snapshot.volumes == (VolumeStatus(id="a", state="Pending"),)
        assert (snapshot.state, snapshot.message) == ("Complete", "x")

    @pytest.mark.parametrize(
        ("inner", "instance_id"),
        [
            ({"id": "web-1"}, "web-1"),
            ({"id": "12345"}, ""),
            ({"id": ""}, ""),
            ({"id": None}, ""),
            ({"id": 7}, ""),
            ({}, ""),
            (None, ""),
            ("web-1", ""),
        ],
        ids=[
            "another id",
            "its own id",
            "empty",
            "null",
            "a number",
            "absent",
            "null inside",
            "no",
        ],
    )
    def test_only_an_id_of_something_else_is_the_instances(
        self, inner: object, instance_id: str
    ) -> None:
        """Civo's tools differ on what it is, so its own proves nothing."""
        assert read({**ENTRY, "instance": inner}).instance_id == instance_id

    def test_an_id_is_the_same_in_any_case(self) -> None:
        """A server may write a UUID its own way."""
        assert read({**ENTRY, "id": "AB", "instance": {"id": "ab"}}).instance_id == ""

    @pytest.mark.parametrize("kind", ["instance", "Instance", "", None, 7])
    def test_a_snapshot_is_of_an_instance_unless_its_kind_is_another(self, kind: object) -> None:
        """In any case, and where it is missing."""
        assert read({**ENTRY, "resource_type": kind}).id == "12345"

    def test_a_snapshot_of_something_else_is_left_out(self) -> None:
        """It is no snapshot of an instance."""
        assert decode(LIST, respond([{**ENTRY, "resource_type": "volume"}])) == ()

    def test_one_without_a_kind_is_of_an_instance(self) -> None:
        """They were there first."""
        entry = {name: value for name, value in ENTRY.items() if name != "resource_type"}

        assert read(entry).id == "12345"

    @pytest.mark.parametrize("payload", [[], None])
    def test_it_may_be_empty(self, payload: object) -> None:
        """Or null, as Go writes an empty list."""
        assert decode(LIST, respond(payload)) == ()

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ("text", "[1]: expected an object, got a string"),
            ({**ENTRY, "id": 5}, "[1].id: expected a string, got the number 5"),
            ({"instance": {}}, "[1].id: expected a string, got null"),
            ({**ENTRY, "name": None}, "[1].name: expected a string, got null"),
            (within(status="odd"), "[1].status: expected an object, got a string"),
            (within(id="half \ud800"), "[1].instance_id: expected a string of whole characters"),
        ],
        ids=["no object", "id", "nothing", "name", "status", "instance"],
    )
    def test_an_entry_that_cannot_be_read_hides_no_other(self, entry: object, problem: str) -> None:
        """The error has the others."""
        with pytest.raises(DecodeError) as caught:
            decode(LIST, respond([ENTRY, entry]))

        assert caught.value.problems[0].startswith(problem)
        assert [snapshot.id for snapshot in caught.value.snapshots] == ["12345"]
        assert len(caught.value.unreadable) == 1

    def test_what_is_no_list_is_refused(self) -> None:
        """As a whole."""
        with pytest.raises(DecodeError, match="expected an array, got an object"):
            decode(LIST, respond({"items": []}))


class TestQuota:
    """How many snapshots there are, and may be."""

    def test_two_of_its_many_fields_are_read(self) -> None:
        """Those of snapshots of disks."""
        document = {"disk_snapshot_count_limit": 10, "disk_snapshot_count_usage": 4, "cpu_core": 1}

        quota = decode(QUOTA, respond(document))

        assert (quota.limit, quota.used, quota.left) == (10, 4, 6)
        assert quota.to_dict() == {"limit": 10, "used": 4}

    def test_nothing_is_left_of_a_quota_that_is_exceeded(self) -> None:
        """A limit may be lowered afterwards."""
        assert SnapshotQuota(limit=3, used=5).left == 0

    @pytest.mark.parametrize("value", [None, "7", 1.5, True, -1, [], {}])
    def test_a_number_is_a_number(self, value: object) -> None:
        """Nothing is guessed."""
        document = {"disk_snapshot_count_limit": value, "disk_snapshot_count_usage": 4}

        with pytest.raises(DecodeError, match="disk_snapshot_count_limit: expected a whole number"):
            decode(QUOTA, respond(document))

    def test_what_is_no_object_is_refused(self) -> None:
        """As a whole."""
        with pytest.raises(DecodeError, match="expected an object, got an array"):
            decode(QUOTA, respond([]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "name", "instance", "status", "resource_type", "volumes"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_decodes_or_raises_a_decode_error(payload: object) -> None:
    """A law of both."""
    for request in (LIST, QUOTA):
        with suppress(DecodeError):
            decode(request, respond(payload))


@pytest.fixture
async def caller(civo: FakeCivo) -> AsyncIterator[Caller]:
    """Open what a session on `civo` calls by."""
    caller = caller_to(civo.api_url, token=civo.token, region=civo.region, clock=SystemClock())
    yield caller
    await caller.aclose()


async def test_a_fake_civo_has_both(civo: FakeCivo, caller: Caller) -> None:
    """With the instances' ids, those of instances that are gone as well."""
    civo.add_instance("db-1")
    civo.add_snapshot("web-1", "snap-1")
    civo.add_snapshot("db-1", "snap-2")
    civo.remove_instance("db-1")
    civo.snapshot_quota = 7

    listed = await caller.call(endpoints.list_account_snapshots(region="FAKE1"))
    quota = await caller.call(endpoints.get_quota(region="FAKE1"))

    assert {(each.id, each.instance_id) for each in listed} == {
        ("snap-1", "web-1"),
        ("snap-2", "db-1"),
    }
    assert all(each.is_complete and each.region == "FAKE1" for each in listed)
    assert quota == SnapshotQuota(limit=7, used=2)


class TestLedger:
    """What it shows is noted, and where a snapshot is stays as calls have named it."""

    def test_it_was_there(self) -> None:
        """No later create has made it."""
        ledger = Ledger()
        ledger.note_of_account(make_snapshot())

        assert ledger.was_there_before("snap-1", ledger.number_a_create())

    def test_the_volumes_of_its_creation_are_filled_in(self) -> None:
        """Unless it has others."""
        ledger = Ledger()
        ledger.note(make_snapshot(included=("a",)))

        assert ledger.note_of_account(make_snapshot()).included_volumes == ("a",)
        assert ledger.note_of_account(make_snapshot(included=("b",))).included_volumes == ("b",)

    async def test_a_later_call_by_name_finds_its_volumes(
        self, civo: FakeCivo, caller: Caller
    ) -> None:
        """By the host name that the creation was given, while the list has the id."""
        civo.add_instance("69a23478", hostname="web-9")
        await caller.call(endpoints.create_snapshot("web-9", region="FAKE1", name="nightly"))

        await caller.call(endpoints.list_account_snapshots(region="FAKE1"))

        named = SnapshotRef("web-9", "nightly", "FAKE1")
        assert caller.ledger.volumes_named(named) == ("vol-1", "vol-2")
