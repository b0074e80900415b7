"""Restores: their responses, and whose disk they write."""

import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts
from civo_snapshots_async.testing.scripts import Script

from .talk import Caller

RESTORE = "web-1/snapshots/snap-1/restore"


@pytest.fixture(autouse=True)
def snapshot(civo: FakeCivo) -> None:
    """Give `web-1` a snapshot of its disk as it was, and another disk since."""
    instance = civo.instance("web-1")
    instance.disk = "before"
    civo.add_snapshot("web-1", "snap-1")
    instance.disk = "after"


async def test_the_restore_operation(civo: FakeCivo, call: Caller) -> None:
    """The response to a restore is a 201 with an operation that runs."""
    fields = {"hostname": "web-1-copy", "private_ip": "10.0.0.9", "description": "try"}

    reply = await call("POST", RESTORE, json=fields)

    assert reply.status == 201
    assert reply.document == {
        "id": civo.restores[0].id,
        "name": civo.restores[0].name,
        "hostname": "web-1-copy",
        "description": "try",
        "from_snapshot": "snap-1",
        "private_ipv4": "10.0.0.9",
        "overwrite_existing": False,
        "status": {"state": "in_progress"},
        "created_at": "2025-04-01T09:11:14Z",
        "completed_at": None,
    }


async def test_a_restore_into_a_new_instance(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """The new one gets the disk and builds for a while; the old one is left alone."""
    await call("POST", RESTORE, json={"hostname": "web-1-copy"})

    copy, original = civo.instance("web-1-copy"), civo.instance("web-1")
    assert (copy.disk, original.disk) == ("before", "after")
    assert (copy.region, len(copy.volumes)) == (original.region, len(original.volumes))
    assert set(copy.volumes).isdisjoint(original.volumes)
    assert (copy.status, original.status) == ("BUILDING", "ACTIVE")

    fake_clock.advance(2.0)
    assert copy.status == "ACTIVE"


async def test_a_restored_instance_can_be_snapshotted(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """What a restore made is, once it is active, an instance like any other."""
    await call("POST", RESTORE, json={"hostname": "web-1-copy"})
    fake_clock.advance(2.0)

    assert (await call("POST", "web-1-copy/snapshots")).status == 201
    assert civo.snapshots("web-1-copy")[0].disk == "before"


@pytest.mark.parametrize(
    ("fields", "busy"),
    [
        pytest.param({"hostname": "web-1-copy"}, "web-1-copy", id="new"),
        pytest.param({"overwrite_existing": True}, "web-1", id="overwritten"),
    ],
)
async def test_an_instance_is_not_snapshotted_while_it_is_building(
    civo: FakeCivo,
    call: Caller,
    fake_clock: FakeClock,
    fields: dict[str, object],
    busy: str,
) -> None:
    """Its disk is being written; another instance prevents nothing."""
    civo.add_instance("web-2")
    await call("POST", RESTORE, json=fields)

    refused = await call("POST", f"{busy}/snapshots")

    assert refused.error == (409, "instance_state_must_be_active_or_shutoff")
    assert (await call("POST", "web-2/snapshots")).status == 201
    assert [effect.kind for effect in civo.effects] == ["restore", "create"]
    fake_clock.advance(2.0)
    assert (await call("POST", f"{busy}/snapshots")).status == 201


@pytest.mark.parametrize("fields", [{}, {"hostname": ""}, {"overwrite_existing": False}])
async def test_host_name_and_address_are_made_up(
    civo: FakeCivo, call: Caller, fields: dict[str, object]
) -> None:
    """Without a host name or an address, the new instance gets some."""
    document = (await call("POST", RESTORE, json=fields)).document

    assert civo.instance(document["hostname"]).private_ip == document["private_ipv4"]
    assert ipaddress.IPv4Address(document["private_ipv4"]).is_private


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"json": {"overwrite_existing": True}}, id="json"),
        pytest.param({"json": {"overwrite_existing": "true"}}, id="json-text"),
        pytest.param({"data": {"overwrite_existing": "true"}}, id="form"),
    ],
)
async def test_an_overwrite_replaces_the_disk(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock, body: dict[str, Any]
) -> None:
    """The existing instance holds again what it held, and builds for a while."""
    document = (await call("POST", RESTORE, **body)).document

    instance = civo.instance("web-1")
    assert (document["hostname"], document["overwrite_existing"]) == ("web-1", True)
    assert document["private_ipv4"] == "10.0.0.4"
    assert (list(civo.instances), instance.disk, instance.status) == (
        ["web-1"],
        "before",
        "BUILDING",
    )
    fake_clock.advance(2.0)
    assert instance.status == "ACTIVE"


async def test_a_host_name_keeps_from_overwriting(civo: FakeCivo, call: Caller) -> None:
    """The page: with a host name the instance might not be overwritten. Here it is not."""
    fields = {"hostname": "web-1-copy", "overwrite_existing": True}

    document = (await call("POST", RESTORE, json=fields)).document

    assert document["overwrite_existing"] is False
    assert (civo.instance("web-1").disk, civo.instance("web-1-copy").disk) == ("after", "before")


@pytest.mark.parametrize("value", ["True", "1", "yes", 1, 0, [], "false "])
async def test_overwriting_is_true_or_false(civo: FakeCivo, call: Caller, value: object) -> None:
    """Nothing but true and false is taken, as JSON or as text."""
    reply = await call("POST", RESTORE, json={"overwrite_existing": value})

    assert reply.error == (400, "parameter_overwrite_existing_invalid")
    assert civo.restores == []


@pytest.mark.parametrize("value", [False, "false", "", None])
async def test_not_overwriting_can_be_requested(call: Caller, value: object) -> None:
    """False, its text, nothing and null all leave the instance alone."""
    document = (await call("POST", RESTORE, json={"overwrite_existing": value})).document

    assert document["overwrite_existing"] is False


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"private_ip": "10.0.0.9"}, id="the-page"),
        pytest.param({"private_ipv4": "10.0.0.9"}, id="the-official-client"),
        pytest.param({"private_ip": "10.0.0.9", "private_ipv4": "10.0.0.9"}, id="both"),
        pytest.param({"private_ip": "", "private_ipv4": "10.0.0.9"}, id="one-empty"),
    ],
)
async def test_the_private_ip_has_two_names(call: Caller, fields: dict[str, str]) -> None:
    """Both spellings are taken, and both at once if they agree."""
    assert (await call("POST", RESTORE, data=fields)).document["private_ipv4"] == "10.0.0.9"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param(
            {"private_ip": "10.0.0.8", "private_ipv4": "10.0.0.9"},
            "parameter_private_ip_invalid",
            id="two-addresses",
        ),
        pytest.param({"private_ip": "::1"}, "parameter_private_ip_invalid", id="ipv6"),
        pytest.param({"private_ip": "10.0.0"}, "parameter_private_ip_invalid", id="no-address"),
        pytest.param({"private_ipv4": 5}, "parameter_private_ipv4_invalid", id="number"),
        pytest.param({"hostname": "a_b"}, "parameter_hostname_invalid", id="host-name"),
        pytest.param({"hostname": "a." * 127}, "parameter_hostname_invalid", id="empty-label"),
        pytest.param({"hostname": "a" * 64}, "parameter_hostname_invalid", id="long-label"),
        pytest.param(
            {"hostname": ".".join(["a" * 62] * 5)}, "parameter_hostname_invalid", id="too-long"
        ),
        pytest.param({"description": 5}, "parameter_description_invalid", id="description"),
    ],
)
async def test_a_restore_with_wrong_fields_is_a_400(
    civo: FakeCivo, call: Caller, fields: dict[str, object], code: str
) -> None:
    """A wrong field is a 400, and nothing is restored."""
    reply = await call("POST", RESTORE, json=fields)

    assert reply.error == (400, code)
    assert (civo.restores, list(civo.instances)) == ([], ["web-1"])


@pytest.mark.parametrize("hostname", ["web-1", "web.example"])
async def test_a_host_name_is_unique(civo: FakeCivo, call: Caller, hostname: str) -> None:
    """A host name that an instance has already is a conflict."""
    civo.add_instance("web-2", hostname="web.example")

    reply = await call("POST", RESTORE, json={"hostname": hostname})

    assert reply.error == (409, "database_instance_duplicate_name")
    assert civo.restores == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"private_ip": "10.0.0.4"}, id="of-its-own-instance"),
        pytest.param({"private_ip": "10.0.0.5"}, id="of-another"),
        pytest.param({"private_ip": "10.0.0.5", "overwrite_existing": True}, id="overwriting"),
    ],
)
async def test_a_private_ip_is_unique(
    civo: FakeCivo, call: Caller, fields: dict[str, object]
) -> None:
    """A private IP that an instance of the network has already is a conflict."""
    civo.add_instance("web-2")

    reply = await call("POST", RESTORE, json=fields)

    assert reply.error == (409, "database_private_ip_in_use")
    assert (civo.restores, list(civo.instances)) == ([], ["web-1", "web-2"])


async def test_an_overwritten_instance_can_keep_its_private_ip(
    civo: FakeCivo, call: Caller
) -> None:
    """It is the one that has it."""
    fields = {"private_ip": "10.0.0.4", "overwrite_existing": True}

    assert (await call("POST", RESTORE, json=fields)).status == 201
    assert civo.instance("web-1").private_ip == "10.0.0.4"


async def test_a_new_instance_is_like_the_old_one(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """In the same network, of the same size; it is younger."""
    old = civo.instance("web-1")
    old.network_id, old.size, old.tags = "net-7", "g4.large", ("web",)
    fake_clock.advance(60)

    await call("POST", RESTORE, json={"hostname": "copy"})

    new = civo.instance("copy")
    assert (new.network_id, new.size, new.tags) == ("net-7", "g4.large", ("web",))
    assert (old.created, new.created) == (0.0, 60.0)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(scripts.completes(60.0), id="no-status-yet"),
        pytest.param(scripts.stuck(), id="pending"),
        pytest.param(scripts.fails(), id="failed"),
        pytest.param(scripts.complete_with_pending_volume(), id="volume-pending"),
        pytest.param(scripts.timeline([(0.0, {"state": "Complete", "volumes": [7]})]), id="odd"),
    ],
)
async def test_an_incomplete_snapshot_is_not_restored(
    civo: FakeCivo, call: Caller, script: Script
) -> None:
    """Restores are for completed snapshots: of each volume, not just in name."""
    civo.snapshot("web-1", "snap-1").script = script

    reply = await call("POST", RESTORE, json={"overwrite_existing": True})

    assert reply.error == (409, "database_snapshot_not_complete")
    assert civo.instance("web-1").disk == "after"


class TestWithoutChecks:
    """`checks_restores=False`: a server that trusts its clients."""

    @pytest_asyncio.fixture
    async def trusting(self, fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
        """Run one, with two instances and a snapshot of each."""
        async with FakeCivo(clock=fake_clock, checks_restores=False) as civo:
            for instance_id, snapshot_id in (("web-1", "snap-1"), ("db-1", "snap-2")):
                civo.add_instance(instance_id).disk = f"{instance_id} before"
                civo.add_snapshot(instance_id, snapshot_id, name="nightly")
                civo.instance(instance_id).disk = "after"
            yield civo

    @pytest.fixture
    def talk(self, trusting: FakeCivo, call: Caller) -> Caller:
        """Talk to it."""
        return Caller(trusting, call.session)

    async def test_an_incomplete_snapshot_is_restored(
        self, trusting: FakeCivo, talk: Caller
    ) -> None:
        """It overwrites, and the record does not show it as complete."""
        trusting.snapshot("web-1", "snap-1").script = scripts.complete_with_pending_volume()

        reply = await talk("POST", RESTORE, json={"overwrite_existing": True})

        assert reply.status == 201
        assert trusting.instance("web-1").disk == "web-1 before"
        assert trusting.restores[0].complete_snapshots == {}

    async def test_so_is_another_instances(self, trusting: FakeCivo, talk: Caller) -> None:
        """By its id: a name is searched among the instance's own."""
        by_id, by_name = [
            await talk("POST", f"web-1/snapshots/{name}/restore", json={"overwrite_existing": True})
            for name in ("snap-2", "nightly")
        ]

        assert (by_id.status, by_name.status) == (201, 201)
        first, second = trusting.restores
        assert (first.from_instance, first.instance_id, first.disk) == (
            "db-1",
            "web-1",
            "db-1 before",
        )
        assert (second.from_instance, second.from_snapshot) == ("web-1", "snap-1")
        assert trusting.instance("db-1").disk == "after"

    async def test_one_that_does_not_exist_is_not(self, trusting: FakeCivo, talk: Caller) -> None:
        """There is nothing to restore."""
        reply = await talk("POST", "web-1/snapshots/snap-9/restore")

        assert reply.error == (404, "database_snapshot_not_found")
        assert trusting.restores == []


async def test_another_instances_snapshot_is_not_found(civo: FakeCivo, call: Caller) -> None:
    """By default, by its id as well."""
    civo.add_instance("db-1")
    civo.add_snapshot("db-1", "snap-2")

    reply = await call("POST", "web-1/snapshots/snap-2/restore", json={"overwrite_existing": True})

    assert reply.error == (404, "database_snapshot_not_found")
    assert civo.restores == []


async def test_a_restore_records_which_snapshots_were_complete(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """Of the instance in the request, at its start."""
    civo.add_snapshot("web-1", "snap-2", name="later", script=scripts.completes(60))
    civo.add_instance("db-1")
    civo.add_snapshot("db-1", "snap-3")
    await call("POST", RESTORE, json={"overwrite_existing": True})
    fake_clock.advance(60)
    await call("POST", RESTORE, json={"hostname": "copy"})

    first, second = [each.complete_snapshots for each in civo.restores]
    assert first == {"snap-1": civo.snapshot("web-1", "snap-1").name}
    assert dict(second) == {**first, "snap-2": "later"}


@pytest.mark.parametrize("state", ["complete", "COMPLETED", "Complete"])
async def test_complete_is_read_in_every_spelling(civo: FakeCivo, call: Caller, state: str) -> None:
    """A scripted state may be spelled as Civo's engineers do; volumes need no report."""
    civo.snapshot("web-1", "snap-1").script = scripts.timeline([(0.0, {"state": state})])

    assert (await call("POST", RESTORE)).status == 201


async def test_a_snapshot_in_use_is_not_deleted(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """While a restore reads it, a snapshot cannot be deleted; another can."""
    civo.add_snapshot("web-1", "snap-2")
    await call("POST", RESTORE)

    refused = await call("DELETE", "web-1/snapshots/snap-1")
    other = await call("DELETE", "web-1/snapshots/snap-2")
    fake_clock.advance(2.0)
    later = await call("DELETE", "web-1/snapshots/snap-1")

    assert refused.error == (409, "database_snapshot_cannot_delete_in_use")
    assert (other.status, later.status) == (200, 200)


async def test_restores_are_kept(civo: FakeCivo, call: Caller) -> None:
    """What was restored, into what, can be asserted."""
    await call("POST", RESTORE, json={"overwrite_existing": True, "private_ip": "10.0.0.9"})
    await call("POST", RESTORE, json={"hostname": "copy"})

    first, second = civo.restores
    assert (first.from_instance, first.instance_id, first.disk) == ("web-1", "web-1", "before")
    assert (first.overwrite_existing, second.overwrite_existing) == (True, False)
    assert second.instance_id == civo.instance("copy").id
    assert (first.created, first.completed) == (0.0, 2.0)
    assert civo.instance("web-1").private_ip == "10.0.0.9"


async def test_a_restore_that_takes_no_time(fake_clock: FakeClock, call: Caller) -> None:
    """With `takes=0` the operation is complete in its response."""
    async with FakeCivo(clock=fake_clock, takes=0.0) as civo:
        civo.add_instance("web-1")
        civo.add_snapshot("web-1", "snap-1")

        document = (await Caller(civo, call.session)("POST", RESTORE)).document

    assert document["status"] == {"state": "complete"}
    assert document["completed_at"] == document["created_at"] == "2025-04-01T09:11:14Z"
