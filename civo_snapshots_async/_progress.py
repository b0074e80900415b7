"""What one wait has seen so far: as events, in the log, and all in one error."""

from collections.abc import Iterator
from typing import NoReturn, TypeVar

from ._errors import (
    CivoSnapshotsError,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotVanishedError,
    WaitError,
    WaitTimeoutError,
)
from ._events import (
    DetailsChanged,
    Event,
    PollFailed,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    UnknownStateSeen,
    events_between,
)
from ._log import About, is_logged, log, log_end_of_wait
from ._looking import Look
from ._models import Snapshot, TimelineEntry, is_known

E = TypeVar("E", bound=WaitError)

# A timeline keeps this many of its first entries, and as many of its last.
_TIMELINE_ENDS = 25


class Progress:
    """Takes in each look of one wait."""

    def __init__(self, instance_id: str, snapshot_id: str, region: str, stall_after: float) -> None:
        self.snapshot: Snapshot | None = None
        """As it was last seen."""
        self._instance_id = instance_id
        self._snapshot_id = snapshot_id
        self._region = region
        self._stall_after = stall_after
        self._polls = 0
        self._elapsed = 0.0
        self._changed_at = 0.0
        self._is_stalled = False
        self._failures = 0
        self._last_error: CivoSnapshotsError | None = None
        self._timeline: list[TimelineEntry] = []
        # A tuple, as it is nearly always empty, and there may be thousands of waits.
        self._unknown: tuple[str, ...] = ()

    def follow(self, look: Look[Snapshot]) -> tuple[Event, ...]:
        """Take in one look, and return what is new in it."""
        self._polls, self._elapsed = look.polls, look.elapsed
        if is_logged("wait.polled"):
            self._log("wait.polled", "poll %d: %s", look.polls, _summary(look.outcome))
        if isinstance(look.outcome, CivoSnapshotsError):
            self._last_error = look.outcome
            self._failures += 1
            return (PollFailed(error=look.outcome, in_a_row=self._failures),)
        before, self.snapshot = self.snapshot, look.outcome
        self._last_error, self._failures = None, 0

        return tuple(self._news(before, look.outcome))

    def _news(self, before: Snapshot | None, after: Snapshot) -> Iterator[Event]:
        new = (SnapshotSeen(snapshot=after),) if before is None else events_between(before, after)
        yield from new
        yield from self._unknown_states(after)
        if not new:
            yield from self._stall(after)
            return
        self._changed_at, self._is_stalled = self._elapsed, False
        # A message may change with each poll, and would push the states out of the timeline.
        if not all(isinstance(event, DetailsChanged) for event in new):
            self._remember(after)
        for event in new:
            if isinstance(event, StateChanged):
                self._log("wait.state_changed", "%s", event)

    def _stall(self, snapshot: Snapshot) -> Iterator[SnapshotStalled]:
        unchanged_for = self._elapsed - self._changed_at
        if unchanged_for >= self._stall_after and not self._is_stalled:
            self._is_stalled = True
            yield SnapshotStalled(snapshot=snapshot, unchanged_for=unchanged_for)

    def _unknown_states(self, snapshot: Snapshot) -> Iterator[UnknownStateSeen]:
        for state in (snapshot.state, *snapshot.volume_states.values()):
            if state not in self._unknown and not is_known(state):
                self._unknown = (*self._unknown, state)
                self._log("wait.unknown_state", "unknown state %r is taken for pending", state)
                yield UnknownStateSeen(state=state)

    def _remember(self, snapshot: Snapshot) -> None:
        self._timeline.append(TimelineEntry.of(snapshot, self._elapsed))
        if len(self._timeline) > 2 * _TIMELINE_ENDS:
            del self._timeline[_TIMELINE_ENDS]

    def failed(self) -> SnapshotFailedError:
        """Say which volumes have failed."""
        return self._error(SnapshotFailedError, f"failed ({self._effort}): {self._seen}")

    def timed_out(self) -> WaitTimeoutError:
        """Say how far it has got in the time that it had."""
        last = f"; the last poll failed: {self._last_error}" if self._last_error else ""

        return self._error(
            WaitTimeoutError,
            f"was not complete when the time was up ({self._effort}): {self._seen}{last}",
        )

    def give_up(self, error: CivoSnapshotsError) -> NoReturn:
        """Raise an error that no further poll would mend, with what was known before it."""
        if isinstance(error, SnapshotNotFoundError):
            raise self._error(SnapshotVanishedError, self._vanished) from error
        error.snapshot = self.snapshot
        error.add_context(f"while waiting for {self._name} ({self._effort}): {self._seen}")
        log_end_of_wait(self._about, error)
        raise error

    @property
    def _about(self) -> About:
        about = About(
            instance_id=self._instance_id, snapshot_id=self._snapshot_id, region=self._region
        )

        return about.seen(self.snapshot)

    def _log(self, event: str, text: str, *args: object) -> None:
        log(event, self._about, f"%s: {text}", self._name, *args)

    @property
    def _name(self) -> str:
        return f"snapshot {self._snapshot_id} of instance {self._instance_id}"

    @property
    def _vanished(self) -> str:
        where = f" in region {self._about.region}" if self._about.region else ""
        if self.snapshot is not None:
            return f"is no longer there{where} ({self._effort}); last seen: {self._seen}"

        # A wrong region looks like this; what was seen before can't be in another one.
        return (
            f"was not found{where} ({self._effort}): {self._seen}; if it is in another region, "
            "pass region="
        )

    @property
    def _effort(self) -> str:
        polls = "1 poll" if self._polls == 1 else f"{self._polls} polls"

        return f"{polls} in {self._elapsed:.1f} s"

    @property
    def _seen(self) -> str:
        return "it was never seen" if self.snapshot is None else _summary(self.snapshot)

    def _error(self, kind: type[E], what: str) -> E:
        error = kind(
            f"{self._name} {what}",
            instance_id=self._instance_id,
            snapshot_id=self._snapshot_id,
            snapshot=self.snapshot,
            polls=self._polls,
            elapsed=self._elapsed,
            timeline=tuple(self._timeline),
            last_error=self._last_error,
        )
        log_end_of_wait(self._about, error)

        return error


def _summary(outcome: Snapshot | CivoSnapshotsError) -> str:
    if isinstance(outcome, CivoSnapshotsError):
        return f"{type(outcome).__name__}: {outcome}"

    return ", ".join(outcome.verdict.reasons) or "it was complete"
