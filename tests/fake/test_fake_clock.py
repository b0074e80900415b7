"""A clock whose time passes at once, in the order in which it would."""

import asyncio

import pytest

from civo_snapshots_async.testing import FakeClock


async def test_a_sleep_takes_no_time_but_its_own(fake_clock: FakeClock) -> None:
    """An hour is over at once, and the clock shows it."""
    await fake_clock.sleep(3600)

    assert (fake_clock.now(), fake_clock.slept) == (3600, [3600])


async def test_sleepers_wake_in_the_order_of_time(fake_clock: FakeClock) -> None:
    """Whichever started first, the soonest due wakes first, at its own time."""
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await fake_clock.sleep(nap)
            woken.append((name, fake_clock.now()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("slow", 10, 10))
        group.create_task(sleeper("quick", 3, 3, 3, 3))

    assert woken == [
        ("quick", 3), ("quick", 6), ("quick", 9), ("slow", 10), ("quick", 12), ("slow", 20),
    ]  # fmt: skip


async def test_time_stands_still_unless_it_is_moved() -> None:
    """With auto=False it is the test that lets time pass."""
    clock = FakeClock(auto=False)
    task = asyncio.ensure_future(clock.sleep(10))
    for _ in range(1000):
        await asyncio.sleep(0)

    clock.advance(9)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(1)
    await task

    assert clock.now() == 10


async def test_time_does_not_go_back(fake_clock: FakeClock) -> None:
    """A mistake in a test is an error."""
    with pytest.raises(ValueError, match="time does not go back, by -1 s"):
        fake_clock.advance(-1)


async def test_a_timeout_cuts_what_hangs(fake_clock: FakeClock) -> None:
    """As asyncio.timeout does, by this clock."""
    with pytest.raises(TimeoutError):
        async with fake_clock.timeout(5):
            await asyncio.Event().wait()

    assert fake_clock.now() == 5


@pytest.mark.parametrize("seconds", [5, None])
async def test_a_timeout_leaves_alone_what_is_in_time(
    fake_clock: FakeClock, seconds: float | None
) -> None:
    """Nothing of it is left over afterwards."""
    async with fake_clock.timeout(seconds):
        await fake_clock.sleep(4)
    await fake_clock.sleep(4)

    assert fake_clock.now() == 8


async def test_a_canceled_sleeper_is_forgotten(fake_clock: FakeClock) -> None:
    """Time does not jump to a time that nothing waits for any more."""
    task = asyncio.ensure_future(fake_clock.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await fake_clock.sleep(7)

    assert fake_clock.now() == 7


def test_it_goes_on_in_another_event_loop(fake_clock: FakeClock) -> None:
    """Also after one that ended while a task was asleep."""

    async def leave_a_sleeper() -> None:
        asyncio.ensure_future(fake_clock.sleep(1000)).add_done_callback(lambda _: None)
        await fake_clock.sleep(1)

    asyncio.run(leave_a_sleeper())
    asyncio.run(fake_clock.sleep(5))

    assert fake_clock.now() == 6


async def test_no_time_passes_while_somebody_works(fake_clock: FakeClock) -> None:
    """A task that reads the time again and again is not waiting."""

    async def work() -> float:
        for _ in range(1000):
            fake_clock.now()
            await asyncio.sleep(0)
        return fake_clock.now()

    async with asyncio.TaskGroup() as group:
        group.create_task(fake_clock.sleep(60))
        worked = group.create_task(work())

    assert worked.result() == 0
    assert fake_clock.now() == 60


async def test_it_shows_the_date_that_fake_civo_shows(fake_clock: FakeClock) -> None:
    """So that a date of the one can be compared with the other's."""
    await fake_clock.sleep(60)

    assert fake_clock.utcnow().isoformat() == "2025-04-01T09:12:14+00:00"
