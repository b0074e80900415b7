"""What a run measures, in which order, and how often."""

import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from . import programs, worker
from .cases import CASES
from .clients import PEERS
from .clients.ours import CHECKOUT
from .defaults import Default
from .figures import Comparison, compare
from .imports import Import, measure_imports
from .requests import Requests
from .results import Results, machine, versions
from .rounds import Round
from .waits import LAYOUTS, Waits
from .worker import AGAINST, OURS, SPEED, Loop, Order

_CASES = tuple(case.name for case in CASES)
_ON_UVLOOP = ("get 1", "get 100", "list 100", "poll")
NAMES = (
    *_CASES,
    "import",
    *(f"uvloop {case}" for case in _ON_UVLOOP),
    "waits",
    "requests",
    "leaks",
)
"""All that can be measured."""


@attrs.frozen(kw_only=True)
class Sizes:
    """How much is measured."""

    processes: int = 8
    rounds: int = 30
    peers_every: int = 15
    imports: int = 20
    waits: Sequence[int] = (100, 1000, 10_000)
    wait_processes: int = 3
    instances: int = 1000
    polls: int = 100_000


QUICK = Sizes(
    processes=2,
    rounds=16,
    peers_every=16,
    imports=6,
    waits=(100, 1000),
    wait_processes=1,
    instances=20,
    polls=3000,
)


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be measured."""

    names: Sequence[str] = NAMES
    sizes: Sizes = Sizes()
    with_peers: bool = True
    against: Path | None = None

    def run(self) -> Results:
        """Measure all of it, each part in processes of its own."""
        skipped: dict[str, str] = {}
        comparisons = self._compare(_CASES, "asyncio", skipped)
        if "import" in self.names:
            comparisons.append(self._compare_imports())

        return Results(
            machine=machine(),
            versions=versions(),
            comparisons=tuple(comparisons),
            uvloop=tuple(self._compare_on_uvloop(skipped)),
            waits=tuple(self._waits()) if "waits" in self.names else (),
            requests=tuple(self._requests()) if "requests" in self.names else (),
            defaults=dict(self._defaults()) if "requests" in self.names else {},
            leaks=tuple(self._leaks()) if "leaks" in self.names else (),
            polls=self.sizes.polls,
            skipped=skipped,
        )

    def _compare(
        self, cases: Sequence[str], loop: Loop, skipped: dict[str, str]
    ) -> list[Comparison]:
        order = Order(
            cases=[case for case in cases if _named(case, loop) in self.names],
            rounds=self.sizes.rounds,
            peers_every=self.sizes.peers_every,
            with_peers=self.with_peers and loop == "asyncio",
            against=None if self.against is None else str(self.against.resolve()),
            loop=loop,
        )
        results: dict[str, list[list[Round]]] = {}
        for number in range(self.sizes.processes if order.cases else 0):
            for measured in worker.run(order):
                name = _named(measured.case, loop)
                _progress(f"{name}, process {number + 1} of {self.sizes.processes}")
                results.setdefault(name, []).append(measured.rounds)
                skipped |= measured.skipped

        return [compare(case, processes) for case, processes in results.items()]

    def _compare_on_uvloop(self, skipped: dict[str, str]) -> list[Comparison]:
        if find_spec("uvloop") is not None:
            return self._compare(_ON_UVLOOP, "uvloop", skipped)
        if any(name.startswith("uvloop") for name in self.names):
            skipped["uvloop"] = "not installed"

        return []

    def _compare_imports(self) -> Comparison:
        _progress("import")
        checkouts = {OURS: CHECKOUT}
        if self.against is not None:
            checkouts[AGAINST] = self.against
        imports: dict[str, Import] = {}
        for name, checkout in checkouts.items():
            ours = Import(module="civo_snapshots_async", folder=checkout, without=("orjson",))
            imports[name] = ours
            if find_spec("orjson") is not None:
                imports[f"{name}{SPEED}"] = attrs.evolve(ours, without=())
        if self.with_peers:
            imports |= {peer.name: Import(module=peer.imported) for peer in PEERS}

        return compare("import", [measure_imports(imports, self.sizes.imports)])

    def _waits(self) -> Iterator[Waits]:
        for layout in LAYOUTS:
            for count in self.sizes.waits:
                _progress(f"waits: {count} on {layout}")
                yield _median(
                    [
                        Waits(**_only("waits", layout, count))
                        for _ in range(self.sizes.wait_processes)
                    ]
                )

    def _requests(self) -> Iterator[Requests]:
        many = self.sizes.instances
        for instances, waits, over, scope in (
            (1, 1, 0, "instance"),
            (1, 50, 0, "instance"),
            (1, 50, 60, "instance"),
            (many, many, 0, "instance"),
            (many, many, 60, "instance"),
            (many, many, 0, "account"),
            (many, many, 60, "account"),
        ):
            _progress(f"requests: {waits} on {instances}, started over {over} s, by {scope}")
            yield Requests(**_only("requests", instances, waits, over, scope))

    def _defaults(self) -> Iterator[tuple[str, Default]]:
        for peer in PEERS if self.with_peers else ():
            _progress(f"requests: {peer.name}, by default")
            try:
                measured = _only("defaults", peer.name)
            except subprocess.CalledProcessError:
                # It can't be used, and that is reported with the comparisons.
                continue
            if measured is not None:
                yield peer.name, Default(**measured)

    def _leaks(self) -> list[int]:
        _progress(f"leaks: {self.sizes.polls} polls")

        return list(_only("leaks", self.sizes.polls))


def _named(case: str, loop: Loop) -> str:
    return case if loop == "asyncio" else f"{loop} {case}"


def _only(module: str, *arguments: object) -> Any:  # noqa: ANN401 - as JSON is
    (measured,) = programs.run(module, *arguments)

    return measured


def _median(measured: Sequence[Waits]) -> Waits:
    """Return the medians of what several processes have measured of the same waits."""
    figures = ("held", "snapshot", "start", "poll", "cancel", "get")

    return attrs.evolve(
        measured[0],
        **{name: statistics.median(getattr(each, name) for each in measured) for name in figures},
    )


def _progress(what: str) -> None:
    print(what, file=sys.stderr)
