"""Spans of time as a person types them: 90m, 24h, 7d."""

import re
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter, Token

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def duration(text: str) -> timedelta:
    """Return the span of time that a text such as `24h` or `1d12h` means.

    Raises `ValueError` for any other text.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is no duration: give numbers with s, m, h, d or w, such as 90m, 24h or 7d"
        )
    try:
        return sum(
            (float(number) * _UNITS[unit] for number, unit in _PART.findall(text)), timedelta(0)
        )
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def _convert(_: type, tokens: tuple[Token, ...]) -> timedelta:
    return duration(tokens[0].value)


Duration = Annotated[timedelta, Parameter(converter=_convert)]
