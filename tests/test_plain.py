"""Values as dictionaries for JSON, and back."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    ApiError,
    BatchOutcome,
    CivoSnapshotsError,
    DetailsChanged,
    Instance,
    PollFailed,
    Restore,
    Snapshot,
    SnapshotEvent,
    SnapshotFailedError,
    SnapshotFinished,
    SnapshotRef,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    TimelineEntry,
    UnknownStateSeen,
    VolumeStatus,
    WaitTimeoutError,
    event_from_dict,
)
from civo_snapshots_async._plain import from_plain

from .make import make_snapshot

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
MOMENTS = st.datetimes(min_value=datetime(2, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001
SNAPSHOTS = st.builds(
    Snapshot,
    id=TEXT,
    name=TEXT,
    description=st.none() | TEXT,
    included_volumes=st.lists(TEXT, max_size=3).map(tuple),
    state=TEXT,
    volumes=st.lists(st.builds(VolumeStatus, id=TEXT, state=TEXT), max_size=3).map(tuple),
    message=TEXT,
    created_at=st.none() | MOMENTS,
    instance_id=TEXT,
    region=TEXT,
)
SNAPSHOT = make_snapshot("Pending", {"vol-1": "Completed", "vol-2": "Pending"})
EVENTS: list[SnapshotEvent] = [
    SnapshotSeen(snapshot=SNAPSHOT),
    StateChanged(before="Pending", after="Complete"),
    StateChanged(volume_id="vol-1", before=None, after="Pending"),
    DetailsChanged(snapshot=SNAPSHOT),
    UnknownStateSeen(state="Odd"),
    SnapshotStalled(snapshot=SNAPSHOT, unchanged_for=300.0),
    SnapshotFinished(snapshot=SNAPSHOT),
]


@given(SNAPSHOTS)
def test_a_snapshot_comes_back_from_json(snapshot: Snapshot) -> None:
    """A law: nothing is lost or changed."""
    text = json.dumps(snapshot.to_dict())

    assert Snapshot.from_dict(json.loads(text)) == snapshot


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_json(event: SnapshotEvent) -> None:
    """With the name of its class."""
    text = json.dumps(event.to_dict())

    assert json.loads(text)["event"] == type(event).__name__
    assert event_from_dict(json.loads(text)) == event


def test_the_error_of_a_failed_poll_comes_back_as_its_text() -> None:
    """What it carries may be anything."""
    error = ApiError("no", status=503, method="GET", path="/v2")
    event = PollFailed(error=error, in_a_row=2)

    read = event_from_dict(event.to_dict())

    assert isinstance(read, PollFailed)
    assert (type(read.error), str(read.error), read.in_a_row) == (CivoSnapshotsError, "no", 2)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "no event: None"),
        ({"event": "Odd"}, "no event: 'Odd'"),
        ({"event": "SnapshotSeen"}, "no SnapshotSeen: required field missing"),
        ({"event": "UnknownStateSeen", "state": 5}, "no UnknownStateSeen: "),
        ({"event": "PollFailed", "error": 5, "in_a_row": 1}, "no PollFailed: "),
    ],
)
def test_what_is_no_event_is_refused(data: dict[str, object], says: str) -> None:
    """By what is wrong with it."""
    with pytest.raises(ValueError, match=f"^{says}"):
        event_from_dict(data)


def test_what_is_no_snapshot_is_refused() -> None:
    """By what is wrong with it, and where."""
    with pytest.raises(
        ValueError, match=r"^no Snapshot: .*\$\.id.*required field missing @ \$\.name"
    ):
        Snapshot.from_dict({"id": 5})


def test_what_a_value_itself_refuses_is_said() -> None:
    """The rule, and not only that the value is not valid."""
    with pytest.raises(ValueError, match=r"^no SnapshotRef: instance_id must be 1 to 128 letters"):
        from_plain({"instance_id": "..", "snapshot_id": "snap-1"}, SnapshotRef)


def test_a_field_of_a_newer_version_is_ignored() -> None:
    """An older program can read what a newer one wrote."""
    assert Snapshot.from_dict({**SNAPSHOT.to_dict(), "color": "blue"}) == SNAPSHOT


def test_a_time_is_in_utc() -> None:
    """Whatever its zone."""
    there = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))

    assert Restore(id="r-1", created_at=there).to_dict()["created_at"] == "2026-03-01T12:00:00Z"


def test_an_error_has_its_type_and_what_it_carries() -> None:
    """Its class, its text, and its public attributes."""
    error = SnapshotFailedError(
        "it failed",
        instance_id="web-1",
        snapshot_id="snap-1",
        snapshot=SNAPSHOT,
        polls=3,
        timeline=(TimelineEntry.of(SNAPSHOT, 1.5),),
    )
    error.add_context("it was seen once")

    plain = error.to_dict()

    assert json.dumps(plain)
    assert (plain["type"], plain["message"]) == (
        "SnapshotFailedError", "it failed; it was seen once",
    )  # fmt: skip
    assert (plain["polls"], plain["snapshot"]["id"]) == (3, "snap-1")
    assert plain["timeline"][0]["phase"] == "pending"


def test_an_outcome_has_its_error() -> None:
    """As a batch's report shows it."""
    error = WaitTimeoutError("late", instance_id="web-1", snapshot_id="snap-1")

    plain = BatchOutcome(status="failed", instance_id="web-1", error=error).to_dict()

    assert (plain["status"], plain["error"]["type"]) == ("failed", "WaitTimeoutError")


def test_an_instance_is_plain_too() -> None:
    """With the names of its attributes."""
    assert Instance(id="i-1", hostname="web-1", status="ACTIVE").to_dict() == {
        "id": "i-1",
        "hostname": "web-1",
        "status": "ACTIVE",
        "private_ip": None,
        "public_ip": None,
        "network_id": None,
        "region": "",
        "reported_region": None,
    }


@pytest.mark.parametrize(
    ("volumes", "included", "progress"),
    [
        ({}, (), (0, 0)),
        ({"a": "Completed", "b": "Pending"}, (), (1, 2)),
        ({"a": "Completed"}, ("a", "b"), (1, 2)),
        ({"a": "Completed", "b": "Complete"}, (), (2, 2)),
    ],
)
def test_progress_counts_volumes(
    volumes: dict[str, str], included: tuple[str, ...], progress: tuple[int, int]
) -> None:
    """One that is not reported yet counts as well."""
    assert make_snapshot("Pending", volumes, included=included).progress == progress
