"""Short ways to make values for tests."""

from civo_snapshots_async import Snapshot, SnapshotStatus, VolumeStatus


def make_snapshot(
    state: str = "",
    volumes: dict[str, str] | None = None,
    *,
    snapshot_id: str = "snap-1",
    name: str = "before-upgrade",
    included: tuple[str, ...] = (),
) -> Snapshot:
    """Make a snapshot in some state, its volumes in theirs."""
    return Snapshot(
        id=snapshot_id,
        name=name,
        included_volumes=included,
        status=SnapshotStatus(
            state=state,
            volumes=tuple(VolumeStatus(id=v, state=s) for v, s in (volumes or {}).items()),
        ),
        instance_id="web-1",
        region="FAKE1",
    )
