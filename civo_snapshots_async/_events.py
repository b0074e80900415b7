"""What happens to a snapshot, as values. Applied to a first report, they give the last one."""

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
    """The old state as Civo wrote it; `None` for a volume that was not reported before."""
    after: str | None
    """The new state as Civo wrote it; `None` for a volume that is no longer reported."""

    def __str__(self) -> str:
        what = "snapshot" if self.volume_id is None else f"volume {self.volume_id}"
        return f"{what}: {_state_text(self.before)} -> {_state_text(self.after)}"


@attrs.frozen(kw_only=True)
class DetailsChanged(_Event):
    """Another field of the snapshot has changed, such as its name or its message."""

    snapshot: Snapshot
    """The snapshot after the change."""


@attrs.frozen(kw_only=True)
class UnknownStateSeen(_Event):
    """An unknown state was seen and counts as pending. Emitted once for each such state."""

    state: str
    """The state as Civo wrote it."""


@attrs.frozen(kw_only=True)
class PollFailed(_Event):
    """A poll failed with a transient error; another one follows."""

    error: CivoSnapshotsError
    in_a_row: int
    """The number of failed polls since the last successful one."""


@attrs.frozen(kw_only=True)
class SnapshotStalled(_Event):
    """Nothing has changed for `PollPolicy.stall_after`. Emitted once until something changes."""

    snapshot: Snapshot
    unchanged_for: float
    """Seconds since the last change."""


@attrs.frozen(kw_only=True)
class SnapshotFinished(_Event):
    """The snapshot is complete or has failed; no event follows."""

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
    """Return the event of a dictionary that `to_dict` returned; ignore unknown fields.

    The error of a `PollFailed` becomes a `CivoSnapshotsError` with the same text. Raises
    `ValueError` for any other dictionary.
    """
    name = data.get("event")
    for kind in get_args(SnapshotEvent):
        if kind.__name__ == name:
            fields = {key: value for key, value in data.items() if key != "event"}
            return cast("SnapshotEvent", from_plain(fields, kind))

    raise ValueError(f"no event: {name!r}")


def diff(before: Snapshot, after: Snapshot) -> tuple[StateChanged, ...]:
    """Return the changes of state between two reports of one snapshot."""
    return tuple(_state_changes(before, after))


def events_between(before: Snapshot, after: Snapshot) -> tuple[StateChanged | DetailsChanged, ...]:
    """Return all changes between two reports of one snapshot."""
    states = diff(before, after)
    if apply_events(before, *states) == after:
        return states

    return (*states, DetailsChanged(snapshot=after))


def apply_events(snapshot: Snapshot, *events: SnapshotEvent) -> Snapshot:
    """Return the snapshot after these events."""
    for event in events:
        match event:
            case StateChanged(volume_id=None):
                snapshot = attrs.evolve(snapshot, state=event.after or "")
            case StateChanged():
                snapshot = attrs.evolve(
                    snapshot, volumes=tuple(_with_change(snapshot.volumes, event))
                )
            case SnapshotSeen() | DetailsChanged() | SnapshotFinished():
                snapshot = event.snapshot
            case _:
                pass

    return snapshot


def _with_change(volumes: tuple[VolumeStatus, ...], event: StateChanged) -> Iterator[VolumeStatus]:
    for volume in volumes:
        if volume.id != event.volume_id:
            yield volume
        elif event.after is not None:
            yield attrs.evolve(volume, state=event.after)
    if event.before is None and event.volume_id is not None:
        yield VolumeStatus(id=event.volume_id, state=event.after or "")


def _state_changes(before: Snapshot, after: Snapshot) -> Iterator[StateChanged]:
    if before.state != after.state:
        yield StateChanged(before=before.state, after=after.state)
    old, new = before.volume_states, after.volume_states
    for volume_id in old | new:
        if old.get(volume_id) != new.get(volume_id):
            yield StateChanged(
                volume_id=volume_id, before=old.get(volume_id), after=new.get(volume_id)
            )


def _state_text(state: str | None) -> str:
    return "(not reported)" if state is None else state or "(no state)"
