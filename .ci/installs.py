"""Run each command by which a page installs the project, as its reader would: in a fresh clone.

`python .ci/installs.py`, from a virtual environment: `nox --session install` does it.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
# These install nox, which installs the project and runs what it is asked to: `.ci/run` does that.
NOX = "nox --session"


def pages() -> list[Path]:
    """Return the files that people read."""
    site = (path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
    return [*ROOT.glob("*.md"), *sorted(site)]


def installs(text: str) -> Iterator[str]:
    """Return the commands of a page that install the project, a block being one command."""
    blocks = [block.strip() for block in FENCE.findall(text)]
    spans = [" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", text))]
    for command in (*blocks, *spans):
        if "pip install" in command and NOX not in command:
            yield command


def run(command: str) -> None:
    """Run a command in a clone with an empty `.venv`, and import from afar what it installed."""
    print(f"+ {command}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        subprocess.run([sys.executable, "-m", "venv", clone / ".venv"], check=True)
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=clone, check=True)
        python = clone / ".venv" / "bin" / "python"
        subprocess.run([python, "-c", "import civo_snapshots_async"], cwd=folder, check=True)


if __name__ == "__main__":
    for each in dict.fromkeys(c for page in pages() for c in installs(page.read_text("utf-8"))):
        run(each)
