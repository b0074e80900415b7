"""Every call of the library, once, on a local fake of Civo.

    python examples/every_call.py

It needs no account and takes a few seconds. Each function shows one thing.
"""

import asyncio
import logging
import sys
from contextlib import aclosing
from datetime import timedelta

import aiohttp
from tenacity import wait_exponential, wait_fixed, wait_random

from civo_snapshots_async import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    HttpOptions,
    OutcomeUnknownError,
    PollFailed,
    PollPolicy,
    RetryPolicy,
    SavedWait,
    Snapshot,
    SnapshotFailedError,
    SnapshotFinished,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotSeen,
    SnapshotSession,
    SnapshotVanishedError,
    StateChanged,
    TransportError,
    WaitTimeoutError,
    apply_events,
    diff,
    plan_prune,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeCivo, faults, scripts

# The fake takes a tenth of a second, where Civo takes minutes.
QUICK = PollPolicy(interval=0.02)


async def the_six_calls(session: SnapshotSession) -> None:
    """Create, list, get, update, restore, delete."""
    created = await session.create_snapshot("web-1", name="nightly", description="of Monday")
    print("create: ", created.name, "with", created.included_volumes, "is", created.phase.name)
    await session.wait_until_complete("web-1", created, poll=QUICK)

    print("list:   ", [snapshot.name for snapshot in await session.list_snapshots("web-1")])
    print("get:    ", (await session.get_snapshot("web-1", "nightly")).volume_states)

    updated = await session.update_snapshot("web-1", created, name="monday", description="")
    print("update: ", updated.name, repr(updated.description))

    restore = await session.restore_snapshot(
        "web-1", created, hostname="web-1-copy", private_ip="10.0.0.9"
    )
    print("restore:", restore.hostname, restore.private_ipv4, restore.phase.name)

    old = await session.create_snapshot("web-1", name="to-be-deleted")
    await session.wait_until_complete("web-1", old, poll=QUICK)
    await session.delete_snapshot("web-1", old)
    print("delete: ", old.name)


async def waiting(session: SnapshotSession) -> None:
    """Wait with the session's method and with the module's coroutine, and show the progress."""

    def show(before: Snapshot, after: Snapshot) -> None:
        for change in diff(before, after):
            print("        ", change)

    async def post(_: Snapshot, after: Snapshot) -> None:
        await asyncio.sleep(0)  # on_change may be async, to post a message for example
        print("         now:", after.state, "- still pending:", len(after.pending_volumes))

    first = await session.create_snapshot("web-1", name="first")
    print("wait: the session's method")
    first = await session.wait_until_complete(
        "web-1", first, timeout=60, poll=QUICK, on_change=show
    )
    second = await session.create_snapshot("web-1", name="second")
    print("wait: the module's coroutine")
    second = await wait_until_complete(
        session, "web-1", second, timeout=60, poll=QUICK, on_change=post
    )
    print("wait:    both complete:", first.is_complete and second.is_complete)


async def watching(session: SnapshotSession, civo: FakeCivo) -> None:
    """Get what happens as events, and build a snapshot from them."""
    snapshot = await session.create_snapshot("db-1", name="watched")
    civo.inject("get", None, faults.status(503))
    known: Snapshot | None = None
    async with aclosing(session.watch("db-1", snapshot, timeout=60, poll=QUICK)) as events:
        async for event in events:
            match event:
                case SnapshotSeen(snapshot=known):
                    print("watch:   seen")
                case StateChanged():
                    print("watch:  ", event)
                case PollFailed(error=error):
                    print("watch:   no response:", type(error).__name__)
                case SnapshotFinished():
                    print("watch:   finished:", event.snapshot.phase.name)
                case _:
                    pass
            known = known and apply_events(known, event)
    print("watch:   the events come to", known.phase.name if known else "nothing")


async def surviving(civo: FakeCivo) -> None:
    """Retry what may be retried, and resolve a lost create."""
    policy = RetryPolicy(attempts=4, max_backoff=0.1, retry_updates=True)
    async with SnapshotSession(
        civo.token,
        region=civo.region,
        api_url=civo.api_url,
        retry=policy,
        resolve_timeout=0.2,
        http=HttpOptions(call_timeout=20),
    ) as session:
        civo.inject("list", faults.status(503), faults.close(), faults.bad_gateway())
        print("retry:  ", await session.list_snapshots("db-2"), "at the 4th attempt")

        civo.inject("list", *[faults.status(503)] * 4)
        try:
            await session.list_snapshots("db-2")
        except (ApiError, TransportError) as error:
            print("retry:  ", [attempt.outcome for attempt in error.attempts])

        civo.inject("create", faults.close("before", effect=False))
        try:
            await session.create_snapshot("db-2", name="lost")
        except OutcomeUnknownError as error:
            print("unknown:", error.action, error.requested, "- candidates:", len(error.candidates))

        civo.inject("create", faults.close("before", effect=True))
        resolved = await session.create_snapshot("db-2", name="resolved")
        ensured = await session.ensure_snapshot("db-2", name="resolved", description="not needed")
        print("ensure: ", ensured.id == resolved.id, "- one snapshot, and no second create")


async def many(session: SnapshotSession) -> None:
    """Snapshot several instances, wait for several snapshots."""
    result = await session.snapshot_many(
        ["many-1", "many-2"], name=lambda instance_id: f"of-{instance_id}", poll=QUICK
    )
    print("many:   ", result)
    snapshots = [each.snapshot for each in result.completed if each.snapshot]
    batch = session.wait_many(snapshots, poll=QUICK)
    async with aclosing(batch):
        async for outcome in batch:
            print("many:   ", outcome)
    batch.result.raise_for_failures()


async def rolling_back(session: SnapshotSession, civo: FakeCivo) -> None:
    """Put a snapshot around a change, follow its restore, resume a saved wait, and clean up."""
    instance = civo.add_instance("db-3")
    instance.disk = "release 1"

    async def upgrade() -> None:
        instance.disk = "half of release 2"
        raise RuntimeError("the upgrade has failed")

    try:
        async with session.checkpoint(
            "db-3", name="rollback-point", on_error="restore", poll=QUICK
        ):
            await upgrade()
    except RuntimeError as error:
        print("rolled: ", error, "- the disk holds", instance.disk)
    print("rolled: ", (await session.wait_until_active("db-3", poll=QUICK)).status)

    restore = await session.restore_snapshot("db-3", "rollback-point", hostname="db-3-copy")
    copy = await session.wait_for_restored_instance(restore, timeout=60, poll=QUICK)
    print("restore:", copy.hostname, (await session.wait_until_active(copy.id, poll=QUICK)).status)

    newer = await session.create_snapshot("db-3", name="newer")
    text = session.save_wait("db-3", newer, timeout=60).to_json()
    newer = await session.resume(SavedWait.from_json(text), poll=QUICK)
    print("resume: ", newer.name, newer.phase.name)

    civo.add_snapshot("db-3", name="old").created -= 30 * 86_400
    plan = plan_prune(
        await session.list_snapshots("db-3"),
        keep_within=timedelta(days=7),
        now=session.clock.utcnow(),
    )
    result = await session.prune(plan)
    result.raise_for_failures()
    print("prune:  ", [snapshot.name for snapshot in result.deleted])
    await session.delete_snapshot("db-3", newer)
    await session.wait_until_deleted("db-3", newer, timeout=60, poll=QUICK)
    print("delete: ", newer.name, "is gone")


async def intervals(session: SnapshotSession) -> None:
    """Say how often to poll."""
    snapshot = await session.create_snapshot("web-1", name="intervals")
    for poll in (
        PollPolicy(min_interval=0.02, max_interval=0.1, jitter=0.5),
        PollPolicy(interval=0.02),
        PollPolicy(wait=wait_exponential(multiplier=0.01, max=0.1)),
        PollPolicy(
            wait=wait_fixed(0.02) + wait_random(0, 0.02),
            max_consecutive_failures=20,
            not_found_grace=0,
        ),
    ):
        await session.wait_until_complete("web-1", snapshot, poll=poll)
    print("poll:    four policies")


async def restoring(session: SnapshotSession, civo: FakeCivo) -> None:
    """Restore a complete snapshot: into a new instance, or over the old one."""
    web = civo.instance("web-1")
    web.disk = "release 1"
    snapshot = await session.create_snapshot("web-1", name="before-upgrade")
    try:
        await session.restore_snapshot("web-1", snapshot, overwrite_existing=True)
    except SnapshotNotCompleteError as error:
        print("guard:  ", error)

    await session.restore_when_complete("web-1", snapshot, hostname="web-2", poll=QUICK)
    web.disk = "release 2, broken"
    await session.restore_snapshot(
        "web-1", snapshot, overwrite_existing=True, require_complete=False
    )
    print("restore: web-1 holds", web.disk)
    # Until the disk is written, Civo refuses another snapshot of it.
    await session.wait_until_active("web-1", poll=QUICK)


async def failing(session: SnapshotSession, civo: FakeCivo) -> None:
    """Handle each error."""
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
            print("timeout: ", len(error.pending_volumes), "volumes pending")

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
    # What is not given comes from CIVO_TOKEN, CIVO_REGION and CIVO_API_URL, and else from the file
    # of the official CLI.
    async with SnapshotSession.from_env(
        token=civo.token[::-1],  # a wrong one
        region=civo.region,
        api_url=civo.api_url,
        http=HttpOptions(application="every_call/1.0"),
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
            http=HttpOptions(body_format="form", request_timeout=10),
        )
        snapshots = await session.list_snapshots("web-1", region=civo.region)
        await session.aclose()
        print("session: ", len(snapshots), "snapshots; yours is closed:", http_session.closed)


async def main() -> None:
    """Run everything, one after the other."""
    async with FakeCivo(takes=0.1) as civo:
        civo.add_instance("web-1", volumes=("vol-1", "vol-2"))
        for name in ("db-1", "db-2", "many-1", "many-2"):
            civo.add_instance(name)
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            await the_six_calls(session)
            await waiting(session)
            await watching(session, civo)
            await intervals(session)
            await restoring(session, civo)
            await failing(session, civo)
            await many(session)
            await rolling_back(session, civo)
        await surviving(civo)
        await sessions(civo)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        asyncio.run(main())
    except CivoSnapshotsError as error:
        sys.exit(f"{type(error).__name__}: {error}")
