"""What a terminal shows of a wait."""

import io

import pytest
from rich.console import Console

from civo_snapshots_async import (
    ApiError,
    DetailsChanged,
    PollFailed,
    PollPolicy,
    SnapshotEvent,
    SnapshotSeen,
    SnapshotStalled,
    StateChanged,
    UnknownStateSeen,
)
from civo_snapshots_async.cli._following import NotedPoll, View, in_words

from ..make import make_snapshot

PENDING = make_snapshot("Pending", {"vol-1": "Completed", "vol-2": ""})
ERROR = ApiError("Civo returned 503", status=503, method="GET", path="/v2")


def shown(view: View) -> str:
    """Return what a terminal shows."""
    console = Console(file=io.StringIO(), width=100)
    console.print(view)
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


@pytest.fixture
def view() -> View:
    """Return the view of a wait that has just started."""
    return View(title="snapshot snap-1", poll=NotedPoll(PollPolicy(interval=7)))


def test_there_is_a_line_for_the_snapshot_and_each_volume(view: View) -> None:
    """Each with its state."""
    view.report(SnapshotSeen(snapshot=PENDING))

    title, *rows, status = shown(view).splitlines()
    assert title == "snapshot snap-1"
    assert [row.split()[:2] for row in rows] == [
        ["●", "snapshot"], ["✓", "volume"], ["●", "volume"],
    ]  # fmt: skip
    assert "no state yet" in rows[2]
    assert status == "0 s, next poll in 0 s"


def test_a_change_is_shown(view: View) -> None:
    """In the line of what has changed."""
    view.report(SnapshotSeen(snapshot=PENDING))
    view.report(StateChanged(volume_id="vol-2", before="", after="Failed"))

    assert shown(view).splitlines()[3].split() == ["✗", "volume", "vol-2", "Failed", "0", "s"]


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (PollFailed(error=ERROR, in_a_row=1), "a poll failed: Civo returned 503"),
        (SnapshotStalled(snapshot=PENDING, unchanged_for=300), "nothing has changed for 300 s"),
    ],
    ids=["failed", "stalled"],
)
def test_trouble_is_noted_until_something_happens(
    view: View, event: SnapshotEvent, note: str
) -> None:
    """Below the volumes, also before the snapshot was seen."""
    view.report(event)
    assert shown(view).splitlines()[-1].endswith(note)

    view.report(SnapshotSeen(snapshot=PENDING))
    assert note not in shown(view)


def test_an_event_without_words_has_its_name() -> None:
    """None is left out."""
    assert in_words(UnknownStateSeen(state="Odd")) == "UnknownStateSeen"
    assert in_words(DetailsChanged(snapshot=PENDING)) == "DetailsChanged"
