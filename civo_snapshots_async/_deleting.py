"""Deleting a snapshot, and what its attempts prove together.

A deletion is retried, so its last attempt alone does not decide. An attempt is lost if it may have
reached Civo and got no response that says what happened.

    earlier attempts    last attempt                        the deletion
    ----------------    --------------------------------    ------------------------------
    (any)               2xx                                 was done
    none was lost       an error response                   was not done: raise that error
    none was lost       a lost response                     is unknown
    one was lost        404 database_snapshot_not_found     was done by the lost attempt
    one was lost        anything else                       is unknown

"Anything else" includes a 404 without that code, which a gateway may send. It also includes a
rejected token, an unknown instance and a conflict: each holds for the last attempt alone, and the
lost one may have come before the token was revoked.
"""

from ._attempts import Attempt
from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotFoundError,
)
from ._http.caller import Caller
from ._http.endpoints import Request
from ._log import About, log


async def delete(caller: Caller, request: Request[None]) -> None:
    """Send a deletion, with its retries; raise an error unless it is known to be done."""
    with caller.observed(request):
        try:
            await caller.call(request)
        except CivoSnapshotsError as error:
            attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
            is_lost = any(attempt.may_have_arrived for attempt in attempts[:-1])
            if isinstance(error, SnapshotNotFoundError) and is_lost:
                _log_resolved(request)
                caller.resolved(request)
                return
            # SessionClosedError itself says whether the call had started.
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
        f"or may not have been done: {error}. Delete it again by its id: that is safe, and "
        "SnapshotNotFoundError then proves that it is gone.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        snapshot_id=request.snapshot_id,
        requested={},
        last_error=error,
    )
