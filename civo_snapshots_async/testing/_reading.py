"""FakeCivo's own, strict reading of a status: what may be restored, what is still in process."""

from typing import cast

from .scripts import Status

__all__ = ["is_complete", "is_terminal"]

_SUCCESS = {"complete", "completed"}
_FAILURE = {"failed", "failure", "error", "errored"}


def is_complete(status: Status) -> bool:
    """Tell whether the snapshot and each volume that it reports have succeeded."""
    return all(word in _SUCCESS for word in _words(status))


def is_terminal(status: Status) -> bool:
    """Tell whether the snapshot has succeeded or failed, and nothing more is to come."""
    return is_complete(status) or any(word in _FAILURE for word in _words(status))


def _words(status: Status) -> list[str]:
    volumes = status.get("volumes")
    reports = cast("list[object]", volumes) if isinstance(volumes, list) else []

    return [_word(report) for report in (status, *reports)]


def _word(report: object) -> str:
    # A literal status of a test may hold anything: what is no word is no success either.
    state = cast("Status", report).get("state") if isinstance(report, dict) else None

    return str(state).lower()
