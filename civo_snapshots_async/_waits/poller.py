"""The only thing that polls: one a session, for all of its waits on snapshots.

Waits on one instance form a *pool*, and within it waits on one snapshot form a *topic*. When some
waits of a pool are due, one request is sent for all of them: a get while the pool has one topic,
else a list. Where the list shows an end, or too little, a get confirms it. Go calls such sharing
singleflight. Timers of the event loop, one for each pool, replace a scheduler task, so that there
is nothing to wake, to restart or to leave behind. A task and a timeout for each wait would be
simpler, and would cost five times the memory and one request for each wait.

A waiter is in one of these places::

    asleep --due--> queued --a slot is free--> in flight --response--> asleep, or gone
    DueTime         Poll, not sent             Poll, sent
                       ^--- a list shows an end, or too little: subscribe to a get ---'

A timer, a response or a free slot moves the waiters of one pool at a time. `pools` holds the
places, `throttle` what a 429 does, `listing` what a list says; `wait` is the state machine of each
waiter. The invariants, named by number where they are kept:

1. A response counts for a wait if its request was sent when the wait was due, or later. To other
   waits it may show a change, but no failure. An older response never undoes a newer one.
2. A waiter is in exactly one place, and in none after it has left.
3. A request lives as long as it has subscribers. The last one to leave cancels it, and its own task
   continues when the request has ended.
4. At most `slots` requests are in flight, those that are being canceled included, and at most one
   for each target: a pool is the target of a list, a topic is the target of a get.
5. A callback of the poller never raises. A bug in it ends all waits of the pool that it served,
   each with an error of its own.
6. Each wait observes in the context of its own task, for its log records and its strategies. A
   request is made in the session's: it serves many waits, and may outlive the first of them.
7. All waits that get one response are scheduled from one and the same time, so that they stay
   together, including those whose tasks it wakes. Only a task that returns too late starts from
   the time of its return.
8. The timeout of a request starts with its slot: no wait fails because of our own queue. A deadline
   that passes in the queue leaves the last poll its place for 5 s more, ahead of all polls that are
   not last ones; then the wait times out, and counts no poll that was not sent. If it ended at the
   deadline, thousands of waits with one deadline would lose their last poll; if it queued for ever,
   a session whose requests hang would never return to its caller.
9. Only callbacks of the loop change any of this, one after the other. A cancellation may come
   between any two steps of one: by user code that runs in it (a log handler, a strategy), or by a
   signal, as `asyncio.run` cancels its task in the handler of SIGINT. The waiter is marked at once,
   and leaves in the next turn of the loop.
"""

import asyncio
import math
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from .._clock import Clock
from .._errors import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    NotFoundError,
    RateLimitedError,
    SessionClosedError,
)
from .._events import SnapshotEvent
from .._http import endpoints
from .._http.caller import Caller
from .._http.endpoints import Request
from .._log import About, log
from .._models import Snapshot, SnapshotRef
from . import listing
from .alone import no_response
from .copies import copied
from .pools import Poll, Pool, Pools, Topic, Waiter
from .throttle import Throttle
from .wait import Wait

if TYPE_CHECKING:
    from .._observers import Observers

# A volume may fail before its snapshot does: where lists leave the volumes out, a get shows them at
# least this often, in seconds.
_MAX_AGE_OF_VOLUMES = 60.0


class Poller:
    """Polls for all waits of one session, and wakes each when there is something new for it."""

    def __init__(
        self, clock: Clock, caller: Caller, slots: int, observers: "Observers | None" = None
    ) -> None:
        self._clock = clock
        self._caller = caller
        self._free = slots
        self._observers = observers
        self._pools = Pools()
        # Each with what handles the end of its task where that is canceled.
        self._in_flight: dict[Poll, Callable[[asyncio.Task[None]], None]] = {}
        self._throttle = Throttle()
        # Of the session: a request that serves many waits is made in the context of none of them.
        self._context = copy_context()
        self._is_closed = False

    def advance(
        self, wait: Wait[Any], wakes_on: tuple[type, ...] = ()
    ) -> "asyncio.Future[tuple[SnapshotEvent, ...]]":
        """Poll until the wait is over, or an event of these types has come; return the events.

        To be awaited at once: a task that is canceled leaves by canceling this future.
        """
        if self._is_closed:
            raise SessionClosedError("the session is closed: make a new one")
        waiter = self._pools.enter(wait, wakes_on)
        self._guarded(waiter.topic.pool, self._admit, waiter)

        return waiter

    async def aclose(self) -> None:
        """End all waits with `SessionClosedError`, and all requests."""
        self._is_closed = True
        for pool in self._pools:
            self._end(pool, _closed)
        if self._in_flight:
            await asyncio.wait([poll.task for poll in self._in_flight if poll.task])

    # ---- when

    def _guarded(self, pool: Pool, work: Callable[..., None], *args: object) -> None:
        """Do some work for a pool, and set its timer; a bug is no lost wait (invariant 5)."""
        try:
            now = self._clock.now()
            work(*args, now)
            self._arm(pool, now)
        except Exception as bug:  # noqa: BLE001 - raised by each wait of the pool
            self._end(pool, partial(copied, bug))
        except asyncio.CancelledError as bug:
            # Nothing is awaited here: a caller's code has raised it, and has canceled nobody.
            self._end(pool, partial(_not_canceled, bug))

    def _end(self, pool: Pool, error: Callable[[], Exception]) -> None:
        for waiter in pool.waiters():
            waiter.wait.end(error())
            waiter.finish(())
        for topic in list(pool.topics.values()):
            topic.tidy()

    def _arm(self, pool: Pool, now: float) -> None:
        """Set the timer of a pool to the next time at which there is something to do."""
        at = min(pool.due_times[0].at if pool.due_times else math.inf, pool.cut)
        # An early timer only sets itself anew. Canceled timers would pile up in the loop.
        if at >= pool.timer_at or not pool.topics:
            return
        if pool.timer is not None:
            pool.timer.cancel()
        pool.timer_at = at
        if at <= now:
            # In the next turn of the loop, so that waits that start together share a poll.
            pool.timer = asyncio.get_running_loop().call_soon(self._wake, pool)
        else:
            pool.timer = self._clock.call_later(at - now, self._wake, pool)

    def _wake(self, pool: Pool) -> None:
        pool.timer, pool.timer_at = None, math.inf
        self._guarded(pool, self._serve, pool)
        self._fill_slots()

    def _admit(self, waiter: Waiter, now: float) -> None:
        """Let a wait start, or continue after its task was woken."""
        wait, pool = waiter.wait, waiter.topic.pool
        if wait.is_overdue(now):
            waiter.context.run(wait.schedule, now, pool.pick)
        if wait.is_over:
            waiter.finish(())
        else:
            pool.sleep(waiter, wait.due)

    def _serve(self, pool: Pool, now: float) -> None:
        """End the polls of waits that have run out of time, and poll for those that are due."""
        for waiter, poll in pool.out_of_time(now):
            self._cut_off(waiter, poll, now)
        due = self._throttle.hold_back(pool, pool.wake(now), now)
        is_alone = len({waiter.topic for waiter in due} if pool.is_of_account else pool.topics) == 1
        for waiter in due:
            self._subscribe(waiter, needs_get=is_alone or waiter.topic.is_unlisted)

    def _cut_off(self, waiter: Waiter, poll: Poll, now: float) -> None:
        """End the poll of a wait that has no time left for the response."""
        wait = waiter.wait
        if poll.task is None:
            waiter.context.run(wait.time_out, now)
            waiter.finish(())
        elif wait.is_early(poll.sent_at):
            waiter.topic.pool.sleep(waiter, wait.due)
        else:
            self._deliver(waiter, no_response(), poll.sent_at, now)

    # ---- requests

    def _subscribe(self, waiter: Waiter, *, needs_get: bool) -> None:
        """Subscribe it to the next poll that will do; a last poll is a get."""
        topic, is_last = waiter.topic, waiter.wait.is_final
        target = topic if needs_get or is_last else topic.pool
        if target.next_poll is None:
            target.next_poll = Poll(target)
        poll = target.next_poll
        poll.is_last = poll.is_last or is_last
        waiter.move(poll)
        topic.pool.limit(waiter, waiter.wait.queues_until)
        self._enqueue(target)

    def _enqueue(self, target: Pool | Topic) -> None:
        """Queue the next poll of a target, unless a request for it is in flight (invariant 4)."""
        if target.next_poll is not None and target.in_flight is None:
            self._pools.queue.add(target.next_poll)

    def _fill_slots(self) -> None:
        """Send queued polls while there are free slots."""
        while self._free > 0 and self._pools.queue:
            poll = self._pools.queue.pop()
            self._guarded(poll.pool, self._send, poll)

    def _send(self, poll: Poll, now: float) -> None:
        target, pool = poll.target, poll.pool
        # A 429 may have come since they were queued.
        self._throttle.hold_back(pool, list(poll.waiters), now)
        if not poll.waiters:
            return
        poll.task = asyncio.get_running_loop().create_task(
            self._run(poll), context=self._context.copy()
        )
        target.next_poll, target.in_flight = None, poll
        poll.sent_at = pool.sent_at = now
        pool.is_spread = False
        for waiter in poll.waiters:
            pool.limit(waiter, waiter.wait.cut_at(now))
        self._free -= 1
        # A task that is canceled before its first step runs no line of its own.
        self._in_flight[poll] = partial(self._on_canceled, poll)
        poll.task.add_done_callback(self._in_flight[poll])

    async def _run(self, poll: Poll) -> None:
        outcome = await self._outcome(poll)
        # Handled here: a callback of the task would be called in another turn of the loop.
        task = cast("asyncio.Task[None]", poll.task)
        task.remove_done_callback(self._in_flight[poll])
        self._on_end(poll, outcome)

    async def _outcome(self, poll: Poll) -> object:
        try:
            return await self._request(poll)
        except Exception as error:  # noqa: BLE001 - whatever it is, each of its waits raises it
            return error

    async def _request(self, poll: Poll) -> object:
        if self._observers is None:
            return await self._caller.poll(_request_of(poll))
        with self._observers.serving([waiter.wait for waiter in poll.waiters]):
            return await self._caller.poll(_request_of(poll))

    # ---- responses

    def _on_canceled(self, poll: Poll, task: "asyncio.Task[None]") -> None:
        # An error of its own, such as a `KeyboardInterrupt`, is raised by the loop.
        self._on_end(poll, None if task.cancelled() else task.exception())

    def _on_end(self, poll: Poll, outcome: object) -> None:
        """Free the slot of a request that has ended, and handle its outcome."""
        del self._in_flight[poll]
        self._free += 1
        poll.target.in_flight = None
        self._guarded(poll.pool, self._handle, poll, outcome)
        self._fill_slots()

    def _handle(self, poll: Poll, outcome: object, now: float) -> None:
        subscribers, poll.waiters = list(poll.waiters), {}
        for waiter in subscribers:
            waiter.place = None
        poll.pool.cuts = None
        self._dispatch(poll, outcome, subscribers, now)
        self._enqueue(poll.target)
        poll.target.tidy()

    def _dispatch(self, poll: Poll, outcome: object, subscribers: list[Waiter], now: float) -> None:
        """Give a response, or the error in its place, to all whom it concerns."""
        if isinstance(outcome, RateLimitedError):
            self._throttle.start(poll.pool, outcome.retry_after, now)
        if isinstance(outcome, Snapshot) and isinstance(poll.target, Topic):
            self._show(poll.target, outcome, poll.sent_at, subscribers, now)
        elif isinstance(outcome, tuple):
            listed = cast("tuple[Snapshot, ...]", outcome)
            self._show_all(poll, listed, None, subscribers, now)
        elif _is_unusable(outcome, poll):
            self._fall_back(poll, outcome)
        elif isinstance(outcome, DecodeError) and not poll.is_get:
            # Waits on snapshots that can be read continue.
            self._show_all(poll, outcome.snapshots, outcome, subscribers, now)
        elif isinstance(outcome, Exception):
            self._fail(poll, outcome, subscribers, now)
        else:
            # Canceled by somebody else: those who still wait need another poll.
            for waiter in subscribers:
                self._subscribe(waiter, needs_get=poll.is_get)

    def _show(
        self, topic: Topic, seen: Snapshot, sent_at: float, subscribers: list[Waiter], now: float
    ) -> None:
        """Show a snapshot to its subscribers and, where it has changed, to all others."""
        if sent_at < topic.sent_at:
            self._show_last(topic, subscribers, now)
            return
        concerned = list(topic.waiters)
        if topic.last is not None and topic.last == seen:
            seen, concerned = topic.last, subscribers
        topic.last, topic.sent_at, topic.got_at = seen, sent_at, now
        for waiter in concerned:
            self._deliver(waiter, seen, sent_at, now)

    def _show_last(self, topic: Topic, subscribers: list[Waiter], now: float) -> None:
        """Show, in place of an older response, the newer one that came before (invariant 1)."""
        for waiter in subscribers:
            if topic.last is None or waiter.wait.goal.needs_get(topic.last):
                self._subscribe(waiter, needs_get=True)
            else:
                self._deliver(waiter, topic.last, topic.sent_at, now)

    def _show_all(
        self,
        poll: Poll,
        listed: tuple[Snapshot, ...],
        unreadable: DecodeError | None,
        subscribers: list[Waiter],
        now: float,
    ) -> None:
        shown = listing.Listed(listed)
        by_topic: dict[Topic, list[Waiter]] = {topic: [] for topic in poll.pool.topics.values()}
        for waiter in subscribers:
            by_topic[waiter.topic].append(waiter)
        for topic, subscribed in by_topic.items():
            reference = topic.ref.snapshot_id
            summary = shown.find(topic.ref.instance_id, reference)
            is_hidden = unreadable is not None and unreadable.may_hide(reference)
            if summary is not None and not is_hidden:
                self._show_summary(topic, summary, poll.sent_at, subscribed, now)
                continue
            topic.is_unlisted = topic.is_unlisted or (poll.pool.is_of_account and bool(subscribed))
            for waiter in subscribed:
                self._subscribe(waiter, needs_get=True)

    def _fall_back(self, poll: Poll, error: CivoSnapshotsError) -> None:
        """Poll instance by instance where the account-wide list can't be used."""
        about = About(region=poll.pool.region)
        text = "the account-wide list can't be used, waits continue with lists of instances: %s"
        log("wait.fell_back", about, text, error)
        for waiter in self._pools.split_by_instance(poll.pool):
            self._guarded(waiter.topic.pool, self._admit, waiter)

    def _show_summary(
        self, topic: Topic, summary: Snapshot, sent_at: float, subscribers: list[Waiter], now: float
    ) -> None:
        """Show what a list says; a wait that needs more subscribes to a get."""
        if sent_at < topic.sent_at:
            self._show_last(topic, subscribers, now)
            return
        seen = listing.with_known_volumes(summary, topic.last)
        concerned = list(topic.waiters)
        if topic.last is not None and topic.last == seen:
            seen, topic.sent_at = topic.last, sent_at
            concerned = concerned if seen.phase.is_terminal else subscribers
        is_bare = listing.leaves_out_volumes(summary)
        is_old = is_bare and now - topic.got_at >= _MAX_AGE_OF_VOLUMES
        satisfied = [
            waiter
            for waiter in concerned
            if not self._gets_instead(waiter, summary, seen, is_bare=is_bare, is_old=is_old)
        ]
        if satisfied:
            topic.last, topic.sent_at = seen, sent_at
        for waiter in satisfied:
            self._deliver(waiter, seen, sent_at, now)

    def _gets_instead(
        self, waiter: Waiter, summary: Snapshot, seen: Snapshot, *, is_bare: bool, is_old: bool
    ) -> bool:
        """Subscribe a wait to a get where a list says too little for it; return whether it does.

        Volumes that the list leaves out are filled in from before. That proves nothing where it
        calls the snapshot complete: they may be complete by now.
        """
        goal = waiter.wait.goal
        if goal.needs_get(seen) or goal.needs_get(summary):
            # Unless it is subscribed to one.
            if not (isinstance(waiter.place, Poll) and waiter.place.is_get):
                self._subscribe(waiter, needs_get=True)
            return True
        if not ((is_bare and waiter.wakes_on) or (is_old and goal.reads_volumes)):
            return False
        # One that is not due yet subscribes when it is.
        if waiter.place is None:
            self._subscribe(waiter, needs_get=True)

        return True

    def _fail(self, poll: Poll, error: Exception, subscribers: list[Waiter], now: float) -> None:
        if isinstance(error, NotFoundError) and isinstance(poll.target, Topic):
            if poll.sent_at < poll.target.sent_at:
                self._show_last(poll.target, subscribers, now)
                return
            poll.target.last, poll.target.sent_at = None, poll.sent_at
        for waiter in subscribers:
            if not poll.is_get and _is_of_the_list(error):
                self._subscribe(waiter, needs_get=True)
            elif waiter.wait.is_early(poll.sent_at) and isinstance(error, CivoSnapshotsError):
                # It would not have polled at that time: not its failure (invariant 1).
                waiter.topic.pool.sleep(waiter, waiter.wait.due)
            else:
                self._deliver(waiter, copied(error), poll.sent_at, now)

    def _deliver(self, waiter: Waiter, outcome: object, sent_at: float, now: float) -> None:
        """Let a wait observe an outcome (invariant 6); wake its task, or let it sleep."""
        was_early = waiter.wait.is_early(sent_at)
        events = waiter.context.run(_observed, waiter, outcome, sent_at, now)
        if events and self._observers is not None:
            waiter.context.run(self._observers.report, waiter.wait, events)
        if waiter.is_woken_by(events):
            waiter.finish(events)
        elif waiter.place is None or not was_early:
            waiter.topic.pool.sleep(waiter, waiter.wait.due)


def _not_canceled(bug: asyncio.CancelledError) -> RuntimeError:
    error = RuntimeError("a wait strategy, or other code that a poll runs, raised CancelledError")
    error.__cause__ = bug

    return error


def _request_of(poll: Poll) -> Request[Any]:
    pool = poll.pool
    if isinstance(poll.target, Topic):
        # Made when the wait was; made anew, it would be checked anew with each poll.
        return endpoints.get_snapshot(cast("SnapshotRef", poll.target.ref))
    if pool.is_of_account:
        return endpoints.list_account_snapshots(region=pool.region)

    return endpoints.list_snapshots(pool.instance_id, region=pool.region)


def _observed(
    waiter: Waiter, outcome: object, sent_at: float, now: float
) -> tuple[SnapshotEvent, ...]:
    """Let a wait observe an outcome and, where it counts, schedule its next poll (invariant 7)."""
    wait = waiter.wait
    was_early = wait.is_early(sent_at)
    events = wait.observe(now, outcome, sent_at=sent_at)
    if not was_early:
        wait.schedule(now, waiter.topic.pool.pick)

    return events


def _is_of_the_list(error: Exception) -> bool:
    """Tell whether a get may succeed where a list failed, maybe because of another snapshot."""
    return (
        isinstance(error, ApiError)
        and error.retry_after is None
        and not isinstance(error, (AuthenticationError, RateLimitedError))
    )


def _closed() -> SessionClosedError:
    return SessionClosedError("the session was closed while this call ran")


def _is_unusable(outcome: object, poll: Poll) -> TypeGuard[CivoSnapshotsError]:
    """Tell whether the account-wide list can't be read, now or later."""
    if poll.is_get or not poll.pool.is_of_account or not isinstance(outcome, CivoSnapshotsError):
        return False
    # A list with some unreadable entries shows the others.
    is_partial = isinstance(outcome, DecodeError) and bool(outcome.unreadable)

    return not (outcome.is_transient or is_partial)
