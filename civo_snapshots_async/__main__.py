"""`python -m civo_snapshots_async`: the command `civo-snapshots`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
