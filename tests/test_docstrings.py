"""The docstrings: the six calls describe their errors alike, and code stands in backticks."""

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc, getdoc
from pathlib import Path

import pytest

import civo_snapshots_async
from civo_snapshots_async import SnapshotSession
from civo_snapshots_async._http import endpoints

PACKAGE = Path(civo_snapshots_async.__file__).parent
PAGE = "https://www.civo.com/api/instance-snapshots"
SIX_CALLS = ("create", "list", "get", "update", "restore", "delete")
RAISES = re.compile(
    r"Raises (`SnapshotNotCompleteError` if [^,]+, )?`ApiError` if Civo returns an error, "
    r"`TransportError` if [^,]+, (`(DecodeError|OutcomeUnknownError)` if [^,]+, )+"
    r"and `SessionClosedError`\. "
    r"Invalid arguments raise `ValueError` or `TypeError` before any request\."
)
# The help of a command is shown as it is, without markup.
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "cli" not in path.parts]


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Return the line and the text of each docstring in a file, those of attributes as well.

    Indented blocks are left out: they are shown as they are.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield node.lineno, re.sub(r"(?m)^ {4}.*$", "", cleandoc(text))
            case _:
                pass


@pytest.mark.parametrize("call", SIX_CALLS)
def test_a_call_names_last_what_it_raises(call: str) -> None:
    """In one order and in the same words, so that a reader finds the difference."""
    name = "list_snapshots" if call == "list" else f"{call}_snapshot"
    last = (getdoc(getattr(SnapshotSession, name)) or "").rpartition("\n\n")[2]

    assert RAISES.fullmatch(" ".join(last.split()))


@pytest.mark.parametrize(
    "module", [endpoints, civo_snapshots_async._models], ids=lambda m: m.__name__
)
def test_what_follows_civos_page_links_it(module: object) -> None:
    """At the top of the file."""
    assert PAGE in (getdoc(module) or "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_code_in_a_docstring_stands_in_backticks(path: Path) -> None:
    """The reference shows it as code."""
    bare = [
        (line, found[0])
        for line, text in docstrings(path)
        for found in re.finditer(r"\b[a-z]\w*_\w+\b|\bNone\b", re.sub(r"`[^`]*`", "", text))
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("head", "files"),
    [("wait.py", ("wait.py",)), ("poller.py", ("poller.py", "pools.py"))],
    ids=["wait", "poller"],
)
def test_each_invariant_is_named_where_it_is_kept(head: str, files: tuple[str, ...]) -> None:
    """The head of the file lists them by number; comments name the numbers, and no other ones."""
    room = PACKAGE / "_waits"
    texts = {name: (room / name).read_text(encoding="utf-8") for name in files}
    listed = re.findall(r"(?m)^(\d+)\. ", ast.get_docstring(ast.parse(texts[head])) or "")

    named = {
        number for text in texts.values() for number in re.findall(r"\(invariant (\d+)\)", text)
    }

    assert listed == [str(number) for number in range(1, len(listed) + 1)]
    assert named == set(listed)
