"""How values show themselves: at a prompt as a line, in a notebook as a table, in rich as fields.

All three show the fields that a value's attrs class shows, and no others.
"""

from collections.abc import Iterator
from typing import Any, cast

import attrs

_MAX_CHARACTERS = 100
# So many values of a field stand in a table.
_MAX_LINES = 20


class Shown:
    """A value of an attrs class; with `repr=False`, its repr is one short line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {_line(self)}>"

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:
        yield from _fields(self)

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - for notebooks alone

        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{'<br>'.join(map(escape, _lines(value)))}</td></tr>"
            for name, value in _fields(self)
        )

        return f"<table><caption>{escape(_line(self))}</caption>{rows}</table>"


def _fields(value: object) -> Iterator[tuple[str, object]]:
    # It is of an attrs class, which the type checker can't know.
    for field in attrs.fields(cast("Any", type(value))):
        if field.repr:
            yield field.name, getattr(value, field.name)


def _lines(value: object) -> Iterator[str]:
    values = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    yield from map(_line, values[:_MAX_LINES])
    if len(values) > _MAX_LINES:
        yield f"and {len(values) - _MAX_LINES} more"


def _line(value: object) -> str:
    """Return a value's text on one line, without what could fake a second one."""
    line = " ".join(str(value).split())
    shown = line if line.isprintable() else ascii(line)

    return shown if len(shown) <= _MAX_CHARACTERS else f"{shown[:_MAX_CHARACTERS]}…"
