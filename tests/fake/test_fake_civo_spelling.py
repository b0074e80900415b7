"""States as Civo's engineers write them, in lower case."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from civo_snapshots_async import PollPolicy, SnapshotFailedError, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts
from civo_snapshots_async.testing.scripts import Script

from ..make import session_on
from .talk import Caller


@pytest_asyncio.fixture
async def lower(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Run a FakeCivo that spells states so."""
    async with FakeCivo(clock=fake_clock, spelling="lower") as civo:
        civo.add_instance("web-1")
        yield civo


@pytest_asyncio.fixture
async def session(lower: FakeCivo, fake_clock: FakeClock) -> AsyncIterator[SnapshotSession]:
    """Open a session on it."""
    async with session_on(lower, fake_clock) as session:
        yield session


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param(scripts.completed(), ["completed", "completed", "completed"], id="complete"),
        pytest.param(scripts.stuck(), ["pending", "pending", "pending"], id="pending"),
        pytest.param(scripts.fails("vol-2"), ["pending", "completed", "failed"], id="failed"),
        pytest.param(
            scripts.complete_with_pending_volume(),
            ["completed", "completed", "pending"],
            id="the-page",
        ),
        pytest.param(scripts.reports("Thawing"), ["Thawing", "pending", "pending"], id="own-word"),
    ],
)
async def test_each_word_of_the_page_is_in_lower_case(
    lower: FakeCivo, call: Caller, script: Script, shown: list[str]
) -> None:
    """By a get, in a list, and on the handle; a word of the test's own stays as it is."""
    snapshot = lower.add_snapshot("web-1", "snap-1", script=script)
    talk = Caller(lower, call.session)

    got = (await talk("GET", "web-1/snapshots/snap-1")).document["status"]
    (listed,) = (await talk("GET", "web-1/snapshots")).document

    assert [got["state"], *(volume["state"] for volume in got["volumes"])] == shown
    assert listed["status"] == got == snapshot.status


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({}, id="empty"),
        pytest.param({"state": None, "volumes": ["Pending", {"id": "v"}], "extra": 1}, id="odd"),
        pytest.param({"state": 5, "volumes": {"state": "Pending"}}, id="odder"),
    ],
)
def test_what_is_no_state_stays_as_it_is(lower: FakeCivo, odd: dict[str, object]) -> None:
    """A literal status may hold anything."""
    snapshot = lower.add_snapshot("web-1", script=scripts.timeline([(0.0, odd)]))

    assert snapshot.status == odd


async def test_a_wait_ends_by_these_words(lower: FakeCivo, session: SnapshotSession) -> None:
    """From none to pending to completed, and a restore may follow."""
    created = await session.create_snapshot("web-1")

    snapshot = await session.wait_until_complete("web-1", created.id)
    await session.restore_snapshot("web-1", snapshot.id, hostname="web-2")

    assert snapshot.state == "completed"
    assert lower.restores[0].from_snapshot == snapshot.id


async def test_a_wait_fails_by_these_words(lower: FakeCivo, session: SnapshotSession) -> None:
    """The failure is quoted as it was spelled."""
    lower.add_snapshot("web-1", "snap-1", script=scripts.fails(after=5))

    with pytest.raises(SnapshotFailedError, match="the snapshot is failed"):
        await session.wait_until_complete("web-1", "snap-1", poll=PollPolicy(interval=10))
