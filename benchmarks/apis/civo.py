"""Civo: instance snapshots."""

import itertools

from .api import CREATED_AT, SNAPSHOT_ID, Routes

_NUMBER = itertools.count()
_VOLUMES = ("0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a001", "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a002")
_INSTANCE = "/v2/instances/[^/?]+"
_REST = r"\?.*"

_Document = dict[str, object]


def snapshot(snapshot_id: str, *, pending: bool) -> _Document:
    """Return a snapshot of two volumes."""
    state = "Pending" if pending else "Complete"

    return {
        "id": snapshot_id,
        "name": "nightly-web-1",
        "description": "taken before the upgrade",
        "status": {
            "state": state,
            "volumes": [{"id": volume, "state": state} for volume in _VOLUMES],
        },
        "created_at": CREATED_AT,
    }


def snapshots(count: int, *, pending: bool) -> list[_Document]:
    """Return so many snapshots, `snapshot-0` and on."""
    return [snapshot(f"snapshot-{number}", pending=pending) for number in range(count)]


def account(count: int, *, pending: bool) -> list[_Document]:
    """Return the account's list of so many snapshots, `pending-0` and on, an instance each."""
    return [
        {
            "id": f"pending-{number}",
            "name": "nightly-web-1",
            "description": "taken before the upgrade",
            "resource_type": "instance",
            "created_at": CREATED_AT,
            "instance": {
                **snapshot(f"web-{number}", pending=pending),
                "included_volumes": _VOLUMES,
            },
        }
        for number in range(count)
    ]


def created() -> _Document:
    """Return the response to a create: the only one that names the volumes."""
    # One that was there before is not what a create has made.
    snapshot_id = f"{SNAPSHOT_ID[:-12]}{next(_NUMBER):012x}"

    return {**snapshot(snapshot_id, pending=True), "included_volumes": list(_VOLUMES)}


def restore() -> _Document:
    """Return the response to a restore."""
    return {
        "id": "f2d7b0a4-1b0e-4c39-8f7e-3d5a6c7b8e90",
        "name": "restore-nightly-web-1",
        "hostname": "web-1-copy",
        "description": "",
        "from_snapshot": SNAPSHOT_ID,
        "private_ipv4": "10.0.0.1",
        "overwrite_existing": False,
        "status": {"state": "in_progress"},
        "created_at": CREATED_AT,
        "completed_at": None,
    }


ROUTES: Routes = {
    f"GET {_INSTANCE}/snapshots/([^/?]+){_REST}": (
        lambda asked, pending: snapshot(asked[1], pending=pending)
    ),
    rf"GET /v2/instances/(?:pending|list)-(\d+)/snapshots{_REST}": (
        lambda asked, pending: snapshots(int(asked[1]), pending=pending)
    ),
    r"GET /v2/resourcesnapshots\?region=pending-(\d+)": (
        lambda asked, pending: account(int(asked[1]), pending=pending)
    ),
    f"POST {_INSTANCE}/snapshots{_REST}": lambda _, __: created(),
    f"POST {_INSTANCE}/snapshots/[^/?]+/restore{_REST}": lambda _, __: restore(),
}
