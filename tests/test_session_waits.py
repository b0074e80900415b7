"""Waits for a restored instance and for a deletion, as users call them, on a FakeCivo."""

from typing import Any

import pytest

from civo_snapshots_async import (
    AuthenticationError,
    InstanceNotFoundError,
    PollPolicy,
    SessionClosedError,
    SnapshotSession,
    WaitTimeoutError,
    plan_prune,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .make import session_on


class TestWaits:
    """Waits for instances, and for what is to be gone."""

    @pytest.mark.parametrize("others", [0, 250])
    async def test_a_restored_instance_is_found_and_waited_for(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock, others: int
    ) -> None:
        """On whichever page it stands."""
        for number in range(others):
            civo.add_instance(f"other-{number}")
        civo.add_snapshot("web-1", "snap-1")
        restore = await session.restore_snapshot("web-1", "snap-1", hostname="Copy")

        found = await session.wait_for_restored_instance(restore)
        active = await session.wait_until_active(found.id)

        assert (found.hostname, found.status, found.region) == ("Copy", "BUILDING", "FAKE1")
        assert (active.id, active.status) == (found.id, "ACTIVE")
        assert fake_clock.now() >= 2
        pages = [each.query for each in civo.requests if each.kind == "list_instances"]
        assert [page["page"] for page in pages] == [str(n + 1) for n in range(1 + others // 100)]
        assert {page["per_page"] for page in pages} == {"100"}

    async def test_an_overwritten_instance_is_waited_for(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """It is the same one."""
        civo.add_snapshot("web-1", "snap-1")
        await session.restore_snapshot("web-1", "snap-1", overwrite_existing=True)

        instance = await session.wait_until_active("web-1")

        assert instance.id == "web-1"
        assert fake_clock.now() >= 2

    async def test_a_deletion_is_waited_for(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Until Civo does not know the snapshot any more."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.vanishes(after=60))

        await session.wait_until_deleted("web-1", "snap-1", poll=PollPolicy(interval=10))

        assert fake_clock.now() == 60

    async def test_a_deletion_that_does_not_come_times_out(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With the last snapshot."""
        civo.add_snapshot("web-1", "snap-1")

        with pytest.raises(WaitTimeoutError) as caught:
            await session.wait_until_deleted("web-1", "snap-1", timeout=20)

        assert caught.value.snapshot is not None
        assert caught.value.snapshot.is_complete

    @pytest.mark.parametrize(
        "call",
        [
            lambda session, _: session.wait_until_deleted("web-1", "snap-1"),
            lambda session, _: session.wait_until_active("web-1"),
            lambda session, restore: session.wait_for_restored_instance(restore),
        ],
        ids=["deleted", "active", "find"],
    )
    async def test_a_refused_token_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, call: Any
    ) -> None:
        """Although it arrives as a 404, nothing is taken for gone or not there yet."""
        civo.add_snapshot("web-1", "snap-1")
        restore = await session.restore_snapshot("web-1", "snap-1", hostname="copy")
        civo.token = "another-token"

        with pytest.raises(AuthenticationError):
            await call(session, restore)
        await session.aclose()
        with pytest.raises(SessionClosedError):
            await call(session, restore)

    async def test_each_takes_a_region(self, fake_clock: FakeClock) -> None:
        """A restore and a plan know theirs."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            for snapshot_id in ("snap-1", "snap-2"):
                civo.add_snapshot("db-1", snapshot_id)
                fake_clock.advance(60)
            async with session_on(civo, fake_clock) as session:
                there: Any = {"region": "FAKE2"}
                restore = await session.restore_snapshot("db-1", "snap-1", hostname="c", **there)
                copy = await session.wait_for_restored_instance(restore)
                await session.wait_until_active(copy.id, **there)
                plan = plan_prune(await session.list_snapshots("db-1", **there), keep_last=1)
                result = await session.prune(plan)
                await session.wait_until_deleted("db-1", "snap-1", **there)
                with pytest.raises(InstanceNotFoundError):
                    await session.wait_until_active(copy.id)

        assert [snapshot.id for snapshot in result.deleted] == ["snap-1"]
        assert {request.query["region"] for request in civo.requests[:-1]} == {"FAKE2"}

    @pytest.mark.parametrize("name", ["wait_until_deleted", "wait_until_active"])
    async def test_a_bad_id_is_an_error_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession, name: str
    ) -> None:
        """As in every call."""
        arguments = ["..", ".."] if name == "wait_until_deleted" else [".."]

        with pytest.raises(ValueError, match="instance_id must be"):
            await getattr(session, name)(*arguments)

        assert civo.requests == []
