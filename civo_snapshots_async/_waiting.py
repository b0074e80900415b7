"""Waiting until a snapshot, and every volume in it, is complete."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import NoReturn, Protocol, TypeVar

from . import _checks as check
from ._clock import Clock, SystemClock
from ._errors import (
    CivoSnapshotsError,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotVanishedError,
    WaitError,
    WaitTimeoutError,
)
from ._events import changes
from ._looking import Fetch, Look, Looking
from ._models import Phase, Snapshot, TimelineEntry, is_known
from ._pacing import PollPolicy

logger = logging.getLogger("civo_snapshots_async")

OnChange = Callable[[Snapshot, Snapshot], object]
E_ = TypeVar("E_", bound=WaitError)

# A timeline keeps this many of its first entries, and as many of its last.
_TIMELINE_ENDS = 25


class SnapshotSource(Protocol):
    """Whatever can get a snapshot: a `SnapshotSession`, or something of yours."""

    @property
    def get_snapshot(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id` and `snapshot_id`; of `region` where you use it."""
        ...


async def wait_until_complete(
    session: SnapshotSource,
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: float | None = 1800.0,
    poll: PollPolicy = PollPolicy(),
    on_change: OnChange | None = None,
    region: str | None = None,
    clock: Clock | None = None,
) -> Snapshot:
    """Look at a snapshot until it and every volume in it are complete, and return it.

    It looks at once, then at intervals that `poll` sets. `timeout` is in seconds and bounds
    everything, a poll that hangs included; when it is up, there is one last look. `None` waits for
    ever. `on_change(before, after)`, plain or async, is called once for each change of a state; its
    time counts, and is not cut. `region` is handed on to `get_snapshot` where it is given. `clock`
    is the session's own unless given.

    Raises `SnapshotFailedError` as soon as the snapshot or a volume in it has failed,
    `WaitTimeoutError` when the time is up, and `SnapshotVanishedError` when Civo does not know it.
    All carry the last snapshot, the number of polls, the time waited and a timeline of states. Any
    other error that further polls would not mend, such as `AuthenticationError`, is raised as it
    is, with the last snapshot in `.snapshot` and a note.
    """
    where = {} if region is None else {"region": region}

    return await wait_for(
        lambda: session.get_snapshot(instance_id, snapshot_id, **where),
        instance_id,
        snapshot_id,
        timeout=timeout,
        poll=poll,
        on_change=on_change,
        clock=clock or getattr(session, "clock", None) or SystemClock(),
    )


async def wait_for(
    fetch: Fetch,
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: float | None,
    poll: PollPolicy,
    on_change: OnChange | None,
    clock: Clock,
) -> Snapshot:
    """Do what `wait_until_complete` says, with any way to look."""
    progress = _Progress(instance_id, snapshot_id, on_change)
    looking = Looking(fetch, timeout=check.timeout(timeout), poll=poll, clock=clock)
    async with aclosing(looking.looks()) as looks:
        async for look in looks:
            await progress.follow(look)
            if isinstance(look.outcome, CivoSnapshotsError):
                if look.is_fatal:
                    progress.give_up(look.outcome)
            elif look.outcome.phase.is_settled:
                return progress.settled(look.outcome)

    raise progress.timed_out()


class _Progress:
    """What a wait has seen so far: it tells of changes, and puts it all into one error."""

    def __init__(self, instance_id: str, snapshot_id: str, on_change: OnChange | None) -> None:
        self._instance_id = instance_id
        self._snapshot_id = snapshot_id
        self._on_change = on_change
        self._polls = 0
        self._elapsed = 0.0
        self._snapshot: Snapshot | None = None
        self._last_error: CivoSnapshotsError | None = None
        self._first: list[TimelineEntry] = []
        self._latest: deque[TimelineEntry] = deque(maxlen=_TIMELINE_ENDS)
        self._unknown: set[str] = set()

    async def follow(self, look: Look) -> None:
        """Take in one look, and tell of what is new in it."""
        self._polls, self._elapsed = look.polls, look.elapsed
        logger.debug("%s: poll %d: %s", self._name, look.polls, _summary(look.outcome))
        if isinstance(look.outcome, CivoSnapshotsError):
            self._last_error = look.outcome
            return
        before, after = self._snapshot, look.outcome
        self._snapshot, self._last_error = after, None
        self._warn_of_unknown_states(after)
        if before is None:
            self._remember(after)
        elif new := changes(before, after):
            self._remember(after)
            for change in new:
                logger.info("%s: %s", self._name, change)
            await self._tell(before, after)

    async def _tell(self, before: Snapshot, after: Snapshot) -> None:
        if self._on_change is not None:
            answer = self._on_change(before, after)
            if isawaitable(answer):
                await answer

    def settled(self, snapshot: Snapshot) -> Snapshot:
        """Return a complete snapshot, or raise what a failed one means."""
        if snapshot.phase is Phase.COMPLETE:
            return snapshot
        raise self._error(SnapshotFailedError, f"failed ({self._effort}): {self._seen}")

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
            raise self._error(
                SnapshotVanishedError, f"is not known to Civo ({self._effort}): {self._seen}"
            ) from error
        error.snapshot = self._snapshot
        error.add_note(f"while waiting for {self._name} ({self._effort}): {self._seen}")
        raise error

    @property
    def _name(self) -> str:
        return f"snapshot {self._snapshot_id} of instance {self._instance_id}"

    @property
    def _effort(self) -> str:
        polls = "1 poll" if self._polls == 1 else f"{self._polls} polls"

        return f"{polls} in {self._elapsed:.1f} s"

    @property
    def _seen(self) -> str:
        return "it was never seen" if self._snapshot is None else _summary(self._snapshot)

    def _error(self, kind: type[E_], what: str) -> E_:
        return kind(
            f"{self._name} {what}",
            instance_id=self._instance_id,
            snapshot_id=self._snapshot_id,
            snapshot=self._snapshot,
            polls=self._polls,
            elapsed=self._elapsed,
            timeline=(*self._first, *self._latest),
            last_error=self._last_error,
        )

    def _remember(self, snapshot: Snapshot) -> None:
        entry = TimelineEntry.of(snapshot, self._elapsed)
        if len(self._first) < _TIMELINE_ENDS:
            self._first.append(entry)
        else:
            self._latest.append(entry)

    def _warn_of_unknown_states(self, snapshot: Snapshot) -> None:
        states = {snapshot.state, *snapshot.volume_states.values()}
        for state in states - self._unknown:
            if not is_known(state):
                self._unknown.add(state)
                logger.warning("%s: unknown state %r is taken for pending", self._name, state)


def _summary(outcome: Snapshot | CivoSnapshotsError) -> str:
    if isinstance(outcome, CivoSnapshotsError):
        return f"{type(outcome).__name__}: {outcome}"

    return ", ".join(outcome.verdict.reasons) or "it was complete"
