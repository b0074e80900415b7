"""Instrumented, as by OpenTelemetry's or Sentry's integration: they add a trace to every session.

Here by a tool of our own that does the same; `nox --session instrumented` runs these, and all
tests of the table of promises, under each of the real ones.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import aiohttp
import pytest

from civo_snapshots_async import CivoSnapshotsError, SnapshotSession, TransportTimeoutError
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

from .calls import SIX_CALLS, Call
from .instrumentation import Trace
from .make import session_on

Tracing = Callable[[], AbstractContextManager[Trace]]
METHODS = {
    "create": "POST",
    "list": "GET",
    "get": "GET",
    "update": "PUT",
    "restore": "POST",
    "delete": "DELETE",
}
every_call = pytest.mark.parametrize(
    ("call", "method"), [(SIX_CALLS[name], method) for name, method in METHODS.items()], ids=METHODS
)


def traced(civo: FakeCivo, **options: Any) -> SnapshotSession:
    """Make a session on a FakeCivo, whose backoff takes no time."""
    return session_on(civo, FakeClock(), **options)


@pytest.fixture(autouse=True)
def _a_snapshot(civo: FakeCivo) -> None:
    civo.add_snapshot("web-1", "snap-1")


async def test_a_hung_update_is_not_retried(tracing: Tracing, civo: FakeCivo) -> None:
    """Somebody else's trace is no proof that nothing was sent."""
    civo.inject("update", faults.hang(effect=True))

    with tracing():
        async with traced(civo) as session:
            with pytest.raises(TransportTimeoutError) as caught:
                await session.update_snapshot("web-1", "snap-1", description="x")

    assert caught.value.may_have_arrived
    assert [request.kind for request in civo.requests] == ["update"]


async def test_a_lost_deletion_is_known_to_be_this_calls(tracing: Tracing, civo: FakeCivo) -> None:
    """Not found after an attempt that may have arrived: that one has deleted it."""
    civo.inject("delete", faults.hang(effect=True))

    with tracing():
        async with traced(civo) as session:
            await session.delete_snapshot("web-1", "snap-1")

    assert [request.kind for request in civo.requests] == ["delete", "delete"]


@every_call
async def test_a_request_is_one_span(
    tracing: Tracing,
    civo: FakeCivo,
    call: Call,
    method: str,
) -> None:
    """With connections of our own, kept or fresh."""
    with tracing() as trace:
        async with traced(civo) as session:
            await call(session)

    assert trace.methods == [method]


@every_call
async def test_a_given_sessions_request_is_one_span(
    tracing: Tracing,
    civo: FakeCivo,
    call: Call,
    method: str,
) -> None:
    """By the trace of the session that was given, and not by one more of ours."""
    with tracing() as trace:
        async with (
            aiohttp.ClientSession() as mine,
            traced(civo, http_session=mine) as session,
        ):
            await call(session)

    assert trace.methods == [method]


async def test_a_given_session_that_is_not_instrumented_stays_so(
    tracing: Tracing, civo: FakeCivo
) -> None:
    """Its traces are used, and none besides."""
    with tracing() as trace:
        async with aiohttp.ClientSession() as mine:
            mine.trace_configs.clear()
            async with traced(civo, http_session=mine) as session:
                await session.list_snapshots("web-1")

    assert trace.methods == []


async def test_what_is_recorded_holds_no_token(tracing: Tracing, civo: FakeCivo) -> None:
    """Neither of a request that is done nor of one that fails, with all headers recorded."""
    civo.inject("list", faults.reset("midway"), faults.status(500), faults.status(400))

    with tracing() as trace:
        async with traced(civo) as session:
            with pytest.raises(CivoSnapshotsError):
                await session.list_snapshots("web-1")
            await session.create_snapshot("web-1")

    assert "/v2/instances/web-1/snapshots" in trace.text
    assert civo.token not in trace.text
