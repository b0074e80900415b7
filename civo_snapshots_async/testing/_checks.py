"""Rules that several arguments of this package share."""

import math

__all__ = ["seconds"]


def seconds(name: str, value: float) -> float:
    """Return `value` if it can be a length of time, else raise ValueError."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is a number of seconds, 0 or more, not {value!r}")
    return value
