"""Source links: public names name their package, not the file they are in."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import civo_snapshots_async

PACKAGE = civo_snapshots_async.__name__
Tags = dict[str, tuple[str, int, int]]


def setup(app: Sphinx) -> None:
    """Lead `sphinx.ext.viewcode` to the file in which a name is written."""
    app.setup_extension("sphinx.ext.viewcode")
    app.connect("viewcode-follow-imported", home_of_member)
    app.connect("viewcode-find-source", source)


def home_of_member(_app: Sphinx, module: str | None, path: str) -> str | None:
    """Return the module in which `path` is written, such as `Snapshot.id`.

    What no `autoclass` shows, a plain `data`, is in no module.
    """
    if module is None:
        return None
    name, _, member = path.partition(".")
    owner = getattr(import_module(module), name)
    bases = owner.__mro__ if isinstance(owner, type) else ()
    for base in bases:
        if member in vars(base):
            return home(base.__module__, base.__name__)

    return home(module, name)


def source(_app: Sphinx, module: str) -> tuple[str, Tags] | None:
    """Return the text of a module of ours, and the lines of each name."""
    return source_of(module) if module.startswith(PACKAGE) else None


@cache
def source_of(module: str) -> tuple[str, Tags]:
    """Return it, with inherited methods under the name of the public class."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.find_tags()
    inherited = {
        public.__name__ + tag.removeprefix(base.__name__): where
        for public, base in inheritance(module)
        for tag, where in analyzer.tags.items()
        if tag.startswith(f"{base.__name__}.")
    }

    return analyzer.code, inherited | analyzer.tags


def inheritance(module: str) -> Iterator[tuple[type, type]]:
    """Yield each public class with each base class that a module defines."""
    for public in vars(civo_snapshots_async).values():
        for base in public.__mro__[1:] if isinstance(public, type) else ():
            if home(base.__module__, base.__name__) == module:
                yield public, base


def home(module: str, name: str) -> str:
    """Return the file from which a package imports a name, or the module."""
    return imports(module).get(name, module)


@cache
def imports(module: str) -> dict[str, str]:
    """Return the names that a package takes from its own files."""
    file = getattr(import_module(module), "__file__", None) or ""
    if Path(file).name != "__init__.py":
        return {}
    return {
        alias.name: f"{module}.{statement.module}"
        for statement in ast.parse(Path(file).read_text("utf-8")).body
        if isinstance(statement, ast.ImportFrom) and statement.level == 1
        for alias in statement.names
        if statement.module
    }
