"""The benchmark runs, and voids a run that proves nothing. No test here asks how long it takes."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Comparison, compare


def test_a_small_run_prints_its_control_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether two that are the same came out the same is what everything else stands on."""
    results = tmp_path / "results.json"

    main(["get 1", "poll", "import", "--processes=1", "--rounds=2", f"--json={results}"])

    printed = capsys.readouterr().out
    titles = [line.partition(":")[0] for line in printed.splitlines() if line[:1].strip()]
    assert titles == ["Control", "get 1", "poll", "import"]
    written = json.loads(results.read_text(encoding="utf-8"))
    assert [each["case"] for each in written["comparisons"]] == ["get 1", "poll", "import"]


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

    _, ours = compare("get 1", [rounds]).clients

    assert (ours.ratio.lower, ours.ratio.median, ours.ratio.upper) == (2.0, 2.0, 2.0)


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names there are."""
    with pytest.raises(SystemExit):
        main(["gte"])

    assert "no such name: gte; there are get 1, " in capsys.readouterr().err
