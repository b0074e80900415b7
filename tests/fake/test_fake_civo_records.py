"""What FakeCivo records: effects, connections, the date."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from civo_snapshots_async.testing import Effect, FakeCivo, FakeClock, faults

from .talk import Caller
from .wire import connected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(("PUT", "old", {"name": "new"}), ("update", "new"), id="update"),
        pytest.param(("PUT", "old", {"description": ""}), ("update", "old"), id="update-same"),
        pytest.param(("POST", "old/restore", {}), ("restore", "old"), id="restore"),
        pytest.param(("DELETE", "old", {}), ("delete", "old"), id="delete"),
    ],
)
async def test_an_effect_holds_what_changed(
    civo: FakeCivo,
    call: Caller,
    fake_clock: FakeClock,
    sent: tuple[str, str, Any],
    expected: tuple[Any, str],
) -> None:
    """With the ids, also where the request gave names, and the time."""
    method, path, body = sent
    civo.add_instance("id-1", hostname="db-1")
    civo.add_snapshot("id-1", "snap-1", name="old")
    fake_clock.advance(3.0)

    await call(method, f"db-1/snapshots/{path}", json=body)

    kind, name = expected
    assert civo.effects == [
        Effect(
            kind=kind,
            instance_id="id-1",
            hostname="db-1",
            snapshot_id="snap-1",
            snapshot_name=name,
            at=3.0,
        )
    ]


async def test_a_creation_is_an_effect(civo: FakeCivo, call: Caller) -> None:
    """With the id that was made up."""
    reply = await call("POST", "web-1/snapshots", json={"name": "nightly"})

    assert civo.effects == [
        Effect(
            kind="create",
            instance_id="web-1",
            hostname="web-1",
            snapshot_id=reply.document["id"],
            snapshot_name="nightly",
            at=0.0,
        )
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "web-1/snapshots", {}, id="list"),
        pytest.param("GET", "web-1/snapshots/snap-1", {}, id="get"),
        pytest.param("PUT", "web-1/snapshots/snap-1", {}, id="empty-update"),
        pytest.param("POST", "web-1/snapshots", {"name": "NO"}, id="refused-create"),
        pytest.param("PUT", "web-1/snapshots/snap-1", {"name": "NO"}, id="refused-update"),
        pytest.param(
            "POST", "web-1/snapshots/snap-1/restore", {"hostname": "web-1"}, id="refused-restore"
        ),
        pytest.param("DELETE", "web-1/snapshots/snap-2", {}, id="refused-delete"),
    ],
)
async def test_what_changes_nothing_is_no_effect(
    civo: FakeCivo, call: Caller, method: str, path: str, body: Any
) -> None:
    """Reads, error responses, and what a test adds by hand."""
    civo.add_snapshot("web-1", "snap-1")

    await call(method, path, json=body)

    assert civo.effects == []


async def test_effects_are_counted_apart_from_requests(civo: FakeCivo, call: Caller) -> None:
    """Two deletes were sent, one removed it; the lost response does not matter."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("delete", faults.bad_gateway(effect=True))

    replies = [await call_raw(call, "DELETE", "web-1/snapshots/snap-1") for _ in range(2)]

    assert replies == [502, 404]
    assert [effect.kind for effect in civo.effects] == ["delete"]
    assert [request.kind for request in civo.requests] == ["delete", "delete"]


async def test_connections_are_numbered(civo: FakeCivo) -> None:
    """From 1 on, in the order of their first requests."""
    async with connected(civo) as first, connected(civo) as second:
        for wire in (first, second, first):
            await wire.send("GET")
            await wire.response()

    assert [request.connection for request in civo.requests] == [1, 2, 1]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="well"),
        pytest.param(faults.status(500), id="status"),
        pytest.param(faults.close("after"), id="cut"),
        pytest.param(faults.drip(0), id="drip"),
        pytest.param(faults.huge(12), id="huge"),
    ],
)
async def test_the_date_is_fakecivos(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock, fault: faults.Fault | None
) -> None:
    """Each response has the date of FakeCivo's calendar, right or wrong."""
    fake_clock.advance(61.9)
    civo.inject("any", fault)

    reply = await call("GET", "web-1/snapshots")

    assert reply.headers["Date"] == "Tue, 01 Apr 2025 09:12:15 GMT"


async def test_an_error_response_has_the_date(call: Caller) -> None:
    """As any response has."""
    reply = await call("GET", "web-9/snapshots")

    assert reply.headers["Date"] == "Tue, 01 Apr 2025 09:11:14 GMT"


async def test_the_date_is_the_machines_by_default() -> None:
    """Without a clock of its own."""
    async with FakeCivo() as civo, aiohttp.ClientSession() as session:
        reply = await Caller(civo, session)("GET", "web-1/snapshots")

    age = datetime.now(UTC) - parsedate_to_datetime(reply.headers["Date"])
    assert timedelta(0) <= age < timedelta(seconds=10)


async def call_raw(call: Caller, method: str, path: str) -> int:
    """Send a request whose response may be no JSON; return the status."""
    async with call.session.request(
        method,
        f"{call.civo.api_url}/v2/instances/{path}",
        params={"region": call.civo.region},
        headers={"Authorization": f"bearer {call.civo.token}"},
    ) as response:
        return response.status
