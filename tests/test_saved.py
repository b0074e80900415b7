"""A wait that moves: as text, to another process, with the time that is left."""

import asyncio
import json
import math
import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    AuthenticationError,
    PollPolicy,
    SavedWait,
    ServerError,
    Snapshot,
    SnapshotFailedError,
    SnapshotRef,
    SnapshotSession,
    SnapshotVanishedError,
    TransportError,
    WaitError,
    WaitTimeoutError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import session_on

REF = SnapshotRef("web-1", "snap-1", "FAKE1")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = SavedWait(ref=REF, deadline=NOON)
TEXT = (
    '{"version": 1, "instance_id": "web-1", "snapshot_id": "snap-1", "region": "FAKE1", '
    '"deadline": "2026-03-01T12:00:00Z"}'
)
names = st.text("abzAZ09", min_size=1, max_size=20)
moments = st.datetimes(min_value=datetime(2, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001


def kinds(civo: FakeCivo) -> list[str]:
    """Return the kinds of a FakeCivo's requests, in order."""
    return [request.kind for request in civo.requests]


def text(**changed: object) -> str:
    """Return a saved wait's text with some fields changed, or left out where they are `...`."""
    fields = json.loads(TEXT) | changed

    return json.dumps({key: value for key, value in fields.items() if value is not ...})


@asynccontextmanager
async def another_process(civo: FakeCivo, clock: FakeClock) -> AsyncIterator[SnapshotSession]:
    """Have a session that knows nothing of the other one's."""
    async with session_on(civo, clock) as session:
        yield session


class TestText:
    """The text that was written can be read, and no other."""

    def test_it_is_one_line_of_json_that_anybody_can_read(self) -> None:
        """With no secret in it."""
        assert TOKEN.to_json() == TEXT

    @given(
        instance=names,
        snapshot=names,
        region=names,
        deadline=st.none() | moments,
        volumes=st.lists(names, max_size=5).map(tuple),
    )
    def test_what_is_written_is_read(
        self,
        instance: str,
        snapshot: str,
        region: str,
        deadline: datetime | None,
        volumes: tuple[str, ...],
    ) -> None:
        """A law: nothing is lost, to the microsecond."""
        saved = SavedWait(
            ref=SnapshotRef(instance, snapshot, region),
            deadline=deadline,
            included_volumes=volumes,
        )

        assert SavedWait.from_json(saved.to_json()) == saved

    def test_it_pickles_too(self) -> None:
        """For a process pool."""
        assert pickle.loads(pickle.dumps(TOKEN)) == TOKEN  # noqa: S301

    def test_a_deadline_of_any_time_zone_will_do(self) -> None:
        """It is kept in UTC."""
        there = NOON.astimezone(timezone(timedelta(hours=5)))

        assert SavedWait.from_json(text(deadline="2026-03-01T17:00:00+05:00")) == TOKEN
        assert SavedWait(ref=REF, deadline=there).to_json() == TEXT

    @pytest.mark.parametrize(
        ("bad", "says"),
        [
            ("", "not a saved wait: Expecting value"),
            ("{", "not a saved wait: Expecting property name"),
            ("[" * 4000, "not a saved wait: "),
            (" " * 70_000, "not a saved wait: it has 70000 characters"),
            ("[]", "not a saved wait: it must be an object"),
            ("null", "not a saved wait: it must be an object"),
            ("{}", "not a saved wait: it must have a version"),
            (TEXT.replace("}", ', "region": "LON1"}'), "not a saved wait: an object has a key twi"),
            (text(version=2), "a saved wait of version 2: this library reads 1"),
            (text(version=2, region=...), "a saved wait of version 2: this library reads 1"),
            (text(version=True), "it must have a version"),
            (text(version="1"), "it must have a version"),
            (text(region=...), "it has too many or too few of the fields 'region'"),
            (text(token="x"), "it has too many or too few of the fields 'token'"),
            (text(instance_id=7), "instance_id must be a string, not 7"),
            (text(instance_id=".."), "not a saved wait: instance_id must be 1 to 128 letters"),
            (text(snapshot_id="a/../b"), "not a saved wait: snapshot_id must be 1 to 128 letters"),
            (text(snapshot_id="\ud800"), "not a saved wait: snapshot_id holds half a surrogate"),
            (text(region="LON1&x=y"), "not a saved wait: region must be 1 to 128 letters"),
            (text(included_volumes="vol-1"), "not a saved wait: included_volumes must be several"),
            (text(included_volumes=None), "not a saved wait: included_volumes must be several"),
            (text(included_volumes=[7]), "not a saved wait: included_volumes must be a string"),
            (text(deadline=0), "deadline must be a string, not 0"),
            (text(deadline="tomorrow"), "deadline: not an RFC 3339 time: 'tomorrow'"),
            (text(deadline="2026-03-01T12:00:00"), "deadline: not an RFC 3339 time"),
            (text(deadline="2026-02-30T12:00:00Z"), "deadline: day "),
            (text(deadline="0001-01-01T00:00:00Z"), "deadline must be a date or null"),
        ],
    )
    def test_any_other_text_is_refused(self, bad: str, says: str) -> None:
        """With what is wrong with it."""
        with pytest.raises(ValueError, match=says):
            SavedWait.from_json(bad)

    def test_only_a_string_is_read(self) -> None:
        """No bytes, and no parsed JSON."""
        parsed: Any = {"version": 1}

        with pytest.raises(TypeError, match="a saved wait must be a string"):
            SavedWait.from_json(parsed)

    @given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
    def test_no_text_makes_it_crash(self, anything: str) -> None:
        """`ValueError` is all that is raised."""
        with pytest.raises(ValueError):  # noqa: PT011 - the words differ
            SavedWait.from_json(anything)


class TestMaking:
    """The deadline is fixed when it is made."""

    @pytest.mark.parametrize(
        ("timeout", "deadline"),
        [(600, NOON + timedelta(minutes=10)), (0.5, NOON + timedelta(seconds=0.5)), (None, None)],
    )
    def test_the_deadline_is_a_date(self, timeout: float | None, deadline: datetime | None) -> None:
        """Or `None`, if that was given."""
        saved = SavedWait.starting(REF, timeout=timeout, now=NOON)

        assert saved.deadline == deadline

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e12])
    def test_a_timeout_is_positive_and_has_an_end(self, timeout: float) -> None:
        """As for a wait, and within the calendar."""
        with pytest.raises(ValueError, match="timeout must"):
            SavedWait.starting(REF, timeout=timeout, now=NOON)

    @pytest.mark.parametrize(
        ("changed", "error", "says"),
        [
            (
                {"ref": SnapshotRef("web-1", "snap-1")},
                ValueError,
                "the region of ref must be 1 to 128 letters",
            ),
            ({"deadline": NOON.replace(tzinfo=None)}, ValueError, "must be timezone-aware"),
            ({"deadline": "noon"}, TypeError, "deadline must be a datetime or None, not 'noon'"),
        ],
    )
    def test_a_saved_wait_is_checked_when_it_is_made(
        self, changed: dict[str, Any], error: type[Exception], says: str
    ) -> None:
        """Before it is used."""
        fields: dict[str, Any] = {"ref": REF, "deadline": None}

        with pytest.raises(error, match=says):
            SavedWait(**fields | changed)

    @pytest.mark.parametrize(("later", "left"), [(0, 600), (599, 1), (600, 0), (86400, 0)])
    def test_it_returns_the_time_that_is_left(self, later: float, left: float) -> None:
        """Never less than 0."""
        saved = SavedWait.starting(REF, timeout=600, now=NOON)

        assert saved.remaining(NOON + timedelta(seconds=later)) == left

    def test_without_a_deadline_there_is_always_time(self) -> None:
        """As for a wait without a limit."""
        saved = SavedWait.starting(REF, timeout=None, now=NOON)

        assert saved.remaining(NOON) is None


class TestMoving:
    """One process starts to wait, and another one continues."""

    async def test_resumes_with_the_time_that_is_left(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """600 s from when it was saved, however long others waited before."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        saved = session.save_wait("web-1", "snap-1", timeout=600)
        started = asyncio.ensure_future(session.resume(saved))
        await fake_clock.sleep(200)
        started.cancel()
        message = saved.to_json()
        await fake_clock.sleep(100)

        async with another_process(civo, fake_clock) as other:
            with pytest.raises(WaitTimeoutError) as caught:
                await other.resume(SavedWait.from_json(message))

        assert fake_clock.now() == 600
        assert caught.value.elapsed == 300

    async def test_returns_the_snapshot_when_it_is_complete(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """With the options of any wait."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=50))
        saved = session.save_wait("web-1", "snap-1")
        reported: list[Snapshot] = []

        snapshot = await session.resume(
            saved, poll=PollPolicy(interval=25), on_change=lambda _, after: reported.append(after)
        )

        assert snapshot.is_complete
        assert fake_clock.now() == 50
        assert reported[-1] == snapshot

    async def test_without_a_deadline_it_waits_forever(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Through any number of processes."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=100_000))
        saved = session.save_wait("web-1", "snap-1", timeout=None)

        await session.resume(saved, poll=PollPolicy(interval=10_000))

        assert fake_clock.now() == 100_000

    async def test_a_wait_that_timed_out_can_be_given_more_time(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The error has the address of the snapshot."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=90))
        with pytest.raises(WaitTimeoutError) as caught:
            await session.wait_until_complete("web-1", "snap-1", timeout=60)
        error = caught.value

        saved = session.save_wait(error.instance_id, error.snapshot_id, timeout=60)
        snapshot = await session.resume(saved)

        assert snapshot.is_complete
        assert 90 <= fake_clock.now() <= 120

    async def test_the_region_goes_along(self, fake_clock: FakeClock) -> None:
        """Whatever the region of the session that resumes it."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            civo.add_snapshot("db-1", "snap-1")
            async with another_process(civo, fake_clock) as session:
                saved = session.save_wait("db-1", "snap-1", timeout=5, region="FAKE2")
                await session.resume(saved)
                fake_clock.advance(10)
                snapshot = await session.resume(saved)

        assert {request.query["region"] for request in civo.requests} == {"FAKE2"}
        assert snapshot.region == "FAKE2"

    @pytest.mark.parametrize("by", ["id", "name"])
    @pytest.mark.parametrize("late", [False, True], ids=["in time", "too late"])
    async def test_a_resumed_wait_waits_for_the_same_volumes(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        by: str,
        *,
        late: bool,
    ) -> None:
        """A volume that the creation named and that is not reported is pending there too."""
        half = {"state": "Complete", "volumes": [{"id": "vol-1", "state": "Completed"}]}
        civo.script_next("web-1", scripts.timeline([(0.0, half)]))
        created = await session.create_snapshot("web-1", name="nightly")
        reference = created.id if by == "id" else "nightly"
        saved = session.save_wait("web-1", reference, timeout=60)
        if late:
            await fake_clock.sleep(60)

        async with another_process(civo, fake_clock) as other:
            with pytest.raises(WaitTimeoutError) as caught:
                await other.resume(SavedWait.from_json(saved.to_json()))
            again = other.save_wait("web-1", caught.value.snapshot_id, timeout=60)
        async with another_process(civo, fake_clock) as third:
            with pytest.raises(WaitTimeoutError) as caught_again:
                await third.resume(again)

        for error in (caught.value, caught_again.value):
            assert [volume.id for volume in error.pending_volumes] == ["vol-2"]

    async def test_the_volumes_are_saved_again_without_a_response(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Even if the process in between has not seen the snapshot."""
        created = await session.create_snapshot("web-1")
        saved = session.save_wait("web-1", created.id, timeout=1)
        civo.inject("get", *[faults.bad_gateway()] * 20)

        async with another_process(civo, fake_clock) as other:
            with pytest.raises(WaitTimeoutError):
                await other.resume(saved)
            again = other.save_wait("web-1", created.id, timeout=60)

        assert again.included_volumes == created.included_volumes == ("vol-1", "vol-2")

    async def test_a_job_that_is_delivered_twice_makes_one_snapshot(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """With `ensure_snapshot`: both at once, or one after the other."""

        async def job(session: SnapshotSession) -> Snapshot:
            snapshot = await session.ensure_snapshot("web-1", name="nightly-2026-03-01")
            return await session.resume(session.save_wait("web-1", snapshot.id))

        async with another_process(civo, fake_clock) as other, asyncio.TaskGroup() as group:
            jobs = [group.create_task(job(each)) for each in (session, other)]
        late = await job(session)

        assert {done.result().id for done in jobs} == {late.id}
        assert [effect.kind for effect in civo.effects] == ["create"]


class TestParts:
    """A job whose time is limited waits for a part of the time."""

    async def test_in_time_it_returns_the_snapshot(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """As without a limit."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=50))
        saved = session.save_wait("web-1", "snap-1")

        result = await session.resume(saved, for_at_most=timedelta(seconds=240))

        assert isinstance(result, Snapshot)
        assert result.is_complete
        assert fake_clock.now() < 240

    @pytest.mark.parametrize("timeout", [3600, None])
    async def test_else_it_returns_what_to_put_back(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        timeout: float | None,
    ) -> None:
        """After one last poll, and as often as it takes."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=500))
        saved = session.save_wait("web-1", "snap-1", timeout=timeout)
        parts = 0
        result: Snapshot | SavedWait = saved
        while isinstance(result, SavedWait):
            parts += 1
            result = await session.resume(SavedWait.from_json(result.to_json()), for_at_most=240)

        assert (parts, result.is_complete) == (3, True)
        assert 480 < fake_clock.now() < 520

    async def test_its_deadline_stays(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The part that reaches it times out there, as any wait."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        saved = session.save_wait("web-1", "snap-1", timeout=300)

        assert await session.resume(saved, for_at_most=240) == saved
        with pytest.raises(WaitTimeoutError):
            await session.resume(saved, for_at_most=240)

        assert fake_clock.now() == 300

    async def test_a_part_that_ends_is_no_warning(
        self, civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing is wrong."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

        await session.resume(session.save_wait("web-1", "snap-1"), for_at_most=30)

        left = [record for record in caplog.records if record.civo_event == "wait.left"]  # type: ignore[attr-defined]
        assert [record.levelname for record in left] == ["INFO"]
        assert not [record for record in caplog.records if record.levelname == "WARNING"]

    async def test_a_failure_ends_it(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """It is raised, not put back."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.fails(after=10))

        with pytest.raises(SnapshotFailedError):
            await session.resume(session.save_wait("web-1", "snap-1"), for_at_most=240)

    async def test_a_timeout_of_a_callback_is_its_own(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It does not pass for the end of the part."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=50))
        inner = WaitTimeoutError.__new__(WaitTimeoutError)

        def fail(*_: object) -> None:
            raise inner

        with pytest.raises(WaitTimeoutError) as caught:
            await session.resume(
                session.save_wait("web-1", "snap-1"), for_at_most=240, on_change=fail
            )
        assert caught.value is inner

    @pytest.mark.parametrize("for_at_most", [0, -1, math.nan])
    async def test_a_part_is_some_time(
        self, civo: FakeCivo, session: SnapshotSession, for_at_most: float
    ) -> None:
        """Before anything is sent."""
        with pytest.raises(ValueError, match="for_at_most"):
            await session.resume(session.save_wait("web-1", "snap-1"), for_at_most=for_at_most)

        assert kinds(civo) == []


class TestPassedDeadlines:
    """A wait that is resumed after its deadline makes one last poll."""

    @pytest.fixture
    async def late(self, session: SnapshotSession, fake_clock: FakeClock) -> SavedWait:
        """Return a saved wait whose deadline has passed."""
        saved = session.save_wait("web-1", "snap-1", timeout=60)
        await fake_clock.sleep(60)

        return saved

    async def test_a_snapshot_that_is_complete_by_then_counts(
        self, civo: FakeCivo, session: SnapshotSession, late: SavedWait
    ) -> None:
        """A message may wait in its queue for a while."""
        civo.add_snapshot("web-1", "snap-1")
        snapshot = await session.resume(late)

        assert snapshot.is_complete
        assert kinds(civo) == ["get"]

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            (
                scripts.complete_with_pending_volume("vol-1"),
                (
                    "WaitTimeoutError: snapshot snap-1 of instance web-1 was not complete when the "
                    "wait timed out (1 poll in 0.0 s): volume vol-1 is Pending"
                ),
            ),
            (
                scripts.fails("vol-2"),
                (
                    "SnapshotFailedError: snapshot snap-1 of instance web-1 failed "
                    "(1 poll in 0.0 s): volume vol-2 is Failed"
                ),
            ),
        ],
        ids=["pending", "failed"],
    )
    async def test_a_pending_snapshot_is_a_timeout(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        late: SavedWait,
        script: scripts.Script,
        says: str,
    ) -> None:
        """After exactly one poll, with the snapshot that it showed."""
        civo.add_snapshot("web-1", "snap-1", script=script)

        with pytest.raises(WaitError) as caught:
            await session.resume(late)

        assert f"{type(caught.value).__name__}: {caught.value}" == says
        assert kinds(civo) == ["get"]
        assert caught.value.snapshot is not None
        assert caught.value.polls == len(caught.value.timeline) == 1

    async def test_a_snapshot_that_is_gone_has_vanished(
        self, session: SnapshotSession, late: SavedWait
    ) -> None:
        """It has not timed out: it will never be complete."""
        with pytest.raises(SnapshotVanishedError) as caught:
            await session.resume(late)

        assert str(caught.value) == (
            "snapshot snap-1 of instance web-1 was not found in region FAKE1 (1 poll in 0.0 s): it "
            "was never seen; if it is in another region, pass region="
        )

    async def test_a_last_poll_with_a_transient_error_is_a_timeout(
        self, civo: FakeCivo, session: SnapshotSession, late: SavedWait
    ) -> None:
        """More time may help."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("get", *[faults.bad_gateway()] * 20)

        with pytest.raises(
            WaitTimeoutError, match="it was never seen; the last poll failed"
        ) as caught:
            await session.resume(late)

        assert isinstance(caught.value.last_error, (ServerError, TransportError))
        assert caught.value.snapshot is None

    async def test_a_refused_token_is_no_timeout(
        self, civo: FakeCivo, session: SnapshotSession, late: SavedWait
    ) -> None:
        """More time would not help."""
        civo.add_snapshot("web-1", "snap-1")
        civo.token = "another-token"

        with pytest.raises(AuthenticationError) as caught:
            await session.resume(late)

        assert str(caught.value).endswith(
            "; while waiting for snapshot snap-1 of instance web-1 (1 poll in 0.0 s): it was never "
            "seen"
        )
