"""Waiting until a snapshot, and every volume in it, is complete."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Protocol

from . import _checks as check
from ._checks import Seconds
from ._clock import Clock, SystemClock
from ._errors import CivoSnapshotsError
from ._events import Event, SnapshotSettled, StateChanged
from ._looking import Alone, Looking, Source
from ._models import Snapshot
from ._pacing import PollPolicy
from ._progress import Progress

OnChange = Callable[[Snapshot, Snapshot], object]


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
    timeout: Seconds | None = 1800.0,
    poll: PollPolicy = PollPolicy(),
    on_change: OnChange | None = None,
    region: str | None = None,
    clock: Clock | None = None,
) -> Snapshot:
    """Look at a snapshot until it and every volume in it are complete, and return it.

    It looks at once, then at intervals that `poll` sets. `timeout`, in seconds or as a `timedelta`,
    bounds everything, a poll that hangs included; when it is up, there is one last look. `None`
    waits for ever. `on_change(before, after)`, plain or async, is called once for each change of a
    state; its time counts, and is not cut. `region` is handed on to `get_snapshot` where it is
    given. `clock` is the session's own unless given.

    Raises `SnapshotFailedError` as soon as the snapshot or a volume in it has failed,
    `WaitTimeoutError` when the time is up, and `SnapshotVanishedError` when Civo does not know it.
    All carry the last snapshot, the number of polls, the time waited and a timeline of states. Any
    other error that further polls would not mend, such as `AuthenticationError`, is raised as it
    is, with the last snapshot in `.snapshot` and what was known in its text.
    """
    where = {} if region is None else {"region": region}
    own: Clock | None = getattr(session, "clock", None)
    time = clock or own or SystemClock()

    return await wait_for(
        Alone(lambda: session.get_snapshot(instance_id, snapshot_id, **where), time),
        instance_id,
        snapshot_id,
        timeout=timeout,
        poll=poll,
        on_change=on_change,
        clock=time,
        region=region or "",
    )


async def wait_for(
    source: Source[Snapshot],
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    on_change: OnChange | None,
    clock: Clock,
    region: str = "",
) -> Snapshot:
    """Do what `wait_until_complete` says, with any way to look."""
    progress = Progress(instance_id, snapshot_id, region, poll.stall_after)
    looking = Looking(
        source,
        timeout=check.timeout(timeout),
        poll=poll,
        clock=clock,
        needs_volumes=on_change is not None,
    )
    async with aclosing(looking.looks()) as looks:
        async for look in looks:
            before = progress.snapshot
            events = progress.follow(look)
            if isinstance(look.outcome, CivoSnapshotsError):
                if look.is_fatal:
                    progress.give_up(look.outcome)
                continue
            if before is not None and any(isinstance(event, StateChanged) for event in events):
                await _tell(on_change, before, look.outcome)
            if look.outcome.is_complete:
                return look.outcome
            if look.outcome.is_failed:
                raise progress.failed()

    raise progress.timed_out()


async def _tell(on_change: OnChange | None, before: Snapshot, after: Snapshot) -> None:
    answer = on_change(before, after) if on_change is not None else None
    if isawaitable(answer):
        await answer


async def watch_for(
    source: Source[Snapshot],
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
    region: str = "",
) -> AsyncGenerator[Event, None]:
    """Give what happens to a snapshot, until it is settled."""
    progress = Progress(instance_id, snapshot_id, region, poll.stall_after)
    looking = Looking(
        source, timeout=check.timeout(timeout), poll=poll, clock=clock, needs_volumes=True
    )
    async with aclosing(looking.looks()) as looks:
        async for look in looks:
            events = progress.follow(look)
            if isinstance(look.outcome, CivoSnapshotsError) and look.is_fatal:
                progress.give_up(look.outcome)
            for event in events:
                yield event
            if isinstance(look.outcome, Snapshot) and look.outcome.phase.is_settled:
                if look.outcome.is_failed:
                    # Not raised, as the last event says it; logged all the same.
                    progress.failed()
                yield SnapshotSettled(snapshot=look.outcome)
                return

    raise progress.timed_out()
