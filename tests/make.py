"""Short ways to make values for tests."""

from collections.abc import Sequence
from typing import Any

import attrs

from civo_snapshots_async import (
    ApiError,
    DecodeError,
    HttpOptions,
    Snapshot,
    UnreadableEntry,
    VolumeStatus,
)


def make_snapshot(
    state: str = "",
    volumes: dict[str, str] | None = None,
    *,
    snapshot_id: str = "snap-1",
    name: str = "before-upgrade",
    included: tuple[str, ...] = (),
    message: str = "",
) -> Snapshot:
    """Make a snapshot in some state, its volumes in theirs."""
    return Snapshot(
        id=snapshot_id,
        name=name,
        included_volumes=included,
        state=state,
        volumes=tuple(VolumeStatus(id=v, state=s) for v, s in (volumes or {}).items()),
        message=message,
        instance_id="web-1",
        region="FAKE1",
    )


def split_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a session, those of `HttpOptions` among them made into one."""
    names = {field.name for field in attrs.fields(HttpOptions)}
    http = {name: value for name, value in options.items() if name in names}
    rest = {name: value for name, value in options.items() if name not in names}

    return {**rest, "http": HttpOptions(**http)} if http else rest


def refused(kind: type[ApiError], *, status: int = 404, code: str = "", **more: Any) -> ApiError:
    """Make the error that an error response of Civo's becomes."""
    return kind("no", status=status, method="GET", path="/v2", code=code, **more)


def entry(id: str | None = None, name: str | None = None) -> UnreadableEntry:  # noqa: A002 - its own
    """Make an entry of a list that could not be read but for these."""
    return UnreadableEntry(index=0, id=id, name=name)


def malformed(*entries: UnreadableEntry, beside: Sequence[Snapshot] = ()) -> DecodeError:
    """Make the error of a list with such entries; with none, of a list that is no list."""
    return DecodeError(
        "no list", status=200, method="GET", path="/v2", problems=("[0].status: no",),
        snapshots=tuple(beside), unreadable=entries,
    )  # fmt: skip
