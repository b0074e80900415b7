"""Polling when the end is likely: what is learned, and what it is worth."""

import json
import math
import pickle
import random
from bisect import bisect_right
from collections.abc import Callable
from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import LearnedPoll, PollPolicy, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

Law = Callable[[random.Random], float]
Next = Callable[[float], float]

DURATIONS = st.lists(st.floats(0, 10_000), max_size=25)


def learned_from(*durations: float, max_interval: float | None = None) -> LearnedPoll:
    """Return what has learned from these durations of one instance."""
    learned = LearnedPoll(max_interval=max_interval)
    for seconds in durations:
        learned.learn("web-1", seconds)
    return learned


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

    @given(DURATIONS, st.floats(0, 20_000), st.floats(0, 0.9))
    def test_there_is_always_a_next_poll(
        self, durations: list[float], elapsed: float, jitter: float
    ) -> None:
        """A law: in finite time, and never at once."""
        shortest, longest = learned_from(*durations).span("web-1", elapsed, jitter)

        assert 0 < shortest <= longest < 2 * 10_000 + 100


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

        read = pickle.loads(pickle.dumps(policy))  # noqa: S301 - our own

        assert read.learned.durations("web-1") == (7.0,)

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
            ('{"version": 1, "instances": [], "recent": []}', "instances must be an object"),
            ('{"version": 1, "instances": {"a": 5}, "recent": []}', "durations must be an array"),
            (
                '{"version": 1, "instances": {"a": [-1]}, "recent": []}',
                "a duration must be at least 0",
            ),
        ],
    )
    def test_any_other_text_is_refused(self, text: str, says: str) -> None:
        """By what is wrong with it."""
        with pytest.raises(ValueError, match=says):
            LearnedPoll.from_json(text)

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


def polls_and_lateness(make: Callable[[random.Random], Next], law: Law) -> tuple[float, float]:
    """Return how many polls a way to poll takes, and how late it is, both on average."""
    rng = random.Random(20261124)  # noqa: S311 - no secret
    polls: list[int] = []
    late: list[float] = []
    for _ in range(150):
        following, duration = make(rng), law(rng)
        moment, made = 0.0, 1
        while moment < duration:
            moment, made = following(moment), made + 1
        polls.append(made)
        late.append(moment - duration)
    return mean(polls), mean(late)


def best_times(survival: Callable[[float], float], cost: float) -> list[float]:
    """Return the best times to poll, of one who knows the law."""
    times, due, moment = [0.0], 0.0, 0.0
    while (alive := survival(moment)) > 1e-9 and moment < 3000:
        due += math.sqrt(max(alive - survival(moment + 0.25), 0.0) / alive / 0.25 / (2 * cost)) / 4
        moment += 0.25
        if due >= 1:
            times.append(moment)
            due -= 1
    return times


def best_at(lateness: float, survival: Callable[[float], float], law: Law) -> float:
    """Return the fewest polls, of one who knows the law, for that lateness."""
    low, high = 1e-3, 1e4
    polls = 0.0
    for _ in range(18):
        cost = math.sqrt(low * high)
        times = best_times(survival, cost)

        def following(moment: float, times: list[float] = times) -> float:
            index = bisect_right(times, moment + 1e-9)
            return times[index] if index < len(times) else moment + 15

        polls, late = polls_and_lateness(always(following), law)
        low, high = (low, cost) if late > lateness else (cost, high)
    return polls


def always(following: Next) -> Callable[[random.Random], Next]:
    """Return what makes that way to poll, whatever chance says."""
    return lambda _: following


def normal_survival(middle: float, spread: float) -> Callable[[float], float]:
    """Return the chance to last longer, by a normal law."""
    return lambda moment: 0.5 * math.erfc((moment - middle) / (spread * math.sqrt(2)))


@pytest.mark.slow
@pytest.mark.parametrize(("middle", "spread"), [(300, 10), (300, 60), (60, 5)])
def test_it_costs_a_tenth_more_than_the_optimum_at_most(middle: float, spread: float) -> None:
    """At equal lateness, of one who knows the law, after twenty snapshots."""

    def law(rng: random.Random) -> float:
        return max(rng.gauss(middle, spread), 1.0)

    def learn(rng: random.Random) -> Next:
        learned = learned_from(*(law(rng) for _ in range(20)))
        return lambda moment: moment + learned.interval("web-1", moment)

    polls, late = polls_and_lateness(learn, law)

    assert polls <= 1.10 * best_at(late, normal_survival(middle, spread), law)


@pytest.mark.slow
@pytest.mark.parametrize(("learned_of", "really"), [(300, 60), (60, 300), (300, 900), (None, 300)])
def test_it_costs_no_more_than_the_default_where_it_knows_nothing(
    learned_of: float | None, really: float
) -> None:
    """Nor where the law has changed."""

    def learn(rng: random.Random) -> Next:
        known = [] if learned_of is None else [rng.gauss(learned_of, 5) for _ in range(20)]
        learned = learned_from(*known)
        return lambda moment: moment + learned.interval("web-1", moment)

    def default(_: random.Random) -> Next:
        return lambda moment: moment + min(max(math.sqrt(moment), 2), 15)

    polls, _ = polls_and_lateness(learn, lambda rng: rng.gauss(really, 5))
    usual, _ = polls_and_lateness(default, lambda rng: rng.gauss(really, 5))

    assert polls <= usual
