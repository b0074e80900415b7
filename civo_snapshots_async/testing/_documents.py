"""Civo's JSON, written out by hand: nothing here may agree with a mistake of the client's."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ._calendar import Calendar
from ._records import FakeInstance, FakeRestore, FakeSnapshot
from ._refused import RefusedError

__all__ = [
    "PastLastPage",
    "created",
    "deleted",
    "details",
    "envelope",
    "instance_details",
    "instance_page",
    "restore_operation",
    "summary",
]

Document: TypeAlias = dict[str, object]

PastLastPage: TypeAlias = Literal["first", "empty"]
"""What a page past the last shows: the first page again, or nothing."""


def created(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return the answer to a create: the only one with `included_volumes`."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "included_volumes": list(snapshot.volumes),
        "status": snapshot.status or {},
        "created_at": calendar.written(snapshot.created),
    }


def details(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return the answer to a get or an update."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "status": snapshot.status or {},
        "created_at": calendar.written(snapshot.created),
    }


def summary(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return one item of a list; a status that says nothing is left out."""
    # The official facts allow both an empty status and none: both are met, here and in details.
    item: Document = {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
    }
    if status := snapshot.status:
        item["status"] = status
    item["created_at"] = calendar.written(snapshot.created)

    return item


def restore_operation(restore: FakeRestore, calendar: Calendar) -> Document:
    """Return the answer to a restore: an operation, neither a snapshot nor an instance."""
    is_over = calendar.now() >= restore.completed

    return {
        "id": restore.id,
        "name": restore.name,
        "hostname": restore.hostname,
        "description": restore.description,
        "from_snapshot": restore.from_snapshot,
        "private_ipv4": restore.private_ip,
        "overwrite_existing": restore.overwrite_existing,
        "status": {"state": "complete" if is_over else "in_progress"},
        "created_at": calendar.written(restore.created),
        "completed_at": calendar.written(restore.completed) if is_over else None,
    }


def instance_details(shown: FakeInstance, calendar: Calendar) -> Document:
    """Return an instance, with those of its many fields that the official tools show."""
    return {
        "id": shown.id,
        "hostname": shown.hostname,
        "reverse_dns": "",
        "size": shown.size,
        "region": shown.region,
        "network_id": shown.network_id,
        "private_ip": shown.private_ip,
        "public_ip": shown.public_ip,
        "source_type": shown.source_type,
        "source_id": shown.source_id,
        "initial_user": "civo",
        "ssh_key_id": "",
        "status": shown.status,
        "notes": "",
        "firewall_id": shown.firewall_id,
        "tags": list(shown.tags),
        "script": "",
        "cpu_cores": shown.cpu_cores,
        "ram_mb": shown.ram_mb,
        "disk_gb": shown.disk_gb,
        "created_at": calendar.written(shown.created),
        "attached_volumes": [{"id": volume} for volume in shown.volumes],
    }


def instance_page(
    there: Sequence[FakeInstance],
    calendar: Calendar,
    *,
    page: int,
    per_page: int,
    past_last: PastLastPage,
) -> Document:
    """Return one page of the instances."""
    # Without any instance there is one page still: what Civo says then is not known.
    pages = max(1, -(-len(there) // per_page))
    if page > pages and past_last == "first":
        page = 1
    begins = (page - 1) * per_page

    return {
        "page": page,
        "per_page": per_page,
        "pages": pages,
        "items": [instance_details(shown, calendar) for shown in there[begins : begins + per_page]],
    }


def deleted() -> Document:
    """Return the answer to a deletion."""
    # The page promises only a 200; the official client reads this shape elsewhere in the API.
    return {"result": "success"}


def envelope(refused: RefusedError) -> Document:
    """Return the error envelope."""
    # No `details`: the official Go client would print `reason` and `details` one after the other,
    # and what people quote of its errors says everything once.
    said = {"code": refused.code, "reason": refused.reason}

    return {
        **{key: text for key, text in said.items() if text},
        "result": refused.result,
        "status": refused.status,
    }
