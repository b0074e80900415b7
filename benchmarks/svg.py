"""Two kinds of plot as SVG: bars and lines.

A page may be dark while the reader's system is light, and an image can't tell. So nothing fills the
background, and every color has contrast enough on black and on white.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

import attrs

_WIDTH = 720
_LEFT = 150
_RIGHT = 110
_TOP = 44
_ROW = 26
_HEIGHT = 240
_TEXT = "#7d8590"
_MARKED = "#3b82f6"
_OTHERS = "#8b949e"
_SERIES = (_MARKED, "#d97706", "#16a34a", "#c026d3")


@attrs.frozen
class Bar:
    """A value with its quartiles; one that is marked is what the plot is about."""

    label: str
    value: float
    lower: float
    upper: float
    is_marked: bool


@attrs.frozen
class Line:
    """A value for each place on the axis below."""

    label: str
    values: Sequence[float]


def bars(title: str, rows: Sequence[Bar], *, limit: float) -> str:
    """Draw a bar for each row; one that is longer than the limit is cut, and says its value."""
    span = _WIDTH - _LEFT - _RIGHT
    longest = min(max(row.upper for row in rows), limit)
    height = _TOP + _ROW * len(rows) + 12
    shapes: list[str] = []
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number
        ends = _LEFT + span * min(row.value / longest, 1)
        low, high = (_LEFT + span * min(each / longest, 1) for each in (row.lower, row.upper))
        size = f'width="{ends - _LEFT:.1f}" height="16"'
        color = _MARKED if row.is_marked else _OTHERS
        shapes += [
            _text(_LEFT - 10, y + 14, row.label, anchor="end", bold=row.is_marked),
            f'<rect x="{_LEFT}" y="{y + 2}" {size} fill="{color}" fill-opacity="0.75"/>',
            _stroke(low, y + 10, high, y + 10),
            _text(max(ends, high) + 8, y + 14, _short(row.value), bold=row.is_marked),
        ]
        if row.value > longest:
            # Two slanted cuts: this bar does not end here.
            shapes += [_stroke(ends - each, y, ends - each - 6, y + 20) for each in (14, 20)]

    return _drawn(title, height, shapes)


def lines(title: str, places: Sequence[str], drawn: Sequence[Line], *, below: str) -> str:
    """Draw a line for each series over evenly spaced places, from zero up."""
    highest = max(value for line in drawn for value in line.values)
    bottom, span = _TOP + _HEIGHT, _WIDTH - 60 - 180
    step = span / max(len(places) - 1, 1)
    shapes = [_stroke(60, bottom, 60 + span, bottom)]
    for number, place in enumerate(places):
        shapes.append(_text(60 + step * number, bottom + 18, place, anchor="middle"))
    shapes.append(_text(60 + span / 2, bottom + 38, below, anchor="middle"))
    for share in (0.5, 1.0):
        y = bottom - _HEIGHT * share
        shapes += [
            _stroke(60, y, 60 + span, y, faint=True),
            _text(52, y + 4, _short(highest * share), anchor="end"),
        ]
    labels = _apart([bottom - _HEIGHT * line.values[-1] / highest for line in drawn])
    for line, color, label_y in zip(drawn, _SERIES, labels, strict=False):
        points = [
            (60 + step * number, bottom - _HEIGHT * value / highest)
            for number, value in enumerate(line.values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        shapes.append(_text(60 + span + 12, label_y + 4, line.label, color=color))

    return _drawn(title, bottom + 52, shapes)


def _apart(heights: Sequence[float]) -> list[float]:
    """Move labels down where they would cover each other."""
    moved = dict.fromkeys(range(len(heights)), 0.0)
    last = -100.0
    for number in sorted(moved, key=lambda each: heights[each]):
        last = moved[number] = max(heights[number], last + 16)

    return list(moved.values())


def _drawn(title: str, height: float, shapes: Sequence[str]) -> str:
    return "\n".join(_document(title, height, shapes)) + "\n"


def _document(title: str, height: float, shapes: Sequence[str]) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'width="{_WIDTH}" height="{height:.0f}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13">'
    )
    yield f"<title>{escape(title)}</title>"
    yield _text(10, 22, title, bold=True)
    yield from shapes
    yield "</svg>"


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", color: str = _TEXT, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""

    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{weight}>'
        f"{escape(text)}</text>"
    )


def _stroke(x1: float, y1: float, x2: float, y2: float, *, faint: bool = False) -> str:
    opacity = ' stroke-opacity="0.35"' if faint else ""

    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{_TEXT}" stroke-width="1.5"{opacity}/>'
    )


def _short(value: float) -> str:
    if value >= 100:  # noqa: PLR2004 - three digits say enough
        return f"{value:,.0f}"

    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - as above
