"""The fake of Civo, its clock, scripts and faults."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, assert_type

from hypothesis.stateful import rule

from civo_snapshots_async import Clock, RestorePlan, SnapshotSession
from civo_snapshots_async.testing import (
    Effect,
    FakeCivo,
    FakeClock,
    FakeInstance,
    FakeRestore,
    FakeSnapshot,
    RecordedRequest,
    faults,
    laws,
    scripts,
)
from civo_snapshots_async.testing.faults import Fault, Target, When
from civo_snapshots_async.testing.machine import CRASHES, FAULTS, CivoMachine
from civo_snapshots_async.testing.scripts import Script, Status

MINUTE = timedelta(minutes=1)


async def a_fake() -> None:
    """Make one by default, and with everything that can be set."""
    async with FakeCivo() as civo:
        assert_type(civo, FakeCivo)
        session = SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url)
        await session.aclose()
    clock = FakeClock(10, auto=False, sockets=False)
    FakeCivo(
        token="token",
        region="FAKE1",
        other_regions=["FAKE2"],
        default_region=None,
        clock=clock,
        takes=MINUTE,
        deletes_take=1,
        spelling="lower",
        snapshot_quota=None,
        checks_restores=False,
        rate_limit=5,
        burst=1,
        retry_after=False,
        past_last_page="empty",
        account_list_ids="instance",
        host="127.0.0.1",
        port=0,
    )


async def a_clock(clock: FakeClock) -> None:
    """Use it wherever a clock goes."""
    own: Clock = clock
    assert_type((own.now(), clock.now(), clock.utcnow()), tuple[float, float, datetime])
    await clock.sleep(1)
    async with clock.timeout(None):
        clock.advance(MINUTE)
    clock.call_later(1, print, "later").cancel()
    assert_type(clock.slept, list[float])


def what_it_holds(civo: FakeCivo, now: datetime) -> None:
    """Add instances and snapshots without a request."""
    assert_type((civo.api_url, civo.token, civo.region), tuple[str, str, str])
    civo.token = "another"
    assert_type(civo.snapshot_quota, int | None)
    civo.snapshot_quota = 3
    assert_type(civo.add_instance(), FakeInstance)
    civo.add_instance("a", hostname="b", volumes=(), region="FAKE1", private_ip="10.0.0.9")
    assert_type(civo.instances, Mapping[str, FakeInstance])
    assert_type(civo.instance("a"), FakeInstance)
    civo.remove_instance("a")
    assert_type(civo.add_snapshot("a"), FakeSnapshot)
    civo.add_snapshot("a", "snap-1", name="n", description="d", script=scripts.stuck(), age=MINUTE)
    civo.add_snapshot("a", created_at=now)
    assert_type(civo.snapshot("a", "snap-1"), FakeSnapshot)
    assert_type(civo.snapshots(), tuple[FakeSnapshot, ...])
    assert_type(civo.snapshots("a"), tuple[FakeSnapshot, ...])


def what_it_recorded(civo: FakeCivo) -> None:
    """Read its requests, and what came of them."""
    assert_type(civo.requests, list[RecordedRequest])
    assert_type(civo.effects, list[Effect])
    assert_type(civo.restores, list[FakeRestore])
    assert_type(civo.unused_faults, tuple[Fault, ...])


def what_must_hold(civo: FakeCivo, plan: RestorePlan, civo_laws: list[laws.Plan]) -> None:
    """Check the laws, all and each; a plan of the library's goes as it is."""
    laws.check_all(civo)
    laws.check_all(civo, plans=[plan])
    laws.only_complete_snapshots_overwrite(civo)
    laws.plans_take_safety_snapshots(civo, [plan])
    laws.plans_overwrite_once(civo, (plan,))
    laws.only_scratch_instances_are_deleted(civo)
    civo_laws.append(plan)
    plain: laws.Plan = plan
    facts: laws.Facts = plain.facts
    assert_type((facts.instance_id, facts.snapshot_id), tuple[str, str])
    try:
        laws.check_all(civo)
    except laws.LawBrokenError as error:
        assert_type(error.violations, tuple[str, ...])


class Bot(CivoMachine):
    """Drive code of one's own through random failures and crashes."""

    def make_civo(self) -> FakeCivo:
        """Have other instances."""
        return FakeCivo(clock=self.clock)

    @rule(crash_at=CRASHES)
    def deliver(self, crash_at: int | None) -> None:
        """Run it, and perhaps kill it."""
        assert_type(self.run(self.job(), crash_at=crash_at), str | None)
        assert_type((self.clock, self.civo), tuple[FakeClock, FakeCivo])
        assert_type(self.one_of_the_instances(3), FakeInstance)
        assert_type(self.plans, list[laws.Plan])
        assert_type(FAULTS, tuple[Fault, ...])

    async def job(self) -> str:
        """Do what a bot does."""
        return self.civo.api_url


def going_wrong(civo: FakeCivo) -> None:
    """Give scripts to snapshots, and faults to requests."""
    civo.script_next("web-1", scripts.fails(), my_script, scripts.completed())
    civo.inject("create", faults.reset("midway"), None, faults.hang(), nth=2)
    civo.chaos(1)
    civo.chaos(1, rate=0.5, kinds=["create", "list"], faults=[*faults.USUAL, faults.hang()])
    civo.calm()


def my_script(elapsed: float, volumes: Sequence[str]) -> Status | None:
    """Vanish after a minute."""
    return {"state": "Pending"} if elapsed < 60 and volumes else None


def every_script(script: Script) -> None:
    """Make each, with seconds or a `timedelta`."""
    made = (
        scripts.completes(MINUTE, message="done"),
        scripts.completed(),
        scripts.stuck(),
        scripts.reports("Archiving", until=MINUTE),
        scripts.fails("vol-1", after=MINUTE, state="Error", message="disk full"),
        scripts.complete_with_pending_volume("vol-1", until=60),
        scripts.vanishes(MINUTE),
        scripts.timeline([(0, {}), (MINUTE, script), (120, None)]),
    )
    assert_type(made[0], Script)
    assert_type(made[0](0.0, ("vol-1",)), Status | None)


def every_fault(when: When, target: Target) -> None:
    """Make each."""
    made = (
        faults.reset(when, effect=True),
        faults.close(),
        faults.stale(),
        faults.hang(effect=True),
        faults.delay(MINUTE),
        faults.drip(MINUTE, effect=False),
        faults.endless_1xx(100),
        faults.status(503, code="c", reason="r", retry_after=5, headers={"Date": "never"}),
        faults.status(500, body="<html>", effect=True),
        faults.rate_limited(1.5),
        faults.bad_gateway(),
        faults.gateway_timeout(),
        faults.redirect("/", 308),
        faults.bad_json(b"{"),
        faults.huge(1_000_000, declared=False),
        faults.bomb(),
    )
    assert_type(made[0], Fault)
    assert_type(made[0].name, str)
    assert_type(made[0].arguments, tuple[tuple[str, object], ...])
    assert_type(made[0].needs_reuse, bool)
    assert_type(faults.USUAL[0], Fault)
    print(made, target, made[0].apply)


def records(
    request: RecordedRequest,
    effect: Effect,
    instance: FakeInstance,
    snapshot: FakeSnapshot,
    restore: FakeRestore,
) -> None:
    """Read what a test reads, and set what it may set."""
    assert_type((request.method, request.path, request.body), tuple[str, str, bytes])
    assert_type((request.instance_id, request.snapshot_id), tuple[str | None, str | None])
    assert_type(request.query, Mapping[str, str])
    assert_type(request.headers, Mapping[str, str])
    assert_type(request.fields, Mapping[str, object])
    assert_type((request.at, request.connection), tuple[float, int])
    assert_type(request.fault, Fault | None)
    assert request.kind == "create"
    assert_type(effect.kind, Literal["create", "update", "restore", "delete", "delete_instance"])
    assert_type((effect.instance_id, effect.snapshot_id), tuple[str, str])
    assert_type(effect.hostname, str)
    assert_type((effect.snapshot_name, effect.at), tuple[str, float])
    instance.disk, instance.busy_until = "release 2", 60
    assert_type((instance.id, instance.hostname, instance.region), tuple[str, str, str])
    assert_type((instance.status, instance.size), tuple[str, str])
    assert_type((instance.volumes, instance.tags), tuple[tuple[str, ...], tuple[str, ...]])
    assert_type((instance.private_ip, instance.public_ip), tuple[str, str])
    assert_type((instance.network_id, instance.firewall_id), tuple[str, str])
    assert_type((instance.source_type, instance.source_id), tuple[str, str])
    assert_type((instance.cpu_cores, instance.ram_mb, instance.disk_gb), tuple[int, int, int])
    assert_type(instance.created, float)
    snapshot.script, snapshot.gone_at = my_script, 60.0
    assert_type((snapshot.id, snapshot.name, snapshot.description), tuple[str, str, str])
    assert_type((snapshot.instance_id, snapshot.region, snapshot.disk), tuple[str, str, str])
    assert_type((snapshot.volumes, snapshot.created), tuple[tuple[str, ...], float])
    assert_type(snapshot.status, Status | None)
    assert_type((restore.id, restore.name, restore.hostname), tuple[str, str, str])
    assert_type((restore.from_instance, restore.from_snapshot), tuple[str, str])
    assert_type((restore.instance_id, restore.private_ip), tuple[str, str])
    assert_type((restore.description, restore.disk), tuple[str, str])
    assert_type((restore.created, restore.completed), tuple[float, float])
    assert_type(restore.overwrite_existing, bool)
    assert_type(restore.complete_snapshots, Mapping[str, str])
