"""The wait for a deletion, on nothing but a function that polls and a clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    InstanceNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    PollPolicy,
    RegionNotFoundError,
    ServerError,
    SessionClosedError,
    Snapshot,
    SnapshotNotFoundError,
    SnapshotSession,
    TransportError,
    WaitTimeoutError,
)
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.codec import decode
from civo_snapshots_async._http.message import Response
from civo_snapshots_async._models import SnapshotRef
from civo_snapshots_async._waits import alone
from civo_snapshots_async._waits.goals import DELETED
from civo_snapshots_async._waits.wait import Wait
from civo_snapshots_async.testing import FakeCivo, FakeClock

from .doubles import Script
from .make import make_snapshot, refused

THERE = make_snapshot("Complete", {"vol-1": "Completed"})
LOST = TransportError("lost", method="GET", path="/v2")
EVERY_10_S = PollPolicy(interval=10)
GONE = refused(SnapshotNotFoundError, code="database_snapshot_not_found")


async def wait_until_deleted(
    get: Callable[[], Awaitable[Snapshot]],
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: float,
    poll: PollPolicy,
    clock: FakeClock,
) -> None:
    """Drive one wait for a deletion."""
    wait: Wait[Snapshot] = Wait(
        SnapshotRef(instance_id, snapshot_id, "FAKE1"), DELETED, poll, timeout, clock.now()
    )
    while not wait.is_over:
        await alone.advance(wait, get, clock)
    wait.result()


async def wait(script: Script, **more: Any) -> None:
    """Wait on a script."""
    options = {"timeout": 600.0, "poll": EVERY_10_S, "clock": script.clock, **more}
    await wait_until_deleted(script, "web-1", "snap-1", **options)


@pytest.mark.parametrize("seen", [0, 1, 5])
async def test_waits_until_civo_does_not_know_it(fake_clock: FakeClock, seen: int) -> None:
    """By code; one that was never seen is gone as well."""
    script = Script(fake_clock, *[THERE] * seen, GONE)

    await wait(script)

    assert script.called_at == [10 * number for number in range(seen + 1)]


@pytest.mark.parametrize("seen", [[], [THERE]], ids=["never seen", "seen"])
@pytest.mark.parametrize(
    "error",
    [
        refused(AuthenticationError, code="database_account_not_found"),
        refused(PermissionDeniedError, code="database_account_access_denied"),
        refused(RegionNotFoundError, code="database_region_not_found"),
        refused(InstanceNotFoundError, code="database_instance_not_found"),
        refused(NotFoundError, code="route_not_found"),
        DecodeError("what?", status=200, method="GET", path="/v2", problems=("id: missing",)),
        SessionClosedError("closed"),
    ],
    ids=lambda error: type(error).__name__ if isinstance(error, Exception) else None,
)
async def test_no_other_error_is_taken_for_gone(
    fake_clock: FakeClock, error: CivoSnapshotsError, seen: list[Snapshot]
) -> None:
    """An error that no poll would change is raised at once, with the last snapshot."""
    script = Script(fake_clock, *seen, error)

    with pytest.raises(type(error)) as caught:
        await wait(script)

    assert caught.value is error
    assert len(script.called_at) == len(seen) + 1
    assert error.snapshot == (seen[0] if seen else None)
    assert error.context[-1].startswith("while waiting for snapshot snap-1 of instance web-1 (")


async def test_a_404_without_a_code_is_not_taken_for_gone(fake_clock: FakeClock) -> None:
    """A gateway may have sent it: of a snapshot that was seen, it is an error."""
    plain = refused(NotFoundError)

    with pytest.raises(NotFoundError) as caught:
        await wait(Script(fake_clock, THERE, plain))

    assert caught.value is plain


async def test_a_404_without_a_code_may_be_temporary(fake_clock: FakeClock) -> None:
    """In the first seconds it is polled again, as in every wait; the code then decides."""
    script = Script(fake_clock, refused(NotFoundError), GONE)

    await wait(script)

    assert script.called_at == [0, 10]


async def test_five_polls_in_a_row_may_fail(fake_clock: FakeClock) -> None:
    """And the count starts anew with each success."""
    busy = refused(ServerError, status=503)
    script = Script(fake_clock, *[LOST] * 5, THERE, *[busy] * 5, GONE)

    await wait(script)

    assert len(script.called_at) == 12


async def test_the_sixth_failure_in_a_row_ends_it(fake_clock: FakeClock) -> None:
    """With the error of the poll itself."""
    lost = TransportError("lost", method="GET", path="/v2")

    with pytest.raises(TransportError) as caught:
        await wait(Script(fake_clock, THERE, lost))

    assert caught.value is lost
    assert caught.value.snapshot is THERE


async def test_a_timeout_has_the_last_snapshot(fake_clock: FakeClock) -> None:
    """It has how often and how long it polled, and what the last poll got."""
    with pytest.raises(WaitTimeoutError) as caught:
        await wait(Script(fake_clock, THERE, THERE, LOST), timeout=25)

    error = caught.value
    assert str(error) == (
        "snapshot snap-1 of instance web-1 was not seen to be gone when the wait timed out "
        "(4 polls in 25.0 s): snapshot before-upgrade (snap-1): complete, "
        "1 of 1 volumes complete; the last poll failed: lost"
    )
    assert (error.instance_id, error.snapshot_id) == ("web-1", "snap-1")
    assert (error.snapshot, error.polls, error.elapsed) == (THERE, 4, 25)
    assert error.last_error is LOST


async def test_a_timeout_without_any_response(fake_clock: FakeClock) -> None:
    """Nothing is known then."""
    with pytest.raises(WaitTimeoutError, match=r"\(3 polls in 15.0 s\): it was never") as caught:
        await wait(Script(fake_clock, LOST), timeout=15)

    assert caught.value.snapshot is None


async def test_the_last_poll_counts(fake_clock: FakeClock) -> None:
    """A snapshot that is gone at the deadline counts as gone."""
    script = Script(fake_clock, THERE, GONE)

    await wait(script, timeout=30, poll=PollPolicy(interval=500))

    assert script.called_at == [0, 30]


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_refuses_a_timeout_that_is_not_positive(
    civo: FakeCivo, session: SnapshotSession, timeout: float
) -> None:
    """Before any poll."""
    with pytest.raises(ValueError, match="timeout must be"):
        await session.wait_until_deleted("web-1", "snap-1", timeout=timeout)

    assert civo.requests == []


async def test_a_cancellation_stops_it_at_once(fake_clock: FakeClock) -> None:
    """With no further poll."""
    script = Script(fake_clock, THERE)
    task = asyncio.ensure_future(wait(script))
    await fake_clock.sleep(15)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await fake_clock.sleep(1000)

    assert script.called_at == [0, 10]


async def test_a_bug_is_raised(fake_clock: FakeClock) -> None:
    """Only errors that can be named are caught."""
    with pytest.raises(KeyError):
        await wait(Script(fake_clock, KeyError("bug")))


async def test_logs_each_poll(fake_clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, as every wait does."""
    with caplog.at_level(logging.DEBUG, logger="civo_snapshots_async"):
        await wait(Script(fake_clock, make_snapshot("Deleting"), GONE))

    name = "snapshot snap-1 of instance web-1"
    assert caplog.messages == [
        f"{name}: poll 1: snapshot before-upgrade (snap-1): pending",
        f"{name}: poll 2: SnapshotNotFoundError: no",
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"code": "database_account_not_found"}'),
        (404, b'{"code": "database_region_not_found"}'),
        (404, b'{"code": "database_instance_not_found"}'),
        (404, b'{"reason": "snapshot not found"}'),
        (404, b"404 page not found"),
        (404, b""),
        (500, b'{"code": "database_snapshot_not_found"}'),
        (200, b"null"),
        (200, b""),
    ],
)
async def test_no_such_response_is_taken_for_gone(
    fake_clock: FakeClock, status: int, body: bytes
) -> None:
    """However it is polled: the wait ends with an error, and not before its time."""
    request = endpoints.get_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))

    async def get() -> Snapshot:
        return decode(request, Response(status=status, body=body))

    with pytest.raises(CivoSnapshotsError):
        await wait_until_deleted(
            get, "web-1", "snap-1", timeout=600.0, poll=EVERY_10_S, clock=fake_clock
        )


async def test_on_a_server(civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock) -> None:
    """Deleted by another program, it is gone at the next poll; another one does not matter."""
    civo.add_snapshot("web-1", "snap-1")
    civo.add_snapshot("web-1", "snap-2")

    async def get() -> Snapshot:
        return await session.get_snapshot("web-1", "snap-1")

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(
            wait_until_deleted(
                get, "web-1", "snap-1", timeout=600.0, poll=EVERY_10_S, clock=fake_clock
            )
        )
        await fake_clock.sleep(15)
        assert not waiting.done()
        await session.delete_snapshot("web-1", "snap-1")

    assert fake_clock.now() == 20
