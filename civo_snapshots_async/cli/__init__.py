"""The command `civo-snapshots`: the library at a terminal.

Requires the extra `civo-snapshots-async[cli]`: Cyclopts parses the command line, rich formats.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, by default those of the process; return its exit status.

    0 means success; `civo-snapshots --help` lists the others.
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
