"""Sentry's integration of aiohttp, at its most talkative."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.aiohttp import AioHttpIntegration
from sentry_sdk.transport import Transport

from . import Trace


class Kept(Transport):
    """Sends nothing, and keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep it."""
        self.envelopes.append(envelope)


class Sentry:
    """Has every request in a transaction of its own."""

    def __init__(self) -> None:
        self._kept = Kept()
        sentry_sdk.init(
            dsn="https://key@sentry.invalid/1",
            transport=self._kept,
            integrations=[AioHttpIntegration()],
            traces_sample_rate=1.0,
        )

    def switched_off(self) -> AbstractContextManager[None]:
        """Leave it on: it can't be switched off, and its spans are its own."""
        return nullcontext()

    @contextmanager
    def tracing(self) -> Iterator[Trace]:
        """Record what is requested inside."""
        self._kept.envelopes.clear()
        trace = Trace()
        with sentry_sdk.start_transaction(name="test"):
            yield trace
        for envelope in self._kept.envelopes:
            trace.text += envelope.serialize().decode()
            event: Any = envelope.get_transaction_event() or {}
            trace.methods += [
                span["description"].split()[0]
                for span in event.get("spans", ())
                if span["op"] == "http.client"
            ]


def switched_on() -> Sentry:
    """Switch it on."""
    return Sentry()
