"""Every call of the library, once, on an embedded stand-in for Civo.

    python examples/every_call.py

No account is needed, and it is over in a second. Each function below shows one thing.
"""

import asyncio
import logging
import sys

import aiohttp
from tenacity import wait_exponential, wait_fixed, wait_random

from civo_snapshots_async import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    PollPolicy,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotSession,
    SnapshotVanishedError,
    TransportError,
    WaitTimeoutError,
    changes,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeCivo, scripts

# The fake takes a tenth of a second where Civo takes minutes; PollPolicy() is made for Civo.
QUICK = PollPolicy(interval=0.02)


async def the_six_calls(session: SnapshotSession) -> None:
    """Create, list, get, update, restore, delete."""
    created = await session.create_snapshot("web-1", name="nightly", description="of Monday")
    print("create: ", created.name, "with", created.included_volumes, "is", created.phase.name)
    await session.wait_until_complete("web-1", created.id, poll=QUICK)

    print("list:   ", [snapshot.name for snapshot in await session.list_snapshots("web-1")])
    print("get:    ", (await session.get_snapshot("web-1", "nightly")).volume_states)

    updated = await session.update_snapshot("web-1", created.id, name="monday", description="")
    print("update: ", updated.name, repr(updated.description))

    restore = await session.restore_snapshot(
        "web-1", created.id, hostname="web-1-copy", private_ip="10.0.0.9"
    )
    print("restore:", restore.hostname, restore.private_ipv4, restore.phase.name)

    old = await session.create_snapshot("web-1", name="to-be-deleted")
    await session.wait_until_complete("web-1", old.id, poll=QUICK)
    await session.delete_snapshot("web-1", old.id)
    print("delete: ", old.name)


async def waiting(session: SnapshotSession) -> None:
    """Wait with the session's method and with the module's coroutine, and follow the progress."""

    def show(before: Snapshot, after: Snapshot) -> None:
        for change in changes(before, after):
            print("        ", change)

    async def tell(_: Snapshot, after: Snapshot) -> None:
        await asyncio.sleep(0)  # an observer may be a coroutine: to post a message, say
        print("         now:", after.state, "- still pending:", len(after.pending_volumes))

    first = await session.create_snapshot("web-1", name="first")
    print("wait: the session's method")
    first = await session.wait_until_complete(
        "web-1", first.id, timeout=60, poll=QUICK, on_change=show
    )
    second = await session.create_snapshot("web-1", name="second")
    print("wait: the module's coroutine")
    second = await wait_until_complete(
        session, "web-1", second.id, timeout=60, poll=QUICK, on_change=tell
    )
    print("wait:    both complete:", first.is_complete and second.is_complete)


async def intervals(session: SnapshotSession) -> None:
    """Say how often to look."""
    snapshot = await session.create_snapshot("web-1", name="intervals")
    for poll in (
        PollPolicy(min_interval=0.02, max_interval=0.1, jitter=0.5),
        PollPolicy(interval=0.02),
        PollPolicy(wait=wait_exponential(multiplier=0.01, max=0.1)),
        PollPolicy(wait=wait_fixed(0.02) + wait_random(0, 0.02), max_failures=20, missing_grace=0),
    ):
        await session.wait_until_complete("web-1", snapshot.id, poll=poll)
    print("poll:    four policies")


async def restoring(session: SnapshotSession, civo: FakeCivo) -> None:
    """Restore only what is complete: into a new instance, or over the old one."""
    web = civo.instance("web-1")
    web.disk = "release 1"
    snapshot = await session.create_snapshot("web-1", name="before-upgrade")
    try:
        await session.restore_snapshot("web-1", snapshot.id, overwrite_existing=True)
    except SnapshotNotCompleteError as error:
        print("guard:  ", error)

    await session.restore_when_complete("web-1", snapshot.id, hostname="web-2", poll=QUICK)
    web.disk = "release 2, broken"
    await session.restore_snapshot(
        "web-1", snapshot.id, overwrite_existing=True, require_complete=False
    )
    print("restore: web-1 holds", web.disk)


async def failing(session: SnapshotSession, civo: FakeCivo) -> None:
    """Tell apart what can go wrong."""
    civo.script_next("web-1", scripts.fails("vol-2"), scripts.vanishes(0.05), scripts.stuck())
    for number in range(3):
        name = f"doomed-{number}"
        try:
            await session.create_snapshot("web-1", name=name)
            await session.wait_until_complete("web-1", name, timeout=0.1, poll=QUICK)
        except SnapshotFailedError as error:
            print("failed:  ", [volume.id for volume in error.failed_volumes])
        except SnapshotVanishedError as error:
            print("vanished:", "was", error.snapshot.state if error.snapshot else "never seen")
        except WaitTimeoutError as error:
            print("late:    ", len(error.pending_volumes), "volumes pending")

    try:
        await session.create_snapshot("web-1")
    except ConflictError as error:
        print("conflict:", error.code)

    try:
        await session.get_snapshot("web-1", "no-such-snapshot")
    except SnapshotNotFoundError as error:
        print("missing: ", error.status, error.code)

    try:
        await session.create_snapshot("web-1", name="Not a Label")
    except ValueError as error:
        print("refused: ", str(error).partition(" (")[0])


async def sessions(civo: FakeCivo) -> None:
    """Make a session from the environment, or on an aiohttp session of your own."""
    # Left out, each of the three is looked for in CIVO_TOKEN, CIVO_REGION and CIVO_API_URL, and
    # then in the file of the official CLI.
    async with SnapshotSession.from_env(
        token=civo.token[::-1],  # a wrong one
        region=civo.region,
        api_url=civo.api_url,
        application="every_call/1.0",
    ) as session:
        try:
            await session.list_snapshots("web-1")
        except AuthenticationError as error:
            print("token:   ", error.status, "is not a missing snapshot, but", error.code)
        except (ApiError, TransportError) as error:
            print("token:   ", "something else:", error)

    async with aiohttp.ClientSession() as http_session:
        session = SnapshotSession(
            civo.token,
            region=civo.region,
            api_url=civo.api_url,
            http_session=http_session,
            body_format="form",
            request_timeout=10,
        )
        snapshots = await session.list_snapshots("web-1", region=civo.region)
        await session.aclose()
        print("session: ", len(snapshots), "snapshots; yours is closed:", http_session.closed)


async def main() -> None:
    """Do it all, one thing after the other."""
    async with FakeCivo(takes=0.1) as civo:
        civo.add_instance("web-1", volumes=("vol-1", "vol-2"))
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            await the_six_calls(session)
            await waiting(session)
            await intervals(session)
            await restoring(session, civo)
            await failing(session, civo)
        await sessions(civo)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        asyncio.run(main())
    except CivoSnapshotsError as error:
        sys.exit(f"{type(error).__name__}: {error}")
