"""From a method and a path to one of Civo's calls."""

from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import unquote

import attrs

__all__ = ["Kind", "Route", "route"]

Kind: TypeAlias = Literal[
    "create",
    "list",
    "get",
    "update",
    "restore",
    "delete",
    "get_instance",
    "list_instances",
    "delete_instance",
    "list_resource_snapshots",
    "get_resource_snapshot",
    "get_quota",
    "list_regions",
    "unknown",
]
"""The six calls on snapshots, and those of Civo's other calls that are implemented as well;
`"unknown"` is everything else."""

_CALLS: Mapping[str, Mapping[str, Kind]] = {
    "v2/instances/:instance_id/snapshots": {"GET": "list", "POST": "create"},
    "v2/instances/:instance_id/snapshots/:snapshot_id": {
        "GET": "get",
        "PUT": "update",
        "DELETE": "delete",
    },
    "v2/instances/:instance_id/snapshots/:snapshot_id/restore": {"POST": "restore"},
}
# Civo allows more methods at these paths. They are not implemented here, and not listed as allowed.
_IMPLEMENTED_IN_PART: Mapping[str, Mapping[str, Kind]] = {
    "v2/instances": {"GET": "list_instances"},
    "v2/instances/:instance_id": {"GET": "get_instance", "DELETE": "delete_instance"},
    "v2/resourcesnapshots": {"GET": "list_resource_snapshots"},
    "v2/resourcesnapshots/:snapshot_id": {"GET": "get_resource_snapshot"},
    "v2/quota": {"GET": "get_quota"},
    "v2/regions": {"GET": "list_regions"},
}


@attrs.frozen(kw_only=True)
class Route:
    """A call, the names in its path, and the methods that this path takes."""

    kind: Kind
    instance_id: str | None = None
    snapshot_id: str | None = None
    allowed: tuple[str, ...] = ()


def route(method: str, path: str) -> Route:
    """Return the call that a request makes, by its path as it was on the wire."""
    for pattern, calls in _CALLS.items():
        names = _names(pattern, path)
        if names is not None:
            return _route(calls.get(method, "unknown"), names, allowed=tuple(calls))
    for pattern, calls in _IMPLEMENTED_IN_PART.items():
        names = _names(pattern, path)
        if names is not None and method in calls:
            return _route(calls[method], names)

    return Route(kind="unknown")


def _route(kind: Kind, names: Mapping[str, str], allowed: tuple[str, ...] = ()) -> Route:
    return Route(
        kind=kind,
        instance_id=names.get("instance_id"),
        snapshot_id=names.get("snapshot_id"),
        allowed=allowed,
    )


def _names(pattern: str, path: str) -> dict[str, str] | None:
    parts, wanted = path.split("/")[1:], pattern.split("/")
    if len(parts) != len(wanted):
        return None
    names: dict[str, str] = {}
    for want, part in zip(wanted, parts, strict=True):
        if want.startswith(":"):
            names[want[1:]] = unquote(part)
        elif want != part:
            return None
    # A proxy would resolve dots to the path of another call: they name nothing here.
    return names if {"", ".", ".."}.isdisjoint(names.values()) else None
