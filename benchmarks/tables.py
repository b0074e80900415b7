"""Results as tables for a terminal, the control first."""

from collections.abc import Iterator, Sequence

from .figures import Comparison, Spread
from .requests import Requests
from .results import Results
from .rounds import BARE
from .waits import Waits
from .worker import OURS

Row = tuple[str, ...]


def tables(results: Results) -> Iterator[Sequence[str]]:
    """Give each table as its lines."""
    compared = (*results.comparisons, *results.uvloop)
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    if compared:
        yield control(compared)
    yield [results.machine, versions]
    for comparison in compared:
        yield clients(comparison)
    listed = [each for each in results.comparisons if each.case.startswith("list ")]
    if listed:
        yield items(listed)
    if results.waits:
        yield waits(results.waits)
    if results.requests:
        yield requests(results.requests)
    if results.defaults:
        yield defaults(results)
    if results.leaks:
        yield leaks(results)
    if results.skipped:
        yield [f"Skipped: {name}: {reason}" for name, reason in results.skipped.items()]


def control(compared: Sequence[Comparison]) -> list[str]:
    """Return what comes out for two that are the same."""
    rows: list[Row] = [("", "ratio", "quartiles", "processes", "")]
    rows += [
        (each.case, *_cells(each.control), "VOID" if each.is_void else "") for each in compared
    ]

    return ["Control: one bare aiohttp relative to another one", *_aligned(rows)]


def clients(comparison: Comparison) -> list[str]:
    """Return one case: the CPU of each client, relative to bare aiohttp's."""
    rows: list[Row] = [("", "ratio", "quartiles", "processes", "µs")]
    rows += [
        (each.client, *_cells(each.ratio), f"{each.microseconds:,.0f}")
        for each in comparison.clients
    ]
    lines = [f"{comparison.case}: CPU relative to bare aiohttp and json.loads", *_aligned(rows)]
    if comparison.against is not None:
        ratio, quartiles, processes = _cells(comparison.against, digits=3)
        lines.append(f"  ours relative to the other's: {ratio} ({quartiles}; {processes})")

    return lines


def items(listed: Sequence[Comparison]) -> list[str]:
    """Return the CPU of one item of a list, by the list's length."""
    rows: list[Row] = [("", "aiohttp", "ours", "more", "ratio")]
    for each in listed:
        length = int(each.case.removeprefix("list "))
        bare, ours = (each.of(client) for client in (BARE, OURS))
        spent = [one.microseconds / length for one in (bare, ours)]
        spent.append(spent[1] - spent[0])
        rows.append((each.case, *(f"{us:,.1f}" for us in spent), f"{ours.ratio.median:.2f}"))

    return ["CPU of one item of a list, in µs", *_aligned(rows)]


def waits(measured: Sequence[Waits]) -> list[str]:
    """Return what one wait among many costs."""
    rows: list[Row] = [("", "waits", "bytes", "snapshot", "start", "poll", "cancel", "a get")]
    for each in measured:
        times = (each.start, each.poll, each.cancel, each.get)
        rows.append(
            (
                each.layout,
                f"{each.count:,}",
                f"{each.held:,.0f}",
                f"{each.snapshot:,.0f}",
                *(f"{seconds * 1e6:,.1f}" for seconds in times),
            )
        )

    return [
        "One wait among many: its bytes beyond a sleeping task's, with the snapshot; its CPU in µs",
        *_aligned(rows),
    ]


def requests(measured: Sequence[Requests]) -> list[str]:
    """Return how many requests waits of five minutes make."""
    rows: list[Row] = [("", "requests", "a wait", "seconds late")]
    for each in measured:
        started = f"started over {each.over:.0f} s" if each.over else "started together"
        what = f"{each.waits:,} on {each.instances:,}, {started}, by {each.scope}"
        rows.append(
            (what, f"{each.requests:,}", f"{each.requests / each.waits:,.2f}", f"{each.late:.1f}")
        )

    return ["Requests of waits of 300 s, on instances of one session", *_aligned(rows)]


def defaults(results: Results) -> list[str]:
    """Return how many requests the peers' own waiters make."""
    rows: list[Row] = [("", "a wait", "50 waits", "")]
    for peer, each in results.defaults.items():
        ended = each.gave_up_after
        note = "" if ended is None else f"gives up after {ended:.0f} s"
        rows.append((peer, f"{each.requests:,}", f"{50 * each.requests:,}", note))

    return ["Requests of a wait of 300 s by the peers' defaults, which share none", *_aligned(rows)]


def leaks(results: Results) -> list[str]:
    """Return what a session holds during very many polls."""
    tenth = results.polls // len(results.leaks)
    rows: list[Row] = [("polls", "bytes")]
    rows += [
        (f"{tenth * number:,}", f"{held:,}") for number, held in enumerate(results.leaks, start=1)
    ]

    return ["Bytes held by a session, and by its one wait", *_aligned(rows)]


def _cells(spread: Spread, digits: int = 2) -> tuple[str, str, str]:
    return (
        f"{spread.median:.{digits}f}",
        f"{spread.lower:.{digits}f}–{spread.upper:.{digits}f}",  # noqa: RUF001 - a range
        f"{spread.lowest:.{digits}f}–{spread.highest:.{digits}f}",  # noqa: RUF001 - a range
    )


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    """Give rows as lines: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()
