"""Applying a plan at most once, and undoing it: the safety snapshot is the claim to the restore.

Applying a plan that takes a safety snapshot::

    read --same facts--> claim --its own create--> wait --complete--> read again --same--> restore
     |                     |                        |                     |
     +--- refused          +--- refused             +--- its error        +--- refused

A plan may be delivered twice: by a queue, by an impatient person, to two processes at one moment.
Civo has no call that compares and sets, and a restore bears no mark of ours. What the protocol
relies on is that a list shows each snapshot whose creation was accepted before the list was sent.
The invariants, named by number where they are kept:

1. A safety snapshot has the plan's fingerprint in its name, and after it 64 random bits of the
   apply that requested it. So its owner is known, even where the response to its create was lost:
   nobody else requests that name.
2. Only the apply that requested a safety snapshot sends a restore after it. Nobody takes over the
   claim: its owner may be suspended rather than dead, and nothing in Civo's API would stop its
   restore then. Whoever else finds a safety snapshot of the plan refuses, complete or not.
3. Before it sends the restore, an apply lists the snapshots once more, after its own create. It
   continues if the list shows its own safety snapshot and no other one of the plan. Of two applies
   the one whose create came second sees both, so that at most one of them continues. That does not
   depend on Civo's error response to a second creation at the same time, which only comes sooner. A
   list without the apply's own safety snapshot lags, or somebody has deleted it: it refuses then.
4. The facts are read twice, before the claim and right before the restore. A safety snapshot of
   another plan is a newer snapshot, so that of two plans for one instance at most one continues as
   well. The instance's status may differ while a snapshot of it is made: then it is waited for.
5. The restore is not retried, and whatever becomes of it, this session knows that it was sent.
6. A session that has claimed a plan, and knows that it has sent nothing, continues with its claim
   as long as the safety snapshot is not complete. What was written since one became complete while
   nobody was waiting is in no snapshot.
7. In a session, the applies and undos of one instance wait for each other.

A lease, a claim that ends after so many minutes, would let a second process continue after a crash.
But a process that is suspended between its last check and its send outlives any lease, and two
overwrites cost more than a plan that has to be made anew. Without a safety snapshot there is no
claim: only this session is guarded, by invariants 5 and 7.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import attrs

from . import _checks as check
from ._clock import Clock
from ._creating import Creations
from ._errors import (
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    RestoreAlreadyAppliedError,
    RestorePlanChangedError,
    UndoRefusedError,
)
from ._http import endpoints
from ._http.caller import Caller
from ._log import About, log
from ._models import Restore, Snapshot, SnapshotRef
from ._planning import GONE, Reading, read_again, ref_of
from ._policies import PollPolicy
from ._restore_plan import RestorePlan
from ._restoring import restore_complete, restore_once
from ._waits.instances import wait_for_status
from ._waits.snapshots import OnChange, SnapshotWaits

_MAX_CLAIMS = 1000


@attrs.define(eq=False)
class _Claim:
    """What this session has done for one plan."""

    names: set[str] = attrs.field(factory=set[str])
    """Those of the safety snapshots that it has requested (invariant 1)."""
    is_sent: bool = False
    """Whether it may have sent the restore (invariant 5)."""


@attrs.frozen(kw_only=True)
class Patience:
    """How long, and how, to wait for a safety snapshot."""

    timeout: float | None = attrs.field(converter=check.timeout)
    poll: PollPolicy
    on_change: OnChange | None


class Applications:
    """The plans that one session applies."""

    def __init__(
        self, caller: Caller, clock: Clock, creations: Creations, waits: SnapshotWaits
    ) -> None:
        self._caller = caller
        self._clock = clock
        self._creations = creations
        self._waits = waits
        self._claims: dict[str, _Claim] = {}
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def apply(self, plan: RestorePlan, patience: Patience) -> Restore:
        """Send the restore of a plan once, after its safety snapshot, if its facts still hold."""
        async with self._alone(plan):
            claim = self._claim_of(plan)
            try:
                return await self._apply(plan, claim, patience)
            except CivoSnapshotsError as error:
                if claim.names and not claim.is_sent:
                    error.add_context(_so_far(claim))
                if isinstance(error, (RestorePlanChangedError, RestoreAlreadyAppliedError)):
                    log("apply.refused", _about(plan), "%s", error)
                raise

    async def undo(self, plan: RestorePlan) -> Restore:
        """Overwrite the instance with the plan's one safety snapshot, if that is complete."""
        if not plan.safety_snapshot:
            raise ValueError(
                f"plan {plan.fingerprint} takes no safety snapshot: it can't be undone"
            )
        async with self._alone(plan):
            safety = await self._safety_to_undo_with(plan)
            ref = SnapshotRef(plan.facts.instance_id, safety.id, plan.region)
            request = endpoints.restore_snapshot(ref, overwrite_existing=True)
            return await restore_complete(self._caller, request)

    @asynccontextmanager
    async def _alone(self, plan: RestorePlan) -> AsyncGenerator[None, None]:
        key = (plan.region.casefold(), plan.facts.instance_id.casefold())
        async with self._locks.setdefault(key, asyncio.Lock()):
            yield

    def _claim_of(self, plan: RestorePlan) -> _Claim:
        claim = self._claims.setdefault(plan.fingerprint, _Claim())
        while len(self._claims) > _MAX_CLAIMS:
            del self._claims[next(iter(self._claims))]

        return claim

    async def _apply(self, plan: RestorePlan, claim: _Claim, patience: Patience) -> Restore:
        if claim.is_sent:
            raise _already(plan)
        log("apply.started", _about(plan), "apply plan %s: %s", plan.fingerprint, plan)
        reading = await self._read(plan)
        if not plan.safety_snapshot:
            _require_same(plan, reading)
            return await self._restore(plan, claim, reading)
        safety = _claimed(plan, claim, reading) or await self._create(plan, claim)
        await self._wait(plan, safety, patience)
        reading = await self._read(plan)
        _require_alone(plan, reading, safety)
        _require_same(plan, reading)

        return await self._restore(plan, claim, reading)

    async def _read(self, plan: RestorePlan) -> Reading:
        try:
            return await read_again(self._caller, plan)
        except GONE as error:
            raise _changed(plan, (str(error),)) from error

    async def _create(self, plan: RestorePlan, claim: _Claim) -> Snapshot:
        name = f"{plan.safety_prefix}{secrets.token_hex(8)}"
        request = endpoints.create_snapshot(
            plan.facts.instance_id,
            region=plan.region,
            name=name,
            description="taken before a restore over the instance",
        )
        claim.names.add(name)
        try:
            return await self._creations.create(request)
        except ConflictError:
            # Where another process is making one, that says more than "in process" does.
            reading = await self._read(plan)
            if reading.safety:
                raise _already(plan, reading.safety) from None
            raise

    async def _wait(self, plan: RestorePlan, safety: Snapshot, patience: Patience) -> None:
        """Wait until the safety snapshot is complete, and the status is the plan's again."""
        started = self._clock.now()
        wait = self._waits.complete(safety.ref, patience.timeout, patience.poll)
        await self._waits.follow(wait, patience.on_change)
        left = patience.timeout
        if left is not None:
            left -= self._clock.now() - started
        request = endpoints.get_instance(plan.facts.instance_id, region=plan.region)
        try:
            await wait_for_status(
                self._caller,
                request,
                plan.facts.status or "",
                timeout=left,
                poll=patience.poll,
                clock=self._clock,
            )
        except GONE as error:
            raise _changed(plan, (str(error),)) from error

    async def _restore(self, plan: RestorePlan, claim: _Claim, reading: Reading) -> Restore:
        request = endpoints.restore_snapshot(
            ref_of(plan),
            hostname=plan.hostname,
            private_ip=plan.private_ip,
            description=plan.description,
            overwrite_existing=plan.overwrite_existing,
        )
        claim.is_sent = True
        try:
            return await restore_once(
                self._caller, endpoints.for_snapshot(request, reading.snapshot)
            )
        except CivoSnapshotsError as error:
            claim.is_sent = error.may_have_taken_effect
            raise

    async def _safety_to_undo_with(self, plan: RestorePlan) -> Snapshot:
        safety = await self._list_safety(plan)
        if len(safety) != 1:
            why = _ambiguous(safety) if safety else "it has no safety snapshot"
            raise _not_undone(plan, safety, why)
        claim = self._claims.get(plan.fingerprint)
        if claim and safety[0].name in claim.names and not claim.is_sent:
            raise _not_undone(plan, safety, "this session has not overwritten anything")

        return safety[0]

    async def _list_safety(self, plan: RestorePlan) -> tuple[Snapshot, ...]:
        request = endpoints.list_snapshots(plan.facts.instance_id, region=plan.region)
        prefix = plan.safety_prefix
        try:
            snapshots = await self._caller.call(request)
        except DecodeError as error:
            # Of all times, not now: one that can't be read is no hindrance unless it is another.
            if not error.unreadable or any(
                entry.name is None or entry.name.startswith(prefix) for entry in error.unreadable
            ):
                raise
            snapshots = error.snapshots

        return tuple(each for each in snapshots if each.name.startswith(prefix))


def _claimed(plan: RestorePlan, claim: _Claim, reading: Reading) -> Snapshot | None:
    """Return the safety snapshot to continue with (invariant 6); `None` where there is none yet."""
    if not reading.safety:
        _require_same(plan, reading)
        return None
    first = reading.safety[0]
    # Not with that of another apply (invariant 2), nor with one of ours that is terminal.
    if reading.safety[1:] or first.name not in claim.names or first.phase.is_terminal:
        raise _already(plan, reading.safety)

    return first


def _require_same(plan: RestorePlan, reading: Reading) -> None:
    if differences := plan.facts.differences(reading.facts):
        raise _changed(plan, differences)


def _require_alone(plan: RestorePlan, reading: Reading, own: Snapshot) -> None:
    """Continue only if our own safety snapshot is there, and no other one (invariant 3)."""
    others = tuple(each for each in reading.safety if each.id != own.id)
    if others:
        raise _already(plan, others)
    if not reading.safety:
        raise _changed(plan, (f"the safety snapshot {own.name} ({own.id}) is not listed",))
    listed = reading.safety[0]
    # A list is a summary: one without a state says nothing.
    if listed.state and not listed.is_complete:
        reasons = ", ".join(listed.verdict.reasons)
        raise _changed(plan, (f"the safety snapshot {own.name} is not complete: {reasons}",))


def _changed(plan: RestorePlan, differences: tuple[str, ...]) -> RestorePlanChangedError:
    return RestorePlanChangedError(
        f"plan {plan.fingerprint} does not hold any more, and no restore was sent: "
        f"{'; '.join(differences)}",
        instance_id=plan.facts.instance_id,
        fingerprint=plan.fingerprint,
        differences=differences,
    )


def _already(plan: RestorePlan, safety: tuple[Snapshot, ...] = ()) -> RestoreAlreadyAppliedError:
    names = ", ".join(f"{each.name} ({each.id}), {each.phase.value}" for each in safety)
    found = f": safety snapshot {names}" if safety else " by this session"

    return RestoreAlreadyAppliedError(
        f"plan {plan.fingerprint} has been applied, or may have been{found}. No restore was sent "
        f"now: check instance {plan.facts.instance_id}, and make a new plan if it is needed",
        instance_id=plan.facts.instance_id,
        fingerprint=plan.fingerprint,
        safety_snapshots=safety,
    )


def _not_undone(plan: RestorePlan, safety: tuple[Snapshot, ...], why: str) -> UndoRefusedError:
    return UndoRefusedError(
        f"plan {plan.fingerprint} was not undone, and nothing was overwritten: {why}",
        instance_id=plan.facts.instance_id,
        fingerprint=plan.fingerprint,
        safety_snapshots=safety,
    )


def _ambiguous(safety: tuple[Snapshot, ...]) -> str:
    names = ", ".join(f"{each.name} ({each.id}) of {each.created_at}" for each in safety)

    return (
        f"it has {len(safety)} safety snapshots: {names}. The oldest is that of the apply that may "
        "have overwritten the instance: restore it by its id"
    )


def _so_far(claim: _Claim) -> str:
    names = ", ".join(sorted(claim.names))

    return f"this session has requested safety snapshot {names}, and has overwritten nothing"


def _about(plan: RestorePlan) -> About:
    return About(
        instance_id=plan.facts.instance_id,
        snapshot_id=plan.facts.snapshot_id,
        snapshot_name=plan.facts.snapshot_name,
        region=plan.region,
    )
