"""Seconds of FakeCivo's: a number of them, or a timedelta, as everywhere in the library."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from civo_snapshots_async import PollPolicy
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from ..make import session_on

VOLUMES = ("vol-1", "vol-2")
Span = float | timedelta
SCRIPTS: dict[str, Callable[[Span], scripts.Script]] = {
    "completes": scripts.completes,
    "fails": lambda span: scripts.fails(after=span),
    "reports": lambda span: scripts.reports("Quiescing", until=span),
    "pending volume": lambda span: scripts.complete_with_pending_volume(until=span),
    "vanishes": scripts.vanishes,
    "timeline": lambda span: scripts.timeline([(span, None)]),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_script_takes_a_timedelta(script: Callable[[Span], scripts.Script]) -> None:
    """It reports the same at each time."""
    times = (0.0, 59.0, 60.0)

    reported = [script(timedelta(minutes=1))(time, VOLUMES) for time in times]

    assert reported == [script(60.0)(time, VOLUMES) for time in times]


@pytest.mark.parametrize("fault", [faults.delay, faults.drip])
def test_a_fault_takes_a_timedelta(fault: Callable[[Span], faults.Fault]) -> None:
    """And knows it as seconds."""
    assert fault(timedelta(minutes=1)).arguments == fault(60.0).arguments


def test_a_clock_takes_a_timedelta(fake_clock: FakeClock) -> None:
    """As many seconds pass."""
    before = fake_clock.now()

    fake_clock.advance(timedelta(minutes=1))

    assert fake_clock.now() == before + 60.0


async def test_snapshots_and_deletions_take_a_timedelta(fake_clock: FakeClock) -> None:
    """Each takes its time."""
    minute, poll = timedelta(minutes=1), PollPolicy(interval=1)
    ends: list[float] = []
    async with (
        FakeCivo(takes=minute, deletes_take=minute, clock=fake_clock) as civo,
        session_on(civo, fake_clock) as session,
    ):
        civo.add_instance("web-1")
        snapshot = await session.create_snapshot("web-1")
        await session.wait_until_complete("web-1", snapshot.id, poll=poll)
        ends.append(fake_clock.now())
        await session.delete_snapshot("web-1", snapshot.id)
        await session.wait_until_deleted("web-1", snapshot.id, poll=poll)
        ends.append(fake_clock.now())

    assert ends == [60.0, 120.0]


def test_a_negative_timedelta_is_refused() -> None:
    """Like a negative number."""
    with pytest.raises(ValueError, match=r"deletes_take must be .* not -60\.0"):
        FakeCivo(deletes_take=timedelta(minutes=-1))
