"""Waiting until a snapshot is complete, and watching it: both drive one `Wait` to its end."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Protocol

import attrs

from .. import _checks as check
from .._checks import Seconds
from .._clock import Clock, SystemClock
from .._errors import SnapshotFailedError, WaitTimeoutError
from .._events import DetailsChanged, SnapshotEvent, SnapshotFinished, SnapshotSeen, StateChanged
from .._http.caller import Caller
from .._models import Snapshot, SnapshotLike, SnapshotRef
from .._policies import PollPolicy
from . import alone
from .goals import COMPLETE, DELETED, PART_OF_COMPLETE, TERMINAL
from .poller import Poller
from .saved import SavedWait
from .wait import Goal, Wait

if TYPE_CHECKING:
    from .observed import Advance

OnChange = Callable[[Snapshot, Snapshot], object]
# All events that change what a wait has seen, as a change is reported with what was seen before.
_CHANGES = (SnapshotSeen, StateChanged, DetailsChanged)


class SnapshotSource(Protocol):
    """What can get a snapshot: a `SnapshotSession`, or an object of yours.

    The `wait_until_complete` of an object that has one, such as a session, is used instead.
    """

    @property
    def get_snapshot(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id` and `snapshot_id`; of `region` if you pass that."""
        ...


async def wait_until_complete(
    source: SnapshotSource,
    instance_id: str,
    snapshot_id: SnapshotLike,
    *,
    timeout: Seconds | None = 1800.0,
    poll: PollPolicy = PollPolicy(),
    on_change: OnChange | None = None,
    region: str | None = None,
    clock: Clock | None = None,
) -> Snapshot:
    """Poll a snapshot until it and every volume in it are complete, and return it.

    It polls at once, then at intervals that `poll` sets. `timeout`, in seconds or as a `timedelta`,
    bounds everything, a poll that hangs included; at the deadline, there is one last poll. `None`
    waits for ever. `on_change(before, after)`, plain or async, is called once for each change of a
    state; its time counts, and is never cut.

    Where `source` has a `wait_until_complete` of its own, as a session has, that is used, and the
    wait shares its polls. Any other source is polled with its `get_snapshot`, which gets `region`
    where it is given or the snapshot has one. With `clock`, the clock to wait by, a session is
    polled in this way as well.

    Raises `SnapshotFailedError` as soon as the snapshot or a volume in it has failed,
    `WaitTimeoutError` when it has timed out, and `SnapshotVanishedError` when Civo does not know
    it. All carry the last snapshot, the number of polls, the time waited and a timeline of states.
    Any other error that further polls would not change, such as `AuthenticationError`, is raised as
    it is, with the last snapshot in `.snapshot` and what was known in its text.
    """
    own: Callable[..., Awaitable[Snapshot]] | None = getattr(source, "wait_until_complete", None)
    if own is not None and clock is None:
        return await own(
            instance_id, snapshot_id, timeout=timeout, poll=poll, on_change=on_change, region=region
        )
    time = _clock_of(source, clock)
    ref = SnapshotRef.of(instance_id, snapshot_id, region=region, default_region="")
    wait: Wait[Snapshot] = Wait(ref, COMPLETE, poll, check.timeout(timeout), time.now())

    return await until_complete(wait, _polling(source, ref, time), on_change)


def _polling(source: SnapshotSource, ref: SnapshotRef, clock: Clock) -> "Advance":
    """Drive a wait by the polls of a source, shared with no other wait."""
    where = {"region": ref.region} if ref.region else {}

    async def advance(
        wait: Wait[Snapshot], _: tuple[type, ...] = (), /
    ) -> tuple[SnapshotEvent, ...]:
        return await alone.advance(
            wait, lambda: source.get_snapshot(ref.instance_id, ref.snapshot_id, **where), clock
        )

    return advance


def _clock_of(source: SnapshotSource, given: Clock | None) -> Clock:
    own: Clock | None = getattr(source, "clock", None)

    return given or own or SystemClock()


class SnapshotWaits(Poller):
    """The waits of one session for its snapshots, which share their polls."""

    def __init__(self, clock: Clock, caller: Caller, slots: int) -> None:
        super().__init__(clock, caller, slots, caller.observers)
        self._ledger = caller.ledger

    @property
    def are_observed(self) -> bool:
        """Whether observers follow them."""
        return self._observers is not None

    def complete(
        self, ref: SnapshotRef, timeout: Seconds | None, poll: PollPolicy
    ) -> Wait[Snapshot]:
        """Start a wait until the snapshot is complete."""
        return self._start(COMPLETE, ref, timeout, poll)

    def terminal(
        self, ref: SnapshotRef, timeout: Seconds | None, poll: PollPolicy
    ) -> Wait[Snapshot]:
        """Start a wait until the snapshot is complete or has failed."""
        return self._start(TERMINAL, ref, timeout, poll)

    def deleted(
        self, ref: SnapshotRef, timeout: Seconds | None, poll: PollPolicy
    ) -> Wait[Snapshot]:
        """Start a wait until the snapshot is gone."""
        return self._start(DELETED, ref, timeout, poll)

    def follow(
        self, wait: Wait[Snapshot], on_change: OnChange | None = None
    ) -> Awaitable[Snapshot]:
        """Drive a wait to its end as `until_complete` does; observers follow it."""
        if self._observers is None:
            return until_complete(wait, self.advance, on_change)
        from .observed import observed  # noqa: PLC0415 - few sessions have observers

        drive = partial(until_complete, wait, self.advance, on_change)

        return observed(self._observers, wait, drive)

    def watch(self, wait: Wait[Snapshot]) -> AsyncGenerator[SnapshotEvent, None]:
        """Yield the events of a snapshot until it is terminal; observers follow it."""
        if self._observers is None:
            return watch(wait, self.advance)

        from .observed import observed_watch  # noqa: PLC0415 - as above

        return observed_watch(self._observers, wait, watch, self.advance)

    def save(self, ref: SnapshotRef, timeout: Seconds | None) -> SavedWait:
        """Return a wait that starts now, to be resumed."""
        return SavedWait.starting(
            ref,
            timeout=timeout,
            now=self._clock.utcnow(),
            included_volumes=self._ledger.volumes_named(ref),
        )

    async def resume(
        self,
        saved: SavedWait,
        poll: PollPolicy,
        for_at_most: Seconds | None,
        on_change: OnChange | None,
    ) -> Snapshot | SavedWait:
        """Resume a saved wait; return it when `for_at_most` has passed and it has time left."""
        limit = None if for_at_most is None else check.seconds("for_at_most", for_at_most)
        wait = self._resumed(saved, poll, limit)
        try:
            return await self.follow(wait, on_change)
        except WaitTimeoutError as error:
            if not (wait.goal.is_part and wait.has_ended_with(error)):
                raise
            return saved

    def _resumed(self, saved: SavedWait, poll: PollPolicy, limit: float | None) -> Wait[Snapshot]:
        self._ledger.bring(saved.ref, saved.included_volumes)
        left = saved.remaining(self._clock.utcnow())
        if poll.learned is not None:
            # How long the snapshot has taken until now is not known.
            poll = attrs.evolve(poll, learned=None)

        if limit is not None and (left is None or limit < left):
            return Wait(saved.ref, PART_OF_COMPLETE, poll, limit, self._clock.now())

        return Wait(saved.ref, COMPLETE, poll, left, self._clock.now())

    def _start(
        self, goal: Goal, ref: SnapshotRef, timeout: Seconds | None, poll: PollPolicy
    ) -> Wait[Snapshot]:
        return Wait(ref, goal, poll, check.timeout(timeout), self._clock.now())


async def until_complete(
    wait: Wait[Snapshot], advance: "Advance", on_change: OnChange | None = None
) -> Snapshot:
    """Drive a wait to its end, and report each change of a state."""
    wakes_on = () if on_change is None else _CHANGES
    while not wait.is_over:
        before = wait.seen
        events = await advance(wait, wakes_on)
        has_changed = any(isinstance(event, StateChanged) for event in events)
        if on_change is not None and has_changed and before is not None and wait.seen is not None:
            reporting = on_change(before, wait.seen)
            if isawaitable(reporting):
                await reporting

    return wait.result()


async def watch(wait: Wait[Snapshot], advance: "Advance") -> AsyncGenerator[SnapshotEvent, None]:
    """Yield the events of a snapshot until it is terminal."""
    while not wait.is_over:
        for event in await advance(wait, (object,)):
            yield event
    snapshot = wait.result()
    if snapshot.is_failed:
        # Not raised, as the last event shows it, but logged.
        wait.log_end(wait.error(SnapshotFailedError, f"failed ({wait.effort}): {wait.last_seen}"))
    yield SnapshotFinished(snapshot=snapshot)
