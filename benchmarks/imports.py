"""What an import costs, in fresh interpreters that take turns."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from .rounds import BARE, CONTROL, Round, turned

HERE = Path(__file__).parents[1]

_PROGRAM = """
import time
begun = time.process_time()
import {}
print(time.process_time() - begun)
"""


def measure_imports(modules: Mapping[str, tuple[str, Path]], rounds: int) -> list[Round]:
    """Return the CPU seconds of each client's import: its module, from the folder it is found in.

    The first import of each may have to compile and to read from the disk, and does not count.
    """
    imported = {BARE: ("aiohttp", HERE), CONTROL: ("aiohttp", HERE), **modules}
    names = list(imported)
    with TemporaryDirectory() as compiled:
        all_rounds = [
            {name: import_cpu(*imported[name], Path(compiled)) for name in turned(names, number)}
            for number in range(rounds + 1)
        ]

    return all_rounds[1:]


def import_cpu(module: str, folder: Path, compiled: Path) -> float:
    """Return the CPU seconds that a new interpreter takes to import a module."""
    # An environment that forbids to keep what was compiled would have it compiled each time.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM.format(module)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    return float(ended.stdout)
