"""Who waits for what, and when each is due."""

import asyncio
import math
from bisect import bisect_left, insort
from contextvars import Context
from typing import Any

import attrs

from .._clock import Handle
from .._models import Snapshot
from .wait import Wait


@attrs.define(eq=False)
class Waiter:
    """One wait, and the task that sleeps until there is news for it.

    It is asleep (`at` is set), in a request that is in flight (`request` is set), or asking.
    """

    wait: Wait[Any]
    wakes_on: tuple[type, ...]
    """The events that end its sleep; without any, only its end does."""
    topic: "Topic"
    future: "asyncio.Future[object]"
    context: Context
    """That of its task: what is logged for it, and the caller's strategies, run there."""
    at: float | None = None
    """The moment at which it asks, while it is asleep."""
    request: "InFlight | None" = None
    ending: "asyncio.Task[Any] | None" = None
    """A request that was cancelled as this wait, the last one that it was for, gave it up."""


@attrs.define(eq=False)
class Topic:
    """One snapshot, and all who wait for it."""

    pool: "Pool"
    reference: str
    """Its id or name, as the first of them named it."""
    waiters: dict[Waiter, None] = attrs.field(factory=dict[Waiter, None])
    asking: dict[Waiter, None] | None = None
    """Those who need a get."""
    last: Snapshot | None = None
    """As it was last seen: while nothing changes, all hold this one value."""
    request: "InFlight | None" = None
    is_queued: bool = False


@attrs.define(eq=False)
class Pool:
    """All who wait on one instance: whom one list can serve."""

    key: tuple[str, str]
    """The region and the instance."""
    topics: dict[str, Topic] = attrs.field(factory=dict[str, Topic])
    asking: dict[Waiter, None] | None = None
    """Those who are due, and whom a list will do."""
    request: "InFlight | None" = None
    """The list that is in flight."""
    is_queued: bool = False
    wanting: dict[Topic, None] | None = None
    """The topics of which somebody needs a get."""
    cut: float = math.inf
    """The first moment at which somebody has no time left for the response."""
    timer: Handle | None = None
    timer_at: float = math.inf
    sent_at: float = -math.inf
    """When the last request for it was sent."""
    is_spread: bool = False
    """Whether its next poll comes at a random moment after a 429, and is not put off again."""
    moments: list[float] = attrs.field(factory=list[float])
    """When somebody is due, in order."""
    sleeping: dict[float, list[Waiter]] = attrs.field(factory=dict[float, list[Waiter]])
    """Who is due at each of them; who has left, or was woken before, is still in the list."""

    def put_to_sleep(self, waiter: Waiter, at: float) -> None:
        """Let it ask at that moment."""
        waiter.at = at
        if at not in self.sleeping:
            self.sleeping[at] = []
            insort(self.moments, at)
        self.sleeping[at].append(waiter)

    def joined(self, earliest: float, latest: float) -> float | None:
        """Return the first moment of a span at which somebody is due anyway."""
        place = bisect_left(self.moments, earliest)
        if place < len(self.moments) and self.moments[place] <= latest:
            return self.moments[place]

        return None

    def wake(self, now: float) -> list[Waiter]:
        """Return those who are due, no longer asleep."""
        due: list[Waiter] = []
        while self.moments and self.moments[0] <= now:
            moment = self.moments.pop(0)
            due += (waiter for waiter in self.sleeping.pop(moment) if waiter.at == moment)
        for waiter in due:
            waiter.at = None

        return due


@attrs.define(eq=False)
class InFlight:
    """One request that was sent, for all who wait for its response."""

    pool: Pool
    topic: Topic | None
    """What is got; `None` for a list."""
    sent_at: float
    aboard: dict[Waiter, None]
    task: "asyncio.Task[Any]" = attrs.field(init=False)
