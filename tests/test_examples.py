"""The examples do what they describe, in no time."""

import asyncio
import builtins
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock

pytestmark = pytest.mark.usefixtures("time_passes_at_once")

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    """Import an example, without running it."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """Call an example's `main` with these arguments, and return its exit status."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    status: int = load(name).main()
    return status


def printed(printed: str) -> list[str]:
    """Return what was printed, without the seconds before it."""
    return [line.partition(" s  ")[2] for line in printed.splitlines() if " s  " in line]


def test_the_main_job_runs_on_a_fake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It creates, prints each change of each volume, and restores into a new instance."""
    assert run(monkeypatch, "create_wait_restore") == 0

    created, *changes, complete, restoring = printed(capsys.readouterr().out)
    assert created.startswith("created snapshot before-upgrade-")
    assert changes == [
        "snapshot: (no state) -> Pending",
        *(f"volume {name}: (not reported) -> Pending" for name in ("root", "data", "logs")),
        *(f"volume {name}: Pending -> Completed" for name in ("root", "data", "logs")),
        "snapshot: Pending -> Complete",
    ]
    assert complete == "complete: the snapshot and its 3 volumes"
    assert restoring == "restoring into a new instance: web-1-copy (in_progress)"


def test_the_main_job_needs_a_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one, it is one line and exit status 1, and no traceback."""
    assert run(monkeypatch, "create_wait_restore", "web-1") == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ConfigurationError: no token: searched the argument token, ")
    assert printed.err.count("\n") == 1


def test_the_nightly_audit_prints_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """For people, for Prometheus and for JSON; its exit status is for cron."""
    metrics, document = tmp_path / "audit.prom", tmp_path / "audit.json"
    files = ("--metrics", str(metrics), "--json", str(document))

    assert run(monkeypatch, "nightly_audit", *files) == 1

    first, *wrong, orphans, quota = capsys.readouterr().out.splitlines()
    assert first.endswith(": 1 of 3 instances ok")
    assert [line.split(":")[0].strip() for line in wrong] == ["db-1", "web-2"]
    assert orphans.startswith("1 snapshot of instances that are gone: last (")
    assert quota == "quota: 10 of 50 snapshots used, 40 left"
    assert "civo_snapshots_audit_instances_in_violation{region=" in metrics.read_text()
    assert json.loads(document.read_text())["is_ok"] is False


def test_the_nightly_audit_of_none_is_another_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody takes it for an audit that found nothing."""
    assert run(monkeypatch, "nightly_audit", "--civo", "web-1") == 2

    assert capsys.readouterr().err.startswith("no audit: ConfigurationError: no token")


@pytest.mark.parametrize("deletes", [True, False], ids=["deletes", "leaves"])
def test_the_weekly_drill_restores_one_and_fails_for_the_other(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    *,
    deletes: bool,
) -> None:
    """One has no snapshot: the exit status is for cron, the reports for people and programs."""
    document = tmp_path / "drills.json"
    options = ["--delete-scratch"] if deletes else []

    assert run(monkeypatch, "weekly_drill", "--json", str(document), *options) == 1

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith(": passed")
    assert printed[1].startswith("  nightly (")
    assert ", 9 h old, restored in " in printed[1]
    assert printed[2].startswith(
        "note: volumes of the scratch" if deletes else "left behind: instance drill-"
    )
    assert printed[-1].endswith(": failed: db-1 has no complete snapshot")
    assert [each["passed"] for each in json.loads(document.read_text())] == [True, False]


def test_a_weekly_drill_that_can_not_be_made_is_another_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody takes it for a backup that does not restore."""
    assert run(monkeypatch, "weekly_drill", "--civo", "web-1") == 2

    assert capsys.readouterr().err.startswith("no drill: ConfigurationError: no token")


def replies(
    monkeypatch: pytest.MonkeyPatch, reply: Callable[[str], str], *others: str
) -> list[str]:
    """Reply to the questions of an example, to the first by its text; return what was asked."""
    asked: list[str] = []

    def respond(question: str) -> str:
        asked.append(question)
        return reply(question) if len(asked) == 1 else others[len(asked) - 2]

    monkeypatch.setattr(builtins, "input", respond)
    return asked


def approve(question: str) -> str:
    """Type what the bot wants to see."""
    return question.split()[2]


@pytest.mark.parametrize(("last", "holds"), [("undo", "release 2, broken"), ("keep", "release 1")])
def test_the_bot_applies_what_was_approved_and_undoes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], last: str, holds: str
) -> None:
    """It shows the plan, each change of the safety snapshot, and what came of it."""
    asked = replies(monkeypatch, approve, last)

    assert run(monkeypatch, "restore_bot") == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[1:2] == [
        "bot> Overwrites web-1 (ACTIVE) with before-upgrade, complete, taken 37 h ago (2 volumes)."
    ]
    assert printed[2].startswith("bot> Lost: everything written since. First takes the safety")
    assert any(
        line.startswith("bot>   safety snapshot: ") and line.endswith("-> Complete")
        for line in printed
    )
    assert "bot> Done: web-1 is restored from before-upgrade." in printed
    assert printed[-1] == f"web-1 holds: {holds}"
    assert len(asked) == 2


def test_the_bot_sends_nothing_that_was_not_approved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`yes` is not the fingerprint of the plan."""
    replies(monkeypatch, lambda _: "yes")

    assert run(monkeypatch, "restore_bot") == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[-2:] == ["bot> Canceled: nothing was sent.", "web-1 holds: release 2, broken"]


async def test_the_bot_says_why_it_has_not_applied_a_plan(
    civo: FakeCivo, fake_clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has changed, or it was delivered twice."""
    bot = load("restore_bot")
    civo.add_snapshot("web-1", name="before", age=3600)

    def open_session() -> SnapshotSession:
        return SnapshotSession(
            civo.token, region=civo.region, api_url=civo.api_url, clock=fake_clock
        )

    text = await bot.propose(open_session, "web-1", "before")
    assert await bot.apply(open_session, text)
    assert not await bot.apply(open_session, text)
    again = await bot.propose(open_session, "web-1", "before")
    civo.add_snapshot("web-1", "snap-9", name="nightly")
    assert not await bot.apply(open_session, again)

    printed = capsys.readouterr().out
    assert "bot> Not done: plan " in printed
    assert "bot> Not done, and nothing was overwritten:\nbot>   newer snapshot snap-9 is new" in (
        printed
    )
    assert len(civo.restores) == 1


@pytest.mark.parametrize(("arguments", "status"), [(("web-1",), 2), (("web-1", "nightly"), 1)])
def test_the_bot_needs_a_snapshot_and_a_token(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
) -> None:
    """It is an exit status, and no traceback."""
    try:
        ended: object = run(monkeypatch, "restore_bot", *arguments)
    except SystemExit as stop:
        ended = stop.code

    assert ended == status
    assert "Traceback" not in capsys.readouterr().err


def test_every_call_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """Each step gets as far as its last line."""
    asyncio.run(load("every_call").main())

    printed = capsys.readouterr().out
    for line in (
        "delete:  to-be-deleted",
        "         now: Complete - still pending: 0",
        "wait:    both complete: True",
        "poll:    four policies",
        "restore: web-1 holds release 1",
        "failed:   ['vol-2']",
        "vanished: was Pending",
        "timeout:  2 volumes pending",
        "conflict: database_snapshot_create_already_in_process",
        "missing:  404 database_snapshot_not_found",
        "refused:  name must be an RFC 1123 label",
        "token:    404 is not a missing snapshot, but database_account_not_found",
        "session:  7 snapshots; yours is closed: False",
    ):
        assert line in printed.splitlines()
