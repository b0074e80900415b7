"""What Civo reports, and our reading of it: frozen values that know nothing of the wire."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Self

import attrs

from . import _checks as check
from ._plain import Plain, from_plain

_IGNORED_IN_STATES = re.compile(r"[\s_-]+")
_SUCCESS = frozenset({"complete", "completed"})
_FAILURE = frozenset({"failed", "failure", "error", "errored"})
_PROGRESS = frozenset({"", "pending", "inprogress", "deleting"})
_MAX_MESSAGE = 200


class Phase(Enum):
    """What a state means: Civo spells its states in several ways, and may add more."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"

    @staticmethod
    def of(state: str | None) -> "Phase":
        """Read a state as Civo wrote it; case, spaces, `-` and `_` do not matter.

        `complete` and `completed` are success (both are on the page); `failed`, `failure`, `error`
        and `errored` are failure. Anything else is pending: no state at all, which Civo shows right
        after a creation, and any word that is not known.
        """
        plain = _plain(state or "")
        if plain in _SUCCESS:
            return Phase.COMPLETE
        if plain in _FAILURE:
            return Phase.FAILED

        return Phase.PENDING

    @property
    def is_terminal(self) -> bool:
        """Whether it is complete or failed: it will not change any more."""
        return self is not Phase.PENDING


@lru_cache(maxsize=256)
def _plain(state: str) -> str:
    return _IGNORED_IN_STATES.sub("", state).casefold()


def is_known(state: str) -> bool:
    """Tell whether the state is a word whose meaning is known, or no word at all."""
    return _plain(state) in _SUCCESS | _FAILURE | _PROGRESS


@attrs.frozen(kw_only=True)
class VolumeStatus(Plain):
    """How far a snapshot has got with one volume."""

    id: str
    state: str = ""
    """As Civo wrote it; empty while Civo has not reported one."""

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return Phase.of(self.state)


@attrs.frozen(kw_only=True)
class Verdict(Plain):
    """Whether a snapshot is complete, volumes and all, and if not, why."""

    phase: Phase
    reasons: tuple[str, ...] = ()
    """In words, such as "volume vol-2 is Pending" or "the snapshot is Failed (disk full)", with
    Civo's message where there is one; empty when complete."""
    pending_volumes: tuple[VolumeStatus, ...] = ()
    failed_volumes: tuple[VolumeStatus, ...] = ()

    @staticmethod
    def of(snapshot: "Snapshot") -> "Verdict":
        """Judge a snapshot by its own state and that of every volume in it.

        It is complete only when its own state and every volume that it reports are success: Civo's
        page itself shows a snapshot `Complete` with a volume still `Pending`. It has failed when
        its own state or any volume's is failure. Where some volumes are reported, a volume of
        `included_volumes` without a report counts as pending.
        """
        volumes = (*snapshot.volumes, *_unreported(snapshot))
        pending = tuple(volume for volume in volumes if volume.phase is Phase.PENDING)
        failed = tuple(volume for volume in volumes if volume.phase is Phase.FAILED)
        own = Phase.of(snapshot.state)
        phase = _overall(own, pending=bool(pending), failed=bool(failed))

        return Verdict(
            phase=phase,
            reasons=tuple(_reasons(snapshot, volumes, phase)),
            pending_volumes=pending,
            failed_volumes=failed,
        )


def _unreported(snapshot: "Snapshot") -> tuple[VolumeStatus, ...]:
    reported = {volume.id for volume in snapshot.volumes}
    if not reported:
        return ()

    return tuple(
        VolumeStatus(id=volume_id)
        for volume_id in snapshot.included_volumes
        if volume_id not in reported
    )


def _overall(own: Phase, *, pending: bool, failed: bool) -> Phase:
    if failed or own is Phase.FAILED:
        return Phase.FAILED
    if pending or own is Phase.PENDING:
        return Phase.PENDING

    return Phase.COMPLETE


def _reasons(
    snapshot: "Snapshot", volumes: tuple[VolumeStatus, ...], phase: Phase
) -> Iterator[str]:
    if phase is Phase.COMPLETE:
        return
    own, message = Phase.of(snapshot.state), _one_line(snapshot.message)
    if own is phase:
        said = f"is {snapshot.state}" if snapshot.state else "has no state yet"
        yield f"the snapshot {said}{f' ({message})' if message else ''}"
    for volume in volumes:
        if volume.phase is phase:
            said = f"is {volume.state}" if volume.state else "has no state yet"
            yield f"volume {volume.id} {said}"
    # The snapshot itself may still be Pending: only its message says why a volume failed.
    if message and (phase, own) == (Phase.FAILED, Phase.PENDING):
        yield f"Civo's message is: {message}"


def _one_line(message: str) -> str:
    # Cut first: splitting a message of megabytes takes its time.
    line = " ".join(message[: 4 * _MAX_MESSAGE].split())

    return line if len(line) <= _MAX_MESSAGE else f"{line[:_MAX_MESSAGE]}…"


@attrs.frozen(kw_only=True)
class Snapshot(Plain):
    """A snapshot of an instance and its attached volumes, as Civo last reported it."""

    id: str
    name: str
    """Empty only after an update whose response left it out, and that did not set it."""
    description: str | None = None
    included_volumes: tuple[str, ...] = ()
    """Ids of the volumes in it. The page shows them in the answer to a creation only."""
    state: str = ""
    """Its own state as Civo wrote it, which says nothing of its volumes: `phase` judges both.

    Empty while Civo has not reported one, as right after a creation.
    """
    volumes: tuple[VolumeStatus, ...] = ()
    """The volumes that Civo reports, each with its state."""
    message: str = ""
    """What Civo adds in words, such as why a snapshot failed; mostly absent, and then empty."""
    created_at: datetime | None = None
    """When the creation began, timezone-aware; `None` where Civo gives no time."""
    instance_id: str = ""
    """The instance, as it was named in the call that gave this snapshot."""
    region: str = ""
    """The region, as it was named in the call that gave this snapshot."""

    def __str__(self) -> str:
        done, total = self.progress
        progress = f", {done} of {total} volumes complete" if total else ""

        return f"snapshot {self.name} ({self.id}): {self.phase.value}{progress}"

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Return the snapshot that `to_dict` was given; fields that are not known are ignored.

        Raises `ValueError` for anything else.
        """
        return from_plain(data, cls)

    @property
    def progress(self) -> tuple[int, int]:
        """How many volumes are complete, and of how many; one without a report counts as well."""
        volumes = (*self.volumes, *_unreported(self))

        return sum(volume.phase is Phase.COMPLETE for volume in volumes), len(volumes)

    @property
    def verdict(self) -> Verdict:
        """Our reading of the whole snapshot, with the reasons in words."""
        return Verdict.of(self)

    @property
    def ref(self) -> "SnapshotRef":
        """Its address, by its id."""
        return SnapshotRef(self.instance_id, self.id, self.region)

    @property
    def volume_states(self) -> dict[str, str]:
        """The state of each reported volume by its id, as Civo wrote it."""
        return {volume.id: volume.state for volume in self.volumes}

    @property
    def phase(self) -> Phase:
        """What the states of the snapshot and of every volume in it come to."""
        return self.verdict.phase

    @property
    def is_complete(self) -> bool:
        """Whether the snapshot and every volume in it are complete: a restore may follow."""
        return self.phase is Phase.COMPLETE

    @property
    def is_failed(self) -> bool:
        """Whether the snapshot or any volume in it has failed."""
        return self.phase is Phase.FAILED

    @property
    def pending_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that are pending, those without a report included."""
        return self.verdict.pending_volumes

    @property
    def failed_volumes(self) -> tuple[VolumeStatus, ...]:
        """The volumes that have failed."""
        return self.verdict.failed_volumes


@attrs.frozen(kw_only=True)
class UnreadableEntry(Plain):
    """An entry of a list that could not be read: what it is known by, and what is wrong with it."""

    index: int
    """Its position in the list, from 0."""
    id: str | None = None
    """`None` where not even that can be read; `name` as well."""
    name: str | None = None
    problems: tuple[str, ...] = ()
    """Where each problem is and what it is; empty for those that come after many others."""

    def may_be(self, id_or_name: str) -> bool:
        """Tell whether it may be the snapshot of that id or name: nothing that can be read differs.

        It can't be where both its id and its name can be read and neither is the one given.
        """
        return any(_may_be_equal(known, id_or_name) for known in (self.id, self.name))

    def may_be_named(self, name: str) -> bool:
        """Tell whether it may have that name: it does, or its name can't be read."""
        return _may_be_equal(self.name, name)


def _may_be_equal(known: str | None, wanted: str) -> bool:
    return known is None or known.casefold() == wanted.casefold()


@attrs.frozen(kw_only=True)
class Restore(Plain):
    """A restore operation: neither a snapshot nor an instance, and nothing that can be followed.

    Civo has no endpoint for it, so `phase` and `completed_at` stay as they were in the answer.
    """

    id: str
    name: str | None = None
    hostname: str | None = None
    """The host name of the restored instance."""
    description: str | None = None
    from_snapshot: str | None = None
    private_ipv4: str | None = None
    overwrite_existing: bool | None = None
    state: str = ""
    """As Civo wrote it: `complete` or `in_progress`; empty where Civo gave none."""
    created_at: datetime | None = None
    """When the restore began, timezone-aware; `None` where Civo gives no time."""
    completed_at: datetime | None = None
    """When the restore ended, timezone-aware; `None` while it runs."""
    instance_id: str = ""
    """The snapshot's instance, as it was named in the call; not the id of a new instance."""
    region: str = ""
    """The region, as it was named in the call."""

    @property
    def phase(self) -> Phase:
        """What the operation's state means."""
        return Phase.of(self.state)


@attrs.frozen(weakref_slot=False)
class SnapshotRef:
    """The address of a snapshot, which goes wherever a `snapshot_id` goes and brings its region.

    Raises `ValueError` or `TypeError` for an id, a name or a region that can't be one.
    """

    instance_id: str = attrs.field(validator=check.field(check.plain_name))
    snapshot_id: str = attrs.field(validator=check.field(check.plain_name))
    """The snapshot's id, or its name."""
    region: str = attrs.field(default="", validator=check.field(check.plain_name_or_empty))
    """The code of the region; empty for the session's own."""

    def __str__(self) -> str:
        return f"snapshot {self.snapshot_id} of instance {self.instance_id}"

    @staticmethod
    def of(
        instance_id: str, snapshot: "SnapshotLike", *, region: str | None, default_region: str
    ) -> "SnapshotRef":
        """Return the one address that an instance, a snapshot and a region come to.

        Raises `ValueError` where the snapshot or ref is of another instance or region.
        """
        if isinstance(snapshot, Snapshot):
            # One that a test has made may say neither its instance nor its region.
            home = snapshot.instance_id or instance_id
            snapshot = SnapshotRef(home, snapshot.id, snapshot.region)
        given = default_region if region is None else check.plain_name("region", region)
        if not isinstance(snapshot, SnapshotRef):
            return SnapshotRef(instance_id, snapshot, given)
        check.plain_name("instance_id", instance_id)
        if snapshot.instance_id.casefold() != instance_id.casefold():
            raise ValueError(
                f"{snapshot} is not one of instance {instance_id}; where both names are of one "
                f"instance, pass the snapshot's id, {snapshot.snapshot_id!r}"
            )
        if snapshot.region and region is not None and snapshot.region != region:
            raise ValueError(f"{snapshot} is in region {snapshot.region}, not in {region}")

        return attrs.evolve(snapshot, region=snapshot.region or given)


SnapshotLike = str | Snapshot | SnapshotRef
"""What names a snapshot: its id or name, the snapshot itself, or its address."""


@attrs.frozen(kw_only=True)
class TimelineEntry(Plain):
    """What one poll of a snapshot showed that was new."""

    elapsed: float
    """The seconds from the start of the wait."""
    phase: Phase
    """What it came to, volumes and all."""
    state: str
    """The snapshot's own state, as Civo wrote it."""
    volumes: tuple[VolumeStatus, ...] = ()

    @staticmethod
    def of(snapshot: Snapshot, elapsed: float) -> "TimelineEntry":
        """Note what a poll showed."""
        return TimelineEntry(
            elapsed=elapsed,
            phase=snapshot.phase,
            state=snapshot.state,
            volumes=snapshot.volumes,
        )


@attrs.frozen(kw_only=True)
class Instance(Plain):
    """An instance, as Civo last reported it."""

    id: str
    hostname: str = ""
    status: str = ""
    """As Civo wrote it, such as `BUILDING` or `ACTIVE`; empty where Civo gave none."""
    private_ip: str | None = None
    region: str = ""
    """The region, as it was named in the call that gave this instance."""

    def __str__(self) -> str:
        return f"instance {self.hostname} ({self.id}): {self.status or 'no status yet'}"

    @property
    def is_active(self) -> bool:
        """Whether Civo says `ACTIVE`: it runs. What is on its disks, that does not say."""
        return self.status.strip().casefold() == "active"

    @property
    def is_failed(self) -> bool:
        """Whether the status is a failure, such as `ERROR` or `FAILED`; `SHUTOFF` is none."""
        return Phase.of(self.status) is Phase.FAILED


@attrs.frozen(kw_only=True)
class SnapshotQuota(Plain):
    """How many snapshots an account may have, and how many it has, in all of its regions."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """How many more it may have; 0 where it has too many already."""
        return max(self.limit - self.used, 0)


@attrs.frozen(kw_only=True)
class InstancePage:
    """One page of the list of instances."""

    items: tuple[Instance, ...]
    pages: int
    """How many pages there are, as this one tells it."""
