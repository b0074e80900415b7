"""Civo's JSON, written by hand: a mistake of the client must not occur here as well."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

from ._calendar import Calendar
from ._errors import CivoError
from ._records import FakeInstance, FakeRestore, FakeSnapshot

__all__ = [
    "AccountListIds",
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

AccountListIds: TypeAlias = Literal["instance", "snapshot"]
"""Whose id an entry of the account-wide list has in its `instance`."""

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
# High enough for any test: only the limit of snapshots is enforced.
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
    """Return the response to a create: the only one with `included_volumes`."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "included_volumes": list(snapshot.volumes),
        "status": snapshot.status or {},
        "created_at": calendar.text(snapshot.created),
    }


def details(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return the response to a get or an update."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "status": snapshot.status or {},
        "created_at": calendar.text(snapshot.created),
    }


def summary(snapshot: FakeSnapshot, calendar: Calendar) -> Document:
    """Return one item of a list; an empty status is left out."""
    # Civo's sources allow both an empty status and none: none here, an empty one in `details`.
    item: Document = {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
    }
    if status := snapshot.status:
        item["status"] = status
    item["created_at"] = calendar.text(snapshot.created)

    return item


def restore_operation(restore: FakeRestore, calendar: Calendar) -> Document:
    """Return the response to a restore: an operation, neither a snapshot nor an instance."""
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
        "created_at": calendar.text(restore.created),
        "completed_at": calendar.text(restore.completed) if is_over else None,
    }


def instance_details(instance: FakeInstance, calendar: Calendar) -> Document:
    """Return an instance, with those of its many fields that the official tools show."""
    return {
        "id": instance.id,
        "hostname": instance.hostname,
        "reverse_dns": "",
        "size": instance.size,
        "region": instance.region,
        "network_id": instance.network_id,
        "private_ip": instance.private_ip,
        "public_ip": instance.public_ip,
        "source_type": instance.source_type,
        "source_id": instance.source_id,
        "initial_user": "civo",
        "ssh_key_id": "",
        "status": instance.status,
        "notes": "",
        "firewall_id": instance.firewall_id,
        "tags": list(instance.tags),
        "script": "",
        "cpu_cores": instance.cpu_cores,
        "ram_mb": instance.ram_mb,
        "disk_gb": instance.disk_gb,
        "created_at": calendar.text(instance.created),
        "attached_volumes": [{"id": volume} for volume in instance.volumes],
    }


def instance_page(
    instances: Sequence[FakeInstance],
    calendar: Calendar,
    *,
    page: int,
    per_page: int,
    past_last: PastLastPage,
) -> Document:
    """Return one page of the instances."""
    # Without any instance there is still one page: how Civo responds then is not known.
    pages = max(1, -(-len(instances) // per_page))
    if page > pages and past_last == "first":
        page = 1
    start = (page - 1) * per_page

    return {
        "page": page,
        "per_page": per_page,
        "pages": pages,
        "items": [instance_details(each, calendar) for each in instances[start : start + per_page]],
    }


def resource_snapshot(
    snapshot: FakeSnapshot, calendar: Calendar, *, ids: AccountListIds
) -> Document:
    """Return a snapshot as the account-wide list shows it, alone or as an item."""
    inner = created(snapshot, calendar)
    # The official CLI prints this id as "Instance ID"; the official Go client reads it as a
    # snapshot's.
    if ids == "instance":
        inner["id"] = snapshot.instance_id

    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "description": snapshot.description,
        "resource_type": "instance",
        "created_at": calendar.text(snapshot.created),
        "instance": inner,
    }


def region(code: str, *, is_default: bool) -> Document:
    """Return a region as the list of regions shows it, with every feature."""
    return {
        "code": code,
        "name": code,
        "type": "civostack",
        "out_of_capacity": False,
        "country": "uk",
        "country_name": "United Kingdom",
        # None of them is about snapshots.
        "features": dict.fromkeys(_FEATURES, True),
        "default": is_default,
    }


def quota(
    instances: Collection[FakeInstance], *, snapshots: int, snapshot_limit: int | None
) -> Document:
    """Return the limits and the usage of the account: only that of snapshots is enforced."""
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
    document: Document = {
        "id": "44aab548-61ca-11e5-860e-5cf9389be614",
        "default_user_id": "ca04ddda-06e1-469a-ad63-27ac3298c42c",
        "default_user_email_address": "johnsmith@example.com",
    }
    for what, limit in _LIMITS.items():
        usage = used.get(what, 0)
        document[f"{what}_limit"] = max(limit, usage)
        document[f"{what}_usage"] = usage
    if snapshot_limit is not None:
        document["disk_snapshot_count_limit"] = snapshot_limit

    return document


def deleted() -> Document:
    """Return the response to a deletion, of a snapshot or of an instance."""
    # The page promises only a 200; the official client reads this shape elsewhere in the API.
    return {"result": "success"}


def envelope(error: CivoError) -> Document:
    """Return the error envelope."""
    # No `details`: the official Go client prints `reason` and `details` one after the other, and
    # the errors that people quote contain nothing twice.
    texts = {"code": error.code, "reason": error.reason}

    return {
        **{key: text for key, text in texts.items() if text},
        "result": error.result,
        "status": error.status,
    }
