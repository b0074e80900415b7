"""The site has what the source documents: `nox --session docs` runs it, as it needs Sphinx."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import civo_snapshots_async
from civo_snapshots_async import testing

pytest.importorskip("sphinx", reason="`nox --session docs` has Sphinx")

ROOT = Path(__file__).parents[1]
DOCS = [path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts]
PUBLIC = {*civo_snapshots_async.__all__, *testing.__all__}


def documented_fields() -> Iterator[tuple[str, str]]:
    """Return the fields of public classes that have a string below them, and that string."""
    for file in Path(civo_snapshots_async.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name in PUBLIC:
                for field, text in strings_below(node):
                    yield f"{node.name}.{field}", text


def strings_below(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Return what a class, or its `__init__`, assigns and then documents."""
    inits = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    for body in (node.body, *(each.body for each in inits if each.name == "__init__")):
        for field, text in pairwise(body):
            match field, text:
                case (
                    ast.AnnAssign(target=target) | ast.Assign(targets=[target]),
                    ast.Expr(value=ast.Constant(value=str(documentation))),
                ):
                    yield ast.unparse(target).removeprefix("self."), documentation


def in_one_line(text: str) -> str:
    """Return a text as the text builder would write it, without its line breaks and list marks."""
    without_marks = re.sub(r"^\s*[-*] ", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", "", without_marks.replace("`", '"'))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as text, and return the folder of the reference."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "text", str(ROOT / "docs"), str(folder)]
    subprocess.run(command, check=True)  # noqa: S603 - it is our own

    return folder / "reference"


def test_every_field_is_shown_with_what_documents_it(reference: Path) -> None:
    """Autodoc reads it in the file of a class's module, and the package hides which that is."""
    pages = reference.glob("*.txt")
    page = in_one_line("\n".join(each.read_text(encoding="utf-8") for each in pages))
    fields = dict(documented_fields())
    assert len(fields) > 100
    assert [name for name, text in fields.items() if in_one_line(text) not in page] == []


def test_the_page_of_the_command_has_each_command_and_option(reference: Path) -> None:
    """It is made from the command itself, as `--help` is."""
    page = (reference / "command.txt").read_text(encoding="utf-8")

    titles = re.findall(r"^(.+)\n=+$", page, re.MULTILINE)
    assert {"create", "checkpoint", "doctor", "fake serve"} <= {*titles}
    assert [title for title in titles if f"civo-snapshots {title}" not in page] == []
    assert "sphinx" not in page
    assert "--on-error" in page


def test_llms_txt_has_a_line_for_each_page(reference: Path) -> None:
    """Its title, its address and when to read it, in the order of the table of contents."""
    text = (reference.parent / "llms.txt").read_text(encoding="utf-8")

    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in DOCS}
    found = re.findall(r"^- \[([^\]]+)\]\((\S+)\.html\): (.{20,})$", text, re.MULTILINE)
    assert {Path(page) for _, page, _ in found} == pages - {Path("index")}
    assert text.startswith("# civo-snapshots-async\n\n> Start here when ")
    assert "- [Wait for a snapshot](how-to/wait-for-a-snapshot.html): " in text
