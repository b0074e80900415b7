"""Doing a retention plan: one deletion after the other, one outcome for each."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from . import _checks as check
from ._errors import (
    AuthenticationError,
    CivoSnapshotsError,
    OutcomeUnknownError,
    RegionNotFoundError,
    SessionClosedError,
    SnapshotNotFoundError,
    TransportError,
)
from ._log import About, log
from ._models import Snapshot
from ._plain import Plain
from ._retention import PrunePlan


@attrs.frozen(kw_only=True)
class PruneOutcome(Plain):
    """What became of one deletion."""

    snapshot: Snapshot
    error: CivoSnapshotsError | None = None
    """Why it is not known to be deleted.

    `OutcomeUnknownError` where a response was lost: it may have been deleted all the same.
    """

    @property
    def is_deleted(self) -> bool:
        """Whether it is gone: by this deletion, or because somebody else was first."""
        return self.error is None


@attrs.frozen(kw_only=True)
class PruneResult(Plain):
    """What became of a plan: one outcome for each snapshot to delete, in their order."""

    outcomes: tuple[PruneOutcome, ...] = ()

    @property
    def deleted(self) -> tuple[Snapshot, ...]:
        """The snapshots that are gone."""
        return tuple(outcome.snapshot for outcome in self.outcomes if outcome.is_deleted)

    @property
    def failed(self) -> tuple[PruneOutcome, ...]:
        """The deletions that failed or are unknown, each with its error."""
        return tuple(outcome for outcome in self.outcomes if not outcome.is_deleted)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all errors, if there are any."""
        errors = [outcome.error for outcome in self.outcomes if outcome.error]
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self.outcomes)} deletions failed", errors)


class SnapshotDeleter(Protocol):
    """Whatever can delete a snapshot: a `SnapshotSession`."""

    @property
    def region(self) -> str:
        """The region of a plan whose snapshots name none."""
        ...

    @property
    def delete_snapshot(self) -> Callable[..., Awaitable[None]]:
        """A coroutine function of `instance_id`, a `Snapshot` and `region`."""
        ...


async def prune(session: SnapshotDeleter, plan: PrunePlan) -> PruneResult:
    """Delete what the plan says, one after the other, and nothing else."""
    instance_id, region = _address_of(plan)
    about = About(instance_id=instance_id, region=region or session.region)
    count, name = len(plan.to_delete), f"prune of instance {instance_id}"
    log("prune.started", about, "%s: %d to delete, %d to keep", name, count, len(plan.to_keep))
    outcomes: list[PruneOutcome] = []
    try:
        for snapshot in plan.to_delete:
            outcomes.append(await _delete(session, snapshot, region))
            error = _got_last(outcomes[-1])
            if _would_repeat(error):
                rest = plan.to_delete[len(outcomes) :]
                text = "%s: stopped with %d not tried, each would get the same: %s"
                log("prune.stopped", about, text, name, len(rest), type(error).__name__)
                outcomes += [PruneOutcome(snapshot=each, error=copy.copy(error)) for each in rest]
                break
    except asyncio.CancelledError:
        log("prune.cancelled", about, "%s: cancelled after %d of %d", name, len(outcomes), count)
        raise
    result = PruneResult(outcomes=tuple(outcomes))
    log("prune.done", about, "%s: %d of %d deleted", name, len(result.deleted), count)

    return result


_REPEATING = (AuthenticationError, RegionNotFoundError, SessionClosedError)


def _would_repeat(error: CivoSnapshotsError | None) -> bool:
    """Tell whether the next deletion would get the same: then it is not sent."""
    # A connection that is refused for good, as for a certificate that has expired.
    is_cut_off = isinstance(error, TransportError) and not error.is_transient

    return is_cut_off or isinstance(error, _REPEATING)


def _got_last(outcome: PruneOutcome) -> CivoSnapshotsError | None:
    error = outcome.error
    # After a lost attempt a refused token leaves open whether this one was done, and no other.
    return error.last_error if isinstance(error, OutcomeUnknownError) else error


def _address_of(plan: PrunePlan) -> tuple[str, str | None]:
    """Return the one instance and the region that a plan is for; ValueError for any other plan."""
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
        log("prune.already_deleted", about, "snapshot %s was deleted already", name)
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
