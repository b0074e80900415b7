"""The house as it stands: who imports whom, what is public, what is told to nobody."""

import ast
from pathlib import Path

import pytest

import civo_snapshots_async

PACKAGE = Path(civo_snapshots_async.__file__).parent
# Who may import whom: each file only from files above it.
ARROWS: dict[str, set[str]] = {
    # values
    "_version": set(),
    "_models": set(),
    "_http": set(),
    "_clock": set(),
    # rules, pure
    "_checks": set(),
    "_wire": set(),
    "_instances": {"_checks", "_http", "_models"},
    "_errors": {"_http", "_instances", "_models"},
    "_events": {"_errors", "_models"},
    "_log": {"_errors", "_http", "_models"},
    "_endpoints": {"_checks", "_http", "_models"},
    "_refusals": {"_errors", "_http", "_wire"},
    "_token": {"_errors"},
    "_lifetime": {"_errors"},
    # edges
    "_config": {"_checks", "_errors", "_token"},
    "_codec": {"_checks", "_errors", "_http", "_instances", "_models", "_refusals", "_wire"},
    "_connections": {"_errors", "_http"},
    "_failures": {"_errors"},
    "_transport": {
        "_checks", "_clock", "_config", "_connections", "_errors", "_failures", "_http", "_token",
        "_version",
    },
    "_retry": {"_checks", "_clock", "_errors", "_http", "_log", "_refusals"},
    "_ledger": {"_models"},
    "_caller": {"_codec", "_errors", "_http", "_ledger", "_log", "_models"},
    "_settling": {"_caller", "_clock", "_endpoints", "_errors", "_http", "_log", "_models"},
    "_pacing": {"_checks"},
    "_deletion": {"_caller", "_errors", "_http", "_log"},
    "_retention": {"_checks", "_clock", "_errors", "_log", "_models"},
    "_handover": {"_checks", "_wire"},
    # waits
    "_waits.backoff": {"_pacing"},
    "_waits.wait": {"_errors", "_events", "_log", "_models", "_pacing", "_waits.backoff"},
    "_waits.goals": {"_errors", "_instances", "_models", "_waits.wait"},
    "_waits.alone": {"_clock", "_errors", "_events", "_waits.wait"},
    "_waits.pools": {"_clock", "_models", "_waits.wait"},
    "_waits.listing": {"_models"},
    "_waits.poller": {
        "_caller", "_clock", "_endpoints", "_errors", "_events", "_models", "_waits.alone",
        "_waits.listing", "_waits.pools", "_waits.wait",
    },
    "_waits.snapshots": {
        "_checks", "_clock", "_errors", "_events", "_models", "_pacing", "_waits.alone",
        "_waits.goals", "_waits.wait",
    },
    "_waits.instances": {
        "_checks", "_clock", "_errors", "_instances", "_models", "_pacing", "_waits.alone",
        "_waits.goals", "_waits.wait",
    },
    "_waits.__init__": set(),
    # face
    "_session": {
        "_caller", "_checks", "_clock", "_config", "_deletion", "_endpoints", "_errors", "_events",
        "_handover", "_http", "_instances", "_ledger", "_lifetime", "_models", "_pacing",
        "_retention", "_retry", "_settling", "_token", "_transport", "_waits.goals",
        "_waits.instances", "_waits.poller", "_waits.snapshots", "_waits.wait",
    },
    "_batch": {"_checks", "_errors", "_models", "_pacing", "_session", "_waits.snapshots"},
    "_checkpoint": {"_checks", "_errors", "_log", "_models", "_pacing", "_session"},
    "__init__": {
        "_batch", "_checkpoint", "_clock", "_errors", "_events", "_handover", "_http", "_instances",
        "_models", "_pacing", "_retention", "_retry", "_session", "_version", "_waits.snapshots",
    },
}  # fmt: skip
# Each foreign library, and the files that may know it.
FOREIGN: dict[str, set[str]] = {
    "aiohttp": {"_connections", "_failures", "_session", "_transport"},
    "yarl": {"_transport"},
    "aiolimiter": {"_connections"},
    "cattrs": {"_codec"},
    "tenacity": {"_pacing", "_retry", "_waits.backoff"},
    # Python's own, and known in one place all the same: each record has its event and its fields.
    "logging": {"_log"},
}


def imports(file: str) -> tuple[set[str], set[str]]:
    """Return which of our files a file imports, and which other top-level modules."""
    ours: set[str] = set()
    others: set[str] = set()
    path = PACKAGE / f"{file.replace('.', '/')}.py"
    room = file.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            # One dot is the file's own room, two are the package.
            place = [*room[: len(room) + 1 - node.level], *(node.module or "").split(".")]
            names = [""] if node.module else [name.name for name in node.names]
            ours |= {".".join(filter(None, [*place, name])) for name in names}
        elif isinstance(node, ast.ImportFrom):
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            others |= {name.name.partition(".")[0] for name in node.names}
    return ours, others


def test_every_file_has_its_place() -> None:
    """A new file is drawn into the picture."""
    paths = [path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts]
    files = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths}

    assert files == set(ARROWS)


@pytest.mark.parametrize(("file", "allowed"), ARROWS.items())
def test_a_file_imports_only_what_the_picture_shows(file: str, allowed: set[str]) -> None:
    """Neither more nor less."""
    assert imports(file)[0] == allowed


def test_there_is_no_cycle() -> None:
    """Each file stands below all that it imports."""
    above: set[str] = set()
    for file, allowed in ARROWS.items():
        assert allowed <= above, file
        above.add(file)


@pytest.mark.parametrize(("library", "files"), FOREIGN.items())
def test_a_foreign_library_is_known_in_one_place(library: str, files: set[str]) -> None:
    """A session only takes an aiohttp session; what carries the requests works with it."""
    assert {file for file in ARROWS if library in imports(file)[1]} == files


def test_public_names_are_sorted_and_exact() -> None:
    """Public means listed, and what is listed is there."""
    names = civo_snapshots_async.__all__
    there = {
        name
        for name, value in vars(civo_snapshots_async).items()
        if not name.startswith("_") and not isinstance(value, type(ast))
    }

    assert names == sorted(names)
    assert set(names) == there | {"__version__"}


def test_the_package_ships_its_types() -> None:
    """For mypy and pyright, at its users'."""
    assert (PACKAGE / "py.typed").exists()
