"""The log records of a write: when it is sent, and how it ended."""

from asyncio import CancelledError
from types import TracebackType
from typing import Literal, Self

from .._errors import CivoSnapshotsError
from .._log import About, is_logged, log
from .._models import Restore, Snapshot
from .message import Request

# The first half of each event's name.
_EVENTS = {
    "create_snapshot": "create",
    "update_snapshot": "update",
    "restore_snapshot": "restore",
    "delete_snapshot": "delete",
    "delete_instance": "delete_instance",
}


def is_write(request: Request[object]) -> bool:
    """Return whether a request is a write, which is logged."""
    return request.call in _EVENTS


def is_overwrite(request: Request[object]) -> bool:
    """Return whether a request is a restore that destroys what is on the instance."""
    return bool(request.fields and request.fields.get("overwrite_existing"))


def ending_of(
    request: Request[object], error: BaseException
) -> Literal["failed", "unknown", "canceled"]:
    """Return what became of a request that ended with an error."""
    if isinstance(error, CancelledError | GeneratorExit):
        return "canceled"
    if not is_write(request):
        return "failed"
    if isinstance(error, CivoSnapshotsError) and not error.may_have_taken_effect:
        return "failed"

    return "unknown"


class Write:
    """Logs one write.

    A write is sent, and then done, failed, unknown or canceled. "Sent" is logged before the first
    byte is sent, so that a process that dies leaves a record of what may have happened.
    """

    __slots__ = ("_request", "_verb")

    def __init__(self, request: Request[object]) -> None:
        self._request = request
        self._verb = _EVENTS[request.call]
        if is_overwrite(request):
            self._verb = "overwrite"

    def __enter__(self) -> Self:
        self._log("sent", "sending")

        return self

    def done(self, result: object) -> None:
        """Log that Civo accepted it; a create or a restore continues in the background."""
        match result:
            case Snapshot():
                snapshot = About().seen(result).snapshot
                self._log("done", "accepted: snapshot %s", snapshot, seen=result)
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
        if error is None:
            return
        ending = ending_of(self._request, error)
        if ending == "canceled":
            self._log(ending, "canceled while it ran, it may have been done")
        elif isinstance(error, CivoSnapshotsError):
            what = "not done" if ending == "failed" else "it may have been done"
            self._log(ending, f"{what}: %s: %s", type(error).__name__, error)
        else:
            # Not the text: it may be anything, a secret included.
            self._log(ending, "it may have been done: %s", type(error).__name__)

    def _log(self, step: str, text: str, *args: object, seen: Snapshot | None = None) -> None:
        if is_logged(event := f"{self._verb}.{step}"):
            about = About.of(self._request)
            log(event, about.seen(seen), f"%s: {text}", self._sentence(about), *args)

    def _sentence(self, about: About) -> str:
        if self._verb == "delete_instance":
            return f"delete scratch instance {about.instance_id} in {about.region}"
        snapshot = f"snapshot {about.snapshot}" if about.snapshot else "a snapshot"
        instance = f"instance {about.instance_id} in {about.region}"
        if self._verb == "overwrite":
            return f"overwrite {instance} from {snapshot}"
        hostname = (self._request.fields or {}).get("hostname", "")
        into = f" into a new instance {hostname}".rstrip() if self._verb == "restore" else ""

        return f"{self._verb} {snapshot} of {instance}{into}"
