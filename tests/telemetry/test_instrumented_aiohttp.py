"""Our spans together with those of OpenTelemetry's own instrumentation of aiohttp.

`nox --session instrumented` installs it, and runs these as well.
"""

from collections.abc import Iterator

import pytest

from civo_snapshots_async import PollPolicy
from civo_snapshots_async.telemetry.opentelemetry import OpenTelemetryObserver
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from ..instrumentation import switched_off
from ..make import session_on
from .test_opentelemetry import Traces, id_of, parent_of

instrumentation = pytest.importorskip(
    "opentelemetry.instrumentation.aiohttp_client",
    reason="`nox --session instrumented` has the instrumentation",
)


@pytest.fixture
def traces(pytestconfig: pytest.Config) -> Iterator[Traces]:
    """Return an SDK that gets the spans of aiohttp's sessions as well."""
    traces = Traces()
    instrumentor = instrumentation.AioHttpClientInstrumentor()
    with switched_off(pytestconfig):
        instrumentor.instrument(tracer_provider=traces.provider)
        yield traces
        instrumentor.uninstrument()


async def test_each_attempt_is_below_its_call(
    civo: FakeCivo, fake_clock: FakeClock, traces: Traces
) -> None:
    """So a trace shows what the library did, and what each request got."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("get", faults.status(503))
    observer = OpenTelemetryObserver(traces.provider)

    async with session_on(civo, fake_clock, observers=[observer]) as session:
        await session.get_snapshot("web-1", "snap-1")

    call, *attempts = traces.spans
    assert call.name == "get_snapshot"
    assert [each.name for each in attempts] == ["GET", "GET"]
    assert {parent_of(each) for each in attempts} == {id_of(call)}


async def test_polls_leave_no_span_of_aiohttps_either(
    civo: FakeCivo, fake_clock: FakeClock, traces: Traces
) -> None:
    """Unless they are requested."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.completes(20))
    observer = OpenTelemetryObserver(traces.provider)

    async with session_on(civo, fake_clock, observers=[observer]) as session:
        await session.wait_until_complete("web-1", "snap-1", poll=PollPolicy(interval=10))
        await session.wait_until_active("web-1")

    assert [each.name for each in traces.spans] == ["wait_until_complete", "wait_until_active"]


async def test_the_request_of_a_traced_poll_is_below_it(
    civo: FakeCivo, fake_clock: FakeClock, traces: Traces
) -> None:
    """And so in the poll's own trace."""
    civo.add_snapshot("web-1", "snap-1")
    observer = OpenTelemetryObserver(traces.provider, polls=True)

    async with session_on(civo, fake_clock, observers=[observer]) as session:
        await session.wait_until_complete("web-1", "snap-1")

    request, poll = traces.only("GET"), traces.only("get_snapshot")
    assert parent_of(request) == id_of(poll)
