"""The rules for arguments that several parts of this package take."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import attrs

__all__ = ["Seconds", "field", "one_of", "one_word", "seconds"]

Seconds: TypeAlias = float | timedelta
"""How a span of time may be given."""


def seconds(argument: str, value: Seconds) -> float:
    """Accept a span of time, or 0 for none at all, and return it in seconds."""
    span = value.total_seconds() if isinstance(value, timedelta) else value
    if not 0 <= span < math.inf:
        raise ValueError(f"{argument} must be a number of seconds, 0 or more, not {span!r}")

    return span


def one_word(argument: str, value: str) -> str:
    """Accept text without spaces."""
    if not value or value.split() != [value]:
        raise ValueError(f"{argument} must be one word, not {value!r}")

    return value


def one_of(argument: str, value: object, *, allowed: tuple[object, ...]) -> None:
    """Accept one of a few values."""
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")


def field(
    rule: Callable[..., object], **limits: object
) -> Callable[[object, "attrs.Attribute[Any]", Any], None]:
    """Return a validator that holds an attrs field to a rule of this file."""

    def validate(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
        rule(field.name, value, **limits)

    return validate
