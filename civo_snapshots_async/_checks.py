"""The rules for arguments. Each error names the argument, the rule and the value."""

import ipaddress
import math
import re
import ssl
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import attrs

T = TypeVar("T")

Seconds = float | timedelta
"""A span of time as an argument: seconds, or a `timedelta`."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOSTNAME = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*", re.ASCII | re.IGNORECASE)
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_MAX_HOSTNAME = 253
# The characters of a value that an error shows.
_MAX_SHOWN = 80


def text(argument: str, value: object) -> str:
    """Accept a string that UTF-8 can encode."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a string, not {_abbreviated(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{argument} holds half a surrogate pair, which can't be sent: {value!r}"
        ) from None

    return value


def is_plain_name(name: str) -> bool:
    """Return whether a name is safe as a part of a path or a query."""
    return _PLAIN.fullmatch(name) is not None and ".." not in name


def are_plain_names(names: Collection[str]) -> bool:
    """Return whether each name is plain, in half the time for many of them.

    Raises `TypeError` for what is no text.
    """
    return are_lines(_PLAIN, names) and ".." not in "".join(names)


def are_lines(pattern: re.Pattern[str], texts: Collection[str]) -> bool:
    """Return whether each text matches a pattern whole that matches no line end."""
    lines = "\n".join((*texts, ""))

    # A text may have a line end in it, and be two matches.
    return lines.count("\n") == len(texts) and _lines_of(pattern).fullmatch(lines) is not None


@cache
def _lines_of(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{pattern.pattern})\n)*", pattern.flags)


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID, as Civo's ids are and its names are not."""
    return _UUID.fullmatch(text) is not None


def plain_name(argument: str, value: object) -> str:
    """Accept an id or a name that is safe as a part of a path or a query.

    Any other could turn one call into another: `delete_snapshot("web-1", "..")` would delete the
    instance.
    """
    name = text(argument, value)
    if not is_plain_name(name):
        raise ValueError(
            f"{argument} must be 1 to 128 letters, digits, '.', '_' or '-', beginning and ending "
            f"with a letter or digit and without '..', not {_abbreviated(name)}"
        )

    return name


def plain_name_field(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """Validate an attrs field that is a plain name."""
    # Here first: every call makes an address of three such names.
    if not isinstance(value, str) or not is_plain_name(value):
        plain_name(field.name, value)


def plain_name_or_empty_field(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """Validate an attrs field that is a plain name, or an empty string."""
    if value != "":
        plain_name_field(_, field, value)


def label(argument: str, value: object) -> str:
    """Accept the name of a snapshot: an RFC 1123 label."""
    name = text(argument, value)
    if _LABEL.fullmatch(name) is None:
        raise ValueError(
            f"{argument} must be an RFC 1123 label (1 to 63 lower-case letters, digits or '-', "
            f"beginning and ending with a letter or digit), not {_abbreviated(name)}"
        )

    return name


def is_hostname(name: str) -> bool:
    """Return whether a name consists of RFC 1123 labels, in any case, joined by dots."""
    return _HOSTNAME.fullmatch(name) is not None and len(name) <= _MAX_HOSTNAME


def hostname(argument: str, value: object) -> str:
    """Accept a hostname: RFC 1123 labels, in any case, joined by dots."""
    name = text(argument, value)
    if not is_hostname(name):
        raise ValueError(
            f"{argument} must be a host name (letters, digits and '-', in parts of 1 to 63 joined "
            f"by '.', at most {_MAX_HOSTNAME} in all), not {_abbreviated(name)}"
        )

    return name


def ipv4(argument: str, value: object) -> str:
    """Accept an IPv4 address as a string or an `ipaddress.IPv4Address`."""
    if isinstance(value, ipaddress.IPv4Address):
        return str(value)
    address = text(argument, value)
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError as error:
        raise ValueError(f"{argument} must be an IPv4 address: {error}") from None


def boolean(argument: str, value: object) -> bool:
    """Accept `True` and `False`, but no other truthy or falsy value."""
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be True or False, not {_abbreviated(value)}")

    return value


def moment(argument: str, value: object) -> datetime:
    """Accept a date and time that says its timezone."""
    if not isinstance(value, datetime):
        raise TypeError(f"{argument} must be a datetime, not {_abbreviated(value)}")
    if value.utcoffset() is None:
        raise ValueError(f"{argument} must be timezone-aware, not {_abbreviated(value)}")

    return value


def number(argument: str, value: object, *, at_least: float, below: float = math.inf) -> float:
    """Accept a finite number in a range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {_abbreviated(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (at_least <= number < below):
        limit = "" if below == math.inf else f" and below {below:g}"
        raise ValueError(
            f"{argument} must be at least {at_least:g}{limit}, not {_abbreviated(value)}"
        )

    return number


def as_seconds(span: Seconds) -> float:
    """Convert a span of time to seconds; return any other value as it is, for a later check."""
    given: object = span
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, int) and not isinstance(given, bool):
        # An integer that is too large for a float fails the later check.
        with suppress(OverflowError):
            return float(given)

    return cast("float", given)


def as_seconds_or_none(span: Seconds | None) -> float | None:
    """Convert a span of time to seconds; keep `None`."""
    return None if span is None else as_seconds(span)


def seconds(argument: str, value: Seconds) -> float:
    """Accept a span of time above 0; return it in seconds."""
    return _span(argument, value, is_allowed=_is_positive, rule="more than 0")


def seconds_or_none_at_all(argument: str, value: Seconds) -> float:
    """Accept a span of time of 0 or more; return it in seconds."""
    return _span(argument, value, is_allowed=_is_not_negative, rule="0 or more")


def timeout(value: Seconds | None) -> float | None:
    """Accept a span of time above 0, or `None` for no limit; return it in seconds."""
    if value is None:
        return None

    return _span(
        "timeout", value, is_allowed=_is_positive, rule="more than 0, or None for no limit"
    )


Validator = Callable[[object, "attrs.Attribute[Any]", Any], None]


def field(rule: Callable[..., object], **limits: object) -> Validator:
    """Return an attrs validator that applies a rule of this file to a field."""

    def validate(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
        rule(field.name, value, **limits)

    return validate


def ordered(policy: object, lower: str, upper: str) -> None:
    """Require the field `upper` of a policy not to be below its field `lower`."""
    least, greatest = getattr(policy, lower), getattr(policy, upper)
    if greatest < least:
        raise ValueError(f"{upper} must not be below {lower} ({least:g}), not {greatest:g}")


def seconds_field(_: object, field: "attrs.Attribute[Any]", value: float) -> None:
    """Validate an attrs field that `as_seconds` converted: a span of time above 0."""
    seconds(field.name, value)


def grace_field(_: object, field: "attrs.Attribute[Any]", value: float) -> None:
    """Validate an attrs field that `as_seconds` converted: a span of time of 0 or more."""
    seconds_or_none_at_all(field.name, value)


def _is_not_negative(span: float) -> bool:
    return span >= 0


def _is_positive(span: float) -> bool:
    return span > 0


def _span(
    argument: str, value: Seconds, *, is_allowed: Callable[[float], bool], rule: str
) -> float:
    span = cast("object", as_seconds(value))
    if isinstance(span, bool) or not isinstance(span, (int, float)):
        raise TypeError(
            f"{argument} must be seconds, as a number or a timedelta, not {_abbreviated(value)}"
        )
    if not (isinstance(span, float) and math.isfinite(span) and is_allowed(span)):
        shown = f"{span:g}" if isinstance(span, float) else "a whole number that is too large"
        raise ValueError(f"{argument} must be a finite number of seconds, {rule}, not {shown}")

    return span


def count(argument: str, value: object, *, at_least: int = 0) -> int:
    """Accept a whole number of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{argument} must be a whole number, not {_abbreviated(value)}")
    if value < at_least:
        raise ValueError(f"{argument} must be at least {at_least}, not {value}")

    return value


def one_of(argument: str, value: T, *, allowed: tuple[str, ...]) -> T:
    """Accept one of the allowed strings."""
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")

    return value


def wait_strategy(argument: str, value: object) -> None:
    """Accept a callable, as tenacity's wait strategies are."""
    if not callable(value):
        raise TypeError(f"{argument} must be a tenacity wait strategy, not {value!r}")


def header(argument: str, value: object) -> str:
    """Accept a string that is valid in an HTTP header."""
    line = text(argument, value)
    if _HEADER.fullmatch(line) is None:
        raise ValueError(
            f"{argument} must be printable ASCII without a space at either end, "
            f"not {_abbreviated(line)}"
        )

    return line


def proxy_url(argument: str, value: object) -> str:
    """Accept the URL of an HTTP proxy; the error does not show it, as it may hold a password."""
    try:
        parts = urlsplit(text(argument, value))
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(f"{argument} must be a URL like http://proxy.example:3128")

    return cast("str", value)


def ssl_context(argument: str, value: object) -> None:
    """Accept a TLS context, or `None` for the system's certificates."""
    if not isinstance(value, (ssl.SSLContext, type(None))):
        raise TypeError(f"{argument} must be an ssl.SSLContext or None, not {_abbreviated(value)}")


def _abbreviated(value: object) -> str:
    text = repr(value)
    if len(text) <= _MAX_SHOWN:
        return text

    return f"{text[:_MAX_SHOWN]}… ({len(text)} characters)"
