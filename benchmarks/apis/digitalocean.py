"""DigitalOcean: snapshots of droplets and volumes."""

from .api import CREATED_AT, Routes


def _snapshot(snapshot_id: str) -> dict[str, object]:
    return {
        "id": snapshot_id,
        "name": "nightly-web-1",
        "created_at": CREATED_AT,
        "regions": ["nyc3"],
        "resource_id": "200776916",
        "resource_type": "droplet",
        "min_disk_size": 25,
        "size_gigabytes": 2.34,
        "tags": ["web", "env:prod"],
    }


def _page(count: int) -> dict[str, object]:
    return {
        "snapshots": [_snapshot(str(6_372_321 + number)) for number in range(count)],
        "links": {},
        "meta": {"total": count},
    }


ROUTES: Routes = {
    r"GET /v2/snapshots/([^/?]+)": lambda asked, _: {"snapshot": _snapshot(asked[1])},
    r"GET /v2/snapshots\?.*per_page=(\d+).*": lambda asked, _: _page(int(asked[1])),
}
