"""The commands for setup and trial: doctor, fake, demo."""

import os
from pathlib import Path

from cyclopts import App

from .. import CivoSnapshotsError, PollPolicy, SnapshotSession
from ..testing import FakeCivo
from ._common import Common, Waiting
from ._exits import Exit, Stop, sentence_of, status_of
from ._following import follow
from ._printing import print_table, say, stdout


def register(app: App) -> None:
    """Add the commands."""
    app.command(doctor)
    fake = App(name="fake", help="A stand-in for Civo, for trials.")
    fake.command(serve)
    app.command(fake)
    app.command(demo)


async def doctor(instance: str | None = None, *, common: Common = Common()) -> int:
    """Print which token, region and URL are used and where they come from, and test them.

    Parameters
    ----------
    instance
        An instance whose snapshots the test lists; by default it lists the instances.
    """
    path = Path(os.environ.get("CIVO_CONFIG") or "~/.civo.json").expanduser()
    rows = [
        ("token", _source("CIVO_TOKEN", path, given=False), "found (not shown)"),
        ("region", _source("CIVO_REGION", path, given=common.region is not None), ""),
        ("API", _source("CIVO_API_URL", path, given=common.api_url is not None), ""),
    ]
    async with common.session() as session:
        found = {"region": session.region, "API": session.api_url}
        print_table(
            ("SETTING", "FROM", "VALUE"),
            [(name, source, found.get(name, value)) for name, source, value in rows],
        )
        try:
            if instance is None:
                read = f"{len(await session.list_instances())} instances"
            else:
                read = f"{len(await session.list_snapshots(instance))} snapshots of {instance}"
        except CivoSnapshotsError as error:
            raise Stop(
                status_of(error) or Exit.OTHER, f"the read failed: {sentence_of(error)}"
            ) from None
    stdout().print(f"the read succeeded: {read}", markup=False)

    return Exit.DONE


def _source(variable: str, path: Path, *, given: bool) -> str:
    if given:
        return "the command line"
    if os.environ.get(variable):
        return variable

    return str(path) if path.exists() else "the default"


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    instance: tuple[str, ...] = ("web-1",),
    takes: float = 5.0,
) -> None:
    """Serve FakeCivo until interrupted.

    Parameters
    ----------
    port
        The port to listen on; 0 for any free one.
    instance
        The name of an instance; may be given several times.
    takes
        The seconds that a snapshot takes.
    """
    from ..testing._command import main as serve_fake  # noqa: PLC0415

    await serve_fake(
        [
            f"--host={host}",
            f"--port={port}",
            f"--takes={takes}",
            *(f"--instance={each}" for each in instance),
        ]
    )


async def demo(*, takes: float = 4.0, common: Common = Common()) -> int:
    """Create a snapshot on an embedded FakeCivo, wait for it, and restore it.

    Parameters
    ----------
    takes
        The seconds that the snapshot takes.
    """
    async with FakeCivo(takes=takes) as civo:
        instance = civo.add_instance("web-1", volumes=("root", "data", "logs"))
        instance.disk = "release 1"
        say(f"an embedded FakeCivo plays Civo on {civo.api_url}")
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            waiting = Waiting(timeout=60, interval=0.25)
            snapshot = await session.create_snapshot("web-1", name="before-upgrade")
            snapshot = await follow(session, snapshot.ref, common, waiting)
            say(str(snapshot))
            instance.disk = "half of release 2"
            restore = await session.restore_snapshot("web-1", snapshot, hostname="web-1-copy")
            say(f"restoring into {restore.hostname}")
            poll = PollPolicy(interval=0.25)
            copy = await session.wait_for_restored_instance(restore, timeout=60, poll=poll)
            copy = await session.wait_until_active(copy.id, timeout=60, poll=poll)
            disk = civo.instances[copy.id].disk
            stdout().print(f"{copy.hostname} is {copy.status} and holds {disk!r}", markup=False)

    return Exit.DONE
