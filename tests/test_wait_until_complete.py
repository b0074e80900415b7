"""The wait for a complete snapshot, on nothing but a function that polls and a clock."""

import asyncio
import copy
import logging
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    InstanceNotFoundError,
    NotFoundError,
    Phase,
    PollPolicy,
    RateLimitedError,
    ServerError,
    SessionClosedError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotRef,
    SnapshotVanishedError,
    TransportError,
    TransportTimeoutError,
    WaitTimeoutError,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeClock

from .doubles import Script
from .make import make_snapshot, refused

PENDING = make_snapshot("Pending", {"vol-1": "Completed", "vol-2": "Pending"})
COMPLETE = make_snapshot("Complete", {"vol-1": "Completed", "vol-2": "Completed"})
FAILED = make_snapshot("Pending", {"vol-1": "Completed", "vol-2": "Failed"})
LOST = TransportError("lost", method="GET", path="/v2")
EVERY_10_S = PollPolicy(interval=10)
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")


@attrs.frozen
class Source:
    """A source of snapshots that plays a script."""

    script: Script

    async def get_snapshot(self, instance_id: str, snapshot_id: str) -> Snapshot:
        """Return the script's next outcome."""
        assert (instance_id, snapshot_id) == ("web-1", "snap-1")
        snapshot: Snapshot = await self.script()
        return snapshot


async def wait(script: Script, poll: PollPolicy = EVERY_10_S, **more: Any) -> Snapshot:
    """Wait on a script."""
    return await wait_until_complete(
        Source(script), "web-1", "snap-1", clock=script.clock, poll=poll, **more
    )


async def test_a_source_with_a_wait_of_its_own_uses_that() -> None:
    """With all arguments."""
    given: list[object] = []

    class Waits:
        """A source of yours."""

        async def get_snapshot(self, *_: object, **__: object) -> Snapshot:
            """Never called."""
            raise AssertionError

        async def wait_until_complete(self, *ids: str, **more: object) -> Snapshot:
            """Wait, in a way of its own."""
            given.extend([*ids, more])
            return COMPLETE

    assert (
        await wait_until_complete(Waits(), "web-1", "snap-1", timeout=9, region="LON1") is COMPLETE
    )
    assert given == [
        "web-1", "snap-1",
        {"timeout": 9, "poll": PollPolicy(), "on_change": None, "region": "LON1"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "snapshot",
    [COMPLETE, SnapshotRef("web-1", "snap-1", region="FAKE1")],
    ids=["a snapshot", "a ref"],
)
async def test_a_snapshot_or_a_ref_brings_its_region(snapshot: Snapshot | SnapshotRef) -> None:
    """To a source of yours as to a session."""
    given: list[object] = []

    class Gets:
        """A source of yours."""

        async def get_snapshot(self, *ids: str, **more: object) -> Snapshot:
            """Get one."""
            given.extend([*ids, more])
            return COMPLETE

    assert await wait_until_complete(Gets(), "web-1", snapshot) is COMPLETE
    assert given == ["web-1", "snap-1", {"region": "FAKE1"}]


async def test_polls_at_once(fake_clock: FakeClock) -> None:
    """A snapshot that is complete already costs one poll and no time."""
    script = Script(fake_clock, COMPLETE)

    assert await wait(script) is COMPLETE
    assert script.called_at == [0]


async def test_polls_until_every_volume_is_complete(fake_clock: FakeClock) -> None:
    """A snapshot that is Complete with a volume still Pending is polled again."""
    half = make_snapshot("Complete", {"vol-1": "Completed", "vol-2": "Pending"})
    script = Script(fake_clock, make_snapshot(), PENDING, half, COMPLETE)

    assert await wait(script) is COMPLETE
    assert script.called_at == [0, 10, 20, 30]


async def test_waits_no_longer_than_its_timeout(fake_clock: FakeClock) -> None:
    """The last sleep is cut to what is left of the timeout, and one last poll follows it."""
    script = Script(fake_clock, PENDING)

    with pytest.raises(WaitTimeoutError):
        await wait(script, PollPolicy(interval=20), timeout=30)

    assert fake_clock.slept == [20, 10]
    assert script.called_at == [0, 20, 30]


async def test_the_last_poll_counts(fake_clock: FakeClock) -> None:
    """A snapshot that is complete at the deadline counts."""
    script = Script(fake_clock, PENDING, COMPLETE)

    assert await wait(script, PollPolicy(interval=500), timeout=30) is COMPLETE
    assert script.called_at == [0, 30]


async def test_the_last_poll_starts_so_that_it_ends_in_time(fake_clock: FakeClock) -> None:
    """Polls that take 2 s: the last one starts 2 s before the deadline."""
    script = Script(fake_clock, PENDING, takes=2)

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(script, PollPolicy(interval=20), timeout=30)

    assert script.called_at == [0, 22, 28]
    assert caught.value.elapsed == 30


async def test_a_slow_server_takes_little_of_the_time(fake_clock: FakeClock) -> None:
    """The last poll starts at most 5 s before the deadline, and may end a little after it."""
    script = Script(fake_clock, PENDING, takes=9)

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(script, PollPolicy(interval=20), timeout=30)

    assert script.called_at == [0, 25]
    assert caught.value.elapsed == 30.25


async def test_a_poll_that_hangs_is_ended_at_the_deadline(fake_clock: FakeClock) -> None:
    """The timeout bounds a request in flight as well."""
    script = Script(fake_clock, PENDING, takes=1e9)

    with pytest.raises(WaitTimeoutError, match="it was never seen; the last poll failed") as caught:
        await wait(script, timeout=45)

    assert fake_clock.now() == 45
    assert (caught.value.snapshot, caught.value.polls) == (None, 1)
    assert isinstance(caught.value.last_error, TransportTimeoutError)


async def test_only_timeout_none_is_no_limit(fake_clock: FakeClock) -> None:
    """With timeout=None a wait goes on for days."""
    script = Script(fake_clock, *[PENDING] * 200, COMPLETE)

    await wait(script, PollPolicy(interval=3600), timeout=None)

    assert fake_clock.now() == 200 * 3600


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
async def test_refuses_a_timeout_that_is_not_positive(
    fake_clock: FakeClock, timeout: float
) -> None:
    """Before any poll."""
    script = Script(fake_clock, COMPLETE)

    with pytest.raises(ValueError, match="timeout must be"):
        await wait(script, timeout=timeout)

    assert script.called_at == []


async def test_by_default_the_intervals_grow(fake_clock: FakeClock) -> None:
    """Half an hour costs some 130 polls; a fixed interval of 2 s would cost 900."""
    script = Script(fake_clock, PENDING)

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(script, PollPolicy())

    assert caught.value.elapsed == 1800
    assert 115 < caught.value.polls < 175


async def test_a_failure_ends_it_at_once(fake_clock: FakeClock) -> None:
    """The error names which volume, after how many polls and how long, in one sentence."""
    script = Script(fake_clock, make_snapshot(), PENDING, FAILED)

    with pytest.raises(SnapshotFailedError) as caught:
        await wait(script)

    error = caught.value
    assert str(error) == (
        "snapshot snap-1 of instance web-1 failed (3 polls in 20.0 s): volume vol-2 is Failed"
    )
    assert (error.snapshot, error.polls, error.elapsed) == (FAILED, 3, 20)
    assert [volume.id for volume in error.failed_volumes] == ["vol-2"]
    assert [(entry.elapsed, entry.state, entry.phase) for entry in error.timeline] == [
        (0, "", Phase.PENDING),
        (10, "Pending", Phase.PENDING),
        (20, "Pending", Phase.FAILED),
    ]


async def test_a_timeout_shows_how_far_the_wait_got(fake_clock: FakeClock) -> None:
    """It has the last snapshot, and the volumes that were pending."""
    script = Script(fake_clock, PENDING)

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(script, timeout=15)

    error = caught.value
    assert str(error) == (
        "snapshot snap-1 of instance web-1 was not complete when the wait timed out "
        "(3 polls in 15.0 s): the snapshot is Pending, volume vol-2 is Pending"
    )
    assert error.snapshot is PENDING
    assert [volume.id for volume in error.pending_volumes] == ["vol-2"]
    assert len(error.timeline) == 1


async def test_the_timeline_shows_states_only(fake_clock: FakeClock) -> None:
    """A message that changes with each poll is no entry, and drops none."""
    reports = [make_snapshot("Pending", message=f"{done} % done") for done in range(3)]
    failed = make_snapshot("Failed", message="disk full")
    script = Script(fake_clock, *reports, failed)

    with pytest.raises(
        SnapshotFailedError, match=r"the snapshot is Failed \(disk full\)"
    ) as caught:
        await wait(script)

    assert [(entry.elapsed, entry.state) for entry in caught.value.timeline] == [
        (0, "Pending"),
        (30, "Failed"),
    ]


async def test_the_timeline_is_bounded(fake_clock: FakeClock) -> None:
    """Of a thousand changes it keeps the first and the last ones."""
    states = [make_snapshot("Pending", {"vol-1": f"Step{n}"}) for n in range(1000)]
    script = Script(fake_clock, *states)

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(script, timeout=20_000)

    shown = [entry.volumes[0].state for entry in caught.value.timeline]
    assert shown == [f"Step{n}" for n in (*range(25), *range(975, 1000))]


async def test_reports_each_change_once(fake_clock: FakeClock) -> None:
    """With the snapshot before and after, and not of what stays the same."""
    reported: list[tuple[Snapshot, Snapshot]] = []
    script = Script(fake_clock, make_snapshot(), make_snapshot(), PENDING, PENDING, LOST, COMPLETE)

    await wait(script, on_change=lambda before, after: reported.append((before, after)))

    assert reported == [(make_snapshot(), PENDING), (PENDING, COMPLETE)]


async def test_an_async_on_change_is_awaited(fake_clock: FakeClock) -> None:
    """A bot can send a message before the next poll."""
    reported: list[float] = []

    async def report(_: Snapshot, __: Snapshot) -> None:
        await fake_clock.sleep(3)
        reported.append(fake_clock.now())

    await wait(Script(fake_clock, make_snapshot(), PENDING, COMPLETE), on_change=report)

    assert reported == [13, 23]


async def test_a_slow_on_change_does_not_prevent_the_last_poll(fake_clock: FakeClock) -> None:
    """Its time counts, and a snapshot that is complete at the deadline counts too."""

    async def dawdle(_: Snapshot, __: Snapshot) -> None:
        await fake_clock.sleep(100)

    script = Script(fake_clock, make_snapshot(), PENDING, COMPLETE)

    assert await wait(script, timeout=30, on_change=dawdle) is COMPLETE
    assert script.called_at == [0, 10, 110]


async def test_a_failure_is_reported_before_it_is_raised(fake_clock: FakeClock) -> None:
    """`on_change` gets the last change as well."""
    reported: list[Snapshot] = []

    with pytest.raises(SnapshotFailedError):
        await wait(
            Script(fake_clock, PENDING, FAILED), on_change=lambda _, after: reported.append(after)
        )

    assert reported == [FAILED]


async def test_an_error_of_on_change_is_raised(fake_clock: FakeClock) -> None:
    """A bug of the caller's is not swallowed."""
    with pytest.raises(ZeroDivisionError):
        await wait(Script(fake_clock, PENDING, COMPLETE), on_change=lambda *_: 1 / 0)


TRANSIENT = [
    LOST,
    TransportTimeoutError("late", method="GET", path="/v2"),
    TimeoutError("somebody else's"),
    refused(RateLimitedError, status=429),
    refused(ServerError, status=500),
    refused(ServerError, status=502),
    refused(ConflictError, status=409, code="database_quota_lock_failed"),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: f"{type(error).__name__}")
async def test_five_polls_in_a_row_may_fail(fake_clock: FakeClock, error: Exception) -> None:
    """And the count starts anew with each success."""
    script = Script(fake_clock, *[error] * 5, PENDING, *[error] * 5, COMPLETE)

    assert await wait(script) is COMPLETE
    assert len(script.called_at) == 12


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: f"{type(error).__name__}")
async def test_the_sixth_failure_in_a_row_ends_it(fake_clock: FakeClock, error: Exception) -> None:
    """With the error of the poll itself, the last snapshot, and the wait in its text."""
    script = Script(fake_clock, PENDING, *[copy.copy(error)] * 6)

    with pytest.raises(CivoSnapshotsError) as caught:
        await wait(script)

    assert len(script.called_at) == 7
    assert caught.value.snapshot is PENDING
    assert str(caught.value).endswith(
        "; while waiting for snapshot snap-1 of instance web-1 (7 polls in 60.0 s): "
        "the snapshot is Pending, volume vol-2 is Pending"
    )


@pytest.mark.parametrize(
    "error",
    [
        refused(AuthenticationError, code="database_account_not_found"),
        refused(InstanceNotFoundError, code="database_instance_not_found"),
        refused(NotFoundError, code="database_something_not_found"),
        refused(ConflictError, status=409),
        DecodeError("what?", status=200, method="GET", path="/v2", problems=("id: missing",)),
        SessionClosedError("closed"),
    ],
    ids=lambda error: f"{type(error).__name__}",
)
async def test_an_error_that_no_poll_would_change_ends_it_at_once(
    fake_clock: FakeClock, error: CivoSnapshotsError
) -> None:
    """A refused token is not tried again, not even in a snapshot's first seconds."""
    script = Script(fake_clock, error)

    with pytest.raises(type(error)) as caught:
        await wait(script)

    assert caught.value is error
    assert len(script.called_at) == 1


async def test_a_bug_in_the_source_is_raised(fake_clock: FakeClock) -> None:
    """Only errors that can be named are caught."""
    with pytest.raises(KeyError):
        await wait(Script(fake_clock, KeyError("bug")))


@pytest.mark.parametrize("retry_after", [30.0, 1.0, None])
async def test_retry_after_lengthens_the_next_interval(
    fake_clock: FakeClock, retry_after: float | None
) -> None:
    """The interval after it is the usual one."""
    busy = refused(RateLimitedError, status=429, retry_after=retry_after)

    await wait(Script(fake_clock, busy, PENDING, COMPLETE))

    assert fake_clock.slept == [max(retry_after or 0, 10), 10]


async def test_retry_after_does_not_outlive_the_limit(fake_clock: FakeClock) -> None:
    """With a `Retry-After` past the limit, it polls at the deadline."""
    busy = refused(ServerError, status=503, retry_after=3000.0)
    script = Script(fake_clock, busy, COMPLETE)

    assert await wait(script, timeout=60) is COMPLETE
    assert script.called_at == [0, 60]


async def test_a_snapshot_that_vanishes_ends_it(fake_clock: FakeClock) -> None:
    """Once it was seen, a 404 by code means that it is gone."""
    with pytest.raises(SnapshotVanishedError) as caught:
        await wait(Script(fake_clock, PENDING, GONE))

    assert str(caught.value) == (
        "snapshot snap-1 of instance web-1 is no longer there (2 polls in 10.0 s); "
        "last seen: the snapshot is Pending, volume vol-2 is Pending"
    )
    assert (caught.value.snapshot, caught.value.polls) == (PENDING, 2)
    assert caught.value.__cause__ is GONE


@pytest.mark.parametrize("missing", [GONE, refused(NotFoundError)])
async def test_a_snapshot_may_take_a_while_to_be_found(
    fake_clock: FakeClock, missing: NotFoundError
) -> None:
    """In the first 30 s a 404 may be the lag between two servers; it counts as no failure."""
    script = Script(fake_clock, *[missing] * 14, COMPLETE)

    assert await wait(script, PollPolicy(interval=2)) is COMPLETE


async def test_a_snapshot_that_is_never_seen_ends_it(fake_clock: FakeClock) -> None:
    """After 30 s it is an error; the snapshot may be in another region."""
    script = Script(fake_clock, GONE)

    with pytest.raises(SnapshotVanishedError) as caught:
        await wait(script)

    assert str(caught.value) == (
        "snapshot snap-1 of instance web-1 was not found (4 polls in 30.0 s): it was never seen; "
        "if it is in another region, pass region="
    )
    assert script.called_at == [0, 10, 20, 30]


async def test_a_404_without_a_code_is_not_taken_for_gone(fake_clock: FakeClock) -> None:
    """A gateway may have sent it; the error is raised as it is."""
    plain = refused(NotFoundError)

    with pytest.raises(NotFoundError) as caught:
        await wait(Script(fake_clock, PENDING, plain))

    assert caught.value is plain


async def test_the_grace_can_be_set(fake_clock: FakeClock) -> None:
    """0 is for a snapshot that must exist."""
    script = Script(fake_clock, GONE)

    with pytest.raises(SnapshotVanishedError):
        await wait(script, PollPolicy(interval=10, not_found_grace=0))

    assert script.called_at == [0]


@pytest.mark.parametrize("at", [5, 10, 12])
async def test_a_cancellation_stops_it_at_once(fake_clock: FakeClock, at: float) -> None:
    """Asleep or in a poll, with no further poll and nothing left behind."""
    script = Script(fake_clock, PENDING, takes=3)
    task = asyncio.ensure_future(wait(script))
    await fake_clock.sleep(at)
    polls = len(script.called_at)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await fake_clock.sleep(1000)

    assert len(script.called_at) == polls


async def test_a_timeout_around_it_works(fake_clock: FakeClock) -> None:
    """That of asyncio, or any other."""
    script = Script(fake_clock, PENDING)

    with pytest.raises(TimeoutError) as caught:
        async with fake_clock.timeout(25):
            await wait(script)

    assert not isinstance(caught.value, WaitTimeoutError)
    assert script.called_at == [0, 10, 20]


async def test_an_unknown_state_is_logged_once(
    fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each state once in a wait, whether of the snapshot or of a volume."""
    odd = make_snapshot("Quiescing", {"vol-1": "Thawing", "vol-2": "in_progress"})
    script = Script(fake_clock, odd, PENDING, odd, COMPLETE)

    with caplog.at_level(logging.WARNING, logger="civo_snapshots_async"):
        await wait(script)

    assert sorted(caplog.messages) == [
        "snapshot snap-1 of instance web-1: unknown state 'Quiescing' is taken for pending",
        "snapshot snap-1 of instance web-1: unknown state 'Thawing' is taken for pending",
    ]


async def test_logs_each_poll_and_each_change(
    fake_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Polls at DEBUG, changes at INFO, all of one logger."""
    with caplog.at_level(logging.DEBUG, logger="civo_snapshots_async"):
        await wait(Script(fake_clock, make_snapshot(), LOST, COMPLETE))

    name = "snapshot snap-1 of instance web-1"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", f"{name}: poll 1: the snapshot has no state yet"),
        ("DEBUG", f"{name}: poll 2: TransportError: lost"),
        ("DEBUG", f"{name}: poll 3: it was complete"),
        ("INFO", f"{name}: snapshot: (no state) -> Complete"),
        ("INFO", f"{name}: volume vol-1: (not reported) -> Completed"),
        ("INFO", f"{name}: volume vol-2: (not reported) -> Completed"),
    ]


async def test_waits_do_not_disturb_each_other(fake_clock: FakeClock) -> None:
    """A hundred at once: each gets its own result, at its own time."""

    async def one(number: int) -> tuple[float, int]:
        script = Script(fake_clock, *[PENDING] * number, COMPLETE)
        await wait(script)
        return fake_clock.now(), len(script.called_at)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(100)]

    assert [task.result() for task in tasks] == [(10 * n, n + 1) for n in range(100)]


async def test_the_clock_may_be_the_systems() -> None:
    """Without a clock of the session's or the caller's, time is the machine's."""

    class Source:
        async def get_snapshot(self, _instance_id: str, _snapshot_id: str, /) -> Snapshot:
            return COMPLETE

    assert await wait_until_complete(Source(), "web-1", "snap-1") is COMPLETE


OUTCOMES = st.sampled_from([make_snapshot(), PENDING, LOST, GONE, COMPLETE, FAILED])


@given(outcomes=st.lists(OUTCOMES, min_size=1), timeout=st.sampled_from([5.0, 95.0, 1000.0]))
def test_it_returns_only_what_is_complete_and_never_late(
    outcomes: list[Snapshot | Exception], timeout: float
) -> None:
    """Whatever the polls give, the end is a complete snapshot or an error with the reason."""

    async def check() -> None:
        clock = FakeClock()
        with suppress(CivoSnapshotsError):
            snapshot = await wait(Script(clock, *map(copy.copy, outcomes)), timeout=timeout)
            assert snapshot.is_complete
        assert clock.now() <= timeout

    asyncio.run(check())
