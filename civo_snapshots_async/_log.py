"""The log: its one logger, the names and levels of its events, and the fields of each record.

The text of a record is for people, its fields are for programs. Every record has all fields, so
that a format string may name any of them. `docs/how-to/logs.md` is the contract; a test compares.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

import attrs

from ._errors import CivoSnapshotsError, WaitTimeoutError
from ._models import Snapshot

_logger = logging.getLogger("civo_snapshots_async")

_DEBUG, _INFO, _WARNING = logging.DEBUG, logging.INFO, logging.WARNING
# What Python has for a handler that fails: a traceback on stderr, unless that is switched off.
_REPORTER = logging.NullHandler()

_WRITES = ("create", "update", "restore", "delete")
_ENDS = {"sent": _INFO, "done": _INFO, "failed": _INFO, "unknown": _WARNING, "cancelled": _WARNING}

LEVELS: Mapping[str, int] = {
    **{f"{write}.{end}": level for write in _WRITES for end, level in _ENDS.items()},
    # It destroys what is on a disk: no record of it may be lost to a level.
    **{f"overwrite.{end}": _WARNING for end in _ENDS},
    "create.resolved": _WARNING,
    "delete.resolved": _INFO,
    "request.retried": _INFO,
    "wait.polled": _DEBUG,
    "wait.state_changed": _INFO,
    "wait.unknown_state": _WARNING,
    "wait.failed": _WARNING,
    "wait.timed_out": _WARNING,
    "prune.started": _INFO,
    "prune.deleted": _INFO,
    "prune.already_deleted": _INFO,
    "prune.not_deleted": _WARNING,
    "prune.unknown": _WARNING,
    "prune.stopped": _WARNING,
    "prune.cancelled": _WARNING,
    "prune.done": _INFO,
    "checkpoint.rolled_back": _WARNING,
    "checkpoint.rollback_failed": _WARNING,
    "checkpoint.rollback_unknown": _WARNING,
    "checkpoint.already_deleted": _INFO,
    "checkpoint.not_deleted": _WARNING,
}
"""Every event, and the level of its records."""


class Subject(Protocol):
    """What a record may be about, such as a request."""

    @property
    def instance_id(self) -> str:
        """The instance's id, or its name."""
        ...

    @property
    def snapshot_id(self) -> str:
        """The snapshot's id or its name; empty where it is about no one snapshot."""
        ...

    @property
    def snapshot_name(self) -> str:
        """The snapshot's name; empty where it is not known."""
        ...

    @property
    def region(self) -> str:
        """The region's code."""
        ...


@attrs.frozen(kw_only=True)
class About:
    """What a record is about; empty for what is not known."""

    instance_id: str = ""
    snapshot_id: str = ""
    """The snapshot's id; its name, where it was named so and has not been seen."""
    snapshot_name: str = ""
    region: str = ""

    @staticmethod
    def of(subject: "Subject") -> "About":
        """Name what a request is about."""
        return About(
            instance_id=subject.instance_id,
            snapshot_id=subject.snapshot_id,
            snapshot_name=subject.snapshot_name,
            region=subject.region,
        )

    def seen(self, snapshot: Snapshot | None) -> "About":
        """Name a snapshot as it says itself, if one was seen."""
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
        """The snapshot's name with its id, or whichever of the two is known."""
        if self.snapshot_name and self.snapshot_id:
            return f"{self.snapshot_name} ({self.snapshot_id})"

        return self.snapshot_name or self.snapshot_id

    @property
    def fields(self) -> dict[str, str | None]:
        """What is added to a record."""
        return {
            "civo_instance_id": self.instance_id or None,
            "civo_snapshot_id": self.snapshot_id or None,
            "civo_snapshot_name": self.snapshot_name or None,
            "civo_region": self.region or None,
        }


def is_logged(event: str) -> bool:
    """Tell whether anybody wants it, where its text would cost something."""
    return _logger.isEnabledFor(LEVELS[event])


def log(event: str, about: About, message: str, *args: object) -> None:
    """Log an event at its level. Whatever the handlers of the user do, it does not raise."""
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
    except Exception:  # noqa: BLE001 - a log must not undo, nor hide, what was done
        # Logging itself reports what a formatter raises, but not what a handler or a filter does.
        _REPORTER.handleError(logging.makeLogRecord({"msg": message, "args": args}))


def _on_one_line(value: object) -> object:
    """Let no name or text of a server's look like a record of its own."""
    if isinstance(value, int | float):
        return value
    text = str(value)

    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def log_end_of_wait(about: About, error: CivoSnapshotsError) -> None:
    """Log how a wait ended that did not come to what was waited for."""
    event = "wait.timed_out" if isinstance(error, WaitTimeoutError) else "wait.failed"
    log(event, about.seen(error.snapshot), "%s: %s", type(error).__name__, error)
