"""A restore as a plan: what it says, what it rests on, and its text in JSON."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import RestoreFacts, RestorePlan

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = RestoreFacts(
    instance_id="i-1",
    hostname="web-1",
    status="ACTIVE",
    snapshot_id="snap-1",
    snapshot_name="before-upgrade",
    created_at=NOON - timedelta(hours=37),
    volumes=("vol-1", "vol-2"),
    newer=("snap-2", "snap-3"),
)
PLAN = RestorePlan(
    region="FAKE1", overwrite_existing=True, safety_snapshot=True, made_at=NOON, facts=FACTS
)
NEW = RestorePlan(
    region="FAKE1",
    overwrite_existing=False,
    hostname="copy",
    private_ip="10.0.0.9",
    safety_snapshot=False,
    made_at=NOON,
    facts=attrs.evolve(FACTS, status=None, newer=(), network_id="net-1"),
)
TEXT = PLAN.to_json()
CHANGED: dict[str, Any] = {
    "instance_id": "i-2",
    "hostname": "db-1",
    "status": "SHUTOFF",
    "network_id": "net-2",
    "snapshot_id": "snap-9",
    "snapshot_name": "nightly",
    "created_at": NOON,
    "volumes": ("vol-1",),
    "newer": ("snap-2", "snap-3", "snap-4"),
    "same_hostname": ("i-3",),
}

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
moments = st.datetimes(min_value=datetime(2, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001
ids = st.lists(texts, max_size=3).map(tuple)
facts = st.builds(
    RestoreFacts,
    instance_id=names,
    hostname=texts,
    status=st.none() | texts,
    network_id=st.none() | texts,
    snapshot_id=names,
    snapshot_name=texts,
    created_at=st.none() | moments,
    volumes=ids,
    newer=ids,
    same_hostname=ids,
)
overwriting: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict, overwrite_existing=st.sampled_from([True]), safety_snapshot=st.booleans()
)
restoring: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    overwrite_existing=st.sampled_from([False]),
    safety_snapshot=st.sampled_from([False]),
    hostname=st.none() | names,
)


@st.composite
def plans(draw: Callable[..., Any]) -> RestorePlan:
    """Make any plan."""
    return RestorePlan(
        region=draw(names),
        private_ip=draw(st.none() | st.ip_addresses(v=4)),
        description=draw(st.none() | texts),
        made_at=draw(moments),
        facts=draw(facts),
        **draw(overwriting | restoring),
    )


def text(**changed: object) -> str:
    """Return a plan's text with some fields changed, or left out where they are `...`."""
    fields = json.loads(TEXT) | changed

    return json.dumps({key: value for key, value in fields.items() if value is not ...})


def text_with_facts(**changed: object) -> str:
    """Return a plan's text with some facts changed, or left out where they are `...`."""
    fields = json.loads(TEXT)["facts"] | changed

    return text(facts={key: value for key, value in fields.items() if value is not ...})


class TestInWords:
    """What is to be approved."""

    def test_an_overwrite_says_what_is_lost(self) -> None:
        """And what it does first."""
        assert str(PLAN) == (
            "Overwrites web-1 (ACTIVE) with before-upgrade, complete, taken 37 h ago "
            "(2 volumes).\n"
            "Lost: everything written since; 2 newer snapshots are not used. First takes the "
            f"safety snapshot undo-{PLAN.fingerprint[:6]}."
        )

    def test_a_restore_into_a_new_instance_says_what_that_will_be(self) -> None:
        """Its host name, whether it is taken, its network and its address."""
        assert str(NEW) == (
            "Restores before-upgrade of web-1, complete, taken 37 h ago (2 volumes), into a new "
            "instance.\n"
            "It gets the host name copy (not taken), the network net-1 and the address 10.0.0.9."
        )

    @pytest.mark.parametrize(
        ("plan", "changed", "says"),
        [
            (PLAN, {"newer": ()}, "everything written since. First"),
            (PLAN, {"newer": ("snap-2",)}, "since; 1 newer snapshot is not used."),
            (PLAN, {"volumes": ()}, "taken 37 h ago.\n"),
            (PLAN, {"volumes": ("vol-1",)}, "taken 37 h ago (1 volume).\n"),
            (PLAN, {"created_at": None}, "taken at a time that Civo does not give (2"),
            (PLAN, {"status": ""}, "web-1 ('') with"),
            (PLAN, {"status": None}, "web-1 (not known) with"),
            (NEW, {"network_id": None}, "the network of the old one and"),
            (NEW, {"same_hostname": ("i-3", "i-4")}, "(taken by i-3, i-4: Civo may refuse it)"),
        ],
    )
    def test_it_says_each_fact(self, plan: RestorePlan, changed: Any, says: str) -> None:
        """Or that there is none."""
        assert says in str(attrs.evolve(plan, facts=attrs.evolve(plan.facts, **changed)))

    @pytest.mark.parametrize(
        ("plan", "changed", "says"),
        [
            (PLAN, {"safety_snapshot": False}, "Takes no safety snapshot: it can't be undone."),
            (PLAN, {"private_ip": "10.0.0.9"}, "(2 volumes). It gets the address 10.0.0.9.\n"),
            (NEW, {"private_ip": None}, "and an address of Civo's choice."),
            (NEW, {"hostname": None}, "It gets a host name of Civo's choice, the network net-1"),
        ],
    )
    def test_it_says_what_it_does(self, plan: RestorePlan, changed: Any, says: str) -> None:
        """And what is Civo's to choose."""
        assert says in str(attrs.evolve(plan, **changed))

    @pytest.mark.parametrize(
        ("seconds", "says"),
        [
            (-5, "0 s ago"),
            (0, "0 s ago"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (7199, "119 min ago"),
            (7200, "2 h ago"),
            (3 * 86400 - 1, "71 h ago"),
            (3 * 86400, "3 days ago"),
        ],
    )
    def test_the_age_is_in_a_unit_that_fits(self, seconds: int, says: str) -> None:
        """Counted from when the plan was made; the server's clock may be ahead."""
        facts = attrs.evolve(FACTS, created_at=NOON - timedelta(seconds=seconds))

        assert f"taken {says} " in str(attrs.evolve(PLAN, facts=facts))

    @pytest.mark.parametrize(
        "name",
        ["web-1 (ACTIVE).\nIt is safe to approve", "web\u202e-1", "web\r", "\x1b[2J"],
        ids=["line", "direction", "return", "escape"],
    )
    def test_no_name_reads_as_a_sentence_of_the_plan(self, name: str) -> None:
        """What can't be printed on one line is shown escaped."""
        plan = attrs.evolve(PLAN, facts=attrs.evolve(FACTS, hostname=name, snapshot_name=name))

        assert str(plan).count("\n") == 1
        assert str(plan).count(ascii(name)) == 2
        assert str(plan).replace("\n", "").isprintable()


class TestFingerprint:
    """A hash of the facts and of what is to be done."""

    def test_it_is_stable(self) -> None:
        """In any process and version: a plan that is stored is the same plan."""
        assert PLAN.fingerprint == "bc13edc1013ed8459824957dd3b67ea7b5c6f1f7"

    @pytest.mark.parametrize("fact", [field.name for field in attrs.fields(RestoreFacts)])
    def test_it_changes_with_each_fact(self, fact: str) -> None:
        """So the table above has them all."""
        changed = attrs.evolve(PLAN, facts=attrs.evolve(FACTS, **{fact: CHANGED[fact]}))

        assert changed.fingerprint != PLAN.fingerprint

    @pytest.mark.parametrize(
        ("plan", "changed"),
        [
            (PLAN, {"region": "FAKE2"}),
            (PLAN, {"safety_snapshot": False}),
            (PLAN, {"private_ip": "10.0.0.8"}),
            (PLAN, {"description": "x"}),
            (NEW, {"hostname": "other"}),
            (NEW, {"hostname": None, "overwrite_existing": True}),
        ],
    )
    def test_it_changes_with_what_is_done(self, plan: RestorePlan, changed: Any) -> None:
        """And with the region."""
        assert attrs.evolve(plan, **changed).fingerprint != plan.fingerprint

    def test_it_does_not_change_with_the_time(self) -> None:
        """To plan once more and compare shows whether anything has changed."""
        later = attrs.evolve(PLAN, made_at=NOON + timedelta(days=1))

        assert later.fingerprint == PLAN.fingerprint

    @given(facts, facts)
    def test_it_differs_where_the_facts_do(self, one: RestoreFacts, other: RestoreFacts) -> None:
        """A law, of the facts alone."""
        first, second = (attrs.evolve(PLAN, facts=each).fingerprint for each in (one, other))

        assert (first == second) == (one == other)

    def test_a_safety_snapshot_bears_it(self) -> None:
        """With room for 16 characters in a label of at most 63."""
        assert PLAN.safety_prefix == f"undo-{PLAN.fingerprint}-"
        assert len(PLAN.safety_prefix) + 16 <= 63


class TestDifferences:
    """What has changed, in words."""

    @pytest.mark.parametrize(
        ("fact", "says"),
        [
            ("instance_id", "the instance's id was i-1 and is i-2"),
            ("hostname", "the instance's host name was web-1 and is db-1"),
            ("status", "the instance's status was ACTIVE and is SHUTOFF"),
            ("network_id", "the instance's network was not known and is net-2"),
            ("snapshot_id", "the snapshot's id was snap-1 and is snap-9"),
            ("snapshot_name", "the snapshot's name was before-upgrade and is nightly"),
            (
                "created_at",
                "the snapshot's date was 2026-02-27T23:00:00Z and is 2026-03-01T12:00:00Z",
            ),
            ("volumes", "volume vol-2 of the snapshot is gone"),
            ("newer", "newer snapshot snap-4 is new"),
            ("same_hostname", "instance i-3, which has the new host name, is new"),
        ],
    )
    def test_each_fact_has_its_words(self, fact: str, says: str) -> None:
        """One sentence for each."""
        now = attrs.evolve(FACTS, **{fact: CHANGED[fact]})

        assert FACTS.differences(now) == (says,)

    @given(facts)
    def test_the_same_facts_do_not_differ(self, one: RestoreFacts) -> None:
        """A law."""
        assert one.differences(one) == ()

    def test_every_fact_is_compared(self) -> None:
        """Also one that is added."""
        now = attrs.evolve(FACTS, **CHANGED)

        assert len(FACTS.differences(now)) == len(CHANGED) == len(attrs.fields(RestoreFacts))

    def test_case_does_not_matter(self) -> None:
        """A server may write an id or a status its own way."""
        now = attrs.evolve(
            FACTS, instance_id="I-1", status="Active", newer=("SNAP-2", "SNAP-3"), hostname="WEB-1"
        )

        assert FACTS.differences(now) == ()


class TestText:
    """What is written is read, and nothing else is."""

    @given(plans())
    def test_what_is_written_is_read(self, plan: RestorePlan) -> None:
        """A law: nothing is lost, and the fingerprint is the same."""
        read = RestorePlan.from_json(plan.to_json())

        assert read == plan
        assert (read.fingerprint, str(read)) == (plan.fingerprint, str(plan))

    def test_it_is_one_line_of_json_with_its_fingerprint(self) -> None:
        """As a bot stores it, or an approver's tool reads it."""
        fields = json.loads(TEXT)

        assert "\n" not in TEXT
        assert fields == PLAN.to_dict()
        assert (fields["version"], fields["fingerprint"]) == (1, PLAN.fingerprint)
        assert fields["facts"]["newer"] == ["snap-2", "snap-3"]

    def test_it_pickles_too(self) -> None:
        """For a process pool."""
        assert pickle.loads(pickle.dumps(PLAN)) == PLAN  # noqa: S301

    @pytest.mark.parametrize(
        ("bad", "says"),
        [
            ("", "not a restore plan: Expecting value"),
            (" " * 300_000, "not a restore plan: it has 300000 characters"),
            ("[]", "not a restore plan: it must be an object"),
            ("{}", "not a restore plan: it must have a version"),
            (text(version=2), "a restore plan of version 2: this library reads 1"),
            (TEXT[:-1] + ', "region": "LON1"}', "not a restore plan: an object has a key twice"),
            (text(region=...), r"not a restore plan: no RestorePlan: .* missing @ \$.region"),
            (text(hostname=...), "not a restore plan: it is not as to_json writes it"),
            (text(token="x"), "not a restore plan: it is not as to_json writes it"),
            (text_with_facts(color="blue"), "not a restore plan: it is not as to_json writes it"),
            (text_with_facts(status=...), "not a restore plan: it is not as to_json writes it"),
            (text_with_facts(newer="abc"), "not a restore plan: it is not as to_json writes it"),
            (text(safety_snapshot=1), "not a restore plan: it is not as to_json writes it"),
            (text(overwrite_existing="yes"), "not a restore plan: it is not as to_json writes it"),
            (text(made_at="2026-03-01"), "not a restore plan: .*made_at must be timezone-aware"),
            (text(made_at="2026-03-01T13:00:00+01:00"), "it is not as to_json writes it"),
            (text(made_at=5), "not a restore plan: "),
            (text_with_facts(created_at="soon"), "not a restore plan: "),
            (text(region=7), r"not a restore plan: .*expected a string, got int @ \$.region"),
            (text(region="LON1&x=y"), "not a restore plan: .*region must be 1 to 128 letters"),
            (text_with_facts(instance_id=".."), "instance_id must be 1 to 128 letters"),
            (text_with_facts(snapshot_id="a/../b"), "snapshot_id must be 1 to 128 letters"),
            (text_with_facts(snapshot_name="\ud800"), "snapshot_name holds half a surrogate"),
            (text_with_facts(newer=[7]), "expected a string, got int"),
            (text(private_ip="10.0.0.256"), "private_ip must be an IPv4 address"),
            (text(hostname="copy"), "a plan overwrites an instance or gives a new one a hostname"),
            (text(overwrite_existing=False), "a plan for a new instance overwrites nothing"),
            (text(facts=None), "not a restore plan: "),
            (text(fingerprint=...), "not a restore plan: its fingerprint is None, and that"),
            (text(fingerprint="0" * 40), "not a restore plan: its fingerprint is '0000"),
            (text_with_facts(snapshot_id="snap-9"), "it was changed after it was made"),
            (text(safety_snapshot=False), "it was changed after it was made"),
        ],
    )
    def test_any_other_text_is_refused(self, bad: str, says: str) -> None:
        """In words that say what is wrong with it, an edit by hand included."""
        with pytest.raises(ValueError, match=says):
            RestorePlan.from_json(bad)

    def test_a_text_is_a_string(self) -> None:
        """And not what was made of it."""
        parsed: Any = {"version": 1}

        with pytest.raises(TypeError, match="a restore plan must be a string"):
            RestorePlan.from_json(parsed)

    @given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
    def test_no_text_makes_it_crash(self, anything: str) -> None:
        """ValueError is all that comes of it."""
        with pytest.raises(ValueError, match="a restore plan"):
            RestorePlan.from_json(anything)

    @given(
        st.sampled_from(sorted(json.loads(TEXT)["facts"])), st.none() | st.text() | st.booleans()
    )
    def test_no_edit_of_a_fact_is_read(self, fact: str, value: object) -> None:
        """A law: what is read is what was written."""
        before = json.loads(TEXT)["facts"][fact]
        edited = text_with_facts(**{fact: value})

        try:
            assert RestorePlan.from_json(edited) == PLAN
        except ValueError:
            assert value != before


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"region": ".."}, ValueError),
        ({"made_at": datetime(2026, 3, 1)}, ValueError),  # noqa: DTZ001 - that is the test
        ({"made_at": "today"}, TypeError),
        ({"overwrite_existing": 1}, TypeError),
        ({"hostname": "copy"}, ValueError),
        ({"private_ip": "here"}, ValueError),
    ],
)
def test_a_plan_checks_its_fields(changed: Any, error: type[Exception]) -> None:
    """Also one that is made by hand."""
    with pytest.raises(error):
        attrs.evolve(PLAN, **changed)


def test_an_address_may_be_of_the_standard_library() -> None:
    """It is kept as text."""
    assert attrs.evolve(PLAN, private_ip=IPv4Address("10.0.0.9")).private_ip == "10.0.0.9"
