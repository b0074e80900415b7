"""A drill: a snapshot is restored into a scratch instance, and that is checked.

    read --> choose or take a snapshot --> restore --> follow until ACTIVE --> check --> delete

1. Until its first write a drill raises what its reads raise. From then on whatever goes wrong is in
   its report, so that nothing that it has made goes unsaid. So is a snapshot that is not complete,
   or none at all: that is what a drill is for.
2. It writes at most three times: it may take a snapshot, it restores into a new instance, and it
   may delete that. No write is retried once it may have been sent.
3. `Scratch.why` and `_taken` say before each write what it may leave. So a drill that is canceled
   at any await leaves what is there, and says what may be.
4. What is neither the library's error nor the check's, such as a cancellation, passes through, with
   a note of what is left. Nothing is deleted on its way.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import isawaitable
from reprlib import repr as abbreviated

import attrs

from . import _checks as checks
from ._checks import Seconds
from ._clock import Clock
from ._creating import Creations
from ._drill_report import DrillReport
from ._ensuring import EnsuredRestores
from ._errors import (
    AmbiguousInstanceError,
    CivoSnapshotsError,
    DecodeError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotFoundError,
)
from ._http import endpoints
from ._http.caller import Caller
from ._http.endpoints import Request
from ._instances import list_thoroughly
from ._leftovers import DrillLeftover
from ._log import About, log
from ._models import Instance, Restore, Snapshot, SnapshotRef
from ._policies import PollPolicy
from ._restoring import require_complete, restore_once
from ._scratch import Scratch
from ._sentences import counted, named, spoken
from ._waits.instances import Mark, follow_until_active, wait_until_listed
from ._waits.snapshots import SnapshotWaits

# No source says what becomes of them; the restore has made them with the instance.
_OF_VOLUMES = "volumes of the scratch instance may be left: what Civo does with them is not known"

Check = Callable[[Instance], Awaitable[object] | object]
"""What is to be true of the restored instance."""


def _check_timeout(value: Seconds) -> float:
    return checks.seconds("check_timeout", value)


@attrs.frozen(kw_only=True)
class DrillOrder:
    """What a drill is to do; spans of time in seconds."""

    instance_id: str = attrs.field(validator=checks.field(checks.plain_name))
    snapshot: SnapshotRef | None
    """The snapshot to restore, which brings its region; `None` for the newest complete one."""
    region: str = attrs.field(validator=checks.field(checks.plain_name))
    check: Check = attrs.field(validator=attrs.validators.is_callable())
    create_if_missing: bool = attrs.field(validator=checks.field(checks.boolean))
    delete_scratch: bool = attrs.field(validator=checks.field(checks.boolean))
    timeout: float | None = attrs.field(converter=checks.timeout)
    check_timeout: float = attrs.field(converter=_check_timeout)
    poll: PollPolicy


class Drills:
    """The drills of one session: what they are done with."""

    def __init__(
        self,
        caller: Caller,
        clock: Clock,
        creations: Creations,
        waits: SnapshotWaits,
        ensured: EnsuredRestores,
    ) -> None:
        self.caller = caller
        self.clock = clock
        self.creations = creations
        self.waits = waits
        self.ensured = ensured

    async def run(self, order: DrillOrder) -> DrillReport:
        """Do a drill; what it raises says what the drill has left behind."""
        drill = _Drill(self, order)
        try:
            # In here: a closed session is a cancellation inside, and an error of its own outside.
            async with self.caller.scope.inside():
                return await drill.run()
        except BaseException as error:
            drill.note_on(error)
            raise


class _FailedError(Exception):
    """The drill has not passed; the text is the reason."""

    def __init__(self, reason: str, error: CivoSnapshotsError | None = None) -> None:
        super().__init__(reason)
        self.error = error


@contextmanager
def _failing(what: str) -> Generator[None, None, None]:
    """Let an error of the library fail the drill."""
    try:
        yield
    except SessionClosedError:
        raise
    except CivoSnapshotsError as error:
        raise _FailedError(f"{what}: {error}", error) from error


@attrs.define(eq=False)
class _Drill:
    """One drill, and what it knows so far."""

    _by: Drills
    _order: DrillOrder
    _name: str = attrs.field(factory=lambda: f"drill-{secrets.token_hex(8)}", init=False)
    """The host name of the scratch instance, and the name of a snapshot that is taken."""
    _source: Instance = attrs.field(default=Instance(id=""), init=False)
    _scratch: Scratch | None = attrs.field(default=None, init=False)
    _taken: DrillLeftover | None = attrs.field(default=None, init=False)
    _snapshot: Snapshot | None = attrs.field(default=None, init=False)
    _age: float | None = attrs.field(default=None, init=False)
    _restore_seconds: float | None = attrs.field(default=None, init=False)
    _check_seconds: float | None = attrs.field(default=None, init=False)
    _notes: list[str] = attrs.field(factory=list[str], init=False)

    async def run(self) -> DrillReport:
        order, caller, started_at = self._order, self._by.caller, self._by.clock.utcnow()
        request = endpoints.get_instance(order.instance_id, region=order.region)
        self._source = await caller.call(request)
        existing = await list_thoroughly(caller, order.region)
        scratch = self._scratch = Scratch(
            hostname=self._name,
            region=order.region,
            source_id=self._source.id,
            before=frozenset(each.id.strip().casefold() for each in existing),
        )
        log("drill.started", self._about(), "%s: it restores into %s", self, self._name)
        reason, error = "", None
        try:
            await self._prove(scratch)
        except _FailedError as failed:
            reason, error = str(failed), failed.error
        await self._leave_or_delete(scratch)
        report = self._report(started_at, reason, error)
        log(f"drill.{'passed' if report.passed else 'failed'}", self._about(), "%s", report)

        return report

    def __str__(self) -> str:
        return f"drill of {named(self._source.hostname, self._source.id)} in {self._order.region}"

    def note_on(self, error: BaseException) -> None:
        """Add to what is raised what it leaves behind."""
        left = self._left_behind()
        if not left:
            return
        text = f"left behind by the {self}: {'; '.join(map(str, left))}"
        if isinstance(error, CivoSnapshotsError):
            error.add_context(text)
        else:
            error.add_note(text)
        log("drill.canceled", self._about(), "%s: %s", type(error).__name__, text)

    async def _prove(self, scratch: Scratch) -> None:
        """Restore the snapshot and check the instance, or raise why it can't be."""
        snapshot = self._snapshot = await self._chosen()
        if self._order.snapshot is not None:
            with _failing("there is nothing to restore"):
                require_complete(snapshot, self._ref(snapshot.id))
        self._age = _age(snapshot, self._by.clock.utcnow())
        started = self._by.clock.now()
        with _failing(f"{named(snapshot.name, snapshot.id)} could not be restored"):
            instance = await self._restored(snapshot, scratch)
        self._restore_seconds = self._by.clock.now() - started
        await self._checked(instance)

    # ---- the snapshot

    async def _chosen(self) -> Snapshot:
        order, caller = self._order, self._by.caller
        if order.snapshot is not None:
            ref = self._ref(order.snapshot.snapshot_id)
            return await caller.call(endpoints.get_snapshot(ref))
        newest = await self._newest()
        if newest is not None:
            return newest
        if not order.create_if_missing:
            raise _FailedError(f"{self._source.hostname} has no complete snapshot")
        with _failing("no snapshot could be taken"):
            return await self._created()

    async def _newest(self) -> Snapshot | None:
        """Return the newest complete snapshot, as a get shows it: a list is a summary."""
        caller, region = self._by.caller, self._order.region
        request = endpoints.list_snapshots(self._source.id, region=region)
        try:
            listed = await caller.call(request)
        except DecodeError as error:
            if not error.unreadable:
                raise
            listed = error.snapshots
            count = counted(len(error.unreadable), "snapshot")
            self._notes.append(f"{count} could not be read: a newer one may be among them")
        candidates = [each for each in listed if each.is_complete or not each.state]
        for each in sorted(candidates, key=_creation_time, reverse=True):
            try:
                snapshot = await caller.call(endpoints.get_snapshot(self._ref(each.id)))
            except SnapshotNotFoundError:
                continue
            if snapshot.is_complete:
                return snapshot

        return None

    async def _created(self) -> Snapshot:
        """Take a snapshot, and wait until it is complete."""
        request = endpoints.create_snapshot(
            self._source.id,
            region=self._order.region,
            name=self._name,
            description="taken by a drill",
        )
        made = self._taken = DrillLeftover(
            kind="snapshot",
            name=self._name,
            reason="its creation was requested, and may have been done",
        )
        try:
            snapshot = await self._by.creations.create(request)
        except CivoSnapshotsError as error:
            if not error.may_have_taken_effect:
                self._taken = None
            raise
        reason = "the drill has taken it, as there was no complete one"
        self._taken = attrs.evolve(made, id=snapshot.id, reason=reason)
        self._snapshot = snapshot
        ref = self._ref(snapshot.id)
        wait = self._by.waits.complete(ref, self._order.timeout, self._order.poll)

        return await self._by.waits.follow(wait)

    # ---- the restore

    async def _restored(self, snapshot: Snapshot, scratch: Scratch) -> Instance:
        """Restore into a new instance, and follow that until it is `ACTIVE`."""
        order, clock, started = self._order, self._by.clock, self._by.clock.now()
        request = endpoints.restore_snapshot(
            self._ref(snapshot.id),
            hostname=self._name,
            description=f"scratch instance of a {self}",
        )
        try:
            instance = await self._listed(endpoints.for_snapshot(request, snapshot), scratch)
            scratch.found(instance)
        except AmbiguousInstanceError as error:
            scratch.why = f"it was not identified: {error}"
            raise
        instance = await follow_until_active(
            self._by.caller,
            endpoints.get_instance(instance.id, region=order.region),
            timeout=None if order.timeout is None else order.timeout - (clock.now() - started),
            poll=order.poll,
            clock=clock,
        )
        scratch.seen(instance)

        return instance

    async def _listed(self, request: Request[Restore], scratch: Scratch) -> Instance:
        """Send the restore, and return the new instance when it is listed."""
        order, by = self._order, self._by
        mark = Mark(
            hostname=self._name,
            restore=f"the {self}",
            source=self._source.id,
            snapshot_id=request.snapshot_id,
            region=order.region,
        )
        scratch.why = "its restore was requested, and it may have been made"
        with by.caller.observed(request):
            try:
                await restore_once(by.caller, request)
            except OutcomeUnknownError as lost:
                return await by.ensured.resolve(request, mark, lost, order.poll)
            except CivoSnapshotsError as error:
                if not error.may_have_taken_effect:
                    scratch.why = ""
                raise
        scratch.why = "its restore was accepted, and it was not found"

        return await wait_until_listed(
            by.caller, mark, timeout=order.timeout, poll=order.poll, clock=by.clock
        )

    # ---- the check

    async def _checked(self, instance: Instance) -> None:
        clock, limit = self._by.clock, self._order.check_timeout
        started, cancellations = clock.now(), _cancellations()
        late = f"the check did not end within {spoken(limit)}"
        try:
            async with clock.timeout(limit):
                reason = await _verdict(self._order.check, instance)
        except TimeoutError:
            reason = late
        self._check_seconds = clock.now() - started
        # A check may catch what was not meant for it: neither a cancellation nor the end of its
        # time is lost by that.
        _raise_if_canceled(since=cancellations)
        if not reason and self._check_seconds >= limit:
            reason = late
        if reason:
            raise _FailedError(reason)

    # ---- the end

    async def _leave_or_delete(self, scratch: Scratch) -> None:
        if not scratch.why:
            return
        if not self._order.delete_scratch:
            if scratch.instance is not None:
                scratch.why = "only delete_scratch=True deletes it"
            return
        await scratch.delete(
            self._by.caller,
            self._by.clock,
            timeout=self._by.ensured.resolve_timeout,
            poll=self._order.poll,
        )
        if scratch.why:
            log("drill.not_deleted", self._about(), "%s: %s: %s", self, scratch, scratch.why)
        else:
            self._notes.append(_OF_VOLUMES)

    def _left_behind(self) -> tuple[DrillLeftover, ...]:
        scratch = None if self._scratch is None else self._scratch.leftover

        return tuple(each for each in (scratch, self._taken) if each is not None)

    def _report(
        self, started_at: datetime, reason: str, error: CivoSnapshotsError | None
    ) -> DrillReport:
        return DrillReport(
            region=self._order.region,
            instance_id=self._source.id,
            hostname=self._source.hostname,
            started_at=started_at,
            reason=reason,
            snapshot=self._snapshot,
            snapshot_age=self._age,
            restore_seconds=self._restore_seconds,
            check_seconds=self._check_seconds,
            scratch=None if self._scratch is None else self._scratch.instance,
            left_behind=self._left_behind(),
            notes=tuple(self._notes),
            error=error,
        )

    def _ref(self, snapshot_id: str) -> SnapshotRef:
        return SnapshotRef(self._source.id, snapshot_id, self._order.region)

    def _about(self) -> About:
        about = About(instance_id=self._source.id, region=self._order.region)

        return about.seen(self._snapshot)


def _raise_if_canceled(*, since: int) -> None:
    if _cancellations() > since:
        raise asyncio.CancelledError("the check has caught a cancellation")


def _cancellations() -> int:
    task = asyncio.current_task()

    return 0 if task is None else task.cancelling()


async def _verdict(check: Check, instance: Instance) -> str:
    """Return why the check has not passed; empty where it has."""
    try:
        verdict = check(instance)
        if isawaitable(verdict):
            verdict = await verdict
        if verdict:
            return ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the check has not passed
        return f"the check raised {type(error).__name__}: {error}"

    return f"the check returned {abbreviated(verdict)}"


def _age(snapshot: Snapshot, now: datetime) -> float | None:
    if snapshot.created_at is None:
        return None

    # Civo's clock may be ahead of ours.
    return max((now - snapshot.created_at).total_seconds(), 0.0)


def _creation_time(snapshot: Snapshot) -> datetime:
    return snapshot.created_at or datetime.min.replace(tzinfo=UTC)
