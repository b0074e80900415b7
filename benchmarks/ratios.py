"""What this library costs, as ratios measured in one run: CPU a call, requests, bytes a wait.

    nox --session bench

Figures in seconds or bytes depend on the machine; the ratios hardly do.
"""

import asyncio
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable

import aiohttp

from civo_snapshots_async import PollPolicy, Snapshot, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

CALLS = 1500
ROUNDS = 5
WAITS = 1000


async def cpu_of_a_call(url: str, token: str, region: str) -> float:
    """Return the CPU time of a get, decoded and checked, relative to a bare aiohttp's."""
    place = f"{url}/v2/instances/web-1/snapshots/benchmark"
    headers = {"Authorization": f"bearer {token}"}
    async with (
        aiohttp.ClientSession() as bare,
        SnapshotSession(token, region=region, api_url=url) as session,
    ):
        await session.create_snapshot("web-1", name="benchmark")

        async def get_bare() -> object:
            async with bare.get(place, params={"region": region}, headers=headers) as answer:
                return json.loads(await answer.read())

        async def get_ours() -> Snapshot:
            return await session.get_snapshot("web-1", "benchmark")

        ratios = [await cpu(get_ours) / await cpu(get_bare) for _ in range(ROUNDS)]

    return sorted(ratios)[ROUNDS // 2]


async def cpu(call: Callable[[], Awaitable[object]]) -> float:
    """Return the CPU seconds of many calls, in this process alone."""
    begun = time.process_time()
    for _ in range(CALLS):
        await call()

    return time.process_time() - begun


async def requests_of_waits(*, shared: bool) -> int:
    """Return the requests of 50 waits on 50 snapshots of one instance that take 300 s."""
    clock = FakeClock()
    async with FakeCivo(clock=clock) as civo:
        civo.add_instance("web-1")
        for number in range(50):
            civo.add_snapshot("web-1", f"snap-{number}", script=scripts.completes(300))
        # Waits of different sessions know nothing of each other.
        sessions = [
            SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url, clock=clock)
            for _ in range(1 if shared else 50)
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                session = sessions[number % len(sessions)]
                group.create_task(session.wait_until_complete("web-1", f"snap-{number}"))
        for session in sessions:
            await session.aclose()

        return len(civo.requests)


async def bytes_of_a_wait() -> tuple[float, float]:
    """Return the bytes held by a task that waits for a snapshot, and by one that only sleeps."""
    async with FakeCivo() as civo:
        civo.add_instance("web-1")
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            policy = PollPolicy(interval=600)

            async def wait() -> None:
                await session.wait_until_complete("web-1", "snap-1", poll=policy)

            waiting = await held_by(wait)
            sleeping = await held_by(lambda: asyncio.sleep(600))

    return waiting, sleeping


async def held_by(make: Callable[[], Awaitable[object]]) -> float:
    """Return the bytes that each of many such tasks holds once it waits."""

    async def run() -> None:
        await make()

    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = [asyncio.ensure_future(run()) for _ in range(WAITS)]
    await asyncio.sleep(1.5)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    return held / WAITS


def serve() -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Serve a FakeCivo in a process of its own; return it, and what it says to export."""
    server = subprocess.Popen(
        [sys.executable, "-m", "civo_snapshots_async.testing", "--takes", "3600"],
        stdout=subprocess.PIPE,
        text=True,
    )
    said: dict[str, str] = {}
    for line in server.stdout or ():
        if line.strip().startswith("export "):
            said |= dict(
                part.split("=", 1) for part in line.strip().removeprefix("export ").split()
            )
        if len(said) == 3:  # noqa: PLR2004 - token, region and URL
            break

    return server, said


def main() -> None:
    """Measure, and print."""
    server, said = serve()
    try:
        ratio = asyncio.run(
            cpu_of_a_call(said["CIVO_API_URL"], said["CIVO_TOKEN"], said["CIVO_REGION"])
        )
    finally:
        server.terminate()
        server.wait()
    print(f"CPU of a get, relative to bare aiohttp and json.loads: {ratio:.2f}")
    shared = asyncio.run(requests_of_waits(shared=True))
    apart = asyncio.run(requests_of_waits(shared=False))
    print(f"requests of 50 waits of 300 s on one instance: {shared} shared, {apart} apart")
    waiting, sleeping = asyncio.run(bytes_of_a_wait())
    print(
        f"bytes of a task that waits: {waiting:.0f}, relative to one that sleeps: "
        f"{waiting / sleeping:.1f}"
    )


if __name__ == "__main__":
    main()
