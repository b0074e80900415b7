"""Which of Civo's calls a method and a path are."""

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
    "unknown",
]
"""The six calls on snapshots and the two that show instances; `"unknown"` is everything else."""

_CALLS: Mapping[tuple[str, ...], Mapping[str, Kind]] = {
    ("v2", "instances", "*", "snapshots"): {"GET": "list", "POST": "create"},
    ("v2", "instances", "*", "snapshots", "*"): {"GET": "get", "PUT": "update", "DELETE": "delete"},
    ("v2", "instances", "*", "snapshots", "*", "restore"): {"POST": "restore"},
}
# What else Civo lets do with an instance is not played here: there is nothing at these paths then.
_SHOWN: Mapping[tuple[str, ...], Kind] = {
    ("v2", "instances"): "list_instances",
    ("v2", "instances", "*"): "get_instance",
}


@attrs.frozen(kw_only=True)
class Route:
    """A call, the names in its path, and the methods that this path knows."""

    kind: Kind
    instance_id: str | None = None
    snapshot_id: str | None = None
    allowed: tuple[str, ...] = ()


def route(method: str, path: str) -> Route:
    """Return the call that a request is, from its path as it was on the wire."""
    for pattern, calls in _CALLS.items():
        names = _names(pattern, path)
        if names is not None:
            return _route(calls.get(method, "unknown"), names, allowed=tuple(calls))
    for pattern, kind in _SHOWN.items():
        names = _names(pattern, path)
        if names is not None and method == "GET":
            return _route(kind, names)

    return Route(kind="unknown")


def _route(kind: Kind, names: list[str], allowed: tuple[str, ...] = ()) -> Route:
    instance_id, snapshot_id, *_ = (*names, None, None)

    return Route(kind=kind, instance_id=instance_id, snapshot_id=snapshot_id, allowed=allowed)


def _names(pattern: tuple[str, ...], path: str) -> list[str] | None:
    parts = tuple(path.split("/")[1:])
    if len(parts) != len(pattern):
        return None
    names: list[str] = []
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted == "*":
            names.append(unquote(part))
        elif wanted != part:
            return None
    # A server in the way would resolve dots to another call's path: they name nothing here.
    return names if {"", ".", ".."}.isdisjoint(names) else None
