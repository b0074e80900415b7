"""What turns values into plain dictionaries and back: `_plain`, once it is used."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

import cattrs
from cattrs.v import format_exception

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold has no type of its own
    """Return a value as dictionaries, lists, strings and numbers.

    A time becomes RFC 3339 in UTC, a span of time becomes seconds, and an enumeration its value. An
    error becomes its `type`, its `message` and its attributes.
    """
    return _converter().unstructure(value)


def from_plain(data: object, kind: type[T]) -> T:
    """Return the value of that kind from what `to_plain` returned, or raise `ValueError`.

    Unknown fields are ignored, so that the output of a newer version can be read.
    """
    try:
        return _converter().structure(data, kind)
    # cattrs raises groups of whatever the hooks raise.
    except Exception as error:  # noqa: BLE001 - every problem of the data is named below
        problems = "; ".join(cattrs.transform_error(error, format_exception=_problem))
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


def _problem(error: BaseException, kind: type | None) -> str:
    # cattrs says that a value is invalid, and our own checks say why.
    if type(error) in {ValueError, TypeError}:
        return str(error)

    return format_exception(error, kind)


def _error_again(value: object, kind: type[Exception]) -> Exception:
    # The attributes may be of any type, so only the text is restored.
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
