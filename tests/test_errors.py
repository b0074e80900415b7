"""The errors as a tree that can be caught, read, pickled and sent elsewhere."""

import copy
import logging
import pickle
import re
import traceback
from datetime import UTC, datetime

import pytest

import civo_snapshots_async
from civo_snapshots_async import (
    AmbiguousInstanceError,
    ApiError,
    Attempt,
    AuditEntry,
    AuditReport,
    AuditViolation,
    AuditViolationError,
    BatchOutcome,
    BatchResult,
    CallEnded,
    CallStarted,
    CertificateError,
    CivoSnapshotsError,
    ConfigurationError,
    DecodeError,
    DetailsChanged,
    DrillFailedError,
    DrillLeftover,
    DrillReport,
    HttpOptions,
    Instance,
    InstanceFailedError,
    InstancePrune,
    LearnedPoll,
    OutcomeUnknownError,
    Phase,
    PollFailed,
    PollPolicy,
    PruneEntry,
    PruneOutcome,
    PrunePlan,
    PruneReport,
    PruneResult,
    Restore,
    RestoreAlreadyAppliedError,
    RestoreFacts,
    RestorePlan,
    RestorePlanChangedError,
    RetryPolicy,
    SavedWait,
    SessionClosedError,
    Snapshot,
    SnapshotFinished,
    SnapshotNotCompleteError,
    SnapshotQuota,
    SnapshotRef,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    TimelineEntry,
    TransportError,
    TransportTimeoutError,
    UndoRefusedError,
    UnknownStateSeen,
    UnreadableEntry,
    WaitEnded,
    WaitError,
    WaitInterruptedError,
    WaitTimeoutError,
    _errors,
)

from .make import entry, make_snapshot

PUBLIC_ERRORS = [
    value
    for value in vars(civo_snapshots_async).values()
    if isinstance(value, type) and issubclass(value, CivoSnapshotsError)
]
SNAPSHOT = make_snapshot("Pending", {"vol-1": "Failed"}, included=("vol-1",))
INSTANCE = Instance(id="i-1", hostname="web-1", status="ERROR")
ENTRY = PruneEntry(snapshot=SNAPSHOT, is_deletion=True, reason="it is old")
OUTCOME = PruneOutcome(snapshot=SNAPSHOT)
PRUNED = InstancePrune(instance_id="i-1", result=PruneResult(outcomes=(OUTCOME,)))
VIOLATION = AuditViolation(kind="too_old", reason="it is old", instance_id="i-1", snapshot=SNAPSHOT)
AUDITED = AuditEntry(instance_id="i-1", newest=SNAPSHOT, violations=(VIOLATION,))
LEFTOVER = DrillLeftover(kind="instance", name="drill-7f3a", id="i-2", reason="it is left")
FACTS = RestoreFacts(
    instance_id="i-1", hostname="web-1", snapshot_id="snap-1", snapshot_name="nightly"
)
MODELS = [
    SNAPSHOT,
    SNAPSHOT.volumes[0],
    SNAPSHOT.verdict,
    Restore(id="r", completed_at=datetime(2026, 1, 1, tzinfo=UTC)),
    SNAPSHOT.ref,
    Phase.FAILED,
    INSTANCE,
    ENTRY,
    PrunePlan(entries=(ENTRY,)),
    OUTCOME,
    PruneResult(outcomes=(OUTCOME,)),
    PRUNED,
    PruneReport(instances=(PRUNED,)),
    FACTS,
    RestorePlan(
        region="LON1",
        overwrite_existing=True,
        safety_snapshot=True,
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
        facts=FACTS,
    ),
    PollPolicy(interval=3),
    RetryPolicy(attempts=5),
    LearnedPoll(max_instances=7),
    BatchOutcome(status="completed", instance_id="web-1", snapshot_id="snap-1", snapshot=SNAPSHOT),
    BatchResult(outcomes=(BatchOutcome(status="not_started", instance_id="web-1"),)),
    HttpOptions(max_connections=7),
    SavedWait(
        ref=SnapshotRef("web-1", "snap-1", "LON1"),
        deadline=datetime(2026, 3, 1, tzinfo=UTC),
    ),
    SnapshotSeen(snapshot=SNAPSHOT),
    DetailsChanged(snapshot=SNAPSHOT),
    UnknownStateSeen(state="Odd"),
    PollFailed(error=None, in_a_row=1),  # type: ignore[arg-type]
    SnapshotStalled(snapshot=SNAPSHOT, unchanged_for=300.0),
    SnapshotFinished(snapshot=SNAPSHOT),
    Attempt(outcome="503", may_have_arrived=True),
    UnreadableEntry(index=3, id="snap-1", problems=("[3].name: missing",)),
    StateChanged(before=None, after="Pending"),
    TimelineEntry.of(SNAPSHOT, 3.5),
    VIOLATION,
    AUDITED,
    AuditReport(
        region="LON1",
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
        entries=(AUDITED,),
        orphans=(SNAPSHOT,),
        quota=SnapshotQuota(limit=9, used=1),
    ),
    SnapshotQuota(limit=9, used=1),
    LEFTOVER,
    DrillReport(
        region="LON1",
        instance_id="i-1",
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        snapshot=SNAPSHOT,
        scratch=INSTANCE,
        left_behind=(LEFTOVER,),
    ),
    CallStarted(
        name="get_snapshot",
        method="GET",
        url="https://a.example",
        instance_id="web-1",
        snapshot_id="snap-1",
        region="LON1",
    ),
    CallEnded(outcome="done", attempts=1, status=200, seconds=0.5),
    WaitEnded(outcome="done", polls=2, requests=1, seconds=30.0, snapshot=SNAPSHOT),
]


def make_error(kind: type[CivoSnapshotsError]) -> CivoSnapshotsError:
    """Make an error of any public class, with something in each of its fields."""
    if issubclass(kind, ApiError):
        return kind(
            "no", status=404, method="GET", path="/v2", code="c", reason="r", retry_after=3.0
        )
    if issubclass(kind, DecodeError):
        return kind(
            "no",
            status=200,
            method="GET",
            path="/v2",
            problems=("[0].name: missing",),
            content_type="text/html",
            snapshots=(SNAPSHOT,),
            unreadable=(entry(id="snap-1"),),
        )
    if issubclass(kind, TransportError):
        return kind("no", method="GET", path="/v2")
    if issubclass(kind, WaitError):
        return make_wait_error(kind)
    return make_error_about_a_snapshot(kind)


def make_error_about_a_snapshot(kind: type[CivoSnapshotsError]) -> CivoSnapshotsError:
    """Make an error of a class that knows of a snapshot, or of nothing."""
    if issubclass(kind, SnapshotNotCompleteError):
        return kind("no", instance_id="web-1", snapshot_id="snap-1", snapshot=SNAPSHOT)
    if issubclass(kind, RestorePlanChangedError):
        return kind("no", instance_id="i-1", fingerprint="7f3a", differences=("it is gone",))
    if issubclass(kind, RestoreAlreadyAppliedError | UndoRefusedError):
        return kind("no", instance_id="i-1", fingerprint="7f3a", safety_snapshots=(SNAPSHOT,))
    if issubclass(kind, OutcomeUnknownError):
        return kind(
            "no",
            action="create_snapshot",
            instance_id="web-1",
            region="LON1",
            requested={"name": "nightly"},
            candidates=(SNAPSHOT,),
        )
    return make_error_of_a_report(kind)


def make_error_of_a_report(kind: type[CivoSnapshotsError]) -> CivoSnapshotsError:
    """Make an error that a report raises, or one that carries nothing."""
    if issubclass(kind, AuditViolationError):
        return kind("no", violations=(VIOLATION,))
    if issubclass(kind, DrillFailedError):
        return kind("no", instance_id="i-1", reason="no row", left_behind=(LEFTOVER,))
    return kind("no")


def make_wait_error(kind: type[WaitError]) -> WaitError:
    """Make an error of a wait, for a snapshot or for an instance."""
    if issubclass(kind, InstanceFailedError):
        return kind("no", instance_id="web-1", instance=INSTANCE, polls=3, elapsed=7.5)
    if issubclass(kind, AmbiguousInstanceError):
        return kind("no", instance_id="web-1", snapshot_id="snap-1", instances=(INSTANCE,))
    return kind(
        "no",
        instance_id="web-1",
        snapshot_id="snap-1",
        snapshot=SNAPSHOT,
        polls=3,
        elapsed=7.5,
        timeline=(TimelineEntry.of(SNAPSHOT, 0.0),),
        last_error=TransportTimeoutError("late", method="GET", path="/v2"),
    )


PICKLED = [
    *(make_error(kind) for kind in PUBLIC_ERRORS),
    *MODELS,
    PollPolicy(),
    PollPolicy(jitter=0.5),
    RetryPolicy(),
    HttpOptions(),
]


@pytest.mark.parametrize("kind", PUBLIC_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling_with_all_it_carries(kind: type[CivoSnapshotsError]) -> None:
    """A process pool, or a queue, hands errors on as they are."""
    error = make_error(kind)
    error.add_note("a note of the user's")
    error.add_context("while waiting")

    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(again) is kind
        assert str(again) == "no; while waiting"
        assert repr(again.__dict__) == repr(error.__dict__)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", PICKLED, ids=lambda value: type(value).__name__)
def test_a_pickle_holds_public_names_alone(value: object, protocol: int) -> None:
    """What somebody has stored is read by the next version too, wherever its files are."""
    pickled = pickle.dumps(value, protocol)

    assert b"civo_snapshots_async" in pickled
    assert re.findall(rb"civo_snapshots_async[\w.]*\._\w+|_[A-Z]\w+", pickled) == []
    assert repr(pickle.loads(pickled)) == repr(value)  # noqa: S301 - made here


@pytest.mark.parametrize("kind", PUBLIC_ERRORS, ids=lambda kind: kind.__name__)
def test_a_log_line_and_a_traceback_show_the_context_once(
    kind: type[CivoSnapshotsError], caplog: pytest.LogCaptureFixture
) -> None:
    """A note would be lost in the one; a note and the text would stand in the other twice."""
    error = make_error(kind)
    error.add_context("while waiting")
    error.add_context("in a job")

    logging.getLogger("app").error("failed: %s", error)

    assert caplog.messages == ["failed: no; while waiting; in a job"]
    shown = "".join(traceback.format_exception(error))
    assert [shown.count(text) for text in ("no; while waiting; in a job", "waiting")] == [1, 1]
    assert error.args == ("no",)


def test_what_was_copied_has_a_context_of_its_own() -> None:
    """One failed request may end the waits of many."""
    error = TransportError("lost", method="GET", path="/v2")
    other = copy.copy(error)

    error.add_context("while waiting for a")
    other.add_context("while waiting for b")

    assert [str(each) for each in (error, other)] == [
        "lost; while waiting for a",
        "lost; while waiting for b",
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_every_model_survives_pickling(model: object) -> None:
    """A batch job hands snapshots between processes."""
    assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301


def test_every_public_value_is_in_the_test_above() -> None:
    """A new model is pickled too."""
    models = {
        value
        for name, value in vars(civo_snapshots_async).items()
        if isinstance(value, type)
        and not issubclass(value, Exception)
        and name not in {"Batch", "Clock", "SnapshotSource", "SnapshotSession", "SystemClock"}
        # What observers are, and a value that equals itself alone.
        and name not in {"Observer", "WaitStarted"}
    }

    assert models == {type(model) for model in MODELS}


@pytest.mark.parametrize("kind", PUBLIC_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree_where_it_is_defined(kind: type[Exception]) -> None:
    """The tree at the top of the file is the truth: each class below its base."""
    lines = (_errors.__doc__ or "").splitlines()
    depth_of = {
        line.lstrip(" │├└─").split(" ")[0]: len(line) - len(line.lstrip(" │├└─")) for line in lines
    }

    assert kind.__name__ in depth_of
    if kind is not CivoSnapshotsError:
        assert depth_of[kind.__name__] == depth_of[kind.__bases__[0].__name__] + 4


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ConfigurationError, ValueError),
        (TransportTimeoutError, TimeoutError),
        (WaitTimeoutError, TimeoutError),
    ],
)
def test_some_errors_are_builtin_ones_as_well(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    """`except TimeoutError` means a timeout, whatever noticed it."""
    assert issubclass(kind, builtin)


def test_a_restore_that_was_not_sent_is_no_wait() -> None:
    """`except WaitError` is for what may be waited for once more."""
    assert not issubclass(SnapshotNotCompleteError, WaitError)


def test_a_wait_that_was_interrupted_did_not_time_out() -> None:
    """It is a wait's error, and the time was not up."""
    assert issubclass(WaitInterruptedError, WaitError)
    assert not issubclass(WaitInterruptedError, TimeoutError)
    assert not make_error(WaitInterruptedError).may_have_taken_effect


def test_an_error_of_a_wait_reads_its_volumes_from_the_snapshot() -> None:
    """The volumes concerned are at hand, and none where nothing was seen."""
    seen = WaitError("no", instance_id="web-1", snapshot_id="snap-1", snapshot=SNAPSHOT)
    unseen = WaitError("no", instance_id="web-1", snapshot_id="snap-1")

    assert [volume.id for volume in seen.failed_volumes] == ["vol-1"]
    assert seen.verdict == SNAPSHOT.verdict
    assert seen.pending_volumes == ()
    assert (unseen.failed_volumes, unseen.pending_volumes, unseen.verdict) == ((), (), None)


def test_any_error_may_know_a_snapshot() -> None:
    """It is None unless one was seen."""
    assert SessionClosedError("closed").snapshot is None


def lost(*, arrived: bool, transient: bool = True) -> TransportError:
    """Make a request without a complete response."""
    return TransportError(
        "no", method="POST", path="/", may_have_arrived=arrived, is_transient=transient
    )


def closed(*, arrived: bool) -> SessionClosedError:
    """Make the end of a call on a closed session."""
    error = SessionClosedError("no")
    error.may_have_arrived = arrived
    return error


def refused(status: int, code: str = "", attempts: tuple[Attempt, ...] = ()) -> ApiError:
    """Make an error response."""
    return ApiError("no", status=status, method="POST", path="/", code=code, attempts=attempts)


def applied_before(*safety: Snapshot) -> RestoreAlreadyAppliedError:
    """Make the error of a plan whose safety snapshots are there."""
    return RestoreAlreadyAppliedError(
        "no", instance_id="i-1", fingerprint="7f3a", safety_snapshots=safety
    )


LOST_ATTEMPT = Attempt(outcome="lost", may_have_arrived=True)
REFUSED_ATTEMPT = Attempt(outcome="429", may_have_arrived=False)


# An error, whether it is transient, and whether what was requested may have been done.
JUDGED: list[tuple[CivoSnapshotsError, bool, bool]] = [
    (ConfigurationError("no"), False, False),
    (closed(arrived=False), False, False),
    (closed(arrived=True), False, True),
    (lost(arrived=False), True, False),
    (lost(arrived=True), True, True),
    (lost(arrived=False, transient=False), False, False),
    (TransportTimeoutError("no", method="POST", path="/"), True, True),
    (
        CertificateError("no", method="POST", path="/", may_have_arrived=False),
        False,
        False,
    ),
    *((refused(status), False, False) for status in (307, 400, 401, 403, 404, 409, 422)),
    (refused(408), True, True),
    (refused(429), True, False),
    *((refused(status), True, True) for status in (500, 502, 503, 504, 520, 599)),
    *((refused(status), False, True) for status in (501, 505)),
    (refused(409, "database_quota_lock_failed"), True, False),
    (refused(409, attempts=(LOST_ATTEMPT, REFUSED_ATTEMPT)), False, True),
    (refused(409, attempts=(REFUSED_ATTEMPT, REFUSED_ATTEMPT)), False, False),
    (DecodeError("no", status=201, method="POST", path="/", problems=("?",)), False, True),
    (
        OutcomeUnknownError(
            "no", action="create_snapshot", instance_id="", region="", requested={}
        ),
        False,
        True,
    ),
    (WaitTimeoutError("no", instance_id="", snapshot_id=""), False, False),
    (make_error(RestorePlanChangedError), False, False),
    (RestoreAlreadyAppliedError("no", instance_id="", fingerprint=""), False, True),
    (applied_before(make_snapshot("Pending")), False, True),
    (applied_before(make_snapshot("Failed")), False, False),
    (applied_before(make_snapshot("Failed"), make_snapshot("Complete")), False, True),
    (make_error(UndoRefusedError), False, False),
]


@pytest.mark.parametrize(("error", "is_transient", "may_have_taken_effect"), JUDGED)
def test_one_table_judges_every_error(
    error: CivoSnapshotsError, *, is_transient: bool, may_have_taken_effect: bool
) -> None:
    """Retries, polls, resolving and the users' own job runners use the same two properties."""
    judged = error.is_transient, error.may_have_taken_effect
    sent_on: CivoSnapshotsError = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here

    assert judged == (is_transient, may_have_taken_effect)
    assert (sent_on.is_transient, sent_on.may_have_taken_effect) == judged
