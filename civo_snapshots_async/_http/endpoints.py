"""The calls as values: valid arguments become a request, which is sent elsewhere.

The six snapshot calls are those of https://www.civo.com/api/instance-snapshots, here called "the
page". What it leaves open is decided by the official Go client, and said where it is.
"""

from ipaddress import IPv4Address
from typing import TypeVar

import attrs

from .. import _checks as check
from .._models import (
    Instance,
    InstancePage,
    Restore,
    Snapshot,
    SnapshotLike,
    SnapshotQuota,
    SnapshotRef,
)
from .message import Request, RetrySafety

__all__ = [
    "Request",
    "create_snapshot",
    "delete_scratch",
    "delete_snapshot",
    "for_snapshot",
    "get_instance",
    "get_quota",
    "get_snapshot",
    "list_account_snapshots",
    "list_instances",
    "list_snapshots",
    "naming",
    "restore_snapshot",
    "update_snapshot",
]

T = TypeVar("T")


def create_snapshot(
    instance_id: str, *, region: str, name: str | None = None, description: str | None = None
) -> Request[Snapshot]:
    """POST a new snapshot of the instance and its attached volumes."""
    return Request(
        call="create_snapshot",
        method="POST",
        path=_snapshots(instance_id),
        region=_region(region),
        returns=Snapshot,
        fields=_labels(name, description),
        retry_safety=RetrySafety.IF_UNSENT_OR_LIMITED,
        instance_id=instance_id,
        snapshot_name=name or "",
        expected=frozenset({name} if name is not None else ()),
    )


def list_snapshots(instance_id: str, *, region: str) -> Request[tuple[Snapshot, ...]]:
    """GET the instance's snapshots."""
    return Request(
        call="list_snapshots",
        method="GET",
        path=_snapshots(instance_id),
        region=_region(region),
        returns=tuple[Snapshot, ...],
        max_body=4 * 1024 * 1024,
        instance_id=instance_id,
    )


def get_snapshot(ref: SnapshotRef) -> Request[Snapshot]:
    """GET one snapshot."""
    return Request(
        call="get_snapshot",
        method="GET",
        path=_path(ref),
        region=ref.region or _region(ref.region),
        returns=Snapshot,
        instance_id=ref.instance_id,
        snapshot_id=ref.snapshot_id,
        expected=frozenset({ref.snapshot_id}),
    )


def update_snapshot(
    ref: SnapshotRef, *, name: str | None = None, description: str | None = None
) -> Request[Snapshot]:
    """PUT a new name, a new description, or both.

    The page says that the response describes "the updated fields of the snapshot". A field that it
    leaves out is taken from the request, or is unknown.
    """
    fields = _labels(name, description)
    if not fields:
        raise ValueError("nothing to update: give name, description or both")

    return Request(
        call="update_snapshot",
        method="PUT",
        path=_path(ref),
        region=ref.region or _region(ref.region),
        returns=Snapshot,
        fields=fields,
        retry_safety=RetrySafety.IF_REQUESTED,
        instance_id=ref.instance_id,
        snapshot_id=ref.snapshot_id,
        expected=frozenset({ref.snapshot_id, name or ref.snapshot_id}),
        known={"id": ref.snapshot_id, "name": "", **{key: str(fields[key]) for key in fields}},
    )


def restore_snapshot(
    ref: SnapshotRef,
    *,
    hostname: str | None = None,
    private_ip: str | IPv4Address | None = None,
    description: str | None = None,
    overwrite_existing: bool = False,
) -> Request[Restore]:
    """POST a restore, over the instance or into a new one."""
    fields: dict[str, str | bool] = {}
    if hostname is not None:
        fields["hostname"] = check.hostname("hostname", hostname)
    if private_ip is not None:
        # The page's table has `private_ip`; the official Go client sends `private_ipv4`.
        fields["private_ip"] = fields["private_ipv4"] = check.ipv4("private_ip", private_ip)
    if description is not None:
        fields["description"] = check.text("description", description)
    if check.boolean("overwrite_existing", overwrite_existing):
        fields["overwrite_existing"] = True
        if hostname is not None:
            raise ValueError(
                f"overwrite_existing=True with hostname={hostname!r}: Civo might not overwrite the"
                " instance then; give one of the two"
            )

    return Request(
        call="restore_snapshot",
        method="POST",
        path=f"{_path(ref)}/restore",
        region=ref.region or _region(ref.region),
        returns=Restore,
        fields=fields,
        retry_safety=RetrySafety.NEVER if overwrite_existing else RetrySafety.IF_UNSENT,
        instance_id=ref.instance_id,
        snapshot_id=ref.snapshot_id,
    )


def delete_snapshot(ref: SnapshotRef) -> Request[None]:
    """DELETE one snapshot."""
    return Request(
        call="delete_snapshot",
        method="DELETE",
        path=_path(ref),
        region=ref.region or _region(ref.region),
        returns=type(None),
        instance_id=ref.instance_id,
        snapshot_id=ref.snapshot_id,
    )


def get_instance(instance_id: str, *, region: str) -> Request[Instance]:
    """GET one instance."""
    return Request(
        call="get_instance",
        method="GET",
        path=_instance(instance_id),
        region=_region(region),
        returns=Instance,
        instance_id=instance_id,
        expected=frozenset({instance_id}),
    )


def delete_scratch(instance_id: str, *, region: str) -> Request[None]:
    """DELETE the scratch instance of a drill, by its id; nothing but `_scratch` may make this."""
    return Request(
        # No session has a method of that name: it is a step of `drill`.
        call="delete_instance",
        method="DELETE",
        path=_instance(instance_id),
        region=_region(region),
        returns=type(None),
        retry_safety=RetrySafety.NEVER,
        instance_id=instance_id,
    )


def list_instances(page: int, per_page: int, *, region: str) -> Request[InstancePage]:
    """GET one page of the region's instances; the first page is 1."""
    return Request(
        call="list_instances",
        method="GET",
        path="/v2/instances",
        region=_region(region),
        query={
            "page": str(check.count("page", page, at_least=1)),
            "per_page": str(check.count("per_page", per_page, at_least=1)),
        },
        returns=InstancePage,
        max_body=4 * 1024 * 1024,
        instance_id="",
    )


def list_account_snapshots(*, region: str) -> Request[tuple[Snapshot, ...]]:
    """GET the snapshots of all instances in a region, those of deleted instances perhaps as well.

    A snapshot's `instance_id` is empty where the list does not name its instance.
    """
    return Request(
        call="list_account_snapshots",
        method="GET",
        path="/v2/resourcesnapshots",
        region=_region(region),
        returns=tuple[Snapshot, ...],
        # A snapshot is about 600 bytes here, and an account may have tens of thousands.
        max_body=16 * 1024 * 1024,
        instance_id="",
    )


def get_quota(*, region: str) -> Request[SnapshotQuota]:
    """GET how many snapshots the account may have, and how many it has."""
    return Request(
        call="get_quota",
        method="GET",
        path="/v2/quota",
        region=_region(region),
        returns=SnapshotQuota,
        instance_id="",
    )


def naming(request: Request[T], snapshot: SnapshotLike) -> Request[T]:
    """Return the request with the name of a `Snapshot`, for the log."""
    if not isinstance(snapshot, Snapshot):
        return request

    return attrs.evolve(request, snapshot_name=snapshot.name)


def for_snapshot(request: Request[Restore], snapshot: Snapshot) -> Request[Restore]:
    """Return the restore of exactly that snapshot, by its id."""
    ref = SnapshotRef(request.instance_id, snapshot.id, request.region)

    return attrs.evolve(
        request,
        path=f"{_path(ref)}/restore",
        snapshot_id=snapshot.id,
        snapshot_name=snapshot.name,
    )


# Nothing in a path is percent-encoded: a plain name needs none of it, and the check of one costs
# less. A `SnapshotRef` has made it already.
def _path(ref: SnapshotRef) -> str:
    return f"/v2/instances/{ref.instance_id}/snapshots/{ref.snapshot_id}"


def _snapshots(instance_id: str) -> str:
    return f"{_instance(instance_id)}/snapshots"


def _instance(instance_id: str) -> str:
    return f"/v2/instances/{check.plain_name('instance_id', instance_id)}"


def _region(region: str) -> str:
    return check.plain_name("region", region)


def _labels(name: str | None, description: str | None) -> dict[str, str | bool]:
    fields: dict[str, str | bool] = {}
    if name is not None:
        fields["name"] = check.label("name", name)
    if description is not None:
        fields["description"] = check.text("description", description)

    return fields
