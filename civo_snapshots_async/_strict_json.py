"""From bytes to plain values without guessing: strict JSON, strict RFC 3339 times."""

import codecs
import json
import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn, cast

from . import _checks as check

# As Civo writes times, Go's zero time excepted: Python's own parser is right about these.
_PLAIN_TIME = re.compile(r"(?!0001)\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?:\.\d{1,12})?Z", re.ASCII)
_is_plain = _PLAIN_TIME.fullmatch
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_LEAP_SECOND = 60


def parse_json(body: bytes) -> object:
    """Parse JSON text in UTF-8; raise `ValueError` for what two parsers could read differently.

    Python's parser also takes NaN, Infinity, a number that is too large for a float, and a key
    given twice, of which the last would win.
    """
    if _parse_exactly is not None:
        value = _parse_exactly(body)
        if value is not _UNPROVEN:
            return value

    return _parse_strictly(body)


def exact_parser() -> Callable[[bytes], object] | None:
    """Return a parser by orjson, or `None` where the extra `[speed]` is not installed.

    orjson also takes the last of two equal keys, and rounds a number that it can't hold. A document
    that it writes back byte for byte has neither; for every other one the parser returns
    `_UNPROVEN`.
    """
    try:
        from orjson import JSONDecodeError, JSONEncodeError, dumps, loads  # noqa: PLC0415 - an extra
    except ImportError:
        return None

    def parse(body: bytes) -> object:
        try:
            value: object = loads(body)
            # Go ends a document with a newline.
            return value if dumps(value) == body.rstrip() else _UNPROVEN
        except (JSONDecodeError, JSONEncodeError):
            return _UNPROVEN

    return parse


_UNPROVEN = object()
_parse_exactly = exact_parser()


def _parse_strictly(body: bytes) -> object:
    # Not the codec `utf-8-sig`, which is written in Python.
    text = body.removeprefix(codecs.BOM_UTF8).decode()
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_versioned(what: str, text: object, *, version: int, max_length: int) -> dict[str, object]:
    """Parse the text of a value that this library has written: `what`, as in "a saved wait".

    Raise `ValueError` for one that is longer than `max_length` characters, that is no JSON object,
    or that is of another version.
    """
    written = check.text(what, text)
    if len(written) > max_length:
        raise ValueError(f"not {what}: it has {len(written)} characters")
    try:
        fields = parse_json(written.encode())
    except ValueError as error:
        raise ValueError(f"not {what}: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"not {what}: it must be an object")  # noqa: TRY004 - the text is bad
    found = cast("dict[str, object]", fields)
    if type(found.get("version")) is not int:
        raise ValueError(f"not {what}: it must have a version")
    # First of all: another version may have other fields.
    if found["version"] != version:
        raise ValueError(f"{what} of version {found['version']}: this library reads {version}")

    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")

    return result


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError("a number is too large")

    return value


# Made once: with such hooks, `json.loads` makes one for each call.
_DECODER = json.JSONDecoder(
    parse_float=_finite, parse_constant=_no_constant, object_pairs_hook=_object
)


def parse_time(text: str) -> datetime | None:
    """Parse an RFC 3339 time, to UTC; year 1, Go's zero time, is `None`.

    Fractions are cut to microseconds. Raise `ValueError` for anything else.
    """
    # The expression below costs five times as much.
    if _is_plain(text) is not None:
        return datetime.fromisoformat(text)
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    if match[1] == "0001":
        return None
    try:
        return _moment(match)
    except OverflowError:
        raise ValueError("out of range") from None


def parse_times(texts: Collection[str]) -> list[datetime | None]:
    """Parse each as `parse_time` does, in a third of the time where Civo wrote many of them."""
    if check.are_lines(_PLAIN_TIME, texts):
        return list(map(datetime.fromisoformat, texts))

    return list(map(parse_time, texts))


def _moment(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    leap = second == _LEAP_SECOND
    # datetime has no second 60, which is the one after 59.
    moment = datetime(
        year, month, day, hour, minute, second - leap, microsecond, _offset(match)
    ) + timedelta(seconds=leap)

    return moment.astimezone(UTC)


def _offset(match: re.Match[str]) -> timezone:
    if match[8] is None:
        return UTC
    size = timedelta(hours=int(match[9]), minutes=int(match[10]))

    return timezone(-size if match[8] == "-" else size)


def excerpt(body: bytes, max_length: int = 500) -> str:
    """Return the beginning of a body as one line of text, whatever the body is."""
    line = " ".join(body[: 4 * max_length].decode(errors="replace").split())

    return line if len(line) <= max_length else f"{line[:max_length]}…"
