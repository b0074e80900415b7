"""Following a restore, as far as that can be: by the instance that it leads to."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from .. import _checks as check
from .._checks import Seconds
from .._clock import Clock
from .._errors import AmbiguousInstanceError
from .._instances import Instance, InstancePage
from .._models import Restore
from .._pacing import PollPolicy
from . import alone
from .goals import ACTIVE, LISTED
from .wait import Goal, Target, Wait

T = TypeVar("T")
ListPage = Callable[[int], Awaitable[InstancePage]]

# However many pages a server says that there are.
_MAX_PAGES = 100


@attrs.frozen(kw_only=True)
class _Target:
    """An instance that is waited for."""

    name: str
    instance_id: str
    region: str
    snapshot_id: str = ""

    def __str__(self) -> str:
        return self.name


async def wait_until_active(
    fetch: Callable[[], Awaitable[Instance]],
    instance_id: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
    region: str = "",
) -> Instance:
    """Poll an instance until Civo says that it is `ACTIVE`, and return it."""
    target = _Target(name=f"instance {instance_id}", instance_id=instance_id, region=region)

    return await _until(ACTIVE, target, fetch, timeout=timeout, poll=poll, clock=clock)


async def find_restored_instance(
    list_page: ListPage,
    restore: Restore,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    """Look for the restored host name in the list of instances until it is there."""
    hostname = _mark_of(restore)
    target = _Target(
        name=f"the new instance {hostname} of restore {restore.id}",
        instance_id=restore.instance_id,
        snapshot_id=restore.from_snapshot or "",
        region=restore.region,
    )

    return await _until(
        LISTED,
        target,
        lambda: _find(list_page, restore, hostname),
        timeout=timeout,
        poll=poll,
        clock=clock,
    )


async def _until(
    goal: Goal,
    target: Target,
    fetch: Callable[[], Awaitable[Any]],
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    wait: Wait[Instance] = Wait(target, goal, poll, check.timeout(timeout), clock.now())
    while not wait.is_over:
        await alone.advance(wait, fetch, clock)

    return wait.result()


def _mark_of(restore: Restore) -> str:
    """Return the host name, the only mark of a new instance; ValueError where it marks none."""
    if restore.overwrite_existing:
        raise ValueError(
            f"restore {restore.id} makes no new instance: it overwrites {restore.instance_id}, "
            "which wait_until_active can follow"
        )
    if not restore.hostname:
        raise ValueError(f"restore {restore.id} has no host name by which to find its instance")
    if restore.hostname.casefold() == restore.instance_id.casefold():
        raise ValueError(
            f"restore {restore.id} has the host name of the snapshot's own instance, "
            f"{restore.hostname}: the new one can't be told from it"
        )

    return restore.hostname


async def _find(list_page: ListPage, restore: Restore, hostname: str) -> Instance | None:
    found = {
        instance.id: instance
        for instance in await _all_instances(list_page)
        if instance.hostname.casefold() == hostname.casefold()
        and instance.id.casefold() != restore.instance_id.casefold()
    }
    if len(found) > 1:
        raise AmbiguousInstanceError(
            f"{len(found)} instances have the host name {hostname}, and nothing tells which one "
            f"restore {restore.id} has made: {', '.join(found)}",
            instance_id=restore.instance_id,
            snapshot_id=restore.from_snapshot or "",
            instances=tuple(found.values()),
        )

    return next(iter(found.values()), None)


async def _all_instances(list_page: ListPage) -> list[Instance]:
    """Return what all pages show: an instance twice, perhaps, or not, if it moves meanwhile."""
    instances: list[Instance] = []
    for number in range(1, _MAX_PAGES + 1):
        page = await list_page(number)
        instances += page.items
        if number >= page.pages:
            break

    return instances
