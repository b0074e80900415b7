"""Instrumented, as by OpenTelemetry's or Sentry's integration: they add a trace to every session.

`nox --session instrumented` runs the whole table of promises under the real ones.
"""

from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from civo_snapshots_async import SnapshotSession, TransportTimeoutError
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trace every aiohttp session that is made from now on, and return the methods traced."""
    traced: list[str] = []
    original = aiohttp.ClientSession.__init__

    async def start(_: aiohttp.ClientSession, __: SimpleNamespace, params: Any) -> None:
        traced.append(params.method)

    def init(self: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(start)
        options["trace_configs"] = [*(options.get("trace_configs") or ()), trace]
        original(self, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", init)
    return traced


async def test_a_hung_update_is_sent_once(
    spans: list[str], civo: FakeCivo, session: SnapshotSession
) -> None:
    """Somebody else's trace is no proof that nothing was sent."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("update", faults.hang(effect=True))

    with pytest.raises(TransportTimeoutError) as caught:
        await session.update_snapshot("web-1", "snap-1", description="x")

    assert caught.value.may_have_arrived
    assert [effect.kind for effect in civo.effects] == ["update"]
    assert spans == ["PUT"]


async def test_a_lost_deletion_is_known_to_be_this_calls(
    spans: list[str], civo: FakeCivo, session: SnapshotSession
) -> None:
    """Not found after an attempt that may have arrived: that one has deleted it."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("delete", faults.hang(effect=True))

    await session.delete_snapshot("web-1", "snap-1")

    assert spans == ["DELETE", "DELETE"]


@pytest.mark.parametrize("kind", ["get", "create"])
async def test_a_given_sessions_request_is_traced_once(
    spans: list[str], civo: FakeCivo, fake_clock: FakeClock, kind: str
) -> None:
    """By the trace of the session that was given, and not by one more of ours."""
    civo.add_snapshot("web-1", "snap-1")
    async with (
        aiohttp.ClientSession() as mine,
        SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, http_session=mine, clock=fake_clock
        ) as session,
    ):
        await (
            session.get_snapshot("web-1", "snap-1")
            if kind == "get"
            else session.create_snapshot("web-1")
        )

    assert len(spans) == 1


async def test_a_given_session_that_is_not_instrumented_stays_so(
    civo: FakeCivo, fake_clock: FakeClock, request: pytest.FixtureRequest
) -> None:
    """Its traces are used, and none besides."""
    async with aiohttp.ClientSession() as mine:
        spans: list[str] = request.getfixturevalue("spans")
        async with SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, http_session=mine, clock=fake_clock
        ) as session:
            await session.list_snapshots("web-1")

    assert spans == []
