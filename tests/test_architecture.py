"""The architecture: which file imports which, and what is public."""

import ast
import inspect
import re
import sys
from pathlib import Path

import pytest

import civo_snapshots_async
from civo_snapshots_async import _verbs

PACKAGE = Path(civo_snapshots_async.__file__).parent
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "architecture.svg"
# The rooms from the ground up: a file may import from its own room and from rooms above it here.
ROOMS: dict[str, tuple[str, ...]] = {
    "ground": (
        "_version", "_checks", "_clock", "_converting", "_shown", "_plain", "_strict_json",
        "_poll_times", "_learning", "_sentences", "_exposition", "_public",
    ),
    "values": ("_models", "_policies", "_violations", "_leftovers", "_attempts"),
    "errors": ("_errors",),
    "rules": (
        "_events", "_log", "_retention", "_audit_report", "_audit_judgement", "_restore_plan",
        "_drill_report", "_observing", "_observers",
    ),
    "http": (
        "_http.__init__", "_http.token", "_http.config", "_http.message", "_http.failures",
        "_http.scope", "_http.limits", "_http.connections", "_http.transport", "_http.errors_of",
        "_http.retry",
        "_http.account_list", "_http.structure", "_http.codec", "_http.writes", "_http.ledger",
        "_http.endpoints", "_http.caller", "_http.observed",
    ),
    "waits": (
        "_waits.__init__", "_waits.backoff", "_waits.wait", "_waits.goals", "_waits.alone",
        "_waits.observed",
        "_waits.copies", "_waits.pools", "_waits.throttle", "_waits.listing", "_waits.poller",
        "_waits.saved", "_waits.snapshots", "_waits.instances",
    ),
    "verbs": (
        "_batch", "_checkpoint", "_creating", "_deleting", "_instances", "_audit", "_pruning",
        "_pruning_many",
        "_restoring", "_planning", "_applying", "_ensuring", "_scratch", "_drilling", "_probes",
    ),
    "face": ("_verbs", "_calls", "_restore_calls", "_session"),
    "package": ("__init__",),
}  # fmt: skip
# The files of a room by which others get into it.
DOORS: dict[str, set[str]] = {
    "http": {"_http.caller", "_http.config", "_http.endpoints", "_http.observed"},
    "waits": {"_waits.instances", "_waits.saved", "_waits.snapshots"},
}  # fmt: skip
# Each foreign library, and the files that may know it.
FOREIGN: dict[str, set[str]] = {
    "aiohttp": {
        "_calls", "_http.caller", "_http.connections", "_http.failures", "_http.observed",
        "_http.transport", "_probes",
    },
    "yarl": {"_http.transport"},
    "aiolimiter": {"_http.connections"},
    "cattrs": {"_converting", "_http.structure"},
    "orjson": {"_strict_json"},
    "tenacity": {"_http.retry", "_policies", "_waits.backoff"},
    # Python's own, and known in one place all the same: each record has its event and its fields.
    "logging": {"_log"},
}  # fmt: skip
FILES = [file for files in ROOMS.values() for file in files]
ROOM_OF = {file: room for room, files in ROOMS.items() for file in files}


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
            for name in node.names:
                # A name may be a file, where what it is taken from is a room.
                within = ".".join(filter(None, [*place, name.name]))
                ours.add(within if within in FILES else ".".join(filter(None, place)))
        elif isinstance(node, ast.ImportFrom):
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            others |= {name.name.partition(".")[0] for name in node.names}
    return ours, others


def test_every_file_has_its_place() -> None:
    """A new file is drawn into the picture."""
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    above = {"testing", "telemetry", "cli", "__main__.py"}
    files = {".".join(path.with_suffix("").parts) for path in paths if path.parts[0] not in above}

    assert files == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_from_below(file: str) -> None:
    """From the files before it in the picture: so there is no cycle either."""
    below = set(FILES[: FILES.index(file)])

    assert imports(file)[0] <= below


@pytest.mark.parametrize("file", FILES)
def test_a_room_is_entered_by_its_doors(file: str) -> None:
    """Whatever else is in a room may change without the others."""
    entered = {each for each in imports(file)[0] if ROOM_OF[each] != ROOM_OF[file]}

    assert {each for each in entered if each not in DOORS.get(ROOM_OF[each], {each})} == set()


@pytest.mark.parametrize(("library", "files"), FOREIGN.items())
def test_a_foreign_library_is_known_in_one_place(library: str, files: set[str]) -> None:
    """A session only takes an aiohttp session; what carries the requests works with it."""
    assert {file for file in FILES if library in imports(file)[1]} == files


@pytest.mark.skipif(not PICTURE.exists(), reason="the tests run without the docs")
def test_the_picture_shows_the_rooms_and_their_doors() -> None:
    """From the top down, each with the doors by which it is entered."""
    picture = PICTURE.read_text(encoding="utf-8")
    shown = re.findall(r'<text class="(title|code)"[^>]*>(\w+)</text>', picture)

    rooms = [name for kind, name in shown if kind == "title"]
    doors = [name for kind, name in shown if kind == "code"]
    assert rooms == ["cli", "telemetry", *reversed(ROOMS), "testing"]
    assert doors == [
        door.rpartition(".")[2] for room in reversed(ROOMS) for door in sorted(DOORS.get(room, ()))
    ]


def test_only_the_verbs_are_loaded_by_name() -> None:
    """So that no arrow is missing in the picture: what they load, they import for type checkers."""
    tree = ast.parse((PACKAGE / "_verbs.py").read_text(encoding="utf-8"))
    drawn = {
        name.asname: ".".join(filter(None, ["civo_snapshots_async", node.module, name.name]))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for name in node.names
    }

    assert {file for file in FILES if "importlib" in imports(file)[1]} == {"_verbs"}
    assert drawn == {name: getattr(_verbs, name).__name__ for name in _verbs.__all__}


@pytest.mark.parametrize(
    ("file", "library"), [("opentelemetry", "opentelemetry"), ("prometheus", "prometheus_client")]
)
def test_an_observer_knows_public_names_and_one_library(file: str, library: str) -> None:
    """It is what its users could write."""
    ours, others = imports(f"telemetry.{file}")

    # The package itself: mypy knows which of its names are public.
    assert ours == {""}
    assert others - sys.stdlib_module_names == {library}


def test_public_names_are_those_of_the_package() -> None:
    """Wherever they are defined: pickles, tracebacks and `help` show where to import them from."""
    for name in civo_snapshots_async.__all__:
        value = getattr(civo_snapshots_async, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert (value.__module__, value.__qualname__) == ("civo_snapshots_async", name)


def test_public_names_are_sorted_and_exact() -> None:
    """Public means listed, and what is listed is there."""
    names = civo_snapshots_async.__all__
    # Some are there only once they were used.
    assert [name for name in names if not hasattr(civo_snapshots_async, name)] == []
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


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_file_and_no_function_is_long(path: Path) -> None:
    """What is longer holds a second idea: 560 lines, and 40 with signature and docstring."""
    text = path.read_text(encoding="utf-8")
    long = [
        (node.name, length)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 40
    ]

    assert (long, text.count("\n") > 560) == ([], False)
