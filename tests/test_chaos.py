"""Random faults: whatever happens, what is reported as done has been done, exactly once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from civo_snapshots_async import (
    CivoSnapshotsError,
    NotFoundError,
    OutcomeUnknownError,
    Snapshot,
    SnapshotSession,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

from .make import session_on

T = TypeVar("T")
SEEDS = range(1200)
PARTS = 5
# A gateway's, which knows of no snapshot: after a lost deletion it must not read as "gone" or as
# "there is no such snapshot".
UNREADABLE_404S = tuple(
    faults.status(404, body=body)
    for body in (
        "<html><h1>404 Not Found</h1></html>",
        b"",
        "not found",
        b'{"code": "database_snapshot_not_f',
        {"result": "failed", "status": 404},
    )
)
FAULTS = (*faults.USUAL, *UNREADABLE_404S)
# So that one often follows the other.
FAULTS_OF_DELETIONS = (
    faults.reset(),
    faults.reset(effect=True),
    faults.close("midway"),
    faults.gateway_timeout(),
    faults.rate_limited(),
    *UNREADABLE_404S,
)
ENDS = {
    "created", "create unknown", "create failed",
    "complete", "not complete",
    "restored", "restore unknown", "restore failed",
    "deleted", "delete unknown", "delete failed",
    "a 404 that can't be read, after a lost deletion",
}  # fmt: skip


class Ledger:
    """What a run got, compared with what took place."""

    def __init__(self, civo: FakeCivo) -> None:
        self.civo = civo
        self.seen = 0
        self.came_to: Counter[str] = Counter()

    async def call(self, kind: str, done: str, awaitable: Awaitable[T]) -> T | None:
        """Make a call, and compare what it reports with its effects."""
        try:
            result = await awaitable
        except CivoSnapshotsError as error:
            self.judge(kind, error, self.effects(kind))
            return None
        assert self.effects(kind) == 1, f"{kind} returned without exactly one effect"
        self.came_to[done] += 1
        return result

    def judge(self, kind: str, error: CivoSnapshotsError, effects: int) -> None:
        """Compare what an error reports with the effects of its call."""
        if not isinstance(error, OutcomeUnknownError):
            assert effects == 0, f"{kind} was done, and raised {error!r}"
            self.came_to[f"{kind} failed"] += 1
            return
        assert effects <= 1, f"{kind} was done twice"
        self.came_to[f"{kind} unknown"] += 1
        if kind == "delete" and type(error.last_error) is NotFoundError:
            self.came_to["a 404 that can't be read, after a lost deletion"] += 1

    def effects(self, kind: str) -> int:
        """Count the effects of a kind since the last count."""
        new = self.civo.effects[self.seen :]
        self.seen = len(self.civo.effects)
        assert {effect.kind for effect in new} <= {kind}
        return len(new)


async def run(seed: int) -> Counter[str]:
    """Create, wait, restore and delete, under chaos; then delete what was there before."""
    clock = FakeClock()
    async with FakeCivo(clock=clock, takes=20) as civo:
        civo.add_instance("web-1")
        older = [civo.add_snapshot("web-1").id for _ in range(3)]
        ledger = Ledger(civo)
        async with session_on(civo, clock) as session:
            civo.chaos(seed, rate=0.35, faults=FAULTS)
            await live(session, ledger)
            civo.chaos(seed, rate=0.35, faults=FAULTS_OF_DELETIONS)
            for snapshot_id in older:
                await ledger.call(
                    "delete", "deleted", session.delete_snapshot("web-1", snapshot_id)
                )
    return ledger.came_to


async def live(session: SnapshotSession, ledger: Ledger) -> None:
    """Lead a snapshot from its creation to its deletion."""
    snapshot = await ledger.call(
        "create", "created", session.create_snapshot("web-1", name="nightly")
    )
    if snapshot is None:
        return
    is_complete = await wait(session, snapshot)
    ledger.came_to["complete" if is_complete else "not complete"] += 1
    await ledger.call(
        "restore",
        "restored",
        session.restore_snapshot("web-1", snapshot.id, overwrite_existing=True),
    )
    await session.clock.sleep(100)
    await ledger.call("delete", "deleted", session.delete_snapshot("web-1", snapshot.id))


async def wait(session: SnapshotSession, snapshot: Snapshot) -> bool:
    """Wait, and return whether it came to something."""
    try:
        return (await session.wait_until_complete("web-1", snapshot.id)).is_complete
    except CivoSnapshotsError:
        return False


async def run_all(seeds: range) -> Counter[str]:
    """Run some side by side, each with a server, a session and a clock of its own."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(seed), name=f"seed {seed}") for seed in seeds]

    return sum((task.result() for task in tasks), Counter[str]())


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(p, marks=pytest.mark.slow) for p in range(1, PARTS))]
)
def test_what_was_reported_is_what_happened(part: int) -> None:
    """No foreign exception, no effect twice, no effect denied; and not all of it fails."""
    came_to = asyncio.run(run_all(SEEDS[part::PARTS]))

    assert came_to["created"] > came_to["create unknown"] + came_to["create failed"]
    assert set(came_to) == ENDS
