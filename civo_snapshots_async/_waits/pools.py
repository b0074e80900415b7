"""The places of waiters: asleep, or subscribed to a poll that is queued or in flight.

`poller` opens with the map of it all; a comment here that names an invariant means one of its.
"""

import asyncio
import itertools
import math
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import copy_context
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any

import attrs

from .._clock import Handle
from .._events import SnapshotEvent
from .._models import Snapshot
from .alone import draw
from .wait import Target, Wait

_at = attrgetter("at")
# Two waiters that run out of time at once must not be compared with each other.
_number = itertools.count()


class Waiter(asyncio.Future[tuple[SnapshotEvent, ...]]):
    """One wait, and the future that its task awaits: its result is the events that wake the task.

    As with `asyncio.gather`, the future itself handles its cancellation. A coroutine around it,
    with a `finally`, would cost as much memory as the whole wait.
    """

    __slots__ = ("context", "is_canceled", "place", "topic", "wait", "wakes_on")

    def __init__(self, wait: Wait[Any], wakes_on: tuple[type, ...], topic: "Topic") -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.wait = wait
        self.wakes_on = wakes_on
        """The types of the events that wake it; without any, only its end does."""
        self.topic = topic
        self.context = copy_context()
        """The context of its task, in which its log records and the caller's strategies run."""
        self.place: DueTime | Poll | None = None
        self.is_canceled = False

    @property
    def is_asleep(self) -> bool:
        """Whether it is not due yet."""
        return isinstance(self.place, DueTime)

    def is_woken_by(self, events: tuple[SnapshotEvent, ...]) -> bool:
        """Tell whether these events, or its end, wake its task."""
        return self.wait.is_over or any(isinstance(event, self.wakes_on) for event in events)

    def move(self, place: "DueTime | Poll | None") -> "asyncio.Task[object] | None":
        """Leave its place for another one (invariant 2); return the request that this cancels."""
        left, self.place = self.place, place
        if place is left:
            return None
        if place is not None:
            place.waiters[self] = None

        return None if left is None else left.drop(self)

    def finish(self, events: tuple[SnapshotEvent, ...]) -> None:
        """Leave, and wake the task; first let a request that was for this wait alone end."""
        ending = self._leave()
        if ending is None or ending.done():
            self._wake(events)
        else:
            ending.add_done_callback(lambda _: self._wake(events))

    def cancel(self, msg: object = None) -> bool:
        """Leave, and be canceled when its request has ended; a second time, at once (invariant 3).

        It leaves in the next turn of the loop, as it may be canceled between any two steps of the
        poller (invariant 9).
        """
        if self.done():
            return False
        if self.is_canceled:
            return super().cancel(msg)
        self.is_canceled = True
        self.get_loop().call_soon(self._leave_canceled, msg)

        return True

    def _leave_canceled(self, msg: object) -> None:
        ending = self._leave()
        if ending is None or ending.done():
            super().cancel(msg)
        else:
            ending.add_done_callback(lambda _: super(Waiter, self).cancel(msg))

    def _wake(self, events: tuple[SnapshotEvent, ...]) -> None:
        # Nothing else wakes a task that was canceled meanwhile.
        if not self.is_canceled:
            self.set_result(events)

    def _leave(self) -> "asyncio.Task[object] | None":
        if self not in self.topic.waiters:
            return None
        ending = self.move(None)
        del self.topic.waiters[self]
        self.topic.tidy()

        return ending


# Memory: a thousand instances need a thousand of each of the next three. No weak references.
@attrs.define(eq=False, repr=False, weakref_slot=False)
class DueTime:
    """All waiters of a pool that sleep until the same time."""

    at: float
    pool: "Pool"
    waiters: dict[Waiter, None] = attrs.field(factory=dict[Waiter, None])

    def drop(self, waiter: Waiter) -> None:
        """Remove a waiter, and this time with the last one."""
        del self.waiters[waiter]
        if not self.waiters:
            due_times = self.pool.due_times
            del due_times[bisect_left(due_times, self.at, key=_at)]


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Topic:
    """One snapshot and all who wait for it: the target of a get."""

    pool: "Pool"
    ref: Target
    """Its address, as the first waiter named it."""
    waiters: dict[Waiter, None] = attrs.field(factory=dict[Waiter, None])
    last: Snapshot | None = None
    """The snapshot as last seen: while nothing changes, all waits hold this one value."""
    sent_at: float = -math.inf
    """When the request was sent that showed `last`."""
    got_at: float = -math.inf
    """When a get last showed it, with its volumes."""
    next_poll: "Poll | None" = None
    """The get that comes next, and has subscribers already."""
    in_flight: "Poll | None" = None
    is_unlisted: bool = False
    """Whether the account-wide list did not show it, so that gets poll it."""

    def tidy(self) -> None:
        """Forget it when it has no waiter, and no request in flight (invariant 4)."""
        if not self.waiters and self.in_flight is None:
            self.pool.topics.pop(self.pool.key_of(self.ref), None)
            self.pool.tidy()


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Pool:
    """All who wait on one instance, or one account: the target of a list, which serves them all."""

    pools: "Pools"
    region: str
    instance_id: str
    """Empty for all instances of the account."""
    topics: dict[str, Topic] = attrs.field(factory=dict[str, Topic])
    due_times: list[DueTime] = attrs.field(factory=list[DueTime])
    """In order of time."""
    next_poll: "Poll | None" = None
    """The list that comes next, and has subscribers already."""
    in_flight: "Poll | None" = None
    timer: Handle | None = None
    timer_at: float = math.inf
    cut: float = math.inf
    """No waiter that is awake runs out of time before this time."""
    cuts: list[tuple[float, int, Waiter]] | None = None
    """When each of them does, as a heap; not made before the first one does, as few ever do."""
    sent_at: float = -math.inf
    """When the last request of the pool was sent."""
    is_spread: bool = False
    """Whether its next poll comes at a random time after a 429, and is not delayed again."""

    @property
    def is_of_account(self) -> bool:
        """Whether its list is the account-wide one."""
        return not self.instance_id

    def key_of(self, ref: Target) -> str:
        """Return the key of a topic in this pool."""
        key = f"{ref.instance_id}/{ref.snapshot_id}" if self.is_of_account else ref.snapshot_id

        return key.casefold()

    def waiters(self) -> list[Waiter]:
        """Return all waiters of the pool."""
        return [waiter for topic in self.topics.values() for waiter in topic.waiters]

    def sleep(self, waiter: Waiter, at: float) -> None:
        """Let a waiter sleep until that time."""
        index = bisect_left(self.due_times, at, key=_at)
        if index == len(self.due_times) or self.due_times[index].at != at:
            self.due_times.insert(index, DueTime(at, self))
        waiter.move(self.due_times[index])

    def pick(self, earliest: float, latest: float) -> float:
        """Return the first time in a span at which another waiter is due, or a random one."""
        if latest <= earliest:
            return earliest
        index = bisect_left(self.due_times, earliest, key=_at)
        if index < len(self.due_times) and self.due_times[index].at <= latest:
            return self.due_times[index].at

        return draw(earliest, latest)

    def wake(self, now: float) -> list[Waiter]:
        """Wake the waiters that are due, and return them."""
        due: list[Waiter] = []
        while self.due_times and self.due_times[0].at <= now:
            due += self.due_times.pop(0).waiters
        for waiter in due:
            waiter.place = None

        return due

    def limit(self, waiter: Waiter, at: float) -> None:
        """Note when a waiter that is awake runs out of time."""
        self.cut = min(self.cut, at)
        if self.cuts is not None:
            heappush(self.cuts, (at, next(_number), waiter))

    def out_of_time(self, now: float) -> list[tuple[Waiter, "Poll"]]:
        """Return the waiters that have run out of time, with the polls that they wait for."""
        if now < self.cut:
            return []
        if self.cuts is None:
            self.cuts = [
                (place.cut_of(waiter), next(_number), waiter)
                for waiter in self.waiters()
                if isinstance(place := waiter.place, Poll)
            ]
            heapify(self.cuts)
        out: list[tuple[Waiter, Poll]] = []
        while self.cuts and self.cuts[0][0] <= now:
            waiter = heappop(self.cuts)[2]
            # It may be in another place by now, or its request may have been sent.
            if isinstance(place := waiter.place, Poll) and place.cut_of(waiter) <= now:
                out.append((waiter, place))
        self.cut = self.cuts[0][0] if self.cuts else math.inf

        return out

    def tidy(self) -> None:
        """Forget it when it has no topic, and no list in flight (invariant 4)."""
        if not self.topics and self.in_flight is None:
            self.pools.forget(self)
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None


@attrs.define(eq=False, repr=False, weakref_slot=False)
class Poll:
    """One request, queued and then in flight; its waiters are the subscribers to its response."""

    target: Pool | Topic
    """What is polled: an instance by a list, a snapshot by a get."""
    waiters: dict[Waiter, None] = attrs.field(factory=dict[Waiter, None])
    is_last: bool = False
    """Whether it is the last poll of one of its waiters."""
    sent_at: float = math.inf
    task: "asyncio.Task[Any] | None" = None

    @property
    def pool(self) -> Pool:
        """The pool of its subscribers."""
        return self.target if isinstance(self.target, Pool) else self.target.pool

    @property
    def is_get(self) -> bool:
        """Whether it is for one snapshot."""
        return isinstance(self.target, Topic)

    def cut_of(self, waiter: Waiter) -> float:
        """Return when one of its waiters runs out of time (invariant 8)."""
        wait = waiter.wait

        return wait.queues_until if self.task is None else wait.cut_at(self.sent_at)

    def drop(self, waiter: Waiter) -> "asyncio.Task[Any] | None":
        """Remove a waiter; the last one unqueues or cancels the request (invariant 3)."""
        del self.waiters[waiter]
        if self.waiters:
            return None
        if self.task is None:
            self.target.next_poll = None
            self.pool.pools.queue.discard(self)
        else:
            self.task.cancel()

        return self.task


class Queue:
    """Polls that wait for a slot, in order; the last polls of waits go first."""

    def __init__(self) -> None:
        # Not plain dicts: taking the first entry of one after another is quadratic.
        self._last: OrderedDict[Poll, None] = OrderedDict()
        self._others: OrderedDict[Poll, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last) + len(self._others)

    def add(self, poll: Poll) -> None:
        """Add a poll, or move it forward if it has become the last poll of a wait."""
        if poll.is_last:
            self._others.pop(poll, None)
            self._last[poll] = None
        else:
            self._others[poll] = None

    def discard(self, poll: Poll) -> None:
        """Remove a poll, if it is in the queue."""
        self._last.pop(poll, None)
        self._others.pop(poll, None)

    def pop(self) -> Poll:
        """Remove and return the next poll."""
        return (self._last or self._others).popitem(last=False)[0]


class Pools:
    """All pools of a session, and the queue of their polls."""

    def __init__(self) -> None:
        self.queue = Queue()
        self._pools: dict[tuple[str, str], Pool] = {}
        self._without_account_list: set[str] = set()

    def __iter__(self) -> Iterator[Pool]:
        return iter(list(self._pools.values()))

    def enter(self, wait: Wait[Any], wakes_on: tuple[type, ...]) -> Waiter:
        """Return a waiter for a wait, in its pool and topic, but in no place yet."""
        waiter = Waiter(wait, wakes_on, self._topic_of(wait))
        waiter.topic.waiters[waiter] = None

        return waiter

    def split_by_instance(self, pool: Pool) -> list[Waiter]:
        """Move all waiters of an account-wide pool to the pools of their instances; return them.

        Waits that start later in its region go there at once.
        """
        self._without_account_list.add(pool.region)
        moved = pool.waiters()
        for waiter in moved:
            left = waiter.topic
            waiter.move(None)
            del left.waiters[waiter]
            waiter.topic = self._topic_of(waiter.wait)
            if left.last is not None and left.sent_at > waiter.topic.sent_at:
                waiter.topic.last, waiter.topic.sent_at = left.last, left.sent_at
            waiter.topic.waiters[waiter] = None
        for topic in list(pool.topics.values()):
            topic.tidy()

        return moved

    def _topic_of(self, wait: Wait[Any]) -> Topic:
        target = wait.target
        is_of_account = wait.is_of_account and target.region not in self._without_account_list
        where = target.region, "" if is_of_account else target.instance_id
        pool = self._pools.get(where)
        if pool is None:
            pool = self._pools[where] = Pool(self, *where)
        key = pool.key_of(target)
        topic = pool.topics.get(key)
        if topic is None:
            topic = pool.topics[key] = Topic(pool, target)

        return topic

    def forget(self, pool: Pool) -> None:
        """Remove a pool that nothing needs any more."""
        where = pool.region, pool.instance_id
        if self._pools.get(where) is pool:
            del self._pools[where]
