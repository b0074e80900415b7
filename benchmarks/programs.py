"""Parts of the benchmark as programs: a fresh process for each, which prints what it measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any


def run(module: str, *arguments: object) -> Iterator[Any]:
    """Run a module of the benchmark; give each line that it prints, read as JSON."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", f"benchmarks.{module}", json.dumps(arguments)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            yield json.loads(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def arguments() -> list[Any]:
    """Return what `run` was given, in the program."""
    return list(json.loads(sys.argv[1]))


def report(measured: object) -> None:
    """Print a line for `run` to give."""
    print(json.dumps(measured), flush=True)


def share_a_core() -> None:
    """Keep this process, and those that it starts, on one core, where the system knows how.

    While one end of a connection computes, the other sleeps. On two cores both fall idle at every
    request, and what it costs to wake one depends on the machine, and on who else runs there: the
    bare get took 110 to 190 µs. On one core there is always something to run.
    """
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
