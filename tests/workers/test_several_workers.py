"""Several workers: each instance gets one complete snapshot, whoever is killed."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from civo_snapshots_async.testing import FakeCivo, faults, scripts

from ..programs import complaints
from .conftest import INSTANCES

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "several_workers" / "run.py")
# Long enough for a loaded machine; a test that waits for it has failed.
PATIENCE = 90
# Far from what the cron of a test enqueues.
NEVER = "0 0 29 2 *"


@pytest.fixture(autouse=True)
def _not_at_night(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be enqueued while a test runs that does not ask for it."""
    monkeypatch.setenv("NIGHTLY_CRON", NEVER)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, EXAMPLE, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )


@contextmanager
def working(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker from when it works; kill it in the end."""
    worker = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, EXAMPLE, "work", "--stalled-after=6", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "working\n"
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something in other processes, which nothing announces."""
    given_up_at = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < given_up_at
        time.sleep(0.1)


def jobs(database: psycopg.Connection) -> Counter[str]:
    """Count the jobs that back up, by their status."""
    rows = database.execute("SELECT status FROM procrastinate_jobs WHERE task_name = 'back_up'")

    return Counter(str(status) for (status,) in rows)


def complete(civo: FakeCivo) -> Counter[str]:
    """Count the complete snapshots of each instance."""
    return Counter(each.instance_id for each in civo.snapshots() if each.status == COMPLETE)


COMPLETE = scripts.completed()(0.0, ("vol-1", "vol-2"))


class Waited:
    """A script that is pending until it is released, and knows of each get of its snapshot."""

    def __init__(self, civo: FakeCivo, instance_id: str) -> None:
        self.is_released = False
        self._civo = civo
        self._instance_id = instance_id
        civo.script_next(instance_id, self)

    @property
    def is_polled(self) -> bool:
        """Whether a wait has polled it."""
        polls = [each for each in self._civo.requests if each.kind == "get"]

        return any(each.instance_id == self._instance_id for each in polls)

    def __call__(self, elapsed: float, volumes: Sequence[str]) -> scripts.Status | None:
        """Return the status, as any script does."""
        return (scripts.completed() if self.is_released else scripts.stuck())(elapsed, volumes)


def enqueue(database: psycopg.Connection, **arguments: str) -> None:
    """Enqueue one job by hand."""
    database.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) "
        "VALUES ('default', 'back_up', jsonb_object(%s, %s))",
        (list(arguments), list(arguments.values())),
    )


def in_an_hour() -> str:
    """Return a deadline that is far enough."""
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def test_a_killed_workers_jobs_are_done_by_another(
    civo: FakeCivo, database: psycopg.Connection
) -> None:
    """Killed in mid-wait: the queue's own rescue puts its jobs back, and no snapshot is doubled."""
    waits = [Waited(civo, instance_id) for instance_id in INSTANCES]
    command("prepare")
    with working("--concurrency=3") as first, working("--concurrency=3"):
        command("tonight")
        until(lambda: all(each.is_polled for each in waits))

        first.kill()
        first.wait()
        for each in waits:
            each.is_released = True
        with working():
            until(lambda: jobs(database) == {"succeeded": len(INSTANCES)})

    assert complete(civo) == dict.fromkeys(INSTANCES, 1)
    assert len(civo.effects) == len(INSTANCES)
    attempts = database.execute(
        "SELECT count(*) FROM procrastinate_events e JOIN procrastinate_jobs j ON j.id = e.job_id "
        "WHERE e.type = 'deferred_for_retry' AND j.task_name = 'back_up'"
    ).fetchone()
    assert attempts == (3,)


def test_a_periodic_task_enqueues_the_night(
    civo: FakeCivo, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is due, and however many workers there are, it is one snapshot a night."""
    monkeypatch.setenv("NIGHTLY_CRON", "* * * * * */3")
    command("prepare")
    with working(), working():
        until(lambda: jobs(database)["succeeded"] >= 2 * len(INSTANCES))

    assert set(complete(civo).values()) <= {1, 2}  # two, if midnight came in between
    assert {each.name for each in civo.snapshots()} <= {
        f"nightly-{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (0, 1)
    }


def test_a_worker_that_is_terminated_puts_its_jobs_back(
    civo: FakeCivo, database: psycopg.Connection
) -> None:
    """At once, without waiting for a rescue; the next worker continues."""
    waits = [Waited(civo, instance_id) for instance_id in INSTANCES]
    command("prepare")
    command("tonight")
    with working() as worker:
        until(lambda: all(each.is_polled for each in waits))
        worker.terminate()
        _, errors = worker.communicate(timeout=PATIENCE)
    assert "Traceback" not in complaints(errors)
    assert jobs(database) == {"todo": len(INSTANCES)}

    for each in waits:
        each.is_released = True
    with working():
        until(lambda: jobs(database) == {"succeeded": len(INSTANCES)})
    assert len(civo.effects) == len(INSTANCES)


def test_a_lost_create_is_found_by_the_next_attempt(
    civo: FakeCivo, database: psycopg.Connection
) -> None:
    """Killed while Civo makes the snapshot: the job knows its name."""
    civo.inject("create", faults.hang(effect=True))
    command("prepare")
    enqueue(database, instance_id="web-1", name="nightly-1", deadline=in_an_hour())
    with working() as first:
        until(lambda: len(civo.effects) == 1)
        first.kill()
        first.wait()
        with working():
            until(lambda: jobs(database) == {"succeeded": 1})

    assert len(civo.effects) == 1


def test_a_deadline_is_kept_across_attempts(civo: FakeCivo, database: psycopg.Connection) -> None:
    """It is the job's, not the attempt's: past it, there is one last poll and no retry."""
    civo.script_next("web-1", scripts.stuck())
    command("prepare")
    passed = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    enqueue(database, instance_id="web-1", name="nightly-1", deadline=passed)
    with working():
        until(lambda: jobs(database) == {"failed": 1})

    assert [each.kind for each in civo.requests].count("get") == 1


def test_a_failed_snapshot_fails_its_job(civo: FakeCivo, database: psycopg.Connection) -> None:
    """A retry would find the same; the others go on."""
    civo.script_next("web-1", scripts.fails("vol-1"))
    command("prepare")
    command("tonight")
    with working():
        until(lambda: jobs(database) == {"failed": 1, "succeeded": len(INSTANCES) - 1})

    assert complete(civo) == dict.fromkeys(set(INSTANCES) - {"web-1"}, 1)
    assert "'failed': 1" in command("status").stdout


def test_prepare_may_be_run_twice(database: psycopg.Connection) -> None:
    """A deployment does not have to know."""
    for _ in range(2):
        command("prepare")

    assert jobs(database) == {}
    assert command("status").stdout == "no jobs\n"


@pytest.mark.usefixtures("database")
def test_a_worker_needs_a_token() -> None:
    """One line, and no traceback."""
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, EXAMPLE, "work"], capture_output=True, text=True, check=False, timeout=90
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("ConfigurationError: no token")
