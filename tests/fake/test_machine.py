"""The machine: what it can do to code, and that it notices a law that is broken."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from civo_snapshots_async.testing import FakeCivo, laws
from civo_snapshots_async.testing.machine import FAULTS, CivoMachine

from .talk import Caller


@pytest.fixture
def machine() -> Iterator[CivoMachine]:
    """Have one, outside hypothesis."""
    machine = CivoMachine()
    yield machine
    machine.teardown()


async def sleep_twice(done: list[str]) -> str:
    """Wait for nothing at two points."""
    for each in ("one", "two"):
        await asyncio.sleep(0)
        done.append(each)
    return "three"


@pytest.mark.parametrize(
    ("crash_at", "result", "done"),
    [
        (None, "three", ["one", "two"]),
        (0, None, []),
        (1, None, ["one"]),
        (2, "three", ["one", "two"]),
    ],
)
def test_code_is_killed_at_a_point_at_which_it_waits(
    machine: CivoMachine, crash_at: int | None, result: str | None, done: list[str]
) -> None:
    """Counted from 0; past the last one, it runs to its end."""
    steps: list[str] = []

    assert machine.run(sleep_twice(steps), crash_at=crash_at) == result
    assert steps == done


def test_code_that_cancels_itself_is_not_taken_for_killed(machine: CivoMachine) -> None:
    """That is a mistake of the code."""

    async def job() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        machine.run(job(), crash_at=5)


def test_what_happens_beside_the_code(machine: CivoMachine) -> None:
    """Each rule does what its name says, to one of the instances."""
    civo = machine.civo
    machine.somebody_writes(1)
    machine.somebody_takes_a_snapshot(2)
    machine.time_passes(60)
    machine.a_request_fails("create", FAULTS[0], 1)
    machine.requests_fail(1, 0.3)
    machine.no_request_fails()

    assert (civo.instance("web-1").disk, civo.instance("db-1").disk) == ("initial", "written 1")
    assert [len(civo.snapshots(name)) for name in ("web-1", "db-1")] == [2, 1]
    assert machine.clock.now() == 60
    assert civo.unused_faults == (FAULTS[0],)


def test_the_next_snapshot_is_scripted(machine: CivoMachine) -> None:
    """By what a request creates."""
    machine.the_next_snapshot_is(0, "failed")

    async def create() -> None:
        async with aiohttp.ClientSession() as session:
            await Caller(machine.civo, session)("POST", "web-1/snapshots")

    machine.run(create())
    machine.time_passes(1)
    newest = machine.civo.snapshots("web-1")[0]
    assert newest.status is not None
    assert newest.status["state"] == "Failed"


class Careless(CivoMachine):
    """Restores whatever is there, over an instance of its own choice."""

    def make_civo(self) -> FakeCivo:
        """Have one instance."""
        civo = FakeCivo(clock=self.clock, checks_restores=False)
        civo.add_instance("web-1")
        return civo

    @rule()
    def restore(self) -> None:
        """Snapshot and overwrite, without a wait."""
        self.run(self.overwrite())

    async def overwrite(self) -> None:
        """Do so by bare requests."""
        async with aiohttp.ClientSession() as session:
            url = f"{self.civo.api_url}/v2/instances/web-1/snapshots"
            for path in ("", "/again/restore"):
                try:
                    await session.post(
                        f"{url}{path}",
                        params={"region": self.civo.region},
                        headers={"Authorization": f"bearer {self.civo.token}"},
                        json={"overwrite_existing": True} if path else {"name": "again"},
                        timeout=aiohttp.ClientTimeout(1),
                    )
                except (aiohttp.ClientError, TimeoutError):
                    return


def test_a_broken_law_is_found() -> None:
    """With the sentence of the law."""
    few = settings(
        max_examples=20,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )

    with pytest.raises(laws.LawBrokenError, match="the snapshot was not complete"):
        run_state_machine_as_test(Careless, settings=few)
