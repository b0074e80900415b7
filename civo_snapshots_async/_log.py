"""The log: its one logger, the names and levels of its events, and the fields of each record.

The text of a record is for people, its fields are for programs. Every record has all fields, so
that a format string may name any of them. `docs/how-to/logs.md` is the contract; a test compares.
"""

import logging
from asyncio import CancelledError
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import attrs

from ._errors import CivoSnapshotsError, WaitTimeoutError
from ._http import Request
from ._models import Restore, Snapshot

_logger = logging.getLogger("civo_snapshots_async")

_DEBUG, _INFO, _WARNING = logging.DEBUG, logging.INFO, logging.WARNING
# What Python has for a handler that fails: a traceback on stderr, unless that is switched off.
_REPORTER = logging.NullHandler()

_WRITES = {
    "create_snapshot": "create",
    "update_snapshot": "update",
    "restore_snapshot": "restore",
    "delete_snapshot": "delete",
}
_ENDS = {"sent": _INFO, "done": _INFO, "failed": _INFO, "unknown": _WARNING, "cancelled": _WARNING}

LEVELS: Mapping[str, int] = {
    **{f"{write}.{end}": level for write in _WRITES.values() for end, level in _ENDS.items()},
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


@attrs.frozen(kw_only=True)
class About:
    """What a record is about; empty for what is not known."""

    instance_id: str = ""
    snapshot_id: str = ""
    """The snapshot's id; its name, where it was named so and has not been seen."""
    snapshot_name: str = ""
    region: str = ""

    @staticmethod
    def of(request: Request[object]) -> "About":
        """Name what a request is about."""
        return About(
            instance_id=request.instance_id,
            snapshot_id=request.snapshot_id,
            snapshot_name=request.snapshot_name,
            region=request.region,
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


def log_resolved_deletion(request: Request[None]) -> None:
    """Log that an attempt whose response was lost has deleted it: the next one found nothing."""
    about = About.of(request)
    text = "delete snapshot %s of instance %s in %s: done by an attempt whose response was lost"
    log("delete.resolved", about, text, about.snapshot_id, about.instance_id, about.region)


class Write:
    """What becomes of one write, in the log; a read leaves no trace.

    A write is sent, and then done, failed, unknown or cancelled. "Sent" is logged before anything
    goes out, so that whatever ends the process, the last record says what may have happened.
    """

    __slots__ = ("_kind", "_request")

    def __init__(self, request: Request[object]) -> None:
        self._request = request
        self._kind = _WRITES.get(request.call)
        if self._kind and request.fields and request.fields.get("overwrite_existing"):
            self._kind = "overwrite"

    def __enter__(self) -> Self:
        self._log("sent", "sending")

        return self

    def done(self, result: object) -> None:
        """Log that Civo has accepted it; a create or a restore goes on in the background."""
        match result:
            case Snapshot():
                made = _named(About().seen(result))
                self._log("done", "accepted: snapshot %s", made, seen=result)
            case Restore():
                self._log("done", "accepted: %s", result.id)
            case _:
                self._log("done", "accepted")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        match error:
            case None:
                pass
            case CancelledError():
                self._log("cancelled", "cancelled while it ran, it may have been done")
            case CivoSnapshotsError() if not error.may_have_taken_effect:
                self._log("failed", "not done: %s: %s", type(error).__name__, error)
            case CivoSnapshotsError():
                self._log("unknown", "it may have been done: %s: %s", type(error).__name__, error)
            case _:
                # Of what is not ours only the name: its text could be anything.
                self._log("unknown", "it may have been done: %s", type(error).__name__)

    def _log(self, end: str, text: str, *args: object, seen: Snapshot | None = None) -> None:
        if self._kind and is_logged(event := f"{self._kind}.{end}"):
            about = About.of(self._request)
            log(event, about.seen(seen), f"%s: {text}", self._sentence(about), *args)

    def _sentence(self, about: About) -> str:
        snapshot = f"snapshot {_named(about)}" if _named(about) else "a snapshot"
        instance = f"instance {about.instance_id} in {about.region}"
        if self._kind == "overwrite":
            return f"overwrite {instance} from {snapshot}"
        hostname = (self._request.fields or {}).get("hostname", "")
        into = f" into a new instance {hostname}".rstrip() if self._kind == "restore" else ""

        return f"{self._kind} {snapshot} of {instance}{into}"


def _named(about: About) -> str:
    """Return the name with the id, or whichever of the two is known."""
    if about.snapshot_name and about.snapshot_id:
        return f"{about.snapshot_name} ({about.snapshot_id})"

    return about.snapshot_name or about.snapshot_id
