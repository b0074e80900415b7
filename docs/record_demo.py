"""Record `civo-snapshots demo` as a moving picture: `nox --session record`.

The command runs on a pseudo-terminal, a terminal emulator (pyte) keeps what is
on the screen, and each screen that stood long enough to be read is a frame.
"""

import fcntl
import html
import os
import pty
import select
import struct
import sys
import termios
import time
from itertools import groupby, pairwise
from pathlib import Path

import attrs
import pyte

PICTURE = Path(__file__).parent / "pictures" / "demo.svg"
ARGUMENTS = ["-m", "civo_snapshots_async", "demo"]
COLUMNS, ROWS = 80, 9
# In seconds: a screen is drawn in several writes, and stands between polls.
QUIET, HOLD = 0.04, 3.0
# In pixels.
LEFT, TOP, CELL, LINE = 18, 44, 8.4, 21
COLORS = {"green": "#56d364", "red": "#ff7b72", "brown": "#f0b866"}


@attrs.frozen(kw_only=True)
class Frame:
    """What stood on the screen, and from when on."""

    at: float
    rows: tuple[tuple[pyte.screens.Char, ...], ...]

    @property
    def text(self) -> str:
        """Return it as plain text."""
        rows = ("".join(char.data for char in row) for row in self.rows)
        return "\n".join(row.rstrip() for row in rows).rstrip()


def record() -> list[Frame]:
    """Run the demo and return each screen that it showed."""
    process, terminal = pty.fork()
    if process == 0:
        time.sleep(0.2)  # until the parent has set the size
        os.environ.update(TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, *ARGUMENTS])  # noqa: S606
    size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    screen.draw("$ civo-snapshots demo")
    screen.linefeed()
    screen.carriage_return()
    frames = [Frame(at=0.0, rows=cells(screen))]
    started = time.monotonic()
    while written := read(terminal):
        stream.feed(written)
        is_drawn = not select.select([terminal], [], [], QUIET)[0]
        frame = Frame(at=time.monotonic() - started, rows=cells(screen))
        if is_drawn and frame.text != frames[-1].text:
            frames.append(frame)
    os.waitpid(process, 0)
    last = Frame(at=time.monotonic() - started, rows=cells(screen))

    return frames if last.text == frames[-1].text else [*frames, last]


def read(terminal: int) -> bytes:
    """Return what was written since, and nothing once the program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def cells(screen: pyte.Screen) -> tuple[tuple[pyte.screens.Char, ...], ...]:
    """Return a copy of the screen."""
    return tuple(
        tuple(screen.buffer[row][column] for column in range(COLUMNS))
        for row in range(ROWS)
    )


def picture(frames: list[Frame]) -> str:
    """Return an SVG that shows the frames once, and then stays on the last."""
    seconds = frames[-1].at + HOLD
    width = round(2 * LEFT + COLUMNS * CELL)
    height = TOP + ROWS * LINE + 8
    shown = [f"{100 * frame.at / seconds:.2f}" for frame in frames] + ["100"]
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img" aria-labelledby="title desc">'
        ),
        '<title id="title">civo-snapshots demo, recorded</title>',
        f'<desc id="desc">{html.escape(frames[-1].text)}</desc>',
        style(shown, seconds),
        f'<rect width="{width}" height="{height}" rx="9" fill="#161b22"/>',
    ]
    for x, color in ((22, "#ff7b72"), (42, "#f0b866"), (62, "#56d364")):
        parts.append(f'<circle cx="{x}" cy="20" r="6" fill="{color}"/>')
    for number, frame in enumerate(frames):
        parts += [f'<g class="f f{number}">', *lines(frame), "</g>"]

    return "\n".join([*parts, "</svg>"]) + "\n"


def style(shown: list[str], seconds: float) -> str:
    """Return the rules by which one frame is seen at a time."""
    last = len(shown) - 2
    rules = [
        (
            "text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "
            "monospace; fill: #e6edf3; white-space: pre; }"
        ),
        ".f { opacity: 0; }",
        f".f{last} {{ opacity: 1; }}",
        "@media (prefers-reduced-motion: no-preference) {",
    ]
    for number, (start, end) in enumerate(pairwise(shown)):
        before = int(number == 0)
        after = int(number == last)
        rules += [
            f"@keyframes k{number} {{",
            f"0% {{ opacity: {before}; }} {start}% {{ opacity: 1; }}",
            f"{end}%, 100% {{ opacity: {after}; }} }}",
            f".f{number} {{ animation: k{number} {seconds:.2f}s step-end; }}",
        ]

    return "<style>\n" + "\n".join([*rules, "}"]) + "\n</style>"


def lines(frame: Frame) -> list[str]:
    """Return the text of a frame, a run of one color at a time."""
    return [
        text_of(run, row, column)
        for row, cells in enumerate(frame.rows)
        for column, run in runs(cells)
        if "".join(char.data for char in run).strip()
    ]


def runs(
    row: tuple[pyte.screens.Char, ...],
) -> list[tuple[int, list[pyte.screens.Char]]]:
    """Return the parts of a row in one color, each with its column."""
    found: list[tuple[int, list[pyte.screens.Char]]] = []
    column = 0
    for _, group in groupby(row, key=lambda char: (char.fg, char.bold)):
        run = list(group)
        found.append((column, run))
        column += len(run)

    return found


def text_of(run: list[pyte.screens.Char], row: int, column: int) -> str:
    """Return one run, as wide as its columns in any font."""
    text = "".join(char.data for char in run).rstrip()
    looks = {"fill": COLORS.get(run[0].fg), "font-weight": run[0].bold and 700}
    css = "; ".join(
        f"{name}: {value}" for name, value in looks.items() if value
    )
    style = f' style="{css}"' if css else ""

    return (
        f'<text x="{LEFT + column * CELL:g}" y="{TOP + (row + 1) * LINE - 8}" '
        f'textLength="{len(text) * CELL:g}"{style}>'
        f"{html.escape(text)}</text>"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(record()), encoding="utf-8")
