"""What the ready-made scripts report, and when."""

import math
from collections.abc import Callable, Sequence

import pytest

from civo_snapshots_async.testing import scripts
from civo_snapshots_async.testing.scripts import Script

VOLUMES = ("vol-1", "vol-2")


def reported(script: Script, elapsed: float, volumes: Sequence[str] = VOLUMES) -> str:
    """Put a status into one line: the snapshot's state, then each volume's."""
    status = script(elapsed, volumes)
    if status is None:
        return "vanished"
    reports = status.get("volumes", [])
    assert isinstance(reports, list)
    assert [report["id"] for report in reports] == (list(volumes) if status else [])
    return " ".join([str(status.get("state", "-")), *(report["state"] for report in reports)])


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        pytest.param(0.0, "-", id="nothing-yet"),
        pytest.param(0.99, "-", id="still-nothing"),
        pytest.param(1.0, "Pending Pending Pending", id="started"),
        pytest.param(2.0, "Pending Completed Pending", id="first-volume"),
        pytest.param(3.0, "Pending Completed Completed", id="second-volume"),
        pytest.param(4.0, "Complete Completed Completed", id="complete"),
        pytest.param(1e9, "Complete Completed Completed", id="forever"),
    ],
)
def test_completes_volume_by_volume(elapsed: float, expected: str) -> None:
    """From no status to Pending to Complete, in equal steps."""
    assert reported(scripts.completes(4.0), elapsed) == expected


def test_completes_without_volumes() -> None:
    """A snapshot of an instance without volumes has two steps only."""
    script = scripts.completes(2.0)

    assert [reported(script, elapsed, ()) for elapsed in (0.0, 1.0, 2.0)] == [
        "-",
        "Pending",
        "Complete",
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(scripts.completed(), "Complete Completed Completed", id="completed"),
        pytest.param(scripts.stuck(), "Pending Pending Pending", id="stuck"),
        pytest.param(scripts.reports("Thawing"), "Thawing Pending Pending", id="reports"),
        pytest.param(scripts.fails(), "Failed Pending Pending", id="fails"),
        pytest.param(
            scripts.fails(state="errored"), "errored Pending Pending", id="fails-spelling"
        ),
        pytest.param(scripts.fails("vol-2"), "Pending Completed Failed", id="fails-volume"),
        pytest.param(scripts.vanishes(), "vanished", id="vanishes"),
        pytest.param(
            scripts.complete_with_pending_volume(), "Complete Completed Pending", id="the-page"
        ),
        pytest.param(
            scripts.complete_with_pending_volume("vol-1"),
            "Complete Pending Completed",
            id="the-page-first-volume",
        ),
    ],
)
def test_reports_the_same_forever(script: Script, expected: str) -> None:
    """Without a time given, a script reports the same from the start on."""
    assert [reported(script, elapsed) for elapsed in (0.0, 1e9)] == [expected] * 2


@pytest.mark.parametrize(
    ("script", "before", "then"),
    [
        pytest.param(
            scripts.reports("Thawing", until=5.0),
            "Thawing Pending Pending",
            "Complete Completed Completed",
            id="reports",
        ),
        pytest.param(
            scripts.fails(after=5.0),
            "Pending Pending Pending",
            "Failed Pending Pending",
            id="fails",
        ),
        pytest.param(
            scripts.fails("vol-1", after=5.0, state="ERROR"),
            "Pending Pending Pending",
            "Pending ERROR Completed",
            id="fails-volume",
        ),
        pytest.param(
            scripts.vanishes(after=5.0), "Pending Pending Pending", "vanished", id="vanishes"
        ),
        pytest.param(
            scripts.complete_with_pending_volume(until=5.0),
            "Complete Completed Pending",
            "Complete Completed Completed",
            id="the-page",
        ),
    ],
)
def test_changes_at_the_second_given(script: Script, before: str, then: str) -> None:
    """With a time given, a script changes at exactly that second."""
    assert [reported(script, elapsed) for elapsed in (0.0, 4.99, 5.0)] == [before, before, then]


def test_a_timeline_is_what_each_moment_holds() -> None:
    """Literal statuses, None and other scripts follow one another; before them is no status."""
    script = scripts.timeline(
        [(1.0, {"state": "QUEUED"}), (2.0, scripts.completes(2.0)), (9.0, None)]
    )

    assert [script(elapsed, ()) for elapsed in (0.0, 1.0, 2.0)] == [{}, {"state": "QUEUED"}, {}]
    assert [reported(script, elapsed, ()) for elapsed in (3.0, 4.0, 9.0)] == [
        "Pending",
        "Complete",
        "vanished",
    ]


@pytest.mark.parametrize(
    ("script", "before", "then"),
    [
        pytest.param(scripts.completes(5.0, message="done"), None, "done", id="completes"),
        pytest.param(scripts.completes(5.0), None, None, id="completes-without"),
        pytest.param(scripts.fails(after=5.0, message="disk full"), None, "disk full", id="fails"),
        pytest.param(
            scripts.fails("vol-1", after=5.0, message="disk full"), None, "disk full", id="volume"
        ),
        pytest.param(scripts.fails(after=5.0), None, None, id="fails-without"),
    ],
)
def test_a_message_comes_with_the_end(script: Script, before: str | None, then: str | None) -> None:
    """It is optional in Civo's JSON: absent before, and absent where none was given."""
    statuses = [script(elapsed, VOLUMES) or {} for elapsed in (0.0, 4.99, 5.0)]

    assert [status.get("message") for status in statuses] == [before, before, then]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(
            lambda: scripts.completes(-1.0), "takes must be a number of seconds", id="negative"
        ),
        pytest.param(lambda: scripts.completes(math.nan), "not nan", id="nan"),
        pytest.param(lambda: scripts.completes(math.inf), "not inf", id="infinite"),
        pytest.param(lambda: scripts.fails(after=-1.0), "after must be a number", id="fails-after"),
        pytest.param(lambda: scripts.vanishes(-1.0), "after must be a number", id="vanishes-after"),
        pytest.param(lambda: scripts.reports(" "), "must have a word", id="no-word"),
        pytest.param(lambda: scripts.fails(state=""), "must have a word", id="no-word-of-failure"),
        pytest.param(lambda: scripts.timeline([]), "at least one", id="empty-timeline"),
        pytest.param(
            lambda: scripts.timeline([(1.0, {}), (1.0, {})]), "must rise", id="time-stands-still"
        ),
        pytest.param(lambda: scripts.timeline([(-1.0, {})]), "moment", id="before-the-beginning"),
    ],
)
def test_refuses_what_cannot_be(wrong: Callable[[], Script], match: str) -> None:
    """A wrong argument is a ValueError that names it."""
    with pytest.raises(ValueError, match=match):
        wrong()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(scripts.fails("vol-9", after=60.0), id="fails"),
        pytest.param(scripts.complete_with_pending_volume("vol-9"), id="complete-with-pending"),
    ],
)
def test_names_only_volumes_that_exist(script: Script) -> None:
    """A volume that the snapshot does not have is an error at the first status."""
    with pytest.raises(ValueError, match="names volume 'vol-9'"):
        script(0.0, VOLUMES)
