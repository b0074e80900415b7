"""One wait as a state machine: from the time and the outcome of each poll, it derives the next one.

It does no I/O, has no clock and does not know asyncio. A driver (`alone`, or the session's
`poller`) polls when the wait is due, and passes the outcome on::

    wait = Wait(target, COMPLETE, PollPolicy(), timeout=30.0, now=clock.now())
    while not wait.is_over:
        ...                                                     # sleep until wait.due, and poll
        events = wait.observe(now, outcome, sent_at=sent_at)
        wait.schedule(now, draw)                                # the next poll
    return wait.result()

States::

    scheduled --due--> polling --observe--> over: goal met, hopeless, or timed out
        ^                 |
        +--- schedule ----+

`is_final` marks the scheduled poll as the last one, and `is_over` the end.

Invariants, named by number where they are kept:

1. The first poll is due at once. The last one is due at the deadline, less the time that a response
   takes, and no poll follows it. Only if the process stalled during a poll, past the deadline, one
   more is made.
2. A poll counts as an attempt of the wait, as its failure, or as its last one, only if it was sent
   when the wait was due, or later. An earlier one, made for other waits, may show a change or the
   end.
3. A wait that is over stays over, and `result()` always returns or raises the same.
4. The next poll is scheduled when a response comes, from that time on. A consumer of the events
   that returns after the scheduled time starts a new interval.
5. The time in the queue for a slot is not the poll's own. It starts when it is sent, with all the
   time that it would have had when it was due, and by so much a wait may outlive its deadline.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

from .._errors import (
    ApiError,
    CivoSnapshotsError,
    NotFoundError,
    RateLimitedError,
    SnapshotNotFoundError,
    WaitError,
    WaitTimeoutError,
)
from .._events import (
    DetailsChanged,
    PollFailed,
    SnapshotEvent,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    UnknownStateSeen,
    events_between,
)
from .._log import About, is_logged, log, log_end_of_wait
from .._models import Snapshot, TimelineEntry, is_known
from .._policies import PollPolicy
from . import backoff

T = TypeVar("T")
E = TypeVar("E", bound=WaitError)

# A last poll may take this many seconds longer than the poll before it, past the deadline.
_GRACE = 0.25
# The most, in seconds, by which the last poll is due before the deadline.
_MAX_RESERVE = 5.0
# Where a poll ended later than it could have, by more than this many seconds, the process stalled.
_STALLED = 0.1
# The most, in seconds, that a last poll waits for a slot after the deadline: enough for a queue of
# thousands, and not too much for a caller whose session hangs.
_MAX_QUEUED = 5.0
# A timeline keeps this many of its first entries, and as many of its last.
_TIMELINE_ENDS = 25


class Target(Protocol):
    """What is polled: `str()` names it, as the subject of a sentence."""

    @property
    def instance_id(self) -> str:
        """The instance, as the caller named it."""
        ...

    @property
    def snapshot_id(self) -> str:
        """The snapshot, as the caller named it; empty where an instance is waited for."""
        ...

    @property
    def region(self) -> str:
        """The code of the region."""
        ...


class Goal(Protocol):
    """What a wait waits for. It holds nothing: `goals` has one of each."""

    @property
    def name(self) -> str:
        """The session's method that waits for it, such as `wait_until_complete`."""
        ...

    @property
    def unmet(self) -> str:
        """The goal as a text of a wait that timed out, such as "was not complete"."""
        ...

    @property
    def reads_volumes(self) -> bool:
        """Whether the state of a volume may end the wait."""
        ...

    @property
    def is_part(self) -> bool:
        """Whether a timeout ends a part of a longer wait, which is resumed later."""
        ...

    def needs_get(self, listed: Snapshot, /) -> bool:
        """Tell whether a list, as a summary, does not prove this state of a snapshot."""
        ...

    def describe(self, seen: object, /) -> str:
        """Describe what was seen, in words that follow a colon."""
        ...

    def is_met(self, outcome: object) -> bool:
        """Tell whether the outcome of a poll, a value or an error, is what was waited for."""
        ...

    def failure(self, wait: "Wait[Any]", outcome: object, /) -> WaitError | None:
        """Return the error of an outcome that further polls would not change."""
        ...


class Wait(Generic[T]):
    """One wait: its goal, what it has seen, when it is due, and how it ended."""

    # 10,000 waits are not rare: the benchmarks count the bytes of each. It keeps times as they
    # come, which all who share a poll share; spans are computed when they are needed.
    __slots__ = (
        "_changed_at",
        "_counted_failures",
        "_end",
        "_is_stalled",
        "_last_error",
        "_observed_at",
        "_policy",
        "_responded_in",
        "_scheduled_at",
        "_slept",
        "_started",
        "_timeline",
        "_timeout",
        "_unknown_states",
        "_was_early",
        "attempts",
        "due",
        "failures",
        "goal",
        "is_final",
        "is_over",
        "polls",
        "seen",
        "target",
    )

    def __init__(
        self, target: Target, goal: Goal, policy: PollPolicy, timeout: float | None, now: float
    ) -> None:
        self.target = target
        self.seen: T | None = None
        """What was last seen."""
        self.due = now
        """The time of the next poll."""
        self.is_final = timeout == 0
        """Whether the next poll is the last one."""
        self.is_over = False
        self.polls = 0
        """How many outcomes it has observed, those of polls for other waits included."""
        self.attempts = 0
        """How many polls count as its own (invariant 2): tenacity's `attempt_number`."""
        self.failures = 0
        """How many polls have failed in a row."""
        self.goal = goal
        self._policy = policy
        self._timeout = timeout
        self._started = now
        self._scheduled_at = now
        self._observed_at = now
        self._changed_at = now
        self._slept = 0.0
        self._responded_in = 0.0
        self._counted_failures = 0
        self._was_early = False
        self._is_stalled = False
        self._last_error: CivoSnapshotsError | None = None
        # Pairs of a time and a snapshot, flattened: all waits on one snapshot share both.
        self._timeline: tuple[object, ...] = ()
        self._unknown_states: tuple[str, ...] = ()
        self._end: Exception | None = None

    # ---- when

    @property
    def timeout(self) -> float | None:
        """The seconds from the start to the deadline; `None` for no deadline."""
        return self._timeout

    @property
    def deadline(self) -> float:
        """The time at which the wait times out; infinite for never."""
        return math.inf if self._timeout is None else self._started + self._timeout

    @property
    def is_of_account(self) -> bool:
        """Whether an account-wide list may serve it."""
        return self._policy.scope == "account"

    @property
    def elapsed(self) -> float:
        """The seconds from the start to the last observation."""
        return self._observed_at - self._started

    @property
    def usual_interval(self) -> float:
        """The seconds between two polls; before the first, as far as they can be known."""
        scheduled = self.due - self._scheduled_at

        return scheduled or self._policy.interval or self._policy.min_interval

    @property
    def queues_until(self) -> float:
        """Until when its poll may wait for a slot (invariant 5)."""
        return math.inf if self._timeout == 0 else self.deadline + _MAX_QUEUED

    def cut_at(self, sent_at: float) -> float:
        """Return until when a poll that was sent at that time may take."""
        # A wait that starts after its deadline, as a saved one may, is one poll without a limit.
        if self._timeout == 0:
            return math.inf

        return max(self.deadline, sent_at + self._reserve + _GRACE)

    def is_early(self, sent_at: float) -> bool:
        """Tell whether a poll that was sent at that time was for other waits (invariant 2)."""
        return sent_at < self.due

    def is_overdue(self, now: float) -> bool:
        """Tell whether a consumer has taken longer than the interval (invariant 4)."""
        return self.due < now and bool(self.attempts) and not self._was_early

    def span(self, now: float) -> tuple[float, float]:
        """Return the earliest and the latest time of the next poll."""
        error = self._last_error
        if self._policy.learned is not None:
            min_interval, max_interval = self._policy.learned.span(
                self._learned_by, now - self._started, self._policy.jitter
            )
        else:
            min_interval, max_interval = backoff.span_of(
                self._policy.strategy, self._call_state, error or self.seen
            )
        at_least = 0.0
        if isinstance(error, ApiError) and error.is_transient:
            at_least = error.retry_after or 0.0

        return now + max(min_interval, at_least), now + max(max_interval, at_least)

    def schedule(self, now: float, pick: Callable[[float, float], float]) -> None:
        """Let the next poll be due at the time that `pick` chooses in the span.

        If no poll would follow it, it is the last one, due at the deadline (invariant 1). A
        strategy of the caller's that raises ends the wait.
        """
        # An end is final (invariant 3), and so is the last poll (invariant 1).
        if self.is_over or self.is_final:
            return
        try:
            due = pick(*self.span(now))
        except Exception as bug:  # noqa: BLE001 - whatever it is, `result` raises it
            self.end(bug)
            return
        self._scheduled_at, self.due = now, due
        self.is_final = self._timeout is not None and backoff.is_past_limit(
            self._call_state, due - self._observed_at + self._reserve, self._timeout
        )
        if self.is_final:
            self.due = max(self.deadline - self._reserve, now)

    # ---- what

    def observe(
        self, now: float, outcome: T | Exception, *, sent_at: float
    ) -> tuple[SnapshotEvent, ...]:
        """Take the outcome of a poll that was sent at `sent_at`, and return the new events.

        Unless the poll was an early one, the next one has to be scheduled then.
        """
        self.polls += 1
        pending_at, self._observed_at = self._observed_at, now
        self._was_early = self.is_early(sent_at)
        if not self._was_early:
            self.attempts += 1
            self._slept += self.due - self._scheduled_at
        if is_logged("wait.polled"):
            self._log("wait.polled", "poll %d: %s", self.polls, self._described(outcome))
        # Nothing that it has seen ended it, so the same value does not.
        is_new = outcome is None or outcome is not self.seen
        if isinstance(outcome, CivoSnapshotsError):
            events = self._failed(outcome)
        elif isinstance(outcome, Exception):
            self.end(outcome)
            return ()
        else:
            self._teach(pending_at, now, outcome)
            events = self._saw(outcome)
            if not self._was_early:
                self._responded_in = now - sent_at
        if not (is_new and self._has_ended(outcome)) and not self._was_early:
            self._check_time(now, sent_at)

        return events

    def time_out(self, now: float) -> None:
        """End without a poll: the last one found no slot (invariant 5)."""
        self._observed_at = now
        self._end_with(
            self._timed_out("; the last poll could not be sent, as earlier requests were in flight")
        )

    def end(self, error: Exception) -> None:
        """End with an error that is not about what is waited for."""
        self._end, self.is_over = error, True

    def result(self) -> T:
        """Return what was waited for, or raise why it did not come."""
        if self._end is not None:
            raise self._end

        return cast("T", self.seen)

    def _teach(self, pending_at: float, now: float, outcome: T) -> None:
        """Let the policy learn how long a snapshot took that became complete during the wait."""
        learned = self._policy.learned
        if learned is None or not isinstance(self.seen, Snapshot) or self.seen.is_complete:
            return
        # After a failed poll, it is not known when the snapshot was last pending.
        if isinstance(outcome, Snapshot) and outcome.is_complete and self._last_error is None:
            learned.learn(
                self._learned_by, now - self._started, pending_at=pending_at - self._started
            )

    @property
    def _learned_by(self) -> str:
        return f"{self.target.region}/{self.target.instance_id}"

    @property
    def _reserve(self) -> float:
        """How long before the deadline the last poll is due: as long as a response took."""
        return min(self._responded_in, _MAX_RESERVE)

    def _has_ended(self, outcome: T | CivoSnapshotsError) -> bool:
        """End if the outcome meets the goal, or makes it hopeless; return whether it does."""
        if self.goal.is_met(outcome):
            self.is_over = True
        elif failure := self._hopeless(outcome):
            self._end_with(failure)
        else:
            return False

        return True

    def _hopeless(self, outcome: T | CivoSnapshotsError) -> CivoSnapshotsError | None:
        """Return the error of an outcome that further polls would not change."""
        if not isinstance(outcome, CivoSnapshotsError):
            return self.goal.failure(self, outcome)
        if self._is_worth_another(outcome):
            return None

        return self.goal.failure(self, outcome) or self._with_context(outcome)

    def _check_time(self, now: float, sent_at: float) -> None:
        """Time out after the last poll; after a stall, poll once more (invariant 1)."""
        if now > self.cut_at(sent_at) + _STALLED and sent_at <= self.deadline:
            self.due, self.is_final = now, True
        elif self.is_final or now >= self.deadline:
            self._end_with(self._timed_out())

    def _end_with(self, error: CivoSnapshotsError) -> None:
        self.end(error)
        self.log_end(error)

    def log_end(self, error: CivoSnapshotsError) -> None:
        """Log an end without what was waited for."""
        log_end_of_wait(self._about, error, is_part=self.goal.is_part)

    def has_ended_with(self, error: Exception) -> bool:
        """Tell whether it is this wait's own end, and not raised by a callback."""
        return self._end is error

    def _failed(self, error: CivoSnapshotsError) -> tuple[SnapshotEvent, ...]:
        self._last_error = error
        self.failures += 1

        return (PollFailed(error=error, in_a_row=self.failures),)

    def _is_worth_another(self, error: CivoSnapshotsError) -> bool:
        if _is_unknown(error):
            is_new = self._timeout != 0 and self.elapsed < self._policy.not_found_grace
            return self.seen is None and is_new
        # With `Retry-After`, Civo is throttling the poll, and nothing has failed.
        if isinstance(error, RateLimitedError) and error.retry_after is not None:
            return True
        self._counted_failures += 1
        is_tolerated = self._counted_failures <= self._policy.max_consecutive_failures

        return error.is_transient and is_tolerated

    def _saw(self, outcome: T) -> tuple[SnapshotEvent, ...]:
        before, self.seen = self.seen, outcome
        self._last_error, self.failures, self._counted_failures = None, 0, 0
        if not isinstance(outcome, Snapshot):
            return ()
        # A topic of the poller gives one and the same value to all who wait for it.
        if before is outcome or before == outcome:
            return self._stall(outcome)

        return tuple(self._changes(cast("Snapshot | None", before), outcome))

    def _stall(self, snapshot: Snapshot) -> tuple[SnapshotEvent, ...]:
        unchanged_for = self._observed_at - self._changed_at
        if self._is_stalled or unchanged_for < self._policy.stall_after:
            return ()
        self._is_stalled = True

        return (SnapshotStalled(snapshot=snapshot, unchanged_for=unchanged_for),)

    def _changes(self, before: Snapshot | None, after: Snapshot) -> Iterator[SnapshotEvent]:
        self._changed_at, self._is_stalled = self._observed_at, False
        new = (SnapshotSeen(snapshot=after),) if before is None else events_between(before, after)
        yield from new
        # Messages may change with each poll, and would push the states out of the timeline.
        if not all(isinstance(event, DetailsChanged) for event in new):
            self._timeline = _longer(self._timeline, self._observed_at, after)
        yield from self._new_unknown_states(after)
        for event in new:
            if isinstance(event, StateChanged):
                self._log("wait.state_changed", "%s", event)

    def _new_unknown_states(self, snapshot: Snapshot) -> Iterator[UnknownStateSeen]:
        for state in (snapshot.state, *snapshot.volume_states.values()):
            if state not in self._unknown_states and not is_known(state):
                self._unknown_states = (*self._unknown_states, state)
                self._log("wait.unknown_state", "unknown state %r is taken for pending", state)
                yield UnknownStateSeen(state=state)

    # ---- in words

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]:
        """The states seen, each when it was first seen; of a long wait the first and the last."""
        pairs = zip(self._timeline[::2], self._timeline[1::2], strict=True)

        return tuple(
            TimelineEntry.of(cast("Snapshot", snapshot), cast("float", at) - self._started)
            for at, snapshot in pairs
        )

    @property
    def effort(self) -> str:
        """How many polls there were, and how long they took."""
        polls = "1 poll" if self.polls == 1 else f"{self.polls} polls"

        return f"{polls} in {self.elapsed:.1f} s"

    @property
    def last_seen(self) -> str:
        """What was last seen, in words that follow a colon."""
        return "it was never seen" if self.seen is None else self.goal.describe(self.seen)

    def error(self, kind: type[E], what: str, *, cause: Exception | None = None) -> E:
        """Return an error about the target, with all that the wait has seen."""
        error = kind(
            f"{self.target} {what}",
            instance_id=self.target.instance_id,
            snapshot_id=self.target.snapshot_id,
            snapshot=self._snapshot,
            polls=self.polls,
            elapsed=self.elapsed,
            timeline=self.timeline,
            last_error=self._last_error,
        )
        error.__cause__ = cause

        return error

    @property
    def _snapshot(self) -> Snapshot | None:
        return self.seen if isinstance(self.seen, Snapshot) else None

    @property
    def _about(self) -> About:
        target = self.target
        about = About(
            instance_id=target.instance_id, snapshot_id=target.snapshot_id, region=target.region
        )

        return about.seen(self._snapshot)

    def _log(self, event: str, text: str, *args: object) -> None:
        log(event, self._about, f"%s: {text}", self.target, *args)

    def _timed_out(self, why: str = "") -> WaitTimeoutError:
        failed = f"; the last poll failed: {self._last_error}" if self._last_error else ""

        return self.error(
            WaitTimeoutError,
            f"{self.goal.unmet} when the wait timed out ({self.effort}): "
            f"{self.last_seen}{failed}{why}",
        )

    def _with_context(self, error: CivoSnapshotsError) -> CivoSnapshotsError:
        error.snapshot = self._snapshot
        error.add_context(f"while waiting for {self.target} ({self.effort}): {self.last_seen}")

        return error

    def _described(self, outcome: object) -> str:
        match outcome:
            case Exception():
                return f"{type(outcome).__name__}: {outcome}"
            case None:
                return "it is not there yet"
            case _:
                return self.goal.describe(outcome)

    @property
    def _call_state(self) -> backoff.CallState:
        return backoff.call_state(polls=self.attempts, slept=self._slept, elapsed=self.elapsed)


def _longer(timeline: tuple[object, ...], at: float, seen: Snapshot) -> tuple[object, ...]:
    """Add an entry; from a full timeline, drop the one in the middle."""
    if len(timeline) < 4 * _TIMELINE_ENDS:
        return (*timeline, at, seen)
    middle = 2 * _TIMELINE_ENDS

    return (*timeline[:middle], *timeline[middle + 2 :], at, seen)


def _is_unknown(error: CivoSnapshotsError) -> bool:
    # A 404 with another code is about something else, such as the token.
    if isinstance(error, SnapshotNotFoundError):
        return True

    return type(error) is NotFoundError and not error.code
