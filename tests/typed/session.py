"""The calls of a session, and what is built on them."""

from asyncio import Semaphore
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from ipaddress import IPv4Address
from ssl import create_default_context
from typing import assert_type

import aiohttp
import tenacity

from civo_snapshots_async import (
    AuditReport,
    Batch,
    BatchOutcome,
    BatchResult,
    CallEnded,
    CallStarted,
    Clock,
    DrillReport,
    HttpOptions,
    Instance,
    InstancePrune,
    LearnedPoll,
    Observer,
    PollPolicy,
    PrunePlan,
    PruneReport,
    PruneResult,
    Restore,
    RetryPolicy,
    SavedWait,
    Snapshot,
    SnapshotEvent,
    SnapshotRef,
    SnapshotSession,
    SnapshotSource,
    SystemClock,
    WaitEnded,
    WaitStarted,
    http_ok,
    port_open,
    wait_until_complete,
)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
PATIENT = PollPolicy(
    min_interval=2,
    max_interval=MINUTE,
    jitter=0.1,
    max_consecutive_failures=10,
    not_found_grace=MINUTE,
    stall_after=600,
)
FIXED = PollPolicy(interval=timedelta(seconds=5), scope="account")
LEARNED = PollPolicy(learned=LearnedPoll(max_instances=100, max_interval=MINUTE))
EXPONENTIAL = PollPolicy(wait=tenacity.wait_exponential(max=30))
HTTP = HttpOptions(
    request_timeout=30,
    connect_timeout=timedelta(seconds=10),
    call_timeout=MINUTE,
    max_connections=10,
    requests_per_second=5,
    body_format="form",
    proxy="http://proxy.example:3128",
    trust_env=True,
    ssl_context=create_default_context(),
    application="backup/1.0",
    allow_insecure_http=True,
)
RETRY = RetryPolicy(attempts=5, min_backoff=0.1, max_backoff=MINUTE, retry_updates=True, budget=100)


class Follower:
    """Writes down what happens: the shape of an observer."""

    @contextmanager
    def call(self, started: CallStarted) -> Generator[Callable[[CallEnded], None], None, None]:
        """Use every field."""
        assert_type(started.name, str)
        assert_type(started.is_poll, bool)
        print(started.method, started.url, started.instance_id, started.snapshot_id)
        print(started.region, started.is_overwrite, started.waits)
        yield lambda end: print(end.outcome, end.attempts, end.status, end.seconds, end.error)

    @contextmanager
    def wait(
        self, started: WaitStarted
    ) -> Generator[Callable[[SnapshotEvent | WaitEnded], None], None, None]:
        """Use every field."""
        print(started.name, started.instance_id, started.snapshot_id, started.region)
        assert_type(started.timeout, float | None)
        yield self.happened

    def happened(self, event: SnapshotEvent | WaitEnded) -> None:
        """Take an event, or the end."""
        if isinstance(event, WaitEnded):
            assert_type(event.snapshot, Snapshot | None)
            print(event.outcome, event.polls, event.requests, event.seconds)
            print(event.error, event.message)


FOLLOWER: Observer = Follower()


async def opening(http_session: aiohttp.ClientSession, clock: Clock) -> None:
    """Open one by hand, from the environment, and with everything that can be set."""
    async with SnapshotSession("token", region="LON1") as session:
        assert_type(session, SnapshotSession)
        assert_type(session.region, str)
        assert_type(session.api_url, str)
        assert_type(session.clock, Clock)
    async with SnapshotSession.from_env() as session:
        assert_type(session, SnapshotSession)
    session = SnapshotSession(
        "token",
        region="LON1",
        api_url="https://api.civo.com",
        http=HTTP,
        retry=RETRY,
        resolve_timeout=MINUTE,
        http_session=http_session,
        limiter=Semaphore(10),
        observers=[FOLLOWER],
        clock=clock,
    )
    session = SnapshotSession.from_env(
        token="token",
        region="LON1",
        api_url="https://api.civo.com",
        http=HTTP,
        retry=None,
        resolve_timeout=0,
        http_session=http_session,
        observers=(Follower(), FOLLOWER),
        clock=SystemClock(),
    )
    await session.aclose()


async def six_calls(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Name a snapshot by its id or name, by itself, or by its address."""
    created = await session.create_snapshot("web-1")
    assert_type(created, Snapshot)
    await session.create_snapshot("web-1", name="nightly", description="why", region="LON1")
    assert_type(await session.list_snapshots("web-1", region="LON1"), tuple[Snapshot, ...])
    for each in ("snap-1", snapshot, ref):
        assert_type(await session.get_snapshot("web-1", each), Snapshot)
        assert_type(await session.update_snapshot("web-1", each, name="new"), Snapshot)
        assert_type(await session.restore_snapshot("web-1", each, hostname="copy"), Restore)
        await session.delete_snapshot("web-1", each)
    await session.get_snapshot("web-1", "snap-1", region="LON1")
    await session.update_snapshot("web-1", "snap-1", name="n", description="", region="LON1")
    await session.restore_snapshot("web-1", "snap-1", overwrite_existing=True)
    await session.restore_snapshot(
        "web-1",
        "snap-1",
        hostname="copy",
        private_ip="10.0.0.9",
        description="why",
        require_complete=False,
        region="LON1",
    )
    await session.restore_snapshot("web-1", snapshot, private_ip=IPv4Address("10.0.0.9"))
    await session.delete_snapshot("web-1", "snap-1", region="LON1")


async def beside_the_six(session: SnapshotSession, restore: Restore) -> None:
    """Make the other calls."""
    assert_type(
        await session.ensure_snapshot("web-1", name="nightly", description="why", region="LON1"),
        Snapshot,
    )
    assert_type(await session.list_instances(region="LON1"), tuple[Instance, ...])
    assert_type(await session.find_instance("web-1", region="LON1"), Instance)
    assert_type(
        await session.wait_until_active("web-1", timeout=MINUTE, poll=FIXED, region="LON1"),
        Instance,
    )
    assert_type(
        await session.wait_for_restored_instance(restore, timeout=None, poll=FIXED), Instance
    )


def changed(before: Snapshot, after: Snapshot) -> None:
    """Observe a change."""


async def changed_async(before: Snapshot, after: Snapshot) -> None:
    """Observe a change, and await something."""


async def waiting(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Wait for seconds, a `timedelta` or without a limit, with observers of both kinds."""
    for each in ("snap-1", snapshot, ref):
        assert_type(await session.wait_until_complete("web-1", each), Snapshot)
        assert_type(await session.restore_when_complete("web-1", each), Restore)
        assert_type(session.save_wait("web-1", each), SavedWait)
        await session.wait_until_deleted("web-1", each)
    await session.wait_until_complete(
        "web-1", "snap-1", timeout=600, poll=PATIENT, on_change=changed, region="LON1"
    )
    await session.wait_until_complete(
        "web-1", "snap-1", timeout=MINUTE, poll=EXPONENTIAL, on_change=changed_async
    )
    await session.wait_until_complete(
        "web-1", "snap-1", timeout=None, on_change=lambda _, after: print(after)
    )
    await session.wait_until_complete("web-1", "snap-1", poll=LEARNED)
    await session.wait_until_deleted("web-1", ref, timeout=MINUTE, poll=FIXED, region="LON1")
    await session.restore_when_complete(
        "web-1",
        "snap-1",
        hostname="copy",
        private_ip=IPv4Address("10.0.0.9"),
        description="why",
        overwrite_existing=False,
        timeout=MINUTE,
        poll=FIXED,
        on_change=changed,
        region="LON1",
    )
    saved = session.save_wait("web-1", snapshot, timeout=MINUTE, region="LON1")
    assert_type(await session.resume(saved, poll=FIXED, on_change=changed), Snapshot)
    assert_type(await session.resume(saved, for_at_most=240), Snapshot | SavedWait)


async def watching(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Watch in a loop, to its end and not."""
    async for event in session.watch("web-1", snapshot):
        assert_type(event, SnapshotEvent)
    watch = session.watch("web-1", ref, timeout=MINUTE, poll=FIXED, region="LON1")
    assert_type(watch, AsyncGenerator[SnapshotEvent, None])
    async with aclosing(watch) as events:
        async for event in events:
            print(event)
            break


class Source:
    """Something else that can get a snapshot."""

    async def get_snapshot(self, instance_id: str, snapshot_id: str) -> Snapshot:
        """Make one up."""
        return Snapshot(id=snapshot_id, name="nightly", instance_id=instance_id)


async def of_the_module(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Wait by a session, and by anything that can get a snapshot."""
    source: SnapshotSource = session
    assert_type(await source.get_snapshot("web-1", "snap-1"), Snapshot)
    for each in ("snap-1", snapshot, ref):
        assert_type(await wait_until_complete(session, "web-1", each), Snapshot)
    await wait_until_complete(
        Source(),
        "web-1",
        "snap-1",
        timeout=MINUTE,
        poll=FIXED,
        on_change=changed_async,
        region="LON1",
        clock=SystemClock(),
    )


async def many(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Await all, iterate one by one, and stop."""
    batch = session.snapshot_many(["web-1", "web-2"])
    assert_type(batch, Batch)
    assert_type(await batch, BatchResult)
    async for outcome in session.snapshot_many(
        (name for name in ("web-1", "web-2")),
        name="nightly",
        description="why",
        ensure=True,
        max_concurrent=5,
        timeout=MINUTE,
        poll=FIXED,
        on_change=changed,
        region="LON1",
    ):
        assert_type(outcome, BatchOutcome)
    async with aclosing(
        session.snapshot_many(["web-1"], name=lambda instance_id: f"{instance_id}-nightly")
    ) as stopped:
        async for outcome in stopped:
            print(outcome)
            break
    assert_type(stopped.result, BatchResult)
    assert_type(
        await session.wait_many([snapshot, ref, ("web-1", "snap-1"), ("web-1", snapshot)]),
        BatchResult,
    )
    await session.wait_many(
        [ref], timeout=MINUTE, poll=FIXED, on_change=changed_async, region="LON1"
    )


async def around_other_work(session: SnapshotSession, plan: PrunePlan) -> None:
    """Make a checkpoint, and follow a retention plan."""
    async with session.checkpoint("web-1") as snapshot:
        assert_type(snapshot, Snapshot)
    async with session.checkpoint(
        "web-1",
        name="before-upgrade",
        description="why",
        on_error="restore",
        on_cancel="keep",
        on_success="delete",
        timeout=MINUTE,
        poll=FIXED,
        region="LON1",
    ):
        pass
    assert_type(await session.prune(plan), PruneResult)
    report = await session.prune_many(
        ["web-1"],
        keep_last=7,
        keep_within=MINUTE,
        name_prefix="nightly-",
        dry_run=True,
        max_concurrent=5,
        region="LON1",
    )
    assert_type(report, PruneReport)
    assert_type(report.failed, tuple[InstancePrune, ...])
    assert_type(report.exit_code, int)


async def auditing(session: SnapshotSession, instances: list[Instance]) -> None:
    """Audit all instances of a region, or some."""
    assert_type(await session.audit(max_age=86_400), AuditReport)
    await session.audit(["web-1", *instances], max_age=DAY, max_pending=MINUTE, min_count=3)
    await session.audit(iter(instances), max_age=DAY, region="LON1")


async def serves(instance: Instance) -> bool:
    """Check an instance that a drill has restored."""
    by_http = http_ok(
        "/health", port=8080, host=lambda each: each.private_ip, timeout=MINUTE, interval=1,
        clock=SystemClock(),
    )  # fmt: skip
    by_tcp = port_open(
        5432, host=lambda _: "10.0.0.9", timeout=60, interval=MINUTE, clock=SystemClock()
    )

    return await by_http(instance) and await by_tcp(instance)


async def drilling(session: SnapshotSession, snapshot: Snapshot) -> None:
    """Prove that a snapshot restores."""
    assert_type(await session.drill("web-1", check=serves), DrillReport)
    await session.drill("web-1", snapshot, check=port_open(22), delete_scratch=True)
    await session.drill(
        "web-1",
        "nightly",
        check=lambda instance: instance.is_active,
        create_if_missing=True,
        timeout=None,
        check_timeout=MINUTE,
        poll=FIXED,
        region="LON1",
    )
