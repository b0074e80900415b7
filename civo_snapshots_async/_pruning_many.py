"""Retention over many instances: a plan and its outcomes for each, some at once."""

import asyncio
import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Protocol

import attrs

from . import _checks as check
from ._clock import Clock
from ._errors import CivoSnapshotsError, is_general
from ._models import Snapshot
from ._plain import Plain
from ._pruning import PruneOutcome, PruneResult, SnapshotDeleter, prune
from ._public import public
from ._retention import PrunePlan, plan_prune
from ._sentences import counted


@public
@attrs.frozen(kw_only=True)
class InstancePrune(Plain):
    """What was planned for one instance, and what came of it."""

    instance_id: str
    """The instance, as it was given."""
    plan: PrunePlan | None = None
    """What to delete and what to keep, and why; `None` if its snapshots could not be listed."""
    result: PruneResult | None = None
    """The outcomes; `None` if nothing was deleted: after a dry run, or without a plan."""
    error: CivoSnapshotsError | None = None
    """Why there is no plan."""

    def __str__(self) -> str:
        if self.plan is None:
            return f"{self.instance_id}: not pruned: {self.error}"
        if self.result is None:
            return f"{self.instance_id}: {len(self.plan.to_delete)} to delete"

        return f"{self.instance_id}: {self.result}"

    @property
    def is_failed(self) -> bool:
        """Whether there is no plan, or a deletion failed or has an unknown outcome."""
        return self.error is not None or bool(self.failed)

    @property
    def failed(self) -> tuple[PruneOutcome, ...]:
        """The deletions that failed or whose outcome is unknown."""
        return () if self.result is None else self.result.failed


@public
@attrs.frozen(kw_only=True, repr=False)
class PruneReport(Plain):
    """What was planned for many instances, and what came of it."""

    instances: tuple[InstancePrune, ...]
    """One for each instance, in the order of the arguments."""

    def __str__(self) -> str:
        planned = sum(len(each.plan.to_delete) for each in self.instances if each.plan)
        failed = sum(each.is_failed for each in self.instances)

        return (
            f"{len(self.deleted)} of {counted(planned, 'snapshot')} deleted, "
            f"{failed} of {counted(len(self.instances), 'instance')} failed"
        )

    @property
    def exit_code(self) -> int:
        """An exit status for a program: 0 if nothing failed, 1 otherwise."""
        return 1 if self.failed else 0

    @property
    def deleted(self) -> tuple[Snapshot, ...]:
        """The snapshots that are gone."""
        return tuple(
            snapshot
            for each in self.instances
            if each.result is not None
            for snapshot in each.result.deleted
        )

    @property
    def failed(self) -> tuple[InstancePrune, ...]:
        """The instances without a plan, or with a deletion that failed or is unknown."""
        return tuple(each for each in self.instances if each.is_failed)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all errors, if there is any."""
        errors = [each.error for each in self.instances if each.error]
        errors += [one.error for each in self.instances for one in each.failed if one.error]
        if errors:
            raise ExceptionGroup(str(self), errors)


class SnapshotKeeper(SnapshotDeleter, Protocol):
    """Anything that lists and deletes snapshots, such as a `SnapshotSession`."""

    @property
    def list_snapshots(self) -> Callable[..., Awaitable[tuple[Snapshot, ...]]]:
        """A coroutine function of `instance_id` and `region`."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock by which a snapshot is old."""
        ...


@attrs.frozen(kw_only=True)
class PruneRules:
    """Which snapshots to keep: the arguments of `plan_prune`, checked."""

    keep_last: int | None
    keep_within: timedelta | None
    name_prefix: str | None

    def __attrs_post_init__(self) -> None:
        self.plan((), None)

    def plan(self, snapshots: Iterable[Snapshot], clock: Clock | None) -> PrunePlan:
        """Plan which of an instance's snapshots to delete."""
        return plan_prune(
            snapshots,
            keep_last=self.keep_last,
            keep_within=self.keep_within,
            name_prefix=self.name_prefix,
            now=None if clock is None else clock.utcnow(),
        )


async def prune_many(
    session: SnapshotKeeper,
    instance_ids: Iterable[str],
    rules: PruneRules,
    *,
    dry_run: bool,
    max_concurrent: int,
    region: str,
) -> PruneReport:
    """List, plan and delete for each instance; an error of one is that one's outcome."""
    check.plain_name("region", region)
    names = _unique(instance_ids)
    pruning = _Pruning(
        session,
        rules,
        region,
        is_dry=check.boolean("dry_run", dry_run),
        slots=asyncio.Semaphore(check.count("max_concurrent", max_concurrent, at_least=1)),
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pruning.of(name)) for name in names]

    return PruneReport(instances=tuple(task.result() for task in tasks))


def _unique(instance_ids: Iterable[str]) -> list[str]:
    if isinstance(instance_ids, str):
        raise TypeError(
            f"instance_ids must be a list or another iterable, not the string {instance_ids!r}"
        )
    names = [check.plain_name("instance_id", each) for each in instance_ids]
    twice = [name for name, times in Counter(map(str.casefold, names)).items() if times > 1]
    if twice:
        raise ValueError(f"instance_ids names {', '.join(twice)} more than once")

    return names


@attrs.define(eq=False)
class _Pruning:
    """One run over many instances."""

    session: SnapshotKeeper
    rules: PruneRules
    region: str
    is_dry: bool = attrs.field(kw_only=True)
    slots: asyncio.Semaphore = attrs.field(kw_only=True)
    ended_by: CivoSnapshotsError | None = None
    """What all further requests would get, such as a rejected token."""

    async def of(self, instance_id: str) -> InstancePrune:
        """Prune one instance, when a slot is free."""
        async with self.slots:
            if self.ended_by is not None:
                return InstancePrune(instance_id=instance_id, error=copy.copy(self.ended_by))
            try:
                listed = await self.session.list_snapshots(instance_id, region=self.region)
            except CivoSnapshotsError as error:
                if is_general(error):
                    self.ended_by = error
                return InstancePrune(instance_id=instance_id, error=error)
            plan = self.rules.plan(listed, self.session.clock)
            result = None if self.is_dry else await prune(self.session, plan)

            return InstancePrune(instance_id=instance_id, plan=plan, result=result)
