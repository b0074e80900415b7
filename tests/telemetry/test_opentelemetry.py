"""The spans of calls and waits, as the SDK exports them."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from civo_snapshots_async import CivoSnapshotsError, PollPolicy, SnapshotSession
from civo_snapshots_async.telemetry.opentelemetry import OpenTelemetryObserver
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from ..make import session_on
from ..secrets import CANARY

EVERY_10_S = PollPolicy(interval=10)
Open = Callable[..., AbstractAsyncContextManager[SnapshotSession]]


class Traces:
    """All spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order in which they have started."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def only(self, name: str) -> ReadableSpan:
        """Return the only span of that name."""
        [span] = [each for each in self.spans if each.name == name]
        return span


def attribute(span: ReadableSpan, name: str) -> object:
    """Return an attribute of a span; `None` for one that it does not have."""
    return (span.attributes or {}).get(name)


def parent_of(span: ReadableSpan) -> int | None:
    """Return the id of the parent."""
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    """Return its own id."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


@pytest.fixture
def traces() -> Traces:
    """Return an SDK of this test's own."""
    return Traces()


@pytest.fixture
def traced(civo: FakeCivo, fake_clock: FakeClock, traces: Traces) -> Open:
    """Return what opens a session that is traced."""
    civo.add_snapshot("web-1", "snap-1")

    def opened(*, polls: bool = False, **options: Any) -> SnapshotSession:
        observer = OpenTelemetryObserver(traces.provider, polls=polls)
        return session_on(civo, fake_clock, observers=[observer], **options)

    return opened


async def end(awaited: Any) -> None:
    """Await something, whatever it raises."""
    await asyncio.gather(awaited, return_exceptions=True)


class TestCalls:
    """A client span for each call."""

    async def test_a_call_is_a_span_by_the_conventions(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """Of an HTTP client, and a child of what the caller does."""
        tracer = trace.get_tracer("app", tracer_provider=traces.provider)

        async with traced() as session:
            with tracer.start_as_current_span("nightly"):
                await session.get_snapshot("web-1", "snap-1")

        span = traces.only("get_snapshot")
        port = int(civo.api_url.rpartition(":")[2])
        assert span.kind is SpanKind.CLIENT
        assert dict(span.attributes or {}) == {
            "http.request.method": "GET",
            "url.full": f"{civo.api_url}/v2/instances/web-1/snapshots/snap-1?region=FAKE1",
            "server.address": "127.0.0.1",
            "server.port": port,
            "http.response.status_code": 200,
            "civo.region": "FAKE1",
            "civo.instance.id": "web-1",
            "civo.snapshot.id": "snap-1",
            "civo.outcome": "done",
        }
        assert span.status.status_code is StatusCode.UNSET
        assert parent_of(span) == id_of(traces.only("nightly"))
        assert span.instrumentation_scope is not None
        assert span.instrumentation_scope.name == "civo_snapshots_async"

    async def test_attempts_are_counted_where_there_were_several(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """As the conventions have it."""
        civo.inject("get", faults.reset(), faults.status(503))

        async with traced() as session:
            await session.get_snapshot("web-1", "snap-1")

        span = traces.only("get_snapshot")
        assert attribute(span, "http.request.resend_count") == 2
        assert span.status.status_code is StatusCode.UNSET

    async def test_an_error_response_is_an_error_by_its_status(
        self, traces: Traces, traced: Open
    ) -> None:
        """Which says it all: the conventions want no description then."""
        async with traced() as session:
            await end(session.get_snapshot("web-1", "none"))

        span = traces.only("get_snapshot")
        assert attribute(span, "error.type") == "404"
        assert attribute(span, "http.response.status_code") == 404
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)

    async def test_an_unknown_outcome_is_an_error_that_says_what_to_check(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """No response came."""
        civo.inject("restore", faults.close(effect=True))

        async with traced() as session:
            await end(session.restore_snapshot("web-1", "snap-1", overwrite_existing=True))

        span = traces.only("restore_snapshot")
        assert attribute(span, "civo.overwrite") is True
        assert attribute(span, "civo.outcome") == "unknown"
        assert attribute(span, "error.type") == "OutcomeUnknownError"
        assert attribute(span, "http.response.status_code") is None
        assert span.status.status_code is StatusCode.ERROR
        assert "may have been replaced" in (span.status.description or "")

    async def test_what_resolves_a_create_is_a_part_of_it(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """And it is no error."""
        civo.inject("create", faults.close(effect=True))

        async with traced() as session:
            await session.create_snapshot("web-1", name="nightly")

        create = traces.only("create_snapshot")
        assert attribute(create, "civo.outcome") == "resolved"
        assert create.status.status_code is StatusCode.UNSET
        assert parent_of(traces.only("list_snapshots")) == id_of(create)

    async def test_a_cancellation_is_no_error(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """It is the caller's own doing."""
        civo.inject("get", faults.hang())

        async with traced() as session:
            task = asyncio.create_task(session.get_snapshot("web-1", "snap-1"))
            while not civo.requests:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        span = traces.only("get_snapshot")
        assert attribute(span, "civo.outcome") == "canceled"
        assert span.status.status_code is StatusCode.UNSET

    async def test_no_span_holds_the_token(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """Not even where the server echoes it."""
        civo.inject("create", faults.status(422, reason=f"bad {civo.token}"))
        civo.inject("update", faults.bad_json(f'{{"id": "{civo.token}"}}'.encode()))

        async with traced(polls=True) as session:
            await end(session.create_snapshot("web-1"))
            await end(session.update_snapshot("web-1", "snap-1", description="x"))
            await session.wait_until_complete("web-1", "snap-1")

        assert len(traces.spans) == 4
        assert CANARY not in "\n".join(span.to_json() for span in traces.spans)


class TestWaits:
    """A span for each wait."""

    async def test_a_wait_is_a_span_with_its_changes(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """Of the snapshot, and of each volume."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(30))

        async with traced() as session:
            await session.wait_until_complete("web-1", "slow", poll=EVERY_10_S)

        [span] = traces.spans
        assert (span.name, span.kind) == ("wait_until_complete", SpanKind.INTERNAL)
        assert dict(span.attributes or {}) == {
            "civo.region": "FAKE1",
            "civo.instance.id": "web-1",
            "civo.snapshot.id": "slow",
            "civo.outcome": "done",
            "civo.polls": 4,
            "civo.requests": 4,
        }
        assert {each.name for each in span.events} == {"civo.state_changed"}
        changes = [dict(each.attributes or {}) for each in span.events]
        assert changes[:2] == [
            {"civo.state.before": "", "civo.state.after": "Pending"},
            {"civo.volume.id": "vol-1", "civo.state.after": "Pending"},
        ]
        assert {"civo.state.before": "Pending", "civo.state.after": "Complete"} in changes

    @pytest.mark.parametrize(
        ("script", "error"),
        [(scripts.stuck(), "WaitTimeoutError"), (scripts.fails(after=5), "SnapshotFailedError")],
        ids=["timed-out", "failed"],
    )
    async def test_a_wait_that_fails_is_an_error(
        self, civo: FakeCivo, traces: Traces, traced: Open, script: scripts.Script, error: str
    ) -> None:
        """That says why."""
        civo.add_snapshot("web-1", "bad", script=script)

        async with traced() as session:
            with pytest.raises(CivoSnapshotsError) as caught:
                await session.wait_until_complete("web-1", "bad", poll=EVERY_10_S, timeout=60)

        [span] = traces.spans
        assert attribute(span, "error.type") == error
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == str(caught.value)

    async def test_a_watch_of_a_snapshot_that_fails_is_an_error(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """Although it raises none; its consumer's spans are no part of it."""
        civo.add_snapshot("web-1", "bad", script=scripts.fails(after=5))
        tracer = trace.get_tracer("app", tracer_provider=traces.provider)

        async with traced() as session, aclosing(session.watch("web-1", "bad")) as events:
            async for _ in events:
                tracer.start_span("shown").end()

        span = traces.only("watch")
        assert attribute(span, "error.type") == "SnapshotFailedError"
        assert span.status.status_code is StatusCode.ERROR
        assert {parent_of(each) for each in traces.spans if each.name == "shown"} == {None}

    async def test_callbacks_are_a_part_of_the_wait(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """What they call is below it."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))

        async with traced() as session:

            async def on_change(*_: object) -> None:
                await session.list_snapshots("web-1")

            await session.wait_until_complete("web-1", "slow", on_change=on_change)

        wait = id_of(traces.only("wait_until_complete"))
        assert {parent_of(each) for each in traces.spans if each.name == "list_snapshots"} == {wait}


class TestPolls:
    """A poll serves many waits, and is a part of none."""

    async def test_a_poll_that_is_traced_links_to_all_waits_that_it_serves(
        self, civo: FakeCivo, traces: Traces, traced: Open
    ) -> None:
        """It starts a trace of its own, whatever made the session and whoever was due first."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
        tracer = trace.get_tracer("app", tracer_provider=traces.provider)

        with tracer.start_as_current_span("nightly"):
            async with traced(polls=True) as session, asyncio.TaskGroup() as group:
                for _ in range(3):
                    wait = session.wait_until_complete("web-1", "slow", poll=EVERY_10_S)
                    group.create_task(wait)

        waits = {id_of(each) for each in traces.spans if each.name == "wait_until_complete"}
        polls = [each for each in traces.spans if each.name == "get_snapshot"]
        assert (len(waits), len(polls)) == (3, 3)
        for poll in polls:
            assert {link.context.span_id for link in poll.links} == waits
            assert poll.parent is None

    async def test_a_poll_is_not_traced_unless_requested(
        self, traces: Traces, traced: Open
    ) -> None:
        """Half an hour of them would hide the rest."""
        async with traced() as session:
            await session.wait_until_complete("web-1", "snap-1")
            await session.wait_until_active("web-1")

        assert [each.name for each in traces.spans] == ["wait_until_complete", "wait_until_active"]


async def test_without_an_sdk_nothing_is_traced(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """The API alone does nothing, at hardly any cost."""
    civo.add_snapshot("web-1", "snap-1")

    async with session_on(civo, fake_clock, observers=[OpenTelemetryObserver()]) as session:
        assert (await session.wait_until_complete("web-1", "snap-1")).is_complete


@pytest.mark.parametrize(
    ("library", "module", "extra"),
    [
        ("opentelemetry.trace", "opentelemetry", "otel"),
        ("prometheus_client", "prometheus", "prometheus"),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, module: str, extra: str
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, library, None)
    name = f"civo_snapshots_async.telemetry.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(ImportError, match=rf"pip install 'civo-snapshots-async\[{extra}\]'"):
        importlib.import_module(name)
