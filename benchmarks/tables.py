"""Results as tables for a terminal."""

from collections.abc import Iterator, Sequence

from .figures import Compared, Comparison, Spread

Row = tuple[str, ...]


def control_table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Give the lines of the control: what comes out for two that are the same."""
    yield "Control: one bare aiohttp relative to another one"
    rows: list[Row] = [("", "ratio", "quartiles", "processes", "")]
    rows += [
        (each.case, *_cells(each.control), "VOID" if each.is_void else "") for each in comparisons
    ]
    yield from _aligned(rows)


def comparison_table(comparison: Comparison) -> Iterator[str]:
    """Give the lines of one case: the CPU of each client, relative to bare aiohttp's."""
    yield f"{comparison.case}: CPU relative to bare aiohttp and json.loads"
    rows: list[Row] = [("", "ratio", "quartiles", "processes", "µs")]
    rows += [_row(each) for each in comparison.clients]
    yield from _aligned(rows)


def _row(each: Compared) -> Row:
    return (each.client, *_cells(each.ratio), f"{each.microseconds:,.0f}")


def _cells(spread: Spread) -> tuple[str, str, str]:
    return (
        f"{spread.median:.2f}",
        f"{spread.lower:.2f}–{spread.upper:.2f}",  # noqa: RUF001 - a range
        f"{spread.lowest:.2f}–{spread.highest:.2f}",  # noqa: RUF001 - a range
    )


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    """Give rows as lines: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()
