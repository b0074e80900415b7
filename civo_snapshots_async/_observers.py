"""The observers of one session, none of which can do harm.

1. What an observer raises is logged, the first time, and goes no further, unless it is no
   `Exception`: then it is raised, after all others have been left. A poll and an event of a wait
   have no caller that a cancellation could be meant for: it is logged as well, or the poller would
   take it for the end of its request. Only what ends the program is raised there.
2. An observer whose start has failed is not called for that call or wait again.
3. Observers are left in reverse order, each after it has been given the end.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

import attrs

from ._clock import Clock
from ._errors import CivoSnapshotsError
from ._events import SnapshotEvent
from ._log import About, log
from ._observing import CallEnded, CallStarted, Observer, WaitEnded, WaitEvent, WaitStarted

T = TypeVar("T")

_ENDS_OF_PROGRAM = (KeyboardInterrupt, SystemExit)


class _Guarded:
    """An observer whose errors are logged, the first one of them."""

    __slots__ = ("_has_failed", "observer")

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._has_failed = False

    def run(self, step: Callable[..., object], *args: object, has_caller: bool) -> None:
        """Call a function of the observer."""
        try:
            step(*args)
        except BaseException as error:  # noqa: BLE001 - an observer must not fail what it observes
            self.note(error, has_caller=has_caller)

    def note(self, error: BaseException, *, has_caller: bool) -> None:
        """Log an error of the observer, unless one was logged before, or raise it."""
        if not isinstance(error, Exception) and (has_caller or isinstance(error, _ENDS_OF_PROGRAM)):
            raise error
        if self._has_failed:
            return
        self._has_failed = True
        log(
            "observer.failed",
            About(),
            "observer %s raised %s: %s; its further errors are not logged",
            type(self.observer).__qualname__,
            type(error).__name__,
            error,
        )


class Observation(Generic[T]):
    """One call or one wait, as the observers follow it."""

    __slots__ = ("_entered", "_has_caller")

    def __init__(self, *, has_caller: bool) -> None:
        self._has_caller = has_caller
        self._entered: list[
            tuple[_Guarded, AbstractContextManager[object], Callable[[T], object]]
        ] = []

    def enter(
        self,
        guarded: _Guarded,
        start: Callable[[Observer], AbstractContextManager[Callable[[T], object]]],
    ) -> None:
        """Let an observer start; one that can't takes no part."""
        try:
            manager = start(guarded.observer)
            self._entered.append((guarded, manager, manager.__enter__()))
        except BaseException as error:  # noqa: BLE001 - as above
            guarded.note(error, has_caller=self._has_caller)

    def report(self, value: T) -> None:
        """Give all of them what has happened."""
        for guarded, _, given in self._entered:
            guarded.run(given, value, has_caller=False)

    def close(self, end: T | None) -> None:
        """Give each the end, if there is one, and leave it: the last one first."""
        if not self._entered:
            return
        guarded, manager, given = self._entered.pop()
        try:
            if end is not None:
                guarded.run(given, end, has_caller=self._has_caller)
        finally:
            try:
                guarded.run(manager.__exit__, None, None, None, has_caller=self._has_caller)
            finally:
                self.close(end)


@attrs.define(eq=False)
class ObservedWait:
    """A wait that is observed."""

    started: WaitStarted
    observation: Observation[WaitEvent]
    requests: int = 0
    """How many were sent for it."""


# The waits for which the running code polls.
_served: ContextVar[tuple[ObservedWait, ...]] = ContextVar("civo_snapshots_served", default=())


class Observers:
    """All observers of one session."""

    def __init__(self, observers: tuple[Observer, ...], clock: Clock) -> None:
        for each in observers:
            # A class has the methods, too.
            names = () if isinstance(each, type) else ("call", "wait")
            if not (names and all(callable(getattr(each, name, None)) for name in names)):
                raise TypeError(f"observers must be objects with `call` and `wait`, not {each!r}")
        self.clock = clock
        self._observers = tuple(map(_Guarded, observers))
        self._waits: dict[object, ObservedWait] = {}

    def call(self, started: CallStarted) -> Observation[CallEnded]:
        """Let all observers follow a call."""
        return self._followed(
            lambda observer: observer.call(started), has_caller=not started.is_poll
        )

    def enter(self, wait: object, started: WaitStarted) -> None:
        """Let all observers follow a wait, until `leave`."""
        observation = self._followed(lambda observer: observer.wait(started), has_caller=True)
        self._waits[wait] = ObservedWait(started, observation)

    def leave(self, wait: object, end: WaitEnded) -> None:
        """Give all observers of a wait its end, and leave them."""
        self._waits.pop(wait).observation.close(end)

    def requests_for(self, wait: object) -> int:
        """Return how many requests were sent for a wait."""
        return self._waits[wait].requests

    def report(self, wait: object, events: Iterable[SnapshotEvent]) -> None:
        """Give the observers of a wait what has happened."""
        observed = self._waits.get(wait)
        # A wait whose driver has forgotten the observers is no wait to be broken.
        if observed is None:
            return
        for event in events:
            observed.observation.report(event)

    @contextmanager
    def serving(self, waits: Iterable[object]) -> Generator[None, None, None]:
        """Note which waits the polls that are made inside are for."""
        token = _served.set(tuple(self._waits[wait] for wait in waits if wait in self._waits))
        try:
            yield
        finally:
            _served.reset(token)

    def served(self) -> tuple[WaitStarted, ...]:
        """Return the waits that a poll is made for, and count it as theirs."""
        waits = _served.get()
        for wait in waits:
            wait.requests += 1

        return tuple(wait.started for wait in waits)

    def _followed(
        self,
        start: Callable[[Observer], AbstractContextManager[Callable[[T], object]]],
        *,
        has_caller: bool,
    ) -> Observation[T]:
        observation: Observation[T] = Observation(has_caller=has_caller)
        try:
            for each in self._observers:
                observation.enter(each, start)
        except BaseException:
            observation.close(None)
            raise

        return observation


def error_name(error: BaseException | None) -> str:
    """Return the class of an error, to be reported; empty for none."""
    return "" if error is None else type(error).__name__


def error_text(error: BaseException | None) -> str:
    """Return the text of an error of ours, to be reported; any other may hold a secret."""
    return str(error) if isinstance(error, CivoSnapshotsError) else ""
