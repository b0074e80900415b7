"""The account-wide list of snapshots, brought to the shape of an instance's own list.

    {"id", "name", "description", "resource_type": "instance", "created_at",
     "instance": {"id", "name", "description", "included_volumes", "status", "created_at"}}

What is in `instance` is the snapshot once more, with its status and its volumes. Only its `id` may
be the instance's: the official CLI prints it as "Instance ID", while the official Go client has the
type of a snapshot for it. So an `id` other than the snapshot's own is the instance's.
"""

from typing import cast


def entries_of(payload: object) -> object:
    """Return the list with each entry as the list of its instance has it.

    Its `instance_id` is empty where the entry names no instance. What is no list, and an entry that
    is no object, stays as it is.
    """
    if not isinstance(payload, list):
        return payload
    entries = cast("list[object]", payload)

    return [_of_instance(entry) for entry in entries if _is_of_instance(entry)]


def _is_of_instance(entry: object) -> bool:
    """Tell a snapshot of an instance from one of any other resource."""
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
