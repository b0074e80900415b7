"""What a wait can wait for: when the goal is met, and which outcome makes it hopeless.

A goal holds nothing of a wait: all waits share one object for each goal.
"""

from typing import Any

import attrs

from .._errors import (
    InstanceFailedError,
    InstanceNotFoundError,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotVanishedError,
    WaitError,
)
from .._models import Instance, Snapshot
from .wait import Wait


class _OfPolls:
    """A goal that any poll may show to be met, a list's as well."""

    reads_volumes = False
    is_part = False

    def needs_get(self, _: Snapshot, /) -> bool:
        return False

    def describe(self, seen: object, /) -> str:
        return str(seen)

    def failure(self, _: Wait[Any], __: object, /) -> WaitError | None:
        return None


class _Complete:
    """The snapshot, and every volume in it, is complete; a list alone does not prove it."""

    name = "wait_until_complete"
    unmet = "was not complete"
    reads_volumes = True
    is_part = False

    def needs_get(self, listed: Snapshot, /) -> bool:
        return listed.phase.is_terminal

    def describe(self, seen: object, /) -> str:
        return _reasons(seen)

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, Snapshot) and outcome.is_complete

    def failure(self, wait: Wait[Any], outcome: object, /) -> WaitError | None:
        if isinstance(outcome, Snapshot) and outcome.is_failed:
            return wait.error(SnapshotFailedError, f"failed ({wait.effort}): {wait.last_seen}")

        return _vanished(wait, outcome)


class _PartOfComplete(_Complete):
    """The same, for a part of the time that a saved wait has left."""

    is_part = True


class _Terminal(_Complete):
    """The snapshot is complete, or it has failed: both end a watch."""

    name = "watch"

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, Snapshot) and outcome.phase.is_terminal


class _Deleted(_OfPolls):
    """Civo says, by code, that the instance has no such snapshot."""

    name = "wait_until_deleted"
    unmet = "was not seen to be gone"

    def is_met(self, outcome: object) -> bool:
        # Only Civo's code means this class. A bad token, a wrong region, an instance that is not
        # found (in a wrong region, too) and the bare 404 of a gateway mean other ones.
        return isinstance(outcome, SnapshotNotFoundError)


class _Active(_OfPolls):
    """The instance is `ACTIVE`."""

    name = "wait_until_active"
    unmet = "was not ACTIVE"

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, Instance) and outcome.is_active

    def failure(self, wait: Wait[Any], outcome: object, /) -> WaitError | None:
        if not (isinstance(outcome, Instance) and outcome.is_failed):
            return None

        return InstanceFailedError(
            f"{wait.target} failed ({wait.effort}): {outcome}",
            instance_id=wait.target.instance_id,
            instance=outcome,
            polls=wait.polls,
            elapsed=wait.elapsed,
        )


@attrs.frozen
class HasStatus(_OfPolls):
    """The instance has a status, in any case, such as the one that it had before."""

    status: str

    @property
    def name(self) -> str:
        return "apply_restore"

    @property
    def unmet(self) -> str:
        return f"was not {self.status}"

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, Instance) and outcome.status.casefold() == self.status.casefold()


class _Gone(_OfPolls):
    """Civo says, by code, that the region has no such instance."""

    name = "drill"
    unmet = "was not seen to be gone"

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, InstanceNotFoundError)


class _Listed(_OfPolls):
    """The restored instance is in the list of instances."""

    name = "wait_for_restored_instance"
    unmet = "was not listed"

    def is_met(self, outcome: object) -> bool:
        return isinstance(outcome, Instance)


def _reasons(seen: object) -> str:
    reasons = seen.verdict.reasons if isinstance(seen, Snapshot) else ()

    return ", ".join(reasons) or "it was complete"


def _vanished(wait: Wait[Any], outcome: object) -> SnapshotVanishedError | None:
    if not isinstance(outcome, SnapshotNotFoundError):
        return None
    where = f" in region {wait.target.region}" if wait.target.region else ""
    what = f"is no longer there{where} ({wait.effort}); last seen: {wait.last_seen}"
    if wait.seen is None:
        # The region may be wrong, unless the snapshot was seen in it before.
        what = (
            f"was not found{where} ({wait.effort}): {wait.last_seen}; if it is in another region, "
            "pass region="
        )

    return wait.error(SnapshotVanishedError, what, cause=outcome)


COMPLETE = _Complete()
PART_OF_COMPLETE = _PartOfComplete()
TERMINAL = _Terminal()
DELETED = _Deleted()
ACTIVE = _Active()
GONE = _Gone()
LISTED = _Listed()
