"""The nightly batch as a program: each night one snapshot of each instance, whatever happens."""

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from civo_snapshots_async.testing import FakeCivo, faults, scripts

from .programs import STRICTLY, complaints
from .serving import serving
from .test_examples import run

EXAMPLE = Path(__file__).parents[1] / "examples" / "nightly_batch.py"
INSTANCES = ("web-1", "web-2", "db-1")
TONIGHT = "nightly-2026-03-08"
# Long enough for a loaded machine; a test that waits for it has failed.
PATIENCE = 60
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows ends a program without a signal")


@attrs.frozen(kw_only=True)
class Job:
    """The job's files, and how to run it."""

    inventory: Path
    report: Path

    def command(self, *more: str) -> list[str]:
        """Return how to start it strictly: whatever it leaves open is a complaint."""
        files = (str(self.inventory), f"--report={self.report}", f"--name={TONIGHT}")

        return [*STRICTLY, str(EXAMPLE), *files, *more]

    def run(self, *more: str) -> tuple[int, list[str], str]:
        """Run it to its end; return the exit status, the lines on stdout, and stderr."""
        ended = subprocess.run(  # noqa: S603 - our own program
            self.command(*more), capture_output=True, text=True, check=False, timeout=PATIENCE
        )

        return ended.returncode, ended.stdout.splitlines(), complaints(ended.stderr)

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(  # noqa: S603 - our own program
            self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def document(self) -> dict[str, Any]:
        """Return the report."""
        document: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))

        return document


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job for three instances."""
    inventory = tmp_path / "inventory.txt"
    inventory.write_text("# production\nweb-1\nweb-2  # the second\n\ndb-1\n", encoding="utf-8")

    return Job(inventory=inventory, report=tmp_path / "report.json")


@pytest.fixture
def civo(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCivo]:
    """Return a FakeCivo on the machine's own time, which programs find in their environment."""
    civo = FakeCivo(takes=0.0)
    for instance_id in INSTANCES:
        civo.add_instance(instance_id)
    with serving(civo, monkeypatch):
        yield civo


class Waited:
    """A script that is pending until it is released, and knows when a certain request came."""

    def __init__(self, civo: FakeCivo, instance_id: str, *, until: str = "get") -> None:
        self.requested = threading.Event()
        self.is_released = False
        self._civo = civo
        self._request = until, instance_id
        civo.script_next(instance_id, self)

    def __call__(self, elapsed: float, volumes: Sequence[str]) -> scripts.Status | None:
        """Return the status, as any script does."""
        if self._request in {(each.kind, each.instance_id) for each in self._civo.requests}:
            self.requested.set()

        return (scripts.completed() if self.is_released else scripts.stuck())(elapsed, volumes)


def snapshots_of_tonight(civo: FakeCivo) -> Counter[str]:
    """Count the snapshots of each instance that have tonight's name."""
    return Counter(each.instance_id for each in civo.snapshots() if each.name == TONIGHT)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    """Return the status of each instance in a report."""
    return {each["instance_id"]: each["status"] for each in document["snapshots"]["outcomes"]}


def creates(civo: FakeCivo) -> int:
    """Count the snapshots that were created, deleted ones as well."""
    return [effect.kind for effect in civo.effects].count("create")


def test_each_instance_is_snapshotted_pruned_and_audited(civo: FakeCivo, job: Job) -> None:
    """Of its own snapshots the job keeps seven; it leaves those of other names alone."""
    for days in range(1, 10):
        civo.add_snapshot("web-1", name=f"nightly-{days}", age=timedelta(days=days))
    civo.add_snapshot("web-1", name="before-upgrade", age=timedelta(days=30))

    status, printed, complained = job.run()

    assert (status, complained) == (0, "")
    assert printed[0] == f"{TONIGHT}: 3 instances"
    assert set(printed[1:4]) == {
        "web-1: completed; 3 deleted",
        "web-2: completed; 0 deleted",
        "db-1: completed; 0 deleted",
    }
    assert printed[4].endswith(": 3 of 3 instances ok")
    assert snapshots_of_tonight(civo) == dict.fromkeys(INSTANCES, 1)
    assert [each.name for each in civo.snapshots("web-1")] == [
        TONIGHT,
        *(f"nightly-{days}" for days in range(1, 7)),
        "before-upgrade",
    ]


def test_the_report_has_all_of_it(civo: FakeCivo, job: Job) -> None:
    """The outcome of each instance, what was deleted, the audit, and the exit status."""
    for days in range(1, 9):
        civo.add_snapshot("db-1", name=f"nightly-{days}", age=timedelta(days=days))

    job.run()

    document = job.document()
    deleted = document["pruned"]["db-1"]["outcomes"]
    assert (document["exit_status"], document["name"]) == (0, TONIGHT)
    assert document["summary"] == "3 completed, 0 failed, 0 unknown, 0 not started"
    assert statuses(document) == dict.fromkeys(INSTANCES, "completed")
    assert [each["snapshot"]["name"] for each in deleted] == ["nightly-8", "nightly-7"]
    assert document["audit"]["is_ok"] is True
    assert document["errors"] == {}
    assert list(job.report.parent.glob("*.part")) == []


def test_one_failure_is_the_exit_status_and_deletes_nothing(civo: FakeCivo, job: Job) -> None:
    """An instance without a new snapshot keeps all of its old ones; the others go on."""
    for days in range(1, 10):
        civo.add_snapshot("web-1", name=f"nightly-{days}", age=timedelta(days=days))
    civo.script_next("web-1", scripts.fails("vol-2"))

    status, printed, complained = job.run()

    assert status == 1
    assert "web-1" in complained
    assert any(line.startswith("web-1: failed: ") for line in printed)
    assert len(civo.snapshots("web-1")) == 10
    document = job.document()
    assert statuses(document) == {"web-1": "failed", "web-2": "completed", "db-1": "completed"}
    assert document["exit_status"] == 1
    assert {each["kind"] for each in document["audit"]["entries"][0]["violations"]} == {
        "newest_failed"
    }


@pytest.mark.parametrize(
    ("kind", "what"), [("list", "web-1"), ("delete", None)], ids=["the list", "a deletion"]
)
def test_what_could_not_be_pruned_is_the_exit_status(
    civo: FakeCivo, job: Job, kind: faults.Target, what: str | None
) -> None:
    """Each snapshot is complete; the report says what is left over, and why."""
    civo.add_snapshot("web-1", name="nightly-1", age=timedelta(days=1))
    job.inventory.write_text("web-1\n", encoding="utf-8")
    # The first list is that of `ensure`, the second one is for the prune.
    nth = 2 if kind == "list" else 1
    civo.inject(kind, faults.status(422, code="parameter_invalid", reason="no"), nth=nth)

    status, printed, _ = job.run("--keep-last=1")

    document = job.document()
    assert status == document["exit_status"] == 1
    assert statuses(document) == {"web-1": "completed"}
    assert list(document["errors"]) == ([what] if what else [])
    assert printed[1].startswith("web-1: completed; ")
    assert printed[1] != "web-1: completed; 1 deleted"


@on_posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_stopped_in_a_wait_it_continues_without_a_second_snapshot(
    civo: FakeCivo, job: Job, number: signal.Signals
) -> None:
    """It ends at once, with the signal's status and a report; the next run does the rest."""
    waits = [Waited(civo, instance_id) for instance_id in INSTANCES]
    waits[0].is_released = True

    with job.start() as program:
        assert all(script.requested.wait(PATIENCE) for script in waits)
        program.send_signal(number)
        _, complained = program.communicate(timeout=PATIENCE)

    assert program.returncode == 128 + number
    assert complaints(complained) == "stopped; start it again to continue\n"
    stopped = job.document()
    assert stopped["exit_status"] == 128 + number
    assert "unknown" in statuses(stopped).values()
    for script in waits:
        script.is_released = True
    assert job.run()[0] == 0
    assert snapshots_of_tonight(civo) == dict.fromkeys(INSTANCES, 1)
    assert creates(civo) == len(INSTANCES)


@on_posix
def test_terminated_in_a_create_it_continues_without_a_second_snapshot(
    civo: FakeCivo, job: Job
) -> None:
    """Civo has made the snapshot, and its response never came."""
    job.inventory.write_text("web-1\n", encoding="utf-8")
    waited = Waited(civo, "web-1", until="create")
    civo.inject("create", faults.hang(effect=True))

    with job.start() as program:
        assert waited.requested.wait(PATIENCE)
        program.terminate()
        program.communicate(timeout=PATIENCE)

    assert program.returncode == 143
    assert statuses(job.document()) == {"web-1": "unknown"}
    waited.is_released = True
    assert job.run()[0] == 0
    assert creates(civo) == 1


@on_posix
def test_killed_it_continues_without_a_second_snapshot(civo: FakeCivo, job: Job) -> None:
    """Nothing is needed of the run before: not even its report."""
    waited = Waited(civo, "db-1")

    with job.start() as program:
        assert waited.requested.wait(PATIENCE)
        program.kill()
        program.communicate(timeout=PATIENCE)

    assert not job.report.exists()
    waited.is_released = True
    assert job.run()[0] == 0
    assert snapshots_of_tonight(civo) == dict.fromkeys(INSTANCES, 1)
    assert creates(civo) == len(INSTANCES)


def test_a_refused_token_is_the_error_of_each(civo: FakeCivo, job: Job) -> None:
    """And of the audit; the report says so."""
    civo.token = "another-one-0123456789"

    status, printed, _ = job.run()

    document = job.document()
    assert status == 1
    assert statuses(document) == dict.fromkeys(INSTANCES, "failed")
    assert document["errors"]["audit"]["type"] == "AuthenticationError"
    assert printed[-1].startswith("no audit: ")


@pytest.mark.parametrize(
    ("listed", "more", "why"),
    [
        ("# none\n", (), "names no instance"),
        ("web-1\nweb-1\n", (), "names web-1 more than once"),
        ("web-1\n", ("--name=Not a label",), "name must be an RFC 1123 label"),
    ],
    ids=["an empty inventory", "an instance twice", "a name"],
)
def test_wrong_use_sends_nothing(
    civo: FakeCivo, job: Job, listed: str, more: tuple[str, ...], why: str
) -> None:
    """It is one line, and a status of its own."""
    job.inventory.write_text(listed, encoding="utf-8")

    status, printed, complained = job.run(*more)

    assert (status, printed, civo.requests) == (2, [], [])
    assert complained.startswith("nothing done: ValueError: ")
    assert why in complained
    assert complained.count("\n") == 1


@pytest.mark.parametrize("missing", ["token", "inventory"])
def test_nothing_is_done_without_a_token_or_an_inventory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], job: Job, missing: str
) -> None:
    """No account is guessed."""
    if missing == "inventory":
        job.inventory.unlink()
    monkeypatch.setenv("CIVO_REGION", "LON1")

    assert run(monkeypatch, "nightly_batch", str(job.inventory)) == 2

    complained = capsys.readouterr().err
    assert complained.startswith("nothing done: ")
    assert missing in complained


@pytest.mark.usefixtures("time_passes_at_once")
def test_it_runs_without_an_account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a fake with the snapshots of eight nights."""
    assert run(monkeypatch, "nightly_batch") == 0

    first, *outcomes, audited, quota = capsys.readouterr().out.splitlines()
    assert first.endswith(": 3 instances")
    assert {line.partition("; ")[2] for line in outcomes} == {"2 deleted"}
    assert audited.endswith(": 3 of 3 instances ok")
    assert quota.startswith("quota: 21 of ")
