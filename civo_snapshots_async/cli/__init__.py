"""The command `civo-snapshots`: a thin face over the library, for operators at a terminal.

It needs the extra `civo-snapshots-async[cli]`: Cyclopts reads the command line, rich draws.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status; `arguments` are those of the process if `None`.

    0 is done; `civo-snapshots --help` lists the others.
    """
    try:
        app = import_module("._app", __name__)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"cyclopts", "rich"}:
            raise
        sys.stderr.write(
            f"civo-snapshots needs {missing}: pip install 'civo-snapshots-async[cli]'\n"
        )
        return 1
    status: int = app.run(sys.argv[1:] if arguments is None else list(arguments))

    return status
