"""The command around another one."""

import sys

import pytest

from civo_snapshots_async.testing import FakeCivo

from .conftest import Run

SUCCEED = (sys.executable, "-c", "pass")
FAIL = (sys.executable, "-c", "raise SystemExit(3)")


def kinds(civo: FakeCivo) -> list[str]:
    """Return what was requested, in order, but for polls."""
    return [request.kind for request in civo.requests if request.kind not in {"get", "list"}]


@pytest.mark.parametrize(
    ("command", "options", "comes_to"),
    [
        (SUCCEED, [], (0, ["create"])),
        (SUCCEED, ["--on-success=delete"], (0, ["create", "delete"])),
        (FAIL, [], (5, ["create"])),
        (FAIL, ["--on-error=restore"], (5, ["create", "restore"])),
    ],
    ids=["success", "success, delete", "failure", "failure, restore"],
)
def test_the_end_of_the_command_decides(
    served: FakeCivo,
    run: Run,
    command: tuple[str, ...],
    options: list[str],
    comes_to: tuple[int, list[str]],
) -> None:
    """What becomes of the snapshot, and of the instance."""
    ended = run("checkpoint", "web-1", *options, "--", *command)

    assert (ended.status, kinds(served)) == comes_to


def test_a_failure_reports_what_became_of_the_snapshot(served: FakeCivo, run: Run) -> None:
    """And of the restore."""
    ended = run("checkpoint", "web-1", "--name=before", "--on-error=restore", "--", *FAIL)

    assert "checkpoint: snapshot before (" in ended.err
    assert "checkpoint: the restore over instance web-1 has " in ended.err
    assert ended.err.splitlines()[-1].endswith("exited with 3")
    assert served.instance("web-1") is not None


def test_without_a_command_nothing_is_made(served: FakeCivo, run: Run) -> None:
    """It is wrong use."""
    ended = run("checkpoint", "web-1")

    assert (ended.status, kinds(served)) == (2, [])
