"""Pieces of the sentences that reports tell people."""

from collections.abc import Iterable

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# So many of a list are named in a sentence.
_MAX_NAMED = 5


def spoken(seconds: float) -> str:
    """Return a span of time as `90 s`, `5 min`, `37 h` or `4 days`: the coarsest unit that fits.

    It is cut, not rounded. A negative one, which two clocks may show, is `0 s`.
    """
    whole = max(int(seconds), 0)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 3 * _DAY:
        return f"{whole // _HOUR} h"

    return f"{whole // _DAY} days"


def counted(count: int, what: str) -> str:
    """Return a number of things, as `1 instance` or `2 instances`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def enumerated(sentences: Iterable[str]) -> str:
    """Return the first few of them, and how many more there are."""
    shown = list(sentences)
    more = len(shown) - _MAX_NAMED

    return "; ".join(shown[:_MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")


def on_one_line(text: str) -> str:
    """Return a server's text without line breaks, so that it can't fake a line of a report."""
    return text if text.isprintable() else ascii(text)


def named(name: str, identifier: str) -> str:
    """Return a name with its id, or one of them if the other is the same or empty."""
    name, identifier = on_one_line(name), on_one_line(identifier)
    if not identifier:
        return name

    return identifier if name in {"", identifier} else f"{name} ({identifier})"
