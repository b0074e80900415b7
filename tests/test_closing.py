"""Closing and canceling: at once, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from civo_snapshots_async import (
    CivoSnapshotsError,
    PollPolicy,
    SessionClosedError,
    Snapshot,
    SnapshotSession,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .calls import SIX_CALLS, Call
from .make import session_on
from .programs import run_strictly

CALLS: dict[str, Call] = {
    **SIX_CALLS,
    "checked restore": lambda s: s.restore_snapshot("web-1", "snap-1"),
    "ensure": lambda s: s.ensure_snapshot("web-1", name="nightly"),
    "wait": lambda s: s.wait_until_complete("web-1", "snap-2", poll=PollPolicy(interval=1)),
    "restore when complete": lambda s: s.restore_when_complete("web-1", "snap-2"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture(autouse=True)
def _two_snapshots(civo: FakeCivo) -> None:
    """Have one that is complete, and one that takes its time."""
    civo.add_snapshot("web-1", "snap-1")
    civo.add_snapshot("web-1", "snap-2", script=scripts.completes(takes=6))


@pytest.fixture
async def one_at_a_time(civo: FakeCivo, fake_clock: FakeClock) -> AsyncIterator[SnapshotSession]:
    """Open a session with one connection: one that is not given back would be missed."""
    async with session_on(civo, fake_clock, max_connections=1) as session:
        yield session


class TestClosing:
    """`aclose()` ends what still runs, with an error of its own."""

    async def test_twenty_waits_end_at_once(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Each with SessionClosedError: they are not canceled."""
        civo.add_snapshot("web-1", "stuck", script=scripts.stuck())
        waits = [
            asyncio.ensure_future(session.wait_until_complete("web-1", "stuck")) for _ in range(20)
        ]
        await fake_clock.sleep(60)
        polls = len(civo.requests)

        await session.aclose()
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
        await fake_clock.sleep(600)

        assert [type(outcome) for outcome in outcomes] == [SessionClosedError] * 20
        assert [task.cancelling() for task in waits] == [0] * 20
        assert len(civo.requests) == polls

    @every_call
    async def test_a_call_that_hangs_ends_at_once(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """Closing twice is silent."""
        civo.inject("any", *[faults.hang()] * 9)
        task = asyncio.ensure_future(call(session))
        for _ in range(50):
            await asyncio.sleep(0)

        await session.aclose()
        await session.aclose()

        with pytest.raises(SessionClosedError, match="was closed while this call ran"):
            await task

    @every_call
    async def test_calls_afterwards_are_refused(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """And nothing is sent."""
        await session.aclose()

        with pytest.raises(SessionClosedError, match="is closed: make a new one"):
            await call(session)

        assert civo.requests == []

    @every_call
    async def test_a_cancellation_at_the_same_time_is_one(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """What is canceled does not go on for having been closed as well."""
        civo.inject("any", *[faults.hang()] * 9)
        task = asyncio.ensure_future(call(session))
        for _ in range(50):
            await asyncio.sleep(0)

        closing = asyncio.ensure_future(session.aclose())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closing

    async def test_a_session_can_be_closed_from_its_own_wait(
        self, session: SnapshotSession
    ) -> None:
        """The observer closes it: its next poll fails as the session is closed."""

        async def close(_: Snapshot, __: Snapshot) -> None:
            await session.aclose()

        with pytest.raises(SessionClosedError, match="is closed: make a new one"):
            await session.wait_until_complete("web-1", "snap-2", on_change=close)

    async def test_a_timeout_of_the_callers_own_is_still_one(
        self, session: SnapshotSession
    ) -> None:
        """An observer's TimeoutError is not taken for the closing."""

        def fail(_: Snapshot, __: Snapshot) -> None:
            raise TimeoutError("mine")

        with pytest.raises(TimeoutError, match="mine"):
            await session.wait_until_complete("web-1", "snap-2", on_change=fail)


class TestCanceling:
    """Canceled at any await, a call stops, and the session goes on."""

    @every_call
    async def test_at_every_step_of_the_loop(
        self, civo: FakeCivo, one_at_a_time: SnapshotSession, call: Call
    ) -> None:
        """No further request and no task is left, and the only connection is free."""
        steps = 0
        while await self.is_canceled_after(steps, one_at_a_time, call):
            requests = len(civo.requests)
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(civo.requests) <= requests + 1
            # Every turn of a call; of a wait, which is many of them, every few.
            steps += 1 if steps < 40 else 7

        assert steps > 8
        await one_at_a_time.list_snapshots("web-1")

    async def is_canceled_after(self, steps: int, session: SnapshotSession, call: Call) -> bool:
        """Cancel a call after so many turns of the loop; return whether it still ran."""
        task = asyncio.ensure_future(call(session))
        for _ in range(steps):
            await asyncio.sleep(0)
        was_running = task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            assert was_running
        except CivoSnapshotsError:
            assert not was_running
        return was_running

    @every_call
    async def test_a_timeout_around_it_works(
        self, civo: FakeCivo, session: SnapshotSession, call: Call
    ) -> None:
        """`asyncio.timeout` is distinguished from every other timeout."""
        civo.inject("any", *[faults.hang()] * 9)

        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await call(session)

        assert not isinstance(caught.value, CivoSnapshotsError)

    async def test_one_of_many_leaves_the_others_alone(
        self, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Ten waits on one session, half of them canceled."""
        waits = [
            asyncio.ensure_future(session.wait_until_complete("web-1", "snap-2")) for _ in range(10)
        ]
        await fake_clock.sleep(3)
        for wait in waits[::2]:
            wait.cancel()

        outcomes = await asyncio.gather(*waits, return_exceptions=True)

        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
        assert all(isinstance(outcome, Snapshot) for outcome in outcomes[1::2])


CYCLES = """
import asyncio, gc
from civo_snapshots_async import CivoSnapshotsError, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

async def cycle(civo, clock):
    async with SnapshotSession(
        civo.token, region=civo.region, api_url=civo.api_url, clock=clock
    ) as session:
        snapshot = await session.create_snapshot("web-1")
        wait = asyncio.ensure_future(session.wait_until_complete("web-1", snapshot.id))
        await asyncio.sleep(0)
        wait.cancel()
        civo.inject("get", faults.reset("midway"), faults.status(404))
        try:
            await session.get_snapshot("web-1", snapshot.id)
        except CivoSnapshotsError:
            pass
        civo.calm()
        await session.delete_snapshot("web-1", snapshot.id)


async def main():
    clock = FakeClock()
    async with FakeCivo(takes=600, clock=clock) as civo:
        civo.add_instance("web-1")
        for _ in range(100):
            await cycle(civo, clock)


asyncio.run(main())
gc.collect()
"""


@pytest.mark.slow
def test_a_hundred_sessions_warn_of_nothing() -> None:
    """Open, call, cancel, fail, close, with every warning an error and in asyncio's debug mode."""
    assert run_strictly("-c", CYCLES) == (0, "", "")
