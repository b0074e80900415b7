"""The machine's clock."""

import asyncio
from datetime import UTC

import pytest

from civo_snapshots_async import SystemClock


async def test_the_system_clock_is_the_machines() -> None:
    """It goes on, has the date in UTC, sleeps and limits."""
    clock = SystemClock()
    before = clock.now()

    await clock.sleep(0)
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()

    assert clock.now() >= before
    assert clock.utcnow().tzinfo is UTC
