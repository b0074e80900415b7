"""The commands about the command itself."""

import json
from pathlib import Path

import pytest

from civo_snapshots_async.testing import FakeCivo

from .conftest import Run


class TestDoctor:
    """It prints what was found and where, makes one read, and shows no secret."""

    def test_names_each_source(self, served: FakeCivo, run: Run) -> None:
        """Here the environment, but for the region."""
        ended = run("doctor", "--region", served.region)

        assert ended.status == 0
        rows = [line.split(maxsplit=1) for line in ended.out.splitlines()[1:4]]
        assert [(name, rest.split("  ")[0].strip()) for name, rest in rows] == [
            ("token", "CIVO_TOKEN"),
            ("region", "the command line"),
            ("API", "CIVO_API_URL"),
        ]
        assert served.api_url in ended.out
        assert ended.out.endswith("the read succeeded: 1 instances\n")
        assert served.token not in ended.out + ended.err

    def test_finds_the_file_of_the_official_cli(
        self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Where the environment names nothing."""
        path = tmp_path / "civo.json"
        path.write_text(
            json.dumps(
                {
                    "apikeys": {"mine": served.token},
                    "meta": {
                        "current_apikey": "mine",
                        "default_region": served.region,
                        "url": served.api_url,
                    },
                }
            )
        )
        monkeypatch.setenv("CIVO_CONFIG", str(path))
        for name in ("CIVO_TOKEN", "CIVO_REGION", "CIVO_API_URL"):
            monkeypatch.delenv(name)

        ended = run("doctor", "web-1")

        assert ended.out.count(str(path)) == 3
        assert ended.out.endswith("the read succeeded: 0 snapshots of web-1\n")

    def test_a_read_that_fails_has_the_status_of_its_error(
        self, served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the table, which may show why."""
        monkeypatch.setenv("CIVO_TOKEN", "a-wrong-token")

        ended = run("doctor")

        assert ended.status == 4
        assert "CIVO_TOKEN" in ended.out
        assert ended.err.startswith("error: the read failed: ")
        assert len(served.requests) == 1


class TestTheFake:
    """What needs no account."""

    def test_the_demo_restores_what_was_saved(self, run: Run) -> None:
        """The new instance runs, and holds it."""
        ended = run("demo")

        assert (ended.status, ended.out) == (0, "web-1-copy is ACTIVE and holds 'release 1'\n")
        assert "snapshot: Pending -> Complete" in ended.err

    def test_serve_takes_the_options_of_the_testing_module(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is that one."""
        given: list[str] = []

        async def serve(arguments: list[str]) -> None:
            given.extend(arguments)

        monkeypatch.setattr("civo_snapshots_async.testing._command.main", serve)

        assert run("fake", "serve", "--port=8080", "--instance=a", "--instance=b").status == 0
        assert given == [
            "--host=127.0.0.1", "--port=8080", "--takes=5.0", "--instance=a", "--instance=b",
        ]  # fmt: skip


def test_without_a_file_the_url_is_the_default(
    served: FakeCivo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the library has it."""
    monkeypatch.delenv("CIVO_API_URL")

    ended = run("doctor", "--api-url", served.api_url)

    assert ended.out.splitlines()[3].split()[1:4] == ["the", "command", "line"]
