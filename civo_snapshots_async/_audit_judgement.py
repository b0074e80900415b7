"""Whether an instance has the snapshots that it should: a pure judgement.

1. Only a complete snapshot with a date that can be true proves anything: one without a date, or
   dated ahead of the clock, has no age.
2. A failed snapshot counts where no complete one is newer: the last attempt has failed, however
   fresh the one before is.
3. One that is being deleted counts for nothing, neither as pending nor as a copy.
4. What could not be found out is a violation, so that a report is only well if all was read.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import attrs

from ._audit_report import AuditEntry
from ._errors import CivoSnapshotsError
from ._models import Instance, Phase, Snapshot, is_known
from ._sentences import counted, enumerated, named, spoken
from ._violations import AuditViolation, ViolationKind

# Two machines' clocks differ by less; what is dated further ahead has a wrong date.
_MAX_AHEAD = timedelta(minutes=5)


@attrs.frozen(kw_only=True)
class AuditRules:
    """What every instance should have; spans of time in seconds."""

    max_age: float
    max_pending: float
    min_count: int


def judge(
    instance: Instance,
    snapshots: Iterable[Snapshot],
    rules: AuditRules,
    now: datetime,
    source: Literal["account", "instance"],
) -> AuditEntry:
    """Return what there is to say of one instance, by all of its snapshots."""
    found = _Found.of(snapshots, rules, now)
    newest = found.newest

    return AuditEntry(
        instance_id=instance.id,
        hostname=instance.hostname,
        newest=None if newest is None else newest.snapshot,
        age=None if newest is None else newest.age,
        complete=len(found.complete),
        violations=tuple(
            AuditViolation(
                kind=kind,
                reason=reason,
                instance_id=instance.id,
                hostname=instance.hostname,
                snapshot=snapshot,
            )
            for kind, reason, snapshot in found.violations()
        ),
        source=source,
    )


def without_list(
    kind: Literal["not_found", "unknown"],
    reason: str,
    instance: Instance,
    error: CivoSnapshotsError | None = None,
) -> AuditEntry:
    """Return what there is to say of an instance whose snapshots were not listed."""
    violation = AuditViolation(
        kind=kind, reason=reason, instance_id=instance.id, hostname=instance.hostname
    )

    return AuditEntry(
        instance_id=instance.id, hostname=instance.hostname, violations=(violation,), error=error
    )


def has_known_states(snapshot: Snapshot) -> bool:
    """Tell whether all its states are words whose meaning is known."""
    return all(map(is_known, (snapshot.state, *snapshot.volume_states.values())))


@attrs.frozen(order=True)
class _Dated:
    """A snapshot with a date that can be true, and its age in seconds."""

    created_at: datetime
    age: timedelta = attrs.field(order=False)
    snapshot: Snapshot = attrs.field(order=False)

    @staticmethod
    def of(snapshots: Iterable[Snapshot], now: datetime) -> "list[_Dated]":
        """Return those that have one."""
        return [
            _Dated(snapshot.created_at, max(now - snapshot.created_at, timedelta(0)), snapshot)
            for snapshot in snapshots
            if snapshot.created_at is not None and snapshot.created_at <= now + _MAX_AHEAD
        ]


_Finding = tuple[ViolationKind, str, Snapshot | None]


@attrs.frozen(kw_only=True)
class _Found:
    """The snapshots of one instance, sorted out."""

    kept: tuple[Snapshot, ...]
    complete: tuple[Snapshot, ...]
    newest: _Dated | None
    rules: AuditRules
    now: datetime

    @staticmethod
    def of(snapshots: Iterable[Snapshot], rules: AuditRules, now: datetime) -> "_Found":
        """Sort them out."""
        kept = tuple(snapshot for snapshot in snapshots if not _is_being_deleted(snapshot))
        complete = tuple(snapshot for snapshot in kept if snapshot.is_complete)
        newest = max(_Dated.of(complete, now), default=None)

        return _Found(kept=kept, complete=complete, newest=newest, rules=rules, now=now)

    def violations(self) -> Iterator[_Finding]:
        """Say what is wrong, each kind once."""
        yield from self._of_age()
        yield from self._of_failure()
        yield from self._of_pending()
        count = len(self.complete)
        if 0 < count < self.rules.min_count:
            complete = counted(count, "complete snapshot")
            yield "too_few", f"it has {complete}, fewer than {self.rules.min_count}", None

    def _of_age(self) -> Iterator[_Finding]:
        if not self.complete:
            yield "none_complete", self._why_none(), None
        elif self.newest is None:
            reason = "no complete snapshot has a date that can be true, so its age is not known"
            yield "undated", reason, self.complete[0]
        elif self.newest.age > timedelta(seconds=self.rules.max_age):
            age, most = spoken(self.newest.age.total_seconds()), spoken(self.rules.max_age)
            newest = _named(self.newest.snapshot)
            reason = f"the newest complete snapshot, {newest}, is {age} old, more than {most}"
            yield "too_old", reason, self.newest.snapshot

    def _why_none(self) -> str:
        if not self.kept:
            return "it has no snapshot at all"
        states = enumerated(f"{_named(each)} is {each.phase.value}" for each in self.kept)

        return f"it has no complete snapshot: {states}"

    def _of_failure(self) -> Iterator[_Finding]:
        failed = max(_Dated.of(self._in(Phase.FAILED), self.now), default=None)
        # Of the same second, none is known to be the newer one.
        if failed is None or (self.newest is not None and failed < self.newest):
            return
        reasons = ", ".join(failed.snapshot.verdict.reasons)
        reason = f"the newest, {_named(failed.snapshot)}, has failed: {reasons}"
        yield "newest_failed", reason, failed.snapshot

    def _of_pending(self) -> Iterator[_Finding]:
        oldest = min(_Dated.of(self._in(Phase.PENDING), self.now), default=None)
        if oldest is None or oldest.age <= timedelta(seconds=self.rules.max_pending):
            return
        age, most = spoken(oldest.age.total_seconds()), spoken(self.rules.max_pending)
        reasons = ", ".join(oldest.snapshot.verdict.reasons)
        which = _named(oldest.snapshot)
        reason = f"{which} has been pending for {age}, more than {most}: {reasons}"
        yield "pending_too_long", reason, oldest.snapshot

    def _in(self, phase: Phase) -> Iterator[Snapshot]:
        return (snapshot for snapshot in self.kept if snapshot.phase is phase)


def _is_being_deleted(snapshot: Snapshot) -> bool:
    return snapshot.state.strip().casefold() == "deleting"


def _named(snapshot: Snapshot) -> str:
    return named(snapshot.name, snapshot.id)
