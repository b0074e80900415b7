"""Which snapshots a plan keeps, and which it deletes."""

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    Phase,
    PrunePlan,
    Snapshot,
    plan_prune,
)

from .make import NOW, made, make_snapshot

A_WEEK = timedelta(days=7)


def plan(*snapshots: Snapshot, **rules: Any) -> PrunePlan:
    """Plan on the 31st."""
    return plan_prune(snapshots, **{"now": NOW, **rules})


def deleted(plan: PrunePlan) -> list[str]:
    """Return the ids of what a plan deletes, in its order."""
    return [snapshot.id for snapshot in plan.to_delete]


FIVE = [made(age) for age in (1, 2, 3, 4, 5)]


class TestThePlan:
    """It is a function of what was listed, and sends nothing."""

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            pytest.param({"keep_last": 1}, ["day-5", "day-4", "day-3", "day-2"], id="one"),
            pytest.param({"keep_last": 3}, ["day-5", "day-4"], id="three"),
            pytest.param({"keep_last": 9}, [], id="more than there are"),
            pytest.param({"keep_within": timedelta(days=3)}, ["day-5", "day-4"], id="three days"),
            pytest.param(
                {"keep_within": timedelta(hours=1)},
                ["day-5", "day-4", "day-3", "day-2"],
                id="the newest is older",
            ),
            pytest.param({"keep_within": timedelta.max}, [], id="for ever"),
            pytest.param(
                {"keep_last": 2, "keep_within": timedelta(days=4)}, ["day-5"], id="days keep more"
            ),
            pytest.param(
                {"keep_last": 4, "keep_within": timedelta(days=1)}, ["day-5"], id="places keep more"
            ),
        ],
    )
    def test_deletes_what_no_rule_keeps(self, rules: dict[str, Any], expected: list[str]) -> None:
        """Of two rules, either keeps; the oldest goes first."""
        assert deleted(plan(*FIVE, **rules)) == expected

    def test_nothing_comes_of_nothing(self) -> None:
        """An instance without snapshots has an empty plan."""
        assert plan(keep_last=1) == PrunePlan(entries=())

    def test_gives_its_reasons(self) -> None:
        """A line for each snapshot, the oldest first, those of no known age before them."""
        shown = plan(
            made(None),
            made(0.5, "Pending"),
            made(1, "Failed"),
            made(2),
            made(3),
            made(4, "Error"),
            made(5),
            made(8),
            made(9, "Failed"),
            keep_last=2,
            keep_within=A_WEEK,
        )

        assert str(shown).splitlines() == [
            "keep day-None (day-None): it has no creation time",
            "delete day-9 (day-9): it has failed, and a complete one is newer",
            (
                "delete day-8 (day-8): not one of the newest 2 complete ones, "
                "not created within 7 days"
            ),
            "keep day-5 (day-5): created within 7 days",
            "keep day-4 (day-4): created within 7 days",
            "keep day-3 (day-3): one of the newest 2 complete ones",
            "keep day-2 (day-2): the newest complete one",
            "keep day-1 (day-1): it has failed, and no complete one is newer",
            "keep day-0.5 (day-0.5): it is pending: the snapshot is Pending",
        ]

    @pytest.mark.parametrize(
        ("span", "words"),
        [
            (timedelta(days=1), "not created within 1 day"),
            (timedelta(days=30), "not created within 30 days"),
            (timedelta(hours=36), "not created within 1 day, 12:00:00"),
        ],
    )
    def test_shows_a_time_in_words(self, span: timedelta, words: str) -> None:
        """Full days as days."""
        (entry, _) = plan(made(99), made(0), keep_within=span).entries

        assert entry.reason == words

    def test_only_complete_ones_take_a_place(self) -> None:
        """Pending and failed ones do not push a complete one out."""
        shown = plan(made(1, "Pending"), made(2, "Failed"), made(3), made(4), made(5), keep_last=2)

        assert deleted(shown) == ["day-5"]

    def test_failed_ones_go_when_a_complete_one_is_newer(self) -> None:
        """Without one, they stay, as they show why there is none."""
        failed = [made(age, "Failed") for age in (1, 3)]

        assert deleted(plan(*failed, keep_last=1)) == []
        assert deleted(plan(*failed, made(2), keep_last=1)) == ["day-3"]

    def test_a_volume_that_has_failed_is_a_failure(self) -> None:
        """However complete the snapshot's own state is."""
        broken = attrs.evolve(
            make_snapshot("Complete", {"vol-1": "Failed"}), created_at=NOW - timedelta(days=1)
        )

        assert plan(broken, made(2), made(3), keep_last=1).to_keep == (made(2), broken)

    def test_a_volume_that_is_pending_is_left_alone(self) -> None:
        """It counts for nothing either: the newest complete one is an older one."""
        late = attrs.evolve(
            make_snapshot("Complete", {"vol-1": "Pending"}), created_at=NOW - timedelta(days=1)
        )

        assert plan(late, made(2), made(3), keep_last=1).to_keep == (made(2), late)

    def test_a_prefix_leaves_other_names_alone(self) -> None:
        """They are not counted either."""
        nightly = [made(age, name=f"nightly-{age}") for age in (1, 2, 3)]

        shown = plan(made(0), made(9), *nightly, keep_last=2, name_prefix="nightly-")

        assert deleted(shown) == ["day-3"]
        assert shown.entries[0].reason == "its name does not begin with 'nightly-'"

    def test_those_of_the_same_second_are_kept_together(self) -> None:
        """Nothing shows which one is newer."""
        twins = [attrs.evolve(made(1), id=snapshot_id) for snapshot_id in ("a", "b")]

        assert deleted(plan(*twins, made(2), keep_last=1)) == ["day-2"]

    def test_the_present_is_the_default(self) -> None:
        """Of the machine's clock, in UTC."""
        now = datetime.now(UTC)
        fresh, stale, newest = (
            attrs.evolve(made(age), created_at=now - timedelta(days=age)) for age in (6, 8, 1)
        )

        assert plan_prune([fresh, stale, newest], keep_within=A_WEEK).to_delete == (stale,)

    @pytest.mark.parametrize(
        ("rules", "error", "says"),
        [
            ({}, ValueError, "no rule for what to keep: give keep_last, keep_within or both"),
            ({"name_prefix": "nightly-"}, ValueError, "no rule for what to keep"),
            ({"keep_last": 0}, ValueError, "keep_last must be at least 1, not 0"),
            ({"keep_last": True}, TypeError, "keep_last must be a whole number"),
            ({"keep_last": 2.0}, TypeError, "keep_last must be a whole number"),
            ({"keep_within": 7}, TypeError, "keep_within must be a timedelta, not 7"),
            ({"keep_within": timedelta(0)}, ValueError, "keep_within must be more than 0"),
            ({"keep_within": -A_WEEK}, ValueError, "keep_within must be more than 0"),
            ({"keep_last": 1, "name_prefix": ""}, ValueError, "name_prefix must not be empty"),
            ({"keep_last": 1, "name_prefix": 5}, TypeError, "name_prefix must be a string"),
            ({"keep_last": 1, "now": "today"}, TypeError, "now must be a datetime, not 'today'"),
            (
                {"keep_last": 1, "now": NOW.replace(tzinfo=None)},
                ValueError,
                "now must be timezone-aware",
            ),
        ],
    )
    def test_refuses_rules_that_are_none(
        self, rules: dict[str, Any], error: type[Exception], says: str
    ) -> None:
        """With the argument and the rule."""
        with pytest.raises(error, match=says):
            plan(**rules)

    @pytest.mark.parametrize("field", ["instance_id", "region"])
    def test_refuses_snapshots_of_several_instances(self, field: str) -> None:
        """The newest of one instance is no backup of another."""
        change: Any = {field: "another"}
        elsewhere = attrs.evolve(made(2), **change)

        with pytest.raises(ValueError, match=r"for one instance, not for several: .*another"):
            plan(made(1), elsewhere, keep_last=1)

    def test_refuses_a_snapshot_that_is_given_twice(self) -> None:
        """It would count twice."""
        with pytest.raises(ValueError, match="not twice: day-1"):
            plan(made(1), made(1), made(2), keep_last=1)

    def test_can_be_pickled(self) -> None:
        """A plan that a person has to approve may wait elsewhere."""
        shown = plan(*FIVE, keep_last=1)

        assert pickle.loads(pickle.dumps(shown)) == shown  # noqa: S301


STATES = st.sampled_from(["Complete", "completed", "Pending", "", "Odd", "Failed"])
SNAPSHOTS = st.lists(
    st.builds(
        lambda days, *what, **more: attrs.evolve(
            make_snapshot(*what, **more),
            created_at=None if days is None else NOW - timedelta(days=days),
        ),
        st.none() | st.integers(-1, 20),
        STATES,
        st.dictionaries(st.sampled_from(["vol-1", "vol-2"]), STATES),
        snapshot_id=st.integers(0, 99).map(str),
        name=st.sampled_from(["nightly-1", "weekly-1"]),
    ),
    unique_by=lambda snapshot: snapshot.id,
)
LAST = st.integers(1, 9)
RULES = st.fixed_dictionaries(
    {"keep_last": LAST},
    optional={
        "keep_within": st.integers(1, 20).map(lambda days: timedelta(days=days)),
        "name_prefix": st.just("nightly-"),
    },
)


class TestItsLaws:
    """Whatever was listed, and whatever the rules."""

    @given(SNAPSHOTS, RULES)
    def test_the_newest_complete_one_survives(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Among those that the plan is about, and so among all of that name."""
        shown = plan(*snapshots, **rules)

        concerned = [s for s in snapshots if s.name.startswith(rules.get("name_prefix", ""))]
        dates = [s.created_at for s in concerned if s.is_complete and s.created_at]
        newest = max(dates, default=None)
        assert not [s for s in shown.to_delete if s.is_complete and s.created_at == newest]

    @given(SNAPSHOTS, RULES)
    def test_what_is_pending_or_undated_is_never_deleted(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Nor what is called otherwise."""
        for snapshot in plan(*snapshots, **rules).to_delete:
            assert snapshot.phase is not Phase.PENDING
            assert snapshot.created_at is not None
            assert snapshot.name.startswith(rules.get("name_prefix", ""))

    @given(SNAPSHOTS, RULES, LAST)
    def test_keeping_more_deletes_no_other(
        self, snapshots: list[Snapshot], rules: dict[str, Any], more: int
    ) -> None:
        """With a greater `keep_last`, nothing is deleted that was not before."""
        few = plan(*snapshots, **rules)
        many = plan(*snapshots, **{**rules, "keep_last": rules["keep_last"] + more})

        assert set(deleted(many)) <= set(deleted(few))

    @given(SNAPSHOTS, RULES)
    def test_each_is_deleted_or_kept(
        self, snapshots: list[Snapshot], rules: dict[str, Any]
    ) -> None:
        """Once, and with a reason."""
        shown = plan(*snapshots, **rules)

        both = sorted(snapshot.id for snapshot in (*shown.to_delete, *shown.to_keep))
        assert both == sorted(snapshot.id for snapshot in snapshots)
        assert all(entry.reason for entry in shown.entries)

    @given(SNAPSHOTS, RULES, st.randoms(use_true_random=False))
    def test_the_order_does_not_matter(
        self, snapshots: list[Snapshot], rules: dict[str, Any], random: Any
    ) -> None:
        """A list may come in any."""
        shuffled = random.sample(snapshots, len(snapshots))

        assert plan(*shuffled, **rules) == plan(*snapshots, **rules)

    @given(SNAPSHOTS, RULES, st.data())
    def test_an_unreadable_entry_deletes_no_other(
        self, snapshots: list[Snapshot], rules: dict[str, Any], data: st.DataObject
    ) -> None:
        """A list of which some could not be read deletes no more than the list of all."""
        readable = [each for each in snapshots if data.draw(st.booleans())]

        assert set(deleted(plan(*readable, **rules))) <= set(deleted(plan(*snapshots, **rules)))

    @given(SNAPSHOTS, LAST)
    def test_as_many_complete_ones_are_kept_as_were_requested(
        self, snapshots: list[Snapshot], keep_last: int
    ) -> None:
        """Or all there are."""
        shown = plan(*snapshots, keep_last=keep_last)

        def complete(some: tuple[Snapshot, ...]) -> int:
            return len([s for s in some if s.is_complete and s.created_at])

        assert complete(shown.to_keep) >= min(keep_last, complete(tuple(snapshots)))
