"""Responses become models, or errors that name where the problem is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import DecodeError, Instance, Restore, Snapshot, SnapshotRef, VolumeStatus
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.codec import decode
from civo_snapshots_async._http.message import Request, Response

SAMPLES = Path(__file__).parent / "samples"
GET = endpoints.get_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))
LIST = endpoints.list_snapshots("web-1", region="LON1")
RESTORE = endpoints.restore_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))
DELETE = endpoints.delete_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))
MINIMAL: dict[str, Any] = {"id": "snap-1", "name": "nightly"}


def respond(payload: object, status: int = 200, *, encoding: str = "identity") -> Response:
    """Make a response of JSON, or of bytes as they are."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Response(status=status, body=body, headers={"content-encoding": encoding})


def read_snapshot(**fields: Any) -> Snapshot:
    """Decode a snapshot with those fields."""
    return decode(GET, respond({**MINIMAL, **fields}))


def sample(name: str) -> Response:
    """Return one of the page's documents as a response."""
    return respond((SAMPLES / f"{name}.json").read_bytes())


def test_reads_the_pages_snapshot_after_a_creation() -> None:
    """Every field of the page's document arrives."""
    create = endpoints.create_snapshot("web-1", region="LON1")

    assert decode(create, sample("create")) == Snapshot(
        id="snapshot-uuid",
        name="instance-snapshot-name",
        description="a description of the instance snapshot",
        included_volumes=("volume_uuid_1", "volume_uuid_2"),
        state="Complete",
        volumes=(
            VolumeStatus(id="volume_uuid_1", state="Complete"),
            VolumeStatus(id="volume_uuid_2", state="Complete"),
        ),
        created_at=datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC),
        instance_id="web-1",
        region="LON1",
    )


def test_reads_the_pages_list() -> None:
    """A summary may lack the volumes; the first one is not complete, though its state is."""
    first, second = decode(LIST, sample("list"))

    assert (first.state, first.is_complete) == ("Complete", False)
    assert (second.volumes, second.is_complete) == ((), True)


@pytest.mark.parametrize("name", ["get", "update"])
def test_reads_the_pages_other_snapshots(name: str) -> None:
    """Both show a volume that is not ready."""
    request = endpoints.get_snapshot(SnapshotRef("web-1", "snapshot-uuid", "LON1"))

    assert [volume.id for volume in decode(request, sample(name)).pending_volumes] == [
        "volume_uuid_2"
    ]


def test_reads_the_pages_restore() -> None:
    """A restore is an operation of its own."""
    assert decode(RESTORE, sample("restore")) == Restore(
        id="restore-123",
        name="restore-operation-123",
        hostname="my-new-instance-hostname",
        description="Restored instance from snapshot",
        from_snapshot="snapshot-123",
        private_ipv4="10.0.0.1",
        overwrite_existing=False,
        state="complete",
        created_at=datetime(2022, 1, 1, 12, 0, tzinfo=UTC),
        completed_at=datetime(2022, 1, 1, 12, 5, tzinfo=UTC),
        instance_id="web-1",
        region="LON1",
    )


@pytest.mark.parametrize(
    ("message", "read"),
    [
        pytest.param("disk full", "disk full", id="text"),
        pytest.param("two\nlines", "two\nlines", id="kept as it is"),
        pytest.param(None, "", id="null"),
        pytest.param(5, "", id="a number"),
        pytest.param({"en": "disk full"}, "", id="an object"),
        pytest.param("half \ud800", "half ?", id="half a character"),
    ],
)
def test_the_message_of_a_status_is_optional(message: object, read: str) -> None:
    """No documented field: it is kept where it is text, and no shape of it is an error."""
    snapshot = read_snapshot(status={"state": "Failed", "message": message})

    assert (snapshot.state, snapshot.message) == ("Failed", read)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="all absent"),
        pytest.param(
            dict.fromkeys(("description", "included_volumes", "status", "created_at")),
            id="all null",
        ),
        pytest.param({"status": {}}, id="an empty status"),
        pytest.param({"status": ""}, id="an empty text for a status"),
        pytest.param({"status": {"state": None, "volumes": None}}, id="a status of nulls"),
        pytest.param({"created_at": "0001-01-01T00:00:00Z"}, id="Go's zero time"),
        pytest.param({"created_at": ""}, id="no time"),
        pytest.param({"new_field": {"deep": [1]}, "region": 5}, id="unknown fields"),
    ],
)
def test_tolerates_what_may_be_missing(fields: dict[str, Any]) -> None:
    """Absent, null and unknown fields are no problem; what is missing is None or empty."""
    assert read_snapshot(**fields) == Snapshot(**MINIMAL, instance_id="web-1", region="LON1")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"name": "a"}, "id: missing"),
        ({"id": "a"}, "name: missing"),
        ({**MINIMAL, "id": 5}, "id: expected a string, got the number 5"),
        ({**MINIMAL, "id": None}, "id: expected a string, got null"),
        ({**MINIMAL, "id": True}, "id: expected a string, got true"),
        ({**MINIMAL, "id": ["a"]}, "id: expected a string, got an array"),
        ({**MINIMAL, "id": {}}, "id: expected a string, got an object"),
        ({**MINIMAL, "name": None}, "name: expected a string, got null"),
        ({**MINIMAL, "id": ""}, "id: expected an id that a path can hold, got a string"),
        ({**MINIMAL, "id": "a/b"}, "id: expected an id that a path can hold, got a string"),
        ({**MINIMAL, "name": "a\ud800"}, "name: expected a string of whole characters"),
        ({**MINIMAL, "description": 5}, "description: expected a string, got the number 5"),
        ({**MINIMAL, "included_volumes": "ab"}, "included_volumes: expected an array, got a str"),
        ({**MINIMAL, "included_volumes": {"a": 1}}, "included_volumes: expected an array"),
        ({**MINIMAL, "included_volumes": ["a", 5]}, "included_volumes[1]: expected a string"),
        ({**MINIMAL, "status": "Complete"}, "status: expected an object, got a string"),
        ({**MINIMAL, "status": []}, "status: expected an object, got an array"),
        ({**MINIMAL, "status": {"state": 5}}, "status.state: expected a string"),
        ({**MINIMAL, "status": {"volumes": {}}}, "status.volumes: expected an array"),
        (
            {**MINIMAL, "status": {"volumes": [{"id": "a"}, {"id": 5}]}},
            "status.volumes[1].id: expected a string, got the number 5",
        ),
        (
            {**MINIMAL, "status": {"volumes": [{"state": "x"}]}},
            "status.volumes[0].id: missing",
        ),
        (
            {**MINIMAL, "status": {"volumes": [None]}},
            "status.volumes[0]: expected an object, got null",
        ),
        ({**MINIMAL, "created_at": 5}, "created_at: expected a string, got the number 5"),
        ({**MINIMAL, "created_at": False}, "created_at: expected a string, got false"),
        ({**MINIMAL, "created_at": "soon"}, "created_at: expected an RFC 3339 time"),
        ([], "expected an object, got an array"),
        (None, "expected an object, got null"),
        (1.5, "expected an object, got the number 1.5"),
        (b"", "the body is empty"),
        (b"<html>", "the body is not JSON"),
    ],
)
def test_names_where_a_snapshot_is_not_as_documented(payload: object, problem: str) -> None:
    """Nothing is made up, and the path leads to the problem."""
    with pytest.raises(DecodeError) as caught:
        decode(GET, respond(payload))

    assert caught.value.problems[0].startswith(problem)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"overwrite_existing": "false"}, "overwrite_existing: expected true or false, got a st"),
        ({"overwrite_existing": 0}, "overwrite_existing: expected true or false, got the number 0"),
        ({"status": {"state": []}}, "status.state: expected a string, got an array"),
        ({"completed_at": "later"}, "completed_at: expected an RFC 3339 time, got a string"),
        ({"id": None}, "id: expected a string, got null"),
    ],
)
def test_names_where_a_restore_is_not_as_documented(fields: dict[str, Any], problem: str) -> None:
    """Whether a disk was overwritten is not guessed."""
    with pytest.raises(DecodeError) as caught:
        decode(RESTORE, respond({"id": "restore-1", **fields}))

    assert caught.value.problems[0].startswith(problem)


def test_a_running_restore_has_not_ended() -> None:
    """Everything but the id may be absent or null."""
    restore = decode(RESTORE, respond({"id": "restore-1", "completed_at": None, "status": None}))

    assert restore == Restore(id="restore-1", instance_id="web-1", region="LON1")


def test_names_every_problem() -> None:
    """The first problem does not hide the others; the sentence shows a few."""
    payload = {"id": 5, "status": {"volumes": [{"id": 1}, {"id": 2}], "state": []}}

    with pytest.raises(DecodeError, match=r"; and 2 more$") as caught:
        decode(GET, respond(payload))

    assert {problem.partition(":")[0] for problem in caught.value.problems} == {
        "id", "name", "status.state", "status.volumes[0].id", "status.volumes[1].id",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ([MINIMAL, {"id": 5, "name": "a"}], "[1].id: expected a string, got the number 5"),
        ([None], "[0]: expected an object, got null"),
        ({"items": []}, "expected an array, got an object"),
    ],
)
def test_names_where_a_list_is_not_as_documented(payload: object, problem: str) -> None:
    """The path begins with the place in the list."""
    with pytest.raises(DecodeError) as caught:
        decode(LIST, respond(payload))

    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        pytest.param({"id": "b", "name": "weekly", "status": 5}, ("b", "weekly"), id="status"),
        pytest.param({"id": "b", "name": "weekly", "created_at": "x"}, ("b", "weekly"), id="time"),
        pytest.param({"id": "b", "name": 5}, ("b", None), id="a name that is no string"),
        pytest.param({"id": "b"}, ("b", None), id="no name"),
        pytest.param({"id": "b", "name": None}, ("b", None), id="a null name"),
        pytest.param({"id": 5, "name": "weekly"}, (None, "weekly"), id="an id that is no string"),
        pytest.param({"name": "weekly"}, (None, "weekly"), id="no id"),
        pytest.param({"id": "", "name": "weekly"}, (None, "weekly"), id="an empty id"),
        pytest.param({"id": "../b", "name": "weekly"}, ("../b", "weekly"), id="a path for an id"),
        pytest.param({"id": "b", "name": "\ud800"}, ("b", None), id="half a character"),
        pytest.param({}, (None, None), id="an empty object"),
        pytest.param(None, (None, None), id="null"),
        pytest.param("b", (None, None), id="a string"),
    ],
)
@pytest.mark.parametrize("beside", [1, 300], ids=["two others", "hundreds"])
def test_an_entry_that_cannot_be_read_hides_no_other(
    entry: object, known: tuple[str | None, str | None], beside: int
) -> None:
    """The others are in the error, and what the entry is known by."""
    others = [{"id": f"snap-{number}", "name": "nightly"} for number in range(2 * beside)]

    with pytest.raises(DecodeError, match=rf"\(1 of {2 * beside + 1} entries could ") as caught:
        decode(LIST, respond([*others[:beside], entry, *others[beside:]]))

    error = caught.value
    assert [snapshot.id for snapshot in error.snapshots] == [other["id"] for other in others]
    assert {(each.instance_id, each.region) for each in error.snapshots} == {("web-1", "LON1")}
    (unreadable,) = error.unreadable
    assert (unreadable.index, (unreadable.id, unreadable.name)) == (beside, known)
    assert unreadable.problems == error.problems
    assert all(problem.startswith(f"[{beside}]") for problem in error.problems)


@pytest.mark.parametrize(
    "body", [{"items": []}, 5, b"[{", b"", b'[{"id": "a", "id": "b", "name": "c"}]', b"[NaN]"]
)
def test_a_list_that_cannot_be_read_at_all_may_hide_anything(body: object) -> None:
    """It has no entries, readable or not."""
    with pytest.raises(DecodeError) as caught:
        decode(LIST, respond(body))

    assert (caught.value.snapshots, caught.value.unreadable) == ((), ())
    assert caught.value.may_hide("snap-1")
    assert caught.value.may_hide_name("nightly")


def test_stops_at_a_bounded_number_of_problems() -> None:
    """The entries behind them are read all the same."""
    with pytest.raises(DecodeError, match=r"\(1000 of 1001 entries could not be read\)$") as caught:
        decode(LIST, respond([*[5] * 1000, MINIMAL]))

    assert len(caught.value.problems) == 20
    assert [len(entry.problems) for entry in caught.value.unreadable] == [1] * 20 + [0] * 980
    assert [snapshot.id for snapshot in caught.value.snapshots] == ["snap-1"]


def test_gives_up_on_a_list_of_another_shape() -> None:
    """Twenty thousand bad entries do not become twenty thousand exceptions."""
    with pytest.raises(DecodeError) as caught:
        decode(LIST, respond([MINIMAL, *[5] * 20_000]))

    assert len(caught.value.problems) == 20
    assert (caught.value.snapshots, caught.value.unreadable) == ((), ())


@pytest.mark.parametrize(("payload", "count"), [([], 0), (None, 0), ([MINIMAL, MINIMAL], 2)])
def test_reads_a_list_of_any_length(payload: object, count: int) -> None:
    """A list that is null is empty: Go writes a nil slice so."""
    assert len(decode(LIST, respond(payload))) == count


@pytest.mark.parametrize(
    "fields", [{"id": "snap-1"}, {"id": "SNAP-1"}, {"id": "other", "name": "snap-1"}]
)
def test_accepts_the_snapshot_that_was_requested(fields: dict[str, str]) -> None:
    """By its id, in whatever case the server writes it, or by its name."""
    assert read_snapshot(**fields).id == fields["id"]


def test_refuses_a_snapshot_that_was_not_requested() -> None:
    """A mix-up before us must not become a restore from the wrong snapshot."""
    with pytest.raises(
        DecodeError, match=r"id: got 'snap-2' \(name 'nightly'\), requested 'snap-1'"
    ):
        read_snapshot(id="snap-2")


def test_refuses_a_creation_of_another_name() -> None:
    """It may be another create's; the session then searches for its own."""
    create = endpoints.create_snapshot("web-1", region="LON1", name="weekly")

    with pytest.raises(DecodeError, match="requested 'weekly'"):
        decode(create, respond(MINIMAL))


def test_refuses_a_body_that_was_cut() -> None:
    """What is longer than any snapshot is not read to its end."""
    with pytest.raises(DecodeError, match="the body is longer than 262144 bytes"):
        decode(GET, Response(status=200, body=b"{", is_cut=True))


@pytest.mark.parametrize(
    ("content_type", "media_type", "says"),
    [
        ("text/html; charset=utf-8", "text/html", " (got text/html)"),
        ("Text/HTML", "text/html", " (got text/html)"),
        ("text/plain ;x=1", "text/plain", " (got text/plain)"),
        ("application/jsonp", "application/jsonp", " (got application/jsonp)"),
        ("application/json; charset=utf-8", "application/json", ""),
        ("application/problem+json", "application/problem+json", ""),
        ("text/***", "text/***", " (got text/***)"),
        ("", "", ""),
        ("html", "", ""),
        ("text/html\x07", "", ""),
        ("text/<b>", "", ""),
        (f"text/{'x' * 200}", "", ""),
    ],
)
def test_names_what_came_in_place_of_json(content_type: str, media_type: str, says: str) -> None:
    """A page of a gateway's, most likely; what is no media type is not quoted."""
    with pytest.raises(DecodeError) as caught:
        decode(GET, Response(status=200, body=b"<p>", headers={"content-type": content_type}))

    assert caught.value.content_type == media_type
    assert str(caught.value) == (
        "GET /v2/instances/web-1/snapshots/snap-1: Civo returned 200 in an undocumented "
        f"shape{says}: the body is not JSON: Expecting value: line 1 column 1 (char 0)"
    )


def test_refuses_a_compressed_body() -> None:
    """None was requested, and unpacked it could be of any size."""
    with pytest.raises(DecodeError, match="the body is compressed"):
        decode(GET, respond(MINIMAL, encoding="gzip"))


@pytest.mark.parametrize("body", [b"", b"OK", b'{"result": "success"}', b"\xff"])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_the_response_to_a_deletion_may_be_anything(status: int, body: bytes) -> None:
    """Any 2xx is success, with any body."""
    decode(DELETE, respond(body, status))


def assert_read_or_refused(request: Request[object], response: Response) -> None:
    """Fail if decoding gives nothing, or raises anything but a DecodeError."""
    try:
        assert decode(request, response) is not None
    except DecodeError:
        return


@given(st.binary())
def test_any_bytes_decode_or_raise_a_decode_error(body: bytes) -> None:
    """No KeyError, no TypeError, no AttributeError, whatever comes."""
    for request in (GET, LIST, RESTORE):
        assert_read_or_refused(request, respond(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.just("snap-1")
        for name in ("id", "name", "description", "included_volumes", "created_at")
    }
    | {
        "status": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "state": JSON,
                "message": JSON,
                "volumes": st.lists(
                    JSON | st.fixed_dictionaries({}, optional={"id": JSON, "state": JSON})
                ),
            },
        )
    },
)


@given(LIKELY)
def test_any_json_decodes_or_raises_a_decode_error(payload: object) -> None:
    """Wrong types at every level are errors, never crashes."""
    for request, body in ((GET, payload), (LIST, [payload]), (RESTORE, payload)):
        assert_read_or_refused(request, respond(body))


WRITTEN: dict[str, Any] = {
    "id": "snap-1",
    "name": "nightly",
    "status": {
        "state": "Complete",
        "volumes": [{"id": "vol-1", "state": "Complete"}, {"id": "vol-2", "state": "Complete"}],
    },
    "created_at": "2025-04-01T09:11:14Z",
}
DOUBTFUL: dict[str, list[object]] = {
    "id": ["..", "a..b", "-a", "a-", "a\nb", "a\n", "\na", "", "x" * 129, "é", "ok.1"],
    "name": ["", "é", "\ud800", "\udc00", "a\nb"],
    "description": [None, "", "\udc00", 0],
    "created_at": [
        None, "", "0001-01-01T00:00:00Z", "2025-04-01T09:11:14.123456789Z", 1,
        "2025-04-01T09:11:14+02:00", "2025-02-30T09:11:14Z", "2016-12-31T23:59:60Z",
        "2025-W14-2T09:11:14Z", "20250401T091114.000Z", "٢٠٢٥-04-01T09:11:14Z",
        "2025-04-01T09:11:14Z\n2025-04-01T09:11:14Z", "2025-04-01T09:11:14Z\n",
    ],
    "included_volumes": [None, [], ["vol-1"], ["vol-1", 5], 0],
}  # fmt: skip
DOUBTS = [{**WRITTEN, name: value} for name, values in DOUBTFUL.items() for value in values]


@pytest.mark.parametrize("entry", DOUBTS)
def test_an_entry_is_read_beside_others_as_alone(entry: dict[str, Any]) -> None:
    """Others that are as Civo writes them prove nothing of it."""
    snapshots, problems = read_list([WRITTEN, WRITTEN, entry, WRITTEN])

    alone = read_list([entry])
    assert (snapshots[2:-1], problems) == alone


def is_json(value: object) -> bool:
    """Return whether a value holds neither NaN nor infinity: a body with one is no list at all."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False

    return True


@given(st.lists(st.sampled_from([WRITTEN, *DOUBTS]) | LIKELY.filter(is_json), min_size=4))
def test_a_list_is_read_as_each_of_its_entries_alone(entries: list[dict[str, Any]]) -> None:
    """A law: together or alone, the same snapshots and the same problems come out."""
    snapshots, problems = read_list(entries)

    alone = [read_list([entry]) for entry in entries]
    assert snapshots == [snapshot for read, _ in alone for snapshot in read]
    assert problems == [problem for _, unread in alone for problem in unread][:20]


def read_list(entries: list[dict[str, Any]]) -> tuple[list[Snapshot], list[str]]:
    """Return the snapshots that can be read, and the problems of the others."""
    try:
        return list(decode(LIST, respond(entries))), []
    except DecodeError as error:
        return list(error.snapshots), [problem.partition("]")[2] for problem in error.problems]


@pytest.mark.parametrize("field", ["name", "state", "volume"])
def test_text_of_any_language_is_read(field: str) -> None:
    """All texts of a snapshot are checked at once, and only ASCII is quick to check."""
    texts = {"name": "nightly", "state": "Complete", "volume": "vol-1"} | {field: "Grün ✓ 😀"}
    volumes = [{"id": texts["volume"], "state": "Complete"}]
    snapshot = read_snapshot(
        name=texts["name"], status={"state": texts["state"], "volumes": volumes}
    )

    assert (snapshot.name, snapshot.state) == (texts["name"], texts["state"])
    assert snapshot.volume_states == {texts["volume"]: "Complete"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "\ud800"}, "name"),
        ({"status": {"state": "\udfff"}}, "status.state"),
        ({"status": {"volumes": [{"id": "\ud800", "state": ""}]}}, "status.volumes[0].id"),
        ({"status": {"volumes": [{"id": "v", "state": [1]}]}}, "status.volumes[0].state"),
        ({"status": {"volumes": [{"id": ["v"], "state": []}]}}, "status.volumes[0].id"),
    ],
)
def test_no_text_is_taken_unchecked(fields: dict[str, Any], problem: str) -> None:
    """Half of a pair of surrogates, and what adds up as text does: each is located."""
    with pytest.raises(DecodeError) as caught:
        read_snapshot(**fields)

    assert caught.value.problems[0].startswith(f"{problem}: ")


def test_what_is_read_is_frozen() -> None:
    """However it was made: nobody changes what another one holds."""
    snapshot = read_snapshot(status={"volumes": [{"id": "vol-1", "state": "Complete"}]})

    assert (type(snapshot), type(snapshot.volumes[0])) == (Snapshot, VolumeStatus)
    for value in (snapshot, snapshot.volumes[0]):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, "id", "other")  # noqa: B010 - a type checker refuses the assignment
        assert hash(value) == hash(attrs.evolve(value))


@pytest.mark.parametrize("model", [Snapshot, VolumeStatus, Restore, Instance])
def test_a_model_that_is_read_leaves_its_checks_to_the_codec(model: Any) -> None:
    """What the codec makes has never run the `__init__` of its class."""
    assert not hasattr(model, "__attrs_post_init__")
    assert {(field.validator, field.converter) for field in attrs.fields(model)} == {(None, None)}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Snapshot,
        id=st.just("snap-1"),
        name=TEXT,
        description=st.none() | TEXT,
        included_volumes=st.lists(TEXT).map(tuple),
        state=TEXT,
        volumes=st.lists(st.builds(VolumeStatus, id=TEXT, state=TEXT)).map(tuple),
        message=TEXT,
        created_at=st.none() | st.datetimes(min_value=datetime(2, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        instance_id=st.just("web-1"),
        region=st.just("LON1"),
    )
)
def test_decoding_gives_back_what_encoding_gave(snapshot: Snapshot) -> None:
    """Nothing of a snapshot is lost or changed on the way through JSON."""
    fields = attrs.asdict(snapshot)
    status = {name: fields.pop(name) for name in ("state", "volumes", "message")}
    created_at = snapshot.created_at and snapshot.created_at.isoformat()
    payload = {**fields, "status": status, "created_at": created_at}

    assert decode(GET, respond(payload)) == snapshot


SENT: dict[str, Any] = {
    "id": "snap-1",
    "name": "weekly",
    "description": "of Sunday",
    "status": {"state": "Complete", "volumes": [{"id": "vol-1", "state": "Completed"}]},
    "created_at": "2025-04-01T09:11:14Z",
}


@given(
    sent=st.lists(st.sampled_from(sorted(SENT)), unique=True),
    null=st.lists(st.sampled_from(sorted(SENT)), unique=True),
    requested=st.sampled_from(
        [{"name": "weekly"}, {"description": ""}, {"name": "weekly", "description": "of Sunday"}]
    ),
)
def test_an_update_may_describe_any_part_of_the_snapshot(
    sent: list[str], null: list[str], requested: dict[str, str]
) -> None:
    """A law: each field is what Civo sent, else what was requested, else not known."""
    request = endpoints.update_snapshot(SnapshotRef("web-1", "snap-1", "LON1"), **requested)
    payload = dict.fromkeys(null) | {field: SENT[field] for field in sent}

    snapshot = decode(request, Response(status=200, body=json.dumps(payload).encode()))

    assert snapshot.id == "snap-1"
    assert snapshot.name == ("weekly" if "name" in sent else requested.get("name", ""))
    assert snapshot.description == (
        "of Sunday" if "description" in sent else requested.get("description")
    )
    assert snapshot.state == ("Complete" if "status" in sent else "")
    assert len(snapshot.volumes) == ("status" in sent)
    assert (snapshot.created_at is not None) is ("created_at" in sent)
    assert (snapshot.instance_id, snapshot.region) == ("web-1", "LON1")


A = "0d1b2c3d-0000-4000-8000-00000000aaaa"
B = "0d1b2c3d-0000-4000-8000-00000000bbbb"


@pytest.mark.parametrize(
    ("requested", "body", "fits"),
    [
        ("snap-1", "[]", False),
        ("snap-1", "null", False),
        ("snap-1", '"weekly"', False),
        ("snap-1", '{"id": 7}', False),
        ("snap-1", '{"name": 7}', False),
        ("snap-1", '{"id": "snap-2"}', False),
        ("snap-1", '{"id": "snap-2", "name": "weekly"}', True),
        ("snap-1", '{"id": "", "name": ""}', True),
        ("nightly", f'{{"id": "{A}"}}', True),
        ("nightly", f'{{"id": "{A}", "name": "weekly"}}', True),
        ("nightly", f'{{"id": "{A}", "name": "monthly"}}', False),
        (A, f'{{"id": "{A.upper()}"}}', True),
        (A, f'{{"id": "{B}"}}', False),
        (A, f'{{"id": "{B}", "name": "weekly"}}', False),
        (A, '{"id": "weekly", "name": "weekly"}', False),
    ],
)
def test_what_an_update_does_describe_has_to_be_right(
    requested: str, body: str, *, fits: bool
) -> None:
    """A wrong shape is no part of the snapshot, and another snapshot is not this one."""
    request = endpoints.update_snapshot(SnapshotRef("web-1", requested, "LON1"), name="weekly")

    try:
        decode(request, Response(status=200, body=body.encode()))
    except DecodeError:
        assert not fits
    else:
        assert fits
