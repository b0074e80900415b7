"""The calls that show instances."""

from typing import Literal

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

from .talk import Caller


@pytest.mark.parametrize("name", ["web-1", "web.example"])
async def test_an_instance_is_shown(fake_clock: FakeClock, call: Caller, name: str) -> None:
    """By its id or its host name, with the fields that the official tools show."""
    async with FakeCivo(clock=fake_clock) as civo:
        web = civo.add_instance("web-1", hostname="web.example", private_ip="10.0.0.9")
        web.tags = ("web", "main")

        reply = await Caller(civo, call.session)("GET", name)

    assert reply.status == 200
    assert reply.document == {
        "id": "web-1",
        "hostname": "web.example",
        "reverse_dns": "",
        "size": "g3.small",
        "region": "FAKE1",
        "network_id": web.network_id,
        "private_ip": "10.0.0.9",
        "public_ip": "198.18.0.4",
        "source_type": "diskimage",
        "source_id": web.source_id,
        "initial_user": "civo",
        "ssh_key_id": "",
        "status": "ACTIVE",
        "notes": "",
        "firewall_id": web.firewall_id,
        "tags": ["web", "main"],
        "script": "",
        "cpu_cores": 1,
        "ram_mb": 2048,
        "disk_gb": 25,
        "created_at": "2025-04-01T09:11:14Z",
        "attached_volumes": [{"id": "vol-1"}, {"id": "vol-2"}],
    }


async def test_no_two_instances_have_an_address_in_common(civo: FakeCivo, call: Caller) -> None:
    """Neither a private nor a public one, also where one was given or is made by a restore."""
    civo.add_instance("web-2", private_ip="10.0.0.6")
    civo.add_instance("web-3")
    civo.add_snapshot("web-1", "snap-1")
    await call("POST", "web-1/snapshots/snap-1/restore")

    instances = civo.instances.values()

    assert [each.private_ip for each in instances] == [
        "10.0.0.4", "10.0.0.6", "10.0.0.7", "10.0.0.8",
    ]  # fmt: skip
    assert len({each.public_ip for each in instances}) == 4


async def test_a_region_is_a_network(fake_clock: FakeClock, call: Caller) -> None:
    """In another one the same private IP can be had, and its instances have another network."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
        one, two = (
            civo.add_instance(region, region=region, private_ip="10.0.0.9")
            for region in ("FAKE1", "FAKE2")
        )
        civo.add_snapshot("FAKE1", "snap-1")

        reply = await Caller(civo, call.session)("POST", "FAKE1/snapshots/snap-1/restore")

        restored = civo.instance(reply.document["hostname"])
    assert one.network_id == restored.network_id != two.network_id
    assert one.firewall_id == restored.firewall_id != two.firewall_id


@pytest.mark.parametrize(
    ("fields", "name"), [({"overwrite_existing": True}, "web-1"), ({"hostname": "copy"}, "copy")]
)
async def test_a_restored_instance_builds_and_then_is_active(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock, fields: dict[str, object], name: str
) -> None:
    """For as long as the restore takes."""
    civo.add_snapshot("web-1", "snap-1")
    await call("POST", "web-1/snapshots/snap-1/restore", json=fields)

    before = (await call("GET", name)).document["status"]
    fake_clock.advance(2.0)
    after = (await call("GET", name)).document["status"]

    assert (before, after) == ("BUILDING", "ACTIVE")


async def test_the_kinds_have_names(civo: FakeCivo, call: Caller) -> None:
    """A recorded request distinguishes them from the calls on snapshots."""
    await call("GET", "web-1")
    await call("GET", "../instances")

    assert [(each.kind, each.instance_id) for each in civo.requests] == [
        ("get_instance", "web-1"),
        ("list_instances", None),
    ]


@pytest.mark.parametrize(
    ("past_last_page", "page", "items"),
    [("first", 1, ["web-0", "web-1"]), ("empty", 4, [])],
)
async def test_a_list_has_pages(
    fake_clock: FakeClock,
    call: Caller,
    past_last_page: Literal["first", "empty"],
    page: int,
    items: list[str],
) -> None:
    """Of the requested size; past the last one it is the first, or empty."""
    async with FakeCivo(clock=fake_clock, past_last_page=past_last_page) as civo:
        for number in range(5):
            civo.add_instance(f"web-{number}")
        talk = Caller(civo, call.session)

        replies = [await talk("GET", f"../instances?page={n}&per_page=2") for n in (1, 2, 3, 4)]

    shown = [[item["id"] for item in reply.document["items"]] for reply in replies]
    assert shown == [["web-0", "web-1"], ["web-2", "web-3"], ["web-4"], items]
    assert [
        (reply.document["page"], reply.document["per_page"], reply.document["pages"])
        for reply in replies
    ] == [(1, 2, 3), (2, 2, 3), (3, 2, 3), (page, 2, 3)]


@pytest.mark.parametrize("query", ["", "?page=&per_page="])
async def test_a_list_begins_with_the_first_twenty(
    fake_clock: FakeClock, call: Caller, query: str
) -> None:
    """Unless another one is requested."""
    async with FakeCivo(clock=fake_clock) as civo:
        for number in range(21):
            civo.add_instance(f"web-{number}")

        reply = await Caller(civo, call.session)("GET", f"../instances{query}")

    assert len(reply.document["items"]) == 20
    assert reply.document["pages"] == 2


async def test_a_region_lists_its_own(fake_clock: FakeClock, call: Caller) -> None:
    """None, here, is one empty page."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
        civo.add_instance("web-1")
        talk = Caller(civo, call.session)

        here = await talk("GET", "../instances")
        there = await talk("GET", "../instances", region="FAKE2")
        refused = await talk("GET", "web-1", region="FAKE2")

    assert [item["id"] for item in here.document["items"]] == ["web-1"]
    assert there.document == {"page": 1, "per_page": 20, "pages": 1, "items": []}
    assert refused.error == (404, "database_instance_find")


@pytest.mark.parametrize("path", ["web-1", "../instances"])
async def test_a_bad_token_is_an_account_not_found(call: Caller, path: str) -> None:
    """As everywhere."""
    reply = await call("GET", path, authorization="bearer wrong")

    assert reply.error == (404, "database_account_not_found")


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "two", "1e3", "\u0661", "9999999999"])
@pytest.mark.parametrize("name", ["page", "per_page"])
async def test_a_page_is_a_number(call: Caller, name: str, number: str) -> None:
    """A whole number, from 1."""
    reply = await call("GET", f"../instances?{name}={number}")

    assert reply.error == (400, f"parameter_{name}_invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "../instances"), ("DELETE", "web-1/"), ("PUT", "web-1"), ("GET", "web-1/")],
)
async def test_nothing_else_can_be_done_with_an_instance(
    civo: FakeCivo, call: Caller, method: str, path: str
) -> None:
    """Nothing is there, whatever the real Civo would do."""
    reply = await call(method, path)

    assert reply.error == (404, "route_not_found")
    assert list(civo.instances) == ["web-1"]


async def test_an_instance_request_can_get_a_fault(civo: FakeCivo, call: Caller) -> None:
    """As those for snapshots can."""
    civo.inject("get_instance", faults.status(503))

    statuses = [(await call("GET", "web-1")).status for _ in range(2)]

    assert statuses == [503, 200]
    assert civo.unused_faults == ()


@pytest.mark.parametrize("name", ["web-1", "web.example"])
async def test_an_instance_can_be_deleted(fake_clock: FakeClock, call: Caller, name: str) -> None:
    """By its id or its host name; then it is not there any more, nor are its snapshots at it."""
    async with FakeCivo(clock=fake_clock) as civo:
        civo.add_instance("web-1", hostname="web.example")
        civo.add_snapshot("web-1", "snap-1")
        talk = Caller(civo, call.session)

        reply = await talk("DELETE", name)
        errors = [(await talk("GET", path)).error for path in (name, f"{name}/snapshots")]

    assert (reply.status, reply.document) == (200, {"result": "success"})
    assert errors == [(404, "database_instance_find")] * 2
    assert [(each.kind, each.instance_id, each.snapshot_id) for each in civo.effects] == [
        ("delete_instance", "web-1", "")
    ]


async def test_an_instance_can_be_taken_away(civo: FakeCivo, call: Caller) -> None:
    """Without a request, and so without an effect."""
    civo.remove_instance("web-1")

    assert (await call("GET", "web-1")).error == (404, "database_instance_find")
    assert civo.effects == []


async def test_an_instance_is_deleted_once(civo: FakeCivo, call: Caller) -> None:
    """Afterwards there is none."""
    await call("DELETE", "web-1")

    reply = await call("DELETE", "web-1")

    assert reply.error == (404, "database_instance_find")
    assert len(civo.effects) == 1


async def test_an_instance_is_deleted_in_its_region(fake_clock: FakeClock, call: Caller) -> None:
    """In another one there is none."""
    async with FakeCivo(clock=fake_clock, other_regions=("FAKE2",)) as civo:
        civo.add_instance("web-1")

        reply = await Caller(civo, call.session)("DELETE", "web-1", region="FAKE2")

    assert reply.error == (404, "database_instance_find")
    assert (list(civo.instances), civo.effects) == (["web-1"], [])


async def test_an_instance_can_come_again(civo: FakeCivo, call: Caller) -> None:
    """Without the snapshots of the one before, though they are still in the account."""
    civo.add_snapshot("web-1", "snap-1")
    await call("DELETE", "web-1")

    civo.add_instance("web-1")

    assert civo.snapshots("web-1") == ()
    assert [snapshot.id for snapshot in civo.snapshots()] == ["snap-1"]
