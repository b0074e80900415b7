"""What a drill proved, as a value: for people and for JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs

from ._errors import CivoSnapshotsError, DrillFailedError
from ._leftovers import DrillLeftover
from ._models import Instance, Snapshot
from ._plain import Plain
from ._public import public
from ._sentences import enumerated, named, on_one_line, spoken


@public
@attrs.frozen(kw_only=True, repr=False)
class DrillReport(Plain):
    """What a drill proved: whether a snapshot restores, how long that takes, and what is left."""

    region: str
    instance_id: str
    """The id of the instance whose snapshot was restored."""
    hostname: str = ""
    """Its host name."""
    started_at: datetime
    """By the session's clock."""
    reason: str = ""
    """Why the drill has not passed, in words; empty where it has."""
    snapshot: Snapshot | None = None
    """The snapshot that was restored, or was to be; `None` where there was none."""
    snapshot_age: float | None = None
    """How old the snapshot was, in seconds; `None` where it has no date."""
    restore_seconds: float | None = None
    """The seconds from the restore's request until the instance was `ACTIVE`; `None` if never."""
    check_seconds: float | None = None
    """The seconds that the check took; `None` where it was not started."""
    scratch: Instance | None = None
    """The scratch instance as it was last seen, deleted or not; `None` where none was found."""
    left_behind: tuple[DrillLeftover, ...] = ()
    """What the drill has made and left, or may have."""
    notes: tuple[str, ...] = ()
    """What the drill could not know, in words."""
    error: CivoSnapshotsError | None = attrs.field(default=None, eq=False)
    """The error that ended the drill, where it is one of this library's; not the check's."""

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    @property
    def passed(self) -> bool:
        """Whether the snapshot was restored, and the check has found nothing wrong."""
        return not self.reason

    @property
    def rpo(self) -> float | None:
        """The recovery point in seconds: what was written in so many would be lost."""
        return self.snapshot_age

    @property
    def rto(self) -> float | None:
        """The recovery time in seconds: the restore and the check; `None` unless it has passed."""
        if not self.passed or self.restore_seconds is None or self.check_seconds is None:
            return None

        return self.restore_seconds + self.check_seconds

    def raise_for_failure(self) -> None:
        """Raise `DrillFailedError`, with the reason and what is left behind, unless it passed."""
        if self.passed:
            return
        left = f". Left behind: {enumerated(map(str, self.left_behind))}" * bool(self.left_behind)
        raise DrillFailedError(
            f"the drill of {named(self.hostname, self.instance_id)} in {self.region} has failed: "
            f"{self.reason}{left}",
            instance_id=self.instance_id,
            reason=self.reason,
            left_behind=self.left_behind,
        ) from self.error

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that is ready for JSON; times are RFC 3339 in UTC."""
        return {**super().to_dict(), "passed": self.passed, "rpo": self.rpo, "rto": self.rto}


def _lines(report: DrillReport) -> Iterator[str]:
    started_at = report.started_at.strftime("%Y-%m-%d %H:%M:%S %Z")
    which = named(report.hostname, report.instance_id)
    result = "passed" if report.passed else f"failed: {on_one_line(report.reason)}"
    yield f"drill of {which} in {report.region}, {started_at}: {result}"
    if report.snapshot is not None:
        snapshot = named(report.snapshot.name, report.snapshot.id)
        yield f"  {snapshot}, {', '.join(_figures(report))}"
    yield from (f"left behind: {on_one_line(str(each))}" for each in report.left_behind)
    yield from (f"note: {on_one_line(note)}" for note in report.notes)


def _figures(report: DrillReport) -> Iterator[str]:
    age = report.snapshot_age
    yield "of unknown age" if age is None else f"{spoken(age)} old"
    if report.restore_seconds is not None:
        yield f"restored in {spoken(report.restore_seconds)}"
    if report.check_seconds is not None:
        yield f"checked in {spoken(report.check_seconds)}"
