"""`python -m civo_snapshots_async`: the command `civo-snapshots`."""

import sys

from .cli import main

sys.exit(main())
