"""The command as a program: in a pipe, on a terminal, and interrupted."""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from civo_snapshots_async.testing import FakeCivo, scripts

from ..programs import complaints
from ..serving import serving

COMMAND = (sys.executable, "-X", "dev", "-W", "error", "-m", "civo_snapshots_async")
CTRL_C = "\x03"
# Long enough for a loaded machine; a test that waits for it has failed.
_PATIENCE = 60


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCivo]:
    """Return a FakeCivo on the machine's own time, which programs find in their environment."""
    civo = FakeCivo(takes=0.2)
    civo.add_instance("web-1")
    with serving(civo, monkeypatch):
        yield civo


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a pipe."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **more},
        timeout=_PATIENCE,
    )


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command in pipes; whatever a test finds, it does not outlive that test."""
    program = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


def react(program: subprocess.Popen[bytes], terminal: int, typed: str) -> None:
    """Type a text, or press Ctrl-C."""
    if typed == CTRL_C:
        program.send_signal(signal.SIGINT)
    else:
        os.write(terminal, typed.encode())


def run_on_a_terminal(*arguments: str, typed: str = "", **more: str) -> tuple[int, str]:
    """Run the command on a pseudo-terminal, and return its status and all that was shown.

    `typed` is what a person types when it asks.
    """
    leader, follower = pty.openpty()
    program = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **more},
        close_fds=True,
    )
    os.close(follower)
    shown = bytearray()
    while select.select([leader], [], [], _PATIENCE)[0]:
        try:
            read = os.read(leader, 65536)
        except OSError:
            break
        if not read:
            break
        shown += read
        if typed and b", type " in shown:
            react(program, leader, typed)
            typed = ""
    os.close(leader)

    return program.wait(_PATIENCE), shown.decode()


def test_in_a_pipe_a_line_comes_for_each_change(live: FakeCivo) -> None:
    """Without color, and the result alone on stdout."""
    pending, complete = scripts.stuck(), scripts.completed()

    def after_two_polls(elapsed: float, volumes: Sequence[str]) -> Mapping[str, object] | None:
        polls = sum(request.kind == "get" for request in live.requests)
        return (complete if polls > 2 else pending)(elapsed, volumes)

    live.script_next("web-1", after_two_polls)

    ended = run("create", "web-1", "--name=nightly", "--wait", "--interval=0.05")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("\n") == 1
    assert "snapshot: Pending -> Complete" in ended.stderr
    assert "\x1b" not in ended.stderr + ended.stdout
    assert live.requests[0].kind == "create"


def test_on_a_terminal_volumes_are_shown_live(live: FakeCivo) -> None:
    """Each in a line of its own, with when the next poll is due."""
    live.script_next("web-1", scripts.completes(takes=1.5))

    status, shown = run_on_a_terminal(
        "create", "web-1", "--name=nightly", "--wait", "--interval=0.1"
    )

    assert status == 0, shown
    assert "volume vol-1" in shown
    assert re.search(r"next poll in \d+ s", shown)
    assert "complete, 2 of 2 volumes complete" in shown


@pytest.mark.parametrize(
    ("typed", "ends"), [("web-1\n", (0, "release 1")), (CTRL_C, (130, "release 2"))]
)
def test_on_a_terminal_an_overwrite_asks(live: FakeCivo, typed: str, ends: tuple[int, str]) -> None:
    """A Ctrl-C is no yes."""
    web = live.instance("web-1")
    web.disk = "release 1"
    live.add_snapshot("web-1", "snap-1")
    web.disk = "release 2"

    status, shown = run_on_a_terminal(
        "restore", "web-1", "snap-1", "--overwrite", "--interval=0.1", typed=typed
    )

    assert (status, web.disk) == ends, shown
    assert "Traceback" not in shown
    if status == 0:
        assert "To overwrite it, type web-1: " in shown
        assert "volume vol-1" in shown


def test_in_a_pipe_nothing_is_restored_without_a_fingerprint(live: FakeCivo) -> None:
    """The last line is the command that restores."""
    live.add_snapshot("web-1", "snap-1")

    refused = run("restore", "web-1", "snap-1", "--hostname=copy", "--interval=0.1")
    assert (refused.returncode, refused.stdout) == (7, "")
    line = refused.stderr.splitlines()[-1]

    ended = run(*shlex.split(line)[1:])
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("instance copy (")
    assert [request.kind for request in live.requests].count("restore") == 1


def test_on_a_narrow_terminal_no_id_is_cut(live: FakeCivo) -> None:
    """It takes several lines instead."""
    live.add_snapshot("web-1", "s" * 60, name="nightly")

    _, shown = run_on_a_terminal("list", "web-1", COLUMNS="60", NO_COLOR="1")

    assert shown.count("s") >= 60
    assert "…" not in shown


def test_no_color_is_obeyed(live: FakeCivo) -> None:
    """On a terminal as well."""
    live.add_snapshot("web-1", "snap-1")

    _, plain = run_on_a_terminal("list", "web-1", NO_COLOR="1")
    _, styled = run_on_a_terminal("list", "web-1")

    assert "\x1b[3" not in plain
    assert "\x1b[1m" in styled


def test_interrupted_it_prints_how_to_wait_on(live: FakeCivo) -> None:
    """The line is a command that works."""
    live.add_snapshot("web-1", "snap-1", script=scripts.stuck())
    with started("wait", "web-1", "snap-1", "--interval=0.05") as program:
        assert program.stderr is not None
        # Development mode may write lines of its own first.
        while not program.stderr.readline().startswith("snapshot "):
            pass
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=_PATIENCE)

    assert program.returncode == 130
    assert "Traceback" not in err
    line = complaints(err).splitlines()[-1]
    assert shlex.split(line)[:2] == ["civo-snapshots", "resume"]
    live.snapshot("web-1", "snap-1").script = scripts.completed()
    again = run(*shlex.split(line)[1:])
    assert (again.returncode, again.stdout.count("\n")) == (0, 1), again.stderr


def test_the_demo_does_the_main_job() -> None:
    """It ends where it should: the new instance runs, and holds what was saved."""
    ended = run("demo", "--takes=0.4")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "web-1-copy is ACTIVE and holds 'release 1'\n"


def test_fake_serve_serves_until_it_is_interrupted() -> None:
    """For other programs."""
    with started("fake", "serve", "--instance=db-1") as program:
        assert program.stdout is not None
        greeting = program.stdout.readline()
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=_PATIENCE)

    assert greeting == "FakeCivo serves db-1 until Ctrl-C.\n"
    assert program.returncode == 0
