"""Bytes of an answer to plain values, with nothing guessed: strict JSON, strict RFC 3339 times."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_LEAP_SECOND = 60


def parse_json(body: bytes) -> object:
    """Parse JSON text in UTF-8; raise `ValueError` for anything that two parsers could read apart.

    Python's parser also takes NaN, Infinity and a key given twice, of which the last would win.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")

    return result


def parse_time(text: str) -> datetime | None:
    """Parse an RFC 3339 time, to UTC; year 1, Go's zero time, is `None`.

    Fractions are cut to microseconds. Raise `ValueError` for anything else.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    if match[1] == "0001":
        return None
    try:
        return _moment(match)
    except OverflowError:
        raise ValueError("out of range") from None


def _moment(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    leap = second == _LEAP_SECOND
    # datetime knows no second 60: it is the one after 59.
    moment = datetime(
        year, month, day, hour, minute, second - leap, microsecond, _offset(match)
    ) + timedelta(seconds=leap)

    return moment.astimezone(UTC)


def _offset(match: re.Match[str]) -> timezone:
    if match[8] is None:
        return UTC
    size = timedelta(hours=int(match[9]), minutes=int(match[10]))

    return timezone(-size if match[8] == "-" else size)


def excerpt(body: bytes, longest: int = 500) -> str:
    """Return the beginning of a body as one line of text, whatever the body is."""
    line = " ".join(body[: 4 * longest].decode(errors="replace").split())

    return line if len(line) <= longest else f"{line[:longest]}…"
