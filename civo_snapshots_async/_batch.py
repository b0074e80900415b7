"""Many instances at once: one outcome for each, and none that another's failure hides."""

import asyncio
import warnings
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from functools import partial
from typing import Literal, Protocol, Self, TypeVar, cast

import attrs

from . import _checks as check
from ._checks import Seconds
from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    WaitInterruptedError,
)
from ._models import Snapshot, SnapshotLike, SnapshotRef
from ._plain import Plain
from ._policies import PollPolicy
from ._waits.snapshots import OnChange

T = TypeVar("T")
_Status = Literal["completed", "failed", "unknown", "not_started"]

# So many of a list are named in a sentence.
_MOST_NAMED = 10


@attrs.frozen(kw_only=True)
class BatchOutcome(Plain):
    """What became of one item of a batch."""

    status: _Status
    """Its place in the `BatchResult`, which says what each means."""
    instance_id: str
    snapshot_id: str | None = None
    """As it was given to `wait_many`, or as Civo made it; `None` where none is known."""
    snapshot: Snapshot | None = None
    """The snapshot as it was last known; `None` where none was seen."""
    error: CivoSnapshotsError | None = None
    """Why it is not complete; `None` for what is, and for what was not started."""

    def __str__(self) -> str:
        why = f": {self.error}" if self.error else ""

        return f"{self.instance_id}: {self.status.replace('_', ' ')}{why}"


@attrs.frozen(kw_only=True)
class BatchResult(Plain):
    """What became of a batch, item by item."""

    outcomes: tuple[BatchOutcome, ...]
    """One for each item, in the order in which they were given."""

    @property
    def exit_code(self) -> int:
        """What a program may exit with: 0 where every item is completed, else 1."""
        return 0 if len(self.completed) == len(self.outcomes) else 1

    @property
    def completed(self) -> tuple[BatchOutcome, ...]:
        """Those whose snapshot, and every volume in it, is complete."""
        return self._of("completed")

    @property
    def failed(self) -> tuple[BatchOutcome, ...]:
        """Those that were refused, that failed, or that were not complete when their time was up.

        Where `snapshot` is there, it was made; `error` tells whether to wait for it once more.
        """
        return self._of("failed")

    @property
    def unknown(self) -> tuple[BatchOutcome, ...]:
        """Those of which nobody knows how they ended.

        Without a `snapshot_id`, the create may or may not have been done: its response was lost, or
        the batch was stopped while it ran. With one, the batch was stopped while it waited.
        """
        return self._of("unknown")

    @property
    def not_started(self) -> tuple[BatchOutcome, ...]:
        """Those for which nothing was sent, as the batch was stopped before their turn."""
        return self._of("not_started")

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all errors, unless every item is completed.

        For those that were not started, one more error names them.
        """
        errors = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        if self.not_started:
            names = [outcome.instance_id for outcome in self.not_started]
            errors.append(CivoSnapshotsError(f"not started: {_named(names)}"))
        if errors:
            raise ExceptionGroup(f"not every snapshot is complete: {self}", errors)

    def __str__(self) -> str:
        counts = Counter(outcome.status for outcome in self.outcomes)

        return (
            f"{counts['completed']} completed, {counts['failed']} failed, "
            f"{counts['unknown']} unknown, {counts['not_started']} not started"
        )

    def _of(self, status: str) -> tuple[BatchOutcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)


class Batch:
    """Work on many items, which starts when it is awaited or iterated over.

    `await batch` works through all of it and gives the `BatchResult`; `async for outcome in batch`
    gives each `BatchOutcome` as it comes. Leaving the loop early stops nothing by itself: iterate
    inside `contextlib.aclosing(batch)`. A batch runs once; awaiting it then gives its result.

    However it ends, `result` says what is known.
    """

    def __init__(
        self, items: list["_Item"], work: Callable[["_Item"], Awaitable[None]], limit: int
    ) -> None:
        self._items = items
        # The tasks know the run, and not its outcomes: a batch that is dropped can be collected.
        self._outcomes = _Run(items, work, limit).outcomes()
        self._is_used = False
        self._is_busy = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BatchOutcome:
        self._is_used = True
        self._refuse_a_second_task()
        self._is_busy = True
        try:
            return await anext(self._outcomes)
        finally:
            self._is_busy = False

    def __await__(self) -> Generator[object, None, BatchResult]:
        return self._collect().__await__()

    async def _collect(self) -> BatchResult:
        async for _ in self:
            pass

        return self.result

    @property
    def result(self) -> BatchResult:
        """What is known by now: all of it when the batch is over, however it ended.

        An item that has started and is not over counts as unknown.
        """
        return BatchResult(outcomes=tuple(item.outcome for item in self._items))

    async def aclose(self) -> None:
        """Stop what runs, and start nothing more; `result` says how far it got.

        It is for the task that iterates. From another one, cancel that task.
        """
        self._is_used = True
        self._refuse_a_second_task()
        await self._outcomes.aclose()

    def _refuse_a_second_task(self) -> None:
        if self._is_busy:
            raise RuntimeError(
                "another task works through this batch: cancel that one to stop it, "
                "and read batch.result for what is known"
            )

    def __del__(self) -> None:
        # As Python says it of a coroutine. A backup that was never started should not go unnoticed.
        if not self._is_used:
            warnings.warn(
                f"a batch of {len(self._items)} was never awaited: nothing was done",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )


class Snapshotter(Protocol):
    """Whatever makes snapshots and waits for them: a `SnapshotSession`."""

    @property
    def create_snapshot(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id`, `name`, `description` and `region`."""
        ...

    @property
    def ensure_snapshot(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id`, `name`, `description` and `region`."""
        ...

    @property
    def wait_until_complete(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of two ids, `timeout`, `poll`, `on_change` and `region`."""
        ...

    @property
    def region(self) -> str:
        """The region of what names no other."""
        ...


@attrs.frozen
class Waiting:
    """How the items of a batch wait."""

    timeout: float | None
    poll: PollPolicy
    on_change: OnChange | None

    @staticmethod
    def of(timeout: Seconds | None, poll: PollPolicy, on_change: OnChange | None) -> "Waiting":
        """Check the timeout, and keep it in seconds."""
        return Waiting(check.timeout(timeout), poll, on_change)


def snapshot_many(
    session: Snapshotter,
    instance_ids: Iterable[str],
    *,
    name: str | Callable[[str], str | None] | None,
    description: str | None,
    ensure: bool,
    max_concurrent: int,
    waiting: Waiting,
    region: str,
) -> Batch:
    """Make a snapshot of each instance, and wait until it is complete."""
    check.plain_name("region", region)
    if description is not None:
        check.text("description", description)
    items = [
        _Item(
            instance_id=check.plain_name("instance_id", instance_id),
            region=region,
            name=_name_for(instance_id, name),
            description=description,
        )
        for instance_id in _several("instance_ids", instance_ids)
    ]
    _refuse_twice("instance_ids", "instance", [item.instance_id for item in items])
    is_ensured = check.boolean("ensure", ensure)
    if is_ensured and any(item.name is None for item in items):
        raise ValueError("ensure=True needs a name for each instance: it is what is ensured")
    make = session.ensure_snapshot if is_ensured else session.create_snapshot

    async def make_and_wait(item: _Item) -> None:
        item.snapshot = await make(
            item.instance_id, name=item.name, description=description, region=region
        )
        item.snapshot_id = item.snapshot.id
        await _wait(session, waiting, item)

    return Batch(items, make_and_wait, check.count("max_concurrent", max_concurrent, at_least=1))


def wait_many(
    session: Snapshotter,
    snapshots: Iterable[Snapshot | SnapshotRef | tuple[str, SnapshotLike]],
    *,
    waiting: Waiting,
    region: str | None,
) -> Batch:
    """Wait until each snapshot is complete."""
    refs = [
        _ref(session, each, region)
        for each in cast("Iterable[object]", _several("snapshots", snapshots))
    ]
    _refuse_twice("snapshots", "snapshot", map(str, refs))
    items = [
        _Item(instance_id=ref.instance_id, region=ref.region, snapshot_id=ref.snapshot_id)
        for ref in refs
    ]

    return Batch(items, partial(_wait, session, waiting), max(len(items), 1))


def _several(argument: str, values: Iterable[T]) -> Iterable[T]:
    if isinstance(values, str):
        raise TypeError(f"{argument} must be several, not the one string {values!r}")

    return values


def _ref(session: Snapshotter, value: object, region: str | None) -> SnapshotRef:
    default = session.region
    match value:
        case Snapshot() | SnapshotRef():
            return SnapshotRef.of(value.instance_id, value, region=region, default_region=default)
        case [str() as instance_id, (str() | Snapshot() | SnapshotRef()) as snapshot]:
            return SnapshotRef.of(instance_id, snapshot, region=region, default_region=default)
        case _:
            raise TypeError(
                "snapshots must be Snapshots, SnapshotRefs or pairs of an instance's id and a "
                f"snapshot's, not {value!r}"
            )


def _name_for(instance_id: str, name: str | Callable[[str], str | None] | None) -> str | None:
    given = name(instance_id) if callable(name) else name

    return None if given is None else check.label("name", given)


def _refuse_twice(argument: str, what: str, names: Iterable[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        named = ", ".join(twice[:_MOST_NAMED]) + (" and others" if twice[_MOST_NAMED:] else "")
        raise ValueError(f"{argument} names {named} more than once; give each {what} once")


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED

    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


@attrs.define(eq=False, kw_only=True)
class _Item:
    """One item of a batch, and how far it has got."""

    instance_id: str
    region: str
    name: str | None = None
    description: str | None = None
    snapshot_id: str | None = None
    snapshot: Snapshot | None = None
    is_started: bool = False
    is_over: bool = False
    error: CivoSnapshotsError | None = None

    @property
    def outcome(self) -> BatchOutcome:
        """What is known of it now."""
        if not self.is_started:
            return self._as("not_started", None)
        error = self.error if self.is_over else self.cut_short()
        if error is None:
            return self._as("completed", None)
        if self.is_over and not isinstance(error, OutcomeUnknownError):
            return self._as("failed", error)

        return self._as("unknown", error)

    def _as(self, status: _Status, error: CivoSnapshotsError | None) -> BatchOutcome:
        return BatchOutcome(
            status=status,
            instance_id=self.instance_id,
            snapshot_id=self.snapshot_id,
            snapshot=self.snapshot,
            error=error,
        )

    def over(self, error: CivoSnapshotsError | None = None) -> None:
        """Be done with it."""
        self.is_over = True
        self.error = error
        if error is not None:
            self.snapshot = error.snapshot or self.snapshot
            error.add_note(f"in a batch: instance {self.instance_id}")

    def cut_short(self, cause: CivoSnapshotsError | None = None) -> CivoSnapshotsError:
        """Say what is not known of one that has started and was not over."""
        if self.snapshot_id is not None:
            return WaitInterruptedError(
                f"the wait for snapshot {self.snapshot_id} of instance {self.instance_id} was not "
                "over",
                instance_id=self.instance_id,
                snapshot_id=self.snapshot_id,
                snapshot=self.snapshot,
            )
        fields = {"name": self.name, "description": self.description}

        unknown = OutcomeUnknownError(
            f"create_snapshot on instance {self.instance_id} (name {self.name!r}) was interrupted, "
            "and may or may not have been done. Look at list_snapshots before you create it again, "
            "or use ensure_snapshot.",
            action="create_snapshot",
            instance_id=self.instance_id,
            region=self.region,
            requested={field: value for field, value in fields.items() if value is not None},
        )
        unknown.__cause__ = cause

        return unknown


async def _wait(session: Snapshotter, waiting: Waiting, item: _Item) -> None:
    def note_change(before: Snapshot, after: Snapshot) -> object:
        item.snapshot = after
        return None if waiting.on_change is None else waiting.on_change(before, after)

    item.snapshot = await session.wait_until_complete(
        item.instance_id,
        cast("str", item.snapshot_id),
        timeout=waiting.timeout,
        poll=waiting.poll,
        on_change=note_change,
        region=item.region,
    )


class _Run:
    """All items of a batch, each in a task of its own, so many at a time."""

    def __init__(
        self, items: list[_Item], work: Callable[[_Item], Awaitable[None]], limit: int
    ) -> None:
        self._items = items
        self._work = work
        self._slots = asyncio.Semaphore(limit)
        self._done: asyncio.Queue[_Item] = asyncio.Queue()
        self._bug: Exception | None = None
        self._is_closed = False

    async def outcomes(self) -> AsyncGenerator[BatchOutcome, None]:
        """Give each outcome as it comes; leave nothing running, however it ends."""
        # No task fails, so that the group never cancels whoever is between two outcomes.
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._do(item)) for item in self._items]
            try:
                for _ in tasks:
                    item = await self._done.get()
                    if self._bug is not None:
                        break
                    yield item.outcome
            except GeneratorExit:
                return
            finally:
                for task in tasks:
                    task.cancel()
        if self._bug is not None:
            raise self._bug

    async def _do(self, item: _Item) -> None:
        async with self._slots:
            item.is_started = True
            try:
                await self._outcome_of(item)
            except Exception as bug:  # noqa: BLE001 - it is raised where the batch is awaited
                self._bug = self._bug or bug
            finally:
                # In any case: a task that somebody has cancelled from elsewhere is waited for too.
                self._done.put_nowait(item)

    async def _outcome_of(self, item: _Item) -> None:
        was_closed = self._is_closed
        try:
            await self._work(item)
        except SessionClosedError as error:
            self._is_closed = True
            # A create that started after the session was closed has sent nothing.
            is_known = was_closed or item.snapshot_id is not None
            item.over(error if is_known else item.cut_short(error))
        except CivoSnapshotsError as error:
            item.over(error)
        else:
            item.over()
