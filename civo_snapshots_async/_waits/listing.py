"""What a list of snapshots shows of one that is waited for. Pure."""

from collections.abc import Iterable

import attrs

from .._models import Snapshot


def by_id_and_name(listed: Iterable[Snapshot]) -> dict[str, Snapshot | None]:
    """Index a list once, for any number of waits; `None` stands for a name that two bear."""
    index: dict[str, Snapshot | None] = {}
    for snapshot in listed:
        for key in {snapshot.id.casefold(), snapshot.name.casefold()}:
            index[key] = None if key in index else snapshot

    return index


def with_known_volumes(summary: Snapshot, known: Snapshot | None) -> Snapshot:
    """Fill in the volumes that a list leaves out: a summary does not say that they are gone."""
    if leaves_out_volumes(summary) and known is not None:
        return attrs.evolve(summary, volumes=known.volumes)

    return summary


def leaves_out_volumes(summary: Snapshot) -> bool:
    """Tell whether a list shows less of it than a get would."""
    return bool(summary.state) and not summary.volumes
