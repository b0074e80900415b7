"""Which of Civo's calls a method and a path are."""

from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import unquote

import attrs

__all__ = ["Kind", "Route", "route"]

Kind: TypeAlias = Literal["create", "list", "get", "update", "restore", "delete", "unknown"]
"""The six calls, by name; `"unknown"` is everything else."""

_CALLS: Mapping[tuple[str, ...], Mapping[str, Kind]] = {
    ("v2", "instances", "*", "snapshots"): {"GET": "list", "POST": "create"},
    ("v2", "instances", "*", "snapshots", "*"): {"GET": "get", "PUT": "update", "DELETE": "delete"},
    ("v2", "instances", "*", "snapshots", "*", "restore"): {"POST": "restore"},
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
            instance_id, snapshot_id = names
            return Route(
                kind=calls.get(method, "unknown"),
                instance_id=instance_id,
                snapshot_id=snapshot_id,
                allowed=tuple(calls),
            )

    return Route(kind="unknown")


def _names(pattern: tuple[str, ...], path: str) -> tuple[str, str | None] | None:
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
    if not {"", ".", ".."}.isdisjoint(names):
        return None

    return names[0], names[1] if len(names) > 1 else None
