"""What an audit may find wrong with the snapshots of one instance."""

from typing import Literal

import attrs

from ._models import Snapshot
from ._plain import Plain
from ._sentences import named

ViolationKind = Literal[
    "none_complete",
    "too_old",
    "undated",
    "newest_failed",
    "pending_too_long",
    "too_few",
    "not_found",
    "unknown",
]


@attrs.frozen(kw_only=True)
class AuditViolation(Plain):
    """One thing that an audit found wrong with the snapshots of one instance."""

    kind: ViolationKind
    """For programs:

    - `none_complete`: there is no complete snapshot;
    - `too_old`: the newest complete one is older than `max_age`;
    - `undated`: no complete one has a date that can be true, so the age is not known;
    - `newest_failed`: the newest one has failed, and no complete one is newer;
    - `pending_too_long`: one has been pending for longer than `max_pending`;
    - `too_few`: there are fewer complete ones than `min_count`;
    - `not_found`: there is no such instance in the region;
    - `unknown`: its snapshots could not be listed.
    """
    reason: str
    """For people, such as "the newest complete snapshot, nightly (snap-1), is 50 h old"."""
    instance_id: str
    """The instance's id; what was given, where no such instance was found."""
    hostname: str = ""
    snapshot: Snapshot | None = None
    """The snapshot that it is about, where it is about one."""

    def __str__(self) -> str:
        return f"{named(self.hostname, self.instance_id)}: {self.reason}"
