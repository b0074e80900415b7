"""Traces: a span for each call and for each wait, by OpenTelemetry's API alone.

Requires the extra `civo-snapshots-async[otel]`, and an SDK that exports what is traced. Names,
attributes and status follow OpenTelemetry's semantic conventions for HTTP client spans, where they
apply.
"""

import random
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from urllib.parse import urlsplit

from .. import (
    CallEnded,
    CallStarted,
    SnapshotEvent,
    StateChanged,
    WaitEnded,
    WaitStarted,
    __version__,
)

try:
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        Span,
        SpanContext,
        SpanKind,
        StatusCode,
        TraceFlags,
        TracerProvider,
        get_tracer,
        use_span,
    )
except ImportError as _missing:
    raise ImportError(
        "this module needs opentelemetry-api: pip install 'civo-snapshots-async[otel]'"
    ) from _missing

__all__ = ["OpenTelemetryObserver"]

_SCHEMA = "https://opentelemetry.io/schemas/1.38.0"
_PORTS = {"http": 80, "https": 443}
_FIRST_ERROR_STATUS = 400
# Of these ends, the rest are no errors: a cancellation is the caller's own doing.
_ERRORS = ("failed", "unknown", "timed_out")


class OpenTelemetryObserver:
    """Traces calls and waits: pass one in `observers=`; any number of sessions may share it.

    A call is a client span named for its method, such as `create_snapshot`. What instruments
    aiohttp adds a span for each attempt below it. A wait is a span with an event for each change of
    a state; it is the current span while `on_change` runs.

    - `tracer_provider`: by default the global one.
    - `polls`: whether polls are traced. By default they are not, and neither are their requests by
      what instruments aiohttp, unless its sampler ignores the parent. A poll that is traced starts
      a trace of its own, with links to all waits that it serves.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, *, polls: bool = False
    ) -> None:
        self._tracer = get_tracer("civo_snapshots_async", __version__, tracer_provider, _SCHEMA)
        self._polls = polls
        self._waits: dict[WaitStarted, SpanContext] = {}

    @contextmanager
    def call(self, started: CallStarted, /) -> Generator[Callable[[CallEnded], object], None, None]:
        """Trace a call."""
        if started.is_poll and not self._polls:
            with use_span(_not_sampled()):
                yield _ignore
            return
        span = self._tracer.start_span(
            started.name,
            # A poll is a part of no one wait, and not of what made the session either.
            context=Context() if started.is_poll else None,
            kind=SpanKind.CLIENT,
            attributes=_attributes_of_call(started),
            links=[Link(self._waits[each]) for each in started.waits if each in self._waits],
        )
        with _current(span):
            yield partial(_end_call, span)

    @contextmanager
    def wait(
        self, started: WaitStarted, /
    ) -> Generator[Callable[[SnapshotEvent | WaitEnded], object], None, None]:
        """Trace a wait."""
        span = self._tracer.start_span(started.name, attributes=_attributes(started))
        self._waits[started] = span.get_span_context()
        try:
            with _current(span):
                yield partial(_report, span)
        finally:
            del self._waits[started]


def _current(span: Span) -> AbstractContextManager[Span]:
    # What it ends with is set by hand: no exception comes here.
    return use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False)


def _not_sampled() -> Span:
    """Return a parent below which a sampler that respects its parent samples nothing."""
    ids = random.getrandbits(128) | 1, random.getrandbits(64) | 1

    return NonRecordingSpan(
        SpanContext(*ids, is_remote=False, trace_flags=TraceFlags.get_default())
    )


def _ignore(_: CallEnded) -> None:
    pass


def _attributes(started: CallStarted | WaitStarted) -> dict[str, str | int | bool]:
    attributes: dict[str, str | int | bool] = {
        "civo.region": started.region,
        "civo.instance.id": started.instance_id,
        "civo.snapshot.id": started.snapshot_id,
    }

    return {name: value for name, value in attributes.items() if value}


def _attributes_of_call(started: CallStarted) -> dict[str, str | int | bool]:
    url = urlsplit(started.url)

    return {
        "http.request.method": started.method,
        "url.full": started.url,
        "server.address": url.hostname or "",
        "server.port": url.port or _PORTS[url.scheme],
        **_attributes(started),
        **({"civo.overwrite": True} if started.is_overwrite else {}),
    }


def _end_call(span: Span, end: CallEnded) -> None:
    span.set_attribute("civo.outcome", end.outcome)
    if end.status is not None:
        span.set_attribute("http.response.status_code", end.status)
    if end.attempts > 1:
        span.set_attribute("http.request.resend_count", end.attempts - 1)
    if end.outcome not in _ERRORS:
        return
    if end.status is not None and end.status >= _FIRST_ERROR_STATUS:
        # The conventions want no description where the status says it all.
        span.set_attribute("error.type", str(end.status))
        span.set_status(StatusCode.ERROR)
    else:
        span.set_attribute("error.type", end.error)
        span.set_status(StatusCode.ERROR, end.message or None)


def _report(span: Span, event: SnapshotEvent | WaitEnded) -> None:
    match event:
        case StateChanged():
            changed = {
                "civo.volume.id": event.volume_id,
                "civo.state.before": event.before,
                "civo.state.after": event.after,
            }
            known = {name: value for name, value in changed.items() if value is not None}
            span.add_event("civo.state_changed", known)
        case WaitEnded():
            _end_wait(span, event)
        case _:
            pass


def _end_wait(span: Span, end: WaitEnded) -> None:
    span.set_attributes(
        {"civo.outcome": end.outcome, "civo.polls": end.polls, "civo.requests": end.requests}
    )
    if end.outcome in _ERRORS:
        # A watch raises nothing where the snapshot has failed.
        span.set_attribute("error.type", end.error or "SnapshotFailedError")
        span.set_status(StatusCode.ERROR, end.message or None)
