"""An asyncio client for Civo instance snapshots, with a wait that a restore can trust."""

from types import FunctionType
from typing import TYPE_CHECKING

from . import _verbs
from ._attempts import Attempt
from ._clock import Clock, SystemClock
from ._errors import (
    AmbiguousInstanceError,
    ApiError,
    AuditViolationError,
    AuthenticationError,
    CertificateError,
    CivoSnapshotsError,
    ConfigurationError,
    ConflictError,
    DecodeError,
    DrillFailedError,
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
from ._leftovers import DrillLeftover
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
from ._session import SnapshotSession
from ._version import __version__
from ._violations import AuditViolation
from ._waits.saved import SavedWait
from ._waits.snapshots import SnapshotSource, wait_until_complete

if TYPE_CHECKING:
    from ._audit_report import AuditEntry, AuditReport
    from ._batch import Batch, BatchOutcome, BatchResult
    from ._drill_report import DrillReport
    from ._observing import CallEnded, CallStarted, Observer, WaitEnded, WaitStarted
    from ._probes import http_ok, port_open
    from ._pruning import PruneOutcome, PruneResult
    from ._pruning_many import InstancePrune, PruneReport
    from ._restore_plan import RestoreFacts, RestorePlan
    from ._retention import PruneEntry, PrunePlan, plan_prune

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
    "CallEnded",
    "CallStarted",
    "CertificateError",
    "CivoSnapshotsError",
    "Clock",
    "ConfigurationError",
    "ConflictError",
    "DecodeError",
    "DetailsChanged",
    "DrillFailedError",
    "DrillLeftover",
    "DrillReport",
    "HttpOptions",
    "Instance",
    "InstanceFailedError",
    "InstanceNotFoundError",
    "InstancePrune",
    "InvalidRequestError",
    "LearnedPoll",
    "NotFoundError",
    "Observer",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "Phase",
    "PollFailed",
    "PollPolicy",
    "PruneEntry",
    "PruneOutcome",
    "PrunePlan",
    "PruneReport",
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
    "WaitEnded",
    "WaitError",
    "WaitInterruptedError",
    "WaitStarted",
    "WaitTimeoutError",
    "__version__",
    "apply_events",
    "diff",
    "event_from_dict",
    "http_ok",
    "plan_prune",
    "port_open",
    "wait_until_complete",
]

# Where a name is defined may change: pickles, tracebacks and `help` show where it is imported from.
for _public in map(globals().get, __all__):
    if isinstance(_public, (type, FunctionType)):
        _public.__module__ = __name__

# Loaded at first use: most programs need none of them.
_LATER = {
    "AuditEntry": "audit_report",
    "AuditReport": "audit_report",
    "Batch": "batch",
    "BatchOutcome": "batch",
    "BatchResult": "batch",
    "CallEnded": "observing",
    "CallStarted": "observing",
    "DrillReport": "drill_report",
    "InstancePrune": "pruning_many",
    "Observer": "observing",
    "PruneEntry": "retention",
    "PruneOutcome": "pruning",
    "PrunePlan": "retention",
    "PruneReport": "pruning_many",
    "PruneResult": "pruning",
    "RestoreFacts": "restore_plan",
    "RestorePlan": "restore_plan",
    "WaitEnded": "observing",
    "WaitStarted": "observing",
    "http_ok": "probes",
    "plan_prune": "retention",
    "port_open": "probes",
}

# Type checkers would take it for one that has every name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(getattr(_verbs, _LATER[name]), name)

        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


del FunctionType, TYPE_CHECKING
