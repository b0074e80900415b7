"""The calls on snapshots, when all goes well."""

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .talk import Caller


async def test_a_new_snapshot_has_no_status_yet(civo: FakeCivo, call: Caller) -> None:
    """A create is a 201 with the included volumes, the page's date, and an empty status."""
    reply = await call("POST", "web-1/snapshots", json={"name": "nightly", "description": "why"})

    assert reply.status == 201
    assert reply.document == {
        "id": civo.snapshot("web-1", "nightly").id,
        "name": "nightly",
        "description": "why",
        "included_volumes": ["vol-1", "vol-2"],
        "status": {},
        "created_at": "2025-04-01T09:11:14Z",
    }


async def test_a_snapshot_completes_as_time_goes_by(call: Caller, fake_clock: FakeClock) -> None:
    """Each get shows the current state: Pending, volume by volume, Complete."""
    snapshot_id = (await call("POST", "web-1/snapshots", json={})).document["id"]

    seen = []
    for _ in range(5):
        status = (await call("GET", f"web-1/snapshots/{snapshot_id}")).document["status"]
        seen.append([status.get("state"), *(v["state"] for v in status.get("volumes", []))])
        fake_clock.advance(0.5)

    assert seen == [
        [None],
        ["Pending", "Pending", "Pending"],
        ["Pending", "Completed", "Pending"],
        ["Pending", "Completed", "Completed"],
        ["Complete", "Completed", "Completed"],
    ]


async def test_takes_is_the_time_to_complete(fake_clock: FakeClock, call: Caller) -> None:
    """`takes` is what a snapshot needs unless scripted, to the second."""
    async with FakeCivo(clock=fake_clock, takes=30.0) as civo:
        civo.add_instance("web-1")
        await Caller(civo, call.session)("POST", "web-1/snapshots")
    (snapshot,) = civo.snapshots("web-1")

    states: list[object] = []
    for seconds in (29.0, 1.0):
        fake_clock.advance(seconds)
        states.append((snapshot.status or {})["state"])

    assert states == ["Pending", "Complete"]


async def test_a_name_is_made_up(call: Caller) -> None:
    """Without a name the server makes one."""
    reply = await call("POST", "web-1/snapshots", json={})

    assert reply.document["name"] == "snapshot-1"


async def test_a_list_holds_summaries_the_newest_first(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """A list is a bare array, without included volumes, and without an empty status."""
    civo.add_snapshot("web-1", "old", name="first", description="a")
    fake_clock.advance(60.0)
    civo.add_snapshot("web-1", "new", name="second", script=scripts.completes(9.0))

    reply = await call("GET", "web-1/snapshots")

    assert reply.status == 200
    assert reply.document == [
        {
            "id": "new",
            "name": "second",
            "description": "",
            "created_at": "2025-04-01T09:12:14Z",
        },
        {
            "id": "old",
            "name": "first",
            "description": "a",
            "status": {
                "state": "Complete",
                "volumes": [
                    {"id": "vol-1", "state": "Completed"},
                    {"id": "vol-2", "state": "Completed"},
                ],
            },
            "created_at": "2025-04-01T09:11:14Z",
        },
    ]


async def test_an_instance_without_snapshots_has_an_empty_list(call: Caller) -> None:
    """No snapshots are `[]`."""
    assert (await call("GET", "web-1/snapshots")).document == []


async def test_a_get_has_no_included_volumes(civo: FakeCivo, call: Caller) -> None:
    """Included volumes are seen on create only."""
    civo.add_snapshot("web-1", "snap-1")

    reply = await call("GET", "web-1/snapshots/snap-1")

    assert reply.status == 200
    assert sorted(reply.document) == ["created_at", "description", "id", "name", "status"]


@pytest.mark.parametrize("instance", ["web-1", "web.example"])
@pytest.mark.parametrize("snapshot", ["snap-1", "nightly"])
async def test_path_parts_are_ids_or_names(
    fake_clock: FakeClock, call: Caller, instance: str, snapshot: str
) -> None:
    """Both path parts may be an id or a name."""
    async with FakeCivo(clock=fake_clock) as civo:
        civo.add_instance("web-1", hostname="web.example")
        civo.add_snapshot("web-1", "snap-1", name="nightly")

        reply = await Caller(civo, call.session)("GET", f"{instance}/snapshots/{snapshot}")

    assert reply.document["id"] == "snap-1"


async def test_a_name_that_exists_twice_is_the_newest(civo: FakeCivo, call: Caller) -> None:
    """Nothing forbids two snapshots of one name; by name, the newer one is meant."""
    civo.add_snapshot("web-1", "older", name="nightly")
    reply = await call("POST", "web-1/snapshots", json={"name": "nightly"})
    newer = reply.document["id"]

    assert (await call("GET", "web-1/snapshots/nightly")).document["id"] == newer
    assert civo.snapshot("web-1", "nightly").id == newer


async def test_an_id_comes_before_a_name(civo: FakeCivo, call: Caller) -> None:
    """What is one snapshot's id and another's name is the id."""
    civo.add_snapshot("web-1", "nightly")
    civo.add_snapshot("web-1", "other", name="nightly")

    assert (await call("GET", "web-1/snapshots/nightly")).document["id"] == "nightly"


@pytest.mark.parametrize(
    ("fields", "name", "description"),
    [
        pytest.param({"name": "new"}, "new", "why", id="name"),
        pytest.param({"description": "because"}, "nightly", "because", id="description"),
        pytest.param({"name": "new", "description": "because"}, "new", "because", id="both"),
        pytest.param({"description": ""}, "nightly", "", id="description-emptied"),
        pytest.param({"name": ""}, "nightly", "why", id="name-unset"),
        pytest.param({"name": None, "description": None}, "nightly", "why", id="nulls"),
        pytest.param({}, "nightly", "why", id="nothing"),
    ],
)
async def test_an_update_changes_what_it_names(
    civo: FakeCivo, call: Caller, fields: dict[str, object], name: str, description: str
) -> None:
    """Fields that are not given remain as they were."""
    snapshot = civo.add_snapshot("web-1", "snap-1", name="nightly", description="why")

    reply = await call("PUT", "web-1/snapshots/snap-1", json=fields)

    assert reply.status == 200
    assert (reply.document["name"], reply.document["description"]) == (name, description)
    assert (snapshot.name, snapshot.description) == (name, description)


async def test_a_deleted_snapshot_is_gone(civo: FakeCivo, call: Caller) -> None:
    """A deletion is a 200, and then there is no such snapshot."""
    civo.add_snapshot("web-1", "snap-1")

    reply = await call("DELETE", "web-1/snapshots/snap-1")

    assert (reply.status, reply.document) == (200, {"result": "success"})
    assert civo.snapshots("web-1") == ()
    again = await call("DELETE", "web-1/snapshots/snap-1")
    assert again.error == (404, "database_snapshot_not_found")


async def test_a_deletion_frees_the_quota(fake_clock: FakeClock, call: Caller) -> None:
    """At the quota there is no creating, until one is deleted."""
    async with FakeCivo(clock=fake_clock, snapshot_quota=1) as civo:
        talk = Caller(civo, call.session)
        civo.add_instance("web-1")
        civo.add_instance("web-2")
        civo.add_snapshot("web-1", "snap-1")

        refused = await talk("POST", "web-2/snapshots")
        await talk("DELETE", "web-1/snapshots/snap-1")
        taken = await talk("POST", "web-2/snapshots")

    assert refused.error == (403, "quota_limit_reached")
    assert taken.status == 201


async def test_scripts_are_taken_in_order(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """The next creations take the scripts given, later ones the default again."""
    civo.script_next("web-1", scripts.fails(), scripts.completed())

    replies = [await call("POST", "web-1/snapshots") for _ in range(3)]

    states = [reply.document["status"].get("state") for reply in replies]
    assert states == ["Failed", "Complete", None]
    fake_clock.advance(2.0)
    assert all(snapshot.status for snapshot in civo.snapshots("web-1"))


async def test_a_vanished_snapshot_is_not_found(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """A script's None is a 404 by code, an absence from the list, and no use of the quota."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.vanishes(after=5.0))
    assert (await call("GET", "web-1/snapshots/snap-1")).status == 200

    fake_clock.advance(5.0)

    gone = await call("GET", "web-1/snapshots/snap-1")
    assert gone.error == (404, "database_snapshot_not_found")
    assert (await call("GET", "web-1/snapshots")).document == []
    assert (await call("POST", "web-1/snapshots")).status == 201


async def test_a_snapshot_can_be_given_another_script(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """A test may change its mind: elapsed time still counts from the creation."""
    snapshot = civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
    fake_clock.advance(10.0)

    snapshot.script = scripts.completes(10.0)

    reply = await call("GET", "web-1/snapshots/snap-1")
    assert reply.document["status"]["state"] == "Complete"


async def test_a_snapshot_from_the_future_has_just_started(
    civo: FakeCivo, fake_clock: FakeClock
) -> None:
    """A script never gets a negative time."""
    snapshot = civo.add_snapshot("web-1", script=scripts.completes(1.0))

    snapshot.created = fake_clock.now() + 60.0

    assert snapshot.status == {}


async def test_a_literal_status_goes_out_as_it_is(civo: FakeCivo, call: Caller) -> None:
    """Whatever a timeline holds is what is sent, however strange."""
    odd = {"state": None, "volumes": ["?"], "extra": 1}
    civo.add_snapshot("web-1", "snap-1", script=scripts.timeline([(0.0, odd)]))

    assert (await call("GET", "web-1/snapshots/snap-1")).document["status"] == odd
