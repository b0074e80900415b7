"""What a list of snapshots says about one that is waited for. Pure."""

from collections.abc import Iterable

import attrs

from .._models import Snapshot


class Listed:
    """A list, indexed once for any number of waits.

    A snapshot is found by its id, or by its name together with its instance: in a list of the
    account, the same name may be another instance's.
    """

    def __init__(self, listed: Iterable[Snapshot]) -> None:
        # `None` for a key that two of them have.
        self._index: dict[tuple[str, str], Snapshot | None] = {}
        for snapshot in listed:
            place = snapshot.instance_id.casefold()
            for key in {("", snapshot.id.casefold()), (place, snapshot.name.casefold())}:
                self._index[key] = None if key in self._index else snapshot

    def find(self, instance_id: str, id_or_name: str) -> Snapshot | None:
        """Return the snapshot at that address; `None` where it is missing, or not the only one."""
        reference = id_or_name.casefold()
        keys = {("", reference), (instance_id.casefold(), reference)} & self._index.keys()
        found = [self._index[key] for key in keys]

        # The id of one snapshot may be the name of another.
        return found[0] if found and found[0] == found[-1] else None


def with_known_volumes(summary: Snapshot, known: Snapshot | None) -> Snapshot:
    """Fill in the volumes that a list leaves out, which does not mean that they are gone."""
    if leaves_out_volumes(summary) and known is not None:
        return attrs.evolve(summary, volumes=known.volumes)

    return summary


def leaves_out_volumes(summary: Snapshot) -> bool:
    """Tell whether a list shows less of it than a get would."""
    return bool(summary.state) and not summary.volumes
