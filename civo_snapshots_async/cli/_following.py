"""Following a wait: a live line per volume on a terminal, otherwise a line per change."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from typing import Protocol, cast

import attrs
import tenacity
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .. import (
    Phase,
    PollFailed,
    PollPolicy,
    SavedWait,
    Snapshot,
    SnapshotEvent,
    SnapshotFinished,
    SnapshotRef,
    SnapshotSeen,
    SnapshotSession,
    SnapshotStalled,
    StateChanged,
    WaitTimeoutError,
    apply_events,
    diff,
)
from ._common import Common, Waiting
from ._exits import Exit, Stop
from ._printing import print_json, say, stderr

_MARKS = {Phase.COMPLETE: "[green]✓[/]", Phase.FAILED: "[red]✗[/]", Phase.PENDING: "[yellow]●[/]"}


class Reporter(Protocol):
    """Anything that shows the progress of a wait."""

    def report(self, event: SnapshotEvent) -> None:
        """Show an event."""
        ...


async def follow(
    session: SnapshotSession, ref: SnapshotRef, common: Common, waiting: Waiting
) -> Snapshot:
    """Wait until a snapshot is complete, show the progress, and return it."""
    saved = session.save_wait(ref.instance_id, ref, timeout=waiting.limit)
    poll = NotedPoll(waiting.poll)

    async def watch(reporter: Reporter) -> Snapshot:
        last: SnapshotEvent | None = None
        events = session.watch(ref.instance_id, ref, timeout=waiting.limit, poll=poll.policy)
        async with aclosing(events):
            async for last in events:
                reporter.report(last)
        # It ends with that event, or raises.
        return _complete(cast("SnapshotFinished", last).snapshot)

    return await _resumable(saved, common, poll, watch)


async def resume(session: SnapshotSession, saved: SavedWait, common: Common) -> Snapshot:
    """Resume a saved wait, show the progress, and return the snapshot."""
    poll = NotedPoll(PollPolicy())

    async def wait(reporter: Reporter) -> Snapshot:
        return await session.resume(saved, poll=poll.policy, on_change=changes(reporter))

    return await _resumable(saved, common, poll, wait)


def changes(reporter: Reporter) -> Callable[[Snapshot, Snapshot], None]:
    """Return an `on_change` that shows a snapshot, and then each of its changes."""
    seen: list[Snapshot] = []

    def report(before: Snapshot, after: Snapshot) -> None:
        if not seen:
            reporter.report(SnapshotSeen(snapshot=before))
        seen[:] = [after]
        for change in diff(before, after):
            reporter.report(change)

    return report


async def _resumable(
    saved: SavedWait,
    common: Common,
    poll: "NotedPoll",
    wait: Callable[[Reporter], Awaitable[Snapshot]],
) -> Snapshot:
    """Print how to resume a wait that ends before the snapshot is complete."""
    line = common.line("resume", saved.to_json(), region=saved.ref.region)
    try:
        with reporting(common, str(saved.ref), poll) as reporter:
            return await wait(reporter)
    except asyncio.CancelledError:
        say(f"interrupted: the snapshot continues at Civo; to resume the wait:\n{line}")
        raise
    except WaitTimeoutError as error:
        # The deadline of the saved wait has passed, so this is a new wait.
        again = _again(common, saved)
        raise Stop(
            Exit.TIMED_OUT,
            f"{error}\nthe snapshot continues at Civo; to wait for it again:\n{again}",
        ) from None


def _again(common: Common, saved: SavedWait) -> str:
    ref = saved.ref

    return common.line("wait", ref.instance_id, ref.snapshot_id, region=ref.region)


def _complete(snapshot: Snapshot) -> Snapshot:
    if snapshot.is_failed:
        reasons = ", ".join(snapshot.verdict.reasons)
        raise Stop(Exit.FAILED, f"{snapshot.ref} failed: {reasons}")

    return snapshot


@contextmanager
def reporting(common: Common, title: str, poll: "NotedPoll") -> Generator[Reporter, None, None]:
    """Yield what shows the progress of a wait, as the options and the terminal want it."""
    if common.output == "jsonl":
        yield _JsonLines()
    elif common.quiet:
        yield Silent()
    elif stderr().is_terminal:
        view = View(title=title, poll=poll)
        with Live(view, console=stderr(), refresh_per_second=4, transient=True):
            yield view
    else:
        yield _Lines()


class Silent:
    """Shows nothing."""

    def report(self, event: SnapshotEvent) -> None:
        """Do nothing."""


class _JsonLines:
    """Prints each event as a line of JSON, on stdout."""

    def report(self, event: SnapshotEvent) -> None:
        """Print an event."""
        print_json(event, is_one_line=True)


class _Lines:
    """Prints each event as a line of text, on stderr.

    A failed poll is printed when the wait has gone on after it: the last one ends the wait, as the
    command's error. One that fails like the poll before is not printed again.
    """

    def __init__(self) -> None:
        self._failure = ""
        self._is_printed = True

    def report(self, event: SnapshotEvent) -> None:
        """Print an event, except the last one, which is the command's result."""
        words = in_words(event)
        if isinstance(event, PollFailed) and words == self._failure:
            return
        if not self._is_printed:
            say(self._failure)
        self._is_printed = not isinstance(event, PollFailed)
        self._failure = "" if self._is_printed else words
        if self._is_printed and not isinstance(event, SnapshotFinished):
            say(words)


def in_words(event: SnapshotEvent) -> str:
    """Return an event as a short line."""
    match event:
        case SnapshotSeen() | SnapshotFinished():
            return str(event.snapshot)
        case StateChanged():
            return str(event)
        case PollFailed():
            return f"a poll failed: {event.error}"
        case SnapshotStalled():
            return f"nothing has changed for {event.unchanged_for:.0f} s"
        case _:
            return type(event).__name__


class NotedPoll:
    """A polling policy that records when the next poll is due, for the display."""

    def __init__(self, policy: PollPolicy) -> None:
        self._strategy = policy.strategy
        self.due = time.monotonic()
        self.policy = PollPolicy(wait=self._interval)

    def _interval(self, state: tenacity.RetryCallState) -> float:
        seconds = self._strategy(state)
        self.due = time.monotonic() + seconds

        return seconds


@attrs.define(kw_only=True)
class View:
    """The display on a terminal: the snapshot, a line per volume, and the time to the next poll."""

    title: str
    poll: NotedPoll
    started: float = attrs.field(factory=time.monotonic)
    snapshot: Snapshot | None = None
    note: str = ""
    changed_at: dict[str | None, float] = attrs.field(factory=dict[str | None, float])

    def report(self, event: SnapshotEvent) -> None:
        """Keep an event for the next refresh."""
        self.note = in_words(event) if isinstance(event, PollFailed | SnapshotStalled) else ""
        if isinstance(event, StateChanged):
            self.changed_at[event.volume_id] = time.monotonic()
        if isinstance(event, SnapshotSeen):
            self.snapshot = event.snapshot
        elif self.snapshot is not None:
            self.snapshot = apply_events(self.snapshot, event)

    def __rich__(self) -> Group:
        """Return what to display now."""
        now = time.monotonic()
        rows = Table.grid(padding=(0, 2))
        if self.snapshot is not None:
            self._add(rows, None, "snapshot", self.snapshot.state, now)
            for volume in self.snapshot.volumes:
                self._add(rows, volume.id, f"volume {volume.id}", volume.state, now)
        wait = max(self.poll.due - now, 0)
        status = f"{now - self.started:.0f} s, next poll in {wait:.0f} s"

        return Group(
            Text(self.title, style="bold"),
            rows,
            Text(f"{status}  {self.note}".rstrip(), style="dim"),
        )

    def _add(self, rows: Table, key: str | None, what: str, state: str, now: float) -> None:
        since = now - self.changed_at.get(key, self.started)
        rows.add_row(
            _MARKS[Phase.of(state)], Text(what), Text(state or "no state yet"), f"{since:.0f} s"
        )
