"""The plots that the documentation shows, of the results of a run."""

from collections.abc import Iterator
from pathlib import Path

from .figures import Comparison
from .results import Results
from .rounds import BARE
from .svg import Bar, Line, bars, lines
from .waits import Waits
from .worker import OURS

_TITLES = {
    "get 1": "A get, one in flight: CPU relative to bare aiohttp",
    "get 100": "A get, 100 in flight: CPU relative to bare aiohttp",
    "list 100": "A list of 100: CPU relative to bare aiohttp",
    "poll": "One poll of a wait: CPU relative to a get by bare aiohttp",
    "import": "The import: CPU relative to that of aiohttp",
}
# What is dearer is cut: to show it whole would flatten all others.
_LIMIT = 20.0


def plot(results: Results, folder: Path) -> None:
    """Write a file for each plot that the results allow."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in _plots(results):
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")


def _plots(results: Results) -> Iterator[tuple[str, str]]:
    for comparison in results.comparisons:
        if comparison.case in _TITLES:
            yield comparison.case.replace(" ", "-"), _clients(comparison)
    listed = [each for each in results.comparisons if each.case.startswith("list ")]
    if len(listed) > 1:
        yield "list-items", _items(listed)
    if results.waits:
        yield (
            "wait-poll",
            _waits(results.waits, "A further poll of one wait among many: CPU in µs", "poll", 1e6),
        )
        yield "wait-bytes", _waits(results.waits, "The bytes of one wait among many", "held", 1)
    if results.leaks:
        tenth = results.polls // len(results.leaks)
        yield (
            "leaks",
            lines(
                "KB held by a session with one wait",
                [f"{tenth * number:,}" for number in range(1, len(results.leaks) + 1)],
                [Line("held", [each / 1000 for each in results.leaks])],
                below="polls",
            ),
        )


def _clients(comparison: Comparison) -> str:
    return bars(
        _TITLES[comparison.case],
        [
            Bar(
                each.client,
                each.ratio.median,
                each.ratio.lower,
                each.ratio.upper,
                each.client.startswith(OURS),
            )
            for each in comparison.clients
        ],
        limit=_LIMIT,
    )


def _items(listed: list[Comparison]) -> str:
    lengths = [int(each.case.removeprefix("list ")) for each in listed]

    def spent(client: str) -> list[float]:
        return [
            each.of(client).microseconds / length
            for each, length in zip(listed, lengths, strict=True)
            if length > 1
        ]

    return lines(
        "CPU of one item of a list, in µs",
        [f"{length:,}" for length in lengths if length > 1],
        [Line(OURS, spent(OURS)), Line("bare aiohttp", spent(BARE))],
        below="items in the list",
    )


def _waits(measured: tuple[Waits, ...], title: str, figure: str, scale: float) -> str:
    layouts = dict.fromkeys(each.layout for each in measured)
    counts = dict.fromkeys(each.count for each in measured)

    return lines(
        title,
        [f"{count:,}" for count in counts],
        [
            Line(
                layout,
                [getattr(each, figure) * scale for each in measured if each.layout == layout],
            )
            for layout in layouts
        ],
        below="waits at once",
    )
