"""What one session knows of snapshots, whichever of its calls showed them.

1. Every snapshot that a call returns is noted here, once, by the `Caller`: no call can forget to.
2. A create is numbered when it starts. A snapshot that was noted before that number was given was
   there before the create, so that the create has not made it.
3. A snapshot that a create returned or found is claimed: no other create can have made it.
4. The volumes that a creation named are known from then on, as Civo shows them only there. A wait
   that moves here from another process brings them along.
5. Memory is bounded: the oldest entries are forgotten.
"""

from typing import TypeVar

import attrs

from ._models import Snapshot

K = TypeVar("K")
V = TypeVar("V")

_MAX_KNOWN = 4096


class Ledger:
    """Notes snapshots as they come in, and tells creates which of them may be theirs."""

    def __init__(self) -> None:
        self._creates = 0
        self._noted_at: dict[str, int] = {}
        self._volumes: dict[str, tuple[str, ...]] = {}
        self._claimed: dict[str, None] = {}
        self._brought: dict[tuple[str, str], tuple[str, ...]] = {}

    def note(self, snapshot: Snapshot) -> Snapshot:
        """Remember that it is there now; return it with the volumes that its creation named."""
        if snapshot.id not in self._noted_at:
            _remember(self._noted_at, snapshot.id, self._creates)
        if snapshot.included_volumes:
            _remember(self._volumes, snapshot.id, snapshot.included_volumes)
            return snapshot
        named = self._volumes.get(snapshot.id) or self._brought_for(snapshot)

        return attrs.evolve(snapshot, included_volumes=named) if named else snapshot

    def volumes_of(self, snapshot_id: str) -> tuple[str, ...]:
        """Return the volumes that the creation of a snapshot named; empty where none are known."""
        return self._volumes.get(snapshot_id, ())

    def bring(self, instance_id: str, snapshot_id: str, volumes: tuple[str, ...]) -> None:
        """Take over the volumes of a snapshot that another session has created."""
        if volumes:
            _remember(self._brought, (instance_id, snapshot_id), volumes)

    def _brought_for(self, snapshot: Snapshot) -> tuple[str, ...]:
        # The wait that brought them may have named the snapshot by its id or by its name.
        for known_as in (snapshot.id, snapshot.name) if self._brought else ():
            if volumes := self._brought.get((snapshot.instance_id, known_as)):
                return volumes

        return ()

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
    memory[key] = value
    while len(memory) > _MAX_KNOWN:
        del memory[next(iter(memory))]
