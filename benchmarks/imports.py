"""What an import costs, in fresh interpreters that take turns."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from .clients.ours import CHECKOUT
from .rounds import BARE, CONTROL, Round, shuffled

_PROGRAM = """
import sys, time
sys.modules |= dict.fromkeys({}, None)
started = time.process_time()
import {}
print(time.process_time() - started)
"""


@attrs.frozen(kw_only=True)
class Import:
    """A module, and the folder in which Python finds it before any other of its name."""

    module: str
    folder: Path = CHECKOUT
    without: tuple[str, ...] = ()
    """Modules that it does not find, whether they are installed or not."""

    def cpu(self) -> float:
        """Return the CPU seconds that a new interpreter takes for it, or 0 where it can't."""
        # An environment that forbids to keep what was compiled would have it compiled each time.
        forbidding = "PYTHONDONTWRITEBYTECODE"
        environment = {name: text for name, text in os.environ.items() if name != forbidding}
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _PROGRAM.format(self.without, self.module)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        return 0.0 if ended.returncode else float(ended.stdout)


def measure_imports(imports: Mapping[str, Import], rounds: int) -> list[Round]:
    """Return the CPU seconds of each client's import, without those that can't be imported."""
    bare = Import(module="aiohttp")
    imports = {BARE: bare, CONTROL: bare, **imports}
    # The first import of each may compile it, and reads it from the disk.
    able = [name for name, each in imports.items() if each.cpu()]

    return [{name: imports[name].cpu() for name in shuffled(able)} for _ in range(rounds)]
