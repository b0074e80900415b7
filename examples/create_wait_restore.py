"""Create a snapshot, wait until every volume in it is complete, and restore it.

    python examples/create_wait_restore.py             # on a local fake of Civo
    python examples/create_wait_restore.py INSTANCE    # on Civo: CIVO_TOKEN, CIVO_REGION

The restore creates a new instance. Nothing is overwritten.
"""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime

from civo_snapshots_async import (
    CivoSnapshotsError,
    HttpOptions,
    PollPolicy,
    Snapshot,
    SnapshotSession,
    diff,
)
from civo_snapshots_async.testing import FakeCivo


async def create_wait_restore(
    session: SnapshotSession, instance_id: str, hostname: str, poll: PollPolicy
) -> None:
    """Create, wait and restore, and print each step."""
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    def say_changes(before: Snapshot, after: Snapshot) -> None:
        for change in diff(before, after):
            say(str(change))

    name = f"{datetime.now(UTC):before-upgrade-%Y%m%d-%H%M%S}"
    snapshot = await session.create_snapshot(instance_id, name=name)
    say(f"created snapshot {snapshot.name} ({snapshot.id}) of {instance_id}")
    snapshot = await session.wait_until_complete(
        instance_id, snapshot, poll=poll, on_change=say_changes
    )
    say(f"complete: the snapshot and its {len(snapshot.volumes)} volumes")
    restore = await session.restore_snapshot(instance_id, snapshot, hostname=hostname)
    say(f"restoring into a new instance: {restore.hostname} ({restore.state})")


async def on_fake_civo() -> None:
    """Run without an account, on an instance with a root volume and two attached ones."""
    async with FakeCivo(takes=4.0) as civo:
        civo.add_instance("web-1", volumes=("root", "data", "logs"))
        print(f"FakeCivo is running on {civo.api_url}")
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            await create_wait_restore(session, "web-1", "web-1-copy", PollPolicy(interval=0.25))


async def on_civo(instance_id: str, hostname: str) -> None:
    """Run on the account of the environment or the official CLI's file."""
    async with SnapshotSession.from_env(
        http=HttpOptions(application="create_wait_restore")
    ) as session:
        await create_wait_restore(session, instance_id, hostname, PollPolicy())


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description="Snapshot an instance, wait, and restore into a new one."
    )
    parser.add_argument("instance", nargs="?", help="an instance on Civo (default: a local fake)")
    parser.add_argument("--hostname", help="of the new instance (default: INSTANCE-copy)")
    given = parser.parse_args()
    job = (
        on_civo(given.instance, given.hostname or f"{given.instance}-copy")
        if given.instance
        else on_fake_civo()
    )
    try:
        asyncio.run(job)
    except (CivoSnapshotsError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was started continues at Civo", file=sys.stderr)
        return 130

    return 0


if __name__ == "__main__":
    sys.exit(main())
