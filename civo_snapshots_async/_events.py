"""What happens to a snapshot, as values; applied to the first report, they give the last one."""

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

import attrs

from ._errors import CivoSnapshotsError
from ._models import Snapshot, VolumeStatus
from ._plain import Plain, from_plain


class _Event(Plain):
    """What all events have in common."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that is ready for JSON; `event` is the name of its class."""
        return {"event": type(self).__name__, **super().to_dict()}


@attrs.frozen(kw_only=True)
class SnapshotSeen(_Event):
    """The snapshot was seen for the first time."""

    snapshot: Snapshot


@attrs.frozen(kw_only=True)
class StateChanged(_Event):
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
class DetailsChanged(_Event):
    """Something else of the snapshot has changed, such as its name or its message."""

    snapshot: Snapshot
    """As it is now."""


@attrs.frozen(kw_only=True)
class UnknownStateSeen(_Event):
    """A state of unknown meaning was seen, and is taken for pending. Emitted once for each word."""

    state: str


@attrs.frozen(kw_only=True)
class PollFailed(_Event):
    """A poll failed with a transient error; there will be another."""

    error: CivoSnapshotsError
    in_a_row: int
    """How many have failed since the last one that did not."""


@attrs.frozen(kw_only=True)
class SnapshotStalled(_Event):
    """Nothing has changed for a while. Emitted once, until something changes."""

    snapshot: Snapshot
    unchanged_for: float
    """In seconds."""


@attrs.frozen(kw_only=True)
class SnapshotFinished(_Event):
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


def event_from_dict(data: Mapping[str, object]) -> SnapshotEvent:
    """Return the event that `to_dict` was given; fields that are not known are ignored.

    The error of a `PollFailed` comes back as a `CivoSnapshotsError` with its text alone. Raises
    `ValueError` for anything else.
    """
    name = data.get("event")
    for kind in get_args(SnapshotEvent):
        if kind.__name__ == name:
            fields = {key: value for key, value in data.items() if key != "event"}
            return cast("SnapshotEvent", from_plain(fields, kind))

    raise ValueError(f"no event: {name!r}")


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
