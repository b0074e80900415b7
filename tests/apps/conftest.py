"""A FakeCivo on the machine's own time, and programs that use it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from civo_snapshots_async.testing import FakeCivo

from ..programs import STRICTLY, complaints
from ..serving import serving

EXAMPLES = Path(__file__).parents[2] / "examples"
# Long enough for a loaded machine; a test that waits for it has failed.
PATIENCE = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person ask for the pictures of the documentation anew."""
    parser.addoption("--pictures", action="store_true", help="write docs/pictures/web-service-*")


@pytest.fixture
def civo(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCivo]:
    """Return a FakeCivo with one instance, which programs find in their environment."""
    civo = FakeCivo(takes=0.0)
    civo.add_instance("web-1", volumes=("root", "data", "logs"))
    with serving(civo, monkeypatch):
        yield civo


@attrs.define(kw_only=True)
class Program:
    """A program that runs, and what it has written once it has ended."""

    process: subprocess.Popen[str]
    first_line: str
    complaints: str = ""

    def stop(self) -> int:
        """Terminate it, and return its exit status."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE)
        self.complaints = complaints(errors)

        return self.process.returncode


@contextmanager
def running(*arguments: str) -> Iterator[Program]:
    """Run a Python program strictly, from its first line on; kill it in the end."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*STRICTLY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        if not first_line:
            _, errors = process.communicate(timeout=PATIENCE)
            pytest.fail(errors)
        yield Program(process=process, first_line=first_line.strip())
    finally:
        process.kill()
        process.communicate()


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
