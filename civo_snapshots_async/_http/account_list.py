"""The account-wide list of snapshots, converted to the shape of an instance's list.

    {"id", "name", "description", "resource_type": "instance", "created_at",
     "instance": {"id", "name", "description", "included_volumes", "status", "created_at"}}

`instance` is the same snapshot again, with its status and its volumes, but its `id` may be the
instance's: the official CLI prints it as "Instance ID", while the official Go client reads it as a
snapshot. So an `id` other than the snapshot's is the instance's.
"""

from typing import cast


def entries_of(payload: object) -> object:
    """Return the list with each entry in the shape of an instance's list.

    An entry that names no instance gets an empty `instance_id`. Anything that is not a list, and an
    entry that is not an object, is returned as it is.
    """
    if not isinstance(payload, list):
        return payload
    entries = cast("list[object]", payload)

    return [_of_instance(entry) for entry in entries if _is_of_instance(entry)]


def _is_of_instance(entry: object) -> bool:
    """Return whether an entry is a snapshot of an instance, and not of another resource."""
    kind = cast("dict[str, object]", entry).get("resource_type") if isinstance(entry, dict) else ""

    return not (isinstance(kind, str) and kind) or kind.casefold() == "instance"


def _of_instance(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    outer = cast("dict[str, object]", entry)
    inner = outer.get("instance")
    fields = cast("dict[str, object]", inner) if isinstance(inner, dict) else {}

    return {
        **{name: outer.get(name) for name in ("id", "name", "description", "created_at")},
        "included_volumes": fields.get("included_volumes"),
        "status": fields.get("status"),
        "instance_id": _instance_id(outer.get("id"), fields.get("id")),
    }


def _instance_id(snapshot_id: object, named: object) -> str:
    if not isinstance(named, str) or named.casefold() == str(snapshot_id).casefold():
        return ""

    return named
