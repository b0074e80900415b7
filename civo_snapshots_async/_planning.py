"""Reading the facts of a restore, for a plan that is made and for one that is applied."""

import attrs

from ._clock import Clock
from ._errors import InstanceNotFoundError, SnapshotNotCompleteError, SnapshotNotFoundError
from ._http import endpoints
from ._http.caller import Caller
from ._http.endpoints import Request
from ._instances import with_hostname
from ._models import Instance, Restore, Snapshot, SnapshotRef
from ._restore_plan import RestoreFacts, RestorePlan
from ._restoring import require_complete

GONE = (InstanceNotFoundError, SnapshotNotFoundError, SnapshotNotCompleteError)
"""What reading raises where there is nothing to restore, or nothing to restore over."""


@attrs.frozen(kw_only=True)
class Reading:
    """The facts as they are, and what stands beside them in the same responses."""

    facts: RestoreFacts
    snapshot: Snapshot
    """The snapshot to restore."""
    safety: tuple[Snapshot, ...] = ()
    """The plan's safety snapshots, which are no facts."""


async def make_plan(
    caller: Caller, request: Request[Restore], clock: Clock, *, safety_snapshot: bool
) -> RestorePlan:
    """Plan what a request would do; nothing but reads is sent."""
    fields = request.fields or {}
    hostname, private_ip, description = (
        None if fields.get(name) is None else str(fields[name])
        for name in ("hostname", "private_ip", "description")
    )
    overwrites = bool(fields.get("overwrite_existing"))
    ref = SnapshotRef(request.instance_id, request.snapshot_id, request.region)
    reading = await _read_facts(caller, ref, overwrites=overwrites, hostname=hostname)

    return RestorePlan(
        region=request.region,
        overwrite_existing=overwrites,
        hostname=hostname,
        private_ip=private_ip,
        description=description,
        safety_snapshot=overwrites and safety_snapshot,
        made_at=clock.utcnow(),
        facts=reading.facts,
    )


async def read_again(caller: Caller, plan: RestorePlan) -> Reading:
    """Read the facts of a plan as they are now."""
    return await _read_facts(
        caller,
        ref_of(plan),
        overwrites=plan.overwrite_existing,
        hostname=plan.hostname,
        prefix=plan.safety_prefix,
    )


def ref_of(plan: RestorePlan) -> SnapshotRef:
    """Return the address of the snapshot that a plan restores."""
    return SnapshotRef(plan.facts.instance_id, plan.facts.snapshot_id, plan.region)


async def _read_facts(
    caller: Caller, ref: SnapshotRef, *, overwrites: bool, hostname: str | None, prefix: str = ""
) -> Reading:
    """Read what a restore rests on; snapshots whose name begins with `prefix` are set apart.

    A list with an entry that can't be read is an error: it may be a newer snapshot, or a safety
    snapshot of the plan.
    """
    instance = await caller.call(endpoints.get_instance(ref.instance_id, region=ref.region))
    ref = attrs.evolve(ref, instance_id=instance.id)
    snapshot = await caller.call(endpoints.get_snapshot(ref))
    require_complete(snapshot, ref)
    if not overwrites:
        same = await _of_hostname(caller, hostname, ref.region)
        facts = attrs.evolve(
            _facts(instance, snapshot), network_id=instance.network_id or None, same_hostname=same
        )
        return Reading(facts=facts, snapshot=snapshot)
    listed = await caller.call(endpoints.list_snapshots(instance.id, region=ref.region))
    safety = tuple(each for each in listed if prefix and each.name.startswith(prefix))
    newer = (each.id for each in listed if each not in safety and _is_newer(each, snapshot))
    facts = attrs.evolve(
        _facts(instance, snapshot), status=instance.status, newer=tuple(sorted(newer))
    )

    return Reading(facts=facts, snapshot=snapshot, safety=safety)


def _facts(instance: Instance, snapshot: Snapshot) -> RestoreFacts:
    return RestoreFacts(
        instance_id=instance.id,
        hostname=instance.hostname,
        snapshot_id=snapshot.id,
        snapshot_name=snapshot.name,
        created_at=snapshot.created_at,
        # Those that its creation named are known to one session, and not to another.
        volumes=tuple(sorted({volume.id for volume in snapshot.volumes})),
    )


def _is_newer(other: Snapshot, snapshot: Snapshot) -> bool:
    """Tell whether it is not known to be older: dates are cut to seconds, or not given."""
    if other.id.casefold() == snapshot.id.casefold():
        return False
    if other.created_at is None or snapshot.created_at is None:
        return True

    return other.created_at >= snapshot.created_at


async def _of_hostname(caller: Caller, hostname: str | None, region: str) -> tuple[str, ...]:
    if hostname is None:
        return ()

    return tuple(sorted(each.id for each in await with_hostname(caller, hostname, region)))
