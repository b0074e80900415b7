"""What a command prints: its result on stdout, everything else on stderr."""

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from .. import Snapshot
from .._plain import Plain, to_plain
from ._common import Common, Settings

# Without a terminal, a program reads the output: no column may be cut, and no line be broken.
_WIDE = 100_000


def stdout() -> Console:
    """Return the console for results; without a terminal it has no colors and no line breaks."""
    console = Console(highlight=False, soft_wrap=True)

    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def stderr() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, *, end: str = "\n") -> None:
    """Print a text on stderr, without markup."""
    # The library names its own argument where the command has an option.
    text = text.replace("pass region=", "pass --region")
    stderr().print(text, markup=False, end=end)


def status(common: Settings, text: str) -> AbstractContextManager[object]:
    """Show what is waited for: live on a terminal, otherwise as a line."""
    if common.quiet:
        return nullcontext()
    if stderr().is_terminal:
        return stderr().status(text)
    say(text)

    return nullcontext()


def print_snapshots(common: Common, snapshots: Sequence[Snapshot]) -> None:
    """Print several snapshots."""
    if common.output != "table":
        print_values(common, snapshots)
        return
    rows = [
        (each.name, each.id, each.phase.value, _volumes(each), _date(each.created_at))
        for each in snapshots
    ]
    print_table(("NAME", "ID", "PHASE", "VOLUMES", "CREATED (UTC)"), rows)


def print_value(common: Common, value: object, sentence: str | None = None) -> None:
    """Print one value, as a sentence or as a JSON document."""
    if common.output == "table":
        stdout().print(str(value) if sentence is None else sentence, markup=False)
    else:
        print_json(value, is_one_line=common.output == "jsonl")


def print_values(common: Common, values: Iterable[object]) -> None:
    """Print several values as JSON: one array, or one document per line."""
    if common.output == "json":
        print_json(list(values), is_one_line=False)
        return
    for value in values:
        print_json(value, is_one_line=True)


def print_json(value: object, *, is_one_line: bool) -> None:
    """Print a value as JSON."""
    # An event's `to_dict` adds its name.
    plain = value.to_dict() if isinstance(value, Plain) else to_plain(value)
    text = json.dumps(plain, indent=None if is_one_line else 2)
    print(text, flush=True)


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below a header, in columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        # On a narrow terminal a cell takes several lines, as an id without its end is of no use.
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    stdout().print(table, markup=False)


def _volumes(snapshot: Snapshot) -> str:
    if not snapshot.volumes:
        return "-"
    done = sum(volume.phase.value == "complete" for volume in snapshot.volumes)

    return f"{done}/{len(snapshot.volumes)}"


def _date(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
