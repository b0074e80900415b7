"""`python -m civo_snapshots_async.testing`."""

from ._command import run

run()
