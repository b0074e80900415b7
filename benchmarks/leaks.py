"""What a session holds after very many polls: no more than after a few."""

import asyncio
import gc
import tracemalloc

from tenacity import RetryCallState

from civo_snapshots_async import PollPolicy, SnapshotSession

from .apis.api import INSTANCE_ID
from .clients.ours import REGION, TOKEN
from .clocks import HurriedClock
from .programs import arguments, report, share_a_core
from .server import served

READINGS = 10


async def measure(polls: int, url: str) -> list[int]:
    """Return the bytes held after each tenth of the polls of one wait, without the first poll's.

    What Python traces is what was allocated since: before the wait, nothing is.
    """
    readings: list[int] = []
    seen = 0

    def half_a_second(_: RetryCallState) -> float:
        nonlocal seen
        seen += 1
        if seen % (polls // READINGS) == 0:
            gc.collect()
            readings.append(tracemalloc.get_traced_memory()[0])

        return 0.5

    clock = HurriedClock()
    async with SnapshotSession(TOKEN, region=REGION, api_url=url, clock=clock) as session:
        policy = PollPolicy(wait=half_a_second)
        tracemalloc.start()
        snapshot = f"after-{polls}-0"
        await session.wait_until_complete(INSTANCE_ID, snapshot, poll=policy, timeout=None)
        tracemalloc.stop()

    return readings[:READINGS]


def main(polls: int) -> None:
    """Measure in this process, and report it."""
    share_a_core()
    with served() as url:
        report(asyncio.run(measure(polls, url)))


if __name__ == "__main__":
    main(*arguments())
