"""One wait as a state machine: no loop, no clock, no requests."""

import math

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    PollFailed,
    PollPolicy,
    RateLimitedError,
    ServerError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotSeen,
    StateChanged,
    TransportError,
    WaitTimeoutError,
)
from civo_snapshots_async._models import SnapshotRef
from civo_snapshots_async._waits.goals import COMPLETE, DELETED
from civo_snapshots_async._waits.wait import Wait

from .make import make_snapshot, refused

TARGET = SnapshotRef("web-1", "snap-1", "FAKE1")
PENDING = make_snapshot("Pending", {"vol-1": "Pending"})
DONE = make_snapshot("Complete", {"vol-1": "Completed"})
FAILED = make_snapshot("Failed")
HALF = make_snapshot("Complete", {"vol-1": "Pending"})
LOST = TransportError("lost", method="GET", path="/v2")
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")
EVERY_10_S = PollPolicy(interval=10)


def started(timeout: float | None = 30, poll: PollPolicy = EVERY_10_S) -> Wait[Snapshot]:
    """Start a wait for a complete snapshot, at 100."""
    return Wait(TARGET, COMPLETE, poll, timeout, 100.0)


def soonest(earliest: float, _: float) -> float:
    """Choose the earliest time of a span."""
    return earliest


def polled(wait: Wait[Snapshot], now: float, outcome: Snapshot | Exception) -> list[type]:
    """Let a wait poll at once and schedule the next one; return the types of the events."""
    events = wait.observe(now, outcome, sent_at=now)
    wait.schedule(now, soonest)
    return [type(event) for event in events]


def test_the_first_poll_is_due_at_once() -> None:
    """Whatever the policy says."""
    assert started().due == 100


def test_the_next_one_is_due_after_the_interval() -> None:
    """From the time at which the response came."""
    wait = started()
    polled(wait, 101.0, PENDING)

    assert (wait.due, wait.is_final, wait.is_over) == (111, False, False)


def test_jitter_leaves_a_span_of_time() -> None:
    """In which another wait may poll anyway."""
    wait = started(None, PollPolicy())
    wait.observe(200.0, PENDING, sent_at=200.0)

    assert wait.span(200.0) == (207.5, 212.5)


def test_the_last_poll_is_due_at_the_deadline() -> None:
    """Where another interval would go past it; then it is over."""
    wait = started()
    for now in (100.0, 110.0, 120.0):
        polled(wait, now, PENDING)

    assert (wait.due, wait.is_final) == (130, True)
    polled(wait, 130.0, PENDING)
    with pytest.raises(WaitTimeoutError, match=r"\(4 polls in 30\.0 s\)"):
        wait.result()


def test_a_poll_may_take_until_the_deadline_and_a_short_grace() -> None:
    """The last one started at it, after all."""
    assert [started().cut_at(sent) for sent in (100.0, 129.9, 130.0)] == [130, 130.15, 130.25]


def test_a_last_poll_that_starts_late_may_take_as_long_as_the_one_before() -> None:
    """And a little longer; it was kept waiting by us, and its response takes as long as ever."""
    wait = started()
    wait.observe(103.0, PENDING, sent_at=100.0)

    assert wait.cut_at(134.0) == 137.25


def test_the_time_of_a_response_counts_from_its_request() -> None:
    """The time before, in the queue, does not make the last poll earlier."""
    wait = started()
    wait.observe(123.0, PENDING, sent_at=122.0)
    wait.schedule(123.0, soonest)

    assert (wait.due, wait.is_final) == (129, True)


@pytest.mark.parametrize(("timeout", "until"), [(30, 135), (0, math.inf), (None, math.inf)])
def test_a_poll_may_queue_for_a_while_after_the_deadline(
    timeout: float | None, until: float
) -> None:
    """As long as it takes, if it is the only poll of its wait or the wait has no limit."""
    assert started(timeout).queues_until == until


def test_a_wait_that_times_out_in_the_queue_counts_no_poll() -> None:
    """None was sent, and the error says why."""
    wait = started()
    wait.time_out(135.0)

    with pytest.raises(
        WaitTimeoutError, match=r"\(0 polls in 35\.0 s\).*the last poll could not be sent"
    ):
        wait.result()


def test_after_a_stall_past_the_deadline_there_is_one_more_poll() -> None:
    """A process that was blocked for 5 s has not seen what happened meanwhile."""
    wait = started()
    wait.observe(135.0, LOST, sent_at=128.0)
    wait.schedule(135.0, soonest)

    assert (wait.due, wait.is_final, wait.is_over) == (135, True, False)
    wait.observe(135.2, DONE, sent_at=135.0)
    assert wait.result() is DONE


def test_after_a_second_stall_there_is_none() -> None:
    """It is not made for ever."""
    wait = started()
    wait.observe(135.0, LOST, sent_at=128.0)
    wait.observe(145.0, LOST, sent_at=135.0)

    assert wait.is_over


@pytest.mark.parametrize("outcome", [PENDING, LOST, GONE], ids=["pending", "lost", "gone"])
def test_a_wait_that_starts_after_its_deadline_polls_once(outcome: Snapshot | Exception) -> None:
    """However long that takes."""
    wait = started(0)

    assert wait.cut_at(100.0) == float("inf")
    wait.observe(150.0, outcome, sent_at=100.0)
    assert wait.is_over


def test_what_is_new_is_an_event() -> None:
    """A poll that shows nothing new emits none."""
    wait = started()

    assert polled(wait, 100.0, PENDING) == [SnapshotSeen]
    assert polled(wait, 110.0, PENDING) == []
    assert polled(wait, 120.0, LOST) == [PollFailed]
    assert polled(wait, 130.0, DONE) == [StateChanged, StateChanged]


def test_an_early_observation_shows_a_change_and_nothing_else() -> None:
    """The wait's own poll is due all the same, and is its second attempt."""
    wait = started()
    polled(wait, 100.0, make_snapshot())

    events = wait.observe(105.0, PENDING, sent_at=104.0)

    assert [type(event) for event in events] == [StateChanged, StateChanged]
    assert (wait.due, wait.is_over) == (110, False)
    assert (wait.polls, wait.attempts) == (2, 1)


def test_a_strategy_counts_the_attempts_of_its_own_wait() -> None:
    """However many polls were made for other waits meanwhile."""
    numbers: list[int] = []

    def strategy(state: tenacity.RetryCallState) -> float:
        numbers.append(state.attempt_number)
        return 10.0

    wait = started(None, PollPolicy(wait=strategy))
    polled(wait, 100.0, PENDING)
    for now in (102.0, 104.0, 106.0):
        wait.observe(now, HALF, sent_at=now)
    polled(wait, 110.0, PENDING)

    assert numbers == [1, 2]


def test_a_consumer_that_returns_in_time_changes_nothing() -> None:
    """The next poll is due an interval after the response."""
    wait = started()
    polled(wait, 100.0, PENDING)

    assert not wait.is_overdue(109.0)


def test_a_consumer_that_takes_longer_than_the_interval_starts_a_new_one() -> None:
    """Otherwise a slow consumer would make polls follow each other without an interval."""
    wait = started()
    polled(wait, 100.0, PENDING)

    assert wait.is_overdue(112.0)
    wait.schedule(112.0, soonest)
    assert wait.due == 122


def test_an_early_change_delays_no_poll_of_a_slow_consumer() -> None:
    """That poll was due before."""
    wait = started()
    polled(wait, 100.0, make_snapshot())
    wait.observe(105.0, PENDING, sent_at=104.0)

    assert not wait.is_overdue(112.0)


def test_the_time_of_a_slow_consumer_is_no_sleep() -> None:
    """A strategy that reads `idle_for` gets what was slept between polls."""
    slept: list[float] = []

    def strategy(state: tenacity.RetryCallState) -> float:
        slept.append(state.idle_for)
        return 10.0

    wait = started(None, PollPolicy(wait=strategy))
    polled(wait, 100.0, PENDING)
    wait.schedule(115.0, soonest)
    polled(wait, 125.0, PENDING)

    assert slept == [0, 0, 10]


def test_a_strategy_that_raises_ends_its_wait() -> None:
    """With its own error."""

    def broken(_: object) -> float:
        raise ZeroDivisionError

    wait = started(None, PollPolicy(wait=broken))
    polled(wait, 100.0, PENDING)

    with pytest.raises(ZeroDivisionError):
        wait.result()


def test_an_early_end_is_an_end() -> None:
    """A wait does not poll again to see it itself."""
    wait = started()
    polled(wait, 100.0, PENDING)
    wait.observe(101.0, FAILED, sent_at=100.5)

    with pytest.raises(SnapshotFailedError):
        wait.result()


def test_a_429_with_retry_after_is_no_failure() -> None:
    """However often it comes; it only lengthens the interval."""
    wait = started(None)
    for number in range(50):
        polled(wait, 100.0 + 30 * number, refused(RateLimitedError, status=429, retry_after=30.0))

    assert (wait.is_over, wait.due) == (False, 1600)


def test_a_429_without_retry_after_is_a_failure() -> None:
    """Five in a row are tolerated, as of any other transient error."""
    wait = started(None)
    for number in range(6):
        polled(wait, 100.0 + 10 * number, refused(RateLimitedError, status=429))

    with pytest.raises(RateLimitedError):
        wait.result()


def test_a_success_resets_the_count() -> None:
    """Of the failures in a row."""
    wait = started(None)
    for number in range(30):
        outcome = PENDING if number % 6 == 5 else refused(ServerError, status=503)
        polled(wait, 100.0 + 10 * number, outcome)

    assert (wait.is_over, wait.failures) == (False, 0)


def test_a_deletion_is_what_another_wait_calls_vanished() -> None:
    """The goal decides what an outcome means."""
    wait: Wait[Snapshot] = Wait(TARGET, DELETED, EVERY_10_S, 30, 100.0)
    wait.observe(100.0, DONE, sent_at=100.0)
    assert not wait.is_over

    wait.observe(110.0, GONE, sent_at=110.0)

    assert wait.is_over
    assert wait.result() is DONE


@given(
    outcomes=st.lists(st.sampled_from([PENDING, LOST, GONE, DONE, FAILED]), max_size=30),
    early=st.lists(st.booleans(), min_size=30, max_size=30),
    takes=st.lists(st.floats(0, 20), min_size=30, max_size=30),
)
def test_it_has_one_end_and_is_in_time(
    outcomes: list[Snapshot | Exception], early: list[bool], takes: list[float]
) -> None:
    """A law: with any outcomes it never polls before it is due, and ends by its deadline."""
    wait = started(60)
    now = 100.0
    for outcome, is_early, seconds in zip(outcomes, early, takes, strict=False):
        if wait.is_over:
            break
        if is_early and wait.attempts:
            wait.observe(now, PENDING, sent_at=wait.due - 1)
            continue
        sent_at = max(wait.due, now)
        assert sent_at <= max(wait.deadline, now)
        now = min(sent_at + seconds, wait.cut_at(sent_at))
        wait.observe(now, outcome, sent_at=sent_at)
        assert wait.is_over or now < wait.deadline
        wait.schedule(now, soonest)
        assert wait.is_over or wait.due >= now

    if wait.is_over:
        ends = set()
        for _ in range(2):
            try:
                ends.add(id(wait.result()))
            except Exception as error:  # noqa: BLE001 - whichever it is
                ends.add(id(error))
        assert len(ends) == 1
