"""Programs in a Python of their own that reports whatever is left open or undone."""

import re
import subprocess
import sys

STRICTLY = (sys.executable, "-X", "dev", "-W", "error")
"""Python in its development mode, with every warning an error."""

# Development mode turns asyncio's debug mode on, which also reports each step that took 0.1 s by
# real time. On a loaded machine any step may, and nothing is wrong with it.
# A program that sets logging up puts the level first.
_SLOW_STEP = re.compile(r"^(WARNING )?Executing <.*> took \d+\.\d+ seconds\n", re.MULTILINE)


def run_strictly(*arguments: str) -> tuple[int, str, str]:
    """Run Python strictly, and return its exit status, its output and its complaints."""
    ended = subprocess.run(  # noqa: S603 - our own program
        [*STRICTLY, *arguments], capture_output=True, text=True, check=False
    )

    return ended.returncode, ended.stdout, complaints(ended.stderr)


def complaints(errors: str) -> str:
    """Return what was written to stderr, but for how long a step of asyncio's took."""
    return _SLOW_STEP.sub("", errors)
