"""Bodies that FakeCivo takes, and those that it does not."""

import gzip
from typing import Any

import pytest

from civo_snapshots_async.testing import FakeCivo

from .talk import Caller

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        pytest.param(b'{"name": "nightly"}', JSON, None, id="json"),
        pytest.param(b'{"name": "nightly"}', f"{JSON}; charset=utf-8", None, id="json-charset"),
        pytest.param(b'{"name": "nightly"}', FORM, None, id="json-called-form"),
        pytest.param(b'{"name": "nightly"}', "text/plain", None, id="json-called-text"),
        pytest.param(b"name=nightly", FORM, None, id="form"),
        pytest.param(b"name=nightly&name=other", FORM, None, id="form-first-counts"),
        pytest.param(b"name=nightly", "application/octet-stream", None, id="form-untyped"),
        pytest.param(b'{"name": "nightly"}', JSON, "gzip", id="the-official-client"),
        pytest.param(b"name=nightly", FORM, "gzip", id="form-false-gzip"),
        pytest.param(gzip.compress(b'{"name": "nightly"}'), JSON, "gzip", id="true-gzip"),
    ],
)
async def test_fields_are_read_from_json_and_form(
    civo: FakeCivo, call: Caller, body: bytes, content_type: str, encoding: str | None
) -> None:
    """JSON and forms mean the same, whatever the headers claim about them."""
    headers = {"Content-Type": content_type}
    if encoding is not None:
        headers["Content-Encoding"] = encoding

    reply = await call("POST", "web-1/snapshots", data=body, headers=headers)

    assert (reply.status, reply.document["name"]) == (201, "nightly")
    assert civo.requests[-1].body == body
    assert civo.requests[-1].fields == {"name": "nightly"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param({"json": {}}, id="no-fields"),
        pytest.param({"json": {"name": ""}}, id="the-official-client"),
        pytest.param({"json": {"name": None, "description": None}}, id="nulls"),
        pytest.param({"data": {"name": ""}}, id="form"),
        pytest.param({"json": {"later": [1]}}, id="unknown-field"),
    ],
)
async def test_a_create_needs_no_fields(call: Caller, body: dict[str, Any]) -> None:
    """Every way of saying nothing makes a snapshot with a name of the server's."""
    reply = await call("POST", "web-1/snapshots", **body)

    assert (reply.status, reply.document["name"]) == (201, "snapshot-1")


async def test_an_empty_put_changes_nothing(civo: FakeCivo, call: Caller) -> None:
    """The page's Node example sends an empty body: it is a 200, and nothing changes."""
    snapshot = civo.add_snapshot("web-1", "snap-1", name="before", description="why")

    reply = await call("PUT", "web-1/snapshots/snap-1", data=b"")

    assert reply.status == 200
    assert (snapshot.name, snapshot.description) == ("before", "why")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b'{"name": ', JSON, id="cut"),
        pytest.param(b'{"name": ', FORM, id="cut-called-form"),
        pytest.param(b'["name"]', JSON, id="array"),
        pytest.param(b"null", JSON, id="null"),
        pytest.param(b'{"name": NaN}', JSON, id="nan"),
        pytest.param(b"[" * 100_000, JSON, id="deep"),
        pytest.param(b'{"name": "\xff"}', JSON, id="not-utf-8"),
        pytest.param(b"name=nightly", JSON, id="form-called-json"),
        pytest.param(b"nightly", FORM, id="no-form"),
        pytest.param(b"name=\xff", FORM, id="form-not-utf-8"),
        pytest.param(b"name=%ff", FORM, id="form-escaped-not-utf-8"),
        pytest.param(b"\x1f\x8bnot", JSON, id="no-gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], JSON, id="cut-gzip"),
    ],
)
async def test_an_unreadable_body_is_a_400(
    civo: FakeCivo, call: Caller, body: bytes, content_type: str
) -> None:
    """A body that is neither an object of JSON nor a form is a 400, and is recorded."""
    headers = {"Content-Type": content_type}

    reply = await call("POST", "web-1/snapshots", data=body, headers=headers)

    assert reply.error == (400, "parameter_body_invalid")
    assert civo.snapshots("web-1") == ()
    assert (civo.requests[-1].body, civo.requests[-1].fields) == (body, {})
