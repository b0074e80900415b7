"""The calls that show the account: its snapshots, its quota, its regions."""

from typing import Any, Literal

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .talk import Caller

SNAPSHOTS = "../resourcesnapshots"


async def test_a_snapshot_of_the_account(civo: FakeCivo, call: Caller) -> None:
    """In the list and alone, with the snapshot as its instance shows it."""
    civo.add_snapshot("web-1", "snap-1", name="nightly", description="why")

    listed = await call("GET", SNAPSHOTS)
    alone = await call("GET", f"{SNAPSHOTS}/snap-1")

    assert (listed.status, alone.status) == (200, 200)
    assert listed.document == [alone.document]
    assert alone.document == {
        "id": "snap-1",
        "name": "nightly",
        "description": "why",
        "resource_type": "instance",
        "created_at": "2025-04-01T09:11:14Z",
        "instance": {
            "id": "web-1",
            "name": "nightly",
            "description": "why",
            "included_volumes": ["vol-1", "vol-2"],
            "status": {
                "state": "Complete",
                "volumes": [
                    {"id": "vol-1", "state": "Completed"},
                    {"id": "vol-2", "state": "Completed"},
                ],
            },
            "created_at": "2025-04-01T09:11:14Z",
        },
    }


@pytest.mark.parametrize(("ids", "shown"), [("instance", "web-1"), ("snapshot", "snap-1")])
async def test_the_id_inside_is_the_instances_or_the_snapshots(
    fake_clock: FakeClock, call: Caller, ids: Literal["instance", "snapshot"], shown: str
) -> None:
    """Civo's CLI reads it as the one, the type of its Go client is the other."""
    async with FakeCivo(clock=fake_clock, account_list_ids=ids) as civo:
        civo.add_instance("web-1")
        civo.add_snapshot("web-1", "snap-1")
        talk = Caller(civo, call.session)

        (listed,) = (await talk("GET", SNAPSHOTS)).document
        alone = (await talk("GET", f"{SNAPSHOTS}/snap-1")).document

    assert listed == alone
    assert (alone["id"], alone["instance"]["id"]) == ("snap-1", shown)


async def test_the_account_has_the_snapshots_of_a_region(
    fake_clock: FakeClock, call: Caller
) -> None:
    """Of all its instances, the newest first, but for those that have vanished."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
        for name, region in (("web-1", "FAKE1"), ("web-2", "FAKE1"), ("db-1", "FAKE2")):
            civo.add_instance(name, region=region)
        for name in ("web-1", "web-2", "db-1", "web-1"):
            civo.add_snapshot(name, f"snap-{fake_clock.now():.0f}")
            fake_clock.advance(1)
        civo.add_snapshot("web-2", "gone", script=scripts.vanishes())
        talk = Caller(civo, call.session)

        here = await talk("GET", SNAPSHOTS)
        there = await talk("GET", SNAPSHOTS, region="FAKE2")
        refused = [
            (await talk("GET", f"{SNAPSHOTS}/{name}")).error
            for name in ("snap-2", "gone", "snap-9")
        ]

    assert [item["id"] for item in here.document] == ["snap-3", "snap-1", "snap-0"]
    assert [item["id"] for item in there.document] == ["snap-2"]
    assert refused == [(404, "database_snapshot_not_found")] * 3


async def test_the_snapshots_of_a_deleted_instance_stay(call: Caller, civo: FakeCivo) -> None:
    """In the account's list, alone, and in the quota."""
    civo.add_snapshot("web-1", "snap-1")

    await call("DELETE", "web-1")

    assert [item["id"] for item in (await call("GET", SNAPSHOTS)).document] == ["snap-1"]
    assert (await call("GET", f"{SNAPSHOTS}/snap-1")).status == 200
    assert (await call("GET", "../quota")).document["disk_snapshot_count_usage"] == 1


async def test_what_a_deleted_instance_left_counts(fake_clock: FakeClock, call: Caller) -> None:
    """A quota is used up by it, as by any other."""
    async with FakeCivo(clock=fake_clock, snapshot_quota=1) as civo:
        civo.add_instance("web-1")
        civo.add_instance("web-2")
        civo.add_snapshot("web-1")
        civo.remove_instance("web-1")

        reply = await Caller(civo, call.session)("POST", "web-2/snapshots")

    assert reply.error == (403, "quota_limit_reached")


async def test_a_snapshot_without_status_has_an_empty_one(civo: FakeCivo, call: Caller) -> None:
    """As right after its creation."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.completes(60))

    (item,) = (await call("GET", SNAPSHOTS)).document

    assert item["instance"]["status"] == {}


@pytest.mark.parametrize("quota", [None, 0, 3])
async def test_the_quota(fake_clock: FakeClock, call: Caller, quota: int | None) -> None:
    """It has a limit and a usage of everything; the limit of snapshots is the one that holds."""
    async with FakeCivo(clock=fake_clock, snapshot_quota=quota, other_regions=("FAKE2",)) as civo:
        civo.add_instance("web-1").ram_mb = 4096
        civo.add_instance("db-1", region="FAKE2", volumes=())
        civo.add_snapshot("web-1")
        civo.add_snapshot("db-1")

        document = (await Caller(civo, call.session)("GET", "../quota")).document

    limits = {name[:-6]: value for name, value in document.items() if name.endswith("_limit")}
    usages = {name[:-6]: value for name, value in document.items() if name.endswith("_usage")}
    assert (len(document), len(limits), limits.keys()) == (41, 19, usages.keys())
    assert limits.pop("disk_snapshot_count") == (100_000 if quota is None else quota)
    assert {name: usage for name, usage in usages.items() if usage} == {
        "instance_count": 2,
        "cpu_core": 2,
        "ram_mb": 4096 + 2048,
        "disk_gb": 50,
        "disk_volume_count": 2,
        "disk_snapshot_count": 2,
        "public_ip_address": 2,
        "network_count": 2,
        "security_group": 2,
    }
    assert all(limits[name] >= usages[name] for name in limits)


@pytest.mark.parametrize(
    ("default_region", "default"), [(None, "FAKE1"), ("FAKE1", "FAKE1"), ("FAKE2", "FAKE2")]
)
async def test_the_regions(
    fake_clock: FakeClock, call: Caller, default_region: str | None, default: str
) -> None:
    """All of them, one of which is the default."""
    async with FakeCivo(
        clock=fake_clock, other_regions=("FAKE2",), default_region=default_region
    ) as civo:
        reply = await Caller(civo, call.session)("GET", "../regions")

    assert reply.status == 200
    assert [item["code"] for item in reply.document] == ["FAKE1", "FAKE2"]
    assert [item["code"] for item in reply.document if item["default"]] == [default]
    first = reply.document[0]
    assert all(first.pop("features").values())
    assert first == {
        "code": "FAKE1",
        "name": "FAKE1",
        "type": "civostack",
        "out_of_capacity": False,
        "country": "uk",
        "country_name": "United Kingdom",
        "default": default == "FAKE1",
    }


@pytest.mark.parametrize("region", [None, "", "NYC1"])
@pytest.mark.parametrize("path", ["../regions", "../quota"])
async def test_the_account_is_in_no_region(call: Caller, path: str, region: str | None) -> None:
    """The official CLI requests the regions before one is chosen."""
    assert (await call("GET", path, region=region)).status == 200


@pytest.mark.parametrize("path", [SNAPSHOTS, f"{SNAPSHOTS}/snap-1"])
async def test_the_snapshots_of_an_unknown_region(call: Caller, path: str) -> None:
    """There is no such list."""
    assert (await call("GET", path, region="FAKE9")).error == (404, "database_region_not_found")


KINDS = [
    pytest.param("list_resource_snapshots", SNAPSHOTS, None, id="snapshots"),
    pytest.param("get_resource_snapshot", f"{SNAPSHOTS}/snap-1", "snap-1", id="snapshot"),
    pytest.param("get_quota", "../quota", None, id="quota"),
    pytest.param("list_regions", "../regions", None, id="regions"),
]


@pytest.mark.parametrize(("kind", "path", "snapshot_id"), KINDS)
async def test_the_kinds_have_names(
    civo: FakeCivo, call: Caller, kind: Any, path: str, snapshot_id: str | None
) -> None:
    """Recorded requests are distinguished by them, and they can get faults."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject(kind, faults.status(503))

    statuses = [(await call("GET", path)).status for _ in range(2)]

    assert statuses == [503, 200]
    assert [(each.kind, each.instance_id, each.snapshot_id) for each in civo.requests] == [
        (kind, None, snapshot_id)
    ] * 2


@pytest.mark.parametrize("path", [SNAPSHOTS, f"{SNAPSHOTS}/snap-1", "../quota", "../regions"])
async def test_a_bad_token_is_an_account_not_found(call: Caller, path: str) -> None:
    """As everywhere."""
    reply = await call("GET", path, authorization="bearer wrong")

    assert reply.error == (404, "database_account_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"{SNAPSHOTS}/snap-1"),
        ("PUT", f"{SNAPSHOTS}/snap-1"),
        ("POST", f"{SNAPSHOTS}/snap-1/restore"),
        ("GET", "../resourcesnapshotschedules"),
        ("PUT", "../quota"),
        ("GET", "../regions/FAKE1"),
    ],
)
async def test_nothing_else_is_implemented(
    civo: FakeCivo, call: Caller, method: str, path: str
) -> None:
    """There is nothing, whatever the real Civo would do."""
    civo.add_snapshot("web-1", "snap-1")

    assert (await call(method, path)).error == (404, "route_not_found")
    assert len(civo.snapshots("web-1")) == 1
