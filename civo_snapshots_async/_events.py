"""What happens to a snapshot, as values."""

from collections.abc import Iterator

import attrs

from ._models import Snapshot


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


def _shown(state: str | None) -> str:
    return "(not reported)" if state is None else state or "(no state)"


def changes(before: Snapshot, after: Snapshot) -> tuple[StateChanged, ...]:
    """Say what is different in the states of two reports of one snapshot."""
    return tuple(_changes(before, after))


def _changes(before: Snapshot, after: Snapshot) -> Iterator[StateChanged]:
    if before.state != after.state:
        yield StateChanged(before=before.state, after=after.state)
    old, new = before.volume_states, after.volume_states
    for volume_id in old | new:
        if old.get(volume_id) != new.get(volume_id):
            yield StateChanged(
                volume_id=volume_id, before=old.get(volume_id), after=new.get(volume_id)
            )
