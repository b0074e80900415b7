"""Restores that happen once: the calls, the plan as a value, and what is raised instead."""

from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, assert_type

from civo_snapshots_async import (
    Instance,
    PollPolicy,
    Restore,
    RestoreAlreadyAppliedError,
    RestoreFacts,
    RestorePlan,
    RestorePlanChangedError,
    Snapshot,
    SnapshotRef,
    SnapshotSession,
    UndoRefusedError,
)


def changed(before: Snapshot, after: Snapshot) -> None:
    """Take a change of a safety snapshot."""


async def planning(session: SnapshotSession, snapshot: Snapshot, ref: SnapshotRef) -> None:
    """Plan a restore over an instance, and into a new one."""
    for each in ("before-upgrade", snapshot, ref):
        plan = await session.plan_restore("web-1", each, overwrite_existing=True)
        assert_type(plan, RestorePlan)
    await session.plan_restore("web-1", ref, overwrite_existing=True, safety_snapshot=False)
    await session.plan_restore(
        "web-1",
        "nightly",
        hostname="copy",
        private_ip=IPv4Address("10.0.0.9"),
        description="why",
        region="LON1",
    )


async def applying(session: SnapshotSession, plan: RestorePlan) -> None:
    """Apply a plan, and undo it."""
    try:
        assert_type(await session.apply_restore(plan), Restore)
        await session.apply_restore(
            plan, timeout=600, poll=PollPolicy(interval=5), on_change=changed
        )
        assert_type(await session.undo_restore(plan), Restore)
    except RestorePlanChangedError as error:
        assert_type((error.instance_id, error.fingerprint), tuple[str, str])
        assert_type(error.differences, tuple[str, ...])
    except (RestoreAlreadyAppliedError, UndoRefusedError) as error:
        assert_type((error.instance_id, error.fingerprint), tuple[str, str])
        assert_type(error.safety_snapshots, tuple[Snapshot, ...])


async def ensuring(session: SnapshotSession, snapshot: Snapshot) -> None:
    """Restore into a new instance, unless it is there."""
    assert_type(await session.ensure_restored("web-1", "nightly", hostname="copy"), Instance)
    await session.ensure_restored(
        "web-1",
        snapshot,
        hostname="copy",
        private_ip="10.0.0.9",
        description="why",
        timeout=timedelta(minutes=10),
        poll=PollPolicy(interval=5),
        region="LON1",
    )


def plans(plan: RestorePlan) -> None:
    """Read a plan, and send it elsewhere."""
    assert_type((plan.region, plan.fingerprint, plan.safety_prefix), tuple[str, str, str])
    assert_type((plan.overwrite_existing, plan.safety_snapshot), tuple[bool, bool])
    assert_type((plan.hostname, plan.private_ip), tuple[str | None, str | None])
    assert_type((plan.description, plan.made_at), tuple[str | None, datetime])
    assert_type((plan.facts, str(plan)), tuple[RestoreFacts, str])
    assert_type((plan.to_dict(), plan.to_json()), tuple[dict[str, Any], str])
    assert_type(RestorePlan.from_json(plan.to_json()), RestorePlan)


def facts(before: RestoreFacts, now: RestoreFacts) -> None:
    """Read what a plan rests on, and compare it."""
    assert_type((before.instance_id, before.hostname), tuple[str, str])
    assert_type((before.status, before.network_id), tuple[str | None, str | None])
    assert_type((before.snapshot_id, before.snapshot_name), tuple[str, str])
    assert_type((before.created_at, before.volumes), tuple[datetime | None, tuple[str, ...]])
    assert_type((before.newer, before.same_hostname), tuple[tuple[str, ...], tuple[str, ...]])
    assert_type(before.differences(now), tuple[str, ...])
