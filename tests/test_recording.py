"""The recorded terminal of the demo shows what the demo prints."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "demo.svg"
in_the_source_tree = pytest.mark.skipif(
    not PICTURE.exists(), reason="the tests run without the rest of the source tree"
)


def in_one_line(text: str) -> str:
    """Return a text without line breaks, and without the port, which differs each time."""
    return re.sub(r"\s+", "", re.sub(r"127\.0\.0\.1:\d+", "", text))


@in_the_source_tree
def test_the_last_frame_is_what_the_demo_prints_today() -> None:
    """If this fails, `nox --session record` makes the picture anew."""
    command = [sys.executable, "-m", "civo_snapshots_async", "demo", "--takes=0.2", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603

    frames = PICTURE.read_text(encoding="utf-8").split("<g ")
    last = [html.unescape(line) for line in re.findall(r">(.*)</text>", frames[-1])]
    assert last[0] == "$ civo-snapshots demo"
    assert in_one_line("".join(last[1:])) == in_one_line(ended.stderr + ended.stdout)
