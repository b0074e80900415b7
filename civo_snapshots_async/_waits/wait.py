"""One wait as a state machine: told the time and what a poll came to, it says what is next.

It does no I/O, has no clock and knows nothing of asyncio: whoever drives it (`alone`, or the
session's `poller`) polls at `due` and hands the outcome over::

    wait = Wait(target, COMPLETE, PollPolicy(), timeout=30.0, now=clock.now())
    while not wait.is_over:
        wait.plan(now, draw(*wait.span(now)))                   # when to poll next
        ...                                                     # sleep until wait.due, poll
        events = wait.observe(now, outcome, asked_at=asked_at)
    return wait.result()

States::

    started --> due --observe--> due (again) ... --observe--> over
                  ^                |
                  +---- plan ------+

Invariants, named by number where they are kept:

1. The first poll is due at once, and the last one at the deadline, less the time that a response
   takes; then no other follows. A process that stalled inside a poll past the deadline makes one
   more.
2. Only what was polled for this wait, when it was due or later, counts as its failure or uses up
   its time. An early observation, of a poll that others made, is news or nothing.
3. Once over it stays over, and `result()` gives one and the same end.
"""

import math
from collections.abc import Iterator
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

# A poll that starts when the wait is nearly over may outlive it by this many seconds.
_GRACE = 0.25
# The most, in seconds, that is kept back of the time for the last poll.
_MAX_RESERVE = 5.0
# A poll that is cut later than it should have been, by more than this, met a process that stalled.
_STALLED = 0.1
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
    def unmet(self) -> str:
        """What was not so when the wait timed out, such as "was not complete"."""
        ...

    def needs_get(self, listed: Snapshot, /) -> bool:
        """Tell whether a list, being a summary, is not to be believed about this snapshot."""
        ...

    def describe(self, seen: object, /) -> str:
        """Say how what was seen stands, to stand after a colon."""
        ...

    def is_met(self, outcome: object) -> bool:
        """Tell whether what a poll came to, a value or an error, is what was waited for."""
        ...

    def failure(self, wait: "Wait[Any]", outcome: object, /) -> WaitError | None:
        """Return the error that an outcome comes to which further polls would not change."""
        ...


class Wait(Generic[T]):
    """One wait: what it waits for, what it has seen, when it is due, and how it ended."""

    # 10,000 waits are no rarity: what each holds is counted (see the benchmarks).
    __slots__ = (
        "_answered_in",
        "_changed_at",
        "_charged",
        "_end",
        "_is_stalled",
        "_last_error",
        "_policy",
        "_slept",
        "_started",
        "_timeline",
        "_timeout",
        "_unknown_states",
        "due",
        "elapsed",
        "failures",
        "goal",
        "interval",
        "is_final",
        "is_over",
        "is_planned",
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
        """The moment of the next poll."""
        self.is_final = timeout == 0
        """Whether the next poll is the last one."""
        self.is_planned = True
        """Whether `due` is settled: an observation that counts calls for a new plan."""
        self.is_over = False
        self.polls = 0
        """How many polls there were, early ones included."""
        self.elapsed = 0.0
        """The seconds from the start to the last observation."""
        self.failures = 0
        """How many polls have failed since the last one that did not."""
        self.interval = 0.0
        """The seconds between the last poll and the next one, as planned."""
        self.goal = goal
        self._policy = policy
        self._timeout = timeout
        self._started = now
        self._slept = 0.0
        self._answered_in = 0.0
        self._charged = 0
        self._changed_at = 0.0
        self._is_stalled = False
        self._last_error: CivoSnapshotsError | None = None
        # Pairs flattened into one tuple, as all who wait for one snapshot share what is in them.
        self._timeline: tuple[object, ...] = ()
        self._unknown_states: tuple[str, ...] = ()
        self._end: Exception | None = None

    # ---- when

    @property
    def deadline(self) -> float:
        """The moment at which the wait times out; infinite for never."""
        return math.inf if self._timeout is None else self._started + self._timeout

    @property
    def usual_interval(self) -> float:
        """The seconds between two polls, as far as they can be known before the first."""
        return self.interval or self._policy.interval or self._policy.min_interval

    def cut_at(self, asked_at: float) -> float:
        """Return the moment until which a poll that was sent at `asked_at` may take."""
        # Time that was up before it started, as of a saved wait, is one whole poll.
        if self._timeout == 0:
            return math.inf

        return max(self.deadline, asked_at + _GRACE)

    def span(self, now: float) -> tuple[float, float]:
        """Return the earliest and the latest moment for the next poll."""
        if not self.polls or self.is_final:
            return self.due, self.due
        error = self._last_error
        shortest, longest = backoff.span_of(
            self._policy.strategy, self._call_state, error or self.seen
        )
        asked = error.retry_after if isinstance(error, ApiError) and error.is_transient else None
        at_least = asked or 0.0

        return now + max(shortest, at_least), now + max(longest, at_least)

    def plan(self, now: float, moment: float) -> None:
        """Poll next at that moment, or at the end if there is no time for one more after it."""
        self.is_planned = True
        if not self.polls or self.is_final:
            return
        self.interval = moment - now
        # Kept back so that the last poll's response, if it takes as long as the one before, comes
        # in time (invariant 1).
        reserve = min(self._answered_in, _MAX_RESERVE)
        self.is_final = self._timeout is not None and backoff.is_past_limit(
            self._call_state,
            now - self._started - self.elapsed + self.interval + reserve,
            self._timeout,
        )
        self.due = max(self.deadline - reserve, now) if self.is_final else moment
        self._slept += self.interval

    # ---- what

    def observe(
        self, now: float, outcome: T | Exception, *, asked_at: float, is_early: bool = False
    ) -> tuple[SnapshotEvent, ...]:
        """Take in what a poll that was sent at `asked_at` came to, and return what is new.

        `is_early` is for the poll of another wait, sent before this one was due.
        """
        self.polls += 1
        self.is_planned = self.is_planned and is_early
        self.elapsed = now - self._started
        if is_logged("wait.polled"):
            self._log("wait.polled", "poll %d: %s", self.polls, self._described(outcome))
        if isinstance(outcome, CivoSnapshotsError):
            events = self._failed(outcome)
        elif isinstance(outcome, Exception):
            return self._ended(outcome)
        else:
            events = self._saw(outcome)
            if not is_early:
                self._answered_in = max(now - self.due, 0.0)
        self._conclude(now, outcome, asked_at, is_early=is_early)

        return events

    def result(self) -> T:
        """Return what was waited for, or raise why it did not come."""
        if self._end is not None:
            raise self._end

        return cast("T", self.seen)

    def _conclude(
        self, now: float, outcome: T | CivoSnapshotsError, asked_at: float, *, is_early: bool
    ) -> None:
        if self.goal.is_met(outcome):
            self.is_over = True
        elif failure := self._hopeless(outcome):
            self._ended(failure)
        elif not is_early:
            self._use_time(now, asked_at)

    def _hopeless(self, outcome: T | CivoSnapshotsError) -> Exception | None:
        """Return the error that an outcome comes to which further polls would not change."""
        if not isinstance(outcome, CivoSnapshotsError):
            return self.goal.failure(self, outcome)
        if self._is_worth_another(outcome):
            return None

        return self.goal.failure(self, outcome) or self._noted(outcome)

    def _use_time(self, now: float, asked_at: float) -> None:
        """End with the time; after a stall, poll once more (invariant 1)."""
        if now > self.cut_at(asked_at) + _STALLED and asked_at <= self.deadline:
            self.due, self.is_final = now, True
        elif self.is_final or now >= self.deadline:
            self._ended(self._timed_out())

    def _ended(self, error: Exception) -> tuple[SnapshotEvent, ...]:
        self._end, self.is_over = error, True
        if isinstance(error, CivoSnapshotsError):
            self.log_end(error)

        return ()

    def log_end(self, error: CivoSnapshotsError) -> None:
        """Log an end without what was waited for."""
        log_end_of_wait(self._about, error)

    def _failed(self, error: CivoSnapshotsError) -> tuple[SnapshotEvent, ...]:
        self._last_error = error
        self.failures += 1

        return (PollFailed(error=error, in_a_row=self.failures),)

    def _is_worth_another(self, error: CivoSnapshotsError) -> bool:
        if _is_unknown(error):
            is_new = self._timeout != 0 and self.elapsed < self._policy.not_found_grace
            return self.seen is None and is_new
        # Told when to come back, nothing has failed.
        if isinstance(error, RateLimitedError) and error.retry_after is not None:
            return True
        self._charged += 1

        return error.is_transient and self._charged <= self._policy.max_consecutive_failures

    def _saw(self, outcome: T) -> tuple[SnapshotEvent, ...]:
        before, self.seen = self.seen, outcome
        self._last_error, self.failures, self._charged = None, 0, 0
        if not isinstance(outcome, Snapshot):
            return ()
        # A topic of the poller hands one and the same value to all who wait for it.
        if before is outcome or before == outcome:
            return self._stall(outcome)

        return tuple(self._changes(cast("Snapshot | None", before), outcome))

    def _stall(self, snapshot: Snapshot) -> tuple[SnapshotEvent, ...]:
        unchanged_for = self.elapsed - self._changed_at
        if self._is_stalled or unchanged_for < self._policy.stall_after:
            return ()
        self._is_stalled = True

        return (SnapshotStalled(snapshot=snapshot, unchanged_for=unchanged_for),)

    def _changes(self, before: Snapshot | None, after: Snapshot) -> Iterator[SnapshotEvent]:
        self._changed_at, self._is_stalled = self.elapsed, False
        new = (SnapshotSeen(snapshot=after),) if before is None else events_between(before, after)
        yield from new
        # A message may change with each poll, and would push the states out of the timeline.
        if not all(isinstance(event, DetailsChanged) for event in new):
            self._timeline = _longer(self._timeline, self.elapsed, after)
        yield from self._unknown_words(after)
        for event in new:
            if isinstance(event, StateChanged):
                self._log("wait.state_changed", "%s", event)

    def _unknown_words(self, snapshot: Snapshot) -> Iterator[UnknownStateSeen]:
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
            TimelineEntry.of(cast("Snapshot", snapshot), cast("float", elapsed))
            for elapsed, snapshot in pairs
        )

    @property
    def effort(self) -> str:
        """How many polls there were, and how long they took."""
        polls = "1 poll" if self.polls == 1 else f"{self.polls} polls"

        return f"{polls} in {self.elapsed:.1f} s"

    @property
    def last_seen(self) -> str:
        """What was last seen, to stand after a colon."""
        return "it was never seen" if self.seen is None else self.goal.describe(self.seen)

    def error(self, kind: type[E], what: str, *, cause: Exception | None = None) -> E:
        """Return an error that says what became of the target, with all that the wait has seen."""
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

    def _timed_out(self) -> WaitTimeoutError:
        failed = f"; the last poll failed: {self._last_error}" if self._last_error else ""

        return self.error(
            WaitTimeoutError,
            f"{self.goal.unmet} when the time was up ({self.effort}): {self.last_seen}{failed}",
        )

    def _noted(self, error: CivoSnapshotsError) -> CivoSnapshotsError:
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
        return backoff.call_state(polls=self.polls, slept=self._slept, elapsed=self.elapsed)


def _longer(timeline: tuple[object, ...], elapsed: float, seen: Snapshot) -> tuple[object, ...]:
    """Add an entry; from a full timeline, drop the one in the middle."""
    if len(timeline) < 4 * _TIMELINE_ENDS:
        return (*timeline, elapsed, seen)
    middle = 2 * _TIMELINE_ENDS

    return (*timeline[:middle], *timeline[middle + 2 :], elapsed, seen)


def _is_unknown(error: CivoSnapshotsError) -> bool:
    # A 404 with a code of another kind is about something else: the token, say.
    if isinstance(error, SnapshotNotFoundError):
        return True

    return type(error) is NotFoundError and not error.code
