"""What `civo_snapshots_async.testing` imports, and what it makes public."""

import ast
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from civo_snapshots_async import testing
from civo_snapshots_async.testing import faults, laws, machine, pytest_plugin, scripts

FILES = sorted(Path(testing.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_of_the_client_is_imported(file: Path) -> None:
    """A mistake in the client's codec must not agree with itself."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))

    relative = {node.level for node in nodes if isinstance(node, ast.ImportFrom)}
    absolute = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    absolute |= {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    # The plugin opens a session for the tests that use it.
    assert relative <= ({0, 1, 2} if file.stem == "pytest_plugin" else {0, 1})
    assert not any(name.startswith("civo_snapshots_async") for name in absolute)


@pytest.mark.parametrize("module", [testing, faults, laws, machine, scripts, pytest_plugin])
def test_public_names_are_sorted_and_exist(module: ModuleType) -> None:
    """Public means listed."""
    names = module.__all__

    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize("module", [testing, faults, laws, machine, scripts, pytest_plugin])
def test_public_names_have_the_public_path(module: ModuleType) -> None:
    """Wherever they are defined: pickles, tracebacks and `help` show where to import them from."""
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, (type, FunctionType)):
            assert (value.__module__, value.__qualname__) == (module.__name__, name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_lists_its_names(file: Path) -> None:
    """What is not in `__all__` is for the file alone; `__main__` gives no name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    assigned = {each.id for group in targets for each in group if isinstance(each, ast.Name)}

    assert ("__all__" in assigned) == (file.stem != "__main__")
