"""Many snapshots or waits at once, with one outcome for each."""

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
from ._public import public
from ._waits.snapshots import OnChange

T = TypeVar("T")
_Status = Literal["completed", "failed", "unknown", "not_started"]

# The instances or snapshots that an error names.
_MAX_NAMED = 10
# Waits on more instances than these poll the list of the whole account.
_FEW_INSTANCES = 10


@public
@attrs.frozen(kw_only=True)
class BatchOutcome(Plain):
    """The outcome of one item of a batch."""

    status: _Status
    """The outcome in a word; see the property of that name of `BatchResult`."""
    instance_id: str
    snapshot_id: str | None = None
    """The snapshot as given to `wait_many`, or the id that Civo returned; `None` if unknown."""
    snapshot: Snapshot | None = None
    """The snapshot as last seen; `None` if it was never seen."""
    error: CivoSnapshotsError | None = None
    """Why the snapshot is not complete; `None` if it is, or if the item was not started."""

    def __str__(self) -> str:
        why = f": {self.error}" if self.error else ""

        return f"{self.instance_id}: {self.status.replace('_', ' ')}{why}"


@public
@attrs.frozen(kw_only=True, repr=False)
class BatchResult(Plain):
    """The outcomes of a batch."""

    outcomes: tuple[BatchOutcome, ...]
    """One for each item, in the order of the arguments."""

    @property
    def exit_code(self) -> int:
        """An exit status for a program: 0 if every item is completed, 1 otherwise."""
        return 0 if len(self.completed) == len(self.outcomes) else 1

    @property
    def completed(self) -> tuple[BatchOutcome, ...]:
        """The items whose snapshot is complete, with every volume in it."""
        return self._of("completed")

    @property
    def failed(self) -> tuple[BatchOutcome, ...]:
        """The items whose create was rejected, whose snapshot failed, or whose wait timed out.

        If `snapshot` is not `None`, it was created; after a `WaitTimeoutError`, wait for it again.
        """
        return self._of("failed")

    @property
    def unknown(self) -> tuple[BatchOutcome, ...]:
        """The items whose outcome is unknown.

        Without a `snapshot_id`, the create may or may not have been done: its response was lost, or
        the batch was stopped while it ran. With one, the batch was stopped during the wait.
        """
        return self._of("unknown")

    @property
    def not_started(self) -> tuple[BatchOutcome, ...]:
        """The items for which nothing was sent, because the batch was stopped first."""
        return self._of("not_started")

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all errors, unless every item is completed.

        One more error names the items that were not started.
        """
        errors = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        if self.not_started:
            names = [outcome.instance_id for outcome in self.not_started]
            errors.append(CivoSnapshotsError(f"not started: {_first_of(names)}"))
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


@public
class Batch:
    """Snapshots or waits of many instances. It starts when it is awaited or iterated over.

    `await batch` runs all of it and returns the `BatchResult`. `async for outcome in batch` yields
    each `BatchOutcome` when it is known; to stop early, iterate inside
    `contextlib.aclosing(batch)`. A batch runs once. However it ends, `result` has what is known.
    """

    def __init__(
        self, items: list["_Item"], work: Callable[["_Item"], Awaitable[None]], limit: int
    ) -> None:
        self._items = items
        # No task refers to the batch, so that a dropped one is freed.
        self._outcomes = _Run(items, work, limit).outcomes()
        self._is_used = False
        self._is_busy = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BatchOutcome:
        self._is_used = True
        self._require_one_task()
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
        """The outcomes as known now. An item that is still running counts as unknown."""
        return BatchResult(outcomes=tuple(item.outcome for item in self._items))

    async def aclose(self) -> None:
        """Stop the batch; `result` has the outcomes as known.

        Only for the task that iterates over it. From another task, cancel that one.
        """
        self._is_used = True
        self._require_one_task()
        await self._outcomes.aclose()

    def _require_one_task(self) -> None:
        if self._is_busy:
            raise RuntimeError(
                "another task runs this batch: cancel that task to stop it, and read batch.result "
                "for what is known"
            )

    def __del__(self) -> None:
        # As for a coroutine, so that a backup that never ran is noticed.
        if not self._is_used:
            warnings.warn(
                f"a batch of {len(self._items)} was never awaited: nothing was done",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )


class Snapshotter(Protocol):
    """Anything that creates snapshots and waits for them, such as a `SnapshotSession`."""

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
        """The default region."""
        ...


@attrs.frozen
class Waiting:
    """The arguments of each wait of a batch."""

    timeout: float | None
    poll: PollPolicy
    on_change: OnChange | None

    @staticmethod
    def of(timeout: Seconds | None, poll: PollPolicy, on_change: OnChange | None) -> "Waiting":
        """Check the timeout and convert it to seconds."""
        return Waiting(check.timeout(timeout), poll, on_change)

    def over(self, items: list["_Item"]) -> "Waiting":
        """Return how to wait for so many: by lists of the account, unless another scope is set."""
        instances = {(item.region, item.instance_id) for item in items}
        if self.poll.scope is not None or len(instances) <= _FEW_INSTANCES:
            return self

        return attrs.evolve(self, poll=attrs.evolve(self.poll, scope="account"))


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
    """Create a snapshot of each instance, and wait until it is complete."""
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
        for instance_id in _iterable("instance_ids", instance_ids)
    ]
    _require_unique("instance_ids", "instance", [item.instance_id for item in items])
    create = _creating_call(session, items, is_ensured=check.boolean("ensure", ensure))

    async def create_and_wait(item: _Item) -> None:
        item.snapshot = await create(
            item.instance_id, name=item.name, description=description, region=region
        )
        item.snapshot_id = item.snapshot.id
        await _wait(session, waiting, item)

    waiting = waiting.over(items)
    slots = check.count("max_concurrent", max_concurrent, at_least=1)

    return Batch(items, create_and_wait, slots)


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
        for each in cast("Iterable[object]", _iterable("snapshots", snapshots))
    ]
    _require_unique("snapshots", "snapshot", map(str, refs))
    items = [
        _Item(instance_id=ref.instance_id, region=ref.region, snapshot_id=ref.snapshot_id)
        for ref in refs
    ]

    return Batch(items, partial(_wait, session, waiting.over(items)), max(len(items), 1))


def _iterable(argument: str, values: Iterable[T]) -> Iterable[T]:
    if isinstance(values, str):
        raise TypeError(f"{argument} must be a list or another iterable, not the string {values!r}")

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
                f"snapshot's id, not {value!r}"
            )


def _creating_call(
    session: Snapshotter, items: list["_Item"], *, is_ensured: bool
) -> Callable[..., Awaitable[Snapshot]]:
    if is_ensured and any(item.name is None for item in items):
        raise ValueError("ensure=True needs a name for each instance")

    return session.ensure_snapshot if is_ensured else session.create_snapshot


def _name_for(instance_id: str, name: str | Callable[[str], str | None] | None) -> str | None:
    given = name(instance_id) if callable(name) else name

    return None if given is None else check.label("name", given)


def _require_unique(argument: str, what: str, names: Iterable[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(
            f"{argument} names {_first_of(twice)} more than once; give each {what} once"
        )


def _first_of(names: list[str]) -> str:
    more = len(names) - _MAX_NAMED

    return ", ".join(names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


@attrs.define(eq=False, kw_only=True)
class _Item:
    """One item of a batch, and its progress."""

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
        """The outcome as known now."""
        if not self.is_started:
            return self._as("not_started", None)
        error = self.error if self.is_over else self.interrupted()
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

    def end(self, error: CivoSnapshotsError | None = None) -> None:
        """Note that it is over."""
        self.is_over = True
        self.error = error
        if error is not None:
            self.snapshot = error.snapshot or self.snapshot
            error.add_note(f"in a batch: instance {self.instance_id}")

    def interrupted(self, cause: CivoSnapshotsError | None = None) -> CivoSnapshotsError:
        """Return the error of an item that was stopped while it ran."""
        if self.snapshot_id is not None:
            return WaitInterruptedError(
                f"the wait for snapshot {self.snapshot_id} of instance {self.instance_id} was "
                "interrupted",
                instance_id=self.instance_id,
                snapshot_id=self.snapshot_id,
                snapshot=self.snapshot,
            )
        fields = {"name": self.name, "description": self.description}

        unknown = OutcomeUnknownError(
            f"create_snapshot on instance {self.instance_id} (name {self.name!r}) was interrupted, "
            "and may or may not have been done. Check list_snapshots before you create it again, "
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
    """Runs the items of a batch, each in its own task, with a limit on how many run at once."""

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
        """Yield each outcome when it is known; leave no task behind, however it ends."""
        # `_do` catches errors, so that the group never cancels the caller between two outcomes.
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
            except Exception as bug:  # noqa: BLE001 - raised where the batch is awaited
                self._bug = self._bug or bug
            finally:
                # Always, or a task that was canceled from outside would be awaited for ever.
                self._done.put_nowait(item)

    async def _outcome_of(self, item: _Item) -> None:
        was_closed = self._is_closed
        try:
            await self._work(item)
        except SessionClosedError as error:
            self._is_closed = True
            # A create that started after the session was closed sent nothing.
            is_known = was_closed or item.snapshot_id is not None
            item.end(error if is_known else item.interrupted(error))
        except CivoSnapshotsError as error:
            item.end(error)
        else:
            item.end()
