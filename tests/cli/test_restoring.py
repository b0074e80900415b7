"""The commands that restore, on a FakeCivo: shown, approved, applied and undone."""

import asyncio
import io
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.console import Console

from civo_snapshots_async import ApiError, Restore, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeInstance, faults, scripts

from .conftest import Ended, Run

WRITES = {"create", "restore", "delete"}
ERROR = ApiError("Civo returned 503", status=503, method="GET", path="/v2")
Types = Callable[[str], io.StringIO]


@pytest.fixture
def web(served: FakeCivo) -> FakeInstance:
    """Return web-1, which is broken since its snapshot "nightly"."""
    web = served.instance("web-1")
    web.disk = "release 1"
    served.add_snapshot("web-1", "snap-1", name="nightly", age=7200)
    web.disk = "release 2, broken"
    return web


def writes(civo: FakeCivo) -> list[str]:
    """Return what was requested to change, in order."""
    return [request.kind for request in civo.requests if request.kind in WRITES]


def fingerprint_in(ended: Ended) -> str:
    """Return the fingerprint that was shown."""
    found = re.search(r"^fingerprint: ([0-9a-f]{40})$", ended.err, re.MULTILINE)
    assert found
    return found[1]


def approved(run: Run, *arguments: str) -> Ended:
    """Run a command, and again with the option that it prints."""
    line = run(*arguments).err.splitlines()[-1]
    return run(*shlex.split(line)[1:])


def coroutine(result: object) -> Callable[..., Awaitable[object]]:
    """Return a coroutine function that returns a value, or raises an error."""

    async def call(*_: object, **__: object) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    return call


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Types:
    """Return a function that puts a person at a terminal, who types a text."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def sit_down(text: str) -> io.StringIO:
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=True, highlight=False, soft_wrap=True)
        monkeypatch.setattr("sys.stdin", Terminal(text))
        for module in ("_restoring", "_printing", "_following"):
            monkeypatch.setattr(f"civo_snapshots_async.cli.{module}.stderr", lambda: console)
        return shown

    return sit_down


class TestWithoutATerminal:
    """Only a plan's fingerprint is a yes."""

    @pytest.mark.parametrize("more", [["--overwrite"], ["--hostname=web-1-copy"]], ids=str)
    def test_nothing_is_sent(
        self, served: FakeCivo, web: FakeInstance, run: Run, more: list[str]
    ) -> None:
        """The plan, its fingerprint and the command that applies it are printed."""
        ended = run("restore", "web-1", "nightly", *more)

        *_, error, line = ended.err.splitlines()
        assert (ended.status, ended.out, writes(served)) == (7, "", [])
        assert error.startswith("error: nothing was sent: there is no terminal")
        assert shlex.split(line) == [
            "civo-snapshots", "restore", "web-1", "nightly", *more,
            f"--yes={fingerprint_in(ended)}",
        ]  # fmt: skip
        assert web.disk == "release 2, broken"

    def test_the_printed_command_overwrites(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """After a safety snapshot; the last line undoes it."""
        ended = approved(run, "restore", "web-1", "nightly", "--overwrite")

        assert (ended.status, writes(served)) == (0, ["create", "restore"])
        assert "over instance web-1: in_progress\n" in ended.err
        assert ended.out == "instance web-1 (web-1): ACTIVE\n"
        assert web.disk == "release 1"
        again = approved(run, *shlex.split(ended.err.splitlines()[-1])[1:])
        assert again.status == 0
        assert web.disk == "release 2, broken"

    def test_without_a_safety_snapshot_there_is_one_write(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """And no way to undo it is printed."""
        ended = approved(run, "restore", "web-1", "nightly", "--overwrite", "--no-safety-snapshot")

        assert (ended.status, writes(served)) == (0, ["restore"])
        assert "to undo it" not in ended.err
        assert web.disk == "release 1"

    def test_a_new_instance_is_followed_until_it_is_active(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """It is the result; the old one is as it was."""
        ended = approved(run, "restore", "web-1", "nightly", "--hostname=web-1-copy")

        (copy,) = (each for each in served.instances.values() if each.hostname == "web-1-copy")
        assert (ended.status, ended.out) == (0, f"instance web-1-copy ({copy.id}): ACTIVE\n")
        assert "into web-1-copy: in_progress" in ended.err
        assert (copy.disk, web.disk) == ("release 1", "release 2, broken")

    def test_another_fingerprint_is_no_yes(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """As of a plan that was made before something changed."""
        before = fingerprint_in(run("restore", "web-1", "nightly", "--overwrite"))
        served.add_snapshot("web-1", "snap-2", name="newer")

        ended = run("restore", "web-1", "nightly", "--overwrite", f"--yes={before}")

        assert (ended.status, writes(served)) == (7, [])
        assert ended.err.splitlines()[-1] == (
            f"error: nothing was sent: --yes={before} is not this plan's fingerprint"
        )
        assert web.disk == "release 2, broken"

    def test_the_option_stands_before_two_hyphens(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """After them it would be a name."""
        ended = approved(run, "restore", "--overwrite", "--", "web-1", "nightly")

        assert (ended.status, web.disk) == (0, "release 1")
        assert writes(served)[-1] == "restore"

    def test_quietly_the_result_alone_is_printed(self, web: FakeInstance, run: Run) -> None:
        """For a script that knows the fingerprint."""
        options = ("restore", "web-1", "nightly", "--hostname=copy", "--quiet")
        yes = f"--yes={fingerprint_in(run(*options))}"

        ended = run(*options, yes, "-o", "json")

        assert (ended.status, ended.err) == (0, "")
        assert json.loads(ended.out)["instance"]["hostname"] == "copy"
        assert web.disk == "release 2, broken"


class TestOnATerminal:
    """It asks, and takes one word for a yes."""

    @pytest.mark.parametrize(
        ("option", "typed", "sent"),
        [
            ("--overwrite", "web-1\n", ["create", "restore"]),
            ("--overwrite", "yes\n", []),
            ("--overwrite", "", []),
            ("--hostname=copy", "yes\n", ["restore"]),
            ("--hostname=copy", "y\n", []),
        ],
    )
    @pytest.mark.usefixtures("web")
    def test_the_word_decides(
        self, served: FakeCivo, run: Run, types: Types, *, option: str, typed: str, sent: list[str]
    ) -> None:
        """Of an overwrite it is the instance's name."""
        shown = types(typed)

        ended = run("restore", "web-1", "nightly", option)

        assert (ended.status, writes(served)) == (0 if sent else 7, sent)
        word = "web-1" if option == "--overwrite" else "yes"
        assert f"it, type {word}: " in shown.getvalue()

    def test_a_name_that_can_not_be_typed_is_not_requested(
        self, served: FakeCivo, web: FakeInstance, run: Run, types: Types
    ) -> None:
        """The id is."""
        web.hostname = "web\n1"
        shown = types("web-1\n")

        assert run("restore", "web-1", "nightly", "--overwrite").status == 0
        assert "To overwrite it, type web-1: " in shown.getvalue()
        assert writes(served) == ["create", "restore"]

    def test_the_safety_snapshot_is_shown_live(
        self, served: FakeCivo, web: FakeInstance, run: Run, types: Types
    ) -> None:
        """A line for each of its volumes."""
        served.script_next("web-1", scripts.completes(takes=60))
        shown = types("web-1\n")

        run("restore", "web-1", "nightly", "--overwrite")

        assert "safety snapshot of instance web-1" in shown.getvalue()
        assert "volume vol-1" in shown.getvalue()
        assert web.disk == "release 1"


class TestAPlan:
    """Made by one, applied by another."""

    def test_is_written_and_applied(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """The same file undoes it."""
        file = str(tmp_path / "plan.json")
        plan = run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)
        assert (plan.status, plan.out, writes(served)) == (0, "", [])

        applied = run("restore", "apply", file, f"--yes={fingerprint_in(plan)}")

        assert (applied.status, web.disk) == (0, "release 1")
        undo = shlex.split(applied.err.splitlines()[-1])[1:]
        assert undo[:3] == ["restore", "undo", file]
        assert approved(run, *undo).status == 0
        assert web.disk == "release 2, broken"

    def test_is_printed_without_a_file(self, web: FakeInstance, run: Run) -> None:
        """As one line of JSON."""
        ended = run("restore", "plan", "web-1", "nightly", "--hostname=copy", "--quiet")

        assert (ended.status, ended.err) == (0, "")
        assert json.loads(ended.out)["hostname"] == "copy"
        assert web.disk == "release 2, broken"

    def test_never_takes_the_place_of_another(
        self, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """That one may be needed to undo what it did."""
        file = tmp_path / "plan.json"
        file.write_text("of yesterday")

        ended = run("restore", "plan", "web-1", "nightly", "-o", str(file))

        assert ended.status == 2
        assert ended.err.splitlines()[-1] == f"error: {file} exists, and no plan is overwritten"
        assert (file.read_text(), web.disk) == ("of yesterday", "release 2, broken")

    def test_of_its_region_needs_no_other_one(
        self, web: FakeInstance, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is applied where it was made for."""
        file = str(tmp_path / "plan.json")
        plan = run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)
        monkeypatch.delenv("CIVO_REGION")

        assert run("restore", "apply", file, f"--yes={fingerprint_in(plan)}").status == 0
        assert web.disk == "release 1"

    def test_is_refused_when_it_does_not_hold(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """It names what is different."""
        file = str(tmp_path / "plan.json")
        plan = run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)
        served.add_snapshot("web-1", "snap-2", name="newer")

        ended = run("restore", "apply", file, f"--yes={fingerprint_in(plan)}")

        assert (ended.status, writes(served)) == (7, [])
        assert "newer snapshot snap-2 is new" in ended.err
        assert web.disk == "release 2, broken"

    def test_is_applied_once(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """A script that runs twice overwrites once."""
        file = str(tmp_path / "plan.json")
        plan = run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)
        yes = f"--yes={fingerprint_in(plan)}"
        statuses = [run("restore", "apply", file, yes).status for _ in range(2)]

        assert (statuses, writes(served)) == ([0, 7], ["create", "restore"])
        assert web.disk == "release 1"

    @pytest.mark.parametrize("command", ["apply", "undo"])
    def test_is_requested_without_a_terminal(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path, command: str
    ) -> None:
        """Applied or undone: each is a restore."""
        file = str(tmp_path / "plan.json")
        run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)

        ended = run("restore", command, file)

        assert (ended.status, writes(served)) == (7, [])
        assert "Overwrites web-1" in ended.err
        assert web.disk == "release 2, broken"

    def test_that_was_not_applied_is_not_undone(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """There is no safety snapshot."""
        file = str(tmp_path / "plan.json")
        plan = run("restore", "plan", "web-1", "nightly", "--overwrite", "-o", file)

        ended = run("restore", "undo", file, f"--yes={fingerprint_in(plan)}")

        assert (ended.status, writes(served)) == (7, [])
        assert "it has no safety snapshot" in ended.err
        assert web.disk == "release 2, broken"

    def test_without_a_safety_snapshot_is_not_undone(
        self, served: FakeCivo, web: FakeInstance, run: Run, tmp_path: Path
    ) -> None:
        """Before anybody is asked."""
        file = str(tmp_path / "plan.json")
        run("restore", "plan", "web-1", "nightly", "--hostname=copy", "-o", file)

        ended = run("restore", "undo", file)

        assert (ended.status, writes(served)) == (2, [])
        assert ended.err.endswith("takes no safety snapshot: it can't be undone\n")
        assert web.disk == "release 2, broken"

    @pytest.mark.parametrize("command", ["apply", "undo"])
    def test_is_what_plan_wrote_and_nothing_else(
        self, served: FakeCivo, run: Run, tmp_path: Path, command: str
    ) -> None:
        """Anything else is wrong use."""
        file = tmp_path / "plan.json"
        file.write_text("{}")

        ended = run("restore", command, str(file))

        assert (ended.status, served.requests) == (2, [])
        assert ended.err.startswith("error: not a restore plan: ")


class TestTheInstance:
    """It is followed as far as Civo allows."""

    def test_that_was_shut_off_is_not_waited_for(
        self, web: FakeInstance, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may stay so; the restore is the result."""
        monkeypatch.setattr(FakeInstance, "status", "SHUTOFF")

        ended = approved(run, "restore", "web-1", "nightly", "--overwrite")

        assert (ended.status, web.disk) == (0, "release 1")
        assert ended.out.endswith("over instance web-1: in_progress\n")

    def test_without_a_host_name_is_not_found(
        self, served: FakeCivo, web: FakeInstance, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing else identifies it."""
        nameless = Restore(id="restore-1", instance_id="web-1", region="FAKE1")
        monkeypatch.setattr(SnapshotSession, "apply_restore", coroutine(nameless))

        ended = approved(run, "restore", "web-1", "nightly")

        assert (ended.status, ended.out) == (
            0, "restore restore-1 of snapshot unknown into a new instance: no state yet\n",
        )  # fmt: skip
        assert "Civo gave no host name" in ended.err
        assert (writes(served), web.disk) == ([], "release 2, broken")


class TestTrouble:
    """What is sent is known, however it ends."""

    def test_a_snapshot_that_is_not_complete_is_not_restored(
        self, served: FakeCivo, run: Run
    ) -> None:
        """No plan is made."""
        served.add_snapshot("web-1", "snap-1", script=scripts.stuck())

        ended = run("restore", "web-1", "snap-1", "--overwrite")

        assert (ended.status, writes(served)) == (7, [])
        assert "is not complete" in ended.err

    def test_a_restore_whose_response_was_lost_is_unknown(
        self, served: FakeCivo, web: FakeInstance, run: Run
    ) -> None:
        """It may have been done."""
        served.inject("restore", faults.close("before", effect=True))

        ended = approved(run, "restore", "web-1", "nightly", "--hostname=copy")

        assert ended.status == 8
        assert "A new instance copy may have been created" in ended.err
        assert web.disk == "release 2, broken"

    def test_a_timeout_after_the_restore_reports_that_it_was_started(
        self, web: FakeInstance, run: Run
    ) -> None:
        """It goes on without us."""
        ended = approved(run, "restore", "web-1", "nightly", "--hostname=copy", "--timeout=1")

        assert ended.status == 6
        assert ended.err.endswith("the restore was started, and continues at Civo\n")
        assert web.disk == "release 2, broken"

    @pytest.mark.parametrize("listing", [ERROR, ()], ids=["no list", "not in it"])
    def test_a_safety_snapshot_that_is_not_listed_is_named_by_its_prefix(
        self, web: FakeInstance, run: Run, monkeypatch: pytest.MonkeyPatch, listing: object
    ) -> None:
        """The restore was sent all the same."""
        monkeypatch.setattr(SnapshotSession, "list_snapshots", coroutine(listing))

        ended = approved(run, "restore", "web-1", "nightly", "--overwrite")

        assert (ended.status, web.disk) == (0, "release 1")
        assert "restore over it the snapshot whose name begins with undo-" in ended.err

    @pytest.mark.parametrize(
        ("call", "says"),
        [
            ("apply_restore", "interrupted: check instance web-1 before you restore again"),
            ("wait_until_active", "interrupted: the restore continues at Civo"),
        ],
    )
    def test_ctrl_c_prints_what_to_check(
        self, web: FakeInstance, run: Run, monkeypatch: pytest.MonkeyPatch, call: str, says: str
    ) -> None:
        """Before the restore was sent or after it."""
        monkeypatch.setattr(SnapshotSession, call, coroutine(asyncio.CancelledError()))

        ended = approved(run, "restore", "web-1", "nightly", "--overwrite")

        assert (ended.status, ended.err.splitlines()[-1]) == (130, says)
        assert web.disk == ("release 1" if call == "wait_until_active" else "release 2, broken")
