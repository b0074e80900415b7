"""The command that proves that a backup restores, on a FakeCivo."""

import asyncio
import json
import sys

import pytest

from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.cli import _drilling
from civo_snapshots_async.testing import FakeCivo

from .conftest import Run

SUCCEEDS = f"{sys.executable} -c pass"
FAILS = f"{sys.executable} -c 'raise SystemExit(3)'"
SHOWS = (
    f"{sys.executable} -c "
    "'import os; print({name: os.environ[name] for name in os.environ if \"CIVO_INST\" in name})'"
)
HANGS = f"{sys.executable} -c 'import time; time.sleep(600)'"


@pytest.fixture
def backed_up(served: FakeCivo) -> FakeCivo:
    """Return an account whose instance has a complete snapshot."""
    served.add_snapshot("web-1", "snap-1", name="nightly", age=3600)
    return served


@pytest.mark.parametrize(("command", "status"), [(SUCCEEDS, 0), (FAILS, 5)])
def test_the_check_decides(backed_up: FakeCivo, run: Run, command: str, status: int) -> None:
    """The scratch instance is left."""
    ended = run("drill", "web-1", "--check-command", command)

    assert ended.status == status
    assert ended.out.startswith("drill of web-1 in FAKE1, ")
    assert ("passed" in ended.out) == (status == 0)
    assert len(backed_up.instances) == 2


def test_the_scratch_instance_is_deleted_if_wanted(backed_up: FakeCivo, run: Run) -> None:
    """And nothing else."""
    ended = run(
        "drill", "web-1", "nightly", "--check-command", SUCCEEDS, "--delete-scratch", "-o", "json"
    )

    document = json.loads(ended.out)
    assert (ended.status, document["passed"], document["left_behind"]) == (0, True, [])
    assert list(backed_up.instances) == ["web-1"]


@pytest.mark.usefixtures("backed_up")
def test_a_command_learns_which_instance_it_is(run: Run) -> None:
    """What it prints is no result."""
    ended = run("drill", "web-1", "--check-command", SHOWS, "--quiet")

    shown = ended.err.splitlines()[0]
    assert "'CIVO_INSTANCE_HOSTNAME': 'drill-" in shown
    assert "CIVO_INSTANCE_ID" in shown
    assert "CIVO_INSTANCE_IP" in shown
    assert "CIVO_INST" not in ended.out


@pytest.mark.usefixtures("backed_up")
def test_a_command_that_does_not_end_is_killed(run: Run) -> None:
    """When its time is over."""
    ended = run("drill", "web-1", "--check-command", HANGS, "--check-timeout=30s")

    assert ended.status == 5
    assert "the check did not end within 30 s" in ended.out


@pytest.mark.parametrize(
    ("options", "name"),
    [(["--check-http=/health"], "http_ok"), (["--check-port=22"], "port_open")],
    ids=str,
)
@pytest.mark.usefixtures("backed_up")
def test_a_service_is_checked(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: list[str], name: str
) -> None:
    """By the library's own checks."""
    asked: list[object] = []

    async def check(_: object) -> bool:
        return True

    def make(what: object, **_: object) -> object:
        asked.append(what)
        return check

    monkeypatch.setattr(_drilling, name, make)

    assert run("drill", "web-1", *options).status == 0
    assert asked == ["/health" if name == "http_ok" else 22]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--check-http=/health", "--check-port=80"],
        ["--check-command="],
        ["--check-http=health"],
        ["--check-port=0"],
        ["--check-port=80", "--check-timeout=soon"],
    ],
    ids=str,
)
def test_wrong_use_sends_nothing(served: FakeCivo, run: Run, options: list[str]) -> None:
    """It is one sentence."""
    ended = run("drill", "web-1", *options)

    assert (ended.status, served.requests) == (2, [])
    assert ended.err.startswith("error: ")


def test_without_a_snapshot_it_fails(served: FakeCivo, run: Run) -> None:
    """A backup that is not there does not restore."""
    ended = run("drill", "web-1", "--check-command", SUCCEEDS)

    assert ended.status == 5
    kinds = {request.kind for request in served.requests}
    assert kinds.isdisjoint({"create", "restore", "delete_instance"})


def test_ctrl_c_prints_what_is_left(
    served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library notes it on the cancellation."""

    async def interrupted(*_: object, **__: object) -> object:
        error = asyncio.CancelledError()
        error.add_note("drill: instance drill-1 is left")
        raise error

    monkeypatch.setattr(SnapshotSession, "drill", interrupted)

    ended = run("drill", "web-1", "--check-port=22")

    assert (ended.status, served.requests) == (130, [])
    assert ended.err.splitlines()[-1] == "drill: instance drill-1 is left"
