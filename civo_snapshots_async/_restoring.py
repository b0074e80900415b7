"""Restoring a snapshot: checked to be complete right before, and sent at most once."""

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


async def restore_complete(caller: Caller, request: Request[Restore]) -> Restore:
    """Get the snapshot, require it to be complete, and restore it by its id."""
    return await restore_once(caller, await of_complete(caller, request))


async def of_complete(caller: Caller, request: Request[Restore]) -> Request[Restore]:
    """Get the snapshot, require it to be complete, and return the restore of it by its id."""
    ref = SnapshotRef(request.instance_id, request.snapshot_id, request.region)
    snapshot = await caller.call(endpoints.get_snapshot(ref))
    require_complete(snapshot, ref)

    return endpoints.for_snapshot(request, snapshot)


async def restore_once(caller: Caller, request: Request[Restore]) -> Restore:
    """Send a restore; raise `OutcomeUnknownError` if its response is lost."""
    with caller.observed(request):
        try:
            return await caller.call(request)
        except CivoSnapshotsError as error:
            if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
                raise
            raise _unknown(request, error) from error


def require_complete(snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Raise `SnapshotNotCompleteError`, with the reasons, unless it is complete."""
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
    # No list shows restores, so that a lost response can't be resolved.
    fields = request.fields or {}
    hostname = f" {fields['hostname']}" if "hostname" in fields else ""
    effect = f"A new instance{hostname} may have been created"
    if fields.get("overwrite_existing"):
        effect = f"The disk of instance {request.instance_id} may have been replaced"

    return OutcomeUnknownError(
        f"restore_snapshot on instance {request.instance_id} may or may not have been done, and "
        f"was not retried: {lost}. {effect}: check before you restore again.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        snapshot_id=request.snapshot_id,
        requested=fields,
    )
