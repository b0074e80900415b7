"""What an audit found, as a value: for people, for JSON, for Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from ._errors import AuditViolationError, CivoSnapshotsError
from ._exposition import Gauge, exposition
from ._models import Snapshot, SnapshotQuota
from ._plain import Plain
from ._public import public
from ._sentences import counted, enumerated, named, on_one_line, spoken
from ._violations import AuditViolation


@public
@attrs.frozen(kw_only=True)
class AuditEntry(Plain):
    """What an audit found of one instance."""

    instance_id: str
    hostname: str = ""
    newest: Snapshot | None = None
    """The newest complete snapshot that has a date; `None` where there is none."""
    age: timedelta | None = None
    """How old it was when the audit was made."""
    complete: int = 0
    """How many complete snapshots there are, of any age."""
    violations: tuple[AuditViolation, ...] = ()
    source: Literal["account", "instance", "none"] = "none"
    """Which list showed its snapshots: the account-wide one, its own, or none at all."""
    error: CivoSnapshotsError | None = attrs.field(default=None, eq=False)
    """Why its snapshots could not be listed."""

    def __str__(self) -> str:
        which = named(self.hostname, self.instance_id)
        if self.newest is None or self.age is None or self.violations:
            return f"{which}: {'; '.join(violation.reason for violation in self.violations)}"
        newest, age = named(self.newest.name, self.newest.id), spoken(self.age.total_seconds())

        return f"{which}: {newest} is {age} old, {self.complete} complete"

    @property
    def is_ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.violations


@public
@attrs.frozen(kw_only=True, repr=False)
class AuditReport(Plain):
    """What an audit found: an entry for each instance, and what there is besides."""

    region: str
    made_at: datetime
    """By the session's clock."""
    entries: tuple[AuditEntry, ...]
    """One for each instance: in the order in which they were given, else by host name."""
    orphans: tuple[Snapshot, ...] | None = None
    """The snapshots of instances that are gone; `None` where the lists could not show them."""
    quota: SnapshotQuota | None = None
    """How many snapshots the account has and may have; `None` where that could not be read."""
    notes: tuple[str, ...] = ()
    """What the audit could not know, in words."""

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    @property
    def is_ok(self) -> bool:
        """Whether nothing was found wrong with any instance."""
        return not self.violations

    @property
    def violations(self) -> tuple[AuditViolation, ...]:
        """All that was found wrong, in the order of the instances."""
        return tuple(violation for entry in self.entries for violation in entry.violations)

    def raise_for_violations(self) -> None:
        """Raise `AuditViolationError`, with all violations, if there are any."""
        violations = self.violations
        if not violations:
            return
        count = sum(not entry.is_ok for entry in self.entries)
        raise AuditViolationError(
            f"{count} of {counted(len(self.entries), 'instance')} in {self.region} "
            f"{'is' if count == 1 else 'are'} in violation: {enumerated(map(str, violations))}",
            violations=violations,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that is ready for JSON; times are RFC 3339 in UTC."""
        return {**super().to_dict(), "is_ok": self.is_ok}

    def to_prometheus(self) -> str:
        """Return it in Prometheus's text format, for a textfile collector or a scrape."""
        return exposition(_gauges(self))


def summary(report: AuditReport) -> str:
    """Return how many instances are ok, as a line."""
    total, ok = len(report.entries), sum(entry.is_ok for entry in report.entries)
    made_at = report.made_at.strftime("%Y-%m-%d %H:%M:%S %Z")

    return f"{report.region}, {made_at}: {ok} of {counted(total, 'instance')} ok"


def remarks(report: AuditReport) -> Iterator[str]:
    """Return what there is to say besides the instances, line by line."""
    if report.orphans:
        count = counted(len(report.orphans), "snapshot")
        names = enumerated(named(each.name, each.id) for each in report.orphans)
        yield f"{count} of instances that are gone: {names}"
    if report.quota is not None:
        quota = report.quota
        yield f"quota: {quota.used} of {quota.limit} snapshots used, {quota.left} left"
    yield from (f"note: {on_one_line(note)}" for note in report.notes)


def _lines(report: AuditReport) -> Iterator[str]:
    yield summary(report)
    yield from (f"  {entry}" for entry in report.entries if not entry.is_ok)
    yield from remarks(report)


def _gauges(report: AuditReport) -> Iterator[Gauge]:
    where = {"region": report.region}
    wrong = [entry for entry in report.entries if not entry.is_ok]
    one = _gauge_of(where)
    yield one("audit_timestamp_seconds", "When the audit was made.", report.made_at.timestamp())
    yield one("audit_instances", "Instances that were audited.", len(report.entries))
    yield one("audit_instances_in_violation", "Instances with a violation.", len(wrong))
    yield Gauge(
        "civo_snapshots_audit_violation",
        "1 for each violation of an instance, by its kind.",
        [({**_labels(where, each), "kind": each.kind}, 1) for each in report.violations],
    )
    yield Gauge(
        "civo_snapshots_newest_complete_timestamp_seconds",
        "When the newest complete snapshot of an instance was made.",
        [
            (_labels(where, entry), entry.newest.created_at.timestamp())
            for entry in report.entries
            if entry.newest is not None and entry.newest.created_at is not None
        ],
    )
    yield Gauge(
        "civo_snapshots_complete",
        "Complete snapshots of an instance, of any age.",
        [(_labels(where, entry), entry.complete) for entry in report.entries],
    )
    if report.orphans is not None:
        yield one("orphans", "Snapshots of instances that are gone.", len(report.orphans))
    if report.quota is not None:
        yield one("quota_limit", "Snapshots that the account may have.", report.quota.limit)
        yield one("quota_used", "Snapshots that the account has.", report.quota.used)


def _gauge_of(labels: Mapping[str, str]) -> Callable[[str, str, float], Gauge]:
    return lambda name, meaning, value: Gauge(f"civo_snapshots_{name}", meaning, [(labels, value)])


def _labels(where: Mapping[str, str], about: AuditEntry | AuditViolation) -> dict[str, str]:
    return {**where, "instance_id": about.instance_id, "hostname": about.hostname}
