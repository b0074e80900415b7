"""What many waits cost at once: the bytes of each, and the CPU of its polls."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
import attrs

from civo_snapshots_async import SnapshotSession

from .apis.api import INSTANCE_ID, SNAPSHOT_ID
from .clients import ours
from .clients.ours import REGION, TOKEN
from .clocks import HeldClock
from .programs import arguments, report, share_a_core
from .server import served

Make = Callable[[int], Coroutine[object, object, object]]
"""Make the coroutine of a number."""


@attrs.frozen
class Wait:
    """What one wait among many waits for."""

    instance_id: str
    snapshot_id: str
    region: str = REGION
    scope: Literal["instance", "account"] = "instance"


# The wait of a number, among so many: the instance or region says how many its list shows.
LAYOUTS: dict[str, Callable[[int, int], Wait]] = {
    "one snapshot": lambda _, __: Wait(INSTANCE_ID, "pending-0"),
    "one instance": lambda number, count: Wait(f"pending-{count}", f"snapshot-{number}"),
    "an instance each": lambda number, _: Wait(f"web-{number}", "pending-0"),
    "an account": lambda number, count: Wait(
        f"web-{number}", f"pending-{number}", f"pending-{count}", "account"
    ),
}

_CONNECTIONS = 100
_LISTED = 1000
_LIBRARY = ours.load()


@attrs.frozen(kw_only=True)
class Waits:
    """What one wait among many costs: bytes, and seconds of CPU."""

    layout: str
    count: int
    held: float
    """The bytes of a wait beyond those of a task that only sleeps."""
    snapshot: float
    """Of those, the bytes of the snapshot last seen."""
    start: float
    """The CPU until its first poll is done."""
    poll: float
    """The CPU of a further poll."""
    cancel: float
    """The CPU of its end, canceled."""
    get: float
    """The CPU of a get by the same session, 100 in flight."""


class Tasks:
    """Many tasks, and the CPU of what is done with them."""

    def __init__(self, make: Make, count: int) -> None:
        self._make = make
        self._count = count
        self._tasks: list[asyncio.Task[object]] = []

    async def begin(self) -> float:
        """Return the CPU seconds that each takes until it waits."""
        started = time.process_time()
        self._tasks = [asyncio.create_task(self._make(each)) for each in range(self._count)]

        return (await _idle() - started) / self._count

    async def after(self, event: Callable[[], object]) -> float:
        """Return the CPU seconds that each takes for something that concerns all of them."""
        started = time.process_time()
        event()

        return (await _idle() - started) / self._count

    async def cancel(self) -> float:
        """Return the CPU seconds that each takes to end, canceled."""
        started = time.process_time()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._tasks = []

        return (time.process_time() - started) / self._count

    async def held(self) -> float:
        """Return the bytes that each holds while it waits, of what is traced."""
        before = _traced()
        await self.begin()
        held = _traced() - before
        await self.cancel()

        return held / self._count


async def measure(layout: str, count: int, url: str) -> Waits:
    """Return what each of so many waits costs."""
    await _prepare(layout, count, url)
    async with _opened(url) as (session, clock):
        started = time.process_time()
        await _get(session, 20)
        get = (time.process_time() - started) / (20 * _CONNECTIONS)
        waits = Tasks(_waiting(session, layout, count), count)
        start = await waits.begin()
        polls = [await waits.after(lambda: clock.pass_by(HeldClock.LONG)) for _ in range(3)]
        cancel = await waits.cancel()
    held, snapshot = await _bytes(layout, count, url)

    return Waits(
        layout=layout,
        count=count,
        held=held,
        snapshot=snapshot,
        start=start,
        poll=sorted(polls)[1],
        cancel=cancel,
        get=get,
    )


async def _bytes(layout: str, count: int, url: str) -> tuple[float, float]:
    """Return the bytes of a wait beyond those of a task that sleeps, and of a snapshot in it."""
    # A session of its own, as what one has noted of these snapshots is theirs as well. It is
    # traced before it is opened: what each connection keeps of its last response is not theirs.
    tracemalloc.start()
    async with _opened(url) as (session, _):
        before = _traced()
        listed = await session.list_snapshots(f"pending-{_LISTED}")
        snapshot = (_traced() - before) / len(listed)
        del listed
        sleeping = await Tasks(lambda _: asyncio.sleep(3600), count).held()
        waiting = await Tasks(_waiting(session, layout, count), count).held()
    tracemalloc.stop()

    return waiting - sleeping, snapshot


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[tuple[SnapshotSession, HeldClock]]:
    """Open a session with all its connections."""
    clock = HeldClock()
    async with _LIBRARY.SnapshotSession(TOKEN, region=REGION, api_url=url, clock=clock) as session:
        await _get(session, 1)
        yield session, clock


def _waiting(session: SnapshotSession, layout: str, count: int) -> Make:
    scope = LAYOUTS[layout](0, count).scope
    poll = _LIBRARY.PollPolicy(interval=HeldClock.LONG, scope=scope)

    def make(number: int) -> Coroutine[object, object, object]:
        wait = LAYOUTS[layout](number, count)

        return session.wait_until_complete(
            wait.instance_id, wait.snapshot_id, region=wait.region, poll=poll, timeout=None
        )

    return make


async def _get(session: SnapshotSession, times: int) -> None:
    """Get a snapshot so many times on each connection."""

    async def get() -> None:
        for _ in range(times):
            await session.get_snapshot(INSTANCE_ID, SNAPSHOT_ID)

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(get())


async def _prepare(layout: str, count: int, url: str) -> None:
    """Let the server make its long responses now, while nothing is measured."""
    wait = LAYOUTS[layout](0, count)
    places = (
        f"/v2/instances/{wait.instance_id}/snapshots?region={wait.region}",
        f"/v2/resourcesnapshots?region={wait.region}",
    )
    async with aiohttp.ClientSession() as session:
        for place in places:
            async with session.get(f"{url}{place}") as response:
                await response.read()


def _traced() -> int:
    gc.collect()

    return tracemalloc.get_traced_memory()[0]


async def _idle() -> float:
    """Wait until this process has had nothing to do for a while; return its CPU seconds then."""
    quiet = 0
    while quiet < 5:  # noqa: PLR2004 - a quarter of a second: no response takes as long
        before = time.process_time()
        await asyncio.sleep(0.05)
        quiet = quiet + 1 if time.process_time() - before < 0.001 else 0  # noqa: PLR2004 - a sleep's

    return time.process_time()


def main(layout: str, count: int) -> None:
    """Measure in this process, and report it."""
    share_a_core()
    with served() as url:
        report(attrs.asdict(asyncio.run(measure(layout, count, url))))


if __name__ == "__main__":
    main(*arguments())
