"""Deletions that take time: Civo frees quota and storage "on completion"."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from civo_snapshots_async import PollPolicy
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from ..make import session_on
from .talk import Caller

SNAPSHOT = "web-1/snapshots/snap-1"


@pytest_asyncio.fixture
async def slow(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Run a FakeCivo that takes a minute for a deletion, with one snapshot and room for two."""
    async with FakeCivo(clock=fake_clock, deletes_take=60.0, snapshot_quota=2) as civo:
        civo.add_instance("web-1")
        civo.add_snapshot("web-1", "snap-1", name="nightly")
        yield civo


@pytest.fixture
def talk(slow: FakeCivo, call: Caller) -> Caller:
    """Talk to it."""
    return Caller(slow, call.session)


async def test_it_is_shown_as_it_was_until_it_is_gone(
    talk: Caller, slow: FakeCivo, fake_clock: FakeClock
) -> None:
    """Got and listed for a minute, to the second; then it is not there."""
    before = await talk("GET", SNAPSHOT)

    reply = await talk("DELETE", SNAPSHOT)

    assert (reply.status, reply.document) == (200, {"result": "success"})
    fake_clock.advance(59.0)
    assert await talk("GET", SNAPSHOT) == before
    assert len((await talk("GET", "web-1/snapshots")).document) == 1
    fake_clock.advance(1.0)
    assert (await talk("GET", SNAPSHOT)).error == (404, "database_snapshot_not_found")
    assert (await talk("GET", "web-1/snapshots")).document == []
    assert slow.snapshots() == ()


async def test_its_quota_is_used_until_it_is_gone(
    talk: Caller, slow: FakeCivo, fake_clock: FakeClock
) -> None:
    """A client that deletes one to make room for another has to wait."""
    slow.add_snapshot("web-1", "snap-2")
    await talk("DELETE", SNAPSHOT)

    refused = await talk("POST", "web-1/snapshots")
    fake_clock.advance(60.0)
    taken = await talk("POST", "web-1/snapshots")

    assert refused.error == (403, "quota_limit_reached")
    assert taken.status == 201


async def test_a_second_deletion_changes_nothing(
    talk: Caller, slow: FakeCivo, fake_clock: FakeClock
) -> None:
    """It is acknowledged as the first one was, and makes it no later."""
    await talk("DELETE", SNAPSHOT)
    fake_clock.advance(59.0)

    assert (await talk("DELETE", SNAPSHOT)).status == 200

    assert [effect.kind for effect in slow.effects] == ["delete"]
    fake_clock.advance(1.0)
    assert (await talk("DELETE", SNAPSHOT)).error == (404, "database_snapshot_not_found")


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        pytest.param("POST", f"{SNAPSHOT}/restore", {"overwrite_existing": True}, id="restore"),
        pytest.param("PUT", SNAPSHOT, {"name": "kept"}, id="update"),
    ],
)
async def test_what_is_being_deleted_can_not_be_used(
    talk: Caller, slow: FakeCivo, method: str, path: str, fields: dict[str, object]
) -> None:
    """No disk is replaced by it, and nothing of it changes."""
    slow.instance("web-1").disk = "later"
    await talk("DELETE", SNAPSHOT)

    reply = await talk(method, path, json=fields)

    assert reply.error == (409, "database_snapshot_deleting")
    assert [effect.kind for effect in slow.effects] == ["delete"]
    assert slow.instance("web-1").disk == "later"


async def test_it_prevents_no_create(talk: Caller, slow: FakeCivo) -> None:
    """Even if it was not complete: nothing is in process any more."""
    slow.snapshot("web-1", "snap-1").script = scripts.stuck()
    await talk("DELETE", SNAPSHOT)

    assert (await talk("POST", "web-1/snapshots")).status == 201


async def test_a_deletion_can_be_made_longer(
    talk: Caller, slow: FakeCivo, fake_clock: FakeClock
) -> None:
    """A test may set when it is gone."""
    await talk("DELETE", SNAPSHOT)
    slow.snapshot("web-1", "snap-1").gone_at = 600.0

    fake_clock.advance(599.0)

    assert (await talk("GET", SNAPSHOT)).status == 200


async def test_a_session_can_wait_for_it(slow: FakeCivo, fake_clock: FakeClock) -> None:
    """`wait_until_deleted` polls until it is not there, and then there is room again."""
    slow.add_snapshot("web-1", "snap-2")
    async with session_on(slow, fake_clock) as session:
        await session.delete_snapshot("web-1", "snap-1")
        await session.wait_until_deleted("web-1", "snap-1", poll=PollPolicy(interval=10))
        await session.create_snapshot("web-1")

    assert fake_clock.now() == 60.0


async def test_a_deletion_is_at_once_by_default(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """Without `deletes_take` no time passes, and the handle knows that it is gone."""
    snapshot = civo.add_snapshot("web-1", "snap-1")
    fake_clock.advance(5.0)

    await call("DELETE", SNAPSHOT)

    assert civo.snapshots("web-1") == ()
    assert (snapshot.gone_at, snapshot.status) == (5.0, None)
