"""The README and the site: every block runs, every output is real, every link leads somewhere."""

import ast
import io
import logging
import re
import runpy
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TypeGuard

import attrs
import pytest

import civo_snapshots_async
from civo_snapshots_async import (
    ApiError,
    CivoSnapshotsError,
    HttpOptions,
    PollPolicy,
    RetryPolicy,
    SnapshotRef,
    SnapshotSession,
    testing,
)
from civo_snapshots_async._http import endpoints, retry, transport
from civo_snapshots_async.telemetry import opentelemetry, prometheus
from civo_snapshots_async.testing import (
    FakeCivo,
    FakeClock,
    faults,
    laws,
    machine,
    pytest_plugin,
    scripts,
)

from .serving import serving
from .test_chaos import SEEDS
from .test_reliability import LOST_RESPONSES
from .test_retry import MEETS, REQUESTS

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PARTS = (scripts, faults, laws, machine)
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]
RELIABILITY = ROOT / "docs" / "explanation" / "reliability.md"
FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\w+\.(?:py|toml))\n")
in_the_source_tree = pytest.mark.skipif(
    not (ROOT / ".ci" / "run").exists(), reason="the tests run without the rest of the source tree"
)


@attrs.frozen(kw_only=True)
class Block:
    """A block of code in a document, and the block that follows it."""

    document: Path
    line: int
    language: str
    text: str
    following: "Block | None" = None

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The file that the block shows, where its first line names one: `# conftest.py`."""
        named = FILE_NAME.match(self.text)
        return named and named[1]

    @property
    def output(self) -> str | None:
        """What it should print."""
        return self.following.text if self.following and self.following.language == "text" else None


def blocks_of(document: Path) -> list[Block]:
    """Return the blocks of a document, in order."""
    if not document.exists():
        return []
    content = document.read_text(encoding="utf-8")
    blocks: list[Block] = []
    for found in reversed(list(FENCE.finditer(content))):
        line = content.count("\n", 0, found.start()) + 1
        following = blocks[0] if blocks else None
        block = Block(document=document, line=line, following=following, **found.groupdict())
        blocks.insert(0, block)
    return blocks


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]
PROGRAMS = [b for b in BLOCKS if b.language == "python" and not b.file_name]
FOLDERS = sorted({b.document for b in BLOCKS if b.file_name})
SHELL = [b for b in BLOCKS if b.language in {"sh", "console"}]


@pytest.fixture
def _account(monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock) -> Iterator[None]:
    """Give the documents the account that their environment names."""
    civo = FakeCivo(clock=fake_clock)
    civo.add_instance("web-1")
    with serving(civo, monkeypatch):
        yield


@contextmanager
def logging_as_in_a_new_process() -> Iterator[None]:
    """Let a block set logging up, and put it back."""
    root, ours = logging.getLogger(), logging.getLogger("civo_snapshots_async")
    handlers, level, our_level = root.handlers, root.level, ours.level
    root.handlers = []
    ours.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        ours.setLevel(our_level)


@pytest.mark.usefixtures("time_passes_at_once", "_account")
@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_a_block_prints_the_output_beside_it(block: Block) -> None:
    """Each Python block is a complete program; a `text` block after it is what it prints."""
    code = compile("\n" * block.line + block.text, block.document, "exec")

    with logging_as_in_a_new_process(), redirect_stdout(io.StringIO()) as printed:
        exec(code, {"__name__": "__main__"})  # noqa: S102 - that is the test

    assert block.output in {None, printed.getvalue()}


@pytest.mark.parametrize("document", FOLDERS, ids=lambda path: path.name)
def test_the_tests_that_a_document_shows_pass(document: Path, pytester: pytest.Pytester) -> None:
    """Blocks that name their file stand in one folder, and pytest runs it."""
    files = {b.file_name: b.text for b in blocks_of(document) if b.file_name}
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")

    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=sum(t.count("def test_") for t in files.values()))


def test_the_readme_begins_with_the_main_job_and_then_the_tests() -> None:
    """Two lines to paste: see it work, and run the tests."""
    first, second = [b.text for b in SHELL if b.document.name == "README.md"][:2]

    assert [text.count("\n") for text in (first, second)] == [1, 1]
    assert first.endswith(" examples/create_wait_restore.py\n")
    assert second.endswith("nox --session tests\n")


@in_the_source_tree
def test_ci_runs_the_readmes_second_command() -> None:
    """What `.ci/run` takes from the README is that line, and it runs it."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    takes = re.search(r"^tests=.*$", script, re.MULTILINE)
    assert takes is not None

    taken = subprocess.check_output(  # noqa: S603 - it is our own
        ["/usr/bin/env", "bash", "-c", f'{takes[0]}; echo "$tests"'], cwd=ROOT, text=True
    )

    assert taken == [b.text for b in SHELL if b.document.name == "README.md"][1]
    assert re.search(r'^bash .*"\$tests"$', script, re.MULTILINE)


@in_the_source_tree
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_ci_runs_each_command_that_installs_the_project(document: Path) -> None:
    """`.ci/installs.py` finds them all, and none requests from PyPI what is not there yet."""
    installs = runpy.run_path(str(ROOT / ".ci" / "installs.py"))["installs"]
    text = document.read_text(encoding="utf-8")
    left_over = " ".join(text.split())

    for command in installs(text):
        assert "civo-snapshots-async" not in command
        left_over = left_over.replace(" ".join(command.split()), "")

    assert re.findall(r"pip install (?!(?:--quiet )?nox )", left_over) == []


@in_the_source_tree
def test_ci_runs_the_session_that_installs() -> None:
    """Beside the others."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert re.search(r"nox --session .*\binstall\b", script)


@in_the_source_tree
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_command_names_files_that_exist(block: Block) -> None:
    """A reader who pastes it finds them."""
    named = re.findall(r"(?<![\w~$/.-])([\w.][\w./-]*\.(?:py|md|toml)|\.ci/\w+)\b", block.text)

    assert [name for name in named if not (ROOT / name).exists()] == []


@in_the_source_tree
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_is_broken(document: Path) -> None:
    """Each link inside the repository leads to a file, and to a heading where it names one."""
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", prose)

    assert [link for link in links if not leads_somewhere(document, *link)] == []


def leads_somewhere(document: Path, path: str, anchor: str) -> bool:
    """Return whether a relative link has a target."""
    target = (document.parent / path).resolve() if path else document
    if not target.exists() or not anchor:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@in_the_source_tree
@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if path.name not in {"README.md", "changelog.md"}],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_page_starts_with_when_to_use_it(document: Path) -> None:
    """Its first sentence is for those who wonder whether to read on."""
    first = document.read_text(encoding="utf-8").split("\n\n")[1]

    assert re.search(r"\b(when|Start here)\b", first)


def reference() -> str:
    """Return the pages of the reference, one after the other."""
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))

    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_the_reference_has_every_public_name() -> None:
    """Public means listed; neither a name that is missing nor one that is no more."""
    public = {
        f"{module.__name__}.{name}"
        for module in (
            civo_snapshots_async,
            testing,
            *PARTS,
            pytest_plugin,
            opentelemetry,
            prometheus,
        )
        for name in module.__all__
    } - {module.__name__ for module in PARTS}

    shown = re.findall(r"^\.\. (?!automodule)\w+:: (\S+)$", reference(), re.MULTILINE)

    assert sorted(shown) == sorted(public)


def test_the_reference_has_every_method_of_a_session() -> None:
    """They are listed by hand, in groups, and come from a private base class as well."""
    public = {name for name in dir(SnapshotSession) if not name.startswith("_")}

    shown = re.findall(r"^   \.\. auto(?:method|property):: (\w+)$", reference(), re.MULTILINE)

    assert sorted(shown) == sorted(public)


def test_the_reference_draws_and_explains_every_error() -> None:
    """In the tree, each under its base class, and in the table below it."""
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^([│ ├└─]*)(\w+Error)$", page, re.MULTILINE)
    explained = re.findall(r"^\| `(\w+Error)` \|", page, re.MULTILINE)

    above: dict[int, str] = {}
    bases: dict[str, str | None] = {}
    for lines, name in drawn:
        above[len(lines)] = name
        bases[name] = above.get(len(lines) - 4)
    errors = {
        name: error
        for name, error in vars(civo_snapshots_async).items()
        if isinstance(error, type) and issubclass(error, CivoSnapshotsError)
    }

    assert bases == {
        name: None if error is CivoSnapshotsError else error.__bases__[0].__name__
        for name, error in errors.items()
    }
    # The subclasses of ApiError say in their names what they are.
    plain = {name for name, error in errors.items() if ApiError not in error.__mro__[1:]}
    assert {*explained} == plain - {"CivoSnapshotsError"}


def test_each_promise_names_a_test_that_exists() -> None:
    """In the last column of each row of the page; found by reading the tests, not by running."""
    page = RELIABILITY.read_text(encoding="utf-8")
    rows = re.findall(r"^\|(?! Promise|---).*\|$", page, re.MULTILINE)
    kept_by = [re.search(r"\| `(tests/[\w/]+\.py)::(\w+(?:::\w+)?)` \|$", row) for row in rows]

    assert [row for row, named in zip(rows, kept_by, strict=True) if named is None] == []
    files = {named[1]: set(functions_in(ROOT / named[1])) for named in kept_by if named}
    assert [named[0] for named in kept_by if named and named[2] not in files[named[1]]] == []


def functions_in(file: Path) -> Iterator[str]:
    """Return the functions that a file defines, as pytest would name them."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{each.name}" for each in node.body if is_function(each))
        elif is_function(node):
            yield node.name


def is_function(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return whether a statement defines a function."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


KIB = 1024
DEFAULTS = SnapshotSession.__init__.__kwdefaults__ or {}
SNAPSHOT = endpoints.get_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))
LIST = endpoints.list_snapshots("web-1", region="LON1")


@pytest.mark.parametrize(
    ("says", "figure"),
    [
        ("sent at most {:g} times in all", RetryPolicy().attempts),
        ("{:g} kinds of request", len(REQUESTS)),
        ("{:g} kinds of error", len(MEETS)),
        ("{:g} s to", RetryPolicy().min_backoff),
        ("s to {:g} s", RetryPolicy().max_backoff),
        ("invalid ones are ignored. | up to {:g} s", retry._MAX_SERVER_BACKOFF),
        ("a budget of {:g} retries", RetryPolicy().budget),
        ("{:g} ways to lose it", len(LOST_RESPONSES) - 1),
        ("searched for {:g} s", DEFAULTS["resolve_timeout"]),
        ("{:,} seeds", len(SEEDS)),
        ("{:g} s an attempt", HttpOptions().request_timeout),
        ("{:g} s in all", HttpOptions().call_timeout),
        ("{:g} slots", HttpOptions().max_connections),
        ("read up to {:g} KiB", SNAPSHOT.max_body / KIB),
        ("a list {:g} MiB", LIST.max_body / KIB / KIB),
        ("an error response {:g} KiB", transport._MAX_ERROR_BODY / KIB),
        ("{:g} polls in a row", PollPolicy().max_consecutive_failures),
        ("not found for a moment. | {:g} s", PollPolicy().not_found_grace),
        ("after {:g} s", PollPolicy().stall_after),
    ],
)
def test_a_figure_is_the_codes(says: str, figure: float) -> None:
    """What is promised is what is set."""
    assert says.format(figure) in RELIABILITY.read_text(encoding="utf-8")
