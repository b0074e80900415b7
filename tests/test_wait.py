"""One wait as a state machine: no loop, no clock, no requests."""

import pytest
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
LOST = TransportError("lost", method="GET", path="/v2")
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")
EVERY_10_S = PollPolicy(interval=10)


def started(timeout: float | None = 30, poll: PollPolicy = EVERY_10_S) -> Wait[Snapshot]:
    """Start a wait for a complete snapshot, at 100."""
    return Wait(TARGET, COMPLETE, poll, timeout, 100.0)


def polled(wait: Wait[Snapshot], now: float, outcome: Snapshot | Exception) -> list[type]:
    """Let a wait poll at once and plan the next one; return the types of the events."""
    events = wait.observe(now, outcome, asked_at=now)
    if not wait.is_over:
        wait.plan(now, wait.span(now)[0])
    return [type(event) for event in events]


def test_the_first_poll_is_due_at_once() -> None:
    """Whatever the policy says."""
    assert started().span(100.0) == (100, 100)


def test_the_next_one_is_due_after_the_interval() -> None:
    """From the moment at which the response was seen."""
    wait = started()
    polled(wait, 101.0, PENDING)

    assert (wait.due, wait.is_final, wait.is_over) == (111, False, False)


def test_the_jitter_leaves_room() -> None:
    """For a moment at which somebody else polls anyway."""
    wait = started(None, PollPolicy())
    wait.observe(200.0, PENDING, asked_at=200.0)

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
    assert [started().cut_at(asked) for asked in (100.0, 129.9, 130.0)] == [130, 130.15, 130.25]


def test_after_a_stall_past_the_deadline_there_is_one_more_poll() -> None:
    """A process that did nothing for 5 s has seen nothing of what came meanwhile."""
    wait = started()
    wait.observe(135.0, LOST, asked_at=128.0)
    wait.plan(135.0, wait.span(135.0)[0])

    assert (wait.due, wait.is_final, wait.is_over) == (135, True, False)
    wait.observe(135.2, DONE, asked_at=135.0)
    assert wait.result() is DONE


def test_after_a_second_stall_there_is_none() -> None:
    """It does not go on for ever."""
    wait = started()
    wait.observe(135.0, LOST, asked_at=128.0)
    wait.observe(145.0, LOST, asked_at=135.0)

    assert wait.is_over


@pytest.mark.parametrize("outcome", [PENDING, LOST, GONE], ids=["pending", "lost", "gone"])
def test_a_wait_whose_time_was_up_polls_once(outcome: Snapshot | Exception) -> None:
    """And takes whatever time that takes."""
    wait = started(0)

    assert wait.cut_at(100.0) == float("inf")
    wait.observe(150.0, outcome, asked_at=100.0)
    assert wait.is_over


def test_what_is_new_is_an_event() -> None:
    """And what is the same is none."""
    wait = started()

    assert polled(wait, 100.0, PENDING) == [SnapshotSeen]
    assert polled(wait, 110.0, PENDING) == []
    assert polled(wait, 115.0, LOST) == [PollFailed]
    assert polled(wait, 120.0, DONE) == [StateChanged, StateChanged]


def test_an_early_observation_is_news_and_nothing_else() -> None:
    """The wait's own poll is due all the same."""
    wait = started()
    polled(wait, 100.0, make_snapshot())

    events = wait.observe(105.0, PENDING, asked_at=104.0, is_early=True)

    assert [type(event) for event in events] == [StateChanged, StateChanged]
    assert (wait.due, wait.is_over) == (110, False)


def test_an_early_end_is_an_end() -> None:
    """Nobody waits longer for it than needed."""
    wait = started()
    polled(wait, 100.0, PENDING)
    wait.observe(101.0, FAILED, asked_at=100.5, is_early=True)

    with pytest.raises(SnapshotFailedError):
        wait.result()


def test_a_429_that_says_when_to_come_back_is_no_failure() -> None:
    """However often it comes; it only lengthens the interval."""
    wait = started(None)
    for _ in range(50):
        polled(wait, 100.0, refused(RateLimitedError, status=429, retry_after=30.0))

    assert (wait.is_over, wait.due) == (False, 130)


def test_a_429_that_does_not_say_is_one() -> None:
    """As any other transient error, five in a row are tolerated."""
    wait = started(None)
    for _ in range(6):
        polled(wait, 100.0, refused(RateLimitedError, status=429))

    with pytest.raises(RateLimitedError):
        wait.result()


def test_success_starts_the_count_anew() -> None:
    """Of the failures in a row."""
    wait = started(None)
    for _ in range(5):
        for _ in range(5):
            polled(wait, 100.0, refused(ServerError, status=503))
        polled(wait, 100.0, PENDING)

    assert (wait.is_over, wait.failures) == (False, 0)


def test_a_deletion_is_what_another_wait_calls_vanished() -> None:
    """The goal decides what an outcome means."""
    wait: Wait[Snapshot] = Wait(TARGET, DELETED, EVERY_10_S, 30, 100.0)
    wait.observe(100.0, DONE, asked_at=100.0)
    assert not wait.is_over

    wait.observe(110.0, GONE, asked_at=110.0)

    assert wait.is_over
    assert wait.result() is DONE


@given(
    outcomes=st.lists(st.sampled_from([PENDING, LOST, GONE, DONE, FAILED]), max_size=30),
    early=st.lists(st.booleans(), min_size=30, max_size=30),
    takes=st.lists(st.floats(0, 20), min_size=30, max_size=30),
)
def test_it_comes_to_one_end_and_in_time(
    outcomes: list[Snapshot | Exception], early: list[bool], takes: list[float]
) -> None:
    """A law: driven by anything, it never polls before it is due, and ends by its deadline."""
    wait = started(60)
    now = 100.0
    for outcome, is_early, seconds in zip(outcomes, early, takes, strict=False):
        if wait.is_over:
            break
        if is_early:
            wait.observe(now, PENDING, asked_at=now - 1, is_early=True)
            continue
        earliest, latest = wait.span(now)
        assert earliest <= latest
        wait.plan(now, latest)
        assert wait.due >= now or wait.polls == 0
        asked_at = max(wait.due, now)
        assert asked_at <= max(wait.deadline, now)
        now = min(asked_at + seconds, wait.cut_at(asked_at))
        wait.observe(now, outcome, asked_at=asked_at)
        assert wait.is_over or now < wait.deadline

    if wait.is_over:
        ends = set()
        for _ in range(2):
            try:
                ends.add(id(wait.result()))
            except Exception as error:  # noqa: BLE001 - whichever it is
                ends.add(id(error))
        assert len(ends) == 1
