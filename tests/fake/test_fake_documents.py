"""FakeCivo's documents beside those of Civo's page."""

import json
from pathlib import Path
from typing import Any

import pytest

from civo_snapshots_async.testing import FakeCivo, scripts

from .talk import Caller

SAMPLES = Path(__file__).parent.parent / "samples"

CALLS = [
    pytest.param("create", "POST", "web-1/snapshots", id="create"),
    pytest.param("list", "GET", "web-1/snapshots", id="list"),
    pytest.param("get", "GET", "web-1/snapshots/snap-1", id="get"),
    pytest.param("update", "PUT", "web-1/snapshots/snap-1", id="update"),
    pytest.param("restore", "POST", "web-1/snapshots/snap-1/restore", id="restore"),
]


def sample(name: str) -> Any:
    """Read one of the page's documents."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """Reduce a document to its keys, in order, and the types of its values."""
    match value:
        case dict():
            return {key: shape(each) for key, each in value.items()}
        case list():
            return [shape(value[0])]
        case _:
            return type(value).__name__


@pytest.mark.parametrize(("name", "method", "path"), CALLS)
async def test_documents_have_the_shape_of_the_pages(
    civo: FakeCivo, call: Caller, name: str, method: str, path: str
) -> None:
    """FakeCivo responds with the keys of the page, no more, no less, and in its order."""
    civo.add_snapshot("web-1", "snap-1")
    civo.script_next("web-1", scripts.completed())

    ours, theirs = shape((await call(method, path)).document), shape(sample(name))

    if name == "restore":
        # The page shows an operation that is over; a fresh one has no end yet.
        theirs["completed_at"] = "NoneType"
    assert ours == theirs
    assert json.dumps(ours) == json.dumps(theirs)


@pytest.mark.parametrize("name", ["list", "get", "update"])
def test_the_page_shows_a_complete_snapshot_with_a_pending_volume(name: str) -> None:
    """The contradiction is the page's own, and stays."""
    document = sample(name)
    status = (document[0] if name == "list" else document)["status"]

    assert status["state"] == "Complete"
    assert status["volumes"][1]["state"] == "Pending"


def test_the_contradiction_can_be_scripted(civo: FakeCivo) -> None:
    """What the page shows is one of the ready-made scripts."""
    volumes = ("volume_uuid_1", "volume_uuid_2")
    civo.add_instance("page-1", volumes=volumes)

    snapshot = civo.add_snapshot("page-1", script=scripts.complete_with_pending_volume())

    assert snapshot.status == sample("list")[0]["status"]
