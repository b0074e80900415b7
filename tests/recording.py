"""An observer that keeps what it is given."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

import attrs

from civo_snapshots_async import (
    CallEnded,
    CallStarted,
    SnapshotEvent,
    WaitEnded,
    WaitStarted,
)

S = TypeVar("S")
E = TypeVar("E")

inside: ContextVar[str] = ContextVar("inside", default="nothing")
"""What the running code is a part of, by the last observer that has started."""


@attrs.define(eq=False)
class Followed(Generic[S, E]):
    """One call, or one wait."""

    started: S
    given: list[E] = attrs.field(factory=list[E])
    seen_in: list[str] = attrs.field(factory=list[str])
    """What the code that reports was a part of, each time."""
    is_left: bool = False

    @property
    def end(self) -> E:
        """What it was given last, once it was left."""
        assert self.is_left
        return self.given[-1]

    def give(self, value: E) -> None:
        """Keep it."""
        self.given.append(value)
        self.seen_in.append(inside.get())


class Recorder:
    """Keeps all calls and waits, in the order in which they start."""

    def __init__(self) -> None:
        self.all_calls: list[Followed[CallStarted, CallEnded]] = []
        self.waits: list[Followed[WaitStarted, SnapshotEvent | WaitEnded]] = []

    @property
    def calls(self) -> list[Followed[CallStarted, CallEnded]]:
        """Those that are no polls."""
        return [each for each in self.all_calls if not each.started.is_poll]

    @property
    def polls(self) -> list[Followed[CallStarted, CallEnded]]:
        """Those that are polls."""
        return [each for each in self.all_calls if each.started.is_poll]

    @contextmanager
    def call(self, started: CallStarted) -> Generator[Callable[[CallEnded], None], None, None]:
        """Follow a call."""
        followed: Followed[CallStarted, CallEnded] = Followed(started)
        self.all_calls.append(followed)
        token = inside.set(started.name)
        yield followed.give
        inside.reset(token)
        followed.is_left = True

    @contextmanager
    def wait(
        self, started: WaitStarted
    ) -> Generator[Callable[[SnapshotEvent | WaitEnded], None], None, None]:
        """Follow a wait."""
        followed: Followed[WaitStarted, SnapshotEvent | WaitEnded] = Followed(started)
        self.waits.append(followed)
        token = inside.set(started.name)
        yield followed.give
        inside.reset(token)
        followed.is_left = True

    def end_of_wait(self) -> WaitEnded:
        """Return the end of the only wait."""
        [wait] = self.waits
        assert isinstance(wait.end, WaitEnded)
        return wait.end
