"""The six calls as values: what would be sent, and what is an error before anything is."""

import ipaddress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from civo_snapshots_async import Restore, Snapshot, SnapshotRef
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.message import Request, RetrySafety
from civo_snapshots_async._models import InstancePage

from .make import make_snapshot

ONE = {"instance_id": "web-1", "region": "LON1"}
TWO = {**ONE, "snapshot_id": "snap-1"}
CALLS: dict[str, dict[str, str]] = {
    "create_snapshot": ONE,
    "list_snapshots": ONE,
    "get_snapshot": TWO,
    "update_snapshot": {**TWO, "description": "x"},
    "restore_snapshot": TWO,
    "delete_snapshot": TWO,
}
PLAIN_ARGUMENTS = [
    (call, argument)
    for call, arguments in CALLS.items()
    for argument in ("instance_id", "snapshot_id", "region")
    if argument in arguments
]
HOSTILE = [
    "", ".", "..", "../victim", "../../victim", "a/b", "a\\b", "a?b", "a#b", "a b", "a\r\nb",
    "a\tb", "%2e%2e", "%2F", "a%00", "a..b", ".a", "a.", "-a", "a-", "_a", "a_", "é", "\u0661",
    "a\ud800", "i/snapshots/s/restore#", "i/snapshots/s/restore?overwrite_existing=true&x=",
    "lon1&x=y", "a" * 129, "a\n",
]  # fmt: skip


def build(call: str, **arguments: Any) -> Request[Any]:
    """Build the request of a call, by its name."""
    given: dict[str, Any] = {**CALLS[call], **arguments}
    if "snapshot_id" in given:
        address = (given.pop(name) for name in ("instance_id", "snapshot_id", "region"))
        given["ref"] = SnapshotRef(*address)
    request: Request[Any] = getattr(endpoints, call)(**given)
    return request


@pytest.mark.parametrize(
    ("call", "method", "path", "fields", "returns"),
    [
        ("create_snapshot", "POST", "/v2/instances/web-1/snapshots", {}, Snapshot),
        ("list_snapshots", "GET", "/v2/instances/web-1/snapshots", None, tuple[Snapshot, ...]),
        ("get_snapshot", "GET", "/v2/instances/web-1/snapshots/snap-1", None, Snapshot),
        (
            "update_snapshot",
            "PUT",
            "/v2/instances/web-1/snapshots/snap-1",
            {"description": "x"},
            Snapshot,
        ),
        (
            "restore_snapshot",
            "POST",
            "/v2/instances/web-1/snapshots/snap-1/restore",
            {},
            Restore,
        ),
        ("delete_snapshot", "DELETE", "/v2/instances/web-1/snapshots/snap-1", None, type(None)),
    ],
)
def test_each_call_is_one_documented_request(
    call: str, method: str, path: str, fields: dict[str, str] | None, returns: object
) -> None:
    """Method, path and body are those of the page, and the region goes along."""
    request = build(call)

    assert (request.method, request.path, request.fields) == (method, path, fields)
    assert (request.call, request.region, request.returns) == (call, "LON1", returns)


@pytest.mark.parametrize(
    ("call", "given", "fields"),
    [
        pytest.param("create_snapshot", {"name": "nightly"}, {"name": "nightly"}, id="a name"),
        pytest.param("create_snapshot", {"description": ""}, {"description": ""}, id="empty text"),
        pytest.param("create_snapshot", {"name": None, "description": None}, {}, id="nothing"),
        pytest.param(
            "update_snapshot",
            {"name": "a", "description": None},
            {"name": "a"},
            id="what is None is not sent",
        ),
        pytest.param("update_snapshot", {"description": ""}, {"description": ""}, id="clearing"),
        pytest.param(
            "restore_snapshot",
            {"private_ip": "10.0.0.9"},
            {"private_ip": "10.0.0.9", "private_ipv4": "10.0.0.9"},
            id="both spellings of the private IP",
        ),
        pytest.param(
            "restore_snapshot",
            {"private_ip": ipaddress.IPv4Address("10.0.0.9")},
            {"private_ip": "10.0.0.9", "private_ipv4": "10.0.0.9"},
            id="an address object",
        ),
        pytest.param(
            "restore_snapshot",
            {"hostname": "Web-1.copy.example", "description": "drill"},
            {"hostname": "Web-1.copy.example", "description": "drill"},
            id="a host name of several labels",
        ),
        pytest.param("restore_snapshot", {"overwrite_existing": False}, {}, id="a false overwrite"),
        pytest.param(
            "restore_snapshot",
            {"overwrite_existing": True},
            {"overwrite_existing": True},
            id="an overwrite",
        ),
    ],
)
def test_only_given_fields_are_sent(
    call: str, given: dict[str, Any], fields: dict[str, Any]
) -> None:
    """None is left out, an empty string is sent, and so is nothing else."""
    assert build(call, **given).fields == fields


@pytest.mark.parametrize(("call", "argument"), PLAIN_ARGUMENTS)
def test_refuses_an_id_or_region_that_is_no_plain_name(call: str, argument: str) -> None:
    """Such a value could reach another endpoint; the error names the argument and the rule."""
    for value in HOSTILE:
        with pytest.raises(
            ValueError, match=f"^{argument} (must be 1 to 128|holds half a surrogate)"
        ):
            build(call, **{argument: value})


@pytest.mark.parametrize(("call", "argument"), PLAIN_ARGUMENTS)
def test_refuses_an_id_or_region_that_is_no_string(call: str, argument: str) -> None:
    """None as a snapshot's id would turn a get into a list."""
    for value in (None, 5, b"web-1", ["web-1"], True):
        with pytest.raises(TypeError, match=f"^{argument} must be a string"):
            build(call, **{argument: value})


@pytest.mark.parametrize(
    ("call", "wrong", "error", "message"),
    [
        ("create_snapshot", {"name": ""}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": "Nightly"}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": "a.b"}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": "-a"}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": "a" * 64}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": "a\n"}, ValueError, "name must be an RFC 1123 label"),
        ("create_snapshot", {"name": 5}, TypeError, "name must be a string, not 5"),
        ("create_snapshot", {"description": 5}, TypeError, "description must be a string"),
        ("create_snapshot", {"description": "\ud800"}, ValueError, "half a surrogate pair"),
        ("update_snapshot", {"description": None}, ValueError, "nothing to update: give name"),
        ("update_snapshot", {"name": ""}, ValueError, "name must be an RFC 1123 label"),
        ("restore_snapshot", {"hostname": ""}, ValueError, "hostname must be a host name"),
        ("restore_snapshot", {"hostname": "a_b"}, ValueError, "hostname must be a host name"),
        ("restore_snapshot", {"hostname": "a."}, ValueError, "hostname must be a host name"),
        (
            "restore_snapshot",
            {"hostname": ".".join(["a" * 63] * 4)},
            ValueError,
            r"at most 253 in all\), not 'aaa.*… \(257 characters\)",
        ),
        ("restore_snapshot", {"private_ip": "10.0.0"}, ValueError, "private_ip must be an IPv4"),
        ("restore_snapshot", {"private_ip": "::1"}, ValueError, "private_ip must be an IPv4"),
        ("restore_snapshot", {"private_ip": 5}, TypeError, "private_ip must be a string"),
        ("restore_snapshot", {"overwrite_existing": 1}, TypeError, "must be True or False, not 1"),
        (
            "restore_snapshot",
            {"overwrite_existing": "false"},
            TypeError,
            "overwrite_existing must be True or False, not 'false'",
        ),
        (
            "restore_snapshot",
            {"overwrite_existing": None},
            TypeError,
            "overwrite_existing must be True or False, not None",
        ),
        (
            "restore_snapshot",
            {"overwrite_existing": True, "hostname": "copy"},
            ValueError,
            "overwrite_existing=True with hostname='copy': Civo might not overwrite",
        ),
    ],
)
def test_refuses_what_can_not_be_meant(
    call: str, wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Each message names the argument, the rule and the value."""
    with pytest.raises(error, match=message):
        build(call, **wrong)


@given(instance_id=st.text(), snapshot_id=st.text())
def test_no_id_reaches_another_path(instance_id: str, snapshot_id: str) -> None:
    """Any text is either refused or the one part of the path that it is meant to be."""
    try:
        request = build("get_snapshot", instance_id=instance_id, snapshot_id=snapshot_id)
    except ValueError:
        return

    url = URL(f"https://api.civo.com{request.path}?region={request.region}", encoded=True)
    assert [unquote(part) for part in url.raw_path.split("/")] == [
        "", "v2", "instances", instance_id, "snapshots", snapshot_id,
    ]  # fmt: skip
    assert dict(url.query) == {"region": "LON1"}


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_every_name_that_civo_allows_is_a_plain_name(name: str) -> None:
    """Any name of a snapshot can be requested."""
    build("create_snapshot", name=name)

    assert build("get_snapshot", snapshot_id=name).path.endswith(f"/{name}")


def test_the_response_to_an_update_may_have_the_new_name() -> None:
    """Requested by its old name, a renamed snapshot has the new one."""
    request = build("update_snapshot", snapshot_id="old", name="new")

    assert request.expected == {"old", "new"}


def test_a_restore_can_be_pointed_at_an_id() -> None:
    """What was requested by name is restored by the id that was checked."""
    request = endpoints.restore_snapshot(SnapshotRef("web-1", "nightly", "LON1"), hostname="copy")

    pointed = endpoints.for_snapshot(request, make_snapshot(name="nightly"))

    assert pointed.path == "/v2/instances/web-1/snapshots/snap-1/restore"
    assert pointed.fields == {"hostname": "copy"}
    assert (pointed.snapshot_id, pointed.snapshot_name) == ("snap-1", "nightly")


def test_a_page_is_one_request() -> None:
    """With its number in the query."""
    request = endpoints.list_instances(2, 100, region="LON1")

    assert (request.method, request.path, request.fields) == ("GET", "/v2/instances", None)
    assert (request.region, dict(request.query)) == ("LON1", {"page": "2", "per_page": "100"})
    assert (request.call, request.returns) == ("list_instances", InstancePage)


@pytest.mark.parametrize("numbers", [(0, 100), (1, 0)])
def test_a_page_number_begins_with_one(numbers: tuple[int, int]) -> None:
    """Nothing else is sent."""
    with pytest.raises(ValueError, match="must be at least 1"):
        endpoints.list_instances(*numbers, region="LON1")


def test_a_scratch_instance_is_deleted_by_its_id_and_never_twice() -> None:
    """By a call that no session has."""
    request = endpoints.delete_scratch("i-1", region="LON1")

    assert (request.method, request.path, request.fields) == ("DELETE", "/v2/instances/i-1", None)
    assert (request.region, request.instance_id) == ("LON1", "i-1")
    assert request.retry_safety is RetrySafety.NEVER


@pytest.mark.parametrize("instance_id", ["", ".", "..", "a/b", "a?b", "a/../b", "i-1/snapshots"])
def test_no_id_makes_another_deletion_of_that_of_a_scratch_instance(instance_id: str) -> None:
    """Nor that of what is beside it."""
    with pytest.raises(ValueError, match="instance_id must be"):
        endpoints.delete_scratch(instance_id, region="LON1")
