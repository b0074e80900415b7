"""A fake of Civo to test against, and a clock to control it.

FakeCivo is a local server that behaves as Civo does::

    async with FakeCivo() as civo:
        civo.add_instance("web-1")
        ...  # civo.api_url, civo.token, civo.region

`python -m civo_snapshots_async.testing` serves it for other programs.
"""

from . import faults, laws, scripts
from ._civo import FakeCivo
from ._clock import FakeClock
from ._records import Effect, FakeInstance, FakeRestore, FakeSnapshot
from ._requests import RecordedRequest

__all__ = [
    "Effect",
    "FakeCivo",
    "FakeClock",
    "FakeInstance",
    "FakeRestore",
    "FakeSnapshot",
    "RecordedRequest",
    "faults",
    "laws",
    "scripts",
]

# Files may move: pickles, tracebacks and `help` show the module that a name is imported from.
for _public in (
    Effect,
    FakeCivo,
    FakeClock,
    FakeInstance,
    FakeRestore,
    FakeSnapshot,
    RecordedRequest,
):
    _public.__module__ = __name__
del _public
