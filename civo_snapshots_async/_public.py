"""What is public belongs to the package, whichever file defines it."""

from typing import TypeVar

T = TypeVar("T")

_PACKAGE = __name__.rpartition(".")[0]


def public(named: T) -> T:
    """Return a class or function that pickles, tracebacks and `help` show as the package's."""
    named.__module__ = _PACKAGE

    return named
