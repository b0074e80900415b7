"""What one session knows of snapshots, from all of its calls.

1. The `Caller` notes every snapshot that a call returns, so no call can forget to. It also notes
   the id of a list entry that can't be read otherwise.
2. A create gets a number when it starts. A snapshot that was noted earlier is not its own.
3. A snapshot that a create returned or found is claimed: it belongs to no other create.
4. The volumes that a creation named are remembered, because Civo shows them only there. A wait that
   continues here from another process brings them along.
5. Ids, names, instances and regions are compared without case, as in the codec.
6. Memory is bounded: the oldest entries are forgotten.
"""

from typing import TypeVar

import attrs

from .._checks import is_uuid
from .._models import Snapshot, SnapshotRef

K = TypeVar("K")
V = TypeVar("V")

# The region and the instance, as a call named them, and the id or name of a snapshot there.
_Address = tuple[str, str, str]

_MAX_REMEMBERED = 4096


@attrs.frozen
class _NamedVolumes:
    """The volumes that a creation named."""

    address: _Address
    """The address of its snapshot, by its current name."""
    volumes: tuple[str, ...]


class Ledger:
    """Notes snapshots as they come in, and says which of them a create may have made."""

    def __init__(self) -> None:
        self._creates = 0
        self._noted_at: dict[str, int] = {}
        self._named: dict[str, _NamedVolumes] = {}
        self._claimed: dict[str, None] = {}
        # The volumes of snapshots that were created elsewhere, by the given id or name.
        self._brought: dict[_Address, tuple[str, ...]] = {}

    def note(self, snapshot: Snapshot) -> Snapshot:
        """Note that a snapshot exists; return it with the volumes that its creation named."""
        key = snapshot.id.casefold()
        if key not in self._noted_at:
            _remember(self._noted_at, key, self._creates)
        # So it is for each entry of a list, but in a session that has created one.
        if not (snapshot.included_volumes or self._named or self._brought):
            return snapshot
        volumes = snapshot.included_volumes or self._volumes_of(snapshot)
        if not volumes:
            return snapshot
        # The response to an update may leave the name out; the snapshot keeps it.
        known = self._named.get(key)
        address = _address(snapshot, snapshot.name)
        if known is not None and not snapshot.name:
            address = known.address
        _remember(self._named, key, _NamedVolumes(address, volumes))

        return attrs.evolve(snapshot, included_volumes=volumes)

    def note_of_account(self, snapshot: Snapshot) -> Snapshot:
        """Note a snapshot of the account-wide list; keep the address that is known.

        That list names the instance by its id or not at all, and calls may use its name.
        """
        self.note_id(snapshot.id)
        known = self._named.get(snapshot.id.casefold())
        if snapshot.included_volumes or known is None:
            return snapshot

        return attrs.evolve(snapshot, included_volumes=known.volumes)

    def note_update(self, ref: SnapshotRef, snapshot: Snapshot) -> Snapshot:
        """Note what an update returned, whose id may be the name in its request.

        That name is not noted as an id: another snapshot may get it next.
        """
        if snapshot.id != ref.snapshot_id or self._is_id(ref.snapshot_id):
            return self.note(snapshot)
        old = _address(ref, ref.snapshot_id)
        new = _address(snapshot, snapshot.name or ref.snapshot_id)
        volumes = snapshot.included_volumes or self.volumes_named(ref)
        snapshot_id = self._id_at(old)
        if snapshot_id is not None:
            _remember(self._named, snapshot_id, _NamedVolumes(new, volumes))
        elif volumes:
            self._brought.pop(old, None)
            _remember(self._brought, new, volumes)

        return attrs.evolve(snapshot, included_volumes=volumes)

    def volumes_named(self, ref: SnapshotRef) -> tuple[str, ...]:
        """Return the volumes that a creation named, by the id or the name of its snapshot."""
        address = _address(ref, ref.snapshot_id)
        creation = self._named.get(ref.snapshot_id.casefold())
        if creation is not None:
            return creation.volumes
        snapshot_id = self._id_at(address)
        if snapshot_id is not None:
            return self._named[snapshot_id].volumes

        return self._brought.get(address, ())

    def bring(self, ref: SnapshotRef, volumes: tuple[str, ...]) -> None:
        """Remember the volumes of a snapshot that another session created."""
        if volumes:
            _remember(self._brought, _address(ref, ref.snapshot_id), volumes)

    def note_id(self, snapshot_id: str) -> None:
        """Note that a snapshot of that id exists."""
        key = snapshot_id.casefold()
        if key not in self._noted_at:
            _remember(self._noted_at, key, self._creates)

    def number_a_create(self) -> int:
        """Return the number of a create that starts now."""
        self._creates += 1

        return self._creates

    def was_there_before(self, snapshot_id: str, create: int) -> bool:
        """Return whether a snapshot was noted before the create of that number started."""
        return self._noted_at.get(snapshot_id.casefold(), create) < create

    def claim(self, snapshot_id: str) -> None:
        """Note that the snapshot belongs to a create."""
        _remember(self._claimed, snapshot_id.casefold(), None)

    def is_claimed(self, snapshot_id: str) -> bool:
        """Return whether the snapshot is known to belong to a create."""
        return snapshot_id.casefold() in self._claimed

    def _volumes_of(self, snapshot: Snapshot) -> tuple[str, ...]:
        if creation := self._named.get(snapshot.id.casefold()):
            return creation.volumes
        # A saved wait may have the snapshot's id or its name. From now on its id is known, and
        # another snapshot may get the name.
        for id_or_name in (snapshot.id, snapshot.name) if self._brought else ():
            if volumes := self._brought.pop(_address(snapshot, id_or_name), ()):
                return volumes

        return ()

    def _is_id(self, id_or_name: str) -> bool:
        return is_uuid(id_or_name) or id_or_name.casefold() in self._noted_at

    def _id_at(self, address: _Address) -> str | None:
        """Return the id of the newest creation whose snapshot has that name there."""
        newest_first = reversed(self._named.items())

        return next((key for key, each in newest_first if each.address == address), None)


def _address(place: Snapshot | SnapshotRef, id_or_name: str) -> _Address:
    return place.region.casefold(), place.instance_id.casefold(), id_or_name.casefold()


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
