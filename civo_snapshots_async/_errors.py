"""Everything that this library raises of its own, but for wrong use of its functions.

    CivoSnapshotsError
    ├── ConfigurationError             (also ValueError) no token, no region, unusable URL
    ├── SessionClosedError             used after, or ended by, aclose()
    ├── TransportError                 no complete answer came
    │   ├── TransportTimeoutError      (also TimeoutError)
    │   └── CertificateError           the server's certificate is not good: nothing was sent
    ├── ApiError                       Civo answered: no
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
    ├── DecodeError                    Civo answered: yes, in an undocumented shape
    ├── OutcomeUnknownError            a create, restore or deletion may or may not have been done
    ├── SnapshotNotCompleteError       a restore was not sent
    └── WaitError                      waiting ended without what was waited for
        ├── SnapshotFailedError
        ├── SnapshotVanishedError
        ├── WaitTimeoutError           (also TimeoutError)
        ├── WaitInterruptedError       the batch around the wait was stopped
        ├── InstanceFailedError
        └── AmbiguousInstanceError     several instances have the restored host name

Wrong use of our own functions is `ValueError` or `TypeError`, before anything is sent.
"""

import copyreg
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

import attrs

from ._models import Instance, Snapshot, TimelineEntry, UnreadableEntry, Verdict, VolumeStatus
from ._plain import to_plain

_TIMED_OUT = frozenset({HTTPStatus.REQUEST_TIMEOUT})
# Neither a method that is not implemented nor a version of HTTP comes to be with time.
_TRANSIENT_STATUSES = (
    _TIMED_OUT | {HTTPStatus.TOO_MANY_REQUESTS} | frozenset(range(500, 600)) - {501, 505}
)
_TRANSIENT_CODES = frozenset({"database_quota_lock_failed"})
# How pickle makes any object without a call of its `__init__`; typeshed does not have it.
_NEW_OBJECT: Callable[..., object] = vars(copyreg)["__newobj__"]


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt to send a request, and what it got."""

    outcome: str
    """In words, such as `503` or `ServerDisconnectedError`."""
    may_have_arrived: bool
    """Whether the request may have reached Civo and had its effect."""
    elapsed: float = 0.0
    """The seconds from the start of the first attempt to the end of this one."""


def effort_of(attempts: tuple[Attempt, ...]) -> str:
    """Say what each attempt came to, to stand at the end of a sentence; nothing for only one.

    What was the same each time stands in the sentence already, and is not repeated.
    """
    if not attempts[1:]:
        return ""
    effort = f"{len(attempts)} attempts in {attempts[-1].elapsed:.1f} s"
    if len({attempt.outcome for attempt in attempts}) == 1:
        return f", {effort}"

    return f" ({effort}: {'; '.join(attempt.outcome for attempt in attempts)})"


class CivoSnapshotsError(Exception):
    """Anything that this library raises of its own."""

    snapshot: Snapshot | None = None
    """The snapshot as it was last known, where one was."""
    context: tuple[str, ...] = ()
    """What else was known when it was raised, such as by a wait: in words, and a part of `str()`.

    Not notes (`__notes__`): these stand in a traceback alone, and a log line would lose them. In
    both places they would stand in a traceback twice.
    """

    def __str__(self) -> str:
        return "; ".join((super().__str__(), *self.context))

    def add_context(self, text: str) -> None:
        """Add to `context`; what is raised and what was copied from it do not share theirs."""
        self.context = (*self.context, text)

    def to_dict(self) -> dict[str, Any]:
        """Return its `type`, its `message` and what it carries, ready for JSON."""
        return cast("dict[str, Any]", to_plain(self))

    @property
    def is_transient(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return False

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether what was requested may have been done all the same."""
        return False

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled as a call with their args, and ours need keyword arguments as well.
        return _NEW_OBJECT, (type(self),), {"args": self.args, **self.__dict__}


class ConfigurationError(CivoSnapshotsError, ValueError):
    """The session can't be made: no token, no region, or an unusable URL or file."""


class SessionClosedError(CivoSnapshotsError):
    """The session was closed, before the call or while it ran."""

    may_have_arrived: bool = False
    """Whether the call had begun, so that what it asked for may be done all the same."""

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the call had begun, so that what it requested may have been done."""
        return self.may_have_arrived


class TransportError(CivoSnapshotsError):
    """No complete answer came; `may_have_arrived` tells whether Civo may have got the request."""

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
        """False only where it is known that no byte of it left, in any attempt."""
        self.attempts = attempts
        """What each attempt came to, where the request was sent more than once."""
        self._is_transient = is_transient

    @property
    def is_transient(self) -> bool:
        """True but where the same would happen again, as with a proxy that refuses with 407."""
        return self._is_transient

    @property
    def may_have_taken_effect(self) -> bool:
        """False only where it is known that no byte of it left, in any attempt."""
        return self.may_have_arrived


class TransportTimeoutError(TransportError, TimeoutError):
    """No complete answer came in time: the request may or may not have reached Civo."""


class CertificateError(TransportError):
    """The server's TLS certificate is not trusted, has expired or names another host.

    Nothing was sent, and trying again would not help: a call makes one attempt (a handshake with
    each address of the host), and a wait ends at that poll.
    """

    @property
    def is_transient(self) -> bool:
        """False: the next handshake would fail as well."""
        return False


class ApiError(CivoSnapshotsError):
    """Civo answered: no. Where no subclass fits, `status` and `code` tell what it was."""

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
        """Civo's name for what was wrong, such as `database_snapshot_not_found`; may be empty."""
        self.reason = reason
        """Civo's sentence for people; may be empty."""
        self.request_id = request_id
        """The answer's `X-Request-Id`, for Civo's support; may be empty."""
        self.body_excerpt = body_excerpt
        """The beginning of the answer's body."""
        self.retry_after = retry_after
        """Seconds after which Civo asked to be called again; `None` where it did not say."""
        self.attempts = attempts
        """What each attempt came to, where the request was sent more than once."""

    @property
    def is_transient(self) -> bool:
        """Whether the status (408, 429, a 5xx but 501 and 505) or the code is a passing one."""
        return self.status in _TRANSIENT_STATUSES or self.code in _TRANSIENT_CODES

    @property
    def may_have_taken_effect(self) -> bool:
        """True for 408 and 5xx, whatever the code: who failed may have done it before.

        True as well where an attempt before was lost: this response is about the last one alone.
        """
        if any(attempt.may_have_arrived for attempt in self.attempts[:-1]):
            return True

        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _TIMED_OUT


class AuthenticationError(ApiError):
    """Civo does not accept the token; a bad one arrives as a 404 `database_account_not_found`."""


class PermissionDeniedError(ApiError):
    """The token is good, and its account may not do this."""


class NotFoundError(ApiError):
    """What the call was about is not there."""


class SnapshotNotFoundError(NotFoundError):
    """There is no such snapshot."""


class InstanceNotFoundError(NotFoundError):
    """There is no such instance in this region."""


class RegionNotFoundError(NotFoundError):
    """There is no such region."""


class ConflictError(ApiError):
    """What was asked does not go with the present state, such as a snapshot being made."""


class InvalidRequestError(ApiError):
    """Civo does not accept what was sent."""


class QuotaExceededError(ApiError):
    """The account's quota does not allow one more."""


class RateLimitedError(ApiError):
    """Too many requests; `retry_after` says how long Civo asked to be left alone, if it did."""


class ServerError(ApiError):
    """Civo, or a gateway before it, failed; the request may or may not have had its effect."""


class DecodeError(CivoSnapshotsError):
    """Civo answered: yes, in a shape that is not documented; the call may have had its effect.

    One entry of a list that can't be read does not hide the others: those are in `snapshots`.
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
        """The entries of a list that could be read."""
        self.unreadable = unreadable
        """The other entries; empty where the list as a whole could not be read."""
        self.problems = problems
        """Where each problem is and what it is: `status.volumes[1].id: expected a string, …`."""
        self.attempts = attempts
        """What each sending met, where the request was sent more than once."""
        self.content_type = content_type
        """The response's media type, such as `text/html`; empty where it named none."""
        self.body_excerpt = body_excerpt
        """The beginning of the answer's body."""

    @property
    def may_have_taken_effect(self) -> bool:
        """True: Civo accepted the request."""
        return True

    def may_hide(self, id_or_name: str) -> bool:
        """Tell whether the snapshot of that id or name may be in what could not be read.

        If not, it is in `snapshots`, or the instance has none.
        """
        return not self.unreadable or any(entry.may_be(id_or_name) for entry in self.unreadable)

    def may_hide_name(self, name: str) -> bool:
        """Tell whether a snapshot of that name may be in what could not be read."""
        return not self.unreadable or any(entry.may_be_named(name) for entry in self.unreadable)


class OutcomeUnknownError(CivoSnapshotsError):
    """The response to a create, a restore or a deletion was lost: it may or may not be done.

    A create or a restore was not retried: the message says what to look at before you do. A
    deletion was retried, and can be again. `__cause__` is what the request got.
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
        """The call: `create_snapshot`, `restore_snapshot` or `delete_snapshot`."""
        self.instance_id = instance_id
        self.region = region
        self.snapshot_id = snapshot_id
        """The snapshot to restore or to delete, as it was given; empty for a create."""
        self.requested: dict[str, str | bool] = dict(requested)
        """What was sent in the body."""
        self.existing = existing
        """The instance's other snapshots, as last listed: those that can't be it."""
        self.candidates = candidates
        """Those that may be what was asked for: any, one or none of them."""
        self.last_error = last_error
        """What the last list of the instance's snapshots got, where it failed.

        Of a deletion, what its last attempt got: a refused token, say, after a lost response.
        """

    @property
    def may_have_taken_effect(self) -> bool:
        """True: that is what is not known."""
        return True


class SnapshotNotCompleteError(CivoSnapshotsError):
    """The snapshot is not complete, so that its restore was not sent."""

    def __init__(
        self, message: str, *, instance_id: str, snapshot_id: str, snapshot: Snapshot
    ) -> None:
        super().__init__(message)
        self.instance_id = instance_id
        self.snapshot_id = snapshot_id
        """The snapshot to restore, as it was given."""
        self.snapshot: Snapshot | None = snapshot
        """As it was when it was checked; `snapshot.verdict` has the reasons."""


class WaitError(CivoSnapshotsError):
    """Waiting ended without what was waited for, such as a complete snapshot.

    `snapshot_id` is empty where an instance was waited for.
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
        """How many times the snapshot was looked at, or tried to be."""
        self.elapsed = elapsed
        """The seconds waited."""
        self.timeline = timeline
        """The states seen, each when it was first seen; of a long wait the first and the last."""
        self.last_error = last_error
        """What the last poll met, where it failed."""

    @property
    def verdict(self) -> Verdict | None:
        """Our reading of the snapshot as it was last seen, with the reasons in words."""
        return None if self.snapshot is None else self.snapshot.verdict

    @property
    def pending_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that were not settled when the snapshot was last seen."""
        return self.snapshot.pending_volumes if self.snapshot else ()

    @property
    def failed_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that had failed when the snapshot was last seen."""
        return self.snapshot.failed_volumes if self.snapshot else ()


class SnapshotFailedError(WaitError):
    """The snapshot, or a volume in it, has failed: there is nothing to wait for."""


class SnapshotVanishedError(WaitError):
    """Civo knows no such snapshot any more, or never did."""


class WaitTimeoutError(WaitError, TimeoutError):
    """The time was up; what was waited for may still come."""


class WaitInterruptedError(WaitError):
    """The batch was stopped while it waited; what was waited for may still come."""


class InstanceFailedError(WaitError):
    """The instance is in a state of failure: there is nothing to wait for."""

    def __init__(
        self, message: str, *, instance_id: str, instance: Instance, polls: int, elapsed: float
    ) -> None:
        super().__init__(
            message, instance_id=instance_id, snapshot_id="", polls=polls, elapsed=elapsed
        )
        self.instance = instance
        """The instance as it was last seen."""


class AmbiguousInstanceError(WaitError):
    """Several instances have the host name that was looked for: which one is not guessed."""

    def __init__(
        self, message: str, *, instance_id: str, snapshot_id: str, instances: tuple[Instance, ...]
    ) -> None:
        super().__init__(message, instance_id=instance_id, snapshot_id=snapshot_id)
        self.instances = instances
        """All of them."""
