"""The six calls as values: arguments, checked, become a request. Nothing is sent here."""

from ipaddress import IPv4Address
from urllib.parse import quote

import attrs

from . import _checks as check
from ._http import Repeat, Request
from ._models import Restore, Snapshot


def create_snapshot(
    instance_id: str, *, region: str, name: str | None = None, description: str | None = None
) -> Request[Snapshot]:
    """POST a new snapshot of the instance and its attached volumes."""
    return Request(
        call="create_snapshot",
        method="POST",
        path=_path(instance_id),
        region=_region(region),
        returns=Snapshot,
        fields=_labels(name, description),
        repeat=Repeat.IF_UNSENT_OR_LIMITED,
        instance_id=instance_id,
        snapshot_name=name or "",
        expected=frozenset({name} if name is not None else ()),
    )


def list_snapshots(instance_id: str, *, region: str) -> Request[tuple[Snapshot, ...]]:
    """GET the instance's snapshots."""
    return Request(
        call="list_snapshots",
        method="GET",
        path=_path(instance_id),
        region=_region(region),
        returns=tuple[Snapshot, ...],
        longest_body=4 * 1024 * 1024,
        instance_id=instance_id,
    )


def get_snapshot(instance_id: str, snapshot_id: str, *, region: str) -> Request[Snapshot]:
    """GET one snapshot."""
    return Request(
        call="get_snapshot",
        method="GET",
        path=_path(instance_id, snapshot_id),
        region=_region(region),
        returns=Snapshot,
        instance_id=instance_id,
        snapshot_id=snapshot_id,
        expected=frozenset({snapshot_id}),
    )


def update_snapshot(
    instance_id: str,
    snapshot_id: str,
    *,
    region: str,
    name: str | None = None,
    description: str | None = None,
) -> Request[Snapshot]:
    """PUT a new name, a new description, or both.

    The page: the response describes "the updated fields of the snapshot". What it leaves out is as
    it was requested, or is not known.
    """
    fields = _labels(name, description)
    if not fields:
        raise ValueError("nothing to update: give name, description or both")

    return Request(
        call="update_snapshot",
        method="PUT",
        path=_path(instance_id, snapshot_id),
        region=_region(region),
        returns=Snapshot,
        fields=fields,
        repeat=Repeat.IF_ASKED,
        instance_id=instance_id,
        snapshot_id=snapshot_id,
        expected=frozenset({snapshot_id, name or snapshot_id}),
        known={"id": snapshot_id, "name": "", **{key: str(fields[key]) for key in fields}},
    )


def restore_snapshot(
    instance_id: str,
    snapshot_id: str,
    *,
    region: str,
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
        # The page's table has the one, the official Go client sends the other.
        fields["private_ip"] = fields["private_ipv4"] = check.ipv4("private_ip", private_ip)
    if description is not None:
        fields["description"] = check.text("description", description)
    if check.boolean("overwrite_existing", overwrite_existing):
        fields["overwrite_existing"] = True
        if hostname is not None:
            raise ValueError(
                f"overwrite_existing=True with hostname={hostname!r}: Civo might then not overwrite"
                " the instance; give one or the other"
            )

    return Request(
        call="restore_snapshot",
        method="POST",
        path=f"{_path(instance_id, snapshot_id)}/restore",
        region=_region(region),
        returns=Restore,
        fields=fields,
        repeat=Repeat.NEVER if overwrite_existing else Repeat.IF_UNSENT,
        instance_id=instance_id,
        snapshot_id=snapshot_id,
    )


def delete_snapshot(instance_id: str, snapshot_id: str, *, region: str) -> Request[None]:
    """DELETE one snapshot."""
    return Request(
        call="delete_snapshot",
        method="DELETE",
        path=_path(instance_id, snapshot_id),
        region=_region(region),
        returns=type(None),
        instance_id=instance_id,
        snapshot_id=snapshot_id,
    )


def for_snapshot(request: Request[Restore], snapshot: Snapshot) -> Request[Restore]:
    """Point a restore at that very snapshot, by its id, whatever it was first called by."""
    return attrs.evolve(
        request,
        path=f"{_path(request.instance_id, snapshot.id)}/restore",
        snapshot_id=snapshot.id,
        snapshot_name=snapshot.name,
    )


def _path(instance_id: str, *snapshot_id: str) -> str:
    instance = check.plain_name("instance_id", instance_id)
    rest = (check.plain_name("snapshot_id", part) for part in snapshot_id)

    return "/".join(
        ("/v2/instances", *(quote(part, safe="") for part in (instance, "snapshots", *rest)))
    )


def _region(region: str) -> str:
    return check.plain_name("region", region)


def _labels(name: str | None, description: str | None) -> dict[str, str | bool]:
    fields: dict[str, str | bool] = {}
    if name is not None:
        fields["name"] = check.label("name", name)
    if description is not None:
        fields["description"] = check.text("description", description)

    return fields
