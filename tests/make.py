"""Short ways to make values for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from civo_snapshots_async import (
    ApiError,
    Clock,
    DecodeError,
    HttpOptions,
    Snapshot,
    SnapshotSession,
    UnreadableEntry,
    VolumeStatus,
)
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.config import Token, checked_account
from civo_snapshots_async.testing import FakeCivo


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


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def made(age: float | None, state: str = "Complete", *, name: str = "") -> Snapshot:
    """Make a snapshot of some days before `NOW`, with them in its id."""
    snapshot_id = f"day-{age}"
    snapshot = make_snapshot(state, snapshot_id=snapshot_id, name=name or snapshot_id)

    return attrs.evolve(snapshot, created_at=None if age is None else NOW - timedelta(days=age))


def session_on(civo: FakeCivo, clock: Clock, **options: Any) -> SnapshotSession:
    """Make a session on a FakeCivo, by its clock; `options` may be those of `HttpOptions`."""
    given = {"region": civo.region, "api_url": civo.api_url, "clock": clock}

    return SnapshotSession(civo.token, **split_options({**given, **options}))


def caller_to(api_url: str, *, token: str, region: str, clock: Clock) -> Caller:
    """Make what a session calls by, with a token as a session holds it and without retries."""
    account = checked_account(
        Token.of(token), region=region, api_url=api_url, allow_insecure_http=False
    )

    return Caller.open(account, HttpOptions(), None, clock, None)


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
