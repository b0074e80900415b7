"""Looking until something is so: what all waits but the one for a complete snapshot are made of."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

import attrs

from . import _checks as check
from ._checks import Seconds
from ._clock import Clock
from ._errors import CivoSnapshotsError, WaitTimeoutError
from ._log import About, is_logged, log, log_end_of_wait
from ._looking import Alone, Look, Looking
from ._models import Snapshot
from ._pacing import PollPolicy

T = TypeVar("T")


@attrs.define(kw_only=True)
class Looked(Generic[T]):
    """All looks so far: how many, how long, and what they came to."""

    name: str
    """What is looked at, to begin a sentence with."""
    about: About
    """What is looked at, for the log."""
    is_over: bool = False
    """Whether it has come to be so; otherwise, at the end, the time was up."""
    seen: T | None = None
    """What was last seen, where anything was."""
    polls: int = 0
    elapsed: float = 0.0
    last_error: CivoSnapshotsError | None = None
    """What the last look met, where it failed."""

    @property
    def effort(self) -> str:
        """Say how many looks there were, and how long they took."""
        return f"{self.polls} {'poll' if self.polls == 1 else 'polls'} in {self.elapsed:.1f} s"

    @property
    def snapshot(self) -> Snapshot | None:
        """What was last seen, where that is a snapshot."""
        return self.seen if isinstance(self.seen, Snapshot) else None

    def take(self, look: Look[T]) -> None:
        """Take in one look more."""
        self.polls, self.elapsed = look.polls, look.elapsed
        if isinstance(look.outcome, CivoSnapshotsError):
            self.last_error = look.outcome
        else:
            self.seen, self.last_error = look.outcome, None
        if is_logged("wait.polled"):
            about = self.about.seen(self.snapshot)
            was = _summary(look.outcome)
            log("wait.polled", about, "%s: poll %d: %s", self.name, look.polls, was)

    def timed_out(self, what: str, *, instance_id: str, snapshot_id: str = "") -> WaitTimeoutError:
        """Say `what` it was not when the time was up, and how it was then."""
        was = _summary(self.seen) if self.seen else "it was never seen"
        failure = f"; the last poll failed: {self.last_error}" if self.last_error else ""

        error = WaitTimeoutError(
            f"{self.name} {what} when the time was up ({self.effort}): {was}{failure}",
            instance_id=instance_id,
            snapshot_id=snapshot_id,
            snapshot=self.snapshot,
            polls=self.polls,
            elapsed=self.elapsed,
            last_error=self.last_error,
        )
        log_end_of_wait(self.about, error)

        return error


async def look_until(
    is_so: Callable[[T | CivoSnapshotsError], bool],
    fetch: Callable[[], Awaitable[T]],
    *,
    name: str,
    about: About,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
) -> Looked[T]:
    """Look until what a look showed or met is so, or the time is up.

    An error that is not what was looked for, and that further looks would not mend, is raised as it
    is, with the wait in its context, and with the snapshot where one was seen.
    """
    looked: Looked[T] = Looked(name=name, about=about)
    looking = Looking(Alone(fetch, clock), timeout=check.timeout(timeout), poll=poll, clock=clock)
    async with aclosing(looking.looks()) as looks:
        async for look in looks:
            looked.take(look)
            looked.is_over = is_so(look.outcome)
            if looked.is_over:
                break
            if look.is_fatal and isinstance(look.outcome, CivoSnapshotsError):
                raise _noted(look.outcome, looked)

    return looked


def _noted(error: CivoSnapshotsError, looked: Looked[T]) -> CivoSnapshotsError:
    error.snapshot = looked.snapshot
    error.add_context(f"while waiting for {looked.name} ({looked.effort})")
    log_end_of_wait(looked.about, error)

    return error


def _summary(outcome: object) -> str:
    match outcome:
        case CivoSnapshotsError():
            return f"{type(outcome).__name__}: {outcome}"
        case None:
            return "it is not there yet"
        case _:
            return str(outcome)
