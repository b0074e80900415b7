"""Doubles that stand in for what a wait or a retry calls."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from civo_snapshots_async.testing import FakeClock


class NoConnections:
    """A transport that has opened nothing, and has nothing to close."""

    async def aclose(self) -> None:
        """Close nothing."""

    def abandon(self) -> bool:
        """Drop nothing."""
        return False


class Unobserved:
    """A caller of a session without observers."""

    observers = None

    def observed(self, _: object) -> AbstractContextManager[None]:
        """Do nothing around what is inside."""
        return nullcontext()

    def resolved(self, _: object) -> None:
        """Let nobody know."""


class Script:
    """A function that returns or raises one outcome a call, and the last one from then on.

    Each call takes `takes` seconds of the clock.
    """

    def __init__(self, clock: FakeClock, *outcomes: object, takes: float = 0) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.takes = takes
        self.called_at: list[float] = []

    async def __call__(self) -> Any:
        """Return or raise the next outcome."""
        self.called_at.append(self.clock.now())
        if self.takes:
            await self.clock.sleep(self.takes)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
