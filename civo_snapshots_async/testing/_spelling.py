"""How a status spells its states: as Civo's page does, or as its engineers do."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from .scripts import Status

__all__ = ["Spelling", "spelled"]

Spelling: TypeAlias = Literal["page", "lower"]

# The words of Civo's page; any other word of a test stays as it is.
_LOWER = {
    "Complete": "completed",
    "Completed": "completed",
    "Pending": "pending",
    "Failed": "failed",
}


def spelled(status: Status, spelling: Spelling) -> Status:
    """Return a status with its states, and those of its volumes, in a spelling."""
    if spelling == "page":
        return status
    lower = _lowered(status)
    volumes = lower.get("volumes")
    if isinstance(volumes, list):
        reports = cast("list[object]", volumes)
        lower["volumes"] = [
            _lowered(cast("Status", report)) if isinstance(report, Mapping) else report
            for report in reports
        ]

    return lower


def _lowered(report: Status) -> dict[str, object]:
    state = report.get("state")

    return {**report, "state": _LOWER.get(state, state)} if isinstance(state, str) else {**report}
