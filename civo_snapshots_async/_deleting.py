"""Deleting a snapshot, and waiting until it is gone.

A deletion is retried, so what its last attempt got is not all that is to be known. An attempt is
lost where it may have reached Civo and no response of Civo's says what became of it.

    an attempt before   what the last one got               the deletion
    -----------------   ---------------------------------   ------------------------------
    (any)               2xx                                 was done
    none was lost       an error response                   was not done: that error
    none was lost       a lost response                     unknown
    one was lost        404 database_snapshot_not_found     was done, by the lost attempt
    one was lost        anything else                       unknown

"Anything else" is wide for a reason. A 404 that can't be read may be a gateway's, which knows of no
snapshot. A refused token, an unknown instance or a conflict is true of the last attempt alone: the
lost one may have come before the token was revoked.
"""

from ._errors import (
    Attempt,
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotFoundError,
)
from ._http.caller import Caller
from ._http.endpoints import Request
from ._log import About, log


async def delete(caller: Caller, request: Request[None]) -> None:
    """Send a deletion, with its retries, and raise what is known where it was not done."""
    try:
        await caller.call(request)
    except CivoSnapshotsError as error:
        attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
        is_lost = any(attempt.may_have_arrived for attempt in attempts[:-1])
        if isinstance(error, SnapshotNotFoundError) and is_lost:
            _log_resolved(request)
            return
        # A closed session says by itself whether the call had started.
        if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
            raise
        raise _unknown(request, error) from error


def _log_resolved(request: Request[None]) -> None:
    about = About.of(request)
    text = "delete snapshot %s of instance %s in %s: done by an attempt whose response was lost"
    log("delete.resolved", about, text, about.snapshot, about.instance_id, about.region)


def _unknown(request: Request[None], error: CivoSnapshotsError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"delete_snapshot on instance {request.instance_id} (snapshot {request.snapshot_id}) may "
        f"or may not have been done: {error}. Delete it again by its id: that does no harm, and "
        "SnapshotNotFoundError then says that it is gone.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        snapshot_id=request.snapshot_id,
        requested={},
        last_error=error,
    )
