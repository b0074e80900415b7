"""What states mean, and what they come to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import Phase, Restore, Snapshot, UnreadableEntry, VolumeStatus

from .make import entry, make_snapshot, malformed

WORDS = st.sampled_from(
    ["Complete", "completed", "Pending", "in_progress", "Failed", "ERROR", "", "Quiescing", "…"]
)
VOLUMES = st.dictionaries(st.sampled_from(["vol-1", "vol-2", "vol-3"]), WORDS)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("Complete", Phase.COMPLETE),
        ("Completed", Phase.COMPLETE),
        ("complete", Phase.COMPLETE),
        ("COMPLETED", Phase.COMPLETE),
        (" com-ple_ted ", Phase.COMPLETE),
        ("Failed", Phase.FAILED),
        ("failure", Phase.FAILED),
        ("ERROR", Phase.FAILED),
        ("Errored", Phase.FAILED),
        ("Pending", Phase.PENDING),
        ("in_progress", Phase.PENDING),
        ("In Progress", Phase.PENDING),
        ("", Phase.PENDING),
        (None, Phase.PENDING),
        ("Incomplete", Phase.PENDING),
        ("Quiescing", Phase.PENDING),
        ("not failed", Phase.PENDING),
    ],
)
def test_reads_every_spelling_of_a_state(state: str | None, phase: Phase) -> None:
    """Case, spaces, `-` and `_` do not matter, and an unknown word is pending."""
    assert Phase.of(state) is phase


@pytest.mark.parametrize(
    ("state", "volumes", "included", "phase", "reasons"),
    [
        pytest.param("Complete", {}, (), Phase.COMPLETE, (), id="complete, no volume reported"),
        pytest.param(
            "Complete",
            {"vol-1": "Completed", "vol-2": "Complete"},
            ("vol-1", "vol-2"),
            Phase.COMPLETE,
            (),
            id="complete, with every volume",
        ),
        pytest.param(
            "Complete",
            {"vol-1": "Completed", "vol-2": "Pending"},
            (),
            Phase.PENDING,
            ("volume vol-2 is Pending",),
            id="complete, with a pending volume as on the page",
        ),
        pytest.param(
            "Complete",
            {"vol-1": "Completed"},
            ("vol-1", "vol-2"),
            Phase.PENDING,
            ("volume vol-2 has no state yet",),
            id="complete, with an included volume that is not reported",
        ),
        pytest.param(
            "Complete",
            {},
            ("vol-1",),
            Phase.COMPLETE,
            (),
            id="complete, with included volumes and no report at all",
        ),
        pytest.param(
            "",
            {},
            ("vol-1",),
            Phase.PENDING,
            ("the snapshot has no state yet",),
            id="no status right after the creation",
        ),
        pytest.param(
            "Pending",
            {"vol-1": "Completed"},
            (),
            Phase.PENDING,
            ("the snapshot is Pending",),
            id="pending, with complete volumes",
        ),
        pytest.param(
            "Quiescing",
            {"vol-1": "Thawing"},
            (),
            Phase.PENDING,
            ("the snapshot is Quiescing", "volume vol-1 is Thawing"),
            id="words that are not known",
        ),
        pytest.param(
            "Pending",
            {"vol-1": "Failed", "vol-2": "Pending"},
            (),
            Phase.FAILED,
            ("volume vol-1 is Failed",),
            id="one failed volume",
        ),
        pytest.param(
            "Complete",
            {"vol-1": "error"},
            (),
            Phase.FAILED,
            ("volume vol-1 is error",),
            id="complete, with a failed volume",
        ),
        pytest.param(
            "Failed",
            {"vol-1": "Completed"},
            (),
            Phase.FAILED,
            ("the snapshot is Failed",),
            id="failed, with complete volumes",
        ),
    ],
)
def test_judges_a_snapshot_by_its_own_state_and_every_volume(
    state: str,
    volumes: dict[str, str],
    included: tuple[str, ...],
    phase: Phase,
    reasons: tuple[str, ...],
) -> None:
    """The verdict is what it all comes to, and why, in words."""
    verdict = make_snapshot(state, volumes, included=included).verdict

    assert (verdict.phase, verdict.reasons) == (phase, reasons)


@pytest.mark.parametrize(
    ("state", "volumes", "message", "reasons"),
    [
        pytest.param(
            "Failed", {}, "disk full", ("the snapshot is Failed (disk full)",), id="failed"
        ),
        pytest.param(
            "Pending",
            {"vol-2": "Failed"},
            "disk full",
            ("volume vol-2 is Failed", "Civo's message is: disk full"),
            id="a volume failed",
        ),
        pytest.param(
            "Complete",
            {"vol-2": "Failed"},
            "Snapshot completed successfully",
            ("volume vol-2 is Failed",),
            id="a volume failed, and the message is of the snapshot",
        ),
        pytest.param(
            "Pending", {}, "in a queue", ("the snapshot is Pending (in a queue)",), id="pending"
        ),
        pytest.param(
            "", {}, "in a queue", ("the snapshot has no state yet (in a queue)",), id="no state"
        ),
        pytest.param(
            "Complete",
            {"vol-2": "Pending"},
            "Snapshot completed successfully",
            ("volume vol-2 is Pending",),
            id="pending, and the message is of the snapshot",
        ),
        pytest.param("Complete", {}, "Snapshot completed successfully", (), id="complete"),
        pytest.param(
            "Failed",
            {},
            " two\nlines\t ",
            ("the snapshot is Failed (two lines)",),
            id="several lines",
        ),
        pytest.param("Failed", {}, "\n", ("the snapshot is Failed",), id="no word"),
        pytest.param(
            "Failed",
            {},
            "x" * 1_000_000,
            (f"the snapshot is Failed ({'x' * 200}…)",),
            id="endless",
        ),
    ],
)
def test_the_reasons_show_the_message(
    state: str, volumes: dict[str, str], message: str, reasons: tuple[str, ...]
) -> None:
    """It may be the only word on why a snapshot failed; it decides nothing."""
    verdict = make_snapshot(state, volumes, message=message).verdict

    assert verdict.reasons == reasons
    assert verdict.phase is make_snapshot(state, volumes).phase


@given(state=WORDS, volumes=VOLUMES, word=st.sampled_from(["Pending", "", "Quiescing"]))
def test_a_pending_volume_never_makes_a_snapshot_complete(
    state: str, volumes: dict[str, str], word: str
) -> None:
    """Whatever else is reported, one more pending volume means: not complete."""
    assert not make_snapshot(state, {**volumes, "late": word}).is_complete


@given(state=WORDS, volumes=VOLUMES)
def test_a_failed_volume_fails_a_snapshot(state: str, volumes: dict[str, str]) -> None:
    """Whatever else is reported, one failed volume means: failed."""
    assert make_snapshot(state, {**volumes, "broken": "Failed"}).is_failed


@given(state=WORDS, volumes=VOLUMES, included=st.sets(st.sampled_from(["vol-1", "vol-9"])))
def test_a_verdict_has_reasons_unless_it_is_complete(
    state: str, volumes: dict[str, str], included: set[str]
) -> None:
    """No "not complete" comes without a reason."""
    verdict = make_snapshot(state, volumes, included=tuple(included)).verdict

    assert bool(verdict.reasons) == (verdict.phase is not Phase.COMPLETE)


@given(st.text())
def test_no_state_is_too_strange(state: str) -> None:
    """Any text at all has a phase."""
    assert isinstance(Phase.of(state), Phase)


def test_a_snapshot_reads_its_properties_from_the_verdict() -> None:
    """The short forms are those of the verdict."""
    snapshot = make_snapshot("Pending", {"a": "Failed", "b": "Pending", "c": "Done-ish"})

    assert snapshot.is_failed
    assert not snapshot.is_complete
    assert snapshot.failed_volumes == (VolumeStatus(id="a", state="Failed"),)
    assert [volume.id for volume in snapshot.pending_volumes] == ["b", "c"]


def test_keeps_what_the_server_sent() -> None:
    """The raw words stay readable beside their meaning."""
    snapshot = make_snapshot("com_PLETE", {"vol-1": "Quiescing"}, message="disk full")

    assert snapshot.state == "com_PLETE"
    assert snapshot.volume_states == {"vol-1": "Quiescing"}
    assert (snapshot.message, snapshot.phase) == ("disk full", Phase.PENDING)


def test_a_snapshot_reads_as_a_short_line() -> None:
    """For a log or a chat, where its repr would fill a screen."""
    assert str(make_snapshot()) == "snapshot before-upgrade (snap-1): pending"
    assert str(make_snapshot("Complete", {"a": "Completed", "b": "Pending"})) == (
        "snapshot before-upgrade (snap-1): pending, 1 of 2 volumes complete"
    )


@pytest.mark.parametrize(
    ("fields", "goal"),
    [
        ({"hostname": "web-2", "state": "complete"}, "into web-2: complete"),
        ({}, "into a new instance: no state yet"),
        ({"overwrite_existing": True}, "over instance web-1: no state yet"),
    ],
    ids=["new", "unnamed", "overwrite"],
)
def test_a_restore_reads_as_a_short_line(fields: dict[str, Any], goal: str) -> None:
    """It says where it goes to."""
    restore = Restore(id="r-1", from_snapshot="snap-1", instance_id="web-1", **fields)

    assert str(restore) == f"restore r-1 of snapshot snap-1 {goal}"


def test_only_complete_and_failed_are_terminal() -> None:
    """A terminal snapshot does not change any more."""
    assert [phase for phase in Phase if phase.is_terminal] == [Phase.COMPLETE, Phase.FAILED]


def test_the_included_volumes_are_not_judged_twice() -> None:
    """A volume that is included and reported is one volume."""
    snapshot = make_snapshot("Complete", {"vol-1": "Pending"}, included=("vol-1",))

    assert len(snapshot.pending_volumes) == 1


def test_a_restore_has_a_phase_of_its_own() -> None:
    """The restore's words differ from the snapshot's; the reading is the same."""
    assert Restore(id="r-1", state="in_progress").phase is Phase.PENDING
    assert Restore(id="r-1", state="complete").phase is Phase.COMPLETE


def test_a_snapshot_needs_only_an_id_and_a_name() -> None:
    """What Civo may leave out has a default."""
    assert Snapshot(id="snap-1", name="nightly").phase is Phase.PENDING


@pytest.mark.parametrize(
    ("known", "wanted", "may_be", "may_be_named"),
    [
        (entry(id="a", name="x"), "a", True, False),
        (entry(id="a", name="x"), "A", True, False),
        (entry(id="a", name="x"), "x", True, True),
        (entry(id="a", name="x"), "other", False, False),
        (entry(id="a"), "other", True, True),
        (entry(name="x"), "other", True, False),
        (entry(), "other", True, True),
    ],
    ids=str,
)
def test_an_entry_may_be_what_differs_in_nothing(
    known: UnreadableEntry, wanted: str, *, may_be: bool, may_be_named: bool
) -> None:
    """An id or a name that can't be read may be any."""
    assert (known.may_be(wanted), known.may_be_named(wanted)) == (may_be, may_be_named)
    assert malformed(known).may_hide(wanted) == may_be
    assert malformed(known).may_hide_name(wanted) == may_be_named
