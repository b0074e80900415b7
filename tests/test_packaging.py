"""What a package index and a forge show of the project."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

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


def requirements() -> list[str]:
    """Return all that the sessions can install: what a user needs, each extra, each group."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    several = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject["dependency-groups"].values(),
    ]
    return sorted({line for lines in several for line in lines if isinstance(line, str)})


@pytest.mark.parametrize("requirement", [Requirement(line) for line in requirements()], ids=str)
def test_the_lock_has_a_version_that_is_allowed(requirement: Requirement) -> None:
    """After a change of the requirements the lock is made again, by `nox -s lock`."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = re.findall(rf"^{re.escape(requirement.name)}==([^ ;\n]+)", text, re.MULTILINE)

    assert pinned
    assert [version for version in pinned if version not in requirement.specifier] == []
