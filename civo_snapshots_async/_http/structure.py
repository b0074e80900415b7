"""From plain JSON values to models; the only file of calls that knows cattrs.

Half of the CPU of a list is spent here, so each payload is first read by the quick converter, which
stops at the first problem. Only then the thorough one reads it, and finds all problems.

- `_flat` gives every field to the quick converter, which need not check for missing ones.
- The texts of a model are checked all at once, and those of its volumes: `"".join` raises a
  `TypeError` for what is no text. cattrs' generated code then takes them as they are.
- The entries of a list are read together, and so are their ids and their times: one match proves
  many of them. With a single doubt, each entry is read on its own.
- What needs more than that has a hook, which the generated code calls without a wrapper around it.
- Both converters are made at first use.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar, cast

import attrs
import cattrs
from cattrs import gen
from cattrs.cols import homogenous_tuple_structure_factory

from .._checks import are_plain_names, is_plain_name
from .._models import Instance, Restore, Snapshot, VolumeStatus
from .._strict_json import parse_time, parse_times

M = TypeVar("M", Snapshot, Restore, Instance)
Hook = Callable[[object, Any], Any]
Column = Callable[[list[Any]], list[Any]]
"""Reads the values of one field, for many models, as the hook of the field reads one."""

MAX_PROBLEMS = 20
"""More of them are not searched for."""

# cattrs leaves parts of its types open.
_gen: Any = gen
# And so does Python of what this one gets.
_items: Any = itemgetter
# What the wire nests in an object called `status`, and the models do not.
_OF_STATUS = frozenset({"state", "volumes", "message"})
_NESTED = frozenset[type]({Snapshot, Restore})


def read_quickly(
    model: type[M],
    payload: Any,  # noqa: ANN401 - `cast` is a call, once for each snapshot of a list
    address: dict[str, str],
) -> M | None:
    """Read a documented shape; `None` for any other one, without where it differs."""
    quick = _QUICK[model]
    try:
        fields = _flat(model, payload, address)
        _check_all_texts(quick.texts(fields))
        draft: Any = quick.structure(fields, model)
    # A payload that is no object is a TypeError.
    except (_MismatchError, KeyError, TypeError):
        return None
    draft.__class__ = model
    read: M = draft

    return read


def read_all_quickly(
    model: type[M], payloads: Sequence[Any], address: dict[str, str]
) -> list[M] | None:
    """Read many as `read_quickly` reads one; `None` where that would return it for any of them."""
    quick = _QUICK[model]
    structure = quick.structure_checked
    try:
        batch = [_flat(model, payload, address) for payload in payloads]
        _check_all_texts(chain.from_iterable(map(quick.texts, batch)))
        for name, read_column in quick.columns.items():
            values = read_column([fields[name] for fields in batch])
            for fields, value in zip(batch, values, strict=True):
                fields[name] = value
        drafts: list[Any] = [structure(fields, model) for fields in batch]
    except (_MismatchError, KeyError, TypeError):
        return None
    for draft in drafts:
        draft.__class__ = model

    return drafts


def _flat(model: type[M], payload: Mapping[str, Any], address: dict[str, str]) -> dict[str, Any]:
    """Give every field of a model: those in `status` beside the others, absent ones null or empty.

    The quick converter can then take each without checking whether it is there.
    """
    fields: dict[str, Any] = {**_ABSENT[model], **payload, **address}
    if model is Instance:
        # The address stands for the region that was requested, and has just hidden this one.
        region = payload.get("region")
        fields["reported_region"] = None if region is None else str(region)
        return fields
    # No `isinstance`: what it narrows to needs a `cast`, which is a call for each snapshot.
    reported: Any = fields.get("status")
    if reported.__class__ is dict:
        state, message = reported.get("state"), reported.get("message")
        fields["state"] = "" if state is None else state
        fields["volumes"] = reported.get("volumes")
        fields["message"] = _message(message) if message else ""
    elif reported is None or reported == "":
        fields["state"] = fields["message"] = ""
        fields["volumes"] = None
    else:
        raise _MismatchError("an object", reported)

    return fields


def find_problems(
    model: type[M], payload: object, address: dict[str, str], at: str = ""
) -> list[str]:
    """Read it once more, with a converter that continues after a problem and locates each."""
    problems: list[str] = []
    flat = payload
    if isinstance(payload, dict):
        fields = cast("dict[str, object]", payload)
        try:
            flat = _flat(model, fields, address)
        except _MismatchError as error:
            problems.append(f"{at}.status: {error}" if at else f"status: {error}")
            flat = _flat(model, {**fields, "status": None}, address)
    try:
        _thorough().structure(flat, model)
    except (_MismatchError, cattrs.BaseValidationError) as error:
        problems += _problems(error, at)

    return problems[:MAX_PROBLEMS]


def _problems(error: Exception, at: str) -> Iterator[str]:
    if isinstance(error, cattrs.ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            is_nested = error.cl in _NESTED and note.name in _OF_STATUS
            name = f"status.{note.name}" if is_nested else note.name
            yield from _problems(inner, f"{at}.{name}" if at else name)
    elif isinstance(error, cattrs.IterableValidationError):
        for inner, item in error.group_exceptions()[0]:
            yield from _problems(inner, f"{at}[{item.index}]")
    else:
        text = "missing" if isinstance(error, KeyError) else str(error)
        yield f"{at}: {text}" if at else text


def known_text(value: object) -> str | None:
    """Return text that can tell one snapshot from another."""
    try:
        return _text(value, str) or None
    except _MismatchError:
        return None


class _MismatchError(Exception):
    """A value is not of the documented kind."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {json_type(value)}")


def json_type(value: object) -> str:
    """Return what a value is called in JSON, with the value of a number."""
    # Text is not shown: it is the server's, and may be long or a secret.
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _check_all_texts(texts: Iterable[Any]) -> None:
    # A TypeError for what is no text.
    joined = "".join(texts)
    if not joined.isascii():
        _check_surrogates(joined)


# Mostly the first lines of each of these are all that runs, often for one snapshot: they call no
# other one of these.
def _text(value: object, _: object) -> str:
    if isinstance(value, str) and value.isascii():
        return value
    if not isinstance(value, str):
        raise _MismatchError("a string", value)
    _check_surrogates(value)

    return value


def _id(value: object, _: object) -> str:
    # No path could hold any other id, and a restore has to send it in one.
    if isinstance(value, str) and is_plain_name(value):
        return value
    _text(value, _)
    raise _MismatchError("an id that a path can hold", value)


def _ids(values: list[Any]) -> list[Any]:
    if not are_plain_names(values):
        raise _MismatchError("ids that a path can hold", values)

    return values


def _check_surrogates(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _MismatchError("a string of whole characters", value) from None


def _text_or_none(value: object, _: object) -> str | None:
    if value is None or (isinstance(value, str) and value.isascii()):
        return value

    return _text(value, _)


def _text_or_empty(value: object, _: object) -> str:
    if isinstance(value, str) and value.isascii():
        return value

    return "" if value is None else _text(value, _)


def _message(value: object) -> str:
    # Nothing depends on it, so that no shape of it makes a snapshot unreadable.
    if not isinstance(value, str):
        return ""

    # Half a surrogate pair can't be printed.
    return value if value.isascii() else value.encode(errors="replace").decode()


def _boolean_or_none(value: object, _: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise _MismatchError("true or false", value)

    return value


def _time_or_none(value: object, _: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        return parse_time(_text(value, _))
    except ValueError:
        raise _MismatchError("an RFC 3339 time", value) from None


def _times(values: list[Any]) -> list[Any]:
    try:
        return parse_times(values)
    # Null or empty, for one.
    except (TypeError, ValueError):
        return [_time_or_none(value, None) for value in values]


def _converter(*, detailed_validation: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=detailed_validation)
    converter.register_structure_hook(str, _text)
    _register(converter, str | None, _text_or_none)
    _register(converter, bool | None, _boolean_or_none)
    _register(converter, datetime | None, _time_or_none)
    _register_array(converter, tuple[str, ...])
    volume: Hook = _gen.make_dict_structure_fn(
        VolumeStatus, converter, state=gen.override(struct_hook=_text_or_empty)
    )
    _register_object(converter, VolumeStatus, volume)
    _register_array(converter, tuple[VolumeStatus, ...])
    if not detailed_validation:
        _register_volumes(converter)
    for model in _HOOKS:
        _register_object(converter, model, _structure_of(model, converter))

    return converter


def _structure_of(model: type, converter: cattrs.Converter, columns: Collection[str] = ()) -> Hook:
    is_thorough = converter.detailed_validation
    unchecked: Collection[str] = () if is_thorough else (*_texts_of(model), *columns)
    hooks = {name: hook for name, hook in _HOOKS.get(model, {}).items() if name not in unchecked}
    fields = [
        # `_flat` gives every field, a missing one as null. cattrs leaves a field with a converter
        # to that, but the class has none. One without `init` is set by the code that it generates.
        field.evolve(
            default=attrs.NOTHING,
            converter=str if field.name in unchecked else None,
            init=is_thorough,
        )
        for field in attrs.fields(model)
    ]
    structure: Hook = _gen.make_dict_structure_fn_from_attrs(
        fields,
        model if is_thorough else _draft_of(model),
        converter,
        _cattrs_prefer_attrib_converters=True,
        _cattrs_include_init_false=True,
        **{name: gen.override(struct_hook=hook) for name, hook in hooks.items()},
    )

    return structure


def _texts_of(model: type) -> tuple[str, ...]:
    """Return the fields that are text and have no hook of their own."""
    hooks = _HOOKS.get(model, {})

    return tuple(
        field.name for field in attrs.fields(model) if field.type is str and field.name not in hooks
    )


def _columns_of(model: type) -> dict[str, Column]:
    """Return what reads fields of many models together, where that is quicker."""
    hooks = _HOOKS[model]
    times = {field.name for field in attrs.fields(model) if field.type == datetime | None}

    return {name: _ids for name, hook in hooks.items() if hook is _id} | dict.fromkeys(
        times, _times
    )


def _draft_of(model: type) -> type:
    """Return a class whose instances become the model's, frozen, when `__class__` says so.

    attrs sets each field of a frozen class by a call. The draft has the same slots and is not
    frozen. It has no `__init__` either: the code that cattrs generates sets the fields itself, and
    saves a call with ten keywords.
    """
    return type(
        model.__name__,
        (model,),
        {
            "__slots__": (),
            "__init__": object.__init__,
            # Of the two, Python needs both to be its own, or it calls neither directly.
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )


def _register(
    converter: cattrs.Converter,
    type_: Any,  # noqa: ANN401 - what `str | None` is has no type of its own
    hook: Hook,
) -> None:
    # `register_structure_hook` puts a dispatcher of cattrs before the hook of a union, and takes no
    # `tuple[str, ...]`.
    converter.register_structure_hook_func(lambda given: given == type_, hook)


def _register_object(converter: cattrs.Converter, model: type, structure: Hook) -> None:
    def hook(value: object, _: object) -> object:
        if not isinstance(value, dict):
            raise _MismatchError("an object", value)
        return structure(cast("object", value), model)

    # The quick one needs no check: it raises a TypeError for what is no object.
    converter.register_structure_hook(model, hook if converter.detailed_validation else structure)


def _register_array(
    converter: cattrs.Converter,
    type_: Any,  # noqa: ANN401 - what `tuple[str, ...]` is has no type of its own
) -> None:
    structure = homogenous_tuple_structure_factory(type_, converter)

    def hook(value: object, _: object) -> object:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise _MismatchError("an array", value)
        return structure(value, type_)

    _register(converter, type_, hook)


def _register_volumes(converter: cattrs.Converter) -> None:
    """Register a hook for volumes that have an id and a state, as nearly all have."""
    array = tuple[VolumeStatus, ...]
    carefully = converter.get_structure_hook(array)
    structure = _structure_of(VolumeStatus, converter)

    def hook(value: Any, _: object) -> object:  # noqa: ANN401 - as in `_flat`
        if value.__class__ is not list:
            return carefully(value, array)
        try:
            # The sum of two is a text where both are.
            _check_all_texts([each["id"] + each["state"] for each in value])
        except (KeyError, TypeError):
            return carefully(value, array)
        drafts: list[VolumeStatus] = [structure(each, VolumeStatus) for each in value]
        for draft in drafts:
            draft.__class__ = VolumeStatus
        return tuple(drafts)

    _register(converter, array, hook)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _QuickReader:
    """What reads a model without locating a problem."""

    texts: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """Takes those that neither `structure` checks."""
    structure: Hook
    columns: dict[str, Column]
    """Read the fields that `structure_checked` takes as they are."""
    structure_checked: Hook


class _Quick(dict[type, _QuickReader]):
    """The quick reader of each model, made when it is first needed."""

    def __missing__(self, model: type) -> _QuickReader:
        converter = _converter(detailed_validation=False)
        for each in _HOOKS:
            columns = _columns_of(each)
            self[each] = _QuickReader(
                texts=_items(*_texts_of(each)),
                structure=converter.get_structure_hook(each),
                columns=columns,
                structure_checked=_structure_of(each, converter, columns),
            )

        return self[model]


@functools.cache
def _thorough() -> cattrs.Converter:
    return _converter(detailed_validation=True)


_QUICK = _Quick()
# What is more than text, text or null, a time, and so on.
_HOOKS: dict[type, dict[str, Hook]] = {
    Snapshot: {"id": _id},
    Restore: {},
    Instance: {"hostname": _text_or_empty, "status": _text_or_empty},
}
_ABSENT: dict[type, dict[str, str | None]] = {
    model: {
        field.name: "" if field.type is str else None
        for field in attrs.fields(model)
        if field.default is not attrs.NOTHING
    }
    for model in _HOOKS
}
