"""The one door: what goes out by it, and what is noted of what comes in."""

import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from civo_snapshots_async import DecodeError, Snapshot, SnapshotRef, SnapshotSession
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.ledger import Ledger
from civo_snapshots_async._http.message import Request, Response
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .doubles import NoConnections
from .make import make_snapshot

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


class TestLedger:
    """What is known of snapshots, whichever call showed them."""

    def test_what_was_noted_before_a_create_started_existed_before(self) -> None:
        """And what is first seen later may be its own."""
        ledger = Ledger()
        ledger.note(make_snapshot(snapshot_id="old"))
        number = ledger.number_a_create()
        ledger.note(make_snapshot(snapshot_id="new"))
        ledger.note(make_snapshot(snapshot_id="old"))

        before = [ledger.was_there_before(each, number) for each in ("old", "new", "unseen")]

        assert before == [True, False, False]

    def test_the_volumes_that_a_creation_named_are_known_from_then_on(self) -> None:
        """Until another report names others."""
        ledger = Ledger()
        ledger.note(make_snapshot(included=("a", "b")))

        assert ledger.note(make_snapshot()).included_volumes == ("a", "b")
        assert ledger.note(make_snapshot(included=("c",))).included_volumes == ("c",)
        assert ledger.note(make_snapshot(snapshot_id="other")).included_volumes == ()

    def test_of_a_name_that_was_used_again_the_newest_counts(self) -> None:
        """In its own region, and on its own instance."""
        ledger = Ledger()
        ledger.note(make_snapshot(snapshot_id="old", name="nightly", included=("a",)))
        ledger.note(make_snapshot(snapshot_id="new", name="nightly", included=("b",)))
        ledger.note(make_snapshot(snapshot_id="other", name="weekly", included=("c",)))

        assert ledger.volumes_named(SnapshotRef("web-1", "nightly", "FAKE1")) == ("b",)
        assert ledger.volumes_named(SnapshotRef("web-2", "nightly", "FAKE1")) == ()
        assert ledger.volumes_named(SnapshotRef("web-1", "nightly", "FAKE2")) == ()

    def test_a_report_without_a_name_leaves_the_name_known(self) -> None:
        """As the response to an update of the description alone, which may have nothing else."""
        ledger = Ledger()
        ledger.note(make_snapshot(name="nightly", included=("a",)))
        ledger.note(make_snapshot(name=""))

        assert ledger.volumes_named(SnapshotRef("web-1", "nightly", "FAKE1")) == ("a",)

    @pytest.mark.parametrize("written", ["snap-a", "SNAP-A"])
    def test_an_id_is_the_same_in_any_case(self, written: str) -> None:
        """A server may write a UUID its own way, as the codec has it."""
        ledger = Ledger()
        ledger.note(make_snapshot(snapshot_id="Snap-A", included=("vol-1",)))
        ledger.claim("Snap-A")
        number = ledger.number_a_create()

        assert ledger.was_there_before(written, number)
        assert ledger.is_claimed(written)
        assert ledger.note(make_snapshot(snapshot_id=written)).included_volumes == ("vol-1",)

    def test_a_place_and_a_name_are_the_same_in_any_case(self) -> None:
        """A caller may name the instance or the snapshot as it likes."""
        ledger = Ledger()
        ledger.note(make_snapshot(name="nightly", included=("vol-1",)))
        ledger.bring(SnapshotRef("web-1", "weekly", "FAKE1"), ("vol-2",))

        assert ledger.volumes_named(SnapshotRef("WEB-1", "Nightly", "fake1")) == ("vol-1",)
        assert ledger.volumes_named(SnapshotRef("WEB-1", "Weekly", "fake1")) == ("vol-2",)
        assert ledger.note(make_snapshot(snapshot_id="snap-2", name="Weekly")).included_volumes == (
            "vol-2",
        )

    @pytest.mark.parametrize("is_brought", [False, True], ids=["seen", "brought"])
    def test_a_rename_by_name_moves_the_volumes_to_the_new_name(self, *, is_brought: bool) -> None:
        """The old name may be another snapshot's next, and is no id of this one."""
        ledger, old = Ledger(), SnapshotRef("web-1", "nightly", "FAKE1")
        if is_brought:
            ledger.bring(old, ("vol-1",))
        else:
            ledger.note(make_snapshot(name="nightly", included=("vol-1",)))

        renamed = ledger.note_update(old, make_snapshot(snapshot_id="nightly", name="weekly"))

        assert renamed.included_volumes == ("vol-1",)
        assert ledger.volumes_named(SnapshotRef("web-1", "weekly", "FAKE1")) == ("vol-1",)
        assert ledger.volumes_named(old) == ()
        assert not ledger.was_there_before("nightly", ledger.number_a_create())

    def test_an_update_by_name_of_what_is_not_known_leaves_nothing(self) -> None:
        """There is neither an id nor a volume to remember."""
        ledger, ref = Ledger(), SnapshotRef("web-1", "nightly", "FAKE1")

        updated = ledger.note_update(ref, make_snapshot(snapshot_id="nightly", name=""))

        assert updated.included_volumes == ledger.volumes_named(ref) == ()

    def test_an_update_by_a_uuid_notes_that_id(self) -> None:
        """Civo's ids are UUIDs, and its names are not."""
        ledger, unseen = Ledger(), "00000000-0000-4000-8000-00000000000A"

        ledger.note_update(SnapshotRef("web-1", unseen, "FAKE1"), make_snapshot(snapshot_id=unseen))

        assert ledger.was_there_before(unseen, ledger.number_a_create())

    def test_what_is_claimed_is_one_creates(self) -> None:
        """And no other's."""
        ledger = Ledger()
        ledger.claim("snap-1")

        assert (ledger.is_claimed("snap-1"), ledger.is_claimed("snap-2")) == (True, False)

    def test_what_is_remembered_is_bounded(self) -> None:
        """A service that runs for years does not grow by it."""
        ledger = Ledger()
        for number in range(5000):
            ledger.note(make_snapshot(snapshot_id=f"snap-{number}", included=("a",)))
            ledger.claim(f"snap-{number}")
            ledger.bring(SnapshotRef("web-1", f"snap-{number}x", "FAKE1"), ("a",))

        memories = [value for value in vars(ledger).values() if isinstance(value, dict)]
        assert [len(memory) for memory in memories] == [4096] * 4


class OneResponse(NoConnections):
    """A transport that gives one response."""

    def __init__(self, response: Response) -> None:
        self.response = response

    async def send(
        self, request: Request[object], *, limit: float, counts_queue: bool = True
    ) -> Response:
        """Give it."""
        assert (request.call, limit, counts_queue) == ("list_snapshots", 7, True)
        return self.response


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ({"date": "Mon, 23 Nov 2026 00:00:00 GMT"}, MIDNIGHT),
        ({"date": "yesterday"}, None),
        ({"date": "Mon, 23 Nov 2026 00:00:00 -0000"}, None),
        ({"date": "Mon, 23 Nov 99999999999 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
async def test_a_listing_knows_the_servers_time(
    date: dict[str, str], moment: datetime | None
) -> None:
    """By its Date header."""
    transport = OneResponse(Response(status=200, body=b"[]", headers=date))
    caller = Caller(transport, transport, Ledger(), 7)

    listing = await caller.poll_list(endpoints.list_snapshots("web-1", region="FAKE1"))

    assert (listing.snapshots, listing.server_time) == ((), moment)


async def test_a_listing_holds_what_can_be_read() -> None:
    """With the volumes that a creation named; what can't be read was there now as well."""
    ledger = Ledger()
    ledger.note(make_snapshot(snapshot_id="a", included=("vol-1",)))
    body = b'[{"id": "a", "name": "x"}, {"id": "b", "name": 5}, {"name": "y"}]'
    transport = OneResponse(Response(status=200, body=body))
    caller = Caller(transport, transport, ledger, 7)

    listing = await caller.poll_list(endpoints.list_snapshots("web-1", region="FAKE1"))

    assert [each.included_volumes for each in listing.snapshots] == [("vol-1",)]
    assert listing.problem is not None
    assert [entry.id for entry in listing.problem.unreadable] == ["b", None]
    assert ledger.was_there_before("b", ledger.number_a_create())


async def test_a_list_that_cannot_be_read_at_all_is_no_listing() -> None:
    """There is nothing to go on by."""
    transport = OneResponse(Response(status=200, body=b"{}"))
    caller = Caller(transport, transport, Ledger(), 7)

    with pytest.raises(DecodeError):
        await caller.poll_list(endpoints.list_snapshots("web-1", region="FAKE1"))


WAYS: dict[str, Callable[[SnapshotSession, str], Any]] = {
    "get": lambda session, snapshot_id: session.get_snapshot("web-1", snapshot_id),
    "update": lambda session, snapshot_id: session.update_snapshot(
        "web-1", snapshot_id, description="x"
    ),
    "list": lambda session, _: session.list_snapshots("web-1"),
    "ensure": lambda session, _: session.ensure_snapshot("web-1", name="nightly"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_one_snapshot_is_the_same_by_every_call(
    civo: FakeCivo, session: SnapshotSession, way: Callable[[SnapshotSession, str], Any]
) -> None:
    """The volumes that its creation named are known to all of them: one is not reported yet."""
    half = {"state": "Complete", "volumes": [{"id": "vol-1", "state": "Completed"}]}
    civo.script_next("web-1", scripts.timeline([(0.0, half)]))
    created = await session.create_snapshot("web-1", name="nightly")

    shown = await way(session, created.id)
    snapshot: Snapshot = shown[0] if isinstance(shown, tuple) else shown

    assert snapshot.included_volumes == created.included_volumes == ("vol-1", "vol-2")
    assert not snapshot.is_complete


@pytest.mark.parametrize("named_by", ["id", "name"])
@pytest.mark.parametrize("is_id_said", [True, False], ids=["with its id", "without"])
async def test_an_update_with_a_short_response_is_still_of_that_snapshot(
    civo: FakeCivo, session: SnapshotSession, named_by: str, *, is_id_said: bool
) -> None:
    """One volume is not reported yet, whatever the response leaves out."""
    half = {"state": "Complete", "volumes": [{"id": "vol-1", "state": "Completed"}]}
    created = await session.create_snapshot("web-1", name="nightly")
    said = {"description": "x", "status": half, **({"id": created.id} if is_id_said else {})}
    civo.inject("update", faults.bad_json(json.dumps(said).encode()))

    updated = await session.update_snapshot("web-1", getattr(created, named_by), description="x")
    token = session.save_wait("web-1", "nightly")

    assert updated.included_volumes == created.included_volumes == ("vol-1", "vol-2")
    assert not updated.is_complete
    assert token.included_volumes == created.included_volumes


async def test_an_old_name_is_no_id_of_a_renamed_snapshot(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """An update by name whose response has no id has the name for it; a new one may get it."""
    civo.inject("update", faults.bad_json(b'{"name": "weekly", "included_volumes": ["vol-1"]}'))
    await session.create_snapshot("web-1", name="nightly")
    updated = await session.update_snapshot("web-1", "nightly", name="weekly")

    saved = session.save_wait("web-1", "nightly")

    assert (updated.id, updated.included_volumes) == ("nightly", ("vol-1",))
    assert saved.included_volumes == ()
    assert session.save_wait("web-1", "weekly").included_volumes == ("vol-1",)


@asynccontextmanager
async def no_collector() -> AsyncIterator[None]:
    """Let nothing be freed but by its reference count."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("is_used", [False, True])
async def test_a_dropped_session_is_freed_at_once(
    civo: FakeCivo, fake_clock: FakeClock, *, is_used: bool
) -> None:
    """Nothing that it holds leads back to it."""
    async with no_collector():
        session = SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
        )
        if is_used:
            snapshot = await session.create_snapshot("web-1")
            await session.wait_until_complete("web-1", snapshot.id)
            await session.delete_snapshot("web-1", snapshot.id)
        await session.aclose()
        freed = weakref.ref(session)

        del session

        assert freed() is None
