"""Retention over many instances: a plan and outcomes for each, and no error hides another."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    InstanceNotFoundError,
    InstancePrune,
    PruneReport,
    Snapshot,
    SnapshotSession,
    TransportError,
)
from civo_snapshots_async._pruning_many import PruneRules, prune_many
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

from .make import made, refused

DAY = 86_400
GONE = refused(InstanceNotFoundError, code="database_instance_find")
REFUSED = refused(AuthenticationError, status=401)
LOST = TransportError("lost", method="GET", path="/v2")


class Keeper:
    """Has three snapshots of each instance, apart from some that it can't list."""

    region = "FAKE1"

    def __init__(self, errors: Mapping[str, CivoSnapshotsError] | None = None) -> None:
        self.errors = errors or {}
        self.clock = FakeClock()
        self.listed: list[str] = []
        self.deleted: list[str] = []
        self.running = 0
        self.most_running = 0
        self.is_waiting = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def list_snapshots(self, instance_id: str, *, region: str) -> tuple[Snapshot, ...]:
        """Note the call."""
        assert region == self.region
        self.listed.append(instance_id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.is_waiting.set()
        await asyncio.sleep(0)
        await self.gate.wait()
        self.running -= 1
        if instance_id in self.errors:
            raise self.errors[instance_id]
        return tuple(attrs.evolve(made(age), instance_id=instance_id) for age in (400, 401, 402))

    async def delete_snapshot(self, instance_id: str, snapshot: Snapshot, *, region: str) -> None:
        """Note the call."""
        self.deleted.append(f"{instance_id}/{snapshot.id}/{region}")


async def pruned(keeper: Keeper, *instance_ids: str, **options: Any) -> PruneReport:
    """Keep one snapshot of each."""
    given = {"dry_run": False, "max_concurrent": 10, "region": "FAKE1", **options}
    rules = PruneRules(keep_last=1, keep_within=None, name_prefix=None)

    return await prune_many(keeper, instance_ids, rules, **given)


async def test_each_instance_has_its_plan_and_outcomes() -> None:
    """In the order of the arguments."""
    keeper = Keeper()

    report = await pruned(keeper, "web-2", "web-1")

    assert [each.instance_id for each in report.instances] == ["web-2", "web-1"]
    assert sorted(keeper.deleted) == [
        "web-1/day-401/FAKE1", "web-1/day-402/FAKE1", "web-2/day-401/FAKE1", "web-2/day-402/FAKE1",
    ]  # fmt: skip
    assert (len(report.deleted), report.failed, report.exit_code) == (4, (), 0)
    report.raise_for_failures()


async def test_a_dry_run_deletes_nothing() -> None:
    """It has the plans."""
    keeper = Keeper()

    report = await pruned(keeper, "web-1", dry_run=True)

    (one,) = report.instances
    assert one.plan is not None
    assert (len(one.plan.to_delete), one.result, keeper.deleted) == (2, None, [])
    assert (str(one), str(report)) == (
        "web-1: 2 to delete",
        "0 of 2 snapshots deleted, 0 of 1 instance failed",
    )


@pytest.mark.parametrize("error", [GONE, LOST], ids=lambda error: type(error).__name__)
async def test_an_error_of_one_hides_no_other(error: CivoSnapshotsError) -> None:
    """The others are pruned; both errors are in the report."""
    keeper = Keeper({"web-1": error, "web-3": error})

    report = await pruned(keeper, "web-1", "web-2", "web-3", max_concurrent=1)

    assert [each.error for each in report.instances] == [error, None, error]
    assert (len(report.deleted), len(report.failed), report.exit_code) == (2, 2, 1)
    assert str(report.instances[0]) == f"web-1: not pruned: {error}"
    with pytest.raises(ExceptionGroup) as raised:
        report.raise_for_failures()
    assert raised.value.exceptions == (error, error)


async def test_what_all_would_get_is_requested_no_further() -> None:
    """A rejected token is each instance's error, an object of its own."""
    keeper = Keeper({"web-1": REFUSED})

    report = await pruned(keeper, *(f"web-{n}" for n in range(1, 9)), max_concurrent=1)

    assert keeper.listed == ["web-1"]
    assert {type(each.error) for each in report.instances} == {AuthenticationError}
    assert len({id(each.error) for each in report.instances}) == 8


async def test_no_more_than_the_limit_run_at_once() -> None:
    """Each instance takes a slot."""
    keeper = Keeper()

    await pruned(keeper, *(f"web-{n}" for n in range(50)), max_concurrent=3)

    assert keeper.most_running == 3


@pytest.mark.parametrize(
    ("instance_ids", "options"),
    [
        (["web-1", "WEB-1"], {"keep_last": 1}),
        ("web-1", {"keep_last": 1}),
        (["../web-2"], {"keep_last": 1}),
        (["web-1"], {}),
        (["web-1"], {"keep_last": 0}),
        (["web-1"], {"keep_within": timedelta(0)}),
        (["web-1"], {"keep_last": 1, "name_prefix": ""}),
        (["web-1"], {"keep_last": 1, "max_concurrent": 0}),
        (["web-1"], {"keep_last": 1, "dry_run": "no"}),
        (["web-1"], {"keep_last": 1, "region": "../x"}),
    ],
    ids=str,
)
async def test_invalid_arguments_send_nothing(
    civo: FakeCivo, session: SnapshotSession, instance_ids: Any, options: dict[str, Any]
) -> None:
    """Not even for the valid ones among them."""
    with pytest.raises((ValueError, TypeError)):
        await session.prune_many(instance_ids, **options)

    assert civo.requests == []


async def test_on_a_server_deletions_that_fail_are_outcomes(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """With their errors, and ready for JSON."""
    civo.add_instance("web-2")
    for instance_id in ("web-1", "web-2"):
        for number in (1, 2, 3):
            civo.add_snapshot(instance_id, f"{instance_id}-{number}", age=number * DAY)
    civo.inject("delete", faults.status(409))

    report = await session.prune_many(["web-1", "web-2"], keep_last=1)

    assert (len(report.deleted), report.exit_code) == (3, 1)
    (failed,) = report.failed
    assert str(failed) == f"{failed.instance_id}: 1 of 2 snapshots deleted"
    (outcome,) = failed.failed
    assert str(outcome).startswith("did not delete snapshot-3 (web-")
    document = json.loads(json.dumps(report.to_dict()))
    errors = [
        each["error"] and each["error"]["type"]
        for one in document["instances"]
        for each in one["result"]["outcomes"]
    ]
    assert sorted(errors, key=str) == ["ConflictError", None, None, None]
    with pytest.raises(ExceptionGroup, match="3 of 4 snapshots deleted, 1 of 2 instances failed"):
        report.raise_for_failures()


async def test_an_unreadable_list_is_not_pruned(civo: FakeCivo, session: SnapshotSession) -> None:
    """What can't be read may be what to keep."""
    civo.inject("list", faults.bad_json(b'[{"id": "a", "status": "Complete"}]'))

    report = await session.prune_many(["web-1"], keep_last=1)

    assert [each.plan for each in report.instances] == [None]
    assert [request.kind for request in civo.requests] == ["list"]


async def test_canceled_it_leaves_no_task_behind() -> None:
    """And deletes nothing more."""
    keeper = Keeper()
    keeper.gate = asyncio.Event()
    task = asyncio.create_task(pruned(keeper, "web-1", "web-2"))
    await keeper.is_waiting.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.deleted == []


def test_an_empty_report_is_no_failure() -> None:
    """Nothing was to do."""
    report = PruneReport(instances=())

    assert (report.exit_code, str(report)) == (
        0,
        "0 of 0 snapshots deleted, 0 of 0 instances failed",
    )
    assert InstancePrune(instance_id="web-1").failed == ()
