"""FakeCivo's own, strict reading of a status: whether it is complete, and whether terminal."""

from typing import cast

from .scripts import Status

__all__ = ["is_complete", "is_terminal"]

_SUCCESS = {"complete", "completed"}
_FAILURE = {"failed", "failure", "error", "errored"}


def is_complete(status: Status) -> bool:
    """Return whether the snapshot and each volume that it reports are complete."""
    return all(state in _SUCCESS for state in _states(status))


def is_terminal(status: Status) -> bool:
    """Return whether the snapshot is complete or has failed."""
    return is_complete(status) or any(state in _FAILURE for state in _states(status))


def _states(status: Status) -> list[str]:
    volumes = status.get("volumes")
    reports = cast("list[object]", volumes) if isinstance(volumes, list) else []

    return [_state(report) for report in (status, *reports)]


def _state(report: object) -> str:
    # A literal status of a test may hold anything; what is no string is not complete.
    state = cast("Status", report).get("state") if isinstance(report, dict) else None

    return str(state).lower()
