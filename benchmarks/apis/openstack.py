"""OpenStack's Block Storage: snapshots of volumes."""

from .api import Routes


def _snapshot(snapshot_id: str, *, pending: bool) -> dict[str, object]:
    return {
        "id": snapshot_id,
        "name": "nightly-web-1",
        "description": "taken before the upgrade",
        "status": "creating" if pending else "available",
        "size": 10,
        "volume_id": "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a001",
        "metadata": {"env": "prod"},
        "created_at": "2025-04-01T09:11:14.000000",
        "updated_at": "2025-04-01T09:12:14.000000",
        "user_id": "40c2102f4a554b848d96b14f3eec39ed",
        "os-extended-snapshot-attributes:progress": "40%" if pending else "100%",
        "os-extended-snapshot-attributes:project_id": "84b8950a8594489ca0a5d1e7a8f5a9ad",
    }


def _page(count: int) -> dict[str, object]:
    return {
        "snapshots": [_snapshot(f"snapshot-{number}", pending=False) for number in range(count)]
    }


_VERSION = {
    "id": "v3.0",
    "status": "CURRENT",
    "version": "3.71",
    "min_version": "3.0",
    "updated": "2023-08-31T00:00:00Z",
    "links": [{"rel": "self", "href": "/volume/v3/"}],
}

ROUTES: Routes = {
    # Its client requests the version first, once.
    "GET /volume/v3/?": lambda _, __: {"version": _VERSION},
    r"GET /volume/v3/snapshots/([^/?]+)": (
        lambda asked, pending: {"snapshot": _snapshot(asked[1], pending=pending)}
    ),
    r"GET /volume/v3/snapshots/detail\?.*limit=(\d+).*": lambda asked, _: _page(int(asked[1])),
}
