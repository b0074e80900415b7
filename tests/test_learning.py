"""Polling when the end is likely: what is learned, and what it is worth."""

import json
import math
import pickle
from functools import cache
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.laws import CHANGES, LAWS, NARROW, Law, gamma, lognormal
from benchmarks.optimum import Optimum
from benchmarks.polling import changed, cost, cost_of_learned
from civo_snapshots_async import LearnedPoll, PollPolicy, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

DURATIONS = st.lists(st.floats(0, 10_000), max_size=25)


def name_of(value: Law | None) -> str:
    """Return the name of a law, or of none."""
    return value.name if value else "nothing"


def learned_from(*durations: float, max_interval: float | None = None) -> LearnedPoll:
    """Return what has learned from these durations of one instance."""
    learned = LearnedPoll(max_interval=max_interval)
    for seconds in durations:
        learned.learn("web-1", seconds)
    return learned


def written(durations: str, doubt: str, count: str) -> str:
    """Return a text as `to_json` writes it."""
    memory = f'{{"durations": {durations}, "doubt": {doubt}, "count": {count}}}'
    return f'{{"version": 1, "instances": {{"web-1": {memory}}}, "recent": {memory}}}'


class TestIntervals:
    """How they follow from what was learned."""

    @pytest.mark.parametrize("elapsed", [0, 1, 10, 60, 225, 1000])
    def test_with_nothing_learned_they_are_about_the_default_ones(self, elapsed: float) -> None:
        """Which grow with the square root of the time waited."""
        default = min(max(math.sqrt(elapsed), 2), 15)

        assert LearnedPoll().interval("web-1", elapsed) == pytest.approx(default, rel=0.25)

    def test_the_next_poll_is_where_the_end_is_likely(self) -> None:
        """Not before, and often while it is."""
        learned = learned_from(*[298, 299, 300, 301, 302] * 4)

        assert 250 < 60 + learned.interval("web-1", 60) < 305
        assert learned.interval("web-1", 298) < 6

    def test_past_the_likely_time_they_are_the_default_ones_again(self) -> None:
        """The law may have changed."""
        learned = learned_from(*[60.0] * 20)

        assert learned.interval("web-1", 400) == pytest.approx(15, rel=0.25)

    def test_of_an_unknown_instance_all_others_count(self) -> None:
        """The last ones."""
        learned = learned_from(*[300.0] * 20)

        assert learned.interval("db-1", 60) == learned.interval("web-1", 60)

    def test_they_have_a_limit_where_one_is_given(self) -> None:
        """For who has to notice a snapshot that ends much sooner than any before."""
        learned = learned_from(*[300.0] * 20, max_interval=60)

        assert learned.interval("web-1", 30) == 60

    def test_they_are_those_of_each_group_of_durations(self) -> None:
        """Two kinds of snapshot, such as one before and one after an update of the system."""
        learned = learned_from(*[58, 59, 60, 61, 62] * 2, *[298, 299, 300, 301, 302] * 2)

        assert 50 < 5 + learned.interval("web-1", 5) < 62
        assert 280 < 90 + learned.interval("web-1", 90) < 305

    @given(DURATIONS, st.floats(0, 20_000), st.floats(0, 0.9))
    def test_there_is_always_a_next_poll(
        self, durations: list[float], elapsed: float, jitter: float
    ) -> None:
        """A law: in finite time, and never at once."""
        shortest, longest = learned_from(*durations).span("web-1", elapsed, jitter)

        assert 0 < shortest <= longest < 2 * 10_000 + 100


class TestBetweenTwoPolls:
    """A duration is known only as far as two polls are apart."""

    @pytest.mark.parametrize("pending_at", [0, 200, 299])
    def test_it_is_where_the_end_is_likely(self, pending_at: float) -> None:
        """And not in the middle: nearly every poll is late in a wide gap."""
        learned = learned_from(*[298, 299, 300, 301, 302] * 4)

        learned.learn("web-1", 302, pending_at=pending_at)

        assert 290 < learned.durations("web-1")[-1] < 302

    def test_without_any_other_it_is_in_the_middle(self) -> None:
        """No time is more likely than another one."""
        learned = LearnedPoll()

        learned.learn("web-1", 30, pending_at=20)

        assert learned.durations("web-1") == (25,)

    def test_where_no_end_is_likely_it_is_in_the_middle(self) -> None:
        """So a law that has changed is learned."""
        learned = learned_from(*[300.0] * 20)

        learned.learn("web-1", 70, pending_at=60)

        assert learned.durations("web-1")[-1] == 65

    def test_doubts_bring_polls_before_the_likely_time(self) -> None:
        """Snapshots that are all complete at the first late poll may have been so for long."""
        learned = learned_from(*[290.0, 295, 300, 305, 310] * 4)
        sure = learned.interval("web-1", 0)

        for _ in range(8):
            learned.learn("web-1", 292, pending_at=0)

        assert sure > 280
        assert learned.interval("web-1", 0) < 150

    @pytest.mark.parametrize("took", [40, 100])
    def test_one_end_where_none_was_likely_is_no_proof(self, took: float) -> None:
        """However unlikely: it counts as one of thirty."""
        learned = learned_from(*[300.0] * 20)

        learned.learn("web-1", took, pending_at=0)

        memory = json.loads(learned.to_json())["instances"]["web-1"]
        assert memory["doubt"] == pytest.approx(math.log(1 / 0.03))

    def test_a_narrow_gap_removes_them(self) -> None:
        """It shows that the law is as it was."""
        learned = learned_from(*[290.0, 295, 300, 305, 310] * 4)

        for _ in range(8):
            learned.learn("web-1", 292, pending_at=0)
            learned.learn("web-1", 300, pending_at=290)
            learned.learn("web-1", 310, pending_at=300)

        assert learned.interval("web-1", 0) > 280

    def test_it_was_pending_before_it_was_complete(self) -> None:
        """Anything else is a mistake."""
        with pytest.raises(ValueError, match="pending_at must be at most took, 5, not 6"):
            LearnedPoll().learn("web-1", 5, pending_at=6)


class TestMemory:
    """It is bounded, and can be kept."""

    def test_the_last_durations_of_an_instance_are_kept(self) -> None:
        """Twenty of them."""
        learned = learned_from(*map(float, range(30)))

        assert learned.durations("web-1") == tuple(map(float, range(10, 30)))

    def test_the_oldest_instance_is_forgotten(self) -> None:
        """Where there are too many."""
        learned = LearnedPoll(max_instances=2)
        for instance_id in ("a", "b", "a", "c"):
            learned.learn(instance_id, 5.0)

        assert [*json.loads(learned.to_json())["instances"]] == ["a", "c"]

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=60))
    def test_it_comes_back_from_json(self, durations: list[tuple[str, float]]) -> None:
        """A law: nothing that counts is lost."""
        learned = LearnedPoll()
        for instance_id, seconds in durations:
            learned.learn(instance_id, seconds)

        read = LearnedPoll.from_json(learned.to_json())

        assert read.to_json() == learned.to_json()
        assert [read.durations(each) for each in "abcd"] == [
            learned.durations(each) for each in "abcd"
        ]

    def test_it_pickles_with_its_policy(self) -> None:
        """For a process pool."""
        policy = PollPolicy(learned=learned_from(7.0))

        pickled = pickle.dumps(policy)
        read = pickle.loads(pickled)  # noqa: S301 - our own

        assert read.learned.durations("web-1") == (7.0,)
        assert b"_Memory" not in pickled

    def test_its_limits_are_pickled_with_it(self) -> None:
        """As they are not in its JSON."""
        learned = LearnedPoll(max_instances=7, max_interval=60)

        read = pickle.loads(pickle.dumps(learned))  # noqa: S301 - our own

        assert (read.max_instances, read.max_interval) == (7, 60)

    def test_of_too_many_instances_in_json_the_last_are_read(self) -> None:
        """Those that were updated last."""
        learned = LearnedPoll()
        for instance_id in ("a", "b", "c"):
            learned.learn(instance_id, 5.0)

        read = LearnedPoll.from_json(learned.to_json(), max_instances=2)

        assert [*json.loads(read.to_json())["instances"]] == ["b", "c"]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "Expecting value"),
            ("[]", "not what LearnedPoll.to_json writes"),
            ("{}", "not what LearnedPoll.to_json writes"),
            (
                '{"version": 2, "instances": {}, "recent": []}',
                "a LearnedPoll of version 2: this reads 1",
            ),
            ('{"version": 1, "instances": [], "recent": {}}', "instances must be an object"),
            ('{"version": 1, "instances": {"a": [5]}, "recent": {}}', "not what LearnedPoll"),
            (written("5", "0", "0"), "durations must be an array"),
            (written("[-1]", "0", "0"), "a duration must be at least 0"),
            (written("[1]", "-1", "0"), "doubt must be at least 0"),
            (written("[1]", "0", "-1"), "count must be"),
        ],
    )
    def test_any_other_text_is_refused(self, text: str, says: str) -> None:
        """By what is wrong with it."""
        with pytest.raises(ValueError, match=says):
            LearnedPoll.from_json(text)

    @pytest.mark.parametrize(
        ("bad", "says"),
        [
            (("[-1]", "0", "1"), "a duration must be at least 0, not -1"),
            ((f"[{10**400}]", "0", "1"), "a duration must be at least 0, not 1000"),
            (('["x"]', "0", "1"), "a duration must be a number, not 'x'"),
            (("[1]", "null", "1"), "doubt must be a number, not None"),
            (("[1]", "1000", "1"), "doubt must be at most 8.5, not 1000"),
            (("[1]", "0", "1.5"), "count must be a whole number, not 1.5"),
            (("[1]", "0", f"{10**400}"), "count must be at least 0, not 1000"),
        ],
        ids=[
            "negative",
            "no float",
            "a text",
            "no doubt",
            "certain",
            "half a count",
            "a count that is no float",
        ],
    )
    def test_a_damaged_memory_is_refused(self, bad: tuple[str, str, str], says: str) -> None:
        """When it is read, and not in the middle of a wait."""
        with pytest.raises(ValueError, match=says):
            LearnedPoll.from_json(written(*bad))

    @given(
        durations=st.lists(st.floats(0, 366 * 86_400), max_size=20),
        doubt=st.floats(0, 8.5),
        count=st.integers(0, 2**53),
        elapsed=st.floats(0, 1e300),
    )
    def test_whatever_is_read_gives_an_interval(
        self, durations: list[float], doubt: float, count: int, elapsed: float
    ) -> None:
        """A law: finite, and of two seconds at least."""
        learned = LearnedPoll.from_json(written(f"{durations}", f"{doubt}", f"{count}"))

        before = learned.interval("web-1", elapsed)
        learned.learn("web-1", elapsed, pending_at=elapsed / 2)

        assert learned.durations("web-1")[-1] <= 366 * 86_400
        assert all(2 <= each < math.inf for each in (before, learned.interval("web-1", elapsed)))

    @pytest.mark.parametrize("other", ["interval", "wait", "min_interval", "jitter"])
    def test_a_policy_has_one_way_to_choose_intervals(self, other: str) -> None:
        """As with all of them."""
        given: dict[str, Any] = {"interval": 3, "wait": print, "min_interval": 3, "jitter": 0.5}

        with pytest.raises(ValueError, match="exclude each other"):
            PollPolicy(learned=LearnedPoll(), **{other: given[other]})


class TestWaiting:
    """A session's waits teach it, and use it."""

    async def test_the_next_wait_polls_less(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """And is hardly later."""
        poll = PollPolicy(learned=LearnedPoll())
        requests: list[int] = []
        late: list[float] = []
        for number in range(8):
            before, started = len(civo.requests), fake_clock.now()
            civo.script_next("web-1", scripts.completes(takes=300))
            snapshot = await session.create_snapshot("web-1", name=f"nightly-{number}")
            await session.wait_until_complete("web-1", snapshot, poll=poll)
            requests.append(len(civo.requests) - before)
            late.append(fake_clock.now() - started - 300)

        assert requests[0] > 25
        assert requests[-1] < 10
        assert max(late) < 60

    @pytest.mark.parametrize("script", [scripts.completed(), scripts.fails(after=30)])
    async def test_only_a_snapshot_seen_to_become_complete_teaches(
        self, civo: FakeCivo, session: SnapshotSession, script: scripts.Script
    ) -> None:
        """How long another has taken is not known."""
        learned = LearnedPoll()
        civo.add_snapshot("web-1", "snap-1", script=script)

        async for _ in session.watch("web-1", "snap-1", poll=PollPolicy(learned=learned)):
            pass

        assert json.loads(learned.to_json())["instances"] == {}

    async def test_an_end_after_a_failed_poll_teaches_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It may have come long before the last poll."""
        learned = LearnedPoll()
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=1))
        civo.inject("get", None, faults.status(503))

        await session.wait_until_complete("web-1", "snap-1", poll=PollPolicy(learned=learned))

        assert learned.durations("web-1") == ()

    async def test_a_resumed_wait_neither_teaches_nor_uses_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It does not know when the snapshot was started."""
        learned = learned_from(500.0)
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))
        saved = session.save_wait("web-1", "snap-1")

        await session.resume(saved, poll=PollPolicy(learned=learned))

        assert learned.durations("web-1") == (500.0,)
        assert len(civo.requests) > 5


@pytest.mark.slow
class TestRequests:
    """What it is worth, on the state machine of the waits, under known laws."""

    @pytest.mark.parametrize("law", [each for each in LAWS if each.is_unimodal], ids=name_of)
    def test_it_makes_a_tenth_more_requests_than_the_optimum_at_most(self, law: Law) -> None:
        """At equal lateness, of one who knows the law, once it has learned from 20 waits."""
        requests, late = cost_of_learned(law, 40)

        assert requests <= 1.10 * Optimum(law).polls(late)

    @pytest.mark.parametrize(("before", "after"), CHANGES, ids=name_of)
    def test_it_makes_hardly_more_than_the_default_where_it_knows_nothing(
        self, before: Law | None, after: Law
    ) -> None:
        """Nor after the law has changed, in any wait."""
        after_change = changed(before, after, histories=10)

        assert after_change.ratio <= 1.3

    @pytest.mark.parametrize("after", [lognormal(60, 0.05), lognormal(150, 0.05)], ids=name_of)
    def test_it_finds_out_that_snapshots_take_less_time_than_before(self, after: Law) -> None:
        """Though its polls come too late to show when they end."""
        after_change = changed(NARROW, after, histories=10, waits=12)

        assert after_change.late[0] > 100
        assert after_change.late[-1] < 45

    def test_the_optimum_is_the_best_of_all_times_where_that_is_known(self) -> None:
        """With a constant hazard the best interval is constant, and its cost has a formula."""
        law = gamma(1, 100)
        interval = 20.0
        left = math.exp(-interval / 100)
        polls, late = 1 + 1 / (1 - left), interval / (1 - left) - 100

        # The price of a second at which this interval is the best one.
        price = left / (100 * (1 - left) - interval * left)
        assert Optimum(law, [price]).polls(late) == pytest.approx(polls, rel=0.002)

    @given(st.lists(st.floats(1, 200), min_size=1, max_size=30), st.sampled_from(LAWS))
    def test_no_times_are_better_than_the_optimum(self, spans: list[float], law: Law) -> None:
        """A law."""
        times = [0.0, *accumulate(spans)]
        while times[-1] < law.horizon:
            times.append(times[-1] + spans[-1])

        polls, late = cost(times, law)

        # Its times are those of a grid.
        assert polls >= optimum_of(law.name).polls(late) * 0.995


@cache
def optimum_of(name: str) -> Optimum:
    """Return the optimum under the law of this name."""
    (law,) = (each for each in LAWS if each.name == name)

    return Optimum(law)
