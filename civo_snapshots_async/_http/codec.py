"""From a response to a model or an error; the only file that knows cattrs.

The quick converter reads each payload, and stops at the first problem. Only then the thorough
converter reads it, and finds all problems. Half of the CPU of a list is spent here:

- `_flat` gives every field to the quick converter, which need not check for missing ones;
- cattrs' generated code calls the hooks of fields without a wrapper around them;
- both converters are made at first use: an import needs neither.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import attrs
import cattrs
from cattrs import gen
from cattrs.cols import homogenous_tuple_structure_factory

from .._checks import is_plain_name, is_uuid
from .._errors import DecodeError
from .._models import (
    Instance,
    InstancePage,
    Restore,
    Snapshot,
    SnapshotQuota,
    UnreadableEntry,
    VolumeStatus,
)
from .._strict_json import excerpt, parse_json, parse_time
from .account_list import entries_of
from .errors_of import error_of
from .message import Request, Response

T = TypeVar("T")
M = TypeVar("M", Snapshot, Restore, Instance)
N = TypeVar("N", Snapshot, Instance)
Hook = Callable[[object, Any], Any]

# cattrs leaves parts of its types open.
_gen: Any = gen

# As in RFC 6838, and with the stars of a masked token.
_MEDIA_TYPE = re.compile(r"([\w!#$&^.+*-]{1,127}/[\w!#$&^.+*-]{1,127})\s*(?:;|$)", re.ASCII)
_JSON = re.compile(r"[/+]json$")
_MAX_PROBLEMS = 20
_SHOWN_PROBLEMS = 3
# More than these are no single mistakes, but an unknown shape.
_MAX_UNREADABLE = 1000
# What the wire nests in an object called `status`, and the models do not.
_OF_STATUS = frozenset({"state", "volumes", "message"})
_NESTED = frozenset[type]({Snapshot, Restore})
# Such a response may hold an instance's first password: no part of it is shown.
_CONFIDENTIAL = frozenset[object]({Instance, InstancePage})


@attrs.frozen(kw_only=True)
class _Partial:
    """A list of which some entries could be read, and some could not."""

    snapshots: tuple[Snapshot, ...] = ()
    unreadable: tuple[UnreadableEntry, ...] = ()


def decode(request: Request[T], response: Response) -> T:
    """Return the model that a response holds, or raise the error that it means."""
    if not response.is_success:
        raise error_of(request, response)
    value, problems = _read(request, response)
    # Not raised where it was found: a parser's error holds the whole body.
    if problems:
        part = value if isinstance(value, _Partial) else _Partial()
        raise _undocumented(request, response, problems, part)
    model: T = value

    return model


def _read(request: Request[object], response: Response) -> tuple[Any, list[str]]:
    if request.returns is type(None):
        return None, []
    if response.is_cut:
        return None, [f"the body is longer than {request.max_body} bytes"]
    if response.headers.get("content-encoding", "identity") != "identity":
        return None, ["the body is compressed, which was not requested"]
    if not response.body or response.body.isspace():
        return None, ["the body is empty"]
    try:
        payload = parse_json(response.body)
    except ValueError as error:
        return None, [f"the body is not JSON: {error}"]

    return _interpret(request, payload)


def _interpret(request: Request[object], payload: object) -> tuple[object, list[str]]:
    address = {"instance_id": request.instance_id, "region": request.region}
    returns = request.returns
    if returns is Snapshot:
        return _read_expected(Snapshot, request, payload, address)
    if returns is Instance:
        return _read_expected(Instance, request, payload, address)
    if returns is Restore:
        return _read_expected(Restore, request, payload, address)
    if returns is InstancePage:
        return _read_page(payload, address)
    if returns is SnapshotQuota:
        return _read_quota(payload)

    return _read_list(request, payload, address)


def _read_expected(
    model: type[M], request: Request[object], payload: object, address: dict[str, str]
) -> tuple[object, list[str]]:
    known, expected = request.known, request.expected
    filled = _filled(payload, known) if known else payload
    read = _read_quickly(model, filled, address)
    if read is None:
        return None, _find_problems(model, filled, address)
    # What was filled in proves nothing.
    if not expected or (read.id in expected and not known):
        return read, []
    name = (read.name if isinstance(read, Snapshot) else read.hostname) or ""
    if _fits(request, read.id, name, cast("dict[str, object]", payload)):
        return read, []
    wanted = " or ".join(sorted(map(repr, expected)))

    return read, [f"id: got {read.id!r} (name {name!r}), requested {wanted}"]


def _filled(payload: object, known: Mapping[str, str]) -> object:
    if not isinstance(payload, dict):
        return payload
    fields = cast("dict[str, object]", payload)

    return {**known, **{key: value for key, value in fields.items() if _is_given(key, value)}}


def _is_given(key: str, value: object) -> bool:
    """Distinguish null, and Go's empty id or name, from a value."""
    return value is not None and not (value == "" and key in {"id", "name"})


def _fits(request: Request[object], read_id: str, name: str, payload: dict[str, object]) -> bool:
    # Ids are compared without case: a server may write a UUID its own way.
    expected = {wanted.casefold() for wanted in request.expected}
    if not request.known:
        return not expected.isdisjoint((read_id.casefold(), name.casefold()))
    # In the response to an update, what was filled in proves nothing.
    requested = request.known["id"].casefold()
    if is_uuid(requested) or not is_uuid(read_id):
        return read_id.casefold() == requested or (
            not is_uuid(requested)
            and _is_given("name", payload.get("name"))
            and name.casefold() in expected
        )

    # The snapshot was requested by its name: whatever its id is, nothing contradicts it.
    return not _is_given("name", payload.get("name")) or name.casefold() in expected


def _read_page(payload: object, address: dict[str, str]) -> tuple[object, list[str]]:
    if not isinstance(payload, dict):
        return None, [f"expected an object, got {_json_type(payload)}"]
    page = cast("dict[str, object]", payload)
    missing = [f"{name}: missing" for name in ("items", "pages") if name not in page]
    if missing:
        return None, missing
    items, _, problems = _read_array(Instance, page["items"], address, at="items")
    pages = page["pages"]
    if isinstance(pages, bool) or not isinstance(pages, int):
        return None, [*problems, f"pages: expected a whole number, got {_json_type(pages)}"]

    return InstancePage(items=items, pages=pages), problems


def _read_list(
    request: Request[object], payload: object, address: dict[str, str]
) -> tuple[object, list[str]]:
    if not request.instance_id:
        # Of all instances: each entry names its own, if any.
        payload, address = entries_of(payload), {"region": request.region}
    snapshots, unreadable, problems = _read_array(Snapshot, payload, address)
    if not problems:
        return snapshots, []

    return _Partial(snapshots=snapshots, unreadable=unreadable), problems


def _read_quota(payload: object) -> tuple[object, list[str]]:
    if not isinstance(payload, dict):
        return None, [f"expected an object, got {_json_type(payload)}"]
    fields = cast("dict[str, object]", payload)
    read: dict[str, int] = {}
    problems: list[str] = []
    for field, name in (
        ("limit", "disk_snapshot_count_limit"),
        ("used", "disk_snapshot_count_usage"),
    ):
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            problems.append(f"{name}: expected a whole number, 0 or more, got {_json_type(value)}")
        else:
            read[field] = value

    return (None, problems) if problems else (SnapshotQuota(**read), [])


def _read_array(
    model: type[N], payload: object, address: dict[str, str], *, at: str = ""
) -> tuple[tuple[N, ...], tuple[UnreadableEntry, ...], list[str]]:
    """Return the entries that can be read, what identifies the others, and the problems."""
    if payload is None:
        return (), (), []
    if not isinstance(payload, list):
        problem = f"expected an array, got {_json_type(payload)}"
        return (), (), [f"{at}: {problem}" if at else problem]
    models: list[N] = []
    unreadable: list[UnreadableEntry] = []
    problems: list[str] = []
    for index, item in enumerate(cast("list[object]", payload)):
        read = _read_quickly(model, item, address)
        if read is not None:
            models.append(read)
            continue
        # With enough problems found, no more are searched for.
        is_searched = len(problems) < _MAX_PROBLEMS
        found = _find_problems(model, item, address, f"{at}[{index}]") if is_searched else []
        problems += found
        unreadable.append(_unreadable(index, item, found))
        if len(unreadable) > _MAX_UNREADABLE:
            return (), (), problems[:_MAX_PROBLEMS]

    return tuple(models), tuple(unreadable), problems[:_MAX_PROBLEMS]


def _unreadable(index: int, item: object, problems: list[str]) -> UnreadableEntry:
    fields = cast("dict[str, object]", item) if isinstance(item, dict) else {}

    return UnreadableEntry(
        index=index,
        id=_known_text(fields.get("id")),
        name=_known_text(fields.get("name")),
        problems=tuple(problems),
    )


def _known_text(value: object) -> str | None:
    """Return text that can tell one snapshot from another."""
    try:
        return _text(value, str) or None
    except _MismatchError:
        return None


def _read_quickly(
    model: type[M],
    payload: Any,  # noqa: ANN401 - `cast` is a call, once for each snapshot of a list
    address: dict[str, str],
) -> M | None:
    """Read a documented shape; `None` for any other one, without where it differs."""
    try:
        read: M = _QUICK[model](_flat(model, payload, address), model)
    # A payload that is no object is a TypeError.
    except (_MismatchError, KeyError, TypeError):
        return None

    return read


def _flat(model: type[M], payload: Mapping[str, Any], address: dict[str, str]) -> dict[str, Any]:
    """Give every field of a model: those in `status` beside the others, absent ones null or empty.

    The quick converter can then take each without checking whether it is there.
    """
    fields: dict[str, Any] = {**_ABSENT[model], **payload, **address}
    if model is Instance:
        return fields
    status = fields.get("status")
    if isinstance(status, dict):
        reported = cast("dict[str, Any]", status)
        fields["state"] = reported.get("state")
        fields["volumes"] = reported.get("volumes")
        fields["message"] = reported.get("message")
    elif status is None or status == "":
        fields["state"] = fields["volumes"] = fields["message"] = None
    else:
        raise _MismatchError("an object", status)

    return fields


def _find_problems(
    model: type[M], payload: object, address: dict[str, str], at: str = ""
) -> list[str]:
    """Read it again with a converter that goes on after a problem, and locates each."""
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

    return problems[:_MAX_PROBLEMS]


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


def _undocumented(
    request: Request[object], response: Response, problems: list[str], part: _Partial
) -> DecodeError:
    shown = "; ".join(problems[:_SHOWN_PROBLEMS])
    more = len(problems) - _SHOWN_PROBLEMS
    content_type = _media_type(response.headers.get("content-type", ""))
    # A page of a proxy's or a gateway's, most likely: its type says more than its problems.
    got = f" (got {content_type})" if content_type and not _JSON.search(content_type) else ""

    return DecodeError(
        f"{request.method} {request.path}: Civo returned {response.status} in an undocumented "
        f"shape{got}: {shown}{f'; and {more} more' if more > 0 else ''}{_unread_part(part)}",
        status=response.status,
        method=request.method,
        path=request.path,
        problems=tuple(problems),
        attempts=response.attempts,
        content_type=content_type,
        body_excerpt="" if request.returns in _CONFIDENTIAL else excerpt(response.body),
        snapshots=part.snapshots,
        unreadable=part.unreadable,
    )


def _media_type(content_type: str) -> str:
    """Return the media type without its parameters; empty where it is none."""
    match = _MEDIA_TYPE.match(content_type)

    return match[1].lower() if match else ""


def _unread_part(part: _Partial) -> str:
    if not part.unreadable:
        return ""
    total = len(part.unreadable) + len(part.snapshots)

    return f" ({len(part.unreadable)} of {total} entries could not be read)"


class _MismatchError(Exception):
    """A value is not of the documented kind."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {_json_type(value)}")


def _json_type(value: object) -> str:
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


# Mostly the first lines of each of these are all that runs, ten times for one snapshot: they call
# no other one of these.
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


def _message(value: object, _: object) -> str:
    # Nothing depends on it, so that no shape of it makes a snapshot unreadable.
    if not value or not isinstance(value, str):
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
        return parse_time(value if isinstance(value, str) else _text(value, _))
    except ValueError:
        raise _MismatchError("an RFC 3339 time", value) from None


def _converter(*, detailed_validation: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=detailed_validation)
    state = word = gen.override(struct_hook=_text_or_empty)
    converter.register_structure_hook(str, _text)
    _register(converter, str | None, _text_or_none)
    _register(converter, bool | None, _boolean_or_none)
    _register(converter, datetime | None, _time_or_none)
    _register_array(converter, tuple[str, ...])
    volume: Hook = _gen.make_dict_structure_fn(VolumeStatus, converter, state=state)
    _register_object(converter, VolumeStatus, volume)
    _register_array(converter, tuple[VolumeStatus, ...])
    hooks: dict[type[Snapshot | Restore | Instance], dict[str, Any]] = {
        Snapshot: {
            "id": gen.override(struct_hook=_id),
            "state": state,
            "message": gen.override(struct_hook=_message),
        },
        Restore: {"state": state},
        Instance: {"hostname": word, "status": word},
    }
    for model, of_fields in hooks.items():
        # `_flat` gives every field, a missing one as null.
        fields = [field.evolve(default=attrs.NOTHING) for field in attrs.fields(model)]
        structure: Hook = _gen.make_dict_structure_fn_from_attrs(
            fields, model, converter, **of_fields
        )
        _register_object(converter, model, structure)

    return converter


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


class _Quick(dict[type, Hook]):
    """The quick hook of each model, made when it is first needed."""

    def __missing__(self, model: type) -> Hook:
        converter = _converter(detailed_validation=False)
        self.update({each: converter.get_structure_hook(each) for each in _ABSENT})

        return self[model]


@functools.cache
def _thorough() -> cattrs.Converter:
    return _converter(detailed_validation=True)


_QUICK = _Quick()
_ABSENT: dict[type, dict[str, str | None]] = {
    model: {
        field.name: "" if field.type is str else None
        for field in attrs.fields(model)
        if field.default is not attrs.NOTHING
    }
    for model in (Snapshot, Restore, Instance)
}
