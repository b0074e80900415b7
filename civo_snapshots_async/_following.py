"""Following a restore, as far as that can be: by the instance that it leads to."""

from collections.abc import Awaitable, Callable

from ._checks import Seconds
from ._clock import Clock
from ._errors import AmbiguousInstanceError, CivoSnapshotsError, InstanceFailedError
from ._instances import Instance, InstancePage
from ._log import About, log_end_of_wait
from ._models import Restore
from ._pacing import PollPolicy
from ._until import look_until

ListPage = Callable[[int], Awaitable[InstancePage]]

# However many pages a server says that there are.
_MOST_PAGES = 100


async def wait_until_active(
    look: Callable[[], Awaitable[Instance]],
    instance_id: str,
    *,
    timeout: Seconds | None,
    poll: PollPolicy,
    clock: Clock,
    region: str = "",
) -> Instance:
    """Look at an instance until Civo says that it is `ACTIVE`, and return it."""
    name = f"instance {instance_id}"
    about = About(instance_id=instance_id, region=region)
    looked = await look_until(
        _is_settled, look, name=name, about=about, timeout=timeout, poll=poll, clock=clock
    )
    if looked.seen is None or not looked.is_over:
        raise looked.timed_out("was not ACTIVE", instance_id=instance_id)
    if looked.seen.is_failed:
        error = InstanceFailedError(
            f"{name} failed ({looked.effort}): {looked.seen}",
            instance_id=instance_id,
            instance=looked.seen,
            polls=looked.polls,
            elapsed=looked.elapsed,
        )
        log_end_of_wait(about, error)
        raise error

    return looked.seen


def _is_settled(outcome: Instance | CivoSnapshotsError) -> bool:
    return isinstance(outcome, Instance) and (outcome.is_active or outcome.is_failed)


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
    name = f"the new instance {hostname} of restore {restore.id}"
    looked = await look_until(
        lambda outcome: isinstance(outcome, Instance),
        lambda: _find(list_page, restore, hostname),
        name=name,
        about=About(
            instance_id=restore.instance_id,
            snapshot_id=restore.from_snapshot or "",
            region=restore.region,
        ),
        timeout=timeout,
        poll=poll,
        clock=clock,
    )
    if looked.seen is None:
        raise looked.timed_out(
            "was not listed",
            instance_id=restore.instance_id,
            snapshot_id=restore.from_snapshot or "",
        )

    return looked.seen


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
    for number in range(1, _MOST_PAGES + 1):
        page = await list_page(number)
        instances += page.items
        if number >= page.pages:
            break

    return instances
