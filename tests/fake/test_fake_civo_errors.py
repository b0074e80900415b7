"""What FakeCivo refuses, and with which code."""

import pytest
from yarl import URL

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts
from civo_snapshots_async.testing.scripts import Script

from .talk import Caller


async def test_the_error_envelope(call: Caller) -> None:
    """An error has four keys, and its reason stands there once."""
    reply = await call("GET", "web-9/snapshots")

    assert reply.status == 404
    assert reply.document == {
        "code": "database_instance_find",
        "reason": "Failed to find instance 'web-9'",
        "result": "failed",
        "status": 404,
    }


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        pytest.param("GET", "", "database_instance_find", id="instance"),
        pytest.param("GET", "/snapshots", "database_instance_find", id="list"),
        pytest.param("GET", "/snapshots/snap-1", "database_instance_find", id="get"),
        pytest.param("PUT", "/snapshots/snap-1", "database_instance_find", id="update"),
        pytest.param("POST", "/snapshots/snap-1/restore", "database_instance_find", id="restore"),
        pytest.param("DELETE", "/snapshots/snap-1", "database_instance_find", id="delete"),
        pytest.param(
            "POST", "/snapshots", "database_snapshot_create_instance_not_found", id="create"
        ),
    ],
)
async def test_an_instance_that_does_not_exist(
    call: Caller, method: str, path: str, code: str
) -> None:
    """Each call has the same code for it, and a create its own."""
    reply = await call(method, f"web-9{path}")

    assert reply.error == (404, code)


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="empty-header"),
        pytest.param("bearer", id="scheme-alone"),
        pytest.param("bearer ", id="empty"),
        pytest.param("basic fake-civo-token-0123456789", id="another-scheme"),
        pytest.param("fake-civo-token-0123456789", id="bare"),
    ],
)
async def test_no_token_requires_authentication(call: Caller, authorization: str) -> None:
    """No token is a 401, with neither code nor reason."""
    reply = await call("GET", "web-1/snapshots", authorization=authorization)

    assert reply.status == 401
    assert reply.document == {"result": "requires_authentication", "status": 401}


async def test_no_header_requires_authentication(call: Caller) -> None:
    """Nor is there a token where there is no header."""
    url = f"{call.civo.api_url}/v2/instances/web-1/snapshots?region=FAKE1"

    async with call.session.get(url) as response:
        document = await response.json()

    assert (response.status, document["result"]) == (401, "requires_authentication")


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("bearer wrong", id="wrong"),
        pytest.param("bearer caf\u00e9", id="not-ascii"),
    ],
)
async def test_a_bad_token_is_an_account_not_found(call: Caller, authorization: str) -> None:
    """A bad token arrives as a 404, not as a 401."""
    reply = await call("GET", "web-1/snapshots", authorization=authorization)

    assert reply.error == (404, "database_account_not_found")


async def test_a_token_can_be_revoked(civo: FakeCivo, call: Caller) -> None:
    """Once another token is set, the one before is none."""
    before = f"bearer {civo.token}"
    civo.token = "another"

    revoked = await call("GET", "web-1/snapshots", authorization=before)
    renewed = await call("GET", "web-1/snapshots")

    assert revoked.error == (404, "database_account_not_found")
    assert renewed.status == 200


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
async def test_bearer_is_accepted_in_any_case(call: Caller, civo: FakeCivo, scheme: str) -> None:
    """Servers accept any case of the scheme."""
    reply = await call("GET", "web-1/snapshots", authorization=f"{scheme} {civo.token}")

    assert reply.status == 200


@pytest.mark.parametrize("region", [None, "", "FAKE9"])
async def test_an_unknown_region_is_not_found(call: Caller, region: str | None) -> None:
    """A region that does not exist, or none at all."""
    reply = await call("GET", "web-1/snapshots", region=region)

    assert reply.error == (404, "database_region_not_found")


async def test_an_instance_is_found_in_its_region_only(fake_clock: FakeClock, call: Caller) -> None:
    """In another region there is no such instance."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
        talk = Caller(civo, call.session)
        civo.add_instance("web-1", region="FAKE2")

        elsewhere = await talk("GET", "web-1/snapshots", region="FAKE1")
        there = await talk("GET", "web-1/snapshots", region="FAKE2")

    assert elsewhere.error == (404, "database_instance_find")
    assert there.status == 200


async def test_no_region_goes_to_the_default_one(fake_clock: FakeClock, call: Caller) -> None:
    """With a default region, a write without region lands there, silently, as on Civo."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",), default_region="FAKE2") as civo:
        civo.add_instance("web-2", region="FAKE2")

        reply = await Caller(civo, call.session)("POST", "web-2/snapshots", region=None)

    assert reply.status == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_snapshot_that_does_not_exist(call: Caller, method: str) -> None:
    """Each call on one snapshot has the same code for it."""
    reply = await call(method, "web-1/snapshots/snap-9")

    assert reply.error == (404, "database_snapshot_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "web-1", id="the-pages-create"),
        pytest.param("GET", "web-1/snapshots/", id="no-snapshot"),
        pytest.param("DELETE", "web-1/snapshots/%2e%2E", id="dots"),
        pytest.param("GET", "%2E/snapshots", id="dot"),
        pytest.param("GET", "/snapshots", id="no-instance"),
        pytest.param("GET", "web-1/backups", id="another-noun"),
        pytest.param("POST", "web-1/snapshots/snap-1/restore/now", id="too-long"),
    ],
)
async def test_a_path_of_no_call(call: Caller, civo: FakeCivo, method: str, path: str) -> None:
    """An unknown path has its own code, which does not mean a missing snapshot."""
    civo.add_snapshot("web-1", "snap-1")

    # Written out, as aiohttp would resolve dots before sending.
    reply = await call_raw(call, method, f"/v2/instances/{path}")

    assert reply == (404, "route_not_found")
    assert civo.requests[-1].kind == "unknown"
    assert len(civo.snapshots("web-1")) == 1


async def call_raw(call: Caller, method: str, path: str) -> tuple[int, str]:
    """Send a path exactly as written."""
    url = URL(f"{call.civo.api_url}{path}?region=FAKE1", encoded=True)
    headers = {"Authorization": f"bearer {call.civo.token}"}
    async with call.session.request(method, url, headers=headers) as response:
        return response.status, (await response.json())["code"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("DELETE", "web-1/snapshots", "GET, POST", id="all-snapshots"),
        pytest.param("POST", "web-1/snapshots/snap-1", "GET, PUT, DELETE", id="one-snapshot"),
        pytest.param("GET", "web-1/snapshots/snap-1/restore", "POST", id="restore"),
    ],
)
async def test_a_method_that_the_path_does_not_take(
    call: Caller, method: str, path: str, allow: str
) -> None:
    """A known path with the wrong method is a 405 with the allowed methods."""
    reply = await call(method, path)

    assert reply.error == (405, "method_not_allowed")
    assert reply.headers["Allow"] == allow


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(scripts.completes(60.0), 409, id="no-status-yet"),
        pytest.param(scripts.stuck(), 409, id="pending"),
        pytest.param(scripts.reports("Thawing"), 409, id="unknown-word"),
        pytest.param(scripts.complete_with_pending_volume(), 409, id="volume-pending"),
        pytest.param(scripts.completed(), 201, id="complete"),
        pytest.param(scripts.fails(), 201, id="failed"),
        pytest.param(scripts.fails("vol-1"), 201, id="volume-failed"),
        pytest.param(scripts.vanishes(), 201, id="vanished"),
    ],
)
async def test_one_snapshot_at_a_time(
    civo: FakeCivo, call: Caller, script: Script, expected: int
) -> None:
    """A create is refused while another snapshot of that instance is in process."""
    civo.add_snapshot("web-1", "snap-1", script=script)

    reply = await call("POST", "web-1/snapshots")

    assert reply.status == expected
    if expected == 409:
        assert reply.document["code"] == "database_snapshot_create_already_in_process"


async def test_another_instance_prevents_nothing(civo: FakeCivo, call: Caller) -> None:
    """A snapshot in process holds up its own instance only."""
    civo.add_instance("web-2")
    civo.add_snapshot("web-1", script=scripts.stuck())

    assert (await call("POST", "web-2/snapshots")).status == 201


async def test_a_create_that_fails_uses_no_script(civo: FakeCivo, call: Caller) -> None:
    """A script waits for a snapshot that comes into being."""
    snapshot = civo.add_snapshot("web-1", script=scripts.stuck())
    civo.script_next("web-1", scripts.fails())
    await call("POST", "web-1/snapshots")
    snapshot.script = scripts.completed()

    reply = await call("POST", "web-1/snapshots")

    assert reply.document["status"]["state"] == "Failed"


@pytest.mark.parametrize(
    "name",
    ["Nightly", "a_b", "-a", "a-", "a.b", "a b", "\u00e4", "a" * 64, "nightly\n"],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_name_must_be_a_label(civo: FakeCivo, call: Caller, name: str, method: str) -> None:
    """Names conform to RFC 1123, on create and on update."""
    civo.add_snapshot("web-1", "snap-1", name="before")
    path = "web-1/snapshots" if method == "POST" else "web-1/snapshots/snap-1"

    reply = await call(method, path, json={"name": name})

    assert reply.error == (400, "parameter_name_invalid")
    assert [snapshot.name for snapshot in civo.snapshots("web-1")] == ["before"]


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63])
async def test_a_label_is_taken(call: Caller, name: str) -> None:
    """Lower-case letters, digits and hyphens, up to 63 of them, make a name."""
    assert (await call("POST", "web-1/snapshots", json={"name": name})).status == 201


@pytest.mark.parametrize("field", ["name", "description"])
async def test_a_text_must_be_a_string(call: Caller, field: str) -> None:
    """A number is no text."""
    reply = await call("POST", "web-1/snapshots", json={field: 5})

    assert reply.error == (400, f"parameter_{field}_invalid")
