"""A checkpoint: what becomes of the snapshot, the instance, and the body's exception."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from civo_snapshots_async import (
    ConflictError,
    PollPolicy,
    SnapshotFailedError,
    SnapshotSession,
    WaitTimeoutError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import session_on

WHERE = "of instance web-1 in FAKE1"
KEPT = "checkpoint: snapshot before-upgrade (00000000-0000-4000-8000-000000000001) " + WHERE
MADE = "00000000-0000-4000-8000-000000000001"


class UpgradeError(Exception):
    """What a body raises."""


def notes(error: BaseException) -> list[str]:
    """Return what was noted on an exception."""
    return getattr(error, "__notes__", [])


def kinds(civo: FakeCivo) -> list[str]:
    """Return the requests of a FakeCivo apart from polls, in order."""
    return [request.kind for request in civo.requests if request.kind != "get"]


async def failing(
    session: SnapshotSession, error: Exception, meanwhile: Callable[[], object], **options: Any
) -> None:
    """Run a body in which something happens, and which then raises."""
    async with session.checkpoint("web-1", name="before-upgrade", **options):
        happened = meanwhile()
        if isinstance(happened, Awaitable):
            await happened
        raise error


@pytest.fixture(autouse=True)
def _release_1(civo: FakeCivo) -> None:
    """Have something on the disk."""
    civo.instance("web-1").disk = "release 1"


class TestBefore:
    """The body runs on a complete snapshot, or not at all."""

    async def test_gives_the_complete_snapshot(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """By default it stays, and nothing else is sent."""
        civo.script_next("web-1", scripts.completes(takes=60))

        async with session.checkpoint(
            "web-1",
            name="before-upgrade",
            description="of Monday",
            poll=PollPolicy(interval=20),
        ) as snapshot:
            assert snapshot.is_complete
            assert fake_clock.now() == 60

        assert (snapshot.name, snapshot.description) == ("before-upgrade", "of Monday")
        assert kinds(civo) == ["create"]

    async def test_a_failed_snapshot_runs_no_body(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The error is the wait's, with the snapshot's id in a note."""
        civo.script_next("web-1", scripts.fails("vol-2"))

        with pytest.raises(SnapshotFailedError) as caught:
            async with session.checkpoint("web-1", name="before-upgrade", on_error="restore"):
                pytest.fail("the body ran")

        assert notes(caught.value) == [f"{KEPT} was created; the body has not run"]
        assert kinds(civo) == ["create"]

    async def test_a_late_snapshot_runs_no_body(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """`timeout` is the wait's."""
        civo.script_next("web-1", scripts.stuck())

        with pytest.raises(WaitTimeoutError):
            async with session.checkpoint("web-1", timeout=30):
                pytest.fail("the body ran")

        assert fake_clock.now() == 30

    async def test_canceled_before_the_body_it_restores_nothing(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """There is nothing to roll back; the cancellation names the snapshot."""
        civo.script_next("web-1", scripts.stuck())

        with pytest.raises(TimeoutError) as caught:
            async with (
                fake_clock.timeout(30),
                session.checkpoint("web-1", name="before-upgrade", on_cancel="restore"),
            ):
                pytest.fail("the body ran")

        assert notes(cancellation(caught.value)) == [f"{KEPT} was created; the body has not run"]
        assert kinds(civo) == ["create"]

    async def test_an_error_of_the_create_comes_out_as_it_is(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """There is no snapshot to name."""
        civo.add_snapshot("web-1", script=scripts.stuck())

        with pytest.raises(ConflictError) as caught:
            async with session.checkpoint("web-1"):
                pytest.fail("the body ran")

        assert notes(caught.value) == []

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"on_error": "delete"}, "on_error must be 'keep' or 'restore', not 'delete'"),
            ({"on_cancel": True}, "on_cancel must be 'keep' or 'restore', not True"),
            ({"on_success": "restore"}, "on_success must be 'keep' or 'delete', not 'restore'"),
            ({"name": "Before"}, "name must be"),
            ({"description": "\ud800"}, "description holds"),
            ({"timeout": 0}, "timeout must be"),
            ({"region": "a&b"}, "region must be"),
        ],
    )
    async def test_what_cannot_work_is_an_error_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession, options: dict[str, Any], says: str
    ) -> None:
        """When it is called, and not when the body has failed."""
        with pytest.raises(ValueError, match=says):
            session.checkpoint("web-1", **options)

        assert civo.requests == []

    async def test_it_can_be_in_another_region(self, fake_clock: FakeClock) -> None:
        """All that is sent goes there."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            async with session_on(civo, fake_clock) as session:
                async with session.checkpoint("db-1", region="FAKE2", on_success="delete"):
                    pass
                with pytest.raises(UpgradeError):
                    async with session.checkpoint("db-1", region="FAKE2", on_error="restore"):
                        raise UpgradeError

        assert kinds(civo) == ["create", "delete", "create", "restore"]
        assert {request.query["region"] for request in civo.requests} == {"FAKE2"}


class TestSuccess:
    """A body that has ended well."""

    async def test_the_snapshot_can_be_deleted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Where that was requested."""
        async with session.checkpoint("web-1", on_success="delete"):
            pass

        assert civo.snapshots("web-1") == ()

    async def test_a_deletion_that_fails_is_no_failure_of_the_body(
        self, civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged, with the snapshot that still exists."""
        async with session.checkpoint("web-1", name="before-upgrade", on_success="delete") as made:
            await session.restore_snapshot("web-1", made.id, hostname="copy")

        (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert warning.startswith(f"{KEPT} could not be deleted: ConflictError: ")
        assert len(civo.snapshots("web-1")) == 1

    async def test_a_lost_deletion_is_not_reported_as_failed(
        self, civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may have been done."""
        civo.inject("delete", *[faults.reset("midway")] * 3)

        async with session.checkpoint("web-1", name="before-upgrade", on_success="delete"):
            pass

        warning = caplog.messages[-1]
        assert warning.startswith(f"{KEPT} may or may not have been deleted: OutcomeUnknownError: ")

    async def test_a_snapshot_that_is_gone_need_not_be_deleted(
        self, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Somebody has tidied up already."""
        async with session.checkpoint("web-1", on_success="delete") as snapshot:
            await session.delete_snapshot("web-1", snapshot.id)

        assert "was already deleted" in caplog.text
        assert [r for r in caplog.records if r.levelno == logging.WARNING] == []


class TestFailure:
    """A body that raises."""

    async def test_by_default_the_snapshot_is_kept(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The exception is raised on as it is, and names the snapshot."""
        error = UpgradeError("no")

        with pytest.raises(UpgradeError) as caught:
            async with session.checkpoint("web-1", name="before-upgrade", on_success="delete"):
                raise error

        assert caught.value is error
        assert notes(error) == [f"{KEPT} is kept"]
        assert kinds(civo) == ["create"]

    async def test_the_instance_can_be_overwritten(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Where that was requested, after another check, and the exception is still raised on."""
        error = UpgradeError("no")

        def break_it() -> None:
            civo.instance("web-1").disk = "half of release 2"
            civo.requests.clear()

        with pytest.raises(UpgradeError) as caught:
            await failing(session, error, break_it, on_error="restore")

        assert caught.value is error
        assert error.__context__ is None
        assert civo.instance("web-1").disk == "release 1"
        assert [request.kind for request in civo.requests] == ["get", "restore"]
        assert civo.requests[-1].fields == {"overwrite_existing": True}
        assert notes(error) == [
            f"{KEPT} is kept",
            "checkpoint: the restore over instance web-1 has started (restore-2)",
        ]

    async def test_a_refused_restore_is_noted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It does not take the place of the body's exception."""

        def break_both() -> None:
            civo.snapshot("web-1", MADE).script = scripts.stuck()
            civo.instance("web-1").disk = "half of release 2"

        with pytest.raises(UpgradeError) as caught:
            await failing(session, UpgradeError(), break_both, on_error="restore")

        assert civo.instance("web-1").disk == "half of release 2"
        assert notes(caught.value)[1].startswith(
            "checkpoint: the restore over instance web-1 has not started, and nothing was "
            f"overwritten: SnapshotNotCompleteError: snapshot {MADE} of instance web-1 is not comp"
        )

    async def test_a_restore_whose_response_is_lost_is_noted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As what it is: not known."""
        civo.inject("restore", faults.close(effect=True))

        with pytest.raises(UpgradeError) as caught:
            async with session.checkpoint("web-1", on_error="restore"):
                raise UpgradeError

        assert notes(caught.value)[1].startswith(
            "checkpoint: the restore over instance web-1 may or may not have started: "
            "OutcomeUnknownError: restore_snapshot on instance web-1"
        )

    async def test_a_check_that_fails_restores_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """What is not known of a read puts nothing in doubt."""

        def break_civo() -> None:
            civo.inject("get", *[faults.bad_gateway()] * 3)

        with pytest.raises(UpgradeError) as caught:
            await failing(session, UpgradeError(), break_civo, on_error="restore")

        assert "has not started, and nothing was overwritten: ServerError" in notes(caught.value)[1]

    async def test_a_closed_session_restores_nothing(self, session: SnapshotSession) -> None:
        """The body has closed it: the disk is in no doubt."""
        with pytest.raises(UpgradeError) as caught:
            await failing(session, UpgradeError(), session.aclose, on_error="restore")

        assert (
            "has not started, and nothing was overwritten: SessionClosedError"
            in (notes(caught.value)[1])
        )

    async def test_a_session_closed_while_it_restores_leaves_a_doubt(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The request may have gone out."""
        civo.inject("restore", faults.hang())

        async def close_soon() -> None:
            await fake_clock.sleep(5)
            await session.aclose()

        closing: list[asyncio.Task[None]] = []

        async def body() -> None:
            closing.append(asyncio.ensure_future(close_soon()))

        with pytest.raises(UpgradeError) as caught:
            await failing(session, UpgradeError(), body, on_error="restore")
        await closing[0]

        assert "may or may not have started: SessionClosedError" in notes(caught.value)[1]

    async def test_what_becomes_of_the_restore_is_in_the_log_as_well(
        self, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A disk is not overwritten in silence."""
        with pytest.raises(UpgradeError):
            async with session.checkpoint("web-1", name="before-upgrade", on_error="restore"):
                raise UpgradeError

        *overwrite, warning = [
            r.getMessage() for r in caplog.records if r.levelno == logging.WARNING
        ]
        assert [text.split(":")[0] for text in overwrite] == [
            "overwrite instance web-1 in FAKE1 from snapshot before-upgrade (" + MADE + ")"
        ] * 2
        assert warning == (
            "checkpoint: the restore over instance web-1 has started (restore-2), "
            f"from {KEPT.removeprefix('checkpoint: ')}"
        )

    @pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, GeneratorExit])
    async def test_an_end_of_the_process_sends_nothing(
        self, civo: FakeCivo, session: SnapshotSession, ending: type[BaseException]
    ) -> None:
        """It is no error of the body; the snapshot is kept, and named."""
        with pytest.raises(ending) as caught:
            async with session.checkpoint(
                "web-1",
                name="before-upgrade",
                on_error="restore",
                on_cancel="restore",
                on_success="delete",
            ):
                raise ending

        assert notes(caught.value) == [f"{KEPT} is kept"]
        assert kinds(civo) == ["create"]


class TestCanceling:
    """A body that is canceled is treated as `on_cancel` says, and the cancellation goes on."""

    async def test_by_default_the_snapshot_is_kept(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Whatever `on_error` is."""
        with pytest.raises(TimeoutError) as caught:
            async with (
                fake_clock.timeout(60),
                session.checkpoint("web-1", name="before-upgrade", on_error="restore"),
            ):
                await fake_clock.sleep(1000)

        assert fake_clock.now() == 60
        assert notes(cancellation(caught.value)) == [f"{KEPT} is kept"]
        assert kinds(civo) == ["create"]

    async def test_the_instance_can_be_overwritten(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Before the cancellation goes on."""

        async def upgrade() -> None:
            async with session.checkpoint("web-1", on_cancel="restore"):
                civo.instance("web-1").disk = "half of release 2"
                await fake_clock.sleep(1000)

        task = asyncio.ensure_future(upgrade())
        await fake_clock.sleep(60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert task.cancelled()
        assert civo.instance("web-1").disk == "release 1"

    async def test_a_restore_that_hangs_holds_a_cancellation_up_for_a_bounded_time(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """At most for the session's `call_timeout`, and for that of the check before."""
        civo.inject("restore", faults.hang())

        with pytest.raises(TimeoutError) as caught:
            async with fake_clock.timeout(60), session.checkpoint("web-1", on_cancel="restore"):
                await fake_clock.sleep(1000)

        assert fake_clock.now() <= 60 + 120
        assert "may or may not have started" in notes(cancellation(caught.value))[1]

    async def test_canceled_again_it_stops_there(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """A second cancellation is not held up; the note says that the restore is not known."""
        civo.inject("restore", faults.hang(effect=True))
        error = UpgradeError("no")

        async def upgrade() -> None:
            async with session.checkpoint("web-1", on_error="restore"):
                raise error

        task = asyncio.ensure_future(upgrade())
        await fake_clock.sleep(20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert fake_clock.now() == 20
        assert notes(error)[1] == (
            "checkpoint: the restore over instance web-1 was canceled while it ran: "
            "it may or may not have started"
        )


def cancellation(error: BaseException) -> BaseException:
    """Return the CancelledError that a timeout was made of."""
    assert isinstance(error.__cause__, asyncio.CancelledError)

    return error.__cause__
