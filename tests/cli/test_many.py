"""The commands over many instances, on a FakeCivo."""

import io
import json
from pathlib import Path

import pytest

from civo_snapshots_async.testing import FakeCivo, faults, scripts

from .conftest import Run

DAY = 86_400


@pytest.fixture
def inventory(served: FakeCivo, tmp_path: Path) -> str:
    """Return a file that names two instances."""
    served.add_instance("web-2")
    path = tmp_path / "inventory"
    path.write_text("# all of them\nweb-1\n\nweb-2  # the second\n", encoding="utf-8")
    return str(path)


def kinds(civo: FakeCivo) -> list[str]:
    """Return what was requested, in order."""
    return [request.kind for request in civo.requests]


class TestBatch:
    """One snapshot for each instance of a file."""

    def test_prints_what_became_of_each(self, served: FakeCivo, run: Run, inventory: str) -> None:
        """In a table, in the file's order."""
        ended = run("batch", inventory, "--name=nightly")

        assert ended.status == 0
        assert [line.split()[:2] for line in ended.out.splitlines()[1:]] == [
            ["web-1", "completed"],
            ["web-2", "completed"],
        ]
        assert kinds(served).count("create") == 2

    def test_reads_stdin(self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """For another command's output."""
        monkeypatch.setattr("sys.stdin", io.StringIO("web-1\n"))

        assert run("batch", "-", "--name=nightly").status == 0
        assert kinds(served).count("create") == 1

    def test_a_restart_makes_no_second_snapshot(
        self, served: FakeCivo, run: Run, inventory: str
    ) -> None:
        """With --ensure."""
        for _ in range(2):
            assert run("batch", inventory, "--name=nightly", "--ensure").status == 0

        assert kinds(served).count("create") == 2

    def test_a_failure_of_one_has_a_status_of_its_own(
        self, served: FakeCivo, run: Run, inventory: str, tmp_path: Path
    ) -> None:
        """And the report names it."""
        served.script_next("web-1", scripts.fails(after=5))
        report = tmp_path / "report.json"

        ended = run("batch", inventory, "--name=nightly", f"--report={report}")

        document = json.loads(report.read_text(encoding="utf-8"))
        assert ended.status == 9
        assert {each["instance_id"]: each["status"] for each in document["outcomes"]} == {
            "web-1": "failed",
            "web-2": "completed",
        }
        assert document["outcomes"][0]["error"]["type"] == "SnapshotFailedError"

    def test_old_snapshots_are_pruned_where_the_new_one_is_complete(
        self, served: FakeCivo, run: Run, inventory: str
    ) -> None:
        """With --keep-last."""
        for number in (1, 2, 3):
            served.add_snapshot("web-1", f"old-{number}", age=number * DAY)

        ended = run("batch", inventory, "--name=nightly", "--keep-last=2")

        left = [each.id for each in served.snapshots("web-1")]
        assert ended.status == 0
        assert "old-1" in left
        assert not {"old-2", "old-3"} & set(left)

    def test_an_empty_inventory_is_wrong_use(
        self, served: FakeCivo, run: Run, tmp_path: Path
    ) -> None:
        """A nightly job that does nothing should not seem to have done something."""
        path = tmp_path / "inventory"
        path.write_text("# nothing\n", encoding="utf-8")

        ended = run("batch", str(path), "--name=nightly")

        assert (ended.status, kinds(served)) == (2, [])
        assert ended.err == f"error: {path} names no instance\n"


class TestPrune:
    """It deletes only by an option."""

    @pytest.mark.parametrize(("more", "deleted"), [([], 0), (["--apply"], 2)])
    def test_it_shows_the_plan(
        self, served: FakeCivo, run: Run, more: list[str], deleted: int
    ) -> None:
        """And does it with --apply."""
        for number in (1, 2, 3):
            served.add_snapshot("web-1", f"old-{number}", age=number * DAY)

        ended = run("prune", "web-1", "--keep-last=1", *more)

        assert ended.status == 0
        word = "deleted" if deleted else "delete"
        assert [line.split()[3] for line in ended.out.splitlines()[1:]] == [word, word, "keep"]
        assert kinds(served).count("delete") == deleted

    def test_a_rule_is_needed(self, served: FakeCivo, run: Run) -> None:
        """Nothing is deleted by default."""
        ended = run("prune", "web-1", "--apply")

        assert (ended.status, kinds(served)) == (2, [])

    def test_a_deletion_that_fails_has_a_status_of_its_own(
        self, served: FakeCivo, run: Run
    ) -> None:
        """The others are deleted all the same."""
        for number in (1, 2, 3):
            served.add_snapshot("web-1", f"old-{number}", age=number * DAY)
        served.inject("delete", *[faults.status(403)])

        ended = run("prune", "web-1", "--keep-last=1", "--apply")

        assert ended.status == 9
        assert ended.err.startswith("did not delete snapshot-3 (old-3): DELETE ")
        assert ended.err.endswith("1 of 2 snapshots deleted, 1 of 1 instance failed\n")
        assert [line.split()[3] for line in ended.out.splitlines()[1:]] == [
            "failed", "deleted", "keep",
        ]  # fmt: skip

    def test_an_instance_that_can_not_be_listed_hides_no_other(
        self, served: FakeCivo, run: Run
    ) -> None:
        """It is named."""
        for number in (1, 2):
            served.add_snapshot("web-1", f"old-{number}", age=number * DAY)

        ended = run("prune", "gone", "web-1", "--keep-last=1", "--apply")

        assert (ended.status, kinds(served).count("delete")) == (9, 1)
        assert ended.err.startswith("gone: not pruned: GET ")

    def test_programs_read_the_plan(self, served: FakeCivo, run: Run) -> None:
        """Quietly, one instance a line."""
        for number in (1, 2):
            served.add_snapshot("web-1", f"old-{number}", age=number * DAY)

        ended = run("prune", "web-1", "--keep-within=36h", "--apply", "-q", "-o", "jsonl")

        (one,) = [json.loads(line) for line in ended.out.splitlines()]
        assert [each["is_deletion"] for each in one["plan"]["entries"]] == [True, False]
        assert [each["error"] for each in one["result"]["outcomes"]] == [None]
        assert (ended.status, ended.err) == (0, "")


def test_a_quiet_batch_prints_json_alone(served: FakeCivo, run: Run, inventory: str) -> None:
    """For another program."""
    ended = run("batch", inventory, "--name=nightly", "-q", "-o", "json")

    assert [each["status"] for each in json.loads(ended.out)] == ["completed", "completed"]
    assert (ended.err, kinds(served).count("create")) == ("", 2)
