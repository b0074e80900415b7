"""The bodies that the benchmark's server sends, written as each provider writes them."""

import json

SNAPSHOT_ID = "5b6a8c1e-3f1d-4c8e-9d55-0a7e1c2f4b60"
INSTANCE_ID = "c9a1d2f3-7c52-4f0b-8f5e-2a6d9b1e7c44"
_CREATED_AT = "2025-04-01T09:11:14Z"


def compact(document: object) -> bytes:
    """Return the JSON of a document as Go's encoder writes it, without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


def snapshot(snapshot_id: str, *, state: str = "Complete") -> dict[str, object]:
    """Return a snapshot of two volumes as Civo shows it."""
    return {
        "id": snapshot_id,
        "name": "nightly-web-1",
        "description": "taken before the upgrade",
        "status": {
            "state": state,
            "volumes": [
                {"id": "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a001", "state": state},
                {"id": "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a002", "state": state},
            ],
        },
        "created_at": _CREATED_AT,
    }


def snapshots(count: int, *, state: str = "Complete") -> list[dict[str, object]]:
    """Return an instance's list of so many snapshots, `snapshot-0` and on."""
    return [snapshot(f"snapshot-{number}", state=state) for number in range(count)]


def created() -> dict[str, object]:
    """Return the response to a create: the only one that names the volumes."""
    return {
        **snapshot(SNAPSHOT_ID, state="Pending"),
        "included_volumes": [
            "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a001",
            "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a002",
        ],
    }


def restore() -> dict[str, object]:
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
        "created_at": _CREATED_AT,
        "completed_at": None,
    }
