"""`python -m civo_snapshots_async.testing`."""

import asyncio
import json
import os
import re
import runpy
import shlex
import signal
import sys

import pytest

from civo_snapshots_async.testing._command import main
from tests.programs import STRICTLY, complaints

COMMAND = ("-m", "civo_snapshots_async.testing")


async def test_serves_until_interrupted() -> None:
    """Another program gets a URL, a token and a region; the printed curl line makes a snapshot."""
    server = await asyncio.create_subprocess_exec(
        *(*STRICTLY, *COMMAND),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    printed: list[str] = []
    while not printed or not printed[-1].startswith("curl "):
        line = (await server.stdout.readline()).decode()
        assert line, "it ended before it had printed a curl line"
        printed.append(line.strip())

    curl = await asyncio.create_subprocess_exec(
        *("curl", "-q", "-sS", "--noproxy", "*", *shlex.split(printed[-1])[1:]),
        stdout=asyncio.subprocess.PIPE,
    )
    response, _ = await curl.communicate()
    server.send_signal(signal.SIGINT)
    rest, errors = await server.communicate()

    assert json.loads(response)["name"] == "before-upgrade"
    assert (server.returncode, rest, complaints(errors.decode())) == (0, b"", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_prints_what_programs_need(
    capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """The environment to export and a curl line, with the values of the arguments."""
    arguments = ["--token", "12345", "--region", "MINE", "--instance", "a", "--instance", "b"]

    printed = ""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(main(arguments))
        while not printed:
            await asyncio.sleep(0)
            printed = capsys.readouterr().out
        os.kill(os.getpid(), number)

    url = re.escape("http://127.0.0.1:") + r"\d+"
    assert "serves a, b until Ctrl-C" in printed
    assert re.search(rf"^  URL     {url}$", printed, re.MULTILINE)
    assert "  token   12345\n  region  MINE\n" in printed
    exports = rf"^export CIVO_TOKEN=12345 CIVO_REGION=MINE CIVO_API_URL={url}$"
    assert re.search(exports, printed, re.MULTILINE)
    create = (
        rf"^curl -H 'Authorization: bearer 12345' '{url}/v2/instances/a/snapshots\?region=MINE'"
    )
    assert re.search(create, printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["--takes", "-1"], "takes must be a number of seconds", id="takes"),
        pytest.param(["--token", "a b"], "token must be one word", id="token"),
        pytest.param(["--instance", "a", "--instance", "a"], "instance a already", id="instance"),
        pytest.param(["--port", "http"], "invalid int value", id="port"),
    ],
)
async def test_wrong_arguments_end_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    """A wrong argument is one line and exit status 2, not a traceback."""
    with pytest.raises(SystemExit) as ended:
        await main(arguments)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_is_run_as_a_module(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--help` describes it."""
    monkeypatch.setattr(sys, "argv", ["testing", "--help"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("civo_snapshots_async.testing", run_name="__main__")

    assert ended.value.code == 0
    assert "fake of Civo's instance snapshots" in capsys.readouterr().out
