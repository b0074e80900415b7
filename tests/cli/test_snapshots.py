"""The commands of one snapshot, on a FakeCivo."""

import asyncio
import io
import json
import shlex

import pytest
from rich.console import Console

from civo_snapshots_async.testing import FakeCivo, faults, scripts

from .conftest import Run


def kinds(civo: FakeCivo) -> list[str]:
    """Return what was requested, in order."""
    return [request.kind for request in civo.requests]


class TestReading:
    """List and show change nothing."""

    def test_list_prints_a_line_for_each_snapshot(self, served: FakeCivo, run: Run) -> None:
        """With a head for people."""
        served.add_snapshot("web-1", "snap-1", name="nightly")

        ended = run("list", "web-1")

        head, line = ended.out.splitlines()
        assert head.split()[:3] == ["NAME", "ID", "PHASE"]
        assert line.split()[:3] == ["nightly", "snap-1", "complete"]
        assert (ended.status, ended.err) == (0, "")

    @pytest.mark.parametrize("output", ["json", "jsonl"])
    def test_list_prints_json_for_programs(self, served: FakeCivo, run: Run, output: str) -> None:
        """One document, or one a line."""
        served.add_snapshot("web-1", "snap-1", name="nightly")

        ended = run("list", "web-1", "-o", output)

        read = json.loads(ended.out)
        (one,) = read if output == "json" else [read]
        assert (one["id"], one["name"], one["region"]) == ("snap-1", "nightly", served.region)

    def test_show_names_each_volume(self, served: FakeCivo, run: Run) -> None:
        """And why it is not complete."""
        served.add_snapshot("web-1", "snap-1", script=scripts.complete_with_pending_volume())

        ended = run("show", "web-1", "snap-1")

        assert "  volume " in ended.out
        assert "not complete:" in ended.out

    def test_quiet_prints_the_result_alone(self, served: FakeCivo, run: Run) -> None:
        """For a script."""
        ended = run("create", "web-1", "--name=nightly", "--wait", "--quiet")

        assert ended.err == ""
        assert ended.out.startswith("snapshot nightly (")
        assert kinds(served)[0] == "create"


class TestWriting:
    """Create, update and delete."""

    def test_create_returns_at_once(self, served: FakeCivo, run: Run) -> None:
        """With one request."""
        ended = run("create", "web-1", "--name", "nightly", "--description", "of Monday")

        assert ended.status == 0
        assert kinds(served) == ["create"]
        assert served.requests[0].fields == {"name": "nightly", "description": "of Monday"}

    def test_create_waits_and_prints_a_line_for_each_change(
        self, served: FakeCivo, run: Run
    ) -> None:
        """On stderr; the result alone is on stdout."""
        served.script_next("web-1", scripts.completes(takes=30))

        ended = run("create", "web-1", "--name", "nightly", "--wait")

        assert ended.out.count("\n") == 1
        assert "complete" in ended.out
        assert "snapshot: Pending -> Complete" in ended.err

    def test_ensure_makes_one_snapshot(self, served: FakeCivo, run: Run) -> None:
        """However often it is run."""
        for _ in range(2):
            assert run("create", "web-1", "--name", "nightly", "--ensure").status == 0

        assert kinds(served).count("create") == 1

    def test_ensure_needs_a_name(self, served: FakeCivo, run: Run) -> None:
        """Wrong use, before anything is sent."""
        ended = run("create", "web-1", "--ensure")

        assert (ended.status, kinds(served)) == (2, [])
        assert ended.err == "error: --ensure needs --name\n"

    def test_update_changes_the_name(self, served: FakeCivo, run: Run) -> None:
        """And prints what it is now."""
        served.add_snapshot("web-1", "snap-1", name="nightly")

        ended = run("update", "web-1", "snap-1", "--name", "weekly")

        assert ended.out.startswith("snapshot weekly (snap-1)")

    def test_delete_deletes_and_waits(self, served: FakeCivo, run: Run) -> None:
        """Until it is gone."""
        served.add_snapshot("web-1", "snap-1")

        ended = run("delete", "web-1", "snap-1", "--wait")

        assert ended.err == "deleted snapshot snap-1 of instance web-1\n"
        assert kinds(served) == ["delete", "get"]

    @pytest.mark.parametrize(("more", "status"), [([], 3), (["--ensure"], 0)])
    def test_deleting_what_is_gone(
        self, served: FakeCivo, run: Run, more: list[str], status: int
    ) -> None:
        """Is an error, unless its absence is what is wanted."""
        assert run("delete", "web-1", "gone", *more).status == status
        assert kinds(served) == ["delete"]


class TestWaiting:
    """Wait, watch and resume."""

    def test_watch_prints_events_for_programs(self, served: FakeCivo, run: Run) -> None:
        """One a line, the last one with the snapshot."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))

        ended = run("watch", "web-1", "snap-1", "-o", "jsonl")

        events = [json.loads(line) for line in ended.out.splitlines()]
        assert events[0]["event"] == "SnapshotSeen"
        assert events[-1]["event"] == "SnapshotFinished"
        assert events[-1]["snapshot"]["state"] == "Complete"

    def test_a_failure_has_its_status(self, served: FakeCivo, run: Run) -> None:
        """And prints why."""
        served.add_snapshot("web-1", "snap-1", script=scripts.fails(after=30))

        ended = run("wait", "web-1", "snap-1")

        assert ended.status == 5
        assert "snapshot snap-1 of instance web-1 failed: " in ended.err

    def test_an_error_that_ends_it_is_printed_once(self, served: FakeCivo, run: Run) -> None:
        """Not as a failed poll as well; the region is an option here."""
        ended = run("wait", "no-such-instance", "snap-1")

        (line,) = ended.err.splitlines()
        assert (ended.status, kinds(served)) == (3, ["get"])
        assert line.startswith("error: GET /v2/instances/no-such-instance/")
        assert "pass --region" in line

    def test_polls_that_fail_alike_are_one_line(self, served: FakeCivo, run: Run) -> None:
        """It is printed when the wait has gone on."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=60))
        served.inject("get", None, *[faults.status(503)] * 3, faults.status(502))

        ended = run("wait", "web-1", "snap-1")

        failed = [line for line in ended.err.splitlines() if "a poll failed" in line]
        assert (ended.status, len(failed)) == (0, 2)
        assert "503" in failed[0]
        assert "502" in failed[1]

    def test_a_timeout_prints_how_to_wait_on(self, served: FakeCivo, run: Run) -> None:
        """The printed line is a command that works."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=100))

        ended = run("wait", "web-1", "snap-1", "--timeout", "60")

        assert ended.status == 6
        line = ended.err.splitlines()[-1]
        again = run(*shlex.split(line)[1:])
        assert again.status == 0
        assert "complete" in again.out

    def test_a_saved_wait_is_resumed(self, served: FakeCivo, run: Run) -> None:
        """By its text."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))
        text = json.dumps(
            {
                "version": 1,
                "instance_id": "web-1",
                "snapshot_id": "snap-1",
                "region": served.region,
                "deadline": None,
            }
        )

        ended = run("resume", text)

        assert ended.status == 0
        assert "snapshot: Pending -> Complete" in ended.err

    def test_what_is_no_saved_wait_is_wrong_use(self, served: FakeCivo, run: Run) -> None:
        """Nothing is sent."""
        ended = run("resume", "{}")

        assert (ended.status, kinds(served)) == (2, [])

    def test_interrupted_it_prints_how_to_wait_on(
        self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And has the status of an interruption, whatever it comes as."""

        def interrupted(*_: object, **__: object) -> object:
            raise asyncio.CancelledError

        monkeypatch.setattr("civo_snapshots_async.SnapshotSession.watch", interrupted)

        ended = run("wait", "web-1", "snap-1")

        assert (ended.status, kinds(served)) == (130, [])
        assert "Traceback" not in ended.err
        assert shlex.split(ended.err.splitlines()[-1])[:2] == ["civo-snapshots", "resume"]

    def test_ctrl_c_has_its_status(
        self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And no traceback."""

        async def interrupted(*_: object, **__: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr("civo_snapshots_async.SnapshotSession.list_snapshots", interrupted)

        ended = run("list", "web-1")

        assert (ended.status, ended.err, kinds(served)) == (130, "", [])

    def test_on_a_terminal_it_is_shown_live(
        self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And leaves nothing but the result."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))
        shown = io.StringIO()
        monkeypatch.setattr(
            "civo_snapshots_async.cli._following.stderr",
            lambda: Console(file=shown, force_terminal=True, width=80),
        )

        ended = run("wait", "web-1", "snap-1")

        assert "volume vol-1" in shown.getvalue()
        assert (ended.err, ended.out.count("\n")) == ("", 1)

    def test_a_result_may_be_json(self, served: FakeCivo, run: Run) -> None:
        """For a script that goes on with it; a snapshot without volumes as well."""
        served.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))

        listed = run("list", "web-1")
        shown = run("show", "web-1", "snap-1", "-o", "json")

        assert listed.out.splitlines()[1].split()[3] == "-"
        assert json.loads(shown.out)["id"] == "snap-1"

    def test_a_quiet_deletion_prints_nothing(self, served: FakeCivo, run: Run) -> None:
        """Its status is enough."""
        served.add_snapshot("web-1", "snap-1")

        ended = run("delete", "web-1", "snap-1", "--quiet")

        assert (ended.status, ended.out, ended.err) == (0, "", "")

    def test_an_unknown_end_of_a_deletion_is_not_ensured_away(
        self, served: FakeCivo, run: Run
    ) -> None:
        """Only a snapshot that is gone is what --ensure wants."""
        served.inject("delete", *[faults.status(503)] * 3)

        assert run("delete", "web-1", "snap-1", "--ensure").status == 8
