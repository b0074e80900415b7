"""What Civo reports, and our reading of it, as frozen values.

The fields of a snapshot and of a restore are those of https://www.civo.com/api/instance-snapshots,
here called "the page". Their wire format is the codec's concern.
"""

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
    """What a state means. Civo spells its states in several ways and may add more."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"

    @staticmethod
    def of(state: str | None) -> "Phase":
        """Return the phase of a `state` as Civo wrote it; case, spaces, `-` and `_` do not matter.

        `complete` and `completed` are success (the page has both). `failed`, `failure`, `error` and
        `errored` are failure. Anything else is pending: an unknown word, and no state at all, which
        Civo shows right after a creation.
        """
        return _phase_of(state or "")

    @property
    def is_terminal(self) -> bool:
        """Whether it is complete or failed, so that it no longer changes."""
        return self is not Phase.PENDING


def _plain(state: str) -> str:
    return _IGNORED_IN_STATES.sub("", state).casefold()


# Each poll asks for the phase of each volume, in the same few words.
@lru_cache(maxsize=256)
def _phase_of(state: str) -> Phase:
    plain = _plain(state)
    if plain in _SUCCESS:
        return Phase.COMPLETE
    if plain in _FAILURE:
        return Phase.FAILED

    return Phase.PENDING


def is_known(state: str) -> bool:
    """Return whether the state is a known word, or empty."""
    return _plain(state) in _SUCCESS | _FAILURE | _PROGRESS


@attrs.frozen(kw_only=True)
class VolumeStatus(Plain):
    """The state of one volume in a snapshot."""

    id: str
    state: str = ""
    """The state as Civo wrote it; empty until Civo reports one."""

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return Phase.of(self.state)


@attrs.frozen(kw_only=True)
class Verdict(Plain):
    """Whether a snapshot and all its volumes are complete, and if not, why."""

    phase: Phase
    reasons: tuple[str, ...] = ()
    """Why it is not complete, such as "volume vol-2 is Pending" or "the snapshot is Failed (disk
    full)" with Civo's message; empty when complete."""
    pending_volumes: tuple[VolumeStatus, ...] = ()
    """The pending volumes, those without a report included."""
    failed_volumes: tuple[VolumeStatus, ...] = ()
    """The failed volumes."""

    @staticmethod
    def of(snapshot: "Snapshot") -> "Verdict":
        """Judge a snapshot by its own state and the state of every volume in it.

        It is complete only when its own state and that of every reported volume are success: the
        page shows a snapshot `Complete` with a volume still `Pending`. It has failed when its own
        state or that of any volume is failure. Where some volumes are reported, a volume of
        `included_volumes` without a report counts as pending.
        """
        volumes = (*snapshot.volumes, *_unreported(snapshot))
        pending = tuple(volume for volume in volumes if volume.phase is Phase.PENDING)
        failed = tuple(volume for volume in volumes if volume.phase is Phase.FAILED)
        phase = _overall(snapshot)

        return Verdict(
            phase=phase,
            reasons=tuple(_reasons(snapshot, volumes, phase)),
            pending_volumes=pending,
            failed_volumes=failed,
        )


def _unreported(snapshot: "Snapshot") -> tuple[VolumeStatus, ...]:
    if not snapshot.volumes or not snapshot.included_volumes:
        return ()
    reported = {volume.id for volume in snapshot.volumes}

    return tuple(
        VolumeStatus(id=volume_id)
        for volume_id in snapshot.included_volumes
        if volume_id not in reported
    )


def _overall(snapshot: "Snapshot") -> Phase:
    """Return the phase of a snapshot and its volumes, without a reason: each poll asks for it."""
    phase = _phase_of(snapshot.state)
    for volume in snapshot.volumes:
        of_volume = _phase_of(volume.state)
        # A failure decides; short of one, what is pending does.
        if of_volume is Phase.FAILED or phase is Phase.COMPLETE:
            phase = of_volume
    if phase is Phase.COMPLETE and _unreported(snapshot):
        return Phase.PENDING

    return phase


def _reasons(
    snapshot: "Snapshot", volumes: tuple[VolumeStatus, ...], phase: Phase
) -> Iterator[str]:
    if phase is Phase.COMPLETE:
        return
    own, message = Phase.of(snapshot.state), _one_line(snapshot.message)
    if own is phase:
        yield f"the snapshot {_predicate(snapshot.state)}{f' ({message})' if message else ''}"
    for volume in volumes:
        if volume.phase is phase:
            yield f"volume {volume.id} {_predicate(volume.state)}"
    # While the snapshot itself is pending, its message may explain why a volume failed.
    if message and (phase, own) == (Phase.FAILED, Phase.PENDING):
        yield f"Civo's message is: {message}"


def _predicate(state: str) -> str:
    return f"is {state}" if state else "has no state yet"


def _one_line(message: str) -> str:
    # Cut first: splitting a message of megabytes is slow.
    line = " ".join(message[: 4 * _MAX_MESSAGE].split())

    return line if len(line) <= _MAX_MESSAGE else f"{line[:_MAX_MESSAGE]}…"


@attrs.frozen(kw_only=True, repr=False)
class Snapshot(Plain):
    """A snapshot of an instance and its attached volumes, as Civo last reported it."""

    id: str
    name: str
    """The name; empty only after an update whose request and response had none."""
    description: str | None = None
    included_volumes: tuple[str, ...] = ()
    """The ids of the volumes in it. The page shows them in the response to a creation only."""
    state: str = ""
    """The snapshot's own state as Civo wrote it; `phase` judges the volumes as well.

    Empty until Civo reports one, as right after a creation.
    """
    volumes: tuple[VolumeStatus, ...] = ()
    """The volumes that Civo reports, each with its state."""
    message: str = ""
    """Civo's message, such as why a snapshot failed; usually empty."""
    created_at: datetime | None = None
    """When the creation started, timezone-aware; `None` if Civo gives no time."""
    instance_id: str = ""
    """The instance, as the call that returned this snapshot named it."""
    region: str = ""
    """The region, as the call that returned this snapshot named it."""

    def __str__(self) -> str:
        done, total = self.progress
        progress = f", {done} of {total} volumes complete" if total else ""

        return f"snapshot {self.name} ({self.id}): {self.phase.value}{progress}"

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Return the snapshot of a dictionary that `to_dict` returned; ignore unknown fields.

        Raises `ValueError` for any other dictionary.
        """
        return from_plain(data, cls)

    @property
    def progress(self) -> tuple[int, int]:
        """The number of complete volumes, and of all volumes, those without a report included."""
        volumes = (*self.volumes, *_unreported(self))

        return sum(volume.phase is Phase.COMPLETE for volume in volumes), len(volumes)

    @property
    def verdict(self) -> Verdict:
        """The judgment on the snapshot and its volumes, with the reasons in words."""
        return Verdict.of(self)

    @property
    def ref(self) -> "SnapshotRef":
        """Its address: instance, id and region."""
        return SnapshotRef(self.instance_id, self.id, self.region)

    @property
    def volume_states(self) -> dict[str, str]:
        """The state of each reported volume by its id, as Civo wrote it."""
        return {volume.id: volume.state for volume in self.volumes}

    @property
    def phase(self) -> Phase:
        """The phase of the snapshot and its volumes together; see `Verdict.of`."""
        return _overall(self)

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
        """The pending volumes, those without a report included."""
        return self.verdict.pending_volumes

    @property
    def failed_volumes(self) -> tuple[VolumeStatus, ...]:
        """The failed volumes."""
        return self.verdict.failed_volumes


@attrs.frozen(kw_only=True)
class UnreadableEntry(Plain):
    """An unreadable entry of a list: its id and name, if they can be read, and its problems."""

    index: int
    """Its position in the list, from 0."""
    id: str | None = None
    """Its id; `None` if it can't be read."""
    name: str | None = None
    """Its name; `None` if it can't be read."""
    problems: tuple[str, ...] = ()
    """Each problem with its path; empty for an entry after many other unreadable ones."""

    def may_be(self, id_or_name: str) -> bool:
        """Return whether it may be the snapshot of that id or name.

        It can't be if both its id and its name can be read and neither is the given one.
        """
        return any(_may_be_equal(known, id_or_name) for known in (self.id, self.name))

    def may_be_named(self, name: str) -> bool:
        """Return whether it has that name, or its name can't be read."""
        return _may_be_equal(self.name, name)


def _may_be_equal(known: str | None, wanted: str) -> bool:
    return known is None or known.casefold() == wanted.casefold()


@attrs.frozen(kw_only=True, repr=False)
class Restore(Plain):
    """A restore operation, which is neither a snapshot nor an instance.

    Civo has no endpoint for it, so `phase` and `completed_at` stay as they were in the response.
    """

    id: str
    name: str | None = None
    hostname: str | None = None
    """The hostname of the restored instance."""
    description: str | None = None
    from_snapshot: str | None = None
    private_ipv4: str | None = None
    overwrite_existing: bool | None = None
    state: str = ""
    """The state as Civo wrote it: `complete` or `in_progress`; empty if Civo gave none."""
    created_at: datetime | None = None
    """When the restore started, timezone-aware; `None` if Civo gives no time."""
    completed_at: datetime | None = None
    """When the restore ended, timezone-aware; `None` while it runs."""
    instance_id: str = ""
    """The snapshot's instance, as the call named it; not the id of a new instance."""
    region: str = ""
    """The region, as the call named it."""

    def __str__(self) -> str:
        goal = f"over instance {self.instance_id}"
        if not self.overwrite_existing:
            goal = f"into {self.hostname or 'a new instance'}"
        what = f"restore {self.id} of snapshot {self.from_snapshot or 'unknown'}"

        return f"{what} {goal}: {self.state or 'no state yet'}"

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return Phase.of(self.state)


@attrs.frozen(weakref_slot=False)
class SnapshotRef:
    """The address of a snapshot. It goes wherever a `snapshot_id` goes, and brings its region.

    Raises `ValueError` or `TypeError` for an invalid id, name or region.
    """

    instance_id: str = attrs.field(validator=check.plain_name_field)
    """The instance's id, or its name."""
    snapshot_id: str = attrs.field(validator=check.plain_name_field)
    """The snapshot's id, or its name."""
    region: str = attrs.field(default="", validator=check.plain_name_or_empty_field)
    """The code of the region; empty for the region of the session."""

    def __str__(self) -> str:
        return f"snapshot {self.snapshot_id} of instance {self.instance_id}"

    @staticmethod
    def of(
        instance_id: str, snapshot: "SnapshotLike", *, region: str | None, default_region: str
    ) -> "SnapshotRef":
        """Return the address that the arguments of a call name together.

        Raises `ValueError` if the snapshot belongs to another instance or region.
        """
        if isinstance(snapshot, Snapshot):
            # A test's own Snapshot may have neither an instance nor a region.
            home = snapshot.instance_id or instance_id
            snapshot = SnapshotRef(home, snapshot.id, snapshot.region)
        given = default_region if region is None else check.plain_name("region", region)
        if not isinstance(snapshot, SnapshotRef):
            return SnapshotRef(instance_id, snapshot, given)
        check.plain_name("instance_id", instance_id)
        if snapshot.instance_id.casefold() != instance_id.casefold():
            raise ValueError(
                f"{snapshot} does not belong to instance {instance_id}; if both names are of one "
                f"instance, pass the snapshot's id, {snapshot.snapshot_id!r}"
            )
        if snapshot.region and region is not None and snapshot.region != region:
            raise ValueError(f"{snapshot} is in region {snapshot.region}, not in {region}")

        return attrs.evolve(snapshot, region=snapshot.region or given)


SnapshotLike = str | Snapshot | SnapshotRef
"""How a call may name a snapshot: by its id or name, as a `Snapshot`, or by its address."""


@attrs.frozen(kw_only=True)
class TimelineEntry(Plain):
    """The states of a snapshot and its volumes at the poll that first showed them."""

    elapsed: float
    """Seconds from the start of the wait."""
    phase: Phase
    """The phase of the snapshot and its volumes together."""
    state: str
    """The snapshot's own state, as Civo wrote it."""
    volumes: tuple[VolumeStatus, ...] = ()

    @staticmethod
    def of(snapshot: Snapshot, elapsed: float) -> "TimelineEntry":
        """Make an entry of a snapshot, `elapsed` seconds after the start of the wait."""
        return TimelineEntry(
            elapsed=elapsed,
            phase=snapshot.phase,
            state=snapshot.state,
            volumes=snapshot.volumes,
        )


@attrs.frozen(kw_only=True, repr=False)
class Instance(Plain):
    """An instance, as Civo last reported it."""

    id: str
    hostname: str = ""
    status: str = ""
    """The status as Civo wrote it, such as `BUILDING` or `ACTIVE`; empty if Civo gave none."""
    private_ip: str | None = None
    public_ip: str | None = None
    network_id: str | None = None
    """The Civo network that it is in; `None` where Civo does not show it."""
    region: str = ""
    """The region, as the call that returned this instance named it."""
    reported_region: str | None = None
    """The region, as Civo reported it; `None` where Civo does not show it."""

    def __str__(self) -> str:
        return f"instance {self.hostname} ({self.id}): {self.status or 'no status yet'}"

    @property
    def is_active(self) -> bool:
        """Whether the status is `ACTIVE`: the instance runs, whatever is on its disks."""
        return self.status.strip().casefold() == "active"

    @property
    def is_failed(self) -> bool:
        """Whether the status is a failure, such as `ERROR` or `FAILED`, but not `SHUTOFF`."""
        return Phase.of(self.status) is Phase.FAILED


@attrs.frozen(kw_only=True)
class SnapshotQuota(Plain):
    """An account's quota of snapshots, over all regions."""

    limit: int
    """The maximum number of snapshots."""
    used: int
    """The number of snapshots that count."""

    @property
    def left(self) -> int:
        """The number of snapshots that can still be created; never below 0."""
        return max(self.limit - self.used, 0)


@attrs.frozen(kw_only=True)
class InstancePage:
    """One page of the list of instances."""

    items: tuple[Instance, ...]
    pages: int
    """The number of pages, as this one gives it."""
