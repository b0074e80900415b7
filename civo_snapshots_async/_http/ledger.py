"""What one session knows of snapshots, whichever of its calls showed them.

1. Every snapshot that a call returns is noted here, once, by the `Caller`: no call can forget to.
   So is the id of one that can't be read otherwise.
2. A create is numbered when it starts. A snapshot that was noted before that number was given was
   there before the create, so that the create has not made it.
3. A snapshot that a create returned or found is claimed: no other create can have made it.
4. The volumes that a creation named are known from then on, as Civo shows them only there. A wait
   that moves here from another process brings them along.
5. Memory is bounded: the oldest entries are forgotten.
"""

from typing import TypeVar

import attrs

from .._models import Snapshot, SnapshotRef

K = TypeVar("K")
V = TypeVar("V")

_MAX_KNOWN = 4096


@attrs.frozen
class _Named:
    """The volumes that a creation named, and what of."""

    place: tuple[str, str]
    """The region and the instance, as the call named them."""
    name: str
    volumes: tuple[str, ...]


class Ledger:
    """Notes snapshots as they come in, and says which of them a create may have made."""

    def __init__(self) -> None:
        self._creates = 0
        self._noted_at: dict[str, int] = {}
        self._named: dict[str, _Named] = {}
        self._claimed: dict[str, None] = {}
        # By the place and the id or name that a wait brought along.
        self._brought: dict[tuple[tuple[str, str], str], tuple[str, ...]] = {}

    def note(self, snapshot: Snapshot) -> Snapshot:
        """Remember that it is there now; return it with the volumes that its creation named."""
        self.note_id(snapshot.id)
        volumes = snapshot.included_volumes or self._volumes_of(snapshot)
        if not volumes:
            return snapshot
        place, known = (snapshot.region, snapshot.instance_id), self._named.get(snapshot.id)
        # The response to an update may leave the name out, which takes it from no snapshot.
        name = snapshot.name or (known.name if known else "")
        _remember(self._named, snapshot.id, _Named(place, name, volumes))

        return attrs.evolve(snapshot, included_volumes=volumes)

    def volumes_named(self, ref: SnapshotRef) -> tuple[str, ...]:
        """Return the volumes that a creation named, by the id or the name of its snapshot."""
        if ref.snapshot_id in self._named:
            return self._named[ref.snapshot_id].volumes
        place = ref.region, ref.instance_id
        for named in reversed(self._named.values()):
            if (named.place, named.name) == (place, ref.snapshot_id):
                return named.volumes

        return self._brought.get((place, ref.snapshot_id), ())

    def bring(self, ref: SnapshotRef, volumes: tuple[str, ...]) -> None:
        """Take over the volumes of a snapshot that another session has created."""
        if volumes:
            place = ref.region, ref.instance_id
            _remember(self._brought, (place, ref.snapshot_id), volumes)

    def _volumes_of(self, snapshot: Snapshot) -> tuple[str, ...]:
        if named := self._named.get(snapshot.id):
            return named.volumes
        place = snapshot.region, snapshot.instance_id
        # The wait that brought them may have named the snapshot by its id or by its name; from now
        # on its id is known, and another snapshot may get that name.
        for known_as in (snapshot.id, snapshot.name) if self._brought else ():
            if volumes := self._brought.pop((place, known_as), ()):
                return volumes

        return ()

    def note_id(self, snapshot_id: str) -> None:
        """Remember that a snapshot of that id is there now."""
        if snapshot_id not in self._noted_at:
            _remember(self._noted_at, snapshot_id, self._creates)

    def number_a_create(self) -> int:
        """Return the number of a create that starts now."""
        self._creates += 1

        return self._creates

    def was_there_before(self, snapshot_id: str, create: int) -> bool:
        """Tell whether a snapshot was noted before the create of that number started."""
        return self._noted_at.get(snapshot_id, create) < create

    def claim(self, snapshot_id: str) -> None:
        """Note that a create has made it."""
        _remember(self._claimed, snapshot_id, None)

    def is_claimed(self, snapshot_id: str) -> bool:
        """Tell whether a create is known to have made it."""
        return snapshot_id in self._claimed


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > _MAX_KNOWN:
        del memory[next(iter(memory))]
