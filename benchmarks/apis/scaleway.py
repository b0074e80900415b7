"""Scaleway: snapshots of block volumes."""

from .api import CREATED_AT, Routes


def _snapshot(snapshot_id: str, *, pending: bool) -> dict[str, object]:
    return {
        "id": snapshot_id,
        "name": "nightly-web-1",
        "parent_volume": {
            "id": "0d3f1f6e-8a2b-4a57-9e7a-1c9d33b0a001",
            "name": "web-1",
            "type": "sbs_5k",
            "status": "in_use",
        },
        "size": 10_000_000_000,
        "project_id": "84b8950a-8594-489c-a0a5-d1e7a8f5a9ad",
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
        "references": [],
        "status": "creating" if pending else "available",
        "tags": ["prod"],
        "zone": "fr-par-1",
        "class": "sbs",
    }


def _page(count: int) -> dict[str, object]:
    return {
        "snapshots": [_snapshot(f"snapshot-{number}", pending=False) for number in range(count)],
        "total_count": count,
    }


_ZONE = "/block/v1/zones/[^/]+"
ROUTES: Routes = {
    rf"GET {_ZONE}/snapshots/([^/?]+)": (
        lambda asked, pending: _snapshot(asked[1], pending=pending)
    ),
    rf"GET {_ZONE}/snapshots\?.*page_size=(\d+).*": lambda asked, _: _page(int(asked[1])),
}
