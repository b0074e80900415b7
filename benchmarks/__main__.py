"""The command: `python -m benchmarks --help`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from .cases import CASES
from .figures import Comparison, compare
from .imports import HERE, measure_imports
from .rounds import Round
from .tables import comparison_table, control_table
from .worker import AGAINST, OURS, Order, run

IMPORT = "import"
NAMES = (*(case.name for case in CASES), IMPORT)


@attrs.frozen(kw_only=True)
class Options:
    """What was asked for on the command line."""

    names: Sequence[str]
    processes: int
    rounds: int
    against: Path | None
    json: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where the control voids the run."""
    options = parsed(arguments)
    comparisons = compared(options)
    for table in (control_table(comparisons), *map(comparison_table, comparisons)):
        print("\n".join(table), end="\n\n")
    if options.json is not None:
        document = {"comparisons": [attrs.asdict(each) for each in comparisons]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if any(each.is_void for each in comparisons):
        print("The control is off: this run proves nothing.", file=sys.stderr)
        return 1

    return 0


def parsed(arguments: Sequence[str] | None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"what to measure, all by default: {', '.join(NAMES)}; or `get`"
    )
    parser.add_argument("--quick", action="store_true", help="in under two minutes, less exact")
    parser.add_argument("--processes", type=int, help="how many processes (5; quick: 2)")
    parser.add_argument("--rounds", type=int, help="how many rounds in each (20; quick: 8)")
    parser.add_argument("--against", type=Path, help="a checkout to compare this one with")
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    given = parser.parse_args(arguments)
    names = [name for name in NAMES if not given.names or _is_meant(name, given.names)]
    if not names:
        parser.error(f"no such name: {', '.join(given.names)}; there are {', '.join(NAMES)}")

    return Options(
        names=names,
        processes=given.processes or (2 if given.quick else 5),
        rounds=given.rounds or (8 if given.quick else 20),
        against=given.against,
        json=given.json,
    )


def compared(options: Options) -> list[Comparison]:
    """Measure each case in several processes, one after the other."""
    order = Order(
        cases=[name for name in options.names if name != IMPORT],
        rounds=options.rounds,
        against=None if options.against is None else str(options.against.resolve()),
    )
    results: dict[str, list[list[Round]]] = {}
    for number in range(options.processes if order.cases else 0):
        for case, rounds in run(order):
            print(f"process {number + 1} of {options.processes}: {case}", file=sys.stderr)
            results.setdefault(case, []).append(rounds)
    if IMPORT in options.names:
        results[IMPORT] = [measure_imports(_modules(options), options.rounds)]

    return [compare(case, processes) for case, processes in results.items()]


def _modules(options: Options) -> dict[str, tuple[str, Path]]:
    modules = {OURS: ("civo_snapshots_async", HERE)}
    if options.against is not None:
        modules[AGAINST] = ("civo_snapshots_async", options.against)

    return modules


def _is_meant(name: str, wanted: Sequence[str]) -> bool:
    return any(name == each or name.startswith(f"{each} ") for each in wanted)


if __name__ == "__main__":
    sys.exit(main())
