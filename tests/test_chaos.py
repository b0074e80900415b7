"""Random faults: whatever happens, what is said to have been done has been done, exactly once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from civo_snapshots_async import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    Snapshot,
    SnapshotNotFoundError,
    SnapshotSession,
    WaitError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock

T = TypeVar("T")
SEEDS = range(240)
ENDS = ("created", "not created", "complete", "not complete", "restored", "not restored")


class Ledger:
    """What a run was told, to be compared with what took place."""

    def __init__(self, civo: FakeCivo) -> None:
        self.civo = civo
        self.seen = 0

    async def call(self, kind: str, awaitable: Awaitable[T]) -> T | None:
        """Make a call, and hold what it says against its effects."""
        result = unknown = False
        answer = None
        try:
            answer = await awaitable
            result = True
        except OutcomeUnknownError:
            unknown = True
        except SnapshotNotFoundError:
            # Told apart from a deletion of its own: nothing was there for this call to delete.
            unknown = kind == "delete"
        except CivoSnapshotsError as error:
            unknown = kind in {"delete", "update"} and error.may_have_taken_effect
        effects = self.effects(kind)
        if result:
            assert effects == 1, f"{kind} returned, with {effects} effects"
        elif not unknown:
            assert effects == 0, f"{kind} failed, with {effects} effects"
        assert effects <= 1
        return answer

    def effects(self, kind: str) -> int:
        """Count the effects of a kind since it was last asked for."""
        new = self.civo.effects[self.seen :]
        self.seen = len(self.civo.effects)
        assert {effect.kind for effect in new} <= {kind}
        return len(new)


async def run(seed: int) -> Counter[str]:
    """Create, wait, restore and delete, under chaos."""
    clock = FakeClock()
    came_to: Counter[str] = Counter()
    async with FakeCivo(clock=clock, takes=20) as civo:
        civo.add_instance("web-1")
        civo.chaos(seed, rate=0.35)
        ledger = Ledger(civo)
        async with SnapshotSession(
            civo.token, region=civo.region, api_url=civo.api_url, clock=clock
        ) as session:
            snapshot = await ledger.call("create", session.create_snapshot("web-1", name="nightly"))
            came_to["created" if snapshot else "not created"] += 1
            if snapshot is None:
                return came_to
            complete = await wait(session, snapshot)
            came_to["complete" if complete else "not complete"] += 1
            restore = await ledger.call(
                "restore", session.restore_snapshot("web-1", snapshot.id, overwrite_existing=True)
            )
            came_to["restored" if restore else "not restored"] += 1
            assert complete or not restore or civo.snapshot("web-1", snapshot.id)
            await clock.sleep(100)
            await ledger.call("delete", session.delete_snapshot("web-1", snapshot.id))
    return came_to


async def wait(session: SnapshotSession, snapshot: Snapshot) -> bool:
    """Wait, and tell whether it came to something."""
    try:
        return (await session.wait_until_complete("web-1", snapshot.id)).is_complete
    except (WaitError, CivoSnapshotsError):
        return False


@pytest.mark.parametrize("part", range(8))
def test_what_was_said_is_what_took_place(part: int) -> None:
    """No foreign exception, no effect twice, no effect denied; and not all of it fails."""
    came_to: Counter[str] = Counter()
    for seed in SEEDS[part::8]:
        came_to += asyncio.run(run(seed))

    assert came_to["created"] > came_to["not created"]
    assert min(came_to[end] for end in ENDS) > 0
