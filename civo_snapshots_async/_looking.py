"""When a wait looks at a snapshot, and which of what it meets is worth another look."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import attrs

from ._clock import Clock
from ._errors import (
    ApiError,
    CivoSnapshotsError,
    NotFoundError,
    SnapshotNotFoundError,
    TransportTimeoutError,
)
from ._pacing import Pacing, PollPolicy

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# A look that begins when the time is nearly up may outlive it by this many seconds.
_LAST_LOOK_GRACE = 0.25
# The most that is kept back of the time for the last look, in seconds.
_LONGEST_RESERVE = 5.0


@attrs.frozen(kw_only=True)
class Due(Generic[T]):
    """The next look that somebody wants: when, and what of it is news."""

    at: float
    """The moment, on the clock, at which they look themselves."""
    deadline: float = math.inf
    """The moment at which an answer is of no use any more, but for a short grace."""
    is_final: bool = False
    """Whether it is the last look that there will be."""
    needs_volumes: bool = False
    """Whether each change of a volume matters, and not the end alone."""
    last: T | None = None
    """What they have seen already."""


@attrs.frozen(kw_only=True)
class Seen(Generic[T_co]):
    """What a look came to."""

    outcome: T_co | CivoSnapshotsError
    is_early: bool = False
    """Whether somebody else looked, before it was due, and there was news."""


class Source(Protocol[T]):
    """Whatever looks at a snapshot, or at something else, when it is due."""

    async def look(self, due: Due[T]) -> Seen[T]:
        """Look when it is due, or give what another look shows before."""
        ...

    def planned(self, earliest: float, latest: float) -> float | None:
        """Return a moment between the two at which somebody looks anyway, if there is one."""
        ...


@attrs.frozen
class Alone(Generic[T]):
    """Looks for one waiter, when they are due."""

    fetch: Callable[[], Awaitable[T]]
    clock: Clock

    async def look(self, due: Due[T]) -> Seen[T]:
        """Sleep until it is due, and look."""
        pause = due.at - self.clock.now()
        if pause > 0:
            await self.clock.sleep(pause)

        return Seen(outcome=await in_time(self.clock, due.deadline, self.fetch))

    def planned(self, earliest: float, latest: float) -> float | None:
        """Know of nobody else."""
        del earliest, latest

        return None


async def in_time(
    clock: Clock, deadline: float, ask: Callable[[], Awaitable[T]]
) -> T | CivoSnapshotsError:
    """Ask, until the deadline and a short grace; an error of ours is an outcome too."""
    remaining = deadline - clock.now()
    limit = None if remaining == math.inf else max(remaining, _LAST_LOOK_GRACE)
    try:
        async with clock.timeout(limit):
            return await ask()
    except CivoSnapshotsError as error:
        return error
    except TimeoutError:
        return TransportTimeoutError("the poll was not answered in time", method="GET", path="")


@attrs.frozen(kw_only=True)
class Look(Generic[T_co]):
    """One look: what it showed, or what it met."""

    polls: int
    """How many looks there were, this one included."""
    elapsed: float
    """The seconds from the beginning of the wait to the end of this look."""
    outcome: T_co | CivoSnapshotsError
    is_fatal: bool = False
    """Whether further looks would not help after this error, so that this one was the last."""


class Looking(Generic[T]):
    """One wait's looks: at once, again and again until the time is up, and a last one then."""

    def __init__(
        self,
        source: Source[T],
        *,
        timeout: float | None,
        poll: PollPolicy,
        clock: Clock,
        needs_volumes: bool = False,
    ) -> None:
        self._source = source
        self._poll = poll
        self._clock = clock
        self._pacing = Pacing(poll, timeout)
        self._begun = clock.now()
        self._deadline = math.inf if timeout is None else self._begun + timeout
        self._due: Due[T] = Due(
            at=self._begun, deadline=self._deadline, needs_volumes=needs_volumes
        )
        self._is_seen = False
        self._polls = 0
        self._failures = 0
        self._answered_in = 0.0

    async def looks(self) -> AsyncGenerator[Look[T], None]:
        """Give each look as it is made."""
        is_over = False
        while not is_over:
            seen = await self._source.look(self._due)
            look = self._note(seen)
            yield look
            # What came early came besides: the own look is due all the same.
            is_over = look.is_fatal or (not seen.is_early and self._is_last(look))
            if not (is_over or seen.is_early):
                self._plan(look)

    def _is_last(self, look: Look[T]) -> bool:
        return self._due.is_final or self._begun + look.elapsed >= self._deadline

    def _note(self, seen: Seen[T]) -> Look[T]:
        now, outcome = self._clock.now(), seen.outcome
        self._polls += 1
        is_fatal = False
        if isinstance(outcome, CivoSnapshotsError):
            is_fatal = not self._is_passing(outcome, now)
        else:
            self._is_seen, self._failures = True, 0
            self._answered_in = max(now - self._due.at, 0.0)
            self._due = attrs.evolve(self._due, last=outcome)

        return Look(
            polls=self._polls, elapsed=now - self._begun, outcome=outcome, is_fatal=is_fatal
        )

    def _is_passing(self, error: CivoSnapshotsError, now: float) -> bool:
        if _is_unknown(error):
            return not self._is_seen and now - self._begun < self._poll.missing_grace
        self._failures += 1

        return error.is_transient and self._failures <= self._poll.max_failures

    def _plan(self, look: Look[T]) -> None:
        now = self._clock.now()
        met = look.outcome
        retry_after = met.retry_after if isinstance(met, ApiError) and met.is_transient else None
        # Not the look's own time: whoever it was given to may have taken some since.
        interval = self._pacing.next_interval(
            now - self._begun,
            look.outcome,
            at_least=retry_after or 0.0,
            planned=lambda shortest, longest: self._planned(now, shortest, longest),
        )
        # The last look begins so that its answer, coming as the one before, comes in time.
        reserve = min(self._answered_in, _LONGEST_RESERVE)
        is_final = self._pacing.is_past_limit(reserve)
        at = max(self._deadline - reserve, now) if is_final else now + interval
        self._due = attrs.evolve(self._due, at=at, is_final=is_final)

    def _planned(self, now: float, shortest: float, longest: float) -> float | None:
        moment = self._source.planned(now + shortest, now + longest)

        return None if moment is None else moment - now


def _is_unknown(error: CivoSnapshotsError) -> bool:
    # A 404 with a code of another kind is about something else: the token, say.
    if isinstance(error, SnapshotNotFoundError):
        return True

    return type(error) is NotFoundError and not error.code
