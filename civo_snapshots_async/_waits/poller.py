"""The only thing that polls: one a session, for all of its waits on snapshots.

Waits on one instance form a *pool*, those on one snapshot in it a *topic*. When somebody of a pool
is due, the cheapest request that serves all who are due is sent: a get while the pool has one
topic, else a list, which a get confirms where it shows an end or not enough. Go calls such sharing
singleflight. The loop's own timers, one a pool, take the place of a scheduler task, so that there
is nothing to wake, to restart or to leave behind. The obvious simpler way, a task and a time limit
for each wait, costs five times the memory, and one request for each.

A waiter, and the place that it is in::

    asleep --due--> asking --slot free--> in flight --response--> asleep, or gone
    DueTime         Poll, queued          Poll, sent
                       ^--- a list shows an end, or not enough: ask for a get ---'

A timer, a response or a free slot moves waiters on, each for one pool at a time. `pools` holds the
places, `throttle` what a 429 does, `listing` what a list says; `wait` is the machine that each
waiter brings along. The invariants, named by number where they are kept:

1. A response counts for a wait if its request was sent when the wait was due, or later. To others
   it shows a change and no failure. An older response never undoes a newer one.
2. A waiter is in exactly one place, and in none once it has left.
3. A request lives as long as it has subscribers. The last one to leave cancels it, and its own task
   goes on when the request has ended.
4. No more than `slots` requests are in flight, one that is ending included, and no more than one
   for each target: a pool is the target of a list, a topic of a get.
5. A callback of the poller never raises. A bug in it ends all waits of the pool that it served,
   each with an error of its own.
6. Each wait observes in the context of its own task, for its log records and its strategies.
7. All who get one response are scheduled from one and the same time, so that they stay together,
   those as well whose tasks it wakes. Only a task that comes back too late starts from then.
8. The time of a request begins with its slot: no wait fails for our own queue. A deadline that
   passes in the queue leaves the last poll its place, ahead of all that are not last ones, for 5 s
   more; then the wait times out, and counts no poll that was not sent. To end it at the deadline
   would cost thousands of waits with one deadline the poll that they were promised; to let it queue
   for ever would let a session whose requests hang keep a caller without end.
9. Only callbacks of the loop change any of this, one after the other. A cancellation may come
   between any two steps of one: by user code that runs in it (a log handler, a strategy), or by a
   signal, as `asyncio.run` cancels its task in the handler of SIGINT. The waiter is marked at once,
   and leaves in the loop's next turn.
"""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard, cast

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
from .._log import About, log
from .._models import Snapshot, SnapshotRef
from . import listing
from .alone import late
from .copies import copied
from .pools import Poll, Pool, Pools, Topic, Waiter
from .throttle import Throttle
from .wait import Wait

# A volume may fail before its snapshot says so: where lists leave the volumes out, a get shows them
# at least this often, in seconds.
_MAX_AGE_OF_VOLUMES = 60.0


class Poller:
    """Polls for all waits of one session, and wakes each when there is something new for it."""

    def __init__(self, clock: Clock, caller: Caller, slots: int) -> None:
        self._clock = clock
        self._caller = caller
        self._free = slots
        self._pools = Pools()
        self._in_flight: dict[Poll, None] = {}
        self._throttle = Throttle()
        self._is_closed = False

    def advance(
        self, wait: Wait[Any], wakes_on: tuple[type, ...] = ()
    ) -> "asyncio.Future[tuple[SnapshotEvent, ...]]":
        """Poll until the wait is over, or an event of these types has come; give the events.

        To be awaited at once: it is the task's own place, and its cancelling the task's leaving.
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

    def _end(self, pool: Pool, error: Callable[[], Exception]) -> None:
        for waiter in pool.waiters():
            waiter.wait.end(error())
            waiter.finish(())
        for topic in list(pool.topics.values()):
            topic.tidy()

    def _arm(self, pool: Pool, now: float) -> None:
        """Have the pool woken at the next time that matters."""
        at = min(pool.due_times[0].at if pool.due_times else math.inf, pool.cut)
        # One that comes too early only arms itself anew; cancelled ones would pile up in the loop.
        if at >= pool.timer_at or not pool.topics:
            return
        if pool.timer is not None:
            pool.timer.cancel()
        pool.timer_at = at
        if at <= now:
            # In the next turn of the loop, so that those who start together meet.
            pool.timer = asyncio.get_running_loop().call_soon(self._wake, pool)
        else:
            pool.timer = self._clock.call_later(at - now, self._wake, pool)

    def _wake(self, pool: Pool) -> None:
        pool.timer, pool.timer_at = None, math.inf
        self._guarded(pool, self._serve, pool)
        self._pump()

    def _admit(self, waiter: Waiter, now: float) -> None:
        """Let a wait start, or go on after it was woken."""
        wait, pool = waiter.wait, waiter.topic.pool
        if wait.is_overdue(now):
            waiter.context.run(wait.schedule, now, pool.pick)
        if wait.is_over:
            waiter.finish(())
        else:
            pool.sleep(waiter, wait.due)

    def _serve(self, pool: Pool, now: float) -> None:
        """Cut the polls that have run out of time, and ask for those that are due."""
        for waiter, poll in pool.out_of_time(now):
            self._cut_off(waiter, poll, now)
        due = self._throttle.hold_back(pool, pool.wake(now), now)
        is_alone = len({waiter.topic for waiter in due} if pool.is_of_account else pool.topics) == 1
        for waiter in due:
            self._ask(waiter, needs_get=is_alone or waiter.topic.is_unlisted)

    def _cut_off(self, waiter: Waiter, poll: Poll, now: float) -> None:
        """End the poll of a wait that has no time left for the response."""
        wait = waiter.wait
        if poll.task is None:
            waiter.context.run(wait.time_out, now)
            waiter.finish(())
        elif wait.is_early(poll.sent_at):
            waiter.topic.pool.sleep(waiter, wait.due)
        else:
            self._deliver(waiter, late(), poll.sent_at, now)

    # ---- out

    def _ask(self, waiter: Waiter, *, needs_get: bool) -> None:
        """Let it subscribe to the next request that will do; a last poll is a get of its own."""
        topic, is_last = waiter.topic, waiter.wait.is_final
        target = topic if needs_get or is_last else topic.pool
        if target.asked is None:
            target.asked = Poll(target)
        poll = target.asked
        poll.is_last = poll.is_last or is_last
        waiter.move(poll)
        topic.pool.limit(waiter, waiter.wait.queues_until)
        self._queue_up(target)

    def _queue_up(self, target: Pool | Topic) -> None:
        """Let what is asked of a target wait for a slot, unless a request for it is in flight."""
        if target.asked is not None and target.in_flight is None:
            self._pools.queue.add(target.asked)

    def _pump(self) -> None:
        """Send what there are slots for."""
        while self._free > 0 and self._pools.queue:
            poll = self._pools.queue.pop()
            self._guarded(poll.pool, self._send, poll)

    def _send(self, poll: Poll, now: float) -> None:
        target, pool = poll.target, poll.pool
        # A 429 may have come since they were queued.
        self._throttle.hold_back(pool, list(poll.waiters), now)
        if not poll.waiters:
            return
        poll.task = asyncio.get_running_loop().create_task(self._request(poll))
        target.asked, target.in_flight = None, poll
        poll.sent_at = pool.sent_at = now
        pool.is_spread = False
        for waiter in poll.waiters:
            pool.limit(waiter, waiter.wait.cut_at(now))
        self._in_flight[poll] = None
        self._free -= 1
        # Not in the task itself: one that is cancelled before its first step runs no line of it.
        poll.task.add_done_callback(partial(self._respond, poll))

    async def _request(self, poll: Poll) -> object:
        pool = poll.pool
        if isinstance(poll.target, Topic):
            ref = poll.target.ref
            return await self._caller.poll(
                endpoints.get_snapshot(SnapshotRef(ref.instance_id, ref.snapshot_id, ref.region))
            )
        if pool.is_of_account:
            return await self._caller.poll(endpoints.list_account_snapshots(region=pool.region))

        return await self._caller.poll(
            endpoints.list_snapshots(pool.instance_id, region=pool.region)
        )

    # ---- in

    def _respond(self, poll: Poll, task: "asyncio.Task[object]") -> None:
        """Free the slot of a request that has ended, and pass its outcome on."""
        del self._in_flight[poll]
        self._free += 1
        poll.target.in_flight = None
        self._guarded(poll.pool, self._take_in, poll, task)
        self._pump()

    def _take_in(self, poll: Poll, task: "asyncio.Task[object]", now: float) -> None:
        subscribers, poll.waiters = list(poll.waiters), {}
        for waiter in subscribers:
            waiter.place = None
        poll.pool.cuts = None
        outcome = None if task.cancelled() else task.exception() or task.result()
        self._pass_on(poll, outcome, subscribers, now)
        self._queue_up(poll.target)
        poll.target.tidy()

    def _pass_on(self, poll: Poll, outcome: object, subscribers: list[Waiter], now: float) -> None:
        """Give a response, or what came in its place, to all whom it concerns."""
        if isinstance(outcome, RateLimitedError):
            self._throttle.start(poll.pool, outcome.retry_after, now)
        if isinstance(outcome, Snapshot) and isinstance(poll.target, Topic):
            self._show(poll.target, outcome, poll.sent_at, subscribers, now)
        elif isinstance(outcome, tuple):
            listed = cast("tuple[Snapshot, ...]", outcome)
            self._show_all(poll, listed, None, subscribers, now)
        elif _is_of_no_use(outcome, poll):
            self._fall_back(poll, outcome)
        elif isinstance(outcome, DecodeError) and not poll.is_get:
            # The waits for another snapshot go on by what can be read.
            self._show_all(poll, outcome.snapshots, outcome, subscribers, now)
        elif isinstance(outcome, Exception):
            self._fail(poll, outcome, subscribers, now)
        else:
            # Cancelled by somebody else: those who still wait ask anew.
            for waiter in subscribers:
                self._ask(waiter, needs_get=poll.is_get)

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
                self._ask(waiter, needs_get=True)
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
                self._ask(waiter, needs_get=True)

    def _fall_back(self, poll: Poll, error: CivoSnapshotsError) -> None:
        """Poll instance by instance where the account has no list that can be used."""
        about = About(region=poll.pool.region)
        text = "the account's list is of no use, waits go on by lists of instances: %s"
        log("wait.fell_back", about, text, error)
        for waiter in self._pools.disperse(poll.pool):
            self._guarded(waiter.topic.pool, self._admit, waiter)

    def _show_summary(
        self, topic: Topic, summary: Snapshot, sent_at: float, subscribers: list[Waiter], now: float
    ) -> None:
        """Show what a list says; whoever needs to know more asks for a get."""
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
        believing = [
            waiter
            for waiter in concerned
            if not self._asks_for_more(waiter, summary, seen, is_bare=is_bare, is_old=is_old)
        ]
        if believing:
            topic.last, topic.sent_at = seen, sent_at
        for waiter in believing:
            self._deliver(waiter, seen, sent_at, now)

    def _asks_for_more(
        self, waiter: Waiter, summary: Snapshot, seen: Snapshot, *, is_bare: bool, is_old: bool
    ) -> bool:
        """Let a wait ask for a get where a list says too little for it; tell whether so.

        What was known of volumes that it leaves out proves nothing where it calls the snapshot
        complete: they may be complete by now.
        """
        goal = waiter.wait.goal
        if goal.needs_get(seen) or goal.needs_get(summary):
            # Unless it is subscribed to one.
            if not (isinstance(waiter.place, Poll) and waiter.place.is_get):
                self._ask(waiter, needs_get=True)
            return True
        if not ((is_bare and waiter.wakes_on) or (is_old and goal.reads_volumes)):
            return False
        # One that is not due yet asks when it is.
        if waiter.place is None:
            self._ask(waiter, needs_get=True)

        return True

    def _fail(self, poll: Poll, error: Exception, subscribers: list[Waiter], now: float) -> None:
        if isinstance(error, NotFoundError) and isinstance(poll.target, Topic):
            if poll.sent_at < poll.target.sent_at:
                self._show_last(poll.target, subscribers, now)
                return
            poll.target.last, poll.target.sent_at = None, poll.sent_at
        for waiter in subscribers:
            if not poll.is_get and _is_of_the_list(error):
                self._ask(waiter, needs_get=True)
            elif waiter.wait.is_early(poll.sent_at) and isinstance(error, CivoSnapshotsError):
                # It would not have polled then: no failure of its own (invariant 1).
                waiter.topic.pool.sleep(waiter, waiter.wait.due)
            else:
                self._deliver(waiter, copied(error), poll.sent_at, now)

    def _deliver(self, waiter: Waiter, outcome: object, sent_at: float, now: float) -> None:
        """Let a wait observe an outcome; wake its task, or let it sleep until its next poll."""
        was_early = waiter.wait.is_early(sent_at)
        events = waiter.context.run(_observed, waiter, outcome, sent_at, now)
        if waiter.is_woken_by(events):
            waiter.finish(events)
        elif waiter.place is None or not was_early:
            waiter.topic.pool.sleep(waiter, waiter.wait.due)


def _observed(
    waiter: Waiter, outcome: object, sent_at: float, now: float
) -> tuple[SnapshotEvent, ...]:
    """Let a wait take in an outcome and, where it counts, schedule its next poll (invariant 7)."""
    wait = waiter.wait
    was_early = wait.is_early(sent_at)
    events = wait.observe(now, outcome, sent_at=sent_at)
    if not was_early:
        wait.schedule(now, waiter.topic.pool.pick)

    return events


def _is_of_the_list(error: Exception) -> bool:
    """Tell whether a get may do better: a list may fail for a snapshot that is not theirs."""
    return (
        isinstance(error, ApiError)
        and error.retry_after is None
        and not isinstance(error, (AuthenticationError, RateLimitedError))
    )


def _closed() -> SessionClosedError:
    return SessionClosedError("the session was closed while this call ran")


def _is_of_no_use(outcome: object, poll: Poll) -> TypeGuard[CivoSnapshotsError]:
    """Tell whether the account has no list that can be read, now or later."""
    if poll.is_get or not poll.pool.is_of_account or not isinstance(outcome, CivoSnapshotsError):
        return False
    # One of which some entries can't be read shows the others.
    is_partial = isinstance(outcome, DecodeError) and bool(outcome.unreadable)

    return not (outcome.is_transient or is_partial)
