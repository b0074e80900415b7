"""The official Go client's calls and the official CLI's first steps, byte for byte.

Each test names the function, or the command, that it replays. What they send and decode was read
in github.com/civo/civogo (client.go, instance_snapshot.go, resource_snapshot.go, instance.go,
region.go, quota.go, errors.go) and github.com/civo/cli (config/config.go, cmd/instance).
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .go import ZERO_TIME, GoClient, GoError, Shape, decoded

SNAPSHOTS = "/v2/instances/web-1/snapshots"
CREATED = datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)

STATUS: Shape = {"state": str, "volumes": [{"id": str, "state": str}]}
SNAPSHOT: Shape = {
    "id": str,
    "name": str,
    "description": str,
    "included_volumes": [str],
    "status": STATUS,
    "created_at": datetime,
}
RESTORE: Shape = {
    "id": str,
    "name": str,
    "hostname": str,
    "description": str,
    "from_snapshot": str,
    "private_ipv4": str,
    "overwrite_existing": bool,
    "status": {"state": str},
    "created_at": datetime,
    "completed_at": datetime,
}
RESOURCE_SNAPSHOT: Shape = {
    "id": str,
    "name": str,
    "description": str,
    "resource_type": str,
    "created_at": datetime,
    "instance": SNAPSHOT,
}
INSTANCE: Shape = {
    **dict.fromkeys(
        (
            "id",
            "hostname",
            "reverse_dns",
            "size",
            "region",
            "network_id",
            "private_ip",
            "public_ip",
            "ipv6",
            "pseudo_ip",
            "source_type",
            "source_id",
            "snapshot_id",
            "initial_user",
            "initial_password",
            "ssh_key_id",
            "status",
            "notes",
            "firewall_id",
            "script",
        ),
        str,
    ),
    **dict.fromkeys(("cpu_cores", "ram_mb", "disk_gb"), int),
    "tags": [str],
    "created_at": datetime,
    "attached_volumes": [{"id": str}],
}
INSTANCE_PAGE: Shape = {"page": int, "per_page": int, "pages": int, "items": [INSTANCE]}
REGION: Shape = {
    **dict.fromkeys(("code", "name", "type", "country", "country_name"), str),
    "out_of_capacity": bool,
    "default": bool,
    "features": dict.fromkeys(
        (
            "iaas",
            "kubernetes",
            "object_store",
            "loadbalancer",
            "dbaas",
            "volume",
            "paas",
            "kfaas",
            "public_ip_node_pools",
        ),
        bool,
    ),
}
COUNTED = (
    "instance_count",
    "cpu_core",
    "ram_mb",
    "disk_gb",
    "disk_volume_count",
    "disk_snapshot_count",
    "public_ip_address",
    "subnet_count",
    "network_count",
    "security_group",
    "security_group_rule",
    "port_count",
    "loadbalancer_count",
    "objectstore_gb",
    "database_count",
    "database_snapshot_count",
    "database_cpu_core",
    "database_ram_mb",
    "database_disk_gb",
)
QUOTA: Shape = {
    **dict.fromkeys(("id", "default_user_id", "default_user_email_address"), str),
    **{f"{what}_{kind}": int for what in COUNTED for kind in ("limit", "usage")},
}
SIMPLE: Shape = dict.fromkeys(("id", "result", "code", "reason", "details"), str)


@pytest.fixture
def go(civo: FakeCivo) -> GoClient:
    """Make the official Go client, for an instance with a complete snapshot."""
    civo.add_snapshot("web-1", "snap-1", name="nightly", description="why")

    return GoClient(civo)


def test_the_bytes_of_a_request(go: GoClient) -> None:
    """`SendPostRequest`: headers in Go's order, the untrue one among them, and compact JSON."""
    request = go.written("POST", SNAPSHOTS, b'{"name":""}')

    assert request.decode().split("\r\n") == [
        "POST /v2/instances/web-1/snapshots?region=FAKE1 HTTP/1.1",
        f"Host: {go.civo.api_url.removeprefix('http://')}",
        "User-Agent: civogo/dev",
        "Content-Length: 11",
        "Accept: application/json",
        f"Authorization: bearer {go.civo.token}",
        "Content-Encoding: gzip",
        "Content-Type: application/json",
        "Accept-Encoding: gzip",
        "",
        '{"name":""}',
    ]


@pytest.mark.parametrize(
    ("body", "name", "description"),
    [
        pytest.param(b'{"name":""}', "snapshot-2", "", id="nothing-set"),
        pytest.param(b'{"name":"n","description":"a \\u003c b"}', "n", "a < b", id="all-set"),
        pytest.param(b'{"name":"n","include_volumes":true}', "n", "", id="an-older-one"),
    ],
)
async def test_create(go: GoClient, body: bytes, name: str, description: str) -> None:
    """`CreateInstanceSnapshot`: a name that is not set is sent as an empty one."""
    snapshot = decoded(await go.send("POST", SNAPSHOTS, body), SNAPSHOT)

    assert (snapshot["name"], snapshot["description"]) == (name, description)
    assert snapshot["id"] == go.civo.snapshot("web-1", name).id
    assert (snapshot["included_volumes"], snapshot["created_at"]) == (["vol-1", "vol-2"], CREATED)
    assert snapshot["status"] == {"state": "", "volumes": []}
    assert [(each.kind, each.body) for each in go.civo.requests] == [("create", body)]


async def test_list(go: GoClient) -> None:
    """`ListInstanceSnapshots`."""
    (snapshot,) = decoded(await go.send("GET", SNAPSHOTS), [SNAPSHOT])

    assert (snapshot["id"], snapshot["status"]["state"]) == ("snap-1", "Complete")
    assert [each.kind for each in go.civo.requests] == ["list"]


@pytest.mark.parametrize("name", ["snap-1", "nightly"])
async def test_get(go: GoClient, name: str) -> None:
    """`GetInstanceSnapshot`, by id or name."""
    snapshot = decoded(await go.send("GET", f"{SNAPSHOTS}/{name}"), SNAPSHOT)

    assert (snapshot["id"], snapshot["description"]) == ("snap-1", "why")
    assert snapshot["status"]["volumes"][1] == {"id": "vol-2", "state": "Completed"}
    assert [each.kind for each in go.civo.requests] == ["get"]


@pytest.mark.parametrize(
    ("body", "name", "description"),
    [
        pytest.param(b"{}", "nightly", "why", id="nothing-set"),
        pytest.param(b'{"name":"weekly"}', "weekly", "why", id="name"),
        pytest.param(b'{"description":"because"}', "nightly", "because", id="description"),
    ],
)
async def test_update(go: GoClient, body: bytes, name: str, description: str) -> None:
    """`UpdateInstanceSnapshot`: what is not set is not sent."""
    snapshot = decoded(await go.send("PUT", f"{SNAPSHOTS}/snap-1", body), SNAPSHOT)

    assert (snapshot["name"], snapshot["description"]) == (name, description)
    assert [each.kind for each in go.civo.requests] == ["update"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"{}", {"hostname": "restored-2", "overwrite_existing": False}, id="nothing"),
        pytest.param(
            b'{"description":"try","hostname":"copy","private_ipv4":"10.0.0.9"}',
            {"description": "try", "hostname": "copy", "private_ipv4": "10.0.0.9"},
            id="new-instance",
        ),
        pytest.param(
            b'{"overwrite_existing":true}',
            {"hostname": "web-1", "overwrite_existing": True},
            id="overwrite",
        ),
    ],
)
async def test_restore(go: GoClient, body: bytes, expected: dict[str, Any]) -> None:
    """`RestoreInstanceSnapshot`: the operation itself, not one inside of another object."""
    restore = decoded(await go.send("POST", f"{SNAPSHOTS}/snap-1/restore", body), RESTORE)

    assert restore == restore | expected
    assert (restore["from_snapshot"], restore["status"]["state"]) == ("snap-1", "in_progress")
    assert (restore["created_at"], restore["completed_at"]) == (CREATED, ZERO_TIME)
    assert [each.kind for each in go.civo.requests] == ["restore"]


async def test_delete(go: GoClient) -> None:
    """`DeleteInstanceSnapshot`; older ones read the response as a `SimpleResponse`."""
    response = decoded(await go.send("DELETE", f"{SNAPSHOTS}/snap-1"), SIMPLE)

    assert response["result"] == "success"
    assert go.civo.snapshots("web-1") == ()


async def test_instances(go: GoClient) -> None:
    """`ListAllInstances`, which requests one page of 99,999,999."""
    document = await go.send("GET", "/v2/instances", page=1, per_page=99999999)
    page = decoded(document, INSTANCE_PAGE)

    (instance,) = page["items"]
    assert (page["page"], page["pages"]) == (1, 1)
    assert (instance["id"], instance["status"]) == ("web-1", "ACTIVE")
    assert (instance["created_at"], instance["attached_volumes"][0]) == (CREATED, {"id": "vol-1"})
    assert go.civo.requests[0].query == {"page": "1", "per_page": "99999999", "region": "FAKE1"}


async def test_an_instance(go: GoClient) -> None:
    """`GetInstance`, and then `DeleteInstance`."""
    instance = decoded(await go.send("GET", "/v2/instances/web-1"), INSTANCE)
    response = decoded(await go.send("DELETE", "/v2/instances/web-1"), SIMPLE)

    shown = ("size", "network_id", "private_ip", "public_ip", "firewall_id", "source_id")
    assert all(instance[name] for name in shown)
    assert response["result"] == "success"
    assert dict(go.civo.instances) == {}


async def test_resource_snapshots(go: GoClient) -> None:
    """`ListResourceSnapshots` and `GetResourceSnapshot`."""
    (listed,) = decoded(await go.send("GET", "/v2/resourcesnapshots"), [RESOURCE_SNAPSHOT])
    alone = decoded(await go.send("GET", "/v2/resourcesnapshots/snap-1"), RESOURCE_SNAPSHOT)

    assert listed == alone
    assert (alone["id"], alone["resource_type"], alone["created_at"]) == (
        "snap-1", "instance", CREATED,
    )  # fmt: skip
    assert alone["instance"]["status"]["state"] == "Complete"


async def test_quota(go: GoClient) -> None:
    """`GetQuota`: 41 fields, each of them there."""
    document = await go.send("GET", "/v2/quota")

    assert decoded(document, QUOTA) == document
    assert document["disk_snapshot_count_usage"] == 1


async def test_regions(go: GoClient) -> None:
    """`ListRegions`, as Terraform's provider calls it first: each field is there."""
    document = await go.send("GET", "/v2/regions")

    assert decoded(document, [REGION]) == document
    assert [region["code"] for region in document] == ["FAKE1"]


@pytest.mark.parametrize(
    ("method", "path", "code", "text"),
    [
        pytest.param(
            "GET",
            "/v2/instances/web-9",
            "database_instance_find",
            "Failed to find instance 'web-9'",
            id="no-instance",
        ),
        pytest.param(
            "POST",
            "/v2/instances/web-9/snapshots",
            "database_snapshot_create_instance_not_found",
            "Failed to find instance 'web-9'",
            id="create-on-no-instance",
        ),
        pytest.param(
            "GET",
            f"{SNAPSHOTS}/snap-9",
            "database_snapshot_not_found",
            "Failed to find snapshot 'snap-9'",
            id="no-snapshot",
        ),
        pytest.param(
            "POST",
            SNAPSHOTS,
            "database_snapshot_create_already_in_process",
            "Another snapshot of this instance is in process",
            id="in-process",
        ),
    ],
)
async def test_errors(go: GoClient, method: str, path: str, code: str, text: str) -> None:
    """`decodeError`: a code that it has a name for, and a reason that stands there once."""
    go.civo.add_snapshot("web-1", script=scripts.stuck())

    with pytest.raises(GoError) as caught:
        await go.send(method, path, b'{"name":""}' if method == "POST" else None)

    assert (caught.value.code, caught.value.text) == (code, text)


@pytest.mark.parametrize(
    ("token", "status", "code", "text"),
    [
        ("wrong", 404, "database_account_not_found", "Failed to find the account"),
        ("", 401, "", "authentication Error"),
    ],
)
async def test_a_bad_token(civo: FakeCivo, token: str, status: int, code: str, text: str) -> None:
    """`decodeError`: a wrong one, and none."""
    go = GoClient(civo, token=token)

    with pytest.raises(GoError) as caught:
        await go.send("GET", SNAPSHOTS)

    assert (caught.value.status, caught.value.code, caught.value.text) == (status, code, text)


async def test_the_cli_on_a_fresh_configuration(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """`CIVO_TOKEN=… civo instance snapshot … --region FAKE1`, with `meta.url` set, and no more.

    A new `~/.civo.json` has NYC1. With that, the CLI requests the regions twice before its first
    command: as it has no features yet, and as it has not checked them today.
    """
    fresh = GoClient(civo, region="NYC1", user_agent="civo-cli/0.0.0 civogo/dev")
    features = [
        {each["code"]: each["features"] for each in decoded(document, [REGION])}
        for document in [await fresh.send("GET", "/v2/regions") for _ in range(2)]
    ]
    cli = GoClient(civo, user_agent="civo-cli/0.0.0 civogo/dev")
    made = decoded(await cli.send("POST", SNAPSHOTS, b'{"name":"before-upgrade"}'), SNAPSHOT)
    fake_clock.advance(60)
    listed = decoded(await cli.send("GET", SNAPSHOTS), [SNAPSHOT])
    one = f"{SNAPSHOTS}/before-upgrade"
    shown = decoded(await cli.send("GET", one), SNAPSHOT)
    updated = decoded(await cli.send("PUT", one, b'{"description":"done"}'), SNAPSHOT)
    restored = decoded(
        await cli.send("POST", f"{one}/restore", b'{"overwrite_existing":true}'), RESTORE
    )
    fake_clock.advance(60)
    await cli.send("DELETE", one)

    assert features[0] == features[1]
    assert features[0]["FAKE1"]["iaas"] is True
    assert [made["id"]] == [each["id"] for each in listed]
    assert (shown["id"], shown["status"]["state"]) == (made["id"], "Complete")
    assert (updated["description"], restored["hostname"]) == ("done", "web-1")
    assert civo.snapshots("web-1") == ()
    assert [each.kind for each in civo.requests] == [
        "list_regions", "list_regions", "create", "list", "get", "update", "restore", "delete",
    ]  # fmt: skip
