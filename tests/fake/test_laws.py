"""The laws: each is kept by what the library does, and broken by what it never does.

Here no library is at work: bare requests do what a client without its guards would.
"""

import pickle
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import attrs
import pytest
import pytest_asyncio

from civo_snapshots_async import RestoreFacts, RestorePlan
from civo_snapshots_async.testing import FakeCivo, FakeClock, laws, scripts

from .talk import Caller

PLAN = RestorePlan(
    region="FAKE1",
    overwrite_existing=True,
    safety_snapshot=True,
    made_at=datetime(2025, 4, 1, tzinfo=UTC),
    facts=RestoreFacts(
        instance_id="web-1", hostname="web-1", snapshot_id="snap-1", snapshot_name="before"
    ),
)
OTHER = attrs.evolve(PLAN, private_ip="10.0.0.9")
UNSAFE = attrs.evolve(PLAN, safety_snapshot=False)
NEW = attrs.evolve(UNSAFE, overwrite_existing=False)
# A drill has made it up.
SCRATCH = "drill-0123456789abcdef"
OVERWRITE = {"overwrite_existing": True}


@pytest_asyncio.fixture(name="civo")
async def trusting(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Run a FakeCivo that trusts its clients: it restores whatever they request."""
    async with FakeCivo(clock=fake_clock, checks_restores=False) as civo:
        civo.add_instance("web-1")
        civo.add_instance("db-1")
        civo.add_snapshot("web-1", "snap-1", name="before")
        civo.add_snapshot("db-1", "snap-2")
        yield civo


async def overwrite(call: Caller, path: str = "web-1/snapshots/snap-1") -> None:
    """Overwrite an instance, with nothing checked."""
    assert (await call("POST", f"{path}/restore", json=OVERWRITE)).status == 201


def safety(civo: FakeCivo, plan: RestorePlan, number: int = 1) -> str:
    """Have a safety snapshot of a plan; return its id."""
    return civo.add_snapshot("web-1", name=f"{plan.safety_prefix}{number:016x}").id


def broken(check: Callable[..., None], *arguments: Any) -> tuple[str, ...]:
    """Return what breaks a law; nothing where it holds."""
    try:
        check(*arguments)
    except laws.LawBrokenError as error:
        return error.violations
    return ()


class TestCompleteSnapshots:
    """No instance is overwritten except by a snapshot of its own that is complete."""

    async def test_it_holds(self, civo: FakeCivo, call: Caller) -> None:
        """Of a complete one, by any name, and of what is not overwritten."""
        await overwrite(call, "web-1/snapshots/before")
        civo.snapshot("web-1", "snap-1").script = scripts.stuck()
        await call("POST", "web-1/snapshots/snap-1/restore", json={"hostname": "copy"})

        laws.only_complete_snapshots_overwrite(civo)

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(scripts.stuck(), id="pending"),
            pytest.param(scripts.complete_with_pending_volume(), id="volume-pending"),
            pytest.param(scripts.fails(), id="failed"),
            pytest.param(scripts.completes(60), id="no-status-yet"),
        ],
    )
    async def test_an_incomplete_one_breaks_it(
        self, civo: FakeCivo, call: Caller, script: scripts.Script
    ) -> None:
        """Whatever became of it later."""
        snapshot = civo.snapshot("web-1", "snap-1")
        snapshot.script = script

        await overwrite(call)

        snapshot.script = scripts.completed()
        (sentence,) = broken(laws.only_complete_snapshots_overwrite, civo)
        assert sentence == (
            "restore-operation-3 overwrote instance web-1 with snapshot snap-1 of web-1 at 0 s: "
            "the snapshot was not complete"
        )

    async def test_another_instances_breaks_it(self, civo: FakeCivo, call: Caller) -> None:
        """Complete or not."""
        await overwrite(call, "web-1/snapshots/snap-2")

        (sentence,) = broken(laws.only_complete_snapshots_overwrite, civo)
        assert sentence == (
            "restore-operation-3 overwrote instance web-1 with snapshot snap-2 of db-1 at 0 s: "
            "the snapshot is not one of this instance"
        )
        assert civo.effects[-1].instance_id == "web-1"


class TestSafetySnapshots:
    """Every overwrite by a plan's snapshot has a safety snapshot of the plan."""

    async def test_it_holds(self, civo: FakeCivo, call: Caller) -> None:
        """Also after the safety snapshot was deleted, and of overwrites by other snapshots."""
        made = safety(civo, PLAN)
        await overwrite(call)
        await call("DELETE", f"web-1/snapshots/{made}")
        civo.add_snapshot("web-1", "snap-3")
        await overwrite(call, "web-1/snapshots/snap-3")
        await overwrite(call, "db-1/snapshots/snap-2")

        laws.plans_take_safety_snapshots(civo, [PLAN])

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda _: None, id="none"),
            pytest.param(lambda civo: safety(civo, OTHER), id="another-plans"),
            pytest.param(
                lambda civo: civo.add_snapshot("db-1", name=f"{PLAN.safety_prefix}{'0' * 16}"),
                id="another-instances",
            ),
            pytest.param(
                lambda civo: civo.add_snapshot(
                    "web-1", name=f"{PLAN.safety_prefix}{'0' * 16}", script=scripts.completes(9)
                ),
                id="not-complete-yet",
            ),
        ],
    )
    async def test_an_overwrite_without_one_breaks_it(
        self, civo: FakeCivo, call: Caller, fake_clock: FakeClock, make: Callable[[FakeCivo], Any]
    ) -> None:
        """One that comes later, or becomes complete later, changes nothing."""
        make(civo)

        await overwrite(call)

        fake_clock.advance(9)
        safety(civo, PLAN)
        (sentence,) = broken(laws.plans_take_safety_snapshots, civo, [PLAN])
        assert sentence.endswith(
            "overwrote instance web-1 with snapshot snap-1 of web-1 at 0 s, as a plan says: the "
            f"instance had no complete safety snapshot undo-{PLAN.fingerprint}-…"
        )

    async def test_one_that_is_being_deleted_is_none(
        self, fake_clock: FakeClock, call: Caller
    ) -> None:
        """It is shown as before, and can't be restored."""
        async with FakeCivo(clock=fake_clock, deletes_take=60) as civo:
            civo.add_instance("web-1")
            civo.add_snapshot("web-1", "snap-1")
            talk = Caller(civo, call.session)
            await talk("DELETE", f"web-1/snapshots/{safety(civo, PLAN)}")

            await overwrite(talk)

            assert len(broken(laws.plans_take_safety_snapshots, civo, [PLAN])) == 1

    async def test_a_plan_that_takes_none_may_overwrite(self, civo: FakeCivo, call: Caller) -> None:
        """Once: the next one, by a plan of the other kind, has no safety snapshot."""
        await overwrite(call)
        laws.plans_take_safety_snapshots(civo, [UNSAFE, PLAN])

        await overwrite(call)

        (sentence,) = broken(laws.plans_take_safety_snapshots, civo, [UNSAFE, PLAN])
        assert PLAN.safety_prefix in sentence


class TestOverwrites:
    """A plan overwrites its instance once."""

    async def test_it_holds(self, civo: FakeCivo, call: Caller) -> None:
        """Of two plans, of one that is given twice, and of an undo."""
        undo = safety(civo, PLAN)
        await overwrite(call)
        await overwrite(call, f"web-1/snapshots/{undo}")
        safety(civo, OTHER)
        await overwrite(call)

        laws.plans_overwrite_once(civo, [PLAN, OTHER, PLAN, UNSAFE])

    async def test_a_second_overwrite_breaks_it(self, civo: FakeCivo, call: Caller) -> None:
        """Even if it takes a safety snapshot of its own."""
        for number in range(2):
            safety(civo, PLAN, number)
            await overwrite(call)

        (sentence,) = broken(laws.plans_overwrite_once, civo, [PLAN])
        assert sentence.startswith("restore-operation-6 overwrote instance web-1 with snapshot")
        assert sentence.endswith(f"at 0 s: overwrite 2 by plan {PLAN.fingerprint}")

    async def test_a_plan_that_was_never_applied_excuses_nothing(
        self, civo: FakeCivo, call: Caller
    ) -> None:
        """There are two plans, and one has overwritten twice."""
        safety(civo, PLAN)
        await overwrite(call)
        await overwrite(call)

        assert len(broken(laws.plans_overwrite_once, civo, [PLAN, OTHER])) == 1

    async def test_without_a_safety_snapshot_as_well(self, civo: FakeCivo, call: Caller) -> None:
        """Then nothing but the number of overwrites shows it."""
        await overwrite(call)
        laws.plans_overwrite_once(civo, [UNSAFE])

        await overwrite(call)

        assert len(broken(laws.plans_overwrite_once, civo, [UNSAFE])) == 1

    async def test_a_new_instance_is_no_overwrite(self, civo: FakeCivo, call: Caller) -> None:
        """Such a plan destroys nothing."""
        await overwrite(call)
        await overwrite(call)

        laws.plans_overwrite_once(civo, [NEW])


class TestDeletions:
    """No instance is deleted except the scratch instance of a drill."""

    async def test_it_holds(self, civo: FakeCivo, call: Caller) -> None:
        """Of a scratch instance, and of what a test removes."""
        await call("POST", "web-1/snapshots/snap-1/restore", json={"hostname": SCRATCH})
        assert (await call("DELETE", SCRATCH)).status == 200
        civo.remove_instance("db-1")

        laws.only_scratch_instances_are_deleted(civo)

    async def test_another_instance_breaks_it(self, civo: FakeCivo, call: Caller) -> None:
        """Whatever its name."""
        civo.instance("db-1").hostname = SCRATCH

        await call("DELETE", "db-1")

        (sentence,) = broken(laws.only_scratch_instances_are_deleted, civo)
        assert sentence == (
            f"instance db-1 ({SCRATCH}) was deleted at 0 s: no restore has made it with this "
            "host name"
        )

    async def test_a_restored_instance_breaks_it(self, civo: FakeCivo, call: Caller) -> None:
        """Somebody wanted it."""
        await call("POST", "web-1/snapshots/snap-1/restore", json={"hostname": "drill-1"})
        await call("DELETE", "drill-1")

        (sentence,) = broken(laws.only_scratch_instances_are_deleted, civo)
        assert sentence.endswith(
            "(drill-1) was deleted at 0 s: it does not have a drill's host name"
        )

    async def test_a_renamed_one_breaks_it(self, civo: FakeCivo, call: Caller) -> None:
        """Somebody has kept it."""
        await call("POST", "web-1/snapshots/snap-1/restore", json={"hostname": SCRATCH})
        civo.instance(SCRATCH).hostname = "drill-fedcba9876543210"

        await call("DELETE", "drill-fedcba9876543210")

        assert len(broken(laws.only_scratch_instances_are_deleted, civo)) == 1

    async def test_an_overwritten_one_was_not_made(self, civo: FakeCivo, call: Caller) -> None:
        """An overwrite is no birth."""
        civo.instance("web-1").hostname = SCRATCH
        await overwrite(call)

        await call("DELETE", "web-1")

        assert len(broken(laws.only_scratch_instances_are_deleted, civo)) == 1


class TestAll:
    """`check_all`."""

    async def test_it_checks_each(self, civo: FakeCivo, call: Caller) -> None:
        """And names all that breaks any."""
        laws.check_all(civo, plans=[PLAN])
        await overwrite(call)
        civo.snapshot("web-1", "snap-1").script = scripts.stuck()
        await overwrite(call)
        await call("DELETE", "db-1")

        with pytest.raises(laws.LawBrokenError) as caught:
            laws.check_all(civo, plans=iter([PLAN]))

        each = (
            broken(laws.only_complete_snapshots_overwrite, civo),
            broken(laws.plans_take_safety_snapshots, civo, [PLAN]),
            broken(laws.plans_overwrite_once, civo, [PLAN]),
            broken(laws.only_scratch_instances_are_deleted, civo),
        )
        assert [len(violations) for violations in each] == [1, 2, 1, 1]
        assert caught.value.violations == tuple(chain(*each))
        assert str(caught.value) == "\n".join(caught.value.violations)
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args  # noqa: S301

    async def test_without_plans_two_of_them(self, civo: FakeCivo, call: Caller) -> None:
        """Nothing on the server tells a plan's overwrite from another one."""
        await overwrite(call)
        await overwrite(call)

        laws.check_all(civo)
