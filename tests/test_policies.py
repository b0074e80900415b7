"""When a wait polls next."""

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import PollPolicy, TransportError
from civo_snapshots_async._policies import GrowingInterval
from civo_snapshots_async._waits import backoff

from .make import make_snapshot

LOST = TransportError("lost", method="GET", path="/v2")


def intervals(policy: PollPolicy, *elapsed: float, outcome: object = None) -> list[float]:
    """Return the longest interval after a poll at each of these times."""
    slept = 0.0
    drawn: list[float] = []
    for number, moment in enumerate(elapsed, start=1):
        state = backoff.call_state(polls=number, slept=slept, elapsed=moment)
        drawn.append(backoff.span_of(policy.strategy, state, outcome or make_snapshot())[1])
        slept += drawn[-1]
    return drawn


@pytest.mark.parametrize(
    ("elapsed", "interval"), [(0, 2), (1, 2), (4, 2), (9, 3), (100, 10), (225, 15), (9000, 15)]
)
def test_the_interval_is_the_square_root_of_the_time_waited(
    elapsed: float, interval: float
) -> None:
    """It grows with the wait, between 2 and 15 seconds."""
    assert intervals(PollPolicy(jitter=0), elapsed) == [interval]


@given(elapsed=st.floats(0, 1e6), draw=st.floats(0, 1))
def test_the_jitter_is_a_quarter_at_most_also_at_the_cap(elapsed: float, draw: float) -> None:
    """Waits that began together do not stay together."""
    state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
    state.start_time, state.outcome_timestamp = 0.0, elapsed
    plain = GrowingInterval(2, 15, 0)(state)

    jittered = GrowingInterval(2, 15, 0.25, lambda: draw)(state)

    assert 0.75 * plain <= jittered <= 1.25 * plain
    assert GrowingInterval(2, 15, 0.25, lambda: 0.0)(state) == 0.75 * plain
    assert GrowingInterval(2, 15, 0.25, lambda: 1.0)(state) == 1.25 * plain


def test_the_jitter_leaves_room_for_another_waits_due_time() -> None:
    """Between the shortest and the longest interval; a fixed one leaves none."""
    state = backoff.call_state(polls=9, slept=90, elapsed=100)

    assert backoff.span_of(PollPolicy().strategy, state, None) == (7.5, 12.5)
    assert backoff.span_of(PollPolicy(interval=7).strategy, state, None) == (7, 7)


def test_a_fixed_interval_has_no_jitter() -> None:
    """What is given is what is done."""
    assert intervals(PollPolicy(interval=7), 0, 100, 10_000) == [7, 7, 7]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (tenacity.wait_fixed(3), [3, 3, 3]),
        (tenacity.wait_exponential(min=1, max=3), [1, 2, 3]),
        (tenacity.wait_incrementing(start=1, increment=2), [1, 3, 5]),
        (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9)), [1, 9, 9]),
        (tenacity.wait_fixed(1) + tenacity.wait_fixed(2), [3, 3, 3]),
        (tenacity.wait_none(), [0.01, 0.01, 0.01]),
        (lambda state: state.attempt_number * 5, [5, 10, 15]),
        (lambda state: 1 + state.idle_for, [1, 2, 4]),
    ],
)
def test_takes_any_strategy_of_tenacity(strategy: Any, expected: list[float]) -> None:
    """The ones that people know work as they know them; none becomes a busy loop."""
    assert intervals(PollPolicy(wait=strategy), 0, 10, 20) == expected


@pytest.mark.parametrize("outcome", [make_snapshot(), LOST], ids=["value", "error"])
def test_a_strategy_sees_what_the_poll_came_to(outcome: object) -> None:
    """As in tenacity, the outcome is in the state, and so is our time."""
    seen: list[object] = []

    def strategy(state: tenacity.RetryCallState) -> float:
        assert state.outcome is not None
        seen.append(state.outcome.exception() or state.outcome.result())
        seen.append(state.seconds_since_start)
        return 1.0

    intervals(PollPolicy(wait=strategy), 33, outcome=outcome)

    assert seen == [outcome, 33]


@pytest.mark.parametrize("interval", [float("nan"), float("inf"), -1])
def test_refuses_an_interval_that_is_none(interval: float) -> None:
    """Such a one would not sleep at all, or forever."""
    with pytest.raises(ValueError, match="the wait strategy gave an interval of"):
        intervals(PollPolicy(wait=lambda _: interval), 0)


@pytest.mark.parametrize(("timeout", "is_past"), [(106, False), (105, True), (50, True)])
def test_knows_an_interval_that_ends_after_the_limit(timeout: float, *, is_past: bool) -> None:
    """After 100 s an interval of 5 s ends at 105 s."""
    state = backoff.call_state(polls=9, slept=90, elapsed=100)

    assert backoff.is_past_limit(state, 5, timeout) is is_past


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"wait": 5}, TypeError, "wait must be a tenacity wait strategy, not 5"),
        ({"max_interval": 1}, ValueError, r"max_interval must not be below min_interval \(2\)"),
        ({"jitter": "much"}, TypeError, "jitter must be a number, not 'much'"),
        ({"jitter": 1}, ValueError, "jitter must be at least 0 and below 1, not 1"),
        ({"jitter": -0.1}, ValueError, "jitter must be at least 0 and below 1, not -0.1"),
        (
            {"max_consecutive_failures": -1},
            ValueError,
            "max_consecutive_failures must be at least 0, not -1",
        ),
        (
            {"max_consecutive_failures": 1.0},
            TypeError,
            "max_consecutive_failures must be a whole number, not 1.0",
        ),
    ],
)
def test_refuses_a_policy_that_is_none(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Before anything is waited for."""
    with pytest.raises(error, match=message):
        PollPolicy(**wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"interval": 1}, {"wait": tenacity.wait_none()}),
        ({"interval": 1}, {"min_interval": 2}),
        ({"interval": timedelta(seconds=1)}, {"max_interval": 20}),
        ({"interval": 1}, {"jitter": 0.5}),
        ({"wait": tenacity.wait_none()}, {"min_interval": 2}),
        ({"wait": tenacity.wait_none()}, {"max_interval": 20}),
        ({"wait": tenacity.wait_none()}, {"jitter": 0}),
        # Given is given, though it is what would hold without it.
        ({"interval": 1}, {"min_interval": 2.0}),
        ({"interval": 1}, {"max_interval": timedelta(seconds=15)}),
        ({"interval": 1}, {"jitter": 0.25}),
    ],
    ids=lambda given: next(iter(given)),
)
def test_refuses_two_ways_to_set_the_interval(one: dict[str, Any], other: dict[str, Any]) -> None:
    """One of them would be ignored without a word."""
    says = f"^{next(iter(one))} and {next(iter(other))} exclude each other: give one of them$"

    with pytest.raises(ValueError, match=says):
        PollPolicy(**one, **other)


@pytest.mark.parametrize(
    "again",
    [lambda p: p, copy.copy, lambda p: pickle.loads(pickle.dumps(p))],  # noqa: S301
    ids=["it", "a copy", "a pickle"],
)
def test_a_policy_that_is_changed_knows_what_was_given(
    again: Callable[[PollPolicy], PollPolicy],
) -> None:
    """A default contradicts nothing, and what was given still does."""
    assert attrs.evolve(again(PollPolicy()), interval=5) == PollPolicy(interval=5)
    with pytest.raises(ValueError, match="interval and jitter exclude each other"):
        attrs.evolve(again(PollPolicy(jitter=0.25)), interval=5)


def test_a_policy_shows_what_it_does() -> None:
    """A default is a number like any other, to read and to compare."""
    assert PollPolicy() == PollPolicy(min_interval=2, max_interval=15, jitter=0.25)
    assert repr(PollPolicy()) == (
        "PollPolicy(min_interval=2.0, max_interval=15.0, jitter=0.25, interval=None, wait=None, "
        "learned=None, scope=None, "
        "max_consecutive_failures=5, not_found_grace=30.0, stall_after=300.0)"
    )
