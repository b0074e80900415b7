"""The errors that this library raises, and what each one means for the request.

    CivoSnapshotsError
    ├── ConfigurationError             (also ValueError) no token, no region, unusable URL
    ├── SessionClosedError             the session was closed before or during the call
    ├── TransportError                 no complete response
    │   ├── TransportTimeoutError      (also TimeoutError)
    │   └── CertificateError           the server's certificate was rejected; nothing was sent
    ├── ApiError                       Civo returned an error
    │   ├── AuthenticationError
    │   ├── PermissionDeniedError
    │   ├── NotFoundError
    │   │   ├── SnapshotNotFoundError
    │   │   ├── InstanceNotFoundError
    │   │   └── RegionNotFoundError
    │   ├── ConflictError
    │   ├── InvalidRequestError
    │   ├── QuotaExceededError
    │   ├── RateLimitedError
    │   └── ServerError
    ├── DecodeError                    Civo returned success, in an undocumented shape
    ├── OutcomeUnknownError            a create, restore or deletion may or may not have been done
    ├── SnapshotNotCompleteError       the snapshot is not complete; no restore was sent
    ├── AuditViolationError            an audit found instances in violation
    ├── DrillFailedError               a drill has not passed
    ├── RestorePlanChangedError        what a plan rests on has changed; no restore was sent
    ├── RestoreAlreadyAppliedError     a plan was or may have been applied; no restore was sent
    ├── UndoRefusedError               no one safety snapshot to undo with; no restore was sent
    └── WaitError                      a wait ended without what it waited for
        ├── SnapshotFailedError
        ├── SnapshotVanishedError
        ├── WaitTimeoutError           (also TimeoutError)
        ├── WaitInterruptedError       the batch around the wait was stopped
        ├── InstanceFailedError
        └── AmbiguousInstanceError     several instances have the restored hostname

An invalid argument raises `ValueError` or `TypeError` before any request.
"""

import copyreg
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

from ._attempts import Attempt
from ._leftovers import DrillLeftover
from ._models import Instance, Snapshot, TimelineEntry, UnreadableEntry, Verdict, VolumeStatus
from ._plain import to_plain
from ._violations import AuditViolation

_TIMED_OUT = frozenset({HTTPStatus.REQUEST_TIMEOUT})
# 501 (method not implemented) and 505 (HTTP version) stay as they are.
_TRANSIENT_STATUSES = (
    _TIMED_OUT | {HTTPStatus.TOO_MANY_REQUESTS} | frozenset(range(500, 600)) - {501, 505}
)
_TRANSIENT_CODES = frozenset({"database_quota_lock_failed"})
# How pickle makes any object without a call of its `__init__`; typeshed does not have it.
_NEW_OBJECT: Callable[..., object] = vars(copyreg)["__newobj__"]


class CivoSnapshotsError(Exception):
    """The base class of every error that this library defines."""

    snapshot: Snapshot | None = None
    """The snapshot as last seen; `None` if none was seen."""
    context: tuple[str, ...] = ()
    """What was added after the error was raised, such as the progress of a wait; part of `str()`.

    A note (`__notes__`) would be in a traceback alone, and missing from a log line.
    """

    def __str__(self) -> str:
        return "; ".join((super().__str__(), *self.context))

    def add_context(self, text: str) -> None:
        """Add to `context`, of this error alone and not of its copies."""
        self.context = (*self.context, text)

    def to_dict(self) -> dict[str, Any]:
        """Return its `type`, its `message` and its attributes, ready for JSON."""
        return cast("dict[str, Any]", to_plain(self))

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a little later."""
        return False

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the request may have taken effect despite the error."""
        return False

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled as a call with their args, and ours need keyword arguments as well.
        return _NEW_OBJECT, (type(self),), {"args": self.args, **self.__dict__}


class ConfigurationError(CivoSnapshotsError, ValueError):
    """The session can't be created: no token, no region, or an unusable URL or file."""


class SessionClosedError(CivoSnapshotsError):
    """The session was closed before the call or while it ran."""

    may_have_arrived: bool = False
    """Whether the call had started, so that its request may have reached Civo."""

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the call had started, so that its request may have taken effect."""
        return self.may_have_arrived


class TransportError(CivoSnapshotsError):
    """No complete response arrived.

    `may_have_arrived` is False only if no byte of the request was sent, in any attempt.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str,
        path: str,
        may_have_arrived: bool = True,
        is_transient: bool = True,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.method = method
        self.path = path
        self.may_have_arrived = may_have_arrived
        """Whether the request may have reached Civo."""
        self.attempts = attempts
        """All attempts, if there was more than one."""
        self._is_transient = is_transient

    @property
    def is_transient(self) -> bool:
        """True, except where a retry would get the same, such as a 407 from a proxy."""
        return self._is_transient

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the request may have reached Civo."""
        return self.may_have_arrived


class TransportTimeoutError(TransportError, TimeoutError):
    """No complete response arrived in time."""


class CertificateError(TransportError):
    """The server's TLS certificate is not trusted, has expired or names another host.

    Nothing was sent, and a retry would not help: a call makes one attempt (a handshake with each
    address of the host), and a wait ends at that poll.
    """

    @property
    def is_transient(self) -> bool:
        """False: the next handshake would fail too."""
        return False


class ApiError(CivoSnapshotsError):
    """Civo returned an error. `status` and `code` identify it where no subclass does."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        method: str,
        path: str,
        code: str = "",
        reason: str = "",
        request_id: str = "",
        body_excerpt: str = "",
        retry_after: float | None = None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.method = method
        self.path = path
        self.code = code
        """Civo's error code, such as `database_snapshot_not_found`; may be empty."""
        self.reason = reason
        """Civo's message for people; may be empty."""
        self.request_id = request_id
        """The response's `X-Request-Id`, for Civo's support; may be empty."""
        self.body_excerpt = body_excerpt
        """The beginning of the response's body."""
        self.retry_after = retry_after
        """The `Retry-After` header in seconds; `None` without one."""
        self.attempts = attempts
        """All attempts, if there was more than one."""

    @property
    def is_transient(self) -> bool:
        """True for 408, 429, 5xx except 501 and 505, and `database_quota_lock_failed`."""
        return self.status in _TRANSIENT_STATUSES or self.code in _TRANSIENT_CODES

    @property
    def may_have_taken_effect(self) -> bool:
        """True for 408 and 5xx, whatever the code: a server may fail after it has done the work.

        Also true where an earlier attempt was lost: this response is about the last one alone.
        """
        if any(attempt.may_have_arrived for attempt in self.attempts[:-1]):
            return True

        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _TIMED_OUT


class AuthenticationError(ApiError):
    """Civo rejected the token; a wrong one is a 404 with `database_account_not_found`."""


class PermissionDeniedError(ApiError):
    """The token is valid, but its account may not do this."""


class NotFoundError(ApiError):
    """What the call names does not exist."""


class SnapshotNotFoundError(NotFoundError):
    """The instance has no such snapshot."""


class InstanceNotFoundError(NotFoundError):
    """The region has no such instance."""


class RegionNotFoundError(NotFoundError):
    """Civo has no such region."""


class ConflictError(ApiError):
    """The request conflicts with the current state, such as a snapshot being created."""


class InvalidRequestError(ApiError):
    """Civo rejected the request as invalid."""


class QuotaExceededError(ApiError):
    """The account's quota is used up."""


class RateLimitedError(ApiError):
    """Too many requests; `retry_after` has the seconds to wait, if Civo gave any."""


class ServerError(ApiError):
    """Civo, or a gateway in front of it, failed. The request may have taken effect."""


class DecodeError(CivoSnapshotsError):
    """Civo returned success in an undocumented shape. The request may have taken effect.

    In a list, an unreadable entry does not hide the others: those are in `snapshots`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        method: str,
        path: str,
        problems: tuple[str, ...],
        content_type: str = "",
        body_excerpt: str = "",
        attempts: tuple[Attempt, ...] = (),
        snapshots: tuple[Snapshot, ...] = (),
        unreadable: tuple[UnreadableEntry, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.method = method
        self.path = path
        self.snapshots = snapshots
        """The readable entries of a list."""
        self.unreadable = unreadable
        """The other entries; empty if the response is no list at all."""
        self.problems = problems
        """Each problem with its path: `status.volumes[1].id: expected a string, …`."""
        self.attempts = attempts
        """All attempts, if there was more than one."""
        self.content_type = content_type
        """The response's media type, such as `text/html`; empty without one."""
        self.body_excerpt = body_excerpt
        """The beginning of the response's body."""

    @property
    def may_have_taken_effect(self) -> bool:
        """True: Civo accepted the request."""
        return True

    def may_hide(self, id_or_name: str) -> bool:
        """Return whether the snapshot of that id or name may be an unreadable entry.

        If not, it is in `snapshots`, or the instance does not have it.
        """
        return not self.unreadable or any(entry.may_be(id_or_name) for entry in self.unreadable)

    def may_hide_name(self, name: str) -> bool:
        """Return whether a snapshot of that name may be an unreadable entry."""
        return not self.unreadable or any(entry.may_be_named(name) for entry in self.unreadable)


class OutcomeUnknownError(CivoSnapshotsError):
    """The response to a create, restore or deletion was lost: it may or may not have been done.

    A create or restore was not retried: the message says what to check before you do. A deletion
    was retried, and can be retried again. `__cause__` is what the request got.
    """

    def __init__(
        self,
        message: str,
        *,
        action: str,
        instance_id: str,
        region: str,
        requested: Mapping[str, str | bool],
        snapshot_id: str = "",
        existing: tuple[Snapshot, ...] = (),
        candidates: tuple[Snapshot, ...] = (),
        last_error: CivoSnapshotsError | None = None,
    ) -> None:
        super().__init__(message)
        self.action = action
        """The method: `create_snapshot`, `restore_snapshot` or `delete_snapshot`."""
        self.instance_id = instance_id
        self.region = region
        self.snapshot_id = snapshot_id
        """The snapshot to restore or delete, as given; empty for a create."""
        self.requested: dict[str, str | bool] = dict(requested)
        """The fields of the request's body."""
        self.existing = existing
        """The instance's snapshots that this create has not made, as last listed."""
        self.candidates = candidates
        """The listed snapshots of which this create may have made one."""
        self.last_error = last_error
        """What the last list of the instance's snapshots got, if it failed.

        Of a deletion: what its last attempt got, such as a rejected token after a lost response.
        """

    @property
    def may_have_taken_effect(self) -> bool:
        """True: whether it has is not known."""
        return True


class SnapshotNotCompleteError(CivoSnapshotsError):
    """The snapshot is not complete, so no restore was sent."""

    def __init__(
        self, message: str, *, instance_id: str, snapshot_id: str, snapshot: Snapshot
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.snapshot_id = snapshot_id
        """The snapshot to restore, as given."""
        self.snapshot: Snapshot | None = snapshot
        """The snapshot as checked; `snapshot.verdict` has the reasons."""


class AuditViolationError(CivoSnapshotsError):
    """An audit found something wrong with the snapshots of at least one instance."""

    def __init__(self, message: str, *, violations: tuple[AuditViolation, ...]) -> None:
        super().__init__(message)
        self.violations = violations
        """All violations; the message has the first few."""


class DrillFailedError(CivoSnapshotsError):
    """A drill has not passed. `__cause__` is the library's error that ended it, if there is one."""

    def __init__(
        self,
        message: str,
        *,
        instance_id: str,
        reason: str,
        left_behind: tuple[DrillLeftover, ...] = (),
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.reason = reason
        """Why it has not passed, in words."""
        self.left_behind = left_behind
        """What the drill has made and left, or may have."""


class RestorePlanChangedError(CivoSnapshotsError):
    """What a plan rests on has changed, so that its restore was not sent: make a new plan."""

    def __init__(
        self, message: str, *, instance_id: str, fingerprint: str, differences: tuple[str, ...]
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.fingerprint = fingerprint
        """That of the plan."""
        self.differences = differences
        """What is different now, each in words."""


class RestoreAlreadyAppliedError(CivoSnapshotsError):
    """A plan was applied before, or may have been, so that no restore was sent now."""

    def __init__(
        self,
        message: str,
        *,
        instance_id: str,
        fingerprint: str,
        safety_snapshots: tuple[Snapshot, ...] = (),
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.fingerprint = fingerprint
        """That of the plan."""
        self.safety_snapshots = safety_snapshots
        """The plan's safety snapshots that were found; none if this session has applied it."""

    @property
    def may_have_taken_effect(self) -> bool:
        """True, unless its only safety snapshot has failed: no restore follows a failed one."""
        return [snapshot.is_failed for snapshot in self.safety_snapshots] != [True]


class UndoRefusedError(CivoSnapshotsError):
    """Nothing was overwritten: a plan has no safety snapshot, several, or nothing to undo."""

    def __init__(
        self,
        message: str,
        *,
        instance_id: str,
        fingerprint: str,
        safety_snapshots: tuple[Snapshot, ...] = (),
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.fingerprint = fingerprint
        """That of the plan."""
        self.safety_snapshots = safety_snapshots
        """The plan's safety snapshots that are there, if any."""


class WaitError(CivoSnapshotsError):
    """A wait ended without what it waited for, such as a complete snapshot.

    `snapshot_id` is empty for a wait for an instance.
    """

    def __init__(
        self,
        message: str,
        *,
        instance_id: str,
        snapshot_id: str,
        snapshot: Snapshot | None = None,
        polls: int = 0,
        elapsed: float = 0.0,
        timeline: tuple[TimelineEntry, ...] = (),
        last_error: CivoSnapshotsError | None = None,
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.snapshot_id = snapshot_id
        self.snapshot = snapshot
        self.polls = polls
        """The number of polls, failed ones included."""
        self.elapsed = elapsed
        """Seconds waited."""
        self.timeline = timeline
        """The first state and each change of it; of a long wait, the first and the last ones."""
        self.last_error = last_error
        """The error of the last poll, if it failed."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the snapshot as last seen; `None` if it was never seen."""
        return None if self.snapshot is None else self.snapshot.verdict

    @property
    def pending_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that were pending when the snapshot was last seen."""
        return self.snapshot.pending_volumes if self.snapshot else ()

    @property
    def failed_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that had failed when the snapshot was last seen."""
        return self.snapshot.failed_volumes if self.snapshot else ()


class SnapshotFailedError(WaitError):
    """The snapshot or a volume in it has failed."""


class SnapshotVanishedError(WaitError):
    """The snapshot no longer exists, or was never found."""


class WaitTimeoutError(WaitError, TimeoutError):
    """The wait timed out. What it waited for may still happen."""


class WaitInterruptedError(WaitError):
    """The batch was stopped during the wait; the snapshot may still become complete."""


class InstanceFailedError(WaitError):
    """The instance has failed: its status is `ERROR` or `FAILED`."""

    def __init__(
        self, message: str, *, instance_id: str, instance: Instance, polls: int, elapsed: float
    ) -> None:
        super().__init__(
            message, instance_id=instance_id, snapshot_id="", polls=polls, elapsed=elapsed
        )
        self.instance = instance
        """The instance as last seen."""


class AmbiguousInstanceError(WaitError):
    """Several instances have the restored hostname, so the new one can't be identified."""

    def __init__(
        self, message: str, *, instance_id: str, snapshot_id: str, instances: tuple[Instance, ...]
    ) -> None:
        super().__init__(message, instance_id=instance_id, snapshot_id=snapshot_id)
        self.instances = instances
        """All instances of that hostname."""


def is_general(error: CivoSnapshotsError) -> bool:
    """Return whether all further requests would get the same error, so that none need be sent."""
    # Such as an expired certificate.
    if isinstance(error, TransportError):
        return not error.is_transient

    return isinstance(error, (AuthenticationError, RegionNotFoundError, SessionClosedError))
