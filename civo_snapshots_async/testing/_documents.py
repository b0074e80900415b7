"""Civo's JSON, written out by hand: nothing here may agree with a mistake of the client's."""

from collections.abc import Collection, Mapping, Sequence
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
    "quota",
    "region",
    "resource_snapshot",
    "restore_operation",
    "summary",
]

Document: TypeAlias = dict[str, object]

PastLastPage: TypeAlias = Literal["first", "empty"]
"""What a page past the last shows: the first page again, or nothing."""

_FEATURES = (
    "iaas",
    "kubernetes",
    "object_store",
    "loadbalancer",
    "dbaas",
    "volume",
    "paas",
    "kfaas",
    "public_ip_node_pools",
)
# With room for what tests do, as nothing holds these limits but that of snapshots.
_LIMITS: Mapping[str, int] = {
    "instance_count": 10_000,
    "cpu_core": 100_000,
    "ram_mb": 100_000_000,
    "disk_gb": 1_000_000,
    "disk_volume_count": 100_000,
    "disk_snapshot_count": 100_000,
    "public_ip_address": 10_000,
    "subnet_count": 10,
    "network_count": 10,
    "security_group": 16,
    "security_group_rule": 160,
    "port_count": 32,
    "loadbalancer_count": 16,
    "objectstore_gb": 5000,
    "database_count": 4,
    "database_snapshot_count": 20,
    "database_cpu_core": 16,
    "database_ram_mb": 32768,
    "database_disk_gb": 400,
}


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


def resource_snapshot(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return a snapshot as the account's list shows it, and as it is shown there alone."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "resource_type": "instance",
        "created_at": calendar.written(snapshot.created),
        # No source says whether the id in there is the snapshot's or the instance's. With this
        # one nobody can count on learning here which instance it was.
        "instance": created(snapshot, calendar),
    }


def region(code: str, *, is_default: bool) -> Document:
    """Return a region as the list of them shows it: one that can do everything."""
    return {
        "code": code,
        "name": code,
        "type": "civostack",
        "out_of_capacity": False,
        "country": "uk",
        "country_name": "United Kingdom",
        # None of them says whether a region has snapshots.
        "features": dict.fromkeys(_FEATURES, True),
        "default": is_default,
    }


def quota(
    instances: Collection[FakeInstance], *, snapshots: int, snapshot_limit: int | None
) -> Document:
    """Return what the account may use, and what it uses: only snapshots are really limited."""
    used = {
        "instance_count": len(instances),
        "cpu_core": sum(each.cpu_cores for each in instances),
        "ram_mb": sum(each.ram_mb for each in instances),
        "disk_gb": sum(each.disk_gb for each in instances),
        "disk_volume_count": sum(len(each.volumes) for each in instances),
        "disk_snapshot_count": snapshots,
        "public_ip_address": len(instances),
        "network_count": len({each.network_id for each in instances}),
        "security_group": len({each.firewall_id for each in instances}),
    }
    shown: Document = {
        "id": "44aab548-61ca-11e5-860e-5cf9389be614",
        "default_user_id": "ca04ddda-06e1-469a-ad63-27ac3298c42c",
        "default_user_email_address": "johnsmith@example.com",
    }
    for what, limit in _LIMITS.items():
        usage = used.get(what, 0)
        shown[f"{what}_limit"] = max(limit, usage)
        shown[f"{what}_usage"] = usage
    if snapshot_limit is not None:
        shown["disk_snapshot_count_limit"] = snapshot_limit

    return shown


def deleted() -> Document:
    """Return the answer to a deletion, of a snapshot or of an instance."""
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
