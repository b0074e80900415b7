"""Values as plain dictionaries, ready for JSON, and back. No value holds a secret."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

import cattrs

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold has no type of its own
    """Return a value as dictionaries, lists, strings and numbers.

    Times are RFC 3339 in UTC, spans of time are seconds, enumerations are their values. An error
    is its `type`, its `message` and what it carries.
    """
    return _converter().unstructure(value)


def from_plain(data: object, kind: type[T]) -> T:
    """Return the value that `to_plain` was given; raise `ValueError` where it is none of that kind.

    Fields that are not known are ignored, so that a newer version's text can be read.
    """
    try:
        return _converter().structure(data, kind)
    # cattrs raises what the hooks raise, in groups.
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the data, it is named
        problems = "; ".join(cattrs.transform_error(error))
        raise ValueError(f"no {kind.__name__}: {problems}") from None


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(datetime, _rfc_3339)
    converter.register_unstructure_hook(timedelta, timedelta.total_seconds)
    converter.register_unstructure_hook_func(_is(Enum), lambda value: value.value)
    converter.register_unstructure_hook_func(_is(Exception), _error)
    converter.register_unstructure_hook_func(_is(tuple), lambda value: [*map(to_plain, value)])
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_func(_is(Exception), _error_again)

    return converter


def _is(kind: type) -> Callable[[object], bool]:
    def is_kind(given: object) -> bool:
        return isinstance(given, type) and issubclass(given, kind)

    return is_kind


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")

    return value


def _error_again(value: object, kind: type[Exception]) -> Exception:
    # What an error carries may be anything: only its text comes back.
    message = cast("dict[str, object]", value).get("message") if isinstance(value, dict) else None

    return kind(_text(message, str))


def _rfc_3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _error(error: Exception) -> dict[str, Any]:
    carried = {
        name: to_plain(value)
        for name, value in vars(error).items()
        if not name.startswith("_") and name != "context"
    }

    return {"type": type(error).__name__, "message": str(error), **carried}


class Plain:
    """A value that can be made plain."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that is ready for JSON; times are RFC 3339 in UTC."""
        return cast("dict[str, Any]", to_plain(self))
