"""The Grafana dashboard of the docs queries what the observer exports."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from civo_snapshots_async._observing import CallOutcome, WaitOutcome
from civo_snapshots_async.telemetry.prometheus import PrometheusObserver
from civo_snapshots_async.testing import FakeCivo, FakeClock

from ..make import session_on

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
DASHBOARD = PAGES / "grafana-dashboard.json"
METRIC = re.compile(r"\bcivo_snapshots_\w+")
LABELS = re.compile(r"by \(([^)]*)\)")
MATCHER = re.compile(r'(\w+)!?="(\w+)"')


def queries(panel: dict[str, Any]) -> Iterator[str]:
    """Give what a panel asks Prometheus."""
    yield from (target["expr"] for target in panel["targets"])


PANELS: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
QUERIES = [query for panel in PANELS for query in queries(panel)]


@pytest.fixture
async def exported(civo: FakeCivo, fake_clock: FakeClock) -> dict[str, set[str]]:
    """Return each sample that the observer exports, with the names of its labels."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    civo.add_snapshot("web-1", "snap-1")
    async with session_on(civo, fake_clock, observers=[observer]) as session:
        await session.get_snapshot("web-1", "snap-1")
        await session.wait_until_complete("web-1", "snap-1")
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    # When each began to be counted is a sample of its own, and no metric of ours.
    counted = [sample for sample in samples if not sample.name.endswith("_created")]
    return {sample.name: set(sample.labels) for sample in counted}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_of_metrics_and_labels_that_there_are(
    exported: dict[str, set[str]], query: str
) -> None:
    """A panel of anything else would stay empty."""
    metrics = METRIC.findall(query)

    assert metrics
    assert [metric for metric in metrics if metric not in exported] == []
    grouped = {label.strip() for found in LABELS.findall(query) for label in found.split(",")}
    matched = {label for label, _ in MATCHER.findall(query)}
    for metric in metrics:
        assert grouped | matched <= exported[metric]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_of_outcomes_that_there_are(query: str) -> None:
    """By the words of the observer's values."""
    outcomes = {value for label, value in MATCHER.findall(query) if label == "outcome"}

    assert outcomes <= {*get_args(CallOutcome), *get_args(WaitOutcome)}


def test_every_panel_is_placed_and_explained() -> None:
    """In a grid of 24, where none covers another."""
    places = [panel["gridPos"] for panel in PANELS]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert all(panel["description"] and panel["title"] for panel in PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_the_page_has_every_metric(exported: dict[str, set[str]]) -> None:
    """In a table, with its labels."""
    page = (PAGES / "logs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(civo_snapshots_\w+)` \| (.*?) \|", page, re.MULTILINE))
    suffix = re.compile(r"_(bucket|count|sum)$")

    named = {suffix.sub("", name) for name in exported}
    assert set(rows) == named
    for name, labels in rows.items():
        sample = next(each for each in exported if suffix.sub("", each) == name)
        assert set(re.findall(r"`(\w+)`", labels)) == exported[sample] - {"le"}
