"""The log: one logger, the name and level of each event, and the fields of a record.

A record's text is for people, its fields are for programs. Every record has all fields, so that a
format string may use any of them. `docs/how-to/logs.md` documents them, and a test compares.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

import attrs

from ._errors import CivoSnapshotsError, WaitTimeoutError
from ._models import Snapshot

_logger = logging.getLogger("civo_snapshots_async")

_DEBUG, _INFO, _WARNING = logging.DEBUG, logging.INFO, logging.WARNING
# Prints a traceback to stderr, unless `logging.raiseExceptions` is off.
_REPORTER = logging.NullHandler()

_WRITES = ("create", "update", "restore", "delete")
_STEPS = {"sent": _INFO, "done": _INFO, "failed": _INFO, "unknown": _WARNING, "canceled": _WARNING}

LEVELS: Mapping[str, int] = {
    **{f"{write}.{step}": level for write in _WRITES for step, level in _STEPS.items()},
    # An overwrite destroys a disk, so its records pass the usual level of WARNING.
    **{f"overwrite.{step}": _WARNING for step in _STEPS},
    # So does the deletion of an instance.
    **{f"delete_instance.{step}": _WARNING for step in _STEPS},
    "create.resolved": _WARNING,
    "restore.resolved": _WARNING,
    "delete.resolved": _INFO,
    "request.retried": _INFO,
    "wait.polled": _DEBUG,
    "wait.state_changed": _INFO,
    "wait.unknown_state": _WARNING,
    "wait.failed": _WARNING,
    "wait.timed_out": _WARNING,
    "wait.left": _INFO,
    "wait.fell_back": _WARNING,
    "observer.failed": _WARNING,
    "prune.started": _INFO,
    "prune.deleted": _INFO,
    "prune.already_deleted": _INFO,
    "prune.not_deleted": _WARNING,
    "prune.unknown": _WARNING,
    "prune.stopped": _WARNING,
    "prune.canceled": _WARNING,
    "prune.done": _INFO,
    "apply.started": _INFO,
    "apply.refused": _WARNING,
    "drill.started": _INFO,
    "drill.passed": _INFO,
    "drill.failed": _WARNING,
    "drill.not_deleted": _WARNING,
    "drill.canceled": _WARNING,
    "checkpoint.rolled_back": _WARNING,
    "checkpoint.rollback_failed": _WARNING,
    "checkpoint.rollback_unknown": _WARNING,
    "checkpoint.already_deleted": _INFO,
    "checkpoint.not_deleted": _WARNING,
}
"""The level of each event."""


class Subject(Protocol):
    """Anything that a record may be about, such as a request."""

    @property
    def instance_id(self) -> str:
        """The instance's id, or its name."""
        ...

    @property
    def snapshot_id(self) -> str:
        """The snapshot's id, or its name; empty if the record is not about one snapshot."""
        ...

    @property
    def snapshot_name(self) -> str:
        """The snapshot's name; empty if unknown."""
        ...

    @property
    def region(self) -> str:
        """The region's code."""
        ...


@attrs.frozen(kw_only=True)
class About:
    """The instance and the snapshot that a record is about; empty strings for what is unknown."""

    instance_id: str = ""
    snapshot_id: str = ""
    """The snapshot's id, or its name if the call used the name and no response has come yet."""
    snapshot_name: str = ""
    region: str = ""

    @staticmethod
    def of(subject: "Subject") -> "About":
        """Return what a request is about."""
        return About(
            instance_id=subject.instance_id,
            snapshot_id=subject.snapshot_id,
            snapshot_name=subject.snapshot_name,
            region=subject.region,
        )

    def seen(self, snapshot: Snapshot | None) -> "About":
        """Return the same with the snapshot's own id and name, if there is a snapshot."""
        if snapshot is None:
            return self

        return About(
            instance_id=snapshot.instance_id or self.instance_id,
            snapshot_id=snapshot.id,
            snapshot_name=snapshot.name,
            region=snapshot.region or self.region,
        )

    @property
    def snapshot(self) -> str:
        """The snapshot's name and id in words, or whichever of the two is known."""
        if self.snapshot_name and self.snapshot_id:
            return f"{self.snapshot_name} ({self.snapshot_id})"

        return self.snapshot_name or self.snapshot_id

    @property
    def fields(self) -> dict[str, str | None]:
        """The fields of the record."""
        return {
            "civo_instance_id": self.instance_id or None,
            "civo_snapshot_id": self.snapshot_id or None,
            "civo_snapshot_name": self.snapshot_name or None,
            "civo_region": self.region or None,
        }


def is_logged(event: str) -> bool:
    """Return whether the event's level is enabled, to save the cost of its text if not."""
    return _logger.isEnabledFor(LEVELS[event])


def log(event: str, about: About, message: str, *args: object) -> None:
    """Log an event at its level; never raise, whatever the handlers do."""
    if not is_logged(event):
        return
    try:
        _logger.log(
            LEVELS[event],
            message,
            *map(_on_one_line, args),
            extra={"civo_event": event, **about.fields},
            stacklevel=2,
        )
    except Exception:  # noqa: BLE001 - a failing handler must not fail the call
        # `logging` reports what a formatter raises, but not what a handler or a filter raises.
        _REPORTER.handleError(logging.makeLogRecord({"msg": message, "args": args}))


def _on_one_line(value: object) -> object:
    """Return the value without line breaks, so that no text of a server can fake a record."""
    if isinstance(value, int | float):
        return value
    text = str(value)

    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def log_end_of_wait(about: About, error: CivoSnapshotsError, *, is_part: bool) -> None:
    """Log the error that a wait ended with; of a part of a wait, a timeout is none."""
    event = "wait.timed_out" if isinstance(error, WaitTimeoutError) else "wait.failed"
    if is_part and isinstance(error, WaitTimeoutError):
        log("wait.left", about.seen(error.snapshot), "left, to be resumed: %s", error)
        return
    log(event, about.seen(error.snapshot), "%s: %s", type(error).__name__, error)
