"""Observers of a session: what they are given, in which context, and that none does harm."""

import asyncio
import contextvars
import json
import logging
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing, contextmanager
from typing import Any

import aiohttp
import attrs
import pytest

from civo_snapshots_async import (
    CallEnded,
    CallStarted,
    CivoSnapshotsError,
    OutcomeUnknownError,
    PollPolicy,
    SnapshotEvent,
    SnapshotFinished,
    SnapshotNotFoundError,
    SnapshotRef,
    SnapshotSession,
    StateChanged,
    WaitEnded,
    WaitStarted,
    apply_events,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .calls import SIX_CALLS, Call
from .make import make_snapshot, session_on
from .recording import Recorder, inside
from .secrets import CANARY

EVERY_10_S = PollPolicy(interval=10)
EXPECTED = {
    "create": ("POST", "", 201),
    "list": ("GET", "", 200),
    "get": ("GET", "/snap-1", 200),
    "update": ("PUT", "/snap-1", 200),
    "restore": ("POST", "/snap-1/restore", 201),
    "delete": ("DELETE", "/snap-1", 200),
}


@pytest.fixture(autouse=True)
def _a_snapshot(civo: FakeCivo) -> None:
    civo.add_snapshot("web-1", "snap-1")


@pytest.fixture
def recorder() -> Recorder:
    """Return an observer that keeps all."""
    return Recorder()


@pytest.fixture
async def observed(
    civo: FakeCivo, fake_clock: FakeClock, recorder: Recorder
) -> AsyncIterator[SnapshotSession]:
    """Open a session that it observes."""
    async with session_on(civo, fake_clock, observers=[recorder]) as session:
        yield session


async def raised_by(call: Any) -> BaseException | None:
    """Await something, and return the error that it raises."""
    try:
        await call
    except CivoSnapshotsError as error:
        return error
    return None


async def until_arrived(civo: FakeCivo) -> None:
    """Let the loop turn until a request has arrived."""
    while not civo.requests:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)


class TestCalls:
    """One request, with its attempts and what resolves it."""

    @pytest.mark.parametrize(("name", "call"), SIX_CALLS.items(), ids=SIX_CALLS)
    async def test_a_call_is_followed_from_its_start_to_its_end(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder, name: str, call: Call
    ) -> None:
        """With what is called, and what came of it."""
        method, path, status = EXPECTED[name]

        await call(observed)

        [followed] = recorder.all_calls
        assert followed.started == CallStarted(
            name="list_snapshots" if name == "list" else f"{name}_snapshot",
            method=method,
            url=f"{civo.api_url}/v2/instances/web-1/snapshots{path}?region=FAKE1",
            instance_id="web-1",
            snapshot_id="snap-1" if path else "",
            region="FAKE1",
        )
        assert followed.given == [
            CallEnded(
                outcome="done",
                attempts=1,
                status=status,
                seconds=followed.end.seconds,
            )
        ]

    async def test_a_retried_call_is_one(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Of several attempts; its time is theirs and that of the backoff."""
        civo.inject("get", faults.reset(), faults.rate_limited(7))

        await observed.get_snapshot("web-1", "snap-1")

        [followed] = recorder.calls
        end = followed.end
        assert (end.outcome, end.attempts, end.status) == ("done", 3, 200)
        assert end.seconds >= 7

    @pytest.mark.parametrize(
        ("bad", "end"),
        [
            ((faults.status(404), "get"), ("failed", 404)),
            ((faults.status(422), "create"), ("failed", 422)),
            ((faults.bad_json(), "get"), ("failed", 200)),
            ((faults.bad_json(), "update"), ("unknown", 200)),
            ((faults.close(effect=True), "restore"), ("unknown", None)),
            ((faults.gateway_timeout(), "restore"), ("unknown", 504)),
        ],
        ids=["read", "write", "undecodable", "undecodable-write", "lost", "late"],
    )
    async def test_a_call_that_fails_says_how(
        self,
        civo: FakeCivo,
        observed: SnapshotSession,
        recorder: Recorder,
        bad: tuple[faults.Fault, Any],
        end: tuple[str, int | None],
    ) -> None:
        """The error that it raises, and the status of the last attempt."""
        fault, name = bad
        civo.inject(name, fault)

        error = await raised_by(SIX_CALLS[name](observed))

        [followed] = recorder.calls
        assert (followed.end.outcome, followed.end.status) == end
        assert followed.end.error == type(error).__name__
        assert followed.end.message == str(error)

    async def test_a_create_that_is_resolved_is_one_call(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Its lists are calls inside of it."""
        civo.inject("create", faults.close(effect=True))

        await observed.create_snapshot("web-1", name="nightly")

        create, list_ = recorder.calls
        assert (create.end.outcome, create.end.attempts, create.end.error) == ("resolved", 1, "")
        assert list_.started.name == "list_snapshots"
        assert list_.seen_in == ["list_snapshots"]
        assert create.seen_in == ["create_snapshot"]

    async def test_a_create_that_is_not_resolved_is_unknown(
        self, civo: FakeCivo, fake_clock: FakeClock, recorder: Recorder
    ) -> None:
        """With the error that the caller gets."""
        civo.inject("create", faults.close(effect=True))

        async with session_on(civo, fake_clock, observers=[recorder], resolve_timeout=0) as session:
            with pytest.raises(OutcomeUnknownError):
                await session.create_snapshot("web-1", name="nightly")

        [create] = recorder.calls
        assert (create.end.outcome, create.end.error) == ("unknown", "OutcomeUnknownError")

    async def test_a_deletion_that_a_lost_attempt_has_done_is_resolved(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Although the last attempt got a 404."""
        civo.inject("delete", faults.close(effect=True))

        await observed.delete_snapshot("web-1", "snap-1")

        [delete] = recorder.calls
        assert (delete.end.outcome, delete.end.attempts, delete.end.status) == ("resolved", 2, 404)

    async def test_a_restore_that_is_found_is_resolved(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """By the list of instances, which is polled inside of its call."""
        civo.inject("restore", faults.close(effect=True))

        await observed.ensure_restored("web-1", "snap-1", hostname="copy")

        [restore] = [each for each in recorder.calls if each.started.method == "POST"]
        assert (restore.end.outcome, restore.end.attempts, restore.end.error) == ("resolved", 1, "")

    async def test_a_drills_restore_that_is_found_is_resolved(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """In the same way."""
        civo.inject("restore", faults.close(effect=True))

        report = await observed.drill("web-1", check=lambda _: True)

        [restore] = [each for each in recorder.calls if each.started.method == "POST"]
        assert (report.passed, restore.end.outcome) == (True, "resolved")

    async def test_the_check_before_a_restore_is_a_call_of_its_own(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """And an overwrite is marked."""
        await observed.restore_snapshot("web-1", "snap-1", overwrite_existing=True)

        called = [(each.started.name, each.started.is_overwrite) for each in recorder.calls]
        assert called == [("get_snapshot", False), ("restore_snapshot", True)]

    async def test_what_a_page_of_instances_says_is_in_the_url(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """As it is sent."""
        await observed.list_instances()

        [followed] = recorder.calls
        assert followed.started.url.endswith("/v2/instances?region=FAKE1&page=1&per_page=1000")

    @pytest.mark.parametrize("how", ["cancel", "close"])
    async def test_a_call_that_is_ended_from_outside_is_canceled(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder, how: str
    ) -> None:
        """By its task, or with its session."""
        civo.inject("get", faults.hang())
        task = asyncio.create_task(observed.get_snapshot("web-1", "snap-1"))
        await until_arrived(civo)

        if how == "cancel":
            task.cancel()
        else:
            await observed.aclose()
        await asyncio.wait([task])

        [followed] = recorder.calls
        assert (followed.end.outcome, followed.end.attempts) == ("canceled", 1)
        assert followed.end.message == ""
        assert task.cancelled() or task.exception() is not None

    async def test_what_an_observer_sets_holds_for_each_attempt(
        self, civo: FakeCivo, fake_clock: FakeClock, recorder: Recorder
    ) -> None:
        """As the span of a call is the parent of what traces its requests; and not after it."""
        seen: list[str] = []

        async def note(*_: Any) -> None:
            seen.append(inside.get())

        config = aiohttp.TraceConfig()
        config.on_request_start.append(note)
        civo.inject("get", faults.status(503))
        async with (
            aiohttp.ClientSession(trace_configs=[config]) as mine,
            session_on(civo, fake_clock, observers=[recorder], http_session=mine) as session,
        ):
            await session.get_snapshot("web-1", "snap-1")
            after = inside.get()

        assert (seen, after) == (["get_snapshot", "get_snapshot"], "nothing")

    async def test_it_is_given_no_token_and_no_body(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Whatever the server echoes."""
        civo.inject("create", faults.status(422, reason=f"bad {civo.token}"))

        await raised_by(observed.create_snapshot("web-1", description="a body"))

        [followed] = recorder.calls
        shown = repr((followed.started, followed.end))
        assert "bad ***" in shown
        assert CANARY not in shown
        assert "a body" not in shown


class TestWaits:
    """From the start of a wait, with each event of it, to its end."""

    async def test_a_wait_is_followed_from_its_start_to_its_end(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """With its events, whether the caller asks for changes or not."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(30))

        snapshot = await observed.wait_until_complete("web-1", "slow", poll=EVERY_10_S, timeout=600)

        [wait] = recorder.waits
        assert attrs.asdict(wait.started) == {
            "name": "wait_until_complete",
            "instance_id": "web-1",
            "snapshot_id": "slow",
            "region": "FAKE1",
            "timeout": 600,
        }
        kinds = [type(each).__name__ for each in wait.given]
        assert kinds == ["SnapshotSeen", *["StateChanged"] * (len(kinds) - 2), "WaitEnded"]
        events = [each for each in wait.given if not isinstance(each, WaitEnded)]
        assert apply_events(make_snapshot(), *events) == snapshot
        assert set(wait.seen_in) == {"wait_until_complete"}
        assert wait.end == WaitEnded(
            outcome="done", polls=4, requests=4, seconds=30.0, snapshot=snapshot
        )

    async def test_every_wait_has_a_name(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """That of the session's method; a resumed wait goes on as what it was."""
        civo.add_snapshot("web-1", "gone", script=scripts.vanishes(after=1))
        restore = await observed.restore_snapshot("web-1", "snap-1", hostname="copy")

        await observed.wait_until_complete("web-1", "snap-1")
        await observed.resume(observed.save_wait("web-1", "snap-1"))
        async with aclosing(observed.watch("web-1", "snap-1")) as events:
            async for _ in events:
                pass
        await observed.wait_until_deleted("web-1", "gone", poll=EVERY_10_S)
        found = await observed.wait_for_restored_instance(restore)
        await observed.wait_until_active(found.id)

        assert [each.started.name for each in recorder.waits] == [
            "wait_until_complete",
            "wait_until_complete",
            "watch",
            "wait_until_deleted",
            "wait_for_restored_instance",
            "wait_until_active",
        ]
        ends = [each.end for each in recorder.waits]
        assert [end.outcome for end in ends if isinstance(end, WaitEnded)] == ["done"] * 6

    async def test_what_a_plan_waits_for_is_followed(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Its safety snapshot, and the status of its instance."""
        plan = await observed.plan_restore("web-1", "snap-1", overwrite_existing=True)

        await observed.apply_restore(plan)

        assert [each.started.name for each in recorder.waits] == [
            "wait_until_complete",
            "apply_restore",
        ]

    @pytest.mark.parametrize(
        ("script", "end"),
        [
            (scripts.fails(after=5), ("failed", "SnapshotFailedError")),
            (scripts.stuck(), ("timed_out", "WaitTimeoutError")),
            (scripts.vanishes(after=5), ("failed", "SnapshotVanishedError")),
        ],
        ids=["failed", "timed-out", "vanished"],
    )
    async def test_a_wait_that_fails_says_how(
        self,
        civo: FakeCivo,
        observed: SnapshotSession,
        recorder: Recorder,
        script: scripts.Script,
        end: tuple[str, str],
    ) -> None:
        """By the error that it raises, with its text."""
        civo.add_snapshot("web-1", "bad", script=script)

        error = await raised_by(
            observed.wait_until_complete("web-1", "bad", poll=EVERY_10_S, timeout=60)
        )

        ended = recorder.end_of_wait()
        assert (ended.outcome, ended.error, ended.message) == (*end, str(error))

    async def test_an_error_that_is_not_ours_is_named_alone(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Its text may be anything."""

        def strategy(_: object) -> float:
            raise LookupError("a secret")

        with pytest.raises(LookupError):
            await observed.wait_until_deleted("web-1", "snap-1", poll=PollPolicy(wait=strategy))

        ended = recorder.end_of_wait()
        assert (ended.outcome, ended.error, ended.message) == ("failed", "LookupError", "")

    async def test_the_waits_of_a_drill_are_followed(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """That for a snapshot of its own, and those for its scratch instance."""
        civo.add_instance("db-1")

        report = await observed.drill(
            "db-1", check=lambda _: True, create_if_missing=True, delete_scratch=True
        )

        assert report.passed
        assert [each.started.name for each in recorder.waits] == [
            "wait_until_complete",
            "wait_for_restored_instance",
            "wait_until_active",
            "drill",
        ]

    async def test_a_wait_that_nobody_follows_goes_on(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """If what drives it has forgotten the observers, they miss it, and it misses nothing."""
        ref = SnapshotRef("web-1", "snap-1", "FAKE1")
        wait = observed._waits.complete(ref, 60, EVERY_10_S)

        await observed._waits.advance(wait)

        assert wait.result().is_complete
        assert (recorder.waits, recorder.polls, len(recorder.calls)) == ([], [], 1)

    @pytest.mark.parametrize("how", ["cancel", "close"])
    async def test_a_wait_that_is_ended_from_outside_is_canceled(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder, how: str
    ) -> None:
        """By its task, or with its session."""
        civo.add_snapshot("web-1", "slow", script=scripts.stuck())
        task = asyncio.create_task(observed.wait_until_complete("web-1", "slow"))
        await until_arrived(civo)

        if how == "cancel":
            task.cancel()
        else:
            await observed.aclose()
        await asyncio.wait([task])

        assert recorder.end_of_wait().outcome == "canceled"
        assert task.cancelled() or task.exception() is not None

    async def test_a_part_of_a_resumed_wait_is_no_timeout(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """It is left, and resumed later."""
        civo.add_snapshot("web-1", "slow", script=scripts.stuck())

        await observed.resume(observed.save_wait("web-1", "slow"), for_at_most=30)

        assert recorder.end_of_wait().outcome == "canceled"

    async def test_waits_that_share_a_request_are_all_served_by_it(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """The poll names them, and each counts it as its own."""
        for name in ("one", "two"):
            civo.add_snapshot("web-1", name, script=scripts.completes(20))

        async with asyncio.TaskGroup() as group:
            for name in ("one", "two", "two"):
                group.create_task(observed.wait_until_complete("web-1", name, poll=EVERY_10_S))

        started = [each.started for each in recorder.waits]
        lists = [p.started for p in recorder.polls if p.started.name == "list_snapshots"]
        assert lists
        assert [set(poll.waits) for poll in lists] == [set(started)] * len(lists)
        for wait in recorder.waits:
            served = [poll for poll in recorder.polls if wait.started in poll.started.waits]
            assert isinstance(wait.end, WaitEnded)
            assert wait.end.requests == len(served)

    async def test_a_wait_counts_the_polls_that_others_made(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """It observes their change, and sends no request for it."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))

        async with asyncio.TaskGroup() as group:
            for interval in (5, 1000):
                policy = PollPolicy(interval=interval)
                group.create_task(observed.wait_until_complete("web-1", "slow", poll=policy))

        often, seldom = [each.end for each in recorder.waits]
        assert isinstance(often, WaitEnded)
        assert isinstance(seldom, WaitEnded)
        assert seldom.requests == 1
        assert often.requests == 5
        assert seldom.polls > seldom.requests

    async def test_what_is_given_is_ready_for_json(
        self, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """To be written to a log of one's own."""
        await observed.wait_until_complete("web-1", "snap-1")

        [poll], [wait] = recorder.polls, recorder.waits
        for value in (poll.started, poll.end, wait.started, *wait.given):
            json.dumps(value.to_dict())
        assert poll.started.to_dict()["waits"] == [wait.started.to_dict()]

    async def test_an_instances_pages_are_polls_of_its_wait(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Each request counts."""
        for number in range(150):
            civo.add_instance(f"other-{number}")
        restore = await observed.restore_snapshot("web-1", "snap-1", hostname="copy")

        await observed.wait_for_restored_instance(restore)

        [wait] = recorder.waits
        assert [each.started.name for each in recorder.polls] == ["list_instances"] * 2
        assert {each.started.waits for each in recorder.polls} == {(wait.started,)}
        ended = recorder.end_of_wait()
        assert (ended.polls, ended.requests, ended.snapshot) == (1, 2, None)

    async def test_a_failed_poll_of_an_instance_is_an_event(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """As of a snapshot."""
        civo.inject("get_instance", faults.status(503))

        await observed.wait_until_active("web-1", poll=EVERY_10_S)

        [wait] = recorder.waits
        assert [type(each).__name__ for each in wait.given] == ["PollFailed", "WaitEnded"]

    async def test_callbacks_run_inside_the_wait(
        self, civo: FakeCivo, observed: SnapshotSession
    ) -> None:
        """What they do is a part of it; what the caller does afterwards is not."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
        seen: list[str] = []

        async def on_change(*_: object) -> None:
            seen.append(inside.get())

        await observed.wait_until_complete("web-1", "slow", on_change=on_change)

        assert (set(seen), inside.get()) == ({"wait_until_complete"}, "nothing")

    @pytest.mark.parametrize("observers", [(), (Recorder(),)], ids=["alone", "observed"])
    async def test_observing_changes_no_request(
        self, civo: FakeCivo, fake_clock: FakeClock, observers: tuple[Recorder, ...]
    ) -> None:
        """It wakes no wait, so that none asks for more than it needs."""
        for name in ("one", "two"):
            civo.add_snapshot("web-1", name, script=scripts.completes(60))

        async with (
            session_on(civo, fake_clock, observers=observers) as session,
            asyncio.TaskGroup() as group,
        ):
            for name in ("one", "two"):
                group.create_task(session.wait_until_complete("web-1", name, poll=EVERY_10_S))

        assert [each.kind for each in civo.requests] == ["list"] * 7 + ["get"] * 2


class TestWatches:
    """A watch is a wait that its consumer drives."""

    async def test_a_consumer_is_not_inside_the_wait(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """What it does between two events is its own; the wait's reports are the wait's."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
        seen: list[str] = []

        async with aclosing(observed.watch("web-1", "slow", poll=EVERY_10_S)) as events:
            seen.extend([inside.get() async for _ in events])

        [wait] = recorder.waits
        assert set(seen) == {"nothing"}
        assert set(wait.seen_in) == {"watch"}

    @pytest.mark.parametrize(
        ("last", "outcome"),
        [(StateChanged, "canceled"), (SnapshotFinished, "done")],
        ids=["early", "at-the-end"],
    )
    async def test_a_watch_that_is_left_was_seen_to_its_end_or_not(
        self,
        civo: FakeCivo,
        observed: SnapshotSession,
        recorder: Recorder,
        last: type[SnapshotEvent],
        outcome: str,
    ) -> None:
        """A loop that stops at the last event has missed nothing."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))

        async with aclosing(observed.watch("web-1", "slow", poll=EVERY_10_S)) as events:
            async for event in events:
                if isinstance(event, last):
                    break

        ended = recorder.end_of_wait()
        assert (ended.outcome, ended.error) == (
            outcome,
            "GeneratorExit" if outcome == "canceled" else "",
        )

    async def test_a_watch_may_be_closed_in_another_context(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """As the loop does with one that was forgotten: what it has set is reset in its own."""
        civo.add_snapshot("web-1", "slow", script=scripts.stuck())
        watch = observed.watch("web-1", "slow")
        await anext(watch)

        async def close() -> None:
            await watch.aclose()

        await asyncio.create_task(close(), context=contextvars.Context())

        assert recorder.end_of_wait().outcome == "canceled"

    async def test_a_failed_snapshot_is_a_failed_watch(
        self, civo: FakeCivo, observed: SnapshotSession, recorder: Recorder
    ) -> None:
        """Although it is an event to the consumer, and no error."""
        civo.add_snapshot("web-1", "bad", script=scripts.fails(after=5))

        async with aclosing(observed.watch("web-1", "bad", poll=EVERY_10_S)) as events:
            async for _ in events:
                pass

        ended = recorder.end_of_wait()
        assert (ended.outcome, ended.error) == ("failed", "")


class Broken:
    """An observer that raises at one step."""

    def __init__(self, step: str, error: BaseException) -> None:
        self.step = step
        self.error = error

    def _at(self, step: str) -> None:
        if step == self.step:
            raise self.error

    @contextmanager
    def _follow(self) -> Generator[Callable[[object], None], None, None]:
        self._at("enter")
        yield lambda _: self._at("report")
        self._at("exit")

    def call(self, _: CallStarted) -> Any:
        """Follow a call."""
        self._at("start")
        return self._follow()

    def wait(self, _: WaitStarted) -> Any:
        """Follow a wait."""
        self._at("start")
        return self._follow()


STEPS = ("start", "enter", "report", "exit")


class TestHarm:
    """An observer that fails changes nothing."""

    @pytest.mark.parametrize("step", STEPS)
    async def test_what_it_raises_is_logged_once(
        self,
        civo: FakeCivo,
        fake_clock: FakeClock,
        recorder: Recorder,
        caplog: pytest.LogCaptureFixture,
        step: str,
    ) -> None:
        """And the calls, the waits and the other observers go on."""
        civo.add_snapshot("web-1", "slow", script=scripts.completes(20))
        observers = [recorder, Broken(step, RuntimeError("mine")), other := Recorder()]

        async with session_on(civo, fake_clock, observers=observers) as session:
            got = await session.get_snapshot("web-1", "snap-1")
            waited = await session.wait_until_complete("web-1", "slow", poll=EVERY_10_S)
            with pytest.raises(SnapshotNotFoundError):
                await session.get_snapshot("web-1", "none")

        assert (got.id, waited.is_complete) == ("snap-1", True)
        for each in (recorder, other):
            assert [call.end.outcome for call in each.calls] == ["done", "failed"]
            assert each.end_of_wait().outcome == "done"
        [logged] = [r for r in caplog.records if vars(r)["civo_event"] == "observer.failed"]
        assert logged.levelno == logging.WARNING
        assert "observer Broken raised RuntimeError: mine" in logged.getMessage()

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("what", ["call", "wait", "poller"])
    async def test_a_cancellation_passes(
        self, civo: FakeCivo, fake_clock: FakeClock, step: str, what: str
    ) -> None:
        """And so does what else is no Exception; the other observers are left all the same."""
        first, last = Recorder(), Recorder()
        broken = Broken(step, asyncio.CancelledError())
        calls: dict[str, Call] = {
            "call": lambda session: session.get_snapshot("web-1", "snap-1"),
            "wait": lambda session: session.wait_until_active("web-1"),
            "poller": lambda session: session.wait_until_complete("web-1", "snap-1"),
        }

        async with session_on(civo, fake_clock, observers=[first, broken, last]) as session:
            with pytest.raises(asyncio.CancelledError):
                await calls[what](session)

        for each in (first, last):
            assert all(call.is_left for call in each.all_calls)
            assert all(wait.is_left for wait in each.waits)
        assert inside.get() == "nothing"
        assert len(civo.requests) < 2

    @pytest.mark.parametrize("given", [object(), "text", Recorder], ids=["object", "text", "class"])
    async def test_what_is_no_observer_is_wrong_use(
        self, civo: FakeCivo, fake_clock: FakeClock, given: Any
    ) -> None:
        """Said at once."""
        with pytest.raises(TypeError, match="observers must"):
            session_on(civo, fake_clock, observers=[given])

    async def test_from_env_takes_them(
        self,
        civo: FakeCivo,
        fake_clock: FakeClock,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """As the constructor does."""
        monkeypatch.setenv("CIVO_TOKEN", civo.token)

        async with SnapshotSession.from_env(
            region=civo.region, api_url=civo.api_url, clock=fake_clock, observers=iter([recorder])
        ) as session:
            await session.get_snapshot("web-1", "snap-1")

        assert len(recorder.calls) == 1
