"""A response becomes a model or an error. The one place that knows cattrs."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import attrs
import cattrs
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from .._checks import is_plain_name
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
Hook = Callable[[object, Any], object]
Structure = Callable[[Mapping[str, Any], Any], object]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# RFC 6838, with the stars that a masked token leaves.
_MEDIA_TYPE = re.compile(r"([\w!#$&^.+*-]{1,127}/[\w!#$&^.+*-]{1,127})\s*(?:;|$)", re.ASCII)
_JSON = re.compile(r"[/+]json$")
_MOST_PROBLEMS = 20
_SHOWN_PROBLEMS = 3
# More than these are no slip in somebody's snapshot, but a shape that is not known.
_MAX_UNREADABLE = 1000
# What the wire nests in an object called `status`, and the models do not.
_OF_STATUS = frozenset({"state", "volumes", "message"})
_NESTED = frozenset[type]({Snapshot, Restore})
# Such an answer may hold an instance's first password: no part of it is shown.
_CONFIDENTIAL = frozenset[object]({Instance, InstancePage})


@attrs.frozen(kw_only=True)
class _Partial:
    """A list of which some entries could be read, and some could not."""

    snapshots: tuple[Snapshot, ...] = ()
    unreadable: tuple[UnreadableEntry, ...] = ()


def decode(request: Request[T], response: Response) -> T:
    """Return what the answer says, or raise what it means."""
    if not response.is_success:
        raise error_of(request, response)
    answer, problems = _read(request, response)
    # Raised here and not where it was noticed: a parser's error holds the whole body.
    if problems:
        part = answer if isinstance(answer, _Partial) else _Partial()
        raise _undocumented(request, response, problems, part)

    return cast("T", answer)


def _read(request: Request[object], response: Response) -> tuple[object, list[str]]:
    if request.returns is type(None):
        return None, []
    if response.is_cut:
        return None, [f"the body is longer than {request.max_body} bytes"]
    if response.headers.get("content-encoding", "identity") != "identity":
        return None, ["the body is compressed, which was not asked for"]
    if not response.body.strip():
        return None, ["the body is empty"]
    try:
        payload = parse_json(response.body)
    except ValueError as error:
        return None, [f"the body is not JSON: {error}"]

    return _interpret(request, payload)


def _interpret(request: Request[object], payload: object) -> tuple[object, list[str]]:
    asked = {"instance_id": request.instance_id, "region": request.region}
    if request.returns is Snapshot:
        return _read_expected(Snapshot, request, payload, asked)
    if request.returns is Instance:
        return _read_expected(Instance, request, payload, asked)
    if request.returns is Restore:
        return _structure(Restore, payload, asked)
    if request.returns is InstancePage:
        return _read_page(payload, asked)
    if request.returns is SnapshotQuota:
        return _read_quota(payload)

    return _read_list(request, payload, asked)


def _read_expected(
    model: type[N], request: Request[object], payload: object, asked: dict[str, str]
) -> tuple[object, list[str]]:
    read, problems = _structure(model, _filled(payload, request.known), asked)
    if read is None or not request.expected:
        return read, problems
    name = read.name if isinstance(read, Snapshot) else read.hostname
    if not _fits(request, read.id, name, cast("dict[str, object]", payload)):
        wanted = " or ".join(sorted(map(repr, request.expected)))
        problems = [f"id: got {read.id!r} (name {name!r}), asked for {wanted}"]

    return read, problems


def _filled(payload: object, known: Mapping[str, str]) -> object:
    if not known or not isinstance(payload, dict):
        return payload
    said = cast("dict[str, object]", payload)

    return {**known, **{key: value for key, value in said.items() if _is_said(key, value)}}


def _is_said(key: str, value: object) -> bool:
    """Tell null, and Go's empty id or name, from something that is said."""
    return value is not None and not (value == "" and key in {"id", "name"})


def _fits(request: Request[object], read_id: str, name: str, payload: dict[str, object]) -> bool:
    # Ids are compared without case: a server may write a UUID its own way.
    expected = {wanted.casefold() for wanted in request.expected}
    if not request.known:
        return not expected.isdisjoint((read_id.casefold(), name.casefold()))
    # Of an update, what was filled in proves nothing.
    requested = request.known["id"].casefold()
    if _is_uuid(requested) or not _is_uuid(read_id.casefold()):
        return read_id.casefold() == requested or (
            not _is_uuid(requested)
            and _is_said("name", payload.get("name"))
            and name.casefold() in expected
        )

    # The snapshot was requested by its name: whatever its id is, nothing contradicts it.
    return not _is_said("name", payload.get("name")) or name.casefold() in expected


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _read_page(payload: object, asked: dict[str, str]) -> tuple[object, list[str]]:
    if not isinstance(payload, dict):
        return None, [f"expected an object, got {_kind(payload)}"]
    page = cast("dict[str, object]", payload)
    missing = [f"{name}: missing" for name in ("items", "pages") if name not in page]
    if missing:
        return None, missing
    items, _, problems = _read_array(Instance, page["items"], asked, at="items")
    pages = page["pages"]
    if isinstance(pages, bool) or not isinstance(pages, int):
        return None, [*problems, f"pages: expected a whole number, got {_kind(pages)}"]

    return InstancePage(items=items, pages=pages), problems


def _read_list(
    request: Request[object], payload: object, asked: dict[str, str]
) -> tuple[object, list[str]]:
    if not request.instance_id:
        # Of all instances: each entry names its own, if any.
        payload, asked = entries_of(payload), {"region": request.region}
    snapshots, unreadable, problems = _read_array(Snapshot, payload, asked)
    if not problems:
        return snapshots, []

    return _Partial(snapshots=snapshots, unreadable=unreadable), problems


def _read_quota(payload: object) -> tuple[object, list[str]]:
    if not isinstance(payload, dict):
        return None, [f"expected an object, got {_kind(payload)}"]
    fields = cast("dict[str, object]", payload)
    read: dict[str, int] = {}
    problems: list[str] = []
    for field, name in (
        ("limit", "disk_snapshot_count_limit"),
        ("used", "disk_snapshot_count_usage"),
    ):
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            problems.append(f"{name}: expected a whole number, 0 or more, got {_kind(value)}")
        else:
            read[field] = value

    return (None, problems) if problems else (SnapshotQuota(**read), [])


def _read_array(
    model: type[N], payload: object, asked: dict[str, str], *, at: str = ""
) -> tuple[tuple[N, ...], tuple[UnreadableEntry, ...], list[str]]:
    """Read the entries that can be read, and say what the others are known by."""
    if payload is None:
        return (), (), []
    if not isinstance(payload, list):
        problem = f"expected an array, got {_kind(payload)}"
        return (), (), [f"{at}: {problem}" if at else problem]
    models: list[N] = []
    unreadable: list[UnreadableEntry] = []
    problems: list[str] = []
    for index, item in enumerate(cast("list[object]", payload)):
        is_thorough = len(problems) < _MOST_PROBLEMS
        read, found = _structure(model, item, asked, at=f"{at}[{index}]", is_thorough=is_thorough)
        if read is not None:
            models.append(read)
            continue
        problems += found
        unreadable.append(_unreadable(index, item, found))
        if len(unreadable) > _MAX_UNREADABLE:
            return (), (), problems[:_MOST_PROBLEMS]

    return tuple(models), tuple(unreadable), problems[:_MOST_PROBLEMS]


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


def _structure(
    model: type[M],
    payload: object,
    asked: dict[str, str],
    *,
    at: str = "",
    is_thorough: bool = True,
) -> tuple[M | None, list[str]]:
    problems: list[str] = []
    if isinstance(payload, dict):
        payload = {**cast("dict[str, object]", payload), **asked}
        if model is not Instance:
            problems = _unnest_status(payload, at)
    try:
        if not problems:
            return cast("M", _QUICK[model](payload, model)), []
    except (_MismatchError, KeyError):
        # The quick converter stops at the first problem and does not say where it is.
        pass
    if not is_thorough:
        return None, []
    try:
        _THOROUGH.structure(payload, model)
    except (_MismatchError, cattrs.BaseValidationError) as error:
        problems += _problems(error, at)

    return None, problems[:_MOST_PROBLEMS]


def _unnest_status(payload: dict[str, object], at: str) -> list[str]:
    """Move what `status` holds to where the models have it, and say if it is no object."""
    status = payload.get("status")
    if status is None or status == "":
        status = {}
    fields = cast("dict[str, object]", status) if isinstance(status, dict) else {}
    for name in _OF_STATUS:
        payload[name] = fields.get(name)
    if isinstance(status, dict):
        return []

    problem = f"status: expected an object, got {_kind(status)}"
    return [f"{at}.{problem}" if at else problem]


def _problems(error: Exception, at: str) -> Iterator[str]:
    if isinstance(error, cattrs.ClassValidationError):
        for inner, note in error.group_exceptions()[0]:
            is_nested = error.cl in _NESTED and note.name in _OF_STATUS
            name = f"status.{note.name}" if is_nested else note.name
            yield from _problems(inner, f"{at}.{name}" if at else name)
    elif isinstance(error, cattrs.IterableValidationError):
        for inner, place in error.group_exceptions()[0]:
            yield from _problems(inner, f"{at}[{place.index}]")
    else:
        text = "missing" if isinstance(error, KeyError) else str(error)
        yield f"{at}: {text}" if at else text


def _undocumented(
    request: Request[object], response: Response, problems: list[str], part: _Partial
) -> DecodeError:
    shown = "; ".join(problems[:_SHOWN_PROBLEMS])
    more = len(problems) - _SHOWN_PROBLEMS
    content_type = _media_type(response.headers.get("content-type", ""))
    # A page of a proxy's or a gateway's, most likely: that it is one says more than its problems.
    got = f" (got {content_type})" if content_type and not _JSON.search(content_type) else ""

    return DecodeError(
        f"{request.method} {request.path}: Civo answered {response.status} in an undocumented "
        f"shape{got}: {shown}{f'; and {more} more' if more > 0 else ''}{_said_of(part)}",
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


def _said_of(part: _Partial) -> str:
    if not part.unreadable:
        return ""
    total = len(part.unreadable) + len(part.snapshots)

    return f" ({len(part.unreadable)} of {total} entries could not be read)"


class _MismatchError(Exception):
    """A value is not of the documented kind."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {_kind(value)}")


def _kind(value: object) -> str:
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


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _MismatchError("a string", value)
    if not value.isascii():
        _refuse_half_surrogates(value)

    return value


def _id(value: object, _: object) -> str:
    text = _text(value, _)
    # No call could name it, and a restore must be able to.
    if not is_plain_name(text):
        raise _MismatchError("an id that a path can hold", value)

    return text


def _refuse_half_surrogates(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _MismatchError("a string of whole characters", value) from None


def _text_or_none(value: object, _: object) -> str | None:
    return None if value is None else _text(value, _)


def _text_or_empty(value: object, _: object) -> str:
    return "" if value is None else _text(value, _)


def _message(value: object, _: object) -> str:
    # It decides nothing, so no shape of it is worth losing the snapshot for.
    text = value if isinstance(value, str) else ""

    # Half a surrogate pair could not be printed.
    return text.encode(errors="replace").decode()


def _boolean_or_none(value: object, _: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise _MismatchError("true or false", value)

    return value


def _time_or_none(value: object, _: object) -> datetime | None:
    if not value and value in (None, ""):
        return None
    try:
        return parse_time(_text(value, _))
    except ValueError:
        raise _MismatchError("an RFC 3339 time", value) from None


def _converter(*, detailed_validation: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=detailed_validation)
    state = word = override(struct_hook=_text_or_empty)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(str | None, _text_or_none)
    converter.register_structure_hook(bool | None, _boolean_or_none)
    converter.register_structure_hook(datetime | None, _time_or_none)
    _register_array(tuple[str, ...], converter)
    volume = make_dict_structure_fn(VolumeStatus, converter, state=state)
    converter.register_structure_hook(VolumeStatus, _object(volume))
    _register_array(tuple[VolumeStatus, ...], converter)
    snapshot = make_dict_structure_fn(
        Snapshot,
        converter,
        id=override(struct_hook=_id),
        state=state,
        message=override(struct_hook=_message),
    )
    converter.register_structure_hook(Snapshot, _object(snapshot))
    restore = make_dict_structure_fn(Restore, converter, state=state)
    converter.register_structure_hook(Restore, _object(restore))
    instance = make_dict_structure_fn(Instance, converter, hostname=word, status=word)
    converter.register_structure_hook(Instance, _object(instance))

    return converter


def _object(structure: Structure) -> Hook:
    def hook(value: object, model: type) -> object:
        if not isinstance(value, dict):
            raise _MismatchError("an object", value)
        return structure(cast("dict[str, object]", value), model)

    return hook


def _register_array(
    type_: Any,  # noqa: ANN401 - what tuple[str, ...] is has no type of its own
    converter: cattrs.Converter,
) -> None:
    structure = homogenous_tuple_structure_factory(type_, converter)

    def hook(value: object, _: object) -> object:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise _MismatchError("an array", value)
        return structure(value, type_)

    converter.register_structure_hook_func(lambda asked: asked == type_, hook)


_THOROUGH = _converter(detailed_validation=True)
_QUICK: dict[type, Hook] = {
    model: converter.get_structure_hook(model)
    for converter in [_converter(detailed_validation=False)]
    for model in (Snapshot, Restore, Instance)
}
