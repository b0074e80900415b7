"""Waiting until a snapshot is gone."""

from collections.abc import Awaitable, Callable

from ._clock import Clock
from ._errors import CivoSnapshotsError, SnapshotNotFoundError
from ._models import Snapshot
from ._pacing import PollPolicy
from ._until import look_until


async def wait_until_deleted(
    look: Callable[[], Awaitable[Snapshot]],
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: float | None,
    poll: PollPolicy,
    clock: Clock,
) -> None:
    """Look at a snapshot until Civo says, by code, that the instance has no such snapshot."""
    name = f"snapshot {snapshot_id} of instance {instance_id}"
    looked = await look_until(_is_gone, look, name=name, timeout=timeout, poll=poll, clock=clock)
    if not looked.is_over:
        raise looked.timed_out(
            "was not seen to be gone", instance_id=instance_id, snapshot_id=snapshot_id
        )


def _is_gone(outcome: Snapshot | CivoSnapshotsError) -> bool:
    # This class comes of Civo's code alone. A bad token, a wrong region, an instance that is not
    # found (a wrong region may look like that, too) and a gateway's bare 404 are other classes.
    return isinstance(outcome, SnapshotNotFoundError)
