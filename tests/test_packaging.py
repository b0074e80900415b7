"""What a package index and a forge show of the project."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://forge.example/team/project"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(path: Path) -> ModuleType:
    """Import a file that is part of no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hatch_build = load(ROOT / "hatch_build.py")


def test_without_a_repository_only_the_specification_is_linked() -> None:
    """Nothing is invented."""
    assert hatch_build.urls("") == {
        "API specification": "https://www.civo.com/api/instance-snapshots"
    }


def test_a_release_links_to_its_repository() -> None:
    """By the one setting that names it."""
    urls = hatch_build.urls(REPOSITORY)

    assert urls["Source"] == REPOSITORY
    assert all(url.startswith((REPOSITORY, "https://www.civo.com/")) for url in urls.values())


@pytest.mark.parametrize(
    ("text", "away", "released"),
    [
        ("[a](docs/a.md)", "a", f"[a]({REPOSITORY}/blob/main/docs/a.md)"),
        ("[a](docs/a.md#b)", "a", f"[a]({REPOSITORY}/blob/main/docs/a.md#b)"),
        ("![a](docs/a.svg)", "", f"![a]({REPOSITORY}/raw/main/docs/a.svg)"),
        ("[a](https://a.example)", "[a](https://a.example)", "[a](https://a.example)"),
        ("[a](#b)", "[a](#b)", "[a](#b)"),
    ],
)
def test_links_of_the_readme_work_away_from_its_files(text: str, away: str, released: str) -> None:
    """A package index shows the README alone."""
    assert hatch_build.readme(text, "") == away
    assert hatch_build.readme(text, REPOSITORY) == released


def test_no_relative_link_of_the_readme_is_left() -> None:
    """Whatever the README links to, in either form of the package."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    for shown in (hatch_build.readme(text, ""), hatch_build.readme(text, REPOSITORY)):
        assert re.findall(r"\]\((?!https?:|#)", shown) == []


@pytest.mark.skipif(not WORKFLOWS, reason="the package is tested without the forge's files")
def test_actions_are_pinned_to_a_commit() -> None:
    """A tag can be moved; its name stands beside the commit, for people and for updates."""
    used = [
        line.strip()
        for path in WORKFLOWS
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]

    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40} # v[\d.]+$", line)] == []
