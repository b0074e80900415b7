"""The command: what the library costs beside bare aiohttp and other clients."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from .plan import NAMES, QUICK, Plan, Sizes
from .plots import plot
from .tables import tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where the control voids the run."""
    parser = _parser()
    given = parser.parse_args(arguments)
    names = [name for name in NAMES if not given.names or _is_meant(name, given.names)]
    if not names:
        parser.error(f"no such name: {', '.join(given.names)}; there are {', '.join(NAMES)}")
    plan = Plan(
        names=names,
        sizes=_sizes(given),
        with_peers=not given.without_peers,
        against=given.against,
    )
    results = plan.run()
    for table in tables(results):
        print("\n".join(table), end="\n\n")
    if given.json is not None:
        text = json.dumps(attrs.asdict(results), indent=1)
        given.json.write_text(f"{text}\n", encoding="utf-8")
    if given.plots is not None:
        plot(results, given.plots)
    if results.is_void:
        print("The control is off by more than 5 %: this run is void.", file=sys.stderr)

    return int(results.is_void)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"what to measure, all by default: {', '.join(NAMES)}; or `get`"
    )
    parser.add_argument("--quick", action="store_true", help="in about three minutes, less exact")
    parser.add_argument("--processes", type=int, help="in how many processes to compare")
    parser.add_argument("--rounds", type=int, help="how many rounds to make in each")
    parser.add_argument("--without-peers", action="store_true", help="leave other clients out")
    parser.add_argument("--against", type=Path, help="a checkout to compare this one with")
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    parser.add_argument("--plots", type=Path, help="the folder to write plots to, as SVG")

    return parser


def _sizes(given: argparse.Namespace) -> Sizes:
    sizes = QUICK if given.quick else Sizes()

    return attrs.evolve(
        sizes,
        processes=given.processes or sizes.processes,
        rounds=given.rounds or sizes.rounds,
    )


def _is_meant(name: str, wanted: Sequence[str]) -> bool:
    return any(name == each or name.startswith(f"{each} ") for each in wanted)


if __name__ == "__main__":
    sys.exit(main())
