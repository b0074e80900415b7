"""Following a restore by the instance that it makes or overwrites: nothing else shows it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

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
from .goals import ACTIVE, GONE, LISTED, HasStatus
from .wait import Goal, Wait

if TYPE_CHECKING:
    from .._observers import Observers

T = TypeVar("T")

_PER_PAGE = 100
# At most, however many pages the server reports.
_MAX_PAGES = 100


class Polls(Protocol):
    """What sends a request without retries: a `Caller`."""

    @property
    def observers(self) -> "Observers | None":
        """Those of its session."""
        ...

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


@attrs.frozen(kw_only=True)
class Mark:
    """What identifies the new instance of a restore: its host name, and not being the source."""

    hostname: str
    restore: str
    """The name of the restore in a sentence, as in "restore restore-1"."""
    source: str
    """The snapshot's own instance, as it was named."""
    snapshot_id: str
    region: str

    def find(self, instances: Iterable[Instance]) -> Instance | None:
        """Return the new instance; raise `AmbiguousInstanceError` where several could be it."""
        found = {
            instance.id: instance
            for instance in instances
            if instance.hostname.casefold() == self.hostname.casefold()
            and instance.id.casefold() != self.source.casefold()
        }
        if len(found) > 1:
            raise AmbiguousInstanceError(
                f"{len(found)} instances have the host name {self.hostname}, and nothing shows "
                f"which one {self.restore} has made: {', '.join(found)}",
                instance_id=self.source,
                snapshot_id=self.snapshot_id,
                instances=tuple(found.values()),
            )

        return next(iter(found.values()), None)


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

    return await follow_until_active(caller, request, timeout=limit, poll=poll, clock=clock)


async def follow_until_active(
    caller: Polls,
    request: Request[Instance],
    *,
    timeout: float | None,
    poll: PollPolicy,
    clock: Clock,
) -> Instance:
    """Do the same in the seconds that are left; poll once where none is left."""
    return await _until_goal(ACTIVE, caller, request, timeout=timeout, poll=poll, clock=clock)


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
    goal = HasStatus(status)

    return await _until_goal(goal, caller, request, timeout=timeout, poll=poll, clock=clock)


async def wait_until_gone(
    caller: Polls, request: Request[Instance], *, timeout: float, poll: PollPolicy, clock: Clock
) -> None:
    """Poll an instance until Civo no longer has it; once where there is no time."""
    await _until_goal(GONE, caller, request, timeout=timeout, poll=poll, clock=clock)


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
    mark = Mark(
        hostname=_hostname_of(restore),
        restore=f"restore {restore.id}",
        source=restore.instance_id,
        snapshot_id=restore.from_snapshot or "",
        region=region,
    )

    return await wait_until_listed(
        caller, mark, timeout=check.timeout(timeout), poll=poll, clock=clock
    )


async def wait_until_listed(
    caller: Polls, mark: Mark, *, timeout: float | None, poll: PollPolicy, clock: Clock
) -> Instance:
    """Poll the list of instances until the one that a restore has made is in it."""
    target = _Target(
        name=f"the new instance {mark.hostname} of {mark.restore}",
        instance_id=mark.source,
        snapshot_id=mark.snapshot_id,
        region=mark.region,
    )

    async def find() -> Instance | None:
        return mark.find(await _all_instances(caller, mark.region))

    wait: Wait[Instance] = Wait(target, LISTED, poll, timeout, clock.now())

    return await _until_over(wait, find, clock, caller.observers)


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
    limit = None if timeout is None else max(timeout, 0.0)

    wait: Wait[Instance] = Wait(target, goal, poll, limit, clock.now())

    return await _until_over(wait, lambda: caller.poll(request), clock, caller.observers)


async def _until_over(
    wait: Wait[Instance],
    fetch: Callable[[], Awaitable[Any]],
    clock: Clock,
    observers: "Observers | None",
) -> Instance:
    if observers is None:
        while not wait.is_over:
            await alone.advance(wait, fetch, clock)
        return wait.result()

    from .observed import observing  # noqa: PLC0415 - few sessions have observers

    with observing(observers, wait), observers.serving([wait]):
        while not wait.is_over:
            observers.report(wait, await alone.advance(wait, fetch, clock))
        return wait.result()


def _hostname_of(restore: Restore) -> str:
    """Return the host name that identifies the new instance; ValueError where there is none."""
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


async def _all_instances(caller: Polls, region: str) -> list[Instance]:
    """Return what all pages show; one that moves meanwhile may be missing, or there twice."""
    instances: list[Instance] = []
    for number in range(1, _MAX_PAGES + 1):
        page = await caller.poll(endpoints.list_instances(number, _PER_PAGE, region=region))
        instances += page.items
        if number >= page.pages:
            break

    return instances
