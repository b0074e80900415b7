"""The observers that the library brings along."""

from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from civo_snapshots_async import Observer, SnapshotSession
from civo_snapshots_async.telemetry.opentelemetry import OpenTelemetryObserver
from civo_snapshots_async.telemetry.prometheus import PrometheusObserver


def observers(provider: TracerProvider, registry: CollectorRegistry) -> list[Observer]:
    """Make each by its defaults, and with everything that can be set."""
    traced = OpenTelemetryObserver(provider, polls=True)
    counted = PrometheusObserver(registry)
    print(traced.call, traced.wait, counted.call, counted.wait)
    return [OpenTelemetryObserver(), traced, PrometheusObserver(), counted]


async def both(provider: TracerProvider, registry: CollectorRegistry) -> None:
    """Give them to a session."""
    async with SnapshotSession.from_env(observers=observers(provider, registry)) as session:
        await session.wait_until_complete("web-1", "snap-1")
