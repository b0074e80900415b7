"""Following a restore, as far as that can be: by the instance that it leads to."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import attrs

from .. import _checks as check
from .._checks import Seconds
from .._clock import Clock
from .._errors import AmbiguousInstanceError
from .._http import endpoints
from .._http.endpoints import Request
from .._models import Instance, Restore
from .._policies import PollPolicy
from . import alone
from .goals import ACTIVE, LISTED, HasStatus
from .wait import Goal, Target, Wait

T = TypeVar("T")

_PER_PAGE = 100
# However many pages a server says that there are.
_MAX_PAGES = 100


class Polls(Protocol):
    """What sends a request once: a `Caller`."""

    async def poll(self, request: Request[T], /) -> T:
        """Send it, and return what the response says."""
        ...


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
    caller: Polls,
    request: Request[Instance],
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    """Poll an instance until Civo says that it is `ACTIVE`, and return it."""
    limit = check.timeout(timeout)

    return await _until_goal(ACTIVE, caller, request, timeout=limit, poll=poll, clock=clock)


async def wait_for_status(
    caller: Polls,
    request: Request[Instance],
    status: str,
    *,
    timeout: float | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    """Poll an instance until it has that status, in any case; once where no time is left."""
    limit = None if timeout is None else max(timeout, 0.0)

    return await _until_goal(
        HasStatus(status), caller, request, timeout=limit, poll=poll, clock=clock
    )


async def wait_for_restored_instance(
    caller: Polls,
    restore: Restore,
    region: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    """Poll the list of instances until the restored host name is in it."""
    hostname = _mark_of(restore)
    target = _Target(
        name=f"the new instance {hostname} of restore {restore.id}",
        instance_id=restore.instance_id,
        snapshot_id=restore.from_snapshot or "",
        region=region,
    )

    return await _until(
        LISTED,
        target,
        lambda: _find(caller, restore, hostname, region),
        timeout=check.timeout(timeout),
        poll=poll,
        clock=clock,
    )


async def _until_goal(
    goal: Goal,
    caller: Polls,
    request: Request[Instance],
    *,
    timeout: float | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    target = _Target(
        name=f"instance {request.instance_id}",
        instance_id=request.instance_id,
        region=request.region,
    )

    return await _until(
        goal, target, lambda: caller.poll(request), timeout=timeout, poll=poll, clock=clock
    )


async def _until(
    goal: Goal,
    target: Target,
    fetch: Callable[[], Awaitable[Any]],
    *,
    timeout: float | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    wait: Wait[Instance] = Wait(target, goal, poll, timeout, clock.now())
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
            f"{restore.hostname}: the new one can't be distinguished from it"
        )

    return restore.hostname


async def _find(caller: Polls, restore: Restore, hostname: str, region: str) -> Instance | None:
    found = {
        instance.id: instance
        for instance in await _all_instances(caller, region)
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


async def _all_instances(caller: Polls, region: str) -> list[Instance]:
    """Return what all pages show: an instance twice, perhaps, or not, if it moves meanwhile."""
    instances: list[Instance] = []
    for number in range(1, _MAX_PAGES + 1):
        page = await caller.poll(endpoints.list_instances(number, _PER_PAGE, region=region))
        instances += page.items
        if number >= page.pages:
            break

    return instances
