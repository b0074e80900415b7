"""Restoring a snapshot: checked to be complete right before, and sent once."""

from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotCompleteError,
)
from ._http import endpoints
from ._http.caller import Caller
from ._http.endpoints import Request
from ._models import Restore, Snapshot, SnapshotRef


async def restore_complete(caller: Caller, request: Request[Restore], ref: SnapshotRef) -> Restore:
    """Get the snapshot, and restore that very one by its id, unless it is not complete."""
    snapshot = await caller.call(endpoints.get_snapshot(ref))
    _require_complete(snapshot, ref)

    return await restore_once(caller, endpoints.for_snapshot(request, snapshot))


async def restore_once(caller: Caller, request: Request[Restore]) -> Restore:
    """Send a restore; where its response is lost, say that it may have been done."""
    try:
        return await caller.call(request)
    except CivoSnapshotsError as error:
        if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
            raise
        raise _unknown(request, error) from error


def _require_complete(snapshot: Snapshot, ref: SnapshotRef) -> None:
    if snapshot.is_complete:
        return
    reasons = ", ".join(snapshot.verdict.reasons)
    raise SnapshotNotCompleteError(
        f"{ref} is not complete, and no restore was sent: {reasons}",
        instance_id=ref.instance_id,
        snapshot_id=ref.snapshot_id,
        snapshot=snapshot,
    )


def _unknown(request: Request[Restore], lost: CivoSnapshotsError) -> OutcomeUnknownError:
    """Say that a restore may have been done: nothing can be listed that would tell."""
    fields = request.fields or {}
    named = f" {fields['hostname']}" if "hostname" in fields else ""
    what = f"A new instance{named} may have been created"
    if fields.get("overwrite_existing"):
        what = f"The disk of instance {request.instance_id} may have been replaced"

    return OutcomeUnknownError(
        f"restore_snapshot on instance {request.instance_id} may or may not have been done, and "
        f"was not retried: {lost}. {what}: look before you restore again.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        snapshot_id=request.snapshot_id,
        requested=fields,
    )
