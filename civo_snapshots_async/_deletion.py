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

from collections.abc import Awaitable, Callable

from ._caller import Caller
from ._checks import Seconds
from ._clock import Clock
from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotFoundError,
)
from ._http import Attempt, Request
from ._log import About, log_resolved_deletion
from ._models import Snapshot
from ._pacing import PollPolicy
from ._until import look_until


async def delete(caller: Caller, request: Request[None]) -> None:
    """Send a deletion, with its retries, and raise what is known where it was not done."""
    try:
        await caller.call(request)
    except CivoSnapshotsError as error:
        attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
        is_lost = any(attempt.may_have_arrived for attempt in attempts[:-1])
        if isinstance(error, SnapshotNotFoundError) and is_lost:
            log_resolved_deletion(request)
            return
        # A closed session says by itself whether the call had started.
        if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
            raise
        raise _unknown(request, error) from error


def _unknown(request: Request[None], error: CivoSnapshotsError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"delete_snapshot on instance {request.instance_id} (snapshot {request.snapshot_id}) may "
        f"or may not have been done: {error}. Delete it again by its id: that does no harm, and "
        "SnapshotNotFoundError then says that it is gone.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        snapshot_id=request.snapshot_id,
        asked={},
        last_error=error,
    )


async def wait_until_deleted(
    look: Callable[[], Awaitable[Snapshot]],
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
    region: str = "",
) -> None:
    """Look at a snapshot until Civo says, by code, that the instance has no such snapshot."""
    name = f"snapshot {snapshot_id} of instance {instance_id}"
    looked = await look_until(
        _is_gone,
        look,
        name=name,
        about=About(instance_id=instance_id, snapshot_id=snapshot_id, region=region),
        timeout=timeout,
        poll=poll,
        clock=clock,
    )
    if not looked.is_over:
        raise looked.timed_out(
            "was not seen to be gone", instance_id=instance_id, snapshot_id=snapshot_id
        )


def _is_gone(outcome: Snapshot | CivoSnapshotsError) -> bool:
    # This class comes of Civo's code alone. A bad token, a wrong region, an instance that is not
    # found (a wrong region may look like that, too) and a gateway's bare 404 are other classes.
    return isinstance(outcome, SnapshotNotFoundError)
