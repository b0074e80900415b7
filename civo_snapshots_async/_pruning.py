"""Executing a plan: one deletion after the other, with one outcome for each."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from . import _checks as check
from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SnapshotNotFoundError,
    is_general,
)
from ._log import About, log
from ._models import Snapshot
from ._plain import Plain
from ._public import public
from ._retention import PrunePlan
from ._sentences import counted, named


@public
@attrs.frozen(kw_only=True)
class PruneOutcome(Plain):
    """The outcome of one deletion."""

    snapshot: Snapshot
    error: CivoSnapshotsError | None = None
    """Why the snapshot is not known to be deleted; `None` if it is.

    After an `OutcomeUnknownError` it may have been deleted.
    """

    def __str__(self) -> str:
        what = named(self.snapshot.name, self.snapshot.id)
        if isinstance(self.error, OutcomeUnknownError):
            return f"may or may not have deleted {what}: {self.error}"

        return f"did not delete {what}: {self.error}" if self.error else f"deleted {what}"

    @property
    def is_deleted(self) -> bool:
        """Whether the snapshot is gone, by this deletion or by an earlier one."""
        return self.error is None


@public
@attrs.frozen(kw_only=True, repr=False)
class PruneResult(Plain):
    """The outcomes of a plan."""

    outcomes: tuple[PruneOutcome, ...] = ()
    """One for each snapshot to delete, in the order of the plan."""

    def __str__(self) -> str:
        return f"{len(self.deleted)} of {counted(len(self.outcomes), 'snapshot')} deleted"

    @property
    def deleted(self) -> tuple[Snapshot, ...]:
        """The snapshots that are gone."""
        return tuple(outcome.snapshot for outcome in self.outcomes if outcome.is_deleted)

    @property
    def failed(self) -> tuple[PruneOutcome, ...]:
        """The deletions that failed or whose outcome is unknown."""
        return tuple(outcome for outcome in self.outcomes if not outcome.is_deleted)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all errors, if there is any."""
        errors = [outcome.error for outcome in self.outcomes if outcome.error]
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self.outcomes)} deletions failed", errors)


class SnapshotDeleter(Protocol):
    """Anything that deletes snapshots, such as a `SnapshotSession`."""

    @property
    def region(self) -> str:
        """The region of snapshots that name none."""
        ...

    @property
    def delete_snapshot(self) -> Callable[..., Awaitable[None]]:
        """A coroutine function of `instance_id`, a `Snapshot` and `region`."""
        ...


async def prune(session: SnapshotDeleter, plan: PrunePlan) -> PruneResult:
    """Delete the snapshots of a plan, one after the other."""
    instance_id, region = _address_of(plan)
    about = About(instance_id=instance_id, region=region or session.region)
    count, name = len(plan.to_delete), f"prune of instance {instance_id}"
    log("prune.started", about, "%s: %d to delete, %d to keep", name, count, len(plan.to_keep))
    outcomes: list[PruneOutcome] = []
    try:
        for snapshot in plan.to_delete:
            outcomes.append(await _delete(session, snapshot, region))
            error = _last_error(outcomes[-1])
            if error is not None and is_general(error):
                rest = plan.to_delete[len(outcomes) :]
                text = "%s: stopped with %d not tried, each would get the same: %s"
                log("prune.stopped", about, text, name, len(rest), type(error).__name__)
                outcomes += [PruneOutcome(snapshot=each, error=copy.copy(error)) for each in rest]
                break
    except asyncio.CancelledError:
        log("prune.canceled", about, "%s: canceled after %d of %d", name, len(outcomes), count)
        raise
    result = PruneResult(outcomes=tuple(outcomes))
    log("prune.done", about, "%s: %d of %d deleted", name, len(result.deleted), count)

    return result


def _last_error(outcome: PruneOutcome) -> CivoSnapshotsError | None:
    error = outcome.error
    # After a lost attempt, a rejected token makes one outcome unknown, and fails all others.
    return error.last_error if isinstance(error, OutcomeUnknownError) else error


def _address_of(plan: PrunePlan) -> tuple[str, str | None]:
    """Return the one instance and the region of a plan, or raise `ValueError`."""
    instances = {entry.snapshot.instance_id for entry in plan.entries}
    regions = {entry.snapshot.region for entry in plan.entries} - {""}
    if len(instances) > 1 or len(regions) > 1:
        homes = ", ".join(sorted(filter(None, instances | regions)))
        raise ValueError(f"a plan is for one instance in one region, not for several: {homes}")
    for snapshot in plan.to_delete:
        check.plain_name("the id of a snapshot", snapshot.id)
    instance_id = check.plain_name("the plan's instance_id", instances.pop()) if instances else ""

    return instance_id, check.plain_name("region", regions.pop()) if regions else None


async def _delete(session: SnapshotDeleter, snapshot: Snapshot, region: str | None) -> PruneOutcome:
    name = f"{snapshot.name} ({snapshot.id}) of instance {snapshot.instance_id}"
    about = About(region=session.region).seen(snapshot)
    try:
        await session.delete_snapshot(snapshot.instance_id, snapshot, region=region)
    except SnapshotNotFoundError:
        log("prune.already_deleted", about, "snapshot %s was already deleted", name)
    except CivoSnapshotsError as error:
        error.snapshot = snapshot
        error.add_note(f"while deleting snapshot {name}")
        if error.may_have_taken_effect:
            text = "snapshot %s may or may not have been deleted: %s"
            log("prune.unknown", about, text, name, error)
        else:
            log("prune.not_deleted", about, "snapshot %s was not deleted: %s", name, error)
        return PruneOutcome(snapshot=snapshot, error=error)
    else:
        log("prune.deleted", about, "deleted snapshot %s", name)

    return PruneOutcome(snapshot=snapshot)
