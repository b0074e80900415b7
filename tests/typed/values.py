"""What the calls give: snapshots, events, results, plans, and errors."""

from collections.abc import Callable
from datetime import datetime, timedelta
from ssl import SSLContext
from typing import Any, Literal, assert_never, assert_type

from civo_snapshots_async import (
    AmbiguousInstanceError,
    ApiError,
    Attempt,
    AuditEntry,
    AuditReport,
    AuditViolation,
    AuditViolationError,
    AuthenticationError,
    Batch,
    BatchOutcome,
    BatchResult,
    CertificateError,
    CivoSnapshotsError,
    Clock,
    ConfigurationError,
    ConflictError,
    DecodeError,
    DetailsChanged,
    DrillFailedError,
    DrillLeftover,
    DrillReport,
    HttpOptions,
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InvalidRequestError,
    LearnedPoll,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    Phase,
    PollFailed,
    PollPolicy,
    PruneEntry,
    PruneOutcome,
    PrunePlan,
    PruneResult,
    QuotaExceededError,
    RateLimitedError,
    RegionNotFoundError,
    Restore,
    RetryPolicy,
    SavedWait,
    ServerError,
    SessionClosedError,
    Snapshot,
    SnapshotEvent,
    SnapshotFailedError,
    SnapshotFinished,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotQuota,
    SnapshotRef,
    SnapshotSeen,
    SnapshotStalled,
    SnapshotVanishedError,
    StateChanged,
    SystemClock,
    TimelineEntry,
    TransportError,
    TransportTimeoutError,
    UnknownStateSeen,
    UnreadableEntry,
    Verdict,
    VolumeStatus,
    WaitError,
    WaitInterruptedError,
    WaitTimeoutError,
    __version__,
    apply_events,
    diff,
    event_from_dict,
    plan_prune,
)

VERSION: str = __version__


def snapshots(snapshot: Snapshot) -> None:
    """Read a snapshot, and what it comes to."""
    assert_type(snapshot.id, str)
    assert_type(snapshot.name, str)
    assert_type(snapshot.description, str | None)
    assert_type(snapshot.included_volumes, tuple[str, ...])
    assert_type(snapshot.state, str)
    assert_type(snapshot.volumes, tuple[VolumeStatus, ...])
    assert_type(snapshot.message, str)
    assert_type(snapshot.created_at, datetime | None)
    assert_type(snapshot.instance_id, str)
    assert_type(snapshot.region, str)
    assert_type(snapshot.ref, SnapshotRef)
    assert_type(snapshot.verdict, Verdict)
    assert_type(snapshot.phase, Phase)
    assert_type(snapshot.progress, tuple[int, int])
    assert_type(snapshot.is_complete, bool)
    assert_type(snapshot.is_failed, bool)
    assert_type(snapshot.volume_states, dict[str, str])
    assert_type(snapshot.pending_volumes, tuple[VolumeStatus, ...])
    assert_type(snapshot.failed_volumes, tuple[VolumeStatus, ...])
    assert_type(snapshot.to_dict(), dict[str, Any])
    assert_type(Snapshot.from_dict(snapshot.to_dict()), Snapshot)


def parts(volume: VolumeStatus, verdict: Verdict, entry: TimelineEntry) -> None:
    """Read the parts of a snapshot, and of what a wait has seen."""
    assert_type((volume.id, volume.state, volume.phase), tuple[str, str, Phase])
    assert_type(volume.to_dict(), dict[str, Any])
    assert_type(verdict.phase, Phase)
    assert_type(verdict.reasons, tuple[str, ...])
    assert_type(verdict.pending_volumes, tuple[VolumeStatus, ...])
    assert_type(verdict.failed_volumes, tuple[VolumeStatus, ...])
    assert_type((entry.elapsed, entry.phase, entry.state), tuple[float, Phase, str])
    assert_type(entry.volumes, tuple[VolumeStatus, ...])
    assert_type(Phase.of("Complete"), Phase)
    assert_type(volume.phase.is_terminal, bool)
    match volume.phase:
        case Phase.PENDING | Phase.COMPLETE | Phase.FAILED:
            pass
        case _ as never:
            assert_never(never)


def addresses(ref: SnapshotRef, saved: SavedWait, now: datetime) -> None:
    """Make what names a snapshot, and a wait for it."""
    assert_type(SnapshotRef("web-1", "snap-1"), SnapshotRef)
    assert_type(SnapshotRef("web-1", "snap-1", "LON1"), SnapshotRef)
    assert_type(SnapshotRef(instance_id="web-1", snapshot_id="s", region="LON1"), SnapshotRef)
    assert_type((ref.instance_id, ref.snapshot_id, ref.region), tuple[str, str, str])
    assert_type(SavedWait.from_json(saved.to_json()), SavedWait)
    assert_type(SavedWait(ref=ref, deadline=None, included_volumes=["vol-1"]), SavedWait)
    assert_type(SavedWait.starting(ref, timeout=None, now=now), SavedWait)
    SavedWait.starting(ref, timeout=60, now=now, included_volumes=("vol-1",))
    assert_type(saved.ref, SnapshotRef)
    assert_type(saved.deadline, datetime | None)
    assert_type(saved.included_volumes, tuple[str, ...])
    assert_type(saved.remaining(now), float | None)


def instances(instance: Instance, restore: Restore) -> None:
    """Read an instance, and a restore into one."""
    assert_type((instance.public_ip, instance.reported_region), tuple[str | None, str | None])
    assert_type((instance.id, instance.hostname, instance.status), tuple[str, str, str])
    assert_type((instance.private_ip, instance.network_id), tuple[str | None, str | None])
    assert_type(instance.region, str)
    assert_type((instance.is_active, instance.is_failed), tuple[bool, bool])
    assert_type((restore.id, restore.state, restore.phase), tuple[str, str, Phase])
    assert_type((restore.name, restore.hostname), tuple[str | None, str | None])
    assert_type((restore.description, restore.from_snapshot), tuple[str | None, str | None])
    assert_type(restore.private_ipv4, str | None)
    assert_type(restore.overwrite_existing, bool | None)
    assert_type((restore.created_at, restore.completed_at), tuple[datetime | None, datetime | None])
    assert_type((restore.instance_id, restore.region), tuple[str, str])


def settings(http: HttpOptions, retry: RetryPolicy, poll: PollPolicy) -> None:
    """Read settings: every span of time is kept in seconds."""
    assert_type(
        (http.request_timeout, http.connect_timeout, http.call_timeout), tuple[float, float, float]
    )
    assert_type((http.max_connections, http.requests_per_second), tuple[int, float | None])
    assert_type(http.body_format, Literal["json", "form"])
    assert_type((http.proxy, http.application), tuple[str | None, str | None])
    assert_type((http.trust_env, http.allow_insecure_http), tuple[bool, bool])
    assert_type(http.ssl_context, SSLContext | None)
    assert_type((retry.attempts, retry.budget, retry.retry_updates), tuple[int, int, bool])
    assert_type((retry.min_backoff, retry.max_backoff), tuple[float, float])
    assert_type((poll.min_interval, poll.max_interval, poll.jitter), tuple[float, float, float])
    assert_type(poll.scope, Literal["instance", "account"] | None)
    assert_type(poll.interval, float | None)
    assert_type((poll.not_found_grace, poll.stall_after), tuple[float, float])
    assert_type(poll.max_consecutive_failures, int)
    assert_type(poll.learned, LearnedPoll | None)
    assert callable(poll.strategy)
    assert callable(poll.wait)


def learning(learned: LearnedPoll) -> None:
    """Teach it, ask it, and keep it as text."""
    learned.learn("web-1", timedelta(minutes=20))
    learned.learn("web-1", 300, pending_at=timedelta(minutes=4))
    assert_type(learned.durations("web-1"), tuple[float, ...])
    assert_type(learned.interval("web-1", 60), float)
    assert_type(learned.span("web-1", 60, 0.25), tuple[float, float])
    assert_type((learned.max_instances, learned.max_interval), tuple[int, float | None])
    assert_type(LearnedPoll.from_json(learned.to_json()), LearnedPoll)
    LearnedPoll.from_json(learned.to_json(), max_instances=10, max_interval=60)


async def clocks(clock: Clock) -> None:
    """Use the machine's clock as any other."""
    clock = SystemClock()
    assert_type((clock.now(), clock.utcnow()), tuple[float, datetime])
    await clock.sleep(1)
    async with clock.timeout(None):
        clock.call_later(1, print, "later").cancel()


def events(event: SnapshotEvent, before: Snapshot, after: Snapshot) -> None:
    """Match every event, and leave none out."""
    match event:
        case SnapshotSeen() | DetailsChanged() | SnapshotFinished():
            assert_type(event.snapshot, Snapshot)
        case StateChanged():
            assert_type(event.volume_id, str | None)
            assert_type((event.before, event.after), tuple[str | None, str | None])
        case UnknownStateSeen():
            assert_type(event.state, str)
        case PollFailed():
            assert_type((event.error, event.in_a_row), tuple[CivoSnapshotsError, int])
        case SnapshotStalled():
            assert_type((event.snapshot, event.unchanged_for), tuple[Snapshot, float])
        case _ as never:
            assert_never(never)
    assert_type(event.to_dict(), dict[str, Any])
    assert_type(event_from_dict(event.to_dict()), SnapshotEvent)
    assert_type(diff(before, after), tuple[StateChanged, ...])
    assert_type(apply_events(before, event, *diff(before, after)), Snapshot)


async def batches(batch: Batch, result: BatchResult, outcome: BatchOutcome) -> None:
    """Read what became of a batch, and of each item."""
    assert_type(batch.result, BatchResult)
    await batch.aclose()
    assert_type(result.outcomes, tuple[BatchOutcome, ...])
    assert_type(result.completed, tuple[BatchOutcome, ...])
    assert_type(result.failed, tuple[BatchOutcome, ...])
    assert_type(result.unknown, tuple[BatchOutcome, ...])
    assert_type(result.not_started, tuple[BatchOutcome, ...])
    assert_type(result.exit_code, int)
    result.raise_for_failures()
    assert_type(outcome.status, Literal["completed", "failed", "unknown", "not_started"])
    assert_type((outcome.instance_id, outcome.snapshot_id), tuple[str, str | None])
    assert_type(
        (outcome.snapshot, outcome.error), tuple[Snapshot | None, CivoSnapshotsError | None]
    )


def retention(given: tuple[Snapshot, ...], now: datetime, result: PruneResult) -> None:
    """Make a plan, and read what became of it."""
    plan = plan_prune(given, keep_last=7)
    assert_type(plan, PrunePlan)
    assert_type((PrunePlan(entries=()), PruneResult(outcomes=())), tuple[PrunePlan, PruneResult])
    plan_prune(iter(given), keep_within=timedelta(days=30), name_prefix="nightly-", now=now)
    assert_type(plan.entries, tuple[PruneEntry, ...])
    assert_type((plan.to_delete, plan.to_keep), tuple[tuple[Snapshot, ...], tuple[Snapshot, ...]])
    for entry in plan.entries:
        assert_type((entry.snapshot, entry.is_deletion, entry.reason), tuple[Snapshot, bool, str])
    assert_type(result.outcomes, tuple[PruneOutcome, ...])
    assert_type(result.deleted, tuple[Snapshot, ...])
    assert_type(result.failed, tuple[PruneOutcome, ...])
    result.raise_for_failures()
    for outcome in result.outcomes:
        assert_type((outcome.snapshot, outcome.is_deleted), tuple[Snapshot, bool])
        assert_type(outcome.error, CivoSnapshotsError | None)


def audits(report: AuditReport) -> None:
    """Read a report, publish it, and fail by it."""
    assert_type((report.region, report.made_at, report.is_ok), tuple[str, datetime, bool])
    assert_type(report.orphans, tuple[Snapshot, ...] | None)
    assert_type(report.notes, tuple[str, ...])
    if report.quota is not None:
        assert_type(report.quota, SnapshotQuota)
        assert_type(
            (report.quota.limit, report.quota.used, report.quota.left), tuple[int, int, int]
        )
    for entry in report.entries:
        assert_type(entry, AuditEntry)
        assert_type((entry.instance_id, entry.hostname, entry.is_ok), tuple[str, str, bool])
        assert_type((entry.newest, entry.age), tuple[Snapshot | None, timedelta | None])
        assert_type((entry.complete, entry.error), tuple[int, CivoSnapshotsError | None])
        assert_type(entry.source, Literal["account", "instance", "none"])
        print(entry.source == "account", entry.violations)
    assert_type(report.violations, tuple[AuditViolation, ...])
    assert_type((report.to_dict(), report.to_prometheus()), tuple[dict[str, Any], str])
    try:
        report.raise_for_violations()
    except AuditViolationError as error:
        for violation in error.violations:
            assert_type((violation.instance_id, violation.hostname), tuple[str, str])
            assert_type((violation.reason, violation.snapshot), tuple[str, Snapshot | None])
            print(violation.kind == "too_old")


def drills(report: DrillReport) -> None:
    """Read what a drill proved, and fail by it."""
    assert_type((report.region, report.instance_id, report.hostname), tuple[str, str, str])
    assert_type((report.started_at, report.passed, report.reason), tuple[datetime, bool, str])
    assert_type((report.snapshot, report.scratch), tuple[Snapshot | None, Instance | None])
    assert_type((report.snapshot_age, report.rpo), tuple[float | None, float | None])
    assert_type((report.restore_seconds, report.check_seconds), tuple[float | None, float | None])
    assert_type((report.rto, report.notes), tuple[float | None, tuple[str, ...]])
    assert_type((report.error, report.to_dict()), tuple[CivoSnapshotsError | None, dict[str, Any]])
    try:
        report.raise_for_failure()
    except DrillFailedError as error:
        assert_type((error.instance_id, error.reason), tuple[str, str])
        assert_type(error.left_behind, tuple[DrillLeftover, ...])
    for left in report.left_behind:
        assert_type(left.kind, Literal["instance", "snapshot"])
        assert_type((left.name, left.id, left.reason), tuple[str, str, str])
    DrillFailedError("no", instance_id="web-1", reason="no row", left_behind=report.left_behind)


def errors_of_calls(call: Callable[[], Snapshot], attempt: Attempt) -> None:
    """Catch what a call raises, by its kind."""
    try:
        call()
    except (AuthenticationError, PermissionDeniedError, InvalidRequestError) as error:
        assert_type((error.status, error.code, error.reason), tuple[int, str, str])
    except (SnapshotNotFoundError, InstanceNotFoundError, RegionNotFoundError) as error:
        assert_type((error.method, error.path, error.request_id), tuple[str, str, str])
    except (NotFoundError, ConflictError, QuotaExceededError, ServerError) as error:
        assert_type(error.body_excerpt, str)
    except RateLimitedError as error:
        assert_type(error.retry_after, float | None)
    except ApiError as error:
        assert_type(error.attempts, tuple[Attempt, ...])
    except (TransportTimeoutError, CertificateError, TransportError) as error:
        assert_type((error.method, error.path, error.may_have_arrived), tuple[str, str, bool])
        assert_type(error.attempts, tuple[Attempt, ...])
    except DecodeError as error:
        assert_type((error.status, error.method, error.path), tuple[int, str, str])
        assert_type(error.problems, tuple[str, ...])
        assert_type((error.content_type, error.body_excerpt), tuple[str, str])
        assert_type(error.snapshots, tuple[Snapshot, ...])
        assert_type(error.unreadable, tuple[UnreadableEntry, ...])
        assert_type((error.may_hide("snap-1"), error.may_hide_name("n")), tuple[bool, bool])
    except (ConfigurationError, SessionClosedError) as error:
        assert_type(error.may_have_taken_effect, bool)
    except CivoSnapshotsError as error:
        assert_type((error.is_transient, error.may_have_taken_effect), tuple[bool, bool])
        assert_type((error.snapshot, error.context), tuple[Snapshot | None, tuple[str, ...]])
        error.add_context("while it was saved")
        assert_type(error.to_dict(), dict[str, Any])
    assert_type(attempt.outcome, str)
    assert_type((attempt.may_have_arrived, attempt.elapsed), tuple[bool, float])


def unknown_outcomes(error: OutcomeUnknownError, entry: UnreadableEntry) -> None:
    """Read what is known where a response was lost or could not be read."""
    assert_type((error.action, error.instance_id, error.region), tuple[str, str, str])
    assert_type(error.snapshot_id, str)
    assert_type(error.requested, dict[str, str | bool])
    assert_type(error.existing, tuple[Snapshot, ...])
    assert_type(error.candidates, tuple[Snapshot, ...])
    assert_type(error.last_error, CivoSnapshotsError | None)
    assert_type((entry.index, entry.id, entry.name), tuple[int, str | None, str | None])
    assert_type(entry.problems, tuple[str, ...])
    assert_type((entry.may_be("snap-1"), entry.may_be_named("nightly")), tuple[bool, bool])


def errors_of_waits(error: WaitError) -> None:
    """Read what the errors of waits have."""
    assert_type((error.instance_id, error.snapshot_id), tuple[str, str])
    assert_type((error.polls, error.elapsed), tuple[int, float])
    assert_type(error.snapshot, Snapshot | None)
    assert_type(error.timeline, tuple[TimelineEntry, ...])
    assert_type(error.last_error, CivoSnapshotsError | None)
    assert_type(error.verdict, Verdict | None)
    assert_type(error.pending_volumes, tuple[VolumeStatus, ...])
    assert_type(error.failed_volumes, tuple[VolumeStatus, ...])
    if isinstance(error, InstanceFailedError):
        assert_type(error.instance, Instance)
    if isinstance(error, AmbiguousInstanceError):
        assert_type(error.instances, tuple[Instance, ...])


def errors_are_a_tree(
    failed: SnapshotFailedError,
    vanished: SnapshotVanishedError,
    interrupted: WaitInterruptedError,
    timed_out: WaitTimeoutError,
    incomplete: SnapshotNotCompleteError,
) -> None:
    """Use each as its kind, and a timeout as Python's own as well."""
    waits: tuple[WaitError, ...] = (failed, vanished, interrupted, timed_out)
    timeout: TimeoutError = timed_out
    own: CivoSnapshotsError = incomplete
    assert_type((incomplete.instance_id, incomplete.snapshot_id), tuple[str, str])
    assert_type(incomplete.snapshot, Snapshot | None)
    print(waits, timeout, own)
