"""Hetzner Cloud: snapshots, which are images there, and the actions that are waited for."""

from .api import CREATED_AT, Routes


def _image(number: int) -> dict[str, object]:
    return {
        "id": number,
        "type": "snapshot",
        "status": "available",
        "name": None,
        "description": "nightly-web-1",
        "image_size": 2.3,
        "disk_size": 10,
        "created": CREATED_AT,
        "created_from": {"id": 1, "name": "web-1"},
        "bound_to": None,
        "os_flavor": "ubuntu",
        "os_version": "24.04",
        "rapid_deploy": False,
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {"env": "prod"},
        "architecture": "x86",
    }


def _page(count: int) -> dict[str, object]:
    pagination = {
        "page": 1,
        "per_page": count,
        "previous_page": None,
        "next_page": None,
        "last_page": 1,
        "total_entries": count,
    }

    return {
        "images": [_image(number + 1) for number in range(count)],
        "meta": {"pagination": pagination},
    }


def _action(number: int, *, pending: bool) -> dict[str, object]:
    return {
        "id": number,
        "command": "create_image",
        "status": "running" if pending else "success",
        "progress": 40 if pending else 100,
        "started": CREATED_AT,
        "finished": None if pending else CREATED_AT,
        "resources": [{"id": 1, "type": "server"}],
        "error": None,
    }


ROUTES: Routes = {
    r"GET /v1/images/(\d+)": lambda asked, _: {"image": _image(int(asked[1]))},
    r"GET /v1/images\?.*per_page=(\d+).*": lambda asked, _: _page(int(asked[1])),
    r"GET /v1/actions/(\d+)": (
        lambda asked, pending: {"action": _action(int(asked[1]), pending=pending)}
    ),
}
