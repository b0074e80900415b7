"""OpenTelemetry's instrumentation of aiohttp, at its most talkative."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from . import Trace


class OpenTelemetry:
    """Holds its spans in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        os.environ["OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST"] = ".*"
        os.environ["OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE"] = ".*"
        AioHttpClientInstrumentor().instrument(tracer_provider=self._provider)

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Leave aiohttp as it is, while inside."""
        AioHttpClientInstrumentor().uninstrument()
        yield
        AioHttpClientInstrumentor().instrument(tracer_provider=self._provider)

    @contextmanager
    def tracing(self) -> Iterator[Trace]:
        """Record what is requested inside."""
        self._exporter.clear()
        trace = Trace()
        yield trace
        spans = self._exporter.get_finished_spans()
        trace.methods = [span.name for span in spans if span.kind is SpanKind.CLIENT]
        trace.text = "\n".join(span.to_json() for span in spans)


def switched_on() -> OpenTelemetry:
    """Switch it on."""
    return OpenTelemetry()
