"""The files that only type checkers read leave no public name out."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import attrs
import pytest

import civo_snapshots_async
from civo_snapshots_async import testing
from civo_snapshots_async.telemetry import opentelemetry, prometheus
from civo_snapshots_async.testing import faults, scripts

TYPED = Path(__file__).parent / "typed"
MODULES = (civo_snapshots_async, testing, faults, scripts, opentelemetry, prometheus)
NAMES = [(module, name) for module in MODULES for name in module.__all__]


@cache
def typed() -> tuple[set[str], set[str]]:
    """Return the names that the files use, and the keywords by which they call."""
    nodes = [
        node
        for path in sorted(TYPED.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}

    return names, keywords


def members(value: object) -> Iterator[str]:
    """Give the public members of a class, those of its values included."""
    if not isinstance(value, type):
        return
    ours = [each for each in value.__mro__ if each.__module__.startswith("civo_snapshots_async")]
    for each in ours:
        yield from (name for name in vars(each) if not name.startswith("_"))
    if attrs.has(value):
        yield from (field.name for field in attrs.fields(value) if not field.name.startswith("_"))
    if issubclass(value, civo_snapshots_async.CivoSnapshotsError):
        # What an error carries is given to it by name.
        yield from keywords_of(value.__init__)


def keywords_of(function: Any) -> Iterator[str]:
    """Give the arguments of a function that can be given by name alone."""
    if isinstance(function, FunctionType):
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                yield parameter.name


def calls(value: object) -> Iterator[Any]:
    """Give the functions that a public name stands for."""
    yield value
    if isinstance(value, type):
        names = ["__init__", *members(value)] if is_made_by_users(value) else members(value)
        for name in names:
            member = inspect.getattr_static(value, name, None)
            yield member.__func__ if isinstance(member, (classmethod, staticmethod)) else member


def is_made_by_users(kind: type) -> bool:
    """Return whether users make it: settings, which have defaults, and what is no value."""
    if attrs.has(kind):
        return all(field.default is not attrs.NOTHING for field in attrs.fields(kind))
    return not issubclass(kind, BaseException)


@pytest.mark.parametrize(
    ("module", "name"), NAMES, ids=lambda each: getattr(each, "__name__", each)
)
def test_no_public_name_is_left_out(module: ModuleType, name: str) -> None:
    """Neither the name, nor a member of it, nor an argument that is given by name."""
    value = getattr(module, name)
    names, keywords = typed()

    assert {name, *members(value)} - names == set()
    assert {each for call in calls(value) for each in keywords_of(call)} - keywords == set()
