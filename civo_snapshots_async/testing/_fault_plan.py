"""Which request gets which fault."""

import random
from collections import deque
from collections.abc import Collection, Sequence
from typing import get_args

import attrs

from ._routes import Kind
from .faults import Fault, Target

__all__ = ["FaultPlan"]


@attrs.define
class _Injection:
    target: Target
    faults: deque[Fault | None]
    """The faults to come, in order; `None` is a request without one."""
    skips: int
    """How many requests come before the first."""

    def is_due(self, kind: Kind) -> bool:
        """Count a request, and return whether one of these faults is due."""
        if self.target not in {kind, "any"} or not self.faults:
            return False
        is_due = self.skips == 0
        self.skips = max(0, self.skips - 1)

        return is_due


@attrs.define
class _Chaos:
    random: random.Random
    rate: float
    targets: Collection[Target]
    faults: Sequence[Fault]

    def draw(self, kind: Kind) -> Fault | None:
        if {kind, "any"}.isdisjoint(self.targets) or self.random.random() >= self.rate:
            return None
        return self.random.choice(self.faults)


class FaultPlan:
    """The faults that were injected, and chaos; with neither, no request gets a fault."""

    def __init__(self) -> None:
        self._injections: list[_Injection] = []
        self._withdrawn: list[Fault] = []
        self._chaos: _Chaos | None = None

    @property
    def unused(self) -> tuple[Fault, ...]:
        """What was injected and never used, in the order of the injections."""
        waiting = (fault for each in self._injections for fault in each.faults if fault)

        return (*self._withdrawn, *waiting)

    def inject(self, target: Target, faults: Sequence[Fault | None], nth: int) -> None:
        """Give faults to requests, from the nth of a kind on."""
        _require_targets(target)
        _require_faults(*(fault for fault in faults if fault is not None))
        if not faults:
            raise ValueError("inject needs at least one fault")
        if nth < 1:
            raise ValueError(f"nth must be 1 or more, not {nth!r}")
        self._injections.append(_Injection(target, deque(faults), nth - 1))

    def chaos(
        self, seed: int, *, rate: float, targets: Collection[Target], faults: Sequence[Fault]
    ) -> None:
        """Give faults to requests at random."""
        _require_targets(*targets)
        _require_faults(*faults)
        if not faults:
            raise ValueError("chaos needs at least one fault")
        if not 0 <= rate <= 1:
            raise ValueError(f"rate must be 0 to 1, not {rate!r}")
        self._chaos = _Chaos(random.Random(seed), rate, tuple(targets), tuple(faults))  # noqa: S311 - no secret

    def calm(self) -> None:
        """Give no more faults."""
        self._withdrawn = list(self.unused)
        self._injections = []
        self._chaos = None

    def take(self, kind: Kind, *, is_reused: bool) -> Fault | None:
        """Return the fault that a request gets, if any, and count it as used."""
        # Each injection counts the request, also those that are not due.
        for injection in [each for each in self._injections if each.is_due(kind)]:
            fault = injection.faults[0]
            if fault is None or is_reused or not fault.needs_reuse:
                return injection.faults.popleft()
        drawn = self._chaos and self._chaos.draw(kind)

        return drawn if drawn and (is_reused or not drawn.needs_reuse) else None


def _require_targets(*targets: Target) -> None:
    for target in targets:
        if target not in get_args(Target):
            raise ValueError(f"a kind must be one of {', '.join(get_args(Target))}, not {target!r}")


def _require_faults(*faults: object) -> None:
    for fault in faults:
        # Such as `faults.hang` in place of `faults.hang()`.
        if not isinstance(fault, Fault):
            raise TypeError(f"a fault is made by a function of `faults`, and {fault!r} is none")
