"""Time limits of requests: by one timer of the event loop, and otherwise as `asyncio.timeout`."""

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from civo_snapshots_async import SystemClock
from civo_snapshots_async._http.limits import MachineLimits, limits_of
from civo_snapshots_async.testing import FakeClock

Bound = Callable[[float], Any]


@pytest.fixture(params=["ours", "asyncio.timeout"])
def bound(request: pytest.FixtureRequest) -> Bound:
    """Give ours, and what it has to equal."""
    return MachineLimits().timeout if request.param == "ours" else asyncio.timeout


class TestAsAsyncioHasIt:
    """It does what `asyncio.timeout` does."""

    async def test_what_is_late_is_a_timeout_error(self, bound: Bound) -> None:
        """And the task is not left canceled."""
        with pytest.raises(TimeoutError):
            async with bound(0.001):
                await asyncio.Event().wait()

        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def test_what_is_in_time_is_left_alone(self, bound: Bound) -> None:
        """Also afterwards."""
        async with bound(0.01):
            await asyncio.sleep(0)

        await asyncio.sleep(0.02)

    async def test_a_limit_of_no_time_ends_the_first_wait(self, bound: Bound) -> None:
        """What never waits is not ended."""
        async with bound(0):
            pass
        with pytest.raises(TimeoutError):
            async with bound(0):
                await asyncio.Event().wait()

    async def test_a_cancellation_of_others_passes(self, bound: Bound) -> None:
        """It is no timeout."""

        async def run() -> None:
            async with bound(10):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(run())
        await asyncio.sleep(0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_cancellation_in_the_same_turn_passes(self, bound: Bound) -> None:
        """A task that others cancel as well does not go on."""

        async def run() -> None:
            async with bound(0):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(run())
        # Its timer rings in the turn after the one in which it starts.
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(task.cancel)

        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_another_error_passes(self, bound: Bound) -> None:
        """Also one that comes while the task is being canceled for being late."""

        async def fail() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("mine") from None

        with pytest.raises(OSError, match="mine"):
            async with bound(0.001):
                await fail()

        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def test_the_inner_one_ends_first(self, bound: Bound) -> None:
        """The outer one goes on."""
        async with bound(10):
            with pytest.raises(TimeoutError):
                async with bound(0.001):
                    await asyncio.Event().wait()
            await asyncio.sleep(0)

    async def test_it_needs_a_task(self, bound: Bound) -> None:
        """There is nothing to cancel otherwise."""
        errors: list[str] = []

        def enter() -> None:
            try:
                bound(1).__aenter__().send(None)
            except RuntimeError as error:
                errors.append(str(error))

        asyncio.get_running_loop().call_soon(enter)
        await asyncio.sleep(0)

        assert len(errors) == 1


class TestItsTimer:
    """One for all limits."""

    async def test_it_rings_for_each_in_its_time(self) -> None:
        """Whatever their lengths, and in which order they begin."""
        limits = MachineLimits()
        seconds = [0.01 * number for number in range(1, 13)]
        late: list[float] = []

        async def run(limit: float) -> None:
            with pytest.raises(TimeoutError):
                async with limits.timeout(limit):
                    await asyncio.Event().wait()
            late.append(limit)

        async with asyncio.TaskGroup() as group:
            for limit in random.sample(seconds, len(seconds)):
                group.create_task(run(limit))

        assert late == seconds

    async def test_there_is_one_for_a_thousand_limits(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`asyncio.timeout` makes one for each."""
        loop = asyncio.get_running_loop()
        made: list[float] = []
        call_at = cast("Any", loop.call_at)

        def counted(when: float, *rest: object) -> object:
            made.append(when)
            return call_at(when, *rest)

        monkeypatch.setattr(loop, "call_at", counted)
        limits = MachineLimits()

        for _ in range(1000):
            async with limits.timeout(30):
                pass

        assert len(made) == 1

    async def test_a_shorter_limit_moves_it(self) -> None:
        """It is not found late for one that began before."""
        limits = MachineLimits()

        async def run(limit: float) -> None:
            async with limits.timeout(limit):
                await asyncio.Event().wait()

        long = asyncio.ensure_future(run(30))
        await asyncio.sleep(0)

        with pytest.raises(TimeoutError):
            await run(0.01)
        assert not long.done()
        long.cancel()
        await asyncio.wait([long])

    async def test_it_does_not_hold_what_is_over(self) -> None:
        """A task, and all that its frames hold, is let go of when it leaves."""
        limits = MachineLimits()

        async def run() -> None:
            async with limits.timeout(30):
                await asyncio.sleep(0)

        for _ in range(500):
            await run()
        gc.collect()

        assert len(limits._heap) <= 65
        assert all(limit._task is None for _, _, limit in limits._heap)

    async def test_those_that_run_stay_when_those_that_are_over_are_removed(self) -> None:
        """The one that began first is still ended in time."""
        limits = MachineLimits()

        async def run(limit: float, wait: Awaitable[object]) -> None:
            async with limits.timeout(limit):
                await wait

        first = asyncio.ensure_future(run(0.05, asyncio.Event().wait()))
        await asyncio.sleep(0)
        for _ in range(500):
            await run(30, asyncio.sleep(0))

        with pytest.raises(TimeoutError):
            await first

    async def test_it_passes_over_what_is_over(self) -> None:
        """And is set for the next one that still runs."""
        limits = MachineLimits()

        async def run(limit: float) -> None:
            async with limits.timeout(limit):
                await asyncio.Event().wait()

        async with limits.timeout(0.01):
            pass
        with pytest.raises(TimeoutError):
            await run(0.03)

        assert limits._heap == []
        assert limits._left_behind == 0


def test_a_clock_of_others_bounds_by_its_own_timeout() -> None:
    """The session's clock governs its time limits."""
    clock = FakeClock()

    assert limits_of(clock) is clock
    assert isinstance(limits_of(SystemClock()), MachineLimits)


def test_a_clock_that_is_derived_from_the_machines_does_so_too() -> None:
    """It may have a `timeout` of its own."""

    class Mine(SystemClock):
        """One of a user's."""

    clock = Mine()

    assert limits_of(clock) is clock
