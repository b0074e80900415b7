"""How values show themselves, at a prompt, in a notebook and in rich."""

import io
from xml.etree import ElementTree as ET

import attrs
import pytest
from rich.console import Console

from civo_snapshots_async import (
    BatchOutcome,
    BatchResult,
    Instance,
    PruneReport,
    PruneResult,
    Restore,
    VolumeStatus,
)
from civo_snapshots_async._plain import Plain

from .make import make_snapshot

SNAPSHOT = make_snapshot("Complete", {"vol-1": "Completed", "vol-2": "Pending"})


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            SNAPSHOT,
            f"<Snapshot: {SNAPSHOT}>",
        ),
        (
            Restore(id="r-1", from_snapshot="snap-1", hostname="web-2"),
            "<Restore: restore r-1 of snapshot snap-1 into web-2: no state yet>",
        ),
        (
            Instance(id="i-1", hostname="web-1", status="ACTIVE"),
            "<Instance: instance web-1 (i-1): ACTIVE>",
        ),
        (
            BatchResult(outcomes=()),
            "<BatchResult: 0 completed, 0 failed, 0 unknown, 0 not started>",
        ),
        (PruneResult(), "<PruneResult: 0 of 0 snapshots deleted>"),
        (
            PruneReport(instances=()),
            "<PruneReport: 0 of 0 snapshots deleted, 0 of 0 instances failed>",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_repr_is_one_short_line(value: object, line: str) -> None:
    """With the kind of the value."""
    assert repr(value) == line


def test_a_long_or_hostile_text_stays_one_line() -> None:
    """A server's name may hold anything."""
    shown = repr(Instance(id="i-1", hostname="a\nb\x1b[31m" + "x" * 1000, status="ACTIVE"))

    assert shown.isprintable()
    assert len(shown) < 120


def test_a_small_value_keeps_its_fields() -> None:
    """They are the short line."""
    assert repr(VolumeStatus(id="vol-1")) == "VolumeStatus(id='vol-1', state='')"


def test_a_notebook_shows_a_table() -> None:
    """One row for each field, and a line for each value in it; nothing is markup of a server's."""
    snapshot = attrs.evolve(SNAPSHOT, description="<script>alert(1)</script> & more")

    table = ET.fromstring(snapshot._repr_html_().replace("<br>", "<br/>"))  # noqa: S314 - our own text

    rows = {row[0].text: row[1] for row in table.iter("tr")}
    assert table.findtext("caption", "").startswith("snapshot before-upgrade (snap-1)")
    assert rows["description"].text == "<script>alert(1)</script> & more"
    assert list(rows) == [field.name for field in attrs.fields(type(snapshot))]
    assert len(rows["volumes"].findall("br")) == 1


def test_a_table_shows_some_of_many() -> None:
    """And how many more there are."""
    outcomes = tuple(BatchOutcome(status="completed", instance_id=f"i-{n}") for n in range(25))

    shown = BatchResult(outcomes=outcomes)._repr_html_()

    assert shown.count("<br>") == 20
    assert "i-19: completed<br>and 5 more</td>" in shown


def test_rich_shows_the_fields() -> None:
    """Of a snapshot as of its volumes."""
    console = Console(file=io.StringIO(), width=200)

    console.print(SNAPSHOT)

    text = console.file
    assert isinstance(text, io.StringIO)
    assert "name='before-upgrade'" in text.getvalue()
    assert "id='vol-1'" in text.getvalue()


def test_what_a_class_does_not_show_is_shown_nowhere() -> None:
    """As a secret would be."""

    @attrs.frozen(kw_only=True)
    class Login(Plain):
        name: str
        token: str = attrs.field(repr=False)

    login = Login(name="me", token="canary")

    assert "canary" not in login._repr_html_() + repr(login) + repr(list(login.__rich_repr__()))
