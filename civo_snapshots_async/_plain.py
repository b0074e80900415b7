"""Values as plain dictionaries, ready for JSON, and back. No value contains a secret."""

from functools import cache
from types import ModuleType
from typing import Any, TypeVar, cast

from ._shown import Shown

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold has no type of its own
    """Return a value as dictionaries, lists, strings and numbers.

    A time becomes RFC 3339 in UTC, a span of time becomes seconds, and an enumeration its value. An
    error becomes its `type`, its `message` and its attributes.
    """
    return _converting().to_plain(value)


def from_plain(data: object, kind: type[T]) -> T:
    """Return the value of that kind from what `to_plain` returned, or raise `ValueError`.

    Unknown fields are ignored, so that the output of a newer version can be read.
    """
    value: T = _converting().from_plain(data, kind)

    return value


class Plain(Shown):
    """A value with `to_dict`."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that is ready for JSON; times are RFC 3339 in UTC."""
        return cast("dict[str, Any]", to_plain(self))


@cache
def _converting() -> ModuleType:
    # Most programs need no converter, and cattrs takes a tenth of the time of aiohttp to load.
    from . import _converting  # noqa: PLC0415 - at first use

    return _converting
