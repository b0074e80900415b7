"""Rules that several arguments of this package share."""

import math
from datetime import timedelta
from typing import TypeAlias

__all__ = ["Seconds", "seconds"]

Seconds: TypeAlias = float | timedelta
"""How a span of time may be given."""


def seconds(name: str, value: Seconds) -> float:
    """Return a span of time in seconds; ValueError if it can be none."""
    span = value.total_seconds() if isinstance(value, timedelta) else value
    if not 0 <= span < math.inf:
        raise ValueError(f"{name} is a number of seconds, 0 or more, not {span!r}")
    return span
