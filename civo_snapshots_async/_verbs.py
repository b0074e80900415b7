"""What is built on a session's calls; each file is loaded when it is first used.

Most programs use few of these, and to load all of them takes as long as a hundred calls. Only type
checkers import them here, and the test of the architecture reads these imports as any other.
"""

# Of names that the package imports from a file too, pyright takes the file for an attribute of it.
# pyright: reportPrivateUsage=false

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import _applying as applying
    from . import _audit as audit
    from . import _audit_judgement as audit_judgement
    from . import _audit_report as audit_report
    from . import _batch as batch
    from . import _checkpoint as checkpoint
    from . import _drill_report as drill_report
    from . import _drilling as drilling
    from . import _ensuring as ensuring
    from . import _instances as instances
    from . import _observing as observing
    from . import _planning as planning
    from . import _probes as probes
    from . import _pruning as pruning
    from . import _pruning_many as pruning_many
    from . import _restore_plan as restore_plan
    from . import _retention as retention
    from ._http import observed as observed_calls
    from ._waits import instances as instance_waits

__all__ = [
    "applying",
    "audit",
    "audit_judgement",
    "audit_report",
    "batch",
    "checkpoint",
    "drill_report",
    "drilling",
    "ensuring",
    "instance_waits",
    "instances",
    "observed_calls",
    "observing",
    "planning",
    "probes",
    "pruning",
    "pruning_many",
    "restore_plan",
    "retention",
]

_IN_ROOMS = {"instance_waits": "_waits.instances", "observed_calls": "_http.observed"}

# Type checkers would take it for one that has every name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        file = _IN_ROOMS.get(name, f"_{name}")
        # Kept: Python asks this function only for what is not there.
        module = globals()[name] = import_module(f".{file}", __package__)

        return module
