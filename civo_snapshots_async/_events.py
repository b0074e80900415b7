"""What happens to a snapshot, as values; applied to the first report, they give the last one."""

from collections.abc import Iterator

import attrs

from ._errors import CivoSnapshotsError
from ._models import Snapshot, VolumeStatus


@attrs.frozen(kw_only=True)
class SnapshotSeen:
    """The snapshot was seen for the first time."""

    snapshot: Snapshot


@attrs.frozen(kw_only=True)
class StateChanged:
    """The state of a snapshot, or of one volume in it, has changed."""

    volume_id: str | None = None
    """The volume; `None` for the snapshot itself."""
    before: str | None
    """The state before, as Civo wrote it; `None` for a volume that was not reported before."""
    after: str | None
    """The state now, as Civo wrote it; `None` for a volume that is not reported any more."""

    def __str__(self) -> str:
        what = "snapshot" if self.volume_id is None else f"volume {self.volume_id}"
        return f"{what}: {_shown(self.before)} -> {_shown(self.after)}"


@attrs.frozen(kw_only=True)
class DetailsChanged:
    """Something else of the snapshot has changed, such as its name or its message."""

    snapshot: Snapshot
    """As it is now."""


@attrs.frozen(kw_only=True)
class UnknownStateSeen:
    """A state of unknown meaning was seen, and is taken for pending. Emitted once for each word."""

    state: str


@attrs.frozen(kw_only=True)
class PollFailed:
    """A poll failed with a transient error; there will be another."""

    error: CivoSnapshotsError
    in_a_row: int
    """How many have failed since the last one that did not."""


@attrs.frozen(kw_only=True)
class SnapshotStalled:
    """Nothing has changed for a while. Emitted once, until something changes."""

    snapshot: Snapshot
    unchanged_for: float
    """In seconds."""


@attrs.frozen(kw_only=True)
class SnapshotFinished:
    """The snapshot is complete, or it has failed: nothing more will happen to it."""

    snapshot: Snapshot


SnapshotEvent = (
    SnapshotSeen
    | StateChanged
    | DetailsChanged
    | UnknownStateSeen
    | PollFailed
    | SnapshotStalled
    | SnapshotFinished
)


def diff(before: Snapshot, after: Snapshot) -> tuple[StateChanged, ...]:
    """Say what is different in the states of two reports of one snapshot."""
    return tuple(_changes(before, after))


def events_between(before: Snapshot, after: Snapshot) -> tuple[StateChanged | DetailsChanged, ...]:
    """Say everything that is different in two reports of one snapshot."""
    states = diff(before, after)
    if apply_events(before, *states) == after:
        return states

    return (*states, DetailsChanged(snapshot=after))


def apply_events(snapshot: Snapshot, *events: SnapshotEvent) -> Snapshot:
    """Return what a snapshot was after these events."""
    for event in events:
        match event:
            case StateChanged(volume_id=None):
                snapshot = attrs.evolve(snapshot, state=event.after or "")
            case StateChanged():
                snapshot = attrs.evolve(snapshot, volumes=tuple(_volumes(snapshot.volumes, event)))
            case SnapshotSeen() | DetailsChanged() | SnapshotFinished():
                snapshot = event.snapshot
            case _:
                pass

    return snapshot


def _volumes(volumes: tuple[VolumeStatus, ...], event: StateChanged) -> Iterator[VolumeStatus]:
    for volume in volumes:
        if volume.id != event.volume_id:
            yield volume
        elif event.after is not None:
            yield attrs.evolve(volume, state=event.after)
    if event.before is None and event.volume_id is not None:
        yield VolumeStatus(id=event.volume_id, state=event.after or "")


def _changes(before: Snapshot, after: Snapshot) -> Iterator[StateChanged]:
    if before.state != after.state:
        yield StateChanged(before=before.state, after=after.state)
    old, new = before.volume_states, after.volume_states
    for volume_id in old | new:
        if old.get(volume_id) != new.get(volume_id):
            yield StateChanged(
                volume_id=volume_id, before=old.get(volume_id), after=new.get(volume_id)
            )


def _shown(state: str | None) -> str:
    return "(not reported)" if state is None else state or "(no state)"
