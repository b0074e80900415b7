"""The rules for what a caller may pass; each says which argument, which rule, which value."""

import ipaddress
import math
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import attrs

T = TypeVar("T")

Seconds = float | timedelta
"""How a caller may give a span of time."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOSTNAME = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*", re.ASCII | re.IGNORECASE)
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_LONGEST_HOSTNAME = 253


def text(argument: str, value: object) -> str:
    """Accept a string that can be sent."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a string, not {_shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{argument} holds half a surrogate pair, which can't be sent: {value!r}"
        ) from None

    return value


def is_plain_name(name: str) -> bool:
    """Tell whether it can stand in a path or a query as nothing but itself."""
    return _PLAIN.fullmatch(name) is not None and ".." not in name


def is_uuid(text: str) -> bool:
    """Tell whether it is a UUID, as Civo's ids are and its names are not."""
    return _UUID.fullmatch(text) is not None


def plain_name(argument: str, value: object) -> str:
    """Accept an id or a name that, as a part of a path or a query, can only be that part.

    Anything else could turn one call into another: `delete_snapshot("web-1", "..")` is the
    deletion of the instance.
    """
    name = text(argument, value)
    if not is_plain_name(name):
        raise ValueError(
            f"{argument} must be 1 to 128 letters, digits, '.', '_' or '-', beginning and ending "
            f"with a letter or digit and without '..', not {_shown(name)}"
        )

    return name


def plain_name_or_empty(argument: str, value: object) -> None:
    """Accept such a name, or the empty string for none."""
    if value != "":
        plain_name(argument, value)


def label(argument: str, value: object) -> str:
    """Accept a name of a snapshot: an RFC 1123 label."""
    name = text(argument, value)
    if _LABEL.fullmatch(name) is None:
        raise ValueError(
            f"{argument} must be an RFC 1123 label (1 to 63 lower-case letters, digits or '-', "
            f"beginning and ending with a letter or digit), not {_shown(name)}"
        )

    return name


def is_hostname(name: str) -> bool:
    """Tell whether it is RFC 1123 labels, in any case, joined by dots."""
    return _HOSTNAME.fullmatch(name) is not None and len(name) <= _LONGEST_HOSTNAME


def hostname(argument: str, value: object) -> str:
    """Accept a host name: RFC 1123 labels, in any case, joined by dots."""
    name = text(argument, value)
    if not is_hostname(name):
        raise ValueError(
            f"{argument} must be a host name (letters, digits and '-', in parts of 1 to 63 joined "
            f"by '.', at most {_LONGEST_HOSTNAME} in all), not {_shown(name)}"
        )

    return name


def ipv4(argument: str, value: object) -> str:
    """Accept an IPv4 address, as text or as an `ipaddress.IPv4Address`."""
    if isinstance(value, ipaddress.IPv4Address):
        return str(value)
    address = text(argument, value)
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError as error:
        raise ValueError(f"{argument} must be an IPv4 address: {error}") from None


def boolean(argument: str, value: object) -> bool:
    """Accept `True` and `False`, and nothing that merely counts as one of them."""
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be True or False, not {_shown(value)}")

    return value


def number(argument: str, value: object, *, at_least: float, below: float = math.inf) -> float:
    """Accept a finite number in a range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {_shown(value)}")
    if not (at_least <= value < below):
        limit = "" if below == math.inf else f" and below {below:g}"
        raise ValueError(f"{argument} must be at least {at_least:g}{limit}, not {_shown(value)}")

    return float(value)


def as_seconds(span: Seconds) -> float:
    """Turn a span of time into seconds; leave what is none to the checks, which name it."""
    given: object = span
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, int) and not isinstance(given, bool):
        # One that is too large stays what it is.
        with suppress(OverflowError):
            return float(given)

    return cast("float", given)


def as_seconds_or_none(span: Seconds | None) -> float | None:
    """Turn a span of time into seconds, where there is one."""
    return None if span is None else as_seconds(span)


def seconds(argument: str, value: Seconds) -> float:
    """Accept a span of time, and return it in seconds."""
    return _span(argument, value, is_allowed=_is_some_time, rule="more than 0")


def seconds_or_none_at_all(argument: str, value: Seconds) -> float:
    """Accept a span of time, or 0 for none at all, and return it in seconds."""
    return _span(argument, value, is_allowed=_is_no_negative_time, rule="0 or more")


def timeout(value: Seconds | None) -> float | None:
    """Accept a span of time, and return it in seconds; `None` is for no limit."""
    if value is None:
        return None

    return _span(
        "timeout", value, is_allowed=_is_some_time, rule="more than 0, or None for no limit"
    )


Validator = Callable[[object, "attrs.Attribute[Any]", Any], None]


def field(rule: Callable[..., object], **limits: object) -> Validator:
    """Return a validator that holds an attrs field to a rule of this file."""

    def validate(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
        rule(field.name, value, **limits)

    return validate


def ordered(policy: object, lower: str, upper: str) -> None:
    """Accept two fields of a policy of which the second is not below the first."""
    least, most = getattr(policy, lower), getattr(policy, upper)
    if most < least:
        raise ValueError(f"{upper} must not be below {lower} ({least:g}), not {most:g}")


def seconds_field(_: object, field: "attrs.Attribute[Any]", value: float) -> None:
    """Validate an attrs field that is a span of time, converted by `as_seconds`."""
    seconds(field.name, value)


def grace_field(_: object, field: "attrs.Attribute[Any]", value: float) -> None:
    """Validate an attrs field that is a span of time, or 0 for none at all."""
    seconds_or_none_at_all(field.name, value)


def _is_no_negative_time(span: float) -> bool:
    return span >= 0


def _is_some_time(span: float) -> bool:
    return span > 0


def _span(
    argument: str, value: Seconds, *, is_allowed: Callable[[float], bool], rule: str
) -> float:
    span = cast("object", as_seconds(value))
    if isinstance(span, bool) or not isinstance(span, (int, float)):
        raise TypeError(
            f"{argument} must be seconds, as a number or a timedelta, not {_shown(value)}"
        )
    if not (isinstance(span, float) and math.isfinite(span) and is_allowed(span)):
        shown = f"{span:g}" if isinstance(span, float) else "a whole number that is too large"
        raise ValueError(f"{argument} must be a finite number of seconds, {rule}, not {shown}")

    return span


def count(argument: str, value: object, *, at_least: int = 0) -> int:
    """Accept a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{argument} must be a whole number, not {_shown(value)}")
    if value < at_least:
        raise ValueError(f"{argument} must be at least {at_least}, not {value}")

    return value


def one_of(argument: str, value: T, *, allowed: tuple[str, ...]) -> T:
    """Accept one of a few words."""
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")

    return value


def wait_strategy(argument: str, value: object) -> None:
    """Accept what tenacity calls to learn how long to wait."""
    if not callable(value):
        raise TypeError(f"{argument} must be a tenacity wait strategy, not {value!r}")


def header(argument: str, value: object) -> str:
    """Accept what can stand in an HTTP header."""
    line = text(argument, value)
    if _HEADER.fullmatch(line) is None:
        raise ValueError(
            f"{argument} must be printable ASCII, beginning and ending without a space, "
            f"not {_shown(line)}"
        )

    return line


def proxy_url(argument: str, value: object) -> str:
    """Accept the URL of an HTTP proxy; an error does not show it, as it may hold a password."""
    try:
        parts = urlsplit(text(argument, value))
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(f"{argument} must be a URL like http://proxy.example:3128")

    return cast("str", value)


def ssl_context(argument: str, value: object) -> None:
    """Accept a TLS context, or `None` for the system's; there is no way to verify nothing."""
    if not isinstance(value, (ssl.SSLContext, type(None))):
        raise TypeError(f"{argument} must be an ssl.SSLContext or None, not {_shown(value)}")


def _shown(value: object, longest: int = 80) -> str:
    shown = repr(value)

    return shown if len(shown) <= longest else f"{shown[:longest]}… ({len(shown)} characters)"
