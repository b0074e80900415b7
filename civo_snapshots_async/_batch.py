"""Many instances at once: one outcome for each, and none that another's failure hides."""

import asyncio
import warnings
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from functools import partial
from typing import Any, Literal, Self, TypeVar, cast

import attrs

from . import _checks as check
from ._checks import Seconds
from ._errors import CivoSnapshotsError, OutcomeUnknownError, SessionClosedError, WaitError
from ._models import Snapshot
from ._pacing import PollPolicy
from ._session import SnapshotSession
from ._waits.snapshots import OnChange

T = TypeVar("T")
_Kind = Literal["completed", "failed", "unknown", "not_started"]

# So many of a list are named in a sentence.
_MOST_NAMED = 10


@attrs.frozen(kw_only=True)
class BatchOutcome:
    """What became of one item of a batch."""

    kind: _Kind
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

        return f"{self.instance_id}: {self.kind.replace('_', ' ')}{why}"


@attrs.frozen(kw_only=True)
class BatchResult:
    """What became of a batch, item by item."""

    outcomes: tuple[BatchOutcome, ...]
    """One for each item, in the order in which they were given."""

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

        Without a `snapshot_id`, the create may or may not have been done: its answer was lost, or
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
        kinds = Counter(outcome.kind for outcome in self.outcomes)

        return (
            f"{kinds['completed']} completed, {kinds['failed']} failed, "
            f"{kinds['unknown']} unknown, {kinds['not_started']} not started"
        )

    def _of(self, kind: str) -> tuple[BatchOutcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.kind == kind)


class Batch:
    """Work on many items, which begins when it is awaited or iterated over.

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

        An item that is under way counts as unknown.
        """
        return BatchResult(outcomes=tuple(item.outcome for item in self._items))

    async def aclose(self) -> None:
        """Stop what runs, and begin nothing more; `result` says how far it got.

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
        # As Python says it of a coroutine. A backup that was never begun should not go unnoticed.
        if not self._is_used:
            warnings.warn(
                f"a batch of {len(self._items)} was never awaited: nothing was done",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )


def snapshot_many(
    session: SnapshotSession,
    instance_ids: Iterable[str],
    *,
    name: str | Callable[[str], str | None] | None = None,
    description: str | None = None,
    limit: int = 20,
    timeout: Seconds | None = 1800.0,
    poll: PollPolicy = PollPolicy(),
    on_change: OnChange | None = None,
    region: str | None = None,
) -> Batch:
    """Make a snapshot of each instance, and wait until it is complete.

    `name` is the name of every snapshot, or a function that gives it, or `None`, for an instance.
    An instance has its place among the `limit` from its create until its snapshot is settled: what
    is bounded is the work that Civo does at once. `timeout` is for each wait; the rest is as in
    `create_snapshot` and `wait_until_complete`.

    A failure of one is its outcome, and no matter of the others. What `on_change` raises ends the
    whole batch, and comes out as it is. Names and ids that can't be used, and an instance that is
    given twice, are a `ValueError` here and now, before anything is sent.
    """
    where = session.region if region is None else check.plain_name("region", region)
    if description is not None:
        check.text("description", description)
    items = [
        _Item(
            instance_id=check.plain_name("instance_id", instance_id),
            region=where,
            name=_name_for(instance_id, name),
            description=description,
        )
        for instance_id in _several("instance_ids", instance_ids)
    ]
    _refuse_twice("instance_ids", "instance", [item.instance_id for item in items])
    wait = partial(_wait, session, check.timeout(timeout), poll, on_change)

    async def make_and_wait(item: _Item) -> None:
        item.snapshot = await session.create_snapshot(
            item.instance_id, name=item.name, description=description, region=where
        )
        item.snapshot_id = item.snapshot.id
        await wait(item)

    return Batch(items, make_and_wait, check.count("limit", limit, at_least=1))


def wait_many(
    session: SnapshotSession,
    pairs: Iterable[tuple[str, str]],
    *,
    timeout: Seconds | None = 1800.0,
    poll: PollPolicy = PollPolicy(),
    on_change: OnChange | None = None,
    region: str | None = None,
) -> Batch:
    """Wait until each snapshot is complete; `pairs` are of an instance's id and a snapshot's.

    All waits run at once, as a wait costs Civo little and one that is stuck must not keep another
    from its time. Otherwise it is as `snapshot_many`.
    """
    where = session.region if region is None else check.plain_name("region", region)
    items = [
        _Item(
            instance_id=check.plain_name("instance_id", instance_id),
            region=where,
            snapshot_id=check.plain_name("snapshot_id", snapshot_id),
        )
        for instance_id, snapshot_id in map(_pair, _several("pairs", pairs))
    ]
    _refuse_twice(
        "pairs",
        "pair",
        [f"snapshot {item.snapshot_id} of instance {item.instance_id}" for item in items],
    )
    wait = partial(_wait, session, check.timeout(timeout), poll, on_change)

    return Batch(items, wait, max(len(items), 1))


def _several(argument: str, values: Iterable[T]) -> Iterable[T]:
    if isinstance(values, str):
        raise TypeError(f"{argument} must be several, not the one string {values!r}")

    return values


def _pair(value: Any) -> tuple[Any, Any]:  # noqa: ANN401 - that is what is found out
    match value:
        case [one, other]:
            return one, other
        case _:
            raise TypeError(f"pairs must be of an instance's id and a snapshot's, not {value!r}")


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
    is_begun: bool = False
    is_over: bool = False
    error: CivoSnapshotsError | None = None

    @property
    def outcome(self) -> BatchOutcome:
        """What is known of it now."""
        if not self.is_begun:
            return self._as("not_started", None)
        error = self.error if self.is_over else self.cut_short()
        if error is None:
            return self._as("completed", None)
        if self.is_over and not isinstance(error, OutcomeUnknownError):
            return self._as("failed", error)

        return self._as("unknown", error)

    def _as(self, kind: _Kind, error: CivoSnapshotsError | None) -> BatchOutcome:
        return BatchOutcome(
            kind=kind,
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
        """Say what is not known of one that is, or was, under way."""
        if self.snapshot_id is not None:
            return WaitError(
                f"the wait for snapshot {self.snapshot_id} of instance {self.instance_id} was not "
                "over",
                instance_id=self.instance_id,
                snapshot_id=self.snapshot_id,
                snapshot=self.snapshot,
            )
        fields = {"name": self.name, "description": self.description}

        unknown = OutcomeUnknownError(
            f"create_snapshot on instance {self.instance_id} (name {self.name!r}) was under way, "
            "and may or may not have been done. Look at list_snapshots before you create it again, "
            "or use ensure_snapshot.",
            action="create_snapshot",
            instance_id=self.instance_id,
            region=self.region,
            asked={field: value for field, value in fields.items() if value is not None},
        )
        unknown.__cause__ = cause

        return unknown


async def _wait(
    session: SnapshotSession,
    timeout: float | None,
    poll: PollPolicy,
    on_change: OnChange | None,
    item: _Item,
) -> None:
    def tell(before: Snapshot, after: Snapshot) -> object:
        item.snapshot = after
        return None if on_change is None else on_change(before, after)

    item.snapshot = await session.wait_until_complete(
        item.instance_id,
        cast("str", item.snapshot_id),
        timeout=timeout,
        poll=poll,
        on_change=tell,
        region=item.region,
    )


class _Run:
    """All items of a batch, each in a task of its own, so many at a time."""

    def __init__(
        self, items: list[_Item], work: Callable[[_Item], Awaitable[None]], limit: int
    ) -> None:
        self._items = items
        self._work = work
        self._places = asyncio.Semaphore(limit)
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
        async with self._places:
            item.is_begun = True
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
            # A create that began when the session was closed already has sent nothing.
            is_known = was_closed or item.snapshot_id is not None
            item.over(error if is_known else item.cut_short(error))
        except CivoSnapshotsError as error:
            item.over(error)
        else:
            item.over()
