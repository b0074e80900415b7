"""The commands of one snapshot: list, show, create, update, delete, wait, watch, resume."""

from cyclopts import App

from .. import SavedWait, Snapshot, SnapshotNotFoundError, SnapshotRef, SnapshotSession
from ._common import Common, Flag, Waiting
from ._following import follow
from ._following import resume as resume_wait
from ._printing import print_snapshots, print_value, say


def register(app: App) -> None:
    """Add the commands."""
    app.command(list_, name="list")
    for command in (show, create, update, delete, wait, watch, resume):
        app.command(command)


async def list_(instance: str, *, common: Common = Common()) -> None:
    """List the snapshots of an instance."""
    async with common.session() as session:
        print_snapshots(common, await session.list_snapshots(instance))


async def show(instance: str, snapshot: str, *, common: Common = Common()) -> None:
    """Show a snapshot and each of its volumes."""
    async with common.session() as session:
        found = await session.get_snapshot(instance, snapshot)
    print_value(common, found, _in_detail(found))


async def create(
    instance: str,
    *,
    name: str | None = None,
    description: str | None = None,
    ensure: Flag = False,
    wait: Flag = False,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Create a snapshot of an instance and all volumes attached to it.

    Parameters
    ----------
    instance
        The instance's id or name.
    name
        The snapshot's name; by default Civo chooses one.
    ensure
        Create none if one of that name exists: run twice, the command creates one snapshot.
    wait
        Wait until it is complete.
    """
    if ensure and name is None:
        raise ValueError("--ensure needs --name")
    async with common.session() as session:
        if ensure:
            created = await session.ensure_snapshot(
                instance, name=name or "", description=description
            )
        else:
            created = await session.create_snapshot(instance, name=name, description=description)
        result = await follow(session, created.ref, common, waiting) if wait else created
    print_value(common, result)


async def update(
    instance: str,
    snapshot: str,
    *,
    name: str | None = None,
    description: str | None = None,
    common: Common = Common(),
) -> None:
    """Change a snapshot's name, its description, or both."""
    async with common.session() as session:
        updated = await session.update_snapshot(
            instance, snapshot, name=name, description=description
        )
    print_value(common, updated)


async def delete(
    instance: str,
    snapshot: str,
    *,
    wait: Flag = False,
    ensure: Flag = False,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Delete a snapshot.

    Parameters
    ----------
    wait
        Wait until it is gone.
    ensure
        Succeed if it does not exist.
    """
    async with common.session() as session:
        await _delete(session, instance, snapshot, ensure=ensure)
        if wait:
            await session.wait_until_deleted(
                instance, snapshot, timeout=waiting.limit, poll=waiting.poll
            )
    if not common.quiet:
        say(f"deleted snapshot {snapshot} of instance {instance}")


async def _delete(session: SnapshotSession, instance: str, snapshot: str, *, ensure: bool) -> None:
    try:
        await session.delete_snapshot(instance, snapshot)
    except SnapshotNotFoundError:
        if not ensure:
            raise


async def wait(
    instance: str,
    snapshot: str,
    *,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Wait until a snapshot and every volume in it are complete."""
    async with common.session() as session:
        ref = SnapshotRef(instance, snapshot, session.region)
        complete = await follow(session, ref, common, waiting)
    print_value(common, complete)


async def watch(
    instance: str,
    snapshot: str,
    *,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Print what happens to a snapshot until it is complete; `-o jsonl` is for programs."""
    async with common.session() as session:
        ref = SnapshotRef(instance, snapshot, session.region)
        await follow(session, ref, common, waiting)


async def resume(token: str, *, common: Common = Common()) -> None:
    """Resume an interrupted wait, by the line that it printed."""
    saved = SavedWait.from_json(token)
    async with common.session(saved.ref.region) as session:
        complete = await resume_wait(session, saved, common)
    print_value(common, complete)


def _in_detail(snapshot: Snapshot) -> str:
    volumes = [
        f"  volume {volume.id}: {volume.state or 'no state yet'}" for volume in snapshot.volumes
    ]
    reasons = [f"  {reason}" for reason in snapshot.verdict.reasons]
    described = [f"  {snapshot.description}"] if snapshot.description else []

    return "\n".join(
        [str(snapshot), *described, *volumes, *(reasons and ["not complete:"]), *reasons]
    )
