"""What `civo_snapshots_async.testing` may lean on."""

import ast
from pathlib import Path

import pytest

from civo_snapshots_async import testing

FILES = sorted(Path(testing.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_of_the_client_is_imported(file: Path) -> None:
    """A mistake in the client's codec must not agree with itself."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))

    relative = {node.level for node in nodes if isinstance(node, ast.ImportFrom)}
    absolute = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    absolute |= {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    assert relative <= {0, 1}
    assert not any(name.startswith("civo_snapshots_async") for name in absolute)


def test_public_names_are_sorted_and_there() -> None:
    """Public means listed."""
    assert testing.__all__ == sorted(testing.__all__)
    assert testing.scripts.__all__ == sorted(testing.scripts.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)
