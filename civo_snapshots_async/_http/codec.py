"""From a response to a model or an error."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from .._checks import is_uuid
from .._errors import DecodeError
from .._models import (
    Instance,
    InstancePage,
    Restore,
    Snapshot,
    SnapshotQuota,
    UnreadableEntry,
)
from .._strict_json import excerpt, parse_json
from .account_list import entries_of
from .errors_of import error_of
from .message import Request, Response
from .structure import (
    MAX_PROBLEMS,
    find_problems,
    json_type,
    known_text,
    read_all_quickly,
    read_quickly,
)

T = TypeVar("T")
M = TypeVar("M", Snapshot, Restore, Instance)
N = TypeVar("N", Snapshot, Instance)

# As in RFC 6838, and with the stars of a masked token.
_MEDIA_TYPE = re.compile(r"([\w!#$&^.+*-]{1,127}/[\w!#$&^.+*-]{1,127})\s*(?:;|$)", re.ASCII)
_JSON = re.compile(r"[/+]json$")
_SHOWN_PROBLEMS = 3
# More than these are no single mistakes, but an unknown shape.
_MAX_UNREADABLE = 1000
# Fewer entries are read sooner one by one; more at a time would fill the caches.
_MIN_TOGETHER = 4
_MAX_TOGETHER = 256
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
    read = read_quickly(model, filled, address)
    if read is None:
        return None, find_problems(model, filled, address)
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
        return None, [f"expected an object, got {json_type(payload)}"]
    page = cast("dict[str, object]", payload)
    missing = [f"{name}: missing" for name in ("items", "pages") if name not in page]
    if missing:
        return None, missing
    items, _, problems = _read_array(Instance, page["items"], address, at="items")
    pages = page["pages"]
    if isinstance(pages, bool) or not isinstance(pages, int):
        return None, [*problems, f"pages: expected a whole number, got {json_type(pages)}"]

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
        return None, [f"expected an object, got {json_type(payload)}"]
    fields = cast("dict[str, object]", payload)
    read: dict[str, int] = {}
    problems: list[str] = []
    for field, name in (
        ("limit", "disk_snapshot_count_limit"),
        ("used", "disk_snapshot_count_usage"),
    ):
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            problems.append(f"{name}: expected a whole number, 0 or more, got {json_type(value)}")
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
        problem = f"expected an array, got {json_type(payload)}"
        return (), (), [f"{at}: {problem}" if at else problem]
    entries = cast("list[object]", payload)
    together = _read_together(model, entries, address)
    if together is not None:
        return together, (), []
    models: list[N] = []
    unreadable: list[UnreadableEntry] = []
    problems: list[str] = []
    for index, item in enumerate(entries):
        read = read_quickly(model, item, address)
        if read is not None:
            models.append(read)
            continue
        # With enough problems found, no more are searched for.
        is_searched = len(problems) < MAX_PROBLEMS
        found = find_problems(model, item, address, f"{at}[{index}]") if is_searched else []
        problems += found
        unreadable.append(_unreadable(index, item, found))
        if len(unreadable) > _MAX_UNREADABLE:
            return (), (), problems[:MAX_PROBLEMS]

    return tuple(models), tuple(unreadable), problems[:MAX_PROBLEMS]


def _read_together(
    model: type[N], entries: list[object], address: dict[str, str]
) -> tuple[N, ...] | None:
    """Return all entries; `None` where there are too few to gain by it, or any is undocumented."""
    if len(entries) < _MIN_TOGETHER:
        return None
    models: list[N] = []
    for start in range(0, len(entries), _MAX_TOGETHER):
        read = read_all_quickly(model, entries[start : start + _MAX_TOGETHER], address)
        if read is None:
            return None
        models += read

    return tuple(models)


def _unreadable(index: int, item: object, problems: list[str]) -> UnreadableEntry:
    fields = cast("dict[str, object]", item) if isinstance(item, dict) else {}

    return UnreadableEntry(
        index=index,
        id=known_text(fields.get("id")),
        name=known_text(fields.get("name")),
        problems=tuple(problems),
    )


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
