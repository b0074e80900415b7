"""Importing the package brings what every program uses; the rest comes when it is first used."""

import inspect
import json
import typing
from types import FunctionType, ModuleType

import pytest

import civo_snapshots_async
from civo_snapshots_async import SnapshotSession, _verbs

from .programs import run_strictly

LOADED = "import json, sys, civo_snapshots_async; {}; print(json.dumps([*sys.modules]))"


def loaded_after(statement: str) -> set[str]:
    """Return the modules that a new Python has loaded after a statement."""
    status, output, _ = run_strictly("-c", LOADED.format(statement))
    assert status == 0

    return set(json.loads(output))


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Return the modules that an import of the session loads."""
    return loaded_after("from civo_snapshots_async import SnapshotSession")


@pytest.mark.parametrize("file", _verbs.__all__)
def test_what_few_programs_use_is_not_loaded(file: str, loaded: set[str]) -> None:
    """Batches, audits, plans, checkpoints and the rest: each costs as much as several calls."""
    assert getattr(_verbs, file).__name__ not in loaded


@pytest.mark.parametrize(
    "module",
    [
        "cattrs",
        "statistics",
        "civo_snapshots_async._http.codec",
        "civo_snapshots_async._converting",
    ],
)
def test_what_a_first_response_brings_is_not_loaded(module: str, loaded: set[str]) -> None:
    """The codec, the converters and the libraries that they need."""
    assert module not in loaded


def test_a_public_name_is_loaded_at_first_use() -> None:
    """With what it needs, and without the other ones."""
    loaded = loaded_after("civo_snapshots_async.BatchResult")

    assert "civo_snapshots_async._batch" in loaded
    assert "civo_snapshots_async._checkpoint" not in loaded


def test_dir_shows_every_public_name() -> None:
    """Those that have not been loaded yet included: completion reads it."""
    status, output, _ = run_strictly(
        "-c", "import civo_snapshots_async as c; print(set(c.__all__) - set(dir(c)))"
    )

    assert (status, output) == (0, "set()\n")
    assert set(civo_snapshots_async.__all__) <= set(dir(civo_snapshots_async))


@pytest.mark.parametrize("module", [civo_snapshots_async, _verbs], ids=lambda it: it.__name__)
def test_a_name_that_is_not_there_is_an_attribute_error(module: ModuleType) -> None:
    """In Python's own words, as `hasattr` and tools need it."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


def test_what_a_verb_returns_pickles_under_its_public_name() -> None:
    """Even where nobody has named its class."""
    status, output, _ = run_strictly(
        "-c",
        "from civo_snapshots_async import _verbs; print(_verbs.pruning.PruneResult.__module__)",
    )

    assert (status, output) == (0, "civo_snapshots_async\n")


@pytest.mark.parametrize(
    "method", [each for _, each in inspect.getmembers(SnapshotSession, inspect.isfunction)]
)
def test_annotations_can_be_read(method: FunctionType) -> None:
    """By tools that ask for them: a type that is loaded later is loaded by that."""
    assert {*typing.get_type_hints(method)} == {*inspect.get_annotations(method)}
