"""Metrics: what a session calls and waits for, in a registry of prometheus-client.

Requires the extra `civo-snapshots-async[prometheus]`.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from .. import CallEnded, CallStarted, SnapshotEvent, WaitEnded, WaitStarted

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as _missing:
    raise ImportError(
        "this module needs prometheus-client: pip install 'civo-snapshots-async[prometheus]'"
    ) from _missing

__all__ = ["PrometheusObserver"]

_NAMESPACE = "civo_snapshots"
_CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
# The waits that end with a snapshot which is there.
_UNTIL_COMPLETE = ("wait_until_complete", "watch")


class PrometheusObserver:
    """Counts calls and waits: pass one in `observers=`; all sessions of a process share it.

    - `registry`: the registry of the metrics, by default prometheus-client's own. A second observer
      in one registry raises `ValueError`.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        counter = partial(Counter, namespace=_NAMESPACE, registry=registry)
        gauge = partial(Gauge, namespace=_NAMESPACE, registry=registry)
        histogram = partial(Histogram, namespace=_NAMESPACE, registry=registry)

        self._calls = counter(
            "calls", "Calls that have ended, polls excluded.", ("call", "outcome")
        )
        self._polls = counter("polls", "Polls that have ended.", ("call", "outcome"))
        self._attempts = counter(
            "attempts", "Requests that were sent, retries and polls included.", ("call",)
        )
        self._call_seconds = histogram(
            "call_duration_seconds",
            "How long calls took, with their retries; polls excluded.",
            ("call",),
            buckets=_CALL_SECONDS,
        )
        self._running = gauge("waits_running", "Waits that are running.", ("wait",))
        self._wait_seconds = histogram(
            "wait_duration_seconds",
            "How long waits took that have ended.",
            ("wait", "outcome"),
            buckets=_WAIT_SECONDS,
        )
        self._newest = gauge(
            "newest_complete_timestamp_seconds",
            "When the newest snapshot of an instance was created that a wait saw complete.",
            ("region", "instance_id"),
        )
        self._newest_of: dict[tuple[str, str], float] = {}

    @contextmanager
    def call(self, started: CallStarted, /) -> Generator[Callable[[CallEnded], object], None, None]:
        """Count a call."""
        yield partial(self._end_call, started)

    @contextmanager
    def wait(
        self, started: WaitStarted, /
    ) -> Generator[Callable[[SnapshotEvent | WaitEnded], object], None, None]:
        """Count a wait."""
        with self._running.labels(started.name).track_inprogress():
            yield partial(self._report, started)

    def _end_call(self, started: CallStarted, end: CallEnded) -> None:
        self._attempts.labels(started.name).inc(end.attempts)
        if started.is_poll:
            self._polls.labels(started.name, end.outcome).inc()
            return
        self._calls.labels(started.name, end.outcome).inc()
        self._call_seconds.labels(started.name).observe(end.seconds)

    def _report(self, started: WaitStarted, event: SnapshotEvent | WaitEnded) -> None:
        if not isinstance(event, WaitEnded):
            return
        self._wait_seconds.labels(started.name, event.outcome).observe(event.seconds)
        snapshot = event.snapshot
        if started.name not in _UNTIL_COMPLETE or snapshot is None or not snapshot.is_complete:
            return
        if snapshot.created_at is not None:
            self._note_complete((started.region, started.instance_id), snapshot.created_at)

    def _note_complete(self, instance: tuple[str, str], created_at: datetime) -> None:
        # A wait for an old snapshot makes the newest one no older.
        newest = max(created_at.timestamp(), self._newest_of.get(instance, 0.0))
        self._newest_of[instance] = newest
        self._newest.labels(*instance).set(newest)
