"""The only thing that polls: one a session, for all of its waits on snapshots.

Waits on one instance form a *pool*, those on one snapshot in it a *topic*. When somebody of a pool
is due, the cheapest request that serves all who are due is sent: a get while the pool has one
topic, else a list, which is then confirmed by a get where it shows an end or not enough. This is
what Go calls singleflight; the loop's own timers, one a pool, take the place of a scheduler task,
so that there is nothing to wake, to restart or to leave behind. The obvious simpler way, a task
and a time limit for each wait, costs five times the memory and one request for each.

A waiter::

    asleep --due--> asking --slot free--> in flight --response--> asleep, or its future done
                       ^--- a list shows an end, or not enough: a get ---'

Invariants, named by number where they are kept:

1. An observation that counts comes of a request that was sent when the wait was due, or later. All
   else reaches it as news only, and never as trouble.
2. A waiter is in exactly one place: asleep, asking, or in flight. Its future is done once.
3. A request lives as long as somebody waits for it; who leaves last cancels it and awaits its end.
4. No more than `slots` requests are in flight, and no more than one for each pool and topic. The
   time of a request begins with its slot.
5. A callback of the poller never raises: a bug in it ends all waits of the pool, with that bug.
6. Each wait observes in the context of its own task, for its log records and its strategies.
7. All who land together plan from one and the same moment, so that they stay together.
"""

import asyncio
import copy
import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, cast

from .._clock import Clock
from .._errors import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    RateLimitedError,
    SessionClosedError,
)
from .._events import SnapshotEvent
from .._http import endpoints
from .._http.caller import Caller
from .._models import Snapshot, SnapshotRef
from . import listing
from .alone import draw, late
from .pools import InFlight, Pool, Topic, Waiter
from .wait import Wait

# One response can't silence a whole session for longer than this many seconds.
_MAX_THROTTLE = 60.0
# For how long a 429 that does not say it throttles.
_DEFAULT_THROTTLE = 1.0
_ABSENT = object()
# Whoever was told a moment by Civo has read the clock a little before the throttle was set.
_TOLERANCE = 0.01


class Poller:
    """Polls for all waits of one session, and wakes each when there is news for it."""

    def __init__(self, clock: Clock, caller: Caller, slots: int) -> None:
        self._clock = clock
        self._caller = caller
        self._free = slots
        self._pools: dict[tuple[str, str], Pool] = {}
        self._queue: deque[Pool | Topic] = deque()
        self._requests: dict[InFlight, None] = {}
        self._throttled_until = -math.inf
        self._limited_at = -math.inf
        self._is_closed = False

    async def advance(
        self, wait: Wait[Any], wakes_on: tuple[type, ...] = ()
    ) -> tuple[SnapshotEvent, ...]:
        """Poll until the wait is over, or an event of these types has come; return the events."""
        if self._is_closed:
            raise SessionClosedError("the session is closed: make a new one")
        waiter = self._enter(wait, wakes_on)
        try:
            news = await waiter.future
        finally:
            self._leave(waiter)
            if waiter.ending is not None and not waiter.ending.done():
                await asyncio.wait([waiter.ending])
        # A value until here: an exception of a future whose task is cancelled is nobody's.
        if isinstance(news, BaseException):
            raise news

        return cast("tuple[SnapshotEvent, ...]", news)

    async def aclose(self) -> None:
        """End all waits with `SessionClosedError`, and all requests."""
        self._is_closed = True
        for pool in list(self._pools.values()):
            self._end(pool, _closed)
        if self._requests:
            await asyncio.wait([request.task for request in self._requests])

    # ---- who waits

    def _enter(self, wait: Wait[Any], wakes_on: tuple[type, ...]) -> Waiter:
        target = wait.target
        place = target.region, target.instance_id
        pool = self._pools.get(place)
        if pool is None:
            pool = self._pools[place] = Pool(place)
        key = target.snapshot_id.casefold()
        topic = pool.topics.get(key)
        if topic is None:
            topic = pool.topics[key] = Topic(pool, target.snapshot_id)
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        waiter = Waiter(wait, wakes_on, topic, future, copy_context())
        topic.waiters[waiter] = None
        now = self._clock.now()
        if wait.is_planned:
            # Woken by news of somebody else's poll, it still has its own to come.
            pool.put_to_sleep(waiter, wait.due)
        else:
            self._schedule(waiter, now)
        self._arm(pool, now)

        return waiter

    def _leave(self, waiter: Waiter) -> None:
        """Take it out of wherever it is; a request that nobody waits for any more ends with it."""
        topic = waiter.topic
        self._detach(waiter)
        if topic.waiters.pop(waiter, _ABSENT) is not _ABSENT and not topic.waiters:
            self._forget(topic)

    def _detach(self, waiter: Waiter) -> None:
        """Leave it in no place at all, to be put into one (invariant 2)."""
        self._give_up(waiter)
        waiter.at = None
        for asking in (waiter.topic.asking, waiter.topic.pool.asking):
            if asking:
                asking.pop(waiter, None)

    def _give_up(self, waiter: Waiter) -> None:
        """Let it wait for its request no longer (invariant 3)."""
        request, waiter.request = waiter.request, None
        if request is not None:
            request.aboard.pop(waiter, None)
            if not request.aboard:
                request.task.cancel()
                waiter.ending = request.task

    def _forget(self, topic: Topic) -> None:
        pool = topic.pool
        pool.topics.pop(topic.reference.casefold(), None)
        if not pool.topics:
            self._pools.pop(pool.key, None)
            if pool.timer is not None:
                pool.timer.cancel()
                pool.timer = None

    def _end(self, pool: Pool, error: Callable[[], Exception]) -> None:
        for topic in list(pool.topics.values()):
            for waiter in list(topic.waiters):
                self._finish(waiter, error())

    def _finish(self, waiter: Waiter, news: object) -> None:
        # Whoever was cancelled a moment ago has a future that is done (invariant 2).
        with suppress(asyncio.InvalidStateError):
            waiter.future.set_result(news)
        self._leave(waiter)

    # ---- when

    def _schedule(self, waiter: Waiter, now: float) -> None:
        """Let it sleep until its next poll, at a moment of somebody else's where that will do."""
        wait, pool = waiter.wait, waiter.topic.pool
        try:
            earliest, latest = waiter.context.run(wait.span, now)
        except Exception as bug:  # noqa: BLE001 - of the caller's own strategy: it ends this wait
            self._finish(waiter, bug)
            return
        moment = earliest
        if latest > earliest:
            joined = pool.joined(earliest, latest)
            moment = draw(earliest, latest) if joined is None else joined
        wait.plan(now, moment)
        pool.put_to_sleep(waiter, wait.due)

    def _arm(self, pool: Pool, now: float) -> None:
        """Have the pool woken at the next moment that matters."""
        moment = min(pool.moments[0] if pool.moments else math.inf, pool.cut)
        # One that comes too early only arms itself anew; cancelled ones would pile up in the loop.
        if moment >= pool.timer_at or not pool.topics:
            return
        if pool.timer is not None:
            pool.timer.cancel()
        pool.timer_at = moment
        if moment <= now:
            # In the next turn of the loop, so that those who start together meet.
            pool.timer = asyncio.get_running_loop().call_soon(self._wake, pool)
        else:
            pool.timer = self._clock.call_later(moment - now, self._wake, pool)

    def _wake(self, pool: Pool) -> None:
        pool.timer, pool.timer_at = None, math.inf
        self._guarded(pool, self._serve)

    def _serve(self, pool: Pool, now: float) -> None:
        if now >= pool.cut:
            self._cut(pool, now)
        due = pool.wake(now)
        for waiter in self._hold_back(pool, due, now):
            self._ask(waiter)
        self._submit(pool, now)

    def _hold_back(self, pool: Pool, due: list[Waiter], now: float) -> Iterable[Waiter]:
        """While throttled, put all but last polls to sleep; return those who may ask.

        After a 429 each pool comes back once at a random moment of the interval that follows, also
        if it was due later than the throttle ends: those who started together are a herd as well.
        """
        if not due:
            return due
        spread = max(waiter.wait.usual_interval for waiter in due)
        is_throttled = now < self._throttled_until - _TOLERANCE
        is_of_herd = not pool.is_spread and pool.sent_at <= self._limited_at
        if not is_throttled and not (is_of_herd and now <= self._throttled_until + spread):
            return due
        pool.is_spread = True
        moment = max(now, self._throttled_until) + spread * random.random()  # noqa: S311 - no secret
        for waiter in due:
            at = min(moment, max(waiter.wait.due, waiter.wait.deadline))
            # A last poll is sent all the same, whether it was planned as one or not.
            if not waiter.wait.is_final and at > now:
                pool.put_to_sleep(waiter, at)

        return [waiter for waiter in due if waiter.at is None]

    # ---- out

    def _ask(self, waiter: Waiter, *, needs_get: bool = False) -> None:
        """Note that it wants a request; a last poll is a get of its own."""
        topic, pool = waiter.topic, waiter.topic.pool
        cut = waiter.wait.cut_at(waiter.wait.due)
        pool.cut = min(pool.cut, cut)
        if needs_get or waiter.wait.is_final:
            topic.asking = topic.asking or {}
            topic.asking[waiter] = None
            pool.wanting = pool.wanting or {}
            pool.wanting[topic] = None
        else:
            pool.asking = pool.asking or {}
            pool.asking[waiter] = None

    def _submit(self, pool: Pool, now: float) -> None:
        """Queue what is asked for, send what there are slots for, and set the timer."""
        if pool.asking and len(pool.topics) == 1:
            asking, pool.asking = pool.asking, None
            for waiter in asking:
                self._ask(waiter, needs_get=True)
        if pool.asking:
            self._queue_up(pool)
        for topic in list(pool.wanting or ()):
            self._queue_up(topic)
        self._pump(now)
        self._arm(pool, now)

    def _queue_up(self, place: Pool | Topic) -> None:
        if place.request is None and not place.is_queued:
            place.is_queued = True
            self._queue.append(place)

    def _pump(self, now: float) -> None:
        while self._free > 0 and self._queue:
            place = self._queue.popleft()
            pool = place if isinstance(place, Pool) else place.pool
            place.is_queued = False
            asking, place.asking = place.asking, None
            if pool.wanting and isinstance(place, Topic):
                pool.wanting.pop(place, None)
            # A 429 may have come since they were queued.
            aboard = dict.fromkeys(self._hold_back(pool, list(asking or ()), now))
            if aboard:
                self._send(place, aboard, now)
            elif asking:
                self._arm(pool, now)

    def _send(self, place: Pool | Topic, aboard: dict[Waiter, None], now: float) -> None:
        pool = place if isinstance(place, Pool) else place.pool
        topic = place if isinstance(place, Topic) else None
        request = InFlight(pool, topic, now, aboard)
        for waiter in aboard:
            waiter.request = request
        pool.cut = min(pool.cut, *(waiter.wait.cut_at(now) for waiter in aboard))
        place.request = request
        pool.sent_at, pool.is_spread = now, False
        self._requests[request] = None
        self._free -= 1
        request.task = asyncio.get_running_loop().create_task(self._poll(request))
        # Not in the task itself: one that is cancelled before its first step runs no line of it.
        request.task.add_done_callback(lambda task: self._landed(request, task))

    async def _poll(self, request: InFlight) -> object:
        region, instance_id = request.pool.key
        if request.topic is None:
            return await self._caller.poll(endpoints.list_snapshots(instance_id, region=region))

        return await self._caller.poll(
            endpoints.get_snapshot(SnapshotRef(instance_id, request.topic.reference, region))
        )

    # ---- in

    def _guarded(self, pool: Pool, serve: Callable[[Pool, float], None]) -> None:
        """Run a callback; a bug in it is no lost wait (invariant 5)."""
        try:
            serve(pool, self._clock.now())
        except Exception as bug:  # noqa: BLE001 - raised by each wait of the pool
            self._end(pool, partial(_same, bug))

    def _landed(self, request: InFlight, task: "asyncio.Task[Any]") -> None:
        """Free the slot, and hand on what the request came to."""
        place = request.topic or request.pool
        place.request = None
        del self._requests[request]
        self._free += 1
        aboard, request.aboard = request.aboard, {}
        for waiter in aboard:
            waiter.request = None
        outcome = None if task.cancelled() else task.exception() or task.result()
        self._guarded(request.pool, lambda _, now: self._land(request, list(aboard), outcome, now))
        self._pump(self._clock.now())

    def _land(self, request: InFlight, aboard: list[Waiter], outcome: object, now: float) -> None:
        """Hand a response, or what came in its place, to all whom it concerns."""
        if isinstance(outcome, RateLimitedError):
            self._throttle(request.pool, outcome.retry_after or _DEFAULT_THROTTLE, now)
        if isinstance(outcome, Snapshot) and request.topic is not None:
            self._show(request.topic, outcome, request.sent_at, aboard, now)
        elif isinstance(outcome, tuple):
            listed = cast("tuple[Snapshot, ...]", outcome)
            self._show_all(request, listed, None, aboard, now)
        elif isinstance(outcome, DecodeError) and request.topic is None:
            # Who is looking for another one goes on by what can be read.
            self._show_all(request, outcome.snapshots, outcome, aboard, now)
        elif isinstance(outcome, Exception):
            self._fail(request, aboard, outcome, now)
        else:
            # Cancelled by somebody else: those who still wait ask anew.
            for waiter in [each for each in aboard if not each.future.done()]:
                self._ask(waiter)
        self._submit(request.pool, now)

    def _throttle(self, pool: Pool, told: float, now: float) -> None:
        """Hold all waits back until the moment that Civo has told."""
        # The first who was told comes back first, at that very moment; all others spread out.
        pool.is_spread = now >= self._throttled_until
        self._limited_at = now
        self._throttled_until = max(self._throttled_until, now + min(told, _MAX_THROTTLE))

    def _show(
        self, topic: Topic, seen: Snapshot, sent_at: float, aboard: list[Waiter], now: float
    ) -> None:
        """Show a snapshot to those who asked and, where it has changed, to all others."""
        was_aboard = set(aboard)
        if topic.last is not None and topic.last == seen:
            seen, concerned = topic.last, aboard
        else:
            concerned = list(topic.waiters)
        topic.last = seen
        for waiter in concerned:
            self._deliver(waiter, seen, sent_at, now, was_aboard=waiter in was_aboard)

    def _show_all(
        self,
        request: InFlight,
        listed: tuple[Snapshot, ...],
        unreadable: DecodeError | None,
        aboard: list[Waiter],
        now: float,
    ) -> None:
        pool = request.pool
        index = listing.by_id_and_name(listed)
        by_topic: dict[Topic, list[Waiter]] = {topic: [] for topic in pool.topics.values()}
        for waiter in aboard:
            by_topic[waiter.topic].append(waiter)
        for topic, concerned in by_topic.items():
            summary = index.get(topic.reference.casefold())
            is_hidden = unreadable is not None and unreadable.may_hide(topic.reference)
            if summary is not None and not is_hidden:
                self._show_summary(topic, summary, request.sent_at, concerned, now)
                continue
            for waiter in concerned:
                self._ask(waiter, needs_get=True)

    def _show_summary(
        self, topic: Topic, summary: Snapshot, sent_at: float, aboard: list[Waiter], now: float
    ) -> None:
        """Show what a list says; who needs to know more asks for a get."""
        is_bare = listing.leaves_out_volumes(summary)
        seen = listing.with_known_volumes(summary, topic.last)
        if topic.last is not None and seen == topic.last:
            seen, concerned = topic.last, aboard
        else:
            concerned = list(topic.waiters)
        if seen.phase.is_terminal:
            concerned = list(topic.waiters)
        was_aboard, believing = set(aboard), list[Waiter]()
        for waiter in concerned:
            if waiter.wait.goal.needs_get(seen):
                self._ask_for_a_get(waiter)
            elif not (is_bare and waiter.wakes_on):
                believing.append(waiter)
            elif waiter in was_aboard:
                self._ask(waiter, needs_get=True)
        if believing:
            topic.last = seen
        for waiter in believing:
            self._deliver(waiter, seen, sent_at, now, was_aboard=waiter in was_aboard)

    def _ask_for_a_get(self, waiter: Waiter) -> None:
        """Let it ask for a get, wherever it is, unless one is in flight for it."""
        if waiter.request is None or waiter.request.topic is None:
            self._give_up(waiter)
            if waiter.topic.pool.asking:
                waiter.topic.pool.asking.pop(waiter, None)
            waiter.at = None
            self._ask(waiter, needs_get=True)

    def _fail(self, request: InFlight, aboard: list[Waiter], error: Exception, now: float) -> None:
        for waiter in aboard:
            if request.topic is None and _is_of_the_list(error):
                self._ask(waiter, needs_get=True)
            elif request.sent_at < waiter.wait.due and isinstance(error, CivoSnapshotsError):
                # It would not have polled then: no trouble of its own (invariant 1).
                waiter.topic.pool.put_to_sleep(waiter, waiter.wait.due)
            else:
                # Each has its own, as it gets the context of its wait.
                self._deliver(waiter, _own(error), request.sent_at, now, was_aboard=True)

    def _deliver(
        self, waiter: Waiter, outcome: object, sent_at: float, now: float, *, was_aboard: bool
    ) -> None:
        wait = waiter.wait
        if waiter.future.done():
            return
        is_early = sent_at < wait.due
        events = waiter.context.run(wait.observe, now, outcome, asked_at=sent_at, is_early=is_early)
        if wait.is_over or any(isinstance(event, waiter.wakes_on) for event in events):
            self._finish(waiter, events)
        elif not is_early:
            # It may be in flight elsewhere, for a get that it needs no more.
            self._detach(waiter)
            self._schedule(waiter, now)
        elif was_aboard:
            # Its own poll is due all the same.
            waiter.topic.pool.put_to_sleep(waiter, wait.due)

    def _cut(self, pool: Pool, now: float) -> None:
        """End the polls of those who have no time left for the response."""
        pool.cut = math.inf
        awake = [
            waiter
            for topic in pool.topics.values()
            for waiter in topic.waiters
            if waiter.at is None
        ]
        for waiter in awake:
            asked_at = waiter.request.sent_at if waiter.request else waiter.wait.due
            if waiter.wait.cut_at(asked_at) > now:
                pool.cut = min(pool.cut, waiter.wait.cut_at(asked_at))
                continue
            self._give_up(waiter)
            if asked_at < waiter.wait.due:
                pool.put_to_sleep(waiter, waiter.wait.due)
            else:
                self._deliver(waiter, late(), asked_at, now, was_aboard=True)


def _is_of_the_list(error: Exception) -> bool:
    """Tell whether a get may do better: a list may fail for a snapshot that is not theirs."""
    return (
        isinstance(error, ApiError)
        and error.retry_after is None
        and not isinstance(error, (AuthenticationError, RateLimitedError))
    )


def _closed() -> SessionClosedError:
    return SessionClosedError("the session was closed while this call ran")


def _same(error: Exception) -> Exception:
    return error


def _own(error: Exception) -> Exception:
    # One of the caller's making may not be one that can be copied.
    if not isinstance(error, CivoSnapshotsError):
        return error
    own = copy.copy(error)
    own.__cause__ = error.__cause__

    return own
