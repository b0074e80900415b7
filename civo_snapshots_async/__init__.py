"""An asyncio client for Civo instance snapshots, with a wait that a restore can trust."""

from types import FunctionType

from ._audit_report import AuditEntry, AuditReport
from ._batch import Batch, BatchOutcome, BatchResult
from ._clock import Clock, SystemClock
from ._errors import (
    AmbiguousInstanceError,
    ApiError,
    Attempt,
    AuditViolationError,
    AuthenticationError,
    CertificateError,
    CivoSnapshotsError,
    ConfigurationError,
    ConflictError,
    DecodeError,
    InstanceFailedError,
    InstanceNotFoundError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitedError,
    RegionNotFoundError,
    RestoreAlreadyAppliedError,
    RestorePlanChangedError,
    ServerError,
    SessionClosedError,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotVanishedError,
    TransportError,
    TransportTimeoutError,
    UndoRefusedError,
    WaitError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from ._events import (
    DetailsChanged,
    PollFailed,
    SnapshotEvent,
    SnapshotFinished,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    UnknownStateSeen,
    apply_events,
    diff,
    event_from_dict,
)
from ._learning import LearnedPoll
from ._models import (
    Instance,
    Phase,
    Restore,
    Snapshot,
    SnapshotQuota,
    SnapshotRef,
    TimelineEntry,
    UnreadableEntry,
    Verdict,
    VolumeStatus,
)
from ._policies import HttpOptions, PollPolicy, RetryPolicy
from ._pruning import PruneOutcome, PruneResult
from ._restore_plan import RestoreFacts, RestorePlan
from ._retention import PruneEntry, PrunePlan, plan_prune
from ._session import SnapshotSession
from ._version import __version__
from ._violations import AuditViolation
from ._waits.saved import SavedWait
from ._waits.snapshots import SnapshotSource, wait_until_complete

__all__ = [
    "AmbiguousInstanceError",
    "ApiError",
    "Attempt",
    "AuditEntry",
    "AuditReport",
    "AuditViolation",
    "AuditViolationError",
    "AuthenticationError",
    "Batch",
    "BatchOutcome",
    "BatchResult",
    "CertificateError",
    "CivoSnapshotsError",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "DecodeError",
    "DetailsChanged",
    "HttpOptions",
    "Instance",
    "InstanceFailedError",
    "InstanceNotFoundError",
    "InvalidRequestError",
    "LearnedPoll",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "Phase",
    "PollFailed",
    "PollPolicy",
    "PruneEntry",
    "PruneOutcome",
    "PrunePlan",
    "PruneResult",
    "QuotaExceededError",
    "RateLimitedError",
    "RegionNotFoundError",
    "Restore",
    "RestoreAlreadyAppliedError",
    "RestoreFacts",
    "RestorePlan",
    "RestorePlanChangedError",
    "RetryPolicy",
    "SavedWait",
    "ServerError",
    "SessionClosedError",
    "Snapshot",
    "SnapshotEvent",
    "SnapshotFailedError",
    "SnapshotFinished",
    "SnapshotNotCompleteError",
    "SnapshotNotFoundError",
    "SnapshotQuota",
    "SnapshotRef",
    "SnapshotSeen",
    "SnapshotSession",
    "SnapshotSource",
    "SnapshotStalled",
    "SnapshotVanishedError",
    "StateChanged",
    "SystemClock",
    "TimelineEntry",
    "TransportError",
    "TransportTimeoutError",
    "UndoRefusedError",
    "UnknownStateSeen",
    "UnreadableEntry",
    "Verdict",
    "VolumeStatus",
    "WaitError",
    "WaitInterruptedError",
    "WaitTimeoutError",
    "__version__",
    "apply_events",
    "diff",
    "event_from_dict",
    "plan_prune",
    "wait_until_complete",
]

# Where a name is defined may change: pickles, tracebacks and `help` show where it is imported from.
for _public in map(globals().get, __all__):
    if isinstance(_public, (type, FunctionType)):
        _public.__module__ = __name__
del FunctionType
