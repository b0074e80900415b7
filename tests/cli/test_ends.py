"""How a command ends: its status, and one sentence on stderr."""

import runpy
from collections.abc import Callable

import pytest

from civo_snapshots_async import (
    AmbiguousInstanceError,
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    ConfigurationError,
    InstanceFailedError,
    InstanceNotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RestoreAlreadyAppliedError,
    RestorePlanChangedError,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotVanishedError,
    TransportError,
    UndoRefusedError,
    WaitTimeoutError,
)
from civo_snapshots_async.cli import _exits, main
from civo_snapshots_async.cli._exits import Exit, Stop
from civo_snapshots_async.testing import FakeCivo, faults

from ..programs import run_strictly
from .conftest import Run


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ConfigurationError, 2),
        (ValueError, 2),
        (TypeError, 2),
        (SnapshotNotFoundError, 3),
        (InstanceNotFoundError, 3),
        (SnapshotVanishedError, 3),
        (AuthenticationError, 4),
        (PermissionDeniedError, 4),
        (SnapshotFailedError, 5),
        (InstanceFailedError, 5),
        (WaitTimeoutError, 6),
        (SnapshotNotCompleteError, 7),
        (RestorePlanChangedError, 7),
        (RestoreAlreadyAppliedError, 7),
        (UndoRefusedError, 7),
        (OutcomeUnknownError, 8),
        (ApiError, 1),
        (TransportError, 1),
        (AmbiguousInstanceError, 1),
        (CivoSnapshotsError, 1),
        (FileNotFoundError, 1),
        (ZeroDivisionError, None),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_each_error_has_its_status(kind: type[Exception], status: int | None) -> None:
    """A bug has none: it is to be seen as one."""
    assert _exits.status_of(kind.__new__(kind)) == status


def test_a_stop_has_its_own_status() -> None:
    """Whatever its text."""
    assert _exits.status_of(Stop(Exit.GUARDED, "no")) == 7


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], 'error: Unknown command "nonsense"'),
        (["list"], "error: "),
        (["list", "web-1", "-o", "xml"], "error: "),
        (["list", "../web-2"], "error: instance_id must be"),
        (["wait", "web-1", "snap-1", "--timeout=-1"], "error: timeout must be"),
        (["batch", "/nowhere", "--name=nightly"], "error: "),
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_sentence(
    served: FakeCivo, run: Run, arguments: list[str], says: str
) -> None:
    """Before anything is sent, and never a traceback."""
    ended = run(*arguments)

    assert ended.status in {1, 2}
    assert ended.err.startswith(says)
    assert "Traceback" not in ended.err
    assert [request.kind for request in served.requests if request.kind != "get"] == []


def test_a_refused_token_is_not_shown(
    served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a status of its own."""
    monkeypatch.setenv("CIVO_TOKEN", "a-wrong-token")

    ended = run("list", "web-1")

    assert ended.status == 4
    assert "the token was refused" in ended.err
    assert "a-wrong-token" not in ended.err + ended.out
    assert len(served.requests) == 1


def test_without_settings_it_names_where_it_searched(run: Run) -> None:
    """As the library does."""
    ended = run("list", "web-1")

    assert ended.status == 2
    assert "CIVO_TOKEN" in ended.err


def test_a_lost_response_is_an_unknown_outcome(served: FakeCivo, run: Run) -> None:
    """Not a failure: it may have been made."""
    served.inject("create", faults.close("before", effect=True))
    served.inject("list", *[faults.status(503)] * 100)

    assert run("create", "web-1", "--name=nightly").status == 8


def test_a_bug_is_seen_as_one(served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made a sentence."""

    async def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("civo_snapshots_async.SnapshotSession.list_snapshots", broken)

    with pytest.raises(ZeroDivisionError):
        run("list", "web-1")
    assert served.requests == []


def test_verbose_prints_the_log(served: FakeCivo, run: Run) -> None:
    """On stderr; the result stays alone on stdout."""
    ended = run("create", "web-1", "--name=nightly", "--verbose")

    assert "INFO create snapshot nightly of instance web-1" in ended.err
    assert ended.out.count("\n") == 1
    assert len(served.requests) == 1


def test_help_and_version_are_no_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """They need neither token nor network."""
    assert (main(["--help"]), main(["--version"])) == (0, 0)

    out, err = capfd.readouterr()
    assert "Exit status: 0 done" in out
    assert err == ""


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_its_extra_it_names_what_to_install(missing: str) -> None:
    """In one sentence."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None; "
        "from civo_snapshots_async.cli import main; sys.exit(main(['--help']))"
    )

    status, out, err = run_strictly("-c", program)

    assert (status, out) == (1, "")
    assert err == f"civo-snapshots needs {missing}: pip install 'civo-snapshots-async[cli]'\n"


@pytest.mark.parametrize("name", ["rich.console", "cyclopts"])
def test_the_absence_of_an_extra_is_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whichever part of it is missing."""
    monkeypatch.setattr("civo_snapshots_async.cli.import_module", absent(name))

    assert main([]) == 1
    assert capfd.readouterr().err.startswith(f"civo-snapshots needs {name.partition('.')[0]}: ")


def test_any_other_absence_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made a sentence."""
    monkeypatch.setattr("civo_snapshots_async.cli.import_module", absent("attrs"))

    with pytest.raises(ModuleNotFoundError):
        main([])


def absent(name: str) -> Callable[..., object]:
    """Return a function that imports nothing."""

    def import_nothing(*_: object) -> object:
        raise ModuleNotFoundError(name=name)

    return import_nothing


def test_the_package_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `python -m`."""
    monkeypatch.setattr("sys.argv", ["civo_snapshots_async", "--version"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("civo_snapshots_async", run_name="__main__")

    assert ended.value.code == 0
