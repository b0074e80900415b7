"""One session's looks at snapshots, shared by all who wait for them.

Those who wait on one instance form a group. When one of them is due, that one looks for all: with
a *get* while all wait for the same snapshot, else with one *list*. A list gives summaries: a
snapshot that it calls settled, or leaves out, is then got by who waits for it. A request that is
under way belongs to all who stay for its answer, and ends when the last of them goes.
"""

import asyncio
import copy
from collections import Counter

import attrs

from . import _endpoints as endpoints
from ._caller import Caller
from ._clock import Clock
from ._errors import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    RateLimitedError,
)
from ._events import changes
from ._looking import Due, Seen, in_time
from ._models import Snapshot

Outcome = Snapshot | CivoSnapshotsError


# One answer can't silence a whole session for longer than this many seconds.
_LONGEST_QUIET = 60.0


@attrs.define(eq=False)
class _Waiter:
    """Someone who waits for the next look at a snapshot."""

    snapshot_id: str
    due: Due[Snapshot]
    seen: Seen[Snapshot] | None = None
    """What their own look, or another's, has shown them."""
    gets_from: float | None = None
    """When a list was asked for that showed that only a get will tell."""
    sleep: asyncio.Timeout | None = None
    """What wakes them before they are due."""

    def wake(self) -> None:
        """End their sleep."""
        if self.sleep is not None:
            self.sleep.reschedule(asyncio.get_running_loop().time())
            self.sleep = None


@attrs.define(eq=False)
class _Flight:
    """One request that is under way, for all who waited when it was sent."""

    began: float
    is_list: bool
    waiters: frozenset[_Waiter]
    due: frozenset[_Waiter]
    """Those of them who would have looked themselves by then."""
    task: asyncio.Task[None] = attrs.field(init=False)
    riders: int = 0
    """How many stay for its end: it is nobody's alone, and ends with the last of them."""

    def serves(self, waiter: _Waiter) -> bool:
        """Whether it was sent for them too, no sooner than what they wait for was due."""
        if waiter.gets_from is None:
            return waiter in self.due

        return waiter in self.waiters and not self.is_list and self.began >= waiter.gets_from

    async def ride(self) -> None:
        """Wait for its end; cancelled, leave it to the others."""
        self.riders += 1
        try:
            await asyncio.shield(self.task)
        finally:
            self.riders -= 1
            if not self.riders and not self.task.done():
                self.task.cancel()
                await asyncio.wait([self.task])


@attrs.frozen(eq=False)
class _Group:
    """Those who wait on one instance, and the requests that are under way for them."""

    instance_id: str
    region: str
    waiters: set[_Waiter] = attrs.field(factory=set[_Waiter])
    moments: Counter[float] = attrs.field(factory=Counter[float])
    """When they are due, and how many of them are."""
    flights: list[_Flight] = attrs.field(factory=list[_Flight])

    def join(self, waiter: _Waiter) -> None:
        """Wait with the others."""
        self.waiters.add(waiter)
        self.moments[waiter.due.at] += 1

    def leave(self, waiter: _Waiter) -> None:
        """Wait no more."""
        self.waiters.remove(waiter)
        self.moments[waiter.due.at] -= 1
        if not self.moments[waiter.due.at]:
            del self.moments[waiter.due.at]


class SharedLooks:
    """All looks of one session."""

    def __init__(self, clock: Clock, caller: Caller) -> None:
        self._clock = clock
        self._caller = caller
        self._groups: dict[tuple[str, str], _Group] = {}
        self._quiet_until = 0.0

    def at(self, instance_id: str, snapshot_id: str, region: str) -> "SharedSource":
        """Return the looks at one snapshot."""
        return SharedSource(self, instance_id, snapshot_id, region)

    def planned(
        self, instance_id: str, region: str, earliest: float, latest: float
    ) -> float | None:
        """Return the first moment between the two at which somebody of the group looks."""
        group = self._groups.get((instance_id, region))
        moments = group.moments if group else ()

        return min((at for at in moments if earliest <= at <= latest), default=None)

    async def look(
        self, instance_id: str, snapshot_id: str, region: str, due: Due[Snapshot]
    ) -> Seen[Snapshot]:
        """Look when it is due, for the whole group; or be told before."""
        place = instance_id, region
        group = self._groups.setdefault(place, _Group(*place))
        waiter = _Waiter(snapshot_id, due)
        group.join(waiter)
        try:
            while waiter.seen is None:
                await self._sleep(waiter)
                await self._be_served(group, waiter)
        finally:
            group.leave(waiter)
            if not group.waiters:
                self._groups.pop(place, None)

        return waiter.seen

    async def _sleep(self, waiter: _Waiter) -> None:
        # Those who begin together get to know each other before the first of them looks.
        await asyncio.sleep(0)
        while waiter.seen is None and waiter.gets_from is None:
            pause = self._moment(waiter.due) - self._clock.now()
            if pause <= 0:
                return
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    waiter.sleep = scope
                    await self._clock.sleep(pause)
            except TimeoutError:
                if not scope.expired():
                    raise
            finally:
                waiter.sleep = None

    def _moment(self, due: Due[Snapshot]) -> float:
        # Told to slow down, everybody does; a last look that would come too late is still taken.
        return min(max(due.at, self._quiet_until), max(due.at, due.deadline))

    async def _be_served(self, group: _Group, waiter: _Waiter) -> None:
        if waiter.seen is not None:
            return
        flight = next((each for each in group.flights if each.serves(waiter)), None)
        flight = flight or self._start(group, waiter)
        outcome = await in_time(self._clock, waiter.due.deadline, flight.ride)
        waiter.seen = waiter.seen or _seen_late(outcome)

    def _start(self, group: _Group, leader: _Waiter) -> _Flight:
        same = {each for each in group.waiters if each.snapshot_id == leader.snapshot_id}
        is_get = leader.gets_from is not None or leader.due.is_final or same == group.waiters
        now = self._clock.now()
        aboard = same if is_get else group.waiters
        flight = _Flight(
            began=now,
            is_list=not is_get,
            waiters=frozenset(aboard),
            due=frozenset(each for each in aboard if self._moment(each.due) <= now),
        )
        # Not in the leader's own task: the others' look does not end with the leader's time.
        flight.task = asyncio.create_task(self._fly(group, leader.snapshot_id, flight))
        group.flights.append(flight)

        return flight

    async def _fly(self, group: _Group, snapshot_id: str, flight: _Flight) -> None:
        try:
            landed = await self._ask(group, None if flight.is_list else snapshot_id)
        finally:
            group.flights.remove(flight)
        for waiter in flight.waiters:
            self._tell(waiter, _readable_for(waiter, landed), flight)
        # From now on: what has arrived has arrived.
        self._slow_down(landed)

    async def _ask(self, group: _Group, snapshot_id: str | None) -> Outcome | tuple[Snapshot, ...]:
        try:
            if snapshot_id is None:
                return await self._caller.poll(
                    endpoints.list_snapshots(group.instance_id, region=group.region)
                )
            return await self._caller.poll(
                endpoints.get_snapshot(group.instance_id, snapshot_id, region=group.region)
            )
        except CivoSnapshotsError as error:
            return error

    def _slow_down(self, landed: object) -> None:
        if isinstance(landed, RateLimitedError) and landed.retry_after:
            pause = min(landed.retry_after, _LONGEST_QUIET)
            self._quiet_until = max(self._quiet_until, self._clock.now() + pause)

    def _tell(
        self, waiter: _Waiter, landed: Outcome | tuple[Snapshot, ...], flight: _Flight
    ) -> None:
        if waiter.seen is not None:
            return
        is_due = waiter in flight.due
        if flight.is_list and isinstance(landed, CivoSnapshotsError) and _is_of_the_list(landed):
            waiter.gets_from = flight.began if is_due else None
        elif isinstance(landed, CivoSnapshotsError):
            waiter.gets_from = None
            # Trouble that they would not have met themselves is not theirs. Each has a copy: it
            # gets the context of each one's wait.
            if is_due:
                waiter.seen = Seen(outcome=copy.copy(landed))
        elif isinstance(landed, Snapshot):
            was_asked = waiter.gets_from is not None
            waiter.gets_from = None
            if is_due or was_asked or _is_news(waiter.due.last, landed):
                waiter.seen = Seen(outcome=landed, is_early=not is_due)
        else:
            self._tell_of_list(waiter, landed, flight, is_due=is_due)
        if waiter.seen is not None or waiter.gets_from is not None:
            waiter.wake()

    def _tell_of_list(
        self, waiter: _Waiter, listed: tuple[Snapshot, ...], flight: _Flight, *, is_due: bool
    ) -> None:
        summary = _summary(waiter, listed)
        if summary is None:
            if is_due:
                waiter.gets_from = flight.began
        elif summary.phase.is_settled:
            waiter.gets_from = flight.began
        elif is_due or _is_news(waiter.due.last, summary):
            waiter.seen = Seen(outcome=summary, is_early=not is_due)


@attrs.frozen
class SharedSource:
    """The looks at one snapshot, shared with those of the session's other waiters."""

    looks: SharedLooks
    instance_id: str
    snapshot_id: str
    region: str

    async def look(self, due: Due[Snapshot]) -> Seen[Snapshot]:
        """Look when it is due, or give what another look shows before."""
        return await self.looks.look(self.instance_id, self.snapshot_id, self.region, due)

    def planned(self, earliest: float, latest: float) -> float | None:
        """Return a moment between the two at which somebody looks anyway, if there is one."""
        return self.looks.planned(self.instance_id, self.region, earliest, latest)


def _readable_for(
    waiter: _Waiter, landed: Outcome | tuple[Snapshot, ...]
) -> Outcome | tuple[Snapshot, ...]:
    """Go on by what of a list can be read, unless theirs may be in what can't."""
    if isinstance(landed, DecodeError) and not landed.may_hide(waiter.snapshot_id):
        return landed.snapshots

    return landed


def _is_of_the_list(error: CivoSnapshotsError) -> bool:
    """Tell whether a get may do better: a list may fail for a snapshot that is not theirs."""
    if isinstance(error, ApiError):
        return error.retry_after is None and not isinstance(
            error, (AuthenticationError, RateLimitedError)
        )

    return isinstance(error, DecodeError)


def _seen_late(outcome: object) -> Seen[Snapshot] | None:
    """Make the error of a request that took too long what they have seen."""
    return Seen(outcome=outcome) if isinstance(outcome, CivoSnapshotsError) else None


def _summary(waiter: _Waiter, listed: tuple[Snapshot, ...]) -> Snapshot | None:
    """Find their snapshot in a list; `None` where the list does not say enough of it."""
    asked = waiter.snapshot_id.casefold()
    found = [each for each in listed if asked in (each.id.casefold(), each.name.casefold())]
    if len(found) != 1:
        return None
    summary = found[0]
    if summary.status.volumes or not summary.state:
        return summary
    if waiter.due.needs_volumes:
        return None
    known = waiter.due.last.status.volumes if waiter.due.last else ()

    return attrs.evolve(summary, status=attrs.evolve(summary.status, volumes=known))


def _is_news(last: Snapshot | None, snapshot: Snapshot) -> bool:
    return last is None or last.phase is not snapshot.phase or bool(changes(last, snapshot))
