"""The benchmark runs, and voids a run that proves nothing. No test here measures time."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import pytest

from benchmarks.__main__ import main
from benchmarks.clients.ours import CHECKOUT
from benchmarks.figures import Comparison, compare
from benchmarks.plan import Plan, Sizes
from benchmarks.svg import Bar, Line, bars, lines
from benchmarks.tables import tables

TINY = Sizes(processes=1, rounds=2, imports=2, waits=(3,), wait_processes=1, instances=2, polls=20)


def test_a_small_run_prints_its_control_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether two that are the same came out the same is what everything else stands on."""
    results, plots = tmp_path / "results.json", tmp_path / "plots"

    asked = ["--processes=1", "--rounds=2", "--without-peers", f"--against={CHECKOUT}"]
    main(["get 1", "poll", *asked, f"--json={results}", f"--plots={plots}"])

    printed = capsys.readouterr().out
    titles = [line.partition(":")[0] for line in printed.splitlines() if "relative to bare" in line]
    written = json.loads(results.read_text(encoding="utf-8"))
    assert printed.startswith("Control: one bare aiohttp relative to another one\n")
    assert titles == ["get 1", "poll"]
    assert [each["case"] for each in written["comparisons"]] == ["get 1", "poll"]
    assert {each.name for each in plots.iterdir()} == {"get-1.svg", "poll.svg"}


@pytest.mark.slow
def test_all_that_is_not_compared_is_measured_as_well() -> None:
    """What many waits cost, how many requests they make, and what stays of very many polls."""
    plan = Plan(names=["import", "waits", "requests", "leaks"], sizes=TINY, with_peers=False)

    results = plan.run()

    assert [each.case for each in results.comparisons] == ["import"]
    assert [each.count for each in results.waits] == [3, 3, 3, 3]
    assert [each.waits for each in results.requests] == [1, 50, 50, 2, 2, 2, 2]
    assert len(results.leaks) == 10
    assert all(each.poll > 0 and each.cancel > 0 for each in results.waits)


@pytest.mark.slow
def test_a_peer_is_measured_or_named_with_the_reason() -> None:
    """None is left out in silence, installed or not."""
    plan = Plan(names=["get 1"], sizes=TINY)

    results = plan.run()

    compared = {each.client for each in results.comparisons[0].clients}
    peers = {"aiobotocore", "hcloud", "httpx", "openstacksdk", "pydo", "scaleway-async"}
    assert peers <= compared | set(results.skipped)
    assert not compared & set(results.skipped)
    assert "Skipped" in str(list(tables(attrs.evolve(results, skipped={"pydo": "not there"}))))


def comparison(*controls: float) -> Comparison:
    """Return one whose second bare client took so many times the CPU of the first."""
    return compare("get 1", [[{"aiohttp": 1.0, "aiohttp again": each}] for each in controls])


def test_two_that_are_the_same_may_differ_a_little() -> None:
    """By 5 %, in the median of the processes."""
    assert not comparison(0.95, 1.049, 1.3).is_void


@pytest.mark.parametrize("off", [0.94, 1.06])
def test_a_control_that_is_off_voids_the_run(off: float) -> None:
    """By more than 5 %, in either direction."""
    assert comparison(off).is_void


def test_a_client_is_compared_with_both_bare_ones_of_its_round() -> None:
    """A round that was slow for all changes no ratio."""
    rounds = [
        {"aiohttp": 1.0, "aiohttp again": 3.0, "this library": 4.0},
        {"aiohttp": 10.0, "aiohttp again": 30.0, "this library": 40.0},
    ]

    ours = compare("get 1", [rounds]).of("this library")

    assert (ours.ratio.lower, ours.ratio.median, ours.ratio.upper) == (2.0, 2.0, 2.0)


def test_a_peer_is_compared_in_the_rounds_that_it_is_in() -> None:
    """It is not in all of them."""
    rounds = [
        {"aiohttp": 1.0, "aiohttp again": 1.0, "httpx": 7.0},
        {"aiohttp": 10.0, "aiohttp again": 10.0},
    ]

    assert compare("get 1", [rounds]).of("httpx").ratio.median == 7.0


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names there are."""
    with pytest.raises(SystemExit):
        main(["gte"])

    assert "no such name: gte; there are get 1, " in capsys.readouterr().err


def texts(drawn: str) -> list[ET.Element]:
    """Return the texts of a plot, which is XML."""
    return list(ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314 - ours


def test_a_bar_that_is_cut_has_its_value() -> None:
    """What is cut is drawn no longer than the limit."""
    drawn = bars("CPU", [Bar("a < b", 171.0, 160.0, 180.0, is_marked=False)], limit=20)

    assert [each.text for each in texts(drawn)] == ["CPU", "a < b", "171"]


def test_lines_that_end_together_have_labels_apart() -> None:
    """So that both can be read."""
    drawn = lines("CPU", ["1", "2"], [Line("a", [1, 2]), Line("b", [2, 2])], below="waits")

    first, second = (float(each.attrib["y"]) for each in texts(drawn) if each.text in {"a", "b"})
    assert second - first == 16
