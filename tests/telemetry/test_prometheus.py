"""The metrics of calls and waits, in a registry of prometheus-client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from civo_snapshots_async import (
    CivoSnapshotsError,
    PollPolicy,
    SnapshotSession,
    WaitEnded,
    WaitStarted,
    WaitTimeoutError,
)
from civo_snapshots_async.telemetry.prometheus import PrometheusObserver
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from ..make import make_snapshot, session_on

EVERY_10_S = PollPolicy(interval=10)
NEWEST = "newest_complete_timestamp_seconds"
WEB_1 = {"region": "FAKE1", "instance_id": "web-1"}


class Metrics:
    """A registry, by short names."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = PrometheusObserver(self.registry)

    def __call__(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample; `None` if it is not there."""
        return self.registry.get_sample_value(f"civo_snapshots_{name}", labels)


@pytest.fixture
def metrics() -> Metrics:
    """Return the metrics of this test."""
    return Metrics()


@pytest.fixture
async def session(
    civo: FakeCivo, fake_clock: FakeClock, metrics: Metrics
) -> AsyncIterator[SnapshotSession]:
    """Open a session that they count."""
    civo.add_snapshot("web-1", "snap-1")
    async with session_on(civo, fake_clock, observers=[metrics.observer]) as session:
        yield session


async def test_calls_are_counted_by_their_outcome(
    session: SnapshotSession, metrics: Metrics
) -> None:
    """A few labels of a few values each."""
    await session.get_snapshot("web-1", "snap-1")
    with pytest.raises(CivoSnapshotsError):
        await session.get_snapshot("web-1", "none")

    assert metrics("calls_total", call="get_snapshot", outcome="done") == 1
    assert metrics("calls_total", call="get_snapshot", outcome="failed") == 1
    assert metrics("call_duration_seconds_count", call="get_snapshot") == 2


async def test_attempts_are_all_requests_that_were_sent(
    civo: FakeCivo, session: SnapshotSession, metrics: Metrics
) -> None:
    """Those of polls, too, which are counted apart from calls."""
    civo.inject("get", faults.status(503))

    await session.get_snapshot("web-1", "snap-1")
    await session.wait_until_complete("web-1", "snap-1")

    assert metrics("attempts_total", call="get_snapshot") == len(civo.requests) == 3
    assert metrics("calls_total", call="get_snapshot", outcome="done") == 1
    assert metrics("polls_total", call="get_snapshot", outcome="done") == 1
    assert metrics("call_duration_seconds_count", call="get_snapshot") == 1


async def test_waits_are_counted_while_they_run(
    civo: FakeCivo, session: SnapshotSession, metrics: Metrics
) -> None:
    """And not when they have ended, however that was."""
    civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
    running: list[float | None] = []

    def note(*_: object) -> None:
        running.append(metrics("waits_running", wait="wait_until_complete"))

    async with asyncio.TaskGroup() as group:
        for on_change in (note, None):
            wait: Any = session.wait_until_complete(
                "web-1", "slow", poll=EVERY_10_S, on_change=on_change
            )
            group.create_task(wait)

    assert max(each or 0 for each in running) == 2
    assert metrics("waits_running", wait="wait_until_complete") == 0


async def test_the_time_of_waits_is_observed_when_they_end(
    civo: FakeCivo, session: SnapshotSession, metrics: Metrics
) -> None:
    """By the session's clock."""
    civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
    civo.add_snapshot("web-1", "stuck", script=scripts.stuck())

    await session.wait_until_complete("web-1", "slow", poll=EVERY_10_S)
    with pytest.raises(WaitTimeoutError):
        await session.wait_until_complete("web-1", "stuck", poll=EVERY_10_S, timeout=60)

    for outcome, seconds in (("done", 20), ("timed_out", 60)):
        labels = {"wait": "wait_until_complete", "outcome": outcome}
        assert metrics("wait_duration_seconds_sum", **labels) == pytest.approx(seconds, abs=1)
        assert metrics("wait_duration_seconds_count", **labels) == 1


class TestNewest:
    """The time of the newest complete snapshot of an instance."""

    async def test_it_is_when_the_snapshot_was_created(
        self, session: SnapshotSession, metrics: Metrics
    ) -> None:
        """Not when the wait for it ended."""
        snapshot = await session.wait_until_complete("web-1", "snap-1")

        assert snapshot.created_at is not None
        assert metrics(NEWEST, **WEB_1) == snapshot.created_at.timestamp()

    async def test_an_older_snapshot_does_not_make_it_older(
        self, civo: FakeCivo, fake_clock: FakeClock, session: SnapshotSession, metrics: Metrics
    ) -> None:
        """It is the newest that was seen, in whichever order."""
        fake_clock.advance(3600)
        civo.add_snapshot("web-1", "newer")

        newer = await session.wait_until_complete("web-1", "newer")
        await session.wait_until_complete("web-1", "snap-1")

        assert newer.created_at is not None
        assert metrics(NEWEST, **WEB_1) == newer.created_at.timestamp()

    async def test_a_snapshot_that_is_gone_does_not_count(
        self, civo: FakeCivo, session: SnapshotSession, metrics: Metrics
    ) -> None:
        """Although the wait for its end may have seen it complete."""
        civo.add_snapshot(
            "web-1", "gone", script=scripts.timeline([(0, scripts.completed()), (5, None)])
        )

        await session.wait_until_deleted("web-1", "gone", poll=EVERY_10_S)

        assert metrics(NEWEST, **WEB_1) is None

    async def test_one_that_is_not_complete_does_not_count(
        self, civo: FakeCivo, session: SnapshotSession, metrics: Metrics
    ) -> None:
        """Nor one that was never seen."""
        civo.add_snapshot("web-1", "bad", script=scripts.fails(after=5))
        for snapshot_id in ("bad", "none"):
            with pytest.raises(CivoSnapshotsError):
                await session.wait_until_complete("web-1", snapshot_id, timeout=60)

        assert metrics(NEWEST, **WEB_1) is None

    def test_one_without_a_date_does_not_count(self, metrics: Metrics) -> None:
        """Civo need not say when a snapshot was created."""
        started = WaitStarted(
            name="wait_until_complete",
            instance_id="web-1",
            snapshot_id="snap-1",
            region="FAKE1",
            timeout=None,
        )
        end = WaitEnded(
            outcome="done", polls=1, requests=1, seconds=1.0, snapshot=make_snapshot("Complete")
        )

        with metrics.observer.wait(started) as report:
            report(end)

        assert metrics(NEWEST, **WEB_1) is None


async def test_the_exposition_says_what_each_metric_means(
    session: SnapshotSession, metrics: Metrics
) -> None:
    """As a scraper reads it."""
    await session.wait_until_complete("web-1", "snap-1")

    text = generate_latest(metrics.registry).decode()
    assert "# HELP civo_snapshots_waits_running Waits that are running." in text
    assert 'civo_snapshots_polls_total{call="get_snapshot",outcome="done"} 1.0' in text


def test_two_observers_in_one_registry_are_wrong_use(metrics: Metrics) -> None:
    """One serves all sessions."""
    with pytest.raises(ValueError, match="Duplicated"):
        PrometheusObserver(metrics.registry)
