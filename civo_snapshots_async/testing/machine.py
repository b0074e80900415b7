"""A FakeCivo to which anything may happen, for a state machine of hypothesis'.

Subclass `CivoMachine`, and add a rule for each thing that your code does::

    class RollBack(CivoMachine):
        @rule(crash_at=CRASHES)
        def deliver(self, crash_at):
            self.run(job(self.civo, self.clock), crash_at=crash_at)

    TestRollBack = RollBack.TestCase

Hypothesis then runs your rules, and those of the machine, in random order: requests fail in every
way, time passes, somebody else writes to a disk or takes a snapshot, your code is killed at any of
its awaits and started once more. After each step `laws.check_all` must hold. It needs hypothesis,
which this package does not install.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from . import faults, laws, scripts
from ._civo import FakeCivo
from ._clock import FakeClock
from ._records import FakeInstance
from ._steps import Steps, cancel_me
from .faults import Fault, Target
from .scripts import Script

__all__ = ["CRASHES", "FAULTS", "CivoMachine"]

T = TypeVar("T")

CRASHES: st.SearchStrategy[int | None] = st.one_of(st.none(), st.integers(0, 30))
"""For the `crash_at` of `CivoMachine.run`: half of the time, there is no crash."""

FAULTS: tuple[Fault, ...] = (*faults.USUAL, faults.delay(90), faults.hang())
"""What may go wrong with a request: all sorts that end soon, and two that do not."""

_KINDS: tuple[Target, ...] = (
    "create",
    "list",
    "get",
    "restore",
    "delete",
    "get_instance",
    "list_instances",
    "delete_instance",
    "any",
)
_SCRIPTS: dict[str, Script] = {
    "slow": scripts.completes(600),
    "half": scripts.complete_with_pending_volume(),
    "half for a while": scripts.complete_with_pending_volume(until=60),
    "failed": scripts.fails(after=1),
    "gone": scripts.vanishes(after=1),
}
_NUMBERS = st.integers(0, 3)


class CivoMachine(RuleBasedStateMachine):
    """A FakeCivo that refuses nothing, on a clock whose time passes at once.

    - `civo`, `clock`: what your rules make sessions on.
    - `plans`: append each plan that your code makes; two of the laws are about plans.

    What a rule does must depend on what it has drawn, not on how a request went: draw a number and
    take it modulo how many there are, as `one_of_the_instances` does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock: FakeClock = FakeClock()
        self.civo: FakeCivo = self.make_civo()
        self.plans: list[laws.Plan] = []
        self._open = AsyncExitStack()
        self._runner = asyncio.Runner()
        self._written = 0
        self.run(self._open.enter_async_context(self.civo))

    def make_civo(self) -> FakeCivo:
        """Return the FakeCivo on `self.clock`; override it to have other instances.

        This one has `web-1` and `db-1`, with a complete snapshot of each, and does not check
        restores.
        """
        civo = FakeCivo(clock=self.clock, checks_restores=False)
        for instance_id in ("web-1", "db-1"):
            civo.add_instance(instance_id)
            civo.add_snapshot(instance_id, name="nightly", age=3600)

        return civo

    def run(self, coroutine: Coroutine[Any, Any, T], *, crash_at: int | None = None) -> T | None:
        """Run your code to its end; or cancel it at the n-th point at which it waits for anything.

        Returns what it returns, and `None` if it was killed by that.
        """
        steps = Steps(crash_at, cancel_me)

        async def running() -> T:
            return await steps.run(coroutine)

        try:
            return self._runner.run(running())
        except asyncio.CancelledError:
            if not steps.was_reached:
                raise
            return None

    def one_of_the_instances(self, number: int) -> FakeInstance:
        """Return one of those that are there, whatever the number."""
        instances = list(self.civo.instances.values())

        return instances[number % len(instances)]

    @rule(kind=st.sampled_from(_KINDS), fault=st.sampled_from(FAULTS), nth=st.integers(1, 3))
    def a_request_fails(self, kind: Target, fault: Fault, nth: int) -> None:
        """Let one of the next requests fail."""
        self.civo.inject(kind, fault, nth=nth)

    @rule(seed=st.integers(0, 99), rate=st.sampled_from([0.1, 0.3]))
    def requests_fail(self, seed: int, rate: float) -> None:
        """Let requests fail at random from now on."""
        self.civo.chaos(seed, rate=rate, faults=FAULTS)

    @rule()
    def no_request_fails(self) -> None:
        """Let all go well, until the next fault."""
        self.civo.calm()

    @rule(seconds=st.sampled_from([1.0, 60.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        """Let so much time pass."""
        self.run(self.clock.sleep(seconds))

    @rule(number=_NUMBERS)
    def somebody_writes(self, number: int) -> None:
        """Change the disk of an instance."""
        self._written += 1
        self.one_of_the_instances(number).disk = f"written {self._written}"

    @rule(number=_NUMBERS)
    def somebody_takes_a_snapshot(self, number: int) -> None:
        """Add one of an instance, which is complete."""
        self.civo.add_snapshot(self.one_of_the_instances(number).id)

    @rule(number=_NUMBERS, script=st.sampled_from(sorted(_SCRIPTS)))
    def the_next_snapshot_is(self, number: int, script: str) -> None:
        """Script the next snapshot of an instance."""
        self.civo.script_next(self.one_of_the_instances(number).id, _SCRIPTS[script])

    @invariant()
    def the_laws_hold(self) -> None:
        """Check what has taken place so far."""
        laws.check_all(self.civo, plans=self.plans)

    def teardown(self) -> None:
        """Stop the FakeCivo."""
        self.run(self._open.aclose())
        self._runner.close()
