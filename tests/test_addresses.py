"""The address of a snapshot: a value, and what stands wherever a `snapshot_id` does."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import attrs
import pytest

from civo_snapshots_async import Snapshot, SnapshotRef, SnapshotSession, VolumeStatus
from civo_snapshots_async.testing import FakeCivo, FakeClock

from .make import make_snapshot

Like = str | Snapshot | SnapshotRef
Call = Callable[..., Awaitable[object]]


async def watched(session: SnapshotSession, instance_id: str, like: Like, **where: Any) -> object:
    """Watch to the end."""
    async with aclosing(session.watch(instance_id, like, **where)) as events:
        return [event async for event in events]


async def resumed(session: SnapshotSession, instance_id: str, like: Like, **where: Any) -> object:
    """Wait by way of a saved wait, which has an address as well."""
    return await session.resume(session.save_wait(instance_id, like, **where))


async def deleted(session: SnapshotSession, instance_id: str, like: Like, **where: Any) -> None:
    """Delete it, and wait until it is gone."""
    await session.delete_snapshot(instance_id, like, **where)
    await session.wait_until_deleted(instance_id, like, **where)


async def waited(session: SnapshotSession, instance_id: str, like: Like, **where: Any) -> None:
    """Wait for a batch of one."""
    (await session.wait_many([(instance_id, like)], **where)).raise_for_failures()


# Every public call that takes a `snapshot_id`, by its name.
CALLS: dict[str, Call] = {
    "get_snapshot": lambda s, i, like, **where: s.get_snapshot(i, like, **where),
    "update_snapshot": lambda s, i, like, **where: s.update_snapshot(
        i, like, description="x", **where
    ),
    "restore_snapshot": lambda s, i, like, **where: s.restore_snapshot(i, like, **where),
    "delete_snapshot": lambda s, i, like, **where: s.delete_snapshot(i, like, **where),
    "wait_until_complete": lambda s, i, like, **where: s.wait_until_complete(i, like, **where),
    "watch": watched,
    "save_wait": resumed,
    "plan_restore": lambda s, i, like, **where: s.plan_restore(i, like, **where),
    "ensure_restored": lambda s, i, like, **where: s.ensure_restored(
        i, like, hostname="copy", **where
    ),
    "drill": lambda s, i, like, **where: s.drill(i, like, check=lambda _: True, **where),
    "restore_when_complete": lambda s, i, like, **where: s.restore_when_complete(i, like, **where),
    "wait_until_deleted": deleted,
    "wait_many": waited,
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
# In a region that is not the session's.
SNAPSHOT = Snapshot(id="snap-2", name="nightly", instance_id="web-2", region="FAKE2")
THERE: dict[str, Like] = {
    "Snapshot": SNAPSHOT,
    "SnapshotRef": SnapshotRef("web-2", "snap-2", "FAKE2"),
    "SnapshotRef by name": SnapshotRef("web-2", "nightly", "FAKE2"),
}
every_address = pytest.mark.parametrize("address", THERE.values(), ids=THERE)


@pytest.fixture
async def civo(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Serve two regions, with an instance and its snapshot in each."""
    async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
        for number in (1, 2):
            civo.add_instance(f"web-{number}", region=f"FAKE{number}")
            civo.add_snapshot(f"web-{number}", f"snap-{number}", name="nightly")
        yield civo


def regions_of(civo: FakeCivo) -> set[str]:
    """Return the regions of the requests."""
    return {request.query["region"] for request in civo.requests}


def test_every_call_that_takes_a_snapshot_is_in_the_table() -> None:
    """A new one is tested too."""
    taking = {
        name
        for name, method in inspect.getmembers(SnapshotSession, inspect.isfunction)
        if {"snapshot_id", "snapshots"} & set(inspect.signature(method).parameters)
    }

    assert set(CALLS) == taking


class TestWhereASnapshotIdGoes:
    """A `Snapshot` or a ref goes as well, and brings its region."""

    @every_address
    @every_call
    async def test_it_brings_its_region(
        self, civo: FakeCivo, session: SnapshotSession, call: Call, address: Like
    ) -> None:
        """Whatever the session's own is."""
        await call(session, "web-2", address)

        assert regions_of(civo) == {"FAKE2"}

    @every_address
    @every_call
    async def test_its_region_may_be_given_as_well(
        self, civo: FakeCivo, session: SnapshotSession, call: Call, address: Like
    ) -> None:
        """As long as it is the same."""
        await call(session, "web-2", address, region="FAKE2")

        assert regions_of(civo) == {"FAKE2"}

    @every_call
    async def test_a_ref_without_a_region_is_in_the_sessions(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """Or in the one that the call names."""
        await call(session, "web-1", SnapshotRef("web-1", "snap-1"))

        assert regions_of(civo) == {"FAKE1"}

    @every_call
    async def test_a_ref_without_a_region_takes_the_calls(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """It is the same address."""
        await call(session, "web-2", SnapshotRef("web-2", "snap-2"), region="FAKE2")

        assert regions_of(civo) == {"FAKE2"}

    @every_address
    @every_call
    async def test_one_of_another_instance_is_an_error_before_any_request(
        self, civo: FakeCivo, session: SnapshotSession, call: Call, address: Like
    ) -> None:
        """A mix-up of variables destroys no disk."""
        with pytest.raises(
            ValueError, match=r"of instance web-2 does not belong to instance web-1"
        ):
            await call(session, "web-1", address)

        assert civo.requests == []

    @every_address
    @every_call
    async def test_one_of_another_region_is_an_error_before_any_request(
        self, civo: FakeCivo, session: SnapshotSession, call: Call, address: Like
    ) -> None:
        """Its region is part of its address."""
        with pytest.raises(ValueError, match="is in region FAKE2, not in FAKE1"):
            await call(session, "web-2", address, region="FAKE1")

        assert civo.requests == []

    async def test_a_batch_takes_what_has_an_address_alone(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A `Snapshot` or a ref needs no instance beside it."""
        batch = session.wait_many([SNAPSHOT, SnapshotRef("web-1", "snap-1")])

        (await batch).raise_for_failures()

        assert regions_of(civo) == {"FAKE1", "FAKE2"}

    async def test_an_instance_is_the_same_in_any_case(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A server may write a UUID its own way."""
        await session.get_snapshot("WEB-1", SnapshotRef("web-1", "snap-1"))

        assert [request.path for request in civo.requests] == [
            "/v2/instances/web-1/snapshots/snap-1"
        ]

    async def test_a_snapshot_of_a_test_double_goes_by_its_id(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """One that no call returned has neither instance nor region."""
        await session.get_snapshot("web-1", Snapshot(id="snap-1", name="nightly"))

        assert regions_of(civo) == {"FAKE1"}

    async def test_what_a_call_returns_is_an_address(self, session: SnapshotSession) -> None:
        """From one call to the next without a string."""
        listed = await session.list_snapshots("web-2", region="FAKE2")

        got = await session.get_snapshot("web-2", listed[0])

        assert got.ref == SnapshotRef("web-2", "snap-2", "FAKE2")


class TestSnapshotRef:
    """Made and checked once, and printed well."""

    def test_a_snapshot_has_one(self) -> None:
        """By its id, never by its name."""
        assert make_snapshot(snapshot_id="snap-7", name="nightly").ref == SnapshotRef(
            "web-1", "snap-7", "FAKE1"
        )

    def test_a_snapshot_that_no_call_gave_has_none(self) -> None:
        """Its region is not known."""
        with pytest.raises(ValueError, match="instance_id must be 1 to 128 letters"):
            _ = Snapshot(id="snap-1", name="nightly").ref

    def test_it_reads_as_a_sentence_does(self) -> None:
        """As the subject of one, in a log or an error."""
        assert str(SnapshotRef("web-1", "snap-1", "LON1")) == "snapshot snap-1 of instance web-1"

    def test_it_is_a_value(self) -> None:
        """To compare, to put in a set, and not to change."""
        ref = SnapshotRef("web-1", "snap-1", "LON1")

        assert {ref, SnapshotRef("web-1", "snap-1", "LON1")} == {ref}
        assert ref != SnapshotRef("web-1", "snap-1")
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(ref, "region", "NYC1")  # noqa: B010 - what a type checker would refuse

    @pytest.mark.parametrize("field", ["instance_id", "snapshot_id", "region"])
    @pytest.mark.parametrize("value", ["..", "a/b", "a?b", "a b", "a\n", "x" * 129, "é"])
    def test_no_part_of_it_can_lead_elsewhere(self, field: str, value: str) -> None:
        """`..` as a snapshot's id would be the instance."""
        parts = {"instance_id": "web-1", "snapshot_id": "snap-1", "region": "LON1", field: value}

        with pytest.raises(ValueError, match=f"^{field} must be 1 to 128 letters"):
            SnapshotRef(**parts)

    @pytest.mark.parametrize("field", ["instance_id", "snapshot_id", "region"])
    @pytest.mark.parametrize("value", [None, 7, b"snap-1"])
    def test_each_part_is_text(self, field: str, value: Any) -> None:
        """`None` as a snapshot's id would be the list."""
        parts = {"instance_id": "web-1", "snapshot_id": "snap-1", "region": "LON1", field: value}

        with pytest.raises(TypeError, match=f"^{field} must be a string"):
            SnapshotRef(**parts)

    @pytest.mark.parametrize("field", ["instance_id", "snapshot_id"])
    def test_only_the_region_may_be_left_open(self, field: str) -> None:
        """An address without the rest of it is none."""
        parts = {"instance_id": "web-1", "snapshot_id": "snap-1", field: ""}

        with pytest.raises(ValueError, match=f"^{field} must be"):
            SnapshotRef(**parts)

    async def test_a_volume_is_no_snapshot(self, session: SnapshotSession) -> None:
        """What has an id is not for that reason a snapshot."""
        volume: Any = VolumeStatus(id="vol-1")

        with pytest.raises(TypeError, match="snapshot_id must be a string, not VolumeStatus"):
            await session.get_snapshot("web-1", volume)
