"""The poller: its invariants, and what it costs under load."""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import attrs
import pytest

from civo_snapshots_async import (
    HttpOptions,
    PollPolicy,
    RateLimitedError,
    SessionClosedError,
    Snapshot,
    SnapshotFinished,
    SnapshotSeen,
    SnapshotSession,
    StateChanged,
    SystemClock,
    TransportError,
    WaitTimeoutError,
)
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._models import SnapshotRef
from civo_snapshots_async._waits.goals import COMPLETE, DELETED
from civo_snapshots_async._waits.poller import Poller
from civo_snapshots_async._waits.wait import Goal, Wait
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import make_snapshot, refused

PENDING = make_snapshot("Pending", {"vol-1": "Pending"})
DONE = make_snapshot("Complete", {"vol-1": "Completed"})
LOST = TransportError("lost", method="GET", path="/v2")
LIMITED = refused(RateLimitedError, status=429, retry_after=20.0)
EVERY_10_S = PollPolicy(interval=10)


class Calls:
    """A caller that says what is sent, and responds with what a test says."""

    def __init__(self, clock: FakeClock, shown: Snapshot | Exception, takes: float = 0) -> None:
        self.clock = clock
        self.shown = shown
        self.takes = takes
        self.sent: list[tuple[float, str]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def poll(self, request: Request[Any]) -> Any:
        """Respond."""
        self.sent.append((self.clock.now(), request.call.removesuffix("_snapshot")))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.takes:
                await self.clock.sleep(self.takes)
        finally:
            self.in_flight -= 1
        if isinstance(self.shown, Exception):
            raise self.shown
        if request.call == "list_snapshots":
            return tuple(attrs.evolve(self.shown, id=f"snap-{n}", name=f"n-{n}") for n in range(9))
        return attrs.evolve(self.shown, id=request.snapshot_id)


class Polls:
    """A poller on such a caller."""

    def __init__(self, clock: FakeClock, calls: Calls, slots: int = 100) -> None:
        self.clock = clock
        self.poller = Poller(clock, cast("Caller", calls), slots)

    async def wait(
        self,
        snapshot_id: str = "snap-1",
        instance_id: str = "web-1",
        *,
        goal: Goal = COMPLETE,
        poll: PollPolicy = EVERY_10_S,
        timeout: float | None = 1800.0,
    ) -> Snapshot:
        """Wait."""
        ref = SnapshotRef(instance_id, snapshot_id, "FAKE1")
        wait: Wait[Snapshot] = Wait(ref, goal, poll, timeout, self.clock.now())
        await self.poller.advance(wait)
        return wait.result()


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not is_so():  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0)


async def outcomes(*waits: Any) -> list[Any]:
    """Run waits at once, and return what each came to."""
    results: list[Any] = await asyncio.gather(*waits, return_exceptions=True)
    return results


class Ticking(FakeClock):
    """A clock that moves at each reading, as a real one does."""

    def now(self) -> float:
        """Return a moment that was never returned before."""
        self._now += 1e-6
        return super().now()


async def test_on_a_clock_that_moves_a_round_is_one_request() -> None:
    """All who land together plan from one moment."""
    clock = Ticking(sockets=False)
    calls = Calls(clock, PENDING)
    polls = Polls(clock, calls)

    waits = [asyncio.ensure_future(polls.wait(timeout=None)) for _ in range(500)]
    await clock.sleep(55)
    calls.shown = DONE

    await outcomes(*waits)

    assert [round(at, 1) for at, _ in calls.sent] == [0, 10, 20, 30, 40, 50, 60]


async def test_those_who_start_in_one_turn_meet(fake_clock: FakeClock) -> None:
    """The first request serves them all."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)

    came_to = await outcomes(*(polls.wait() for _ in range(1000)))

    assert len({id(snapshot) for snapshot in came_to}) == 1
    assert calls.sent == [(0, "get")]


@pytest.mark.parametrize("slots", [1, 7])
async def test_no_more_polls_are_in_flight_than_there_are_slots(
    fake_clock: FakeClock, slots: int
) -> None:
    """Whoever has none waits for one, and its request's time begins with it."""
    calls = Calls(fake_clock, DONE, takes=1)
    polls = Polls(fake_clock, calls, slots)

    came_to = await outcomes(*(polls.wait(instance_id=f"web-{n}") for n in range(30)))

    assert all(isinstance(snapshot, Snapshot) for snapshot in came_to)
    assert calls.most_in_flight == slots
    assert fake_clock.now() == -(-30 // slots)


async def test_a_poll_is_not_charged_for_its_place_behind_calls(
    civo: FakeCivo, fake_clock: FakeClock
) -> None:
    """A call has the only connection for as long as a poll may take: none fails for that."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("list", faults.hang())
    async with SnapshotSession(
        civo.token,
        region="FAKE1",
        api_url=civo.api_url,
        clock=fake_clock,
        http=HttpOptions(max_connections=1, call_timeout=5),
        retry=None,
    ) as session:
        call = asyncio.ensure_future(session.list_snapshots("web-1"))
        await until(lambda: len(civo.requests) == 1)
        events = [event async for event in session.watch("web-1", "snap-1")]
        await outcomes(call)

    assert [type(event) for event in events] == [SnapshotSeen, SnapshotFinished]
    assert [(request.kind, request.at) for request in civo.requests] == [("list", 0), ("get", 5)]


async def test_who_has_no_time_left_does_not_wait_for_a_slot(fake_clock: FakeClock) -> None:
    """The limit of a wait holds in the queue as well."""
    calls = Calls(fake_clock, PENDING, takes=50)
    polls = Polls(fake_clock, calls, 1)

    _, hasty = await outcomes(
        polls.wait(instance_id="web-1", timeout=60), polls.wait(instance_id="web-2", timeout=20)
    )

    assert isinstance(hasty, WaitTimeoutError)
    assert hasty.elapsed == 20


async def test_cancelled_in_the_queue_it_sends_nothing(fake_clock: FakeClock) -> None:
    """Neither for a get nor for a list."""
    calls = Calls(fake_clock, DONE, takes=5)
    polls = Polls(fake_clock, calls, 1)
    first = asyncio.ensure_future(polls.wait(instance_id="web-1"))
    queued = [
        asyncio.ensure_future(polls.wait(snapshot_id, instance_id="web-2"))
        for snapshot_id in ("snap-1", "snap-2")
    ]
    await fake_clock.sleep(1)
    for task in queued:
        task.cancel()

    await outcomes(first, *queued)

    assert len(calls.sent) == 1


async def test_cancelled_before_its_request_has_begun_it_frees_the_slot(
    fake_clock: FakeClock,
) -> None:
    """A task that is cancelled before its first step runs no line of it."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls, 1)
    task = asyncio.ensure_future(polls.wait())
    await until(lambda: bool(polls.poller._requests))
    task.cancel()
    await outcomes(task)

    assert (await polls.wait()).is_complete


async def test_a_bug_of_a_strategy_ends_its_own_wait(fake_clock: FakeClock) -> None:
    """And no other."""

    def broken(_: object) -> float:
        raise ZeroDivisionError

    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    bug, other = await outcomes(polls.wait(poll=PollPolicy(wait=broken)), polls.wait(timeout=25))

    assert isinstance(bug, ZeroDivisionError)
    assert isinstance(other, WaitTimeoutError)


async def test_a_bug_of_the_poller_ends_the_waits_of_the_pool(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callback's exception would be nobody's, and they would wait for ever."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Poller, "_land", broken)

    came_to = await outcomes(*(polls.wait() for _ in range(3)))

    assert [type(outcome) for outcome in came_to] == [ZeroDivisionError] * 3
    assert polls.poller._pools == {}


async def test_each_wait_observes_in_its_own_context(fake_clock: FakeClock) -> None:
    """Of two that share a request, each one's strategy sees its own variables."""
    name = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []

    def strategy(_: object) -> float:
        seen.append(name.get())
        return 10.0

    async def wait(own: str) -> None:
        name.set(own)
        await polls.wait(poll=PollPolicy(wait=strategy), timeout=15)

    polls = Polls(fake_clock, Calls(fake_clock, PENDING))

    await outcomes(wait("a"), wait("b"))

    assert sorted(seen) == ["a", "a", "b", "b"]


async def test_a_list_is_an_answer_to_who_waits_for_a_deletion(fake_clock: FakeClock) -> None:
    """What is listed is there still; for an end, a list alone is no proof."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)

    deletion, done = await outcomes(
        polls.wait("snap-1", goal=DELETED, timeout=35), polls.wait("snap-2")
    )

    assert isinstance(deletion, WaitTimeoutError)
    assert done.is_complete
    # A list for both, a get that confirms the end of one, then gets for the one that is left.
    assert [what for _, what in calls.sent] == ["list_snapshots", "get", "get", "get", "get", "get"]


async def test_a_failed_get_that_confirms_a_list_is_no_trouble_of_a_sleeper(
    fake_clock: FakeClock,
) -> None:
    """It would not have polled then; it polls when it is due."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    quick = asyncio.ensure_future(polls.wait("snap-1", poll=PollPolicy(interval=2)))
    slow = asyncio.ensure_future(
        polls.wait("snap-2", poll=PollPolicy(interval=100, max_consecutive_failures=0))
    )
    await fake_clock.sleep(1)
    original = calls.poll

    async def flaky(request: Request[Any]) -> Any:
        calls.shown = LOST if request.call == "get_snapshot" and fake_clock.now() < 5 else DONE
        return await original(request)

    calls.poll = flaky  # type: ignore[method-assign]

    came_to = await outcomes(quick, slow)

    assert [snapshot.is_complete for snapshot in came_to] == [True, True]


async def test_one_who_is_asked_about_early_may_run_out_of_time(fake_clock: FakeClock) -> None:
    """While the get that is to confirm what a list said takes too long."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    quick = asyncio.ensure_future(polls.wait("snap-1", poll=PollPolicy(interval=2)))
    slow = asyncio.ensure_future(polls.wait("snap-2", poll=PollPolicy(interval=20), timeout=30))
    await fake_clock.sleep(1)
    original = calls.poll

    async def hanging(request: Request[Any]) -> Any:
        calls.shown = DONE
        calls.takes = 1000 if request.snapshot_id == "snap-2" else 0
        return await original(request)

    calls.poll = hanging  # type: ignore[method-assign]

    quick_end, slow_end = await outcomes(quick, slow)

    assert quick_end.is_complete
    assert isinstance(slow_end, WaitTimeoutError)
    assert slow_end.elapsed == pytest.approx(30, abs=0.3)


async def test_cancelled_as_its_response_comes_it_is_cancelled(fake_clock: FakeClock) -> None:
    """And whoever shares the request gets the response."""
    calls = Calls(fake_clock, DONE)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait())
    second = asyncio.ensure_future(polls.wait())
    original = calls.poll

    async def cancelling(request: Request[Any]) -> Any:
        # After this response, and before the poller has it.
        asyncio.get_running_loop().call_soon(first.cancel)
        return await original(request)

    calls.poll = cancelling  # type: ignore[method-assign]

    cancelled, done = await outcomes(first, second)

    assert isinstance(cancelled, asyncio.CancelledError)
    assert done.is_complete


async def test_who_follows_volumes_is_not_woken_by_a_list_without_them(
    fake_clock: FakeClock,
) -> None:
    """It asks for more when it is due itself."""
    shown = {"list_snapshots": make_snapshot("Pending"), "get_snapshot": PENDING}
    sent: list[tuple[float, str]] = []

    class Bare(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            sent.append((fake_clock.now(), request.snapshot_id or "list"))
            seen = shown[request.call]
            if request.call == "list_snapshots":
                return (attrs.evolve(seen, id="snap-1"), attrs.evolve(seen, id="snap-2", name="x"))
            return attrs.evolve(seen, id=request.snapshot_id)

    poller = Polls(fake_clock, Bare(fake_clock, PENDING)).poller
    waits = [
        Wait[Snapshot](
            SnapshotRef("web-1", f"snap-{number}", "FAKE1"),
            COMPLETE,
            PollPolicy(interval=interval),
            25.0,
            0.0,
        )
        for number, interval in ((1, 5), (2, 20))
    ]

    async def follow(wait: Wait[Snapshot], wakes_on: tuple[type, ...]) -> None:
        while not wait.is_over:
            await poller.advance(wait, wakes_on)
            shown["list_snapshots"] = make_snapshot("Working")

    await outcomes(follow(waits[0], ()), follow(waits[1], (StateChanged,)))

    assert [at for at, what in sent if what == "snap-2"] == [0, 20, 25]


async def test_a_list_asks_for_no_get_that_is_in_flight(fake_clock: FakeClock) -> None:
    """However often it shows the end that the get is to confirm."""
    sent: list[str] = []

    class Slow(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            sent.append(request.snapshot_id or "list")
            if request.call == "list_snapshots":
                other = attrs.evolve(DONE, id="snap-2", name="x")
                return (attrs.evolve(PENDING, id="snap-1"), other)
            await fake_clock.sleep(7)
            return attrs.evolve(DONE, id=request.snapshot_id)

    polls = Polls(fake_clock, Slow(fake_clock, PENDING))

    _, done = await outcomes(
        polls.wait("snap-1", poll=PollPolicy(interval=2), timeout=6.5), polls.wait("snap-2")
    )

    assert done.is_complete
    assert sent.count("snap-2") == 1


async def test_who_is_due_while_a_list_shows_its_end_asks_for_a_get(
    fake_clock: FakeClock,
) -> None:
    """It was asking for a list, and needs none any more."""
    calls = Calls(fake_clock, PENDING, takes=3)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait("snap-1", timeout=None))
    second = asyncio.ensure_future(polls.wait("snap-2", timeout=None))
    third = asyncio.ensure_future(polls.wait("snap-3", poll=PollPolicy(interval=11)))
    await fake_clock.sleep(5)
    calls.shown = DONE

    came_to = await outcomes(first, second, third)

    assert [snapshot.is_complete for snapshot in came_to] == [True] * 3
    assert calls.sent == [
        (0, "list_snapshots"), (13, "list_snapshots"), (16, "get"), (16, "get"), (16, "get"),
    ]  # fmt: skip


async def test_news_of_a_list_takes_it_out_of_a_slow_get(fake_clock: FakeClock) -> None:
    """It is in one place: cancelled, it leaves no request behind, and no ghost in the next."""
    slow = asyncio.Event()

    class Slow(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            if request.snapshot_id == "snap-1":
                self.in_flight += 1
                try:
                    await slow.wait()
                finally:
                    self.in_flight -= 1
            return await super().poll(request)

    calls = Slow(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    first = asyncio.ensure_future(polls.wait("snap-1", timeout=None))
    await fake_clock.sleep(1)
    others = [asyncio.ensure_future(polls.wait(f"snap-{n}", timeout=None)) for n in (2, 3)]
    await fake_clock.sleep(25)

    first.cancel()
    await outcomes(first)

    assert calls.in_flight == 0
    slow.set()
    await fake_clock.sleep(60)
    assert not any(task.done() for task in others)
    for task in others:
        task.cancel()
    await outcomes(*others)


async def test_a_request_that_somebody_else_cancels_is_sent_anew(fake_clock: FakeClock) -> None:
    """Nobody waits for ever for a response that can't come."""
    calls = Calls(fake_clock, DONE, takes=5)
    polls = Polls(fake_clock, calls)
    wait = asyncio.ensure_future(polls.wait(timeout=None))
    await until(lambda: bool(calls.sent))
    for request in polls.poller._requests:
        request.task.cancel()

    assert (await wait).is_complete
    assert len(calls.sent) == 2


async def test_early_news_puts_off_no_poll(fake_clock: FakeClock) -> None:
    """A wait that is woken by another's poll still polls when it was due."""
    calls = Calls(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)
    ref = SnapshotRef("web-1", "snap-1", "FAKE1")
    slow: Wait[Snapshot] = Wait(ref, COMPLETE, PollPolicy(interval=100), None, 0.0)

    async def follow() -> None:
        while not slow.is_over:
            await polls.poller.advance(slow, (StateChanged,))

    following = asyncio.ensure_future(follow())
    quick = asyncio.ensure_future(polls.wait(poll=PollPolicy(interval=60)))
    await fake_clock.sleep(50)
    calls.shown = make_snapshot("Working", {"vol-1": "Pending"})
    await fake_clock.sleep(20)
    quick.cancel()
    calls.shown = DONE
    await outcomes(quick, following)

    assert fake_clock.now() == 100


async def test_an_end_that_a_get_does_not_confirm_is_none(fake_clock: FakeClock) -> None:
    """A sleeper that was asked about early sleeps on until its own poll is due."""

    class Wrong(Calls):
        async def poll(self, request: Request[Any]) -> Any:
            is_list = request.call == "list_snapshots"
            self.shown = DONE if is_list and 1 < fake_clock.now() < 3 else PENDING
            return await super().poll(request)

    calls = Wrong(fake_clock, PENDING)
    polls = Polls(fake_clock, calls)

    came_to = await outcomes(
        polls.wait("snap-1", poll=PollPolicy(interval=2), timeout=5),
        polls.wait("snap-2", poll=PollPolicy(interval=4), timeout=9),
    )

    assert [type(end) for end in came_to] == [WaitTimeoutError] * 2
    assert calls.sent.count((4, "list_snapshots")) == 1


async def test_closing_ends_all_and_leaves_nothing(fake_clock: FakeClock) -> None:
    """Asleep, queued or in flight; no request, no timer."""
    calls = Calls(fake_clock, PENDING, takes=5)
    polls = Polls(fake_clock, calls, 2)
    waits = [asyncio.ensure_future(polls.wait(instance_id=f"web-{n}")) for n in range(5)]
    await fake_clock.sleep(7)

    await polls.poller.aclose()
    came_to = await outcomes(*waits)

    assert [type(outcome) for outcome in came_to] == [SessionClosedError] * 5
    assert (calls.in_flight, polls.poller._pools) == (0, {})
    with pytest.raises(SessionClosedError, match="make a new one"):
        await polls.wait()
    await polls.poller.aclose()


class TestThrottling:
    """After a 429 all are held back, and come back spread out."""

    async def test_no_herd_comes_back(self, civo: FakeCivo, fake_clock: FakeClock) -> None:
        """A thousand waits after one 429: no tenth of a second has many of them."""
        for number in range(200):
            civo.add_instance(f"db-{number}")
            civo.add_snapshot(f"db-{number}", "snap-1", script=scripts.stuck())
        async with SnapshotSession(
            civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
        ) as session:
            waits = [
                asyncio.ensure_future(
                    session.wait_until_complete(f"db-{n}", "snap-1", poll=PollPolicy(interval=3))
                )
                for n in range(200)
            ]
            await fake_clock.sleep(10)
            civo.inject("get", faults.rate_limited(30))
            await fake_clock.sleep(50)
            for wait in waits:
                wait.cancel()
            await outcomes(*waits)

        limited = next(r.at for r in civo.requests if r.fault is not None)
        later = [r.at for r in civo.requests if r.at > limited]
        first_round = [at for at in later if at < limited + 33.5]
        assert min(first_round) >= limited + 30
        busiest = Counter(int(at * 10) for at in first_round if at > limited + 30.01)
        assert max(busiest.values()) <= 4 * len(first_round) / 30

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("limit", "most_refused"), [(120, 0.15), (75, 0.6)], ids=["enough", "too little"]
    )
    async def test_a_rate_limit_kills_no_wait(
        self,
        fake_clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
        limit: int,
        most_refused: float,
    ) -> None:
        """300 waits that ask for 100 polls a second, for half a minute."""
        async with FakeCivo(clock=fake_clock, rate_limit=limit, burst=limit) as civo:
            for number in range(300):
                civo.add_instance(f"web-{number}")
                civo.add_snapshot(f"web-{number}", "snap-1", script=scripts.stuck())
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                came_to = await outcomes(
                    *(
                        session.wait_until_complete(
                            f"web-{n}", "snap-1", poll=PollPolicy(interval=3), timeout=30
                        )
                        for n in range(300)
                    )
                )

        assert Counter(type(outcome).__name__ for outcome in came_to) == {"WaitTimeoutError": 300}
        # Without the last polls, which all come at the deadline.
        polled = [r for r in caplog.records if vars(r).get("civo_event") == "wait.polled"]
        before_the_last = polled[:-300]
        refused_ones = sum("RateLimitedError" in r.getMessage() for r in before_the_last)
        assert refused_ones <= most_refused * len(before_the_last)
        steady = Counter(int(request.at * 10) for request in civo.requests if 9 < request.at < 29)
        assert max(steady.values()) <= 4 * sum(steady.values()) / 200

    async def test_a_deadline_within_the_throttle_is_polled_at(self, fake_clock: FakeClock) -> None:
        """By one wait that another's 429 holds back, and that has planned no last poll yet."""
        calls = Calls(fake_clock, PENDING)
        polls = Polls(fake_clock, calls)
        held_back = asyncio.ensure_future(polls.wait(instance_id="web-2", timeout=18))
        await fake_clock.sleep(9)
        calls.shown = LIMITED
        other = asyncio.ensure_future(polls.wait(instance_id="web-1", timeout=500))
        await fake_clock.sleep(0.5)
        calls.shown = PENDING

        (end,) = await outcomes(held_back)
        other.cancel()
        await outcomes(other)

        assert isinstance(end, WaitTimeoutError)
        assert [at for at, _ in calls.sent] == [0, 9, 18]

    async def test_what_is_queued_is_held_back_too(self, fake_clock: FakeClock) -> None:
        """It had its moment, and has no slot yet."""
        calls = Calls(fake_clock, PENDING, takes=1)
        polls = Polls(fake_clock, calls, 1)
        original = calls.poll

        async def limited(request: Request[Any]) -> Any:
            calls.shown = LIMITED if len(calls.sent) == 0 else DONE
            return await original(request)

        calls.poll = limited  # type: ignore[method-assign]

        await outcomes(*(polls.wait(instance_id=f"web-{n}") for n in range(3)))

        first, *later = [at for at, _ in calls.sent]
        assert first == 0
        assert min(later) >= 21


async def test_a_wait_that_stalls_past_its_deadline_polls_once_more(civo: FakeCivo) -> None:
    """The loop is blocked for longer than the wait may take, on the machine's own clock."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

    async with SnapshotSession(civo.token, region="FAKE1", api_url=civo.api_url) as session:
        wait = asyncio.ensure_future(
            session.wait_until_complete(
                "web-1", "snap-1", timeout=0.5, poll=PollPolicy(interval=0.2)
            )
        )
        await until(lambda: len(civo.requests) == 1)
        civo.snapshot("web-1", "snap-1").script = scripts.completed()
        civo.inject("get", faults.hang())
        await until(lambda: len(civo.requests) == 2)
        time.sleep(1.2)  # noqa: ASYNC251 - that is the stall

        assert (await wait).is_complete


async def test_the_system_clock_calls_later() -> None:
    """Unless it is called off."""
    clock = SystemClock()
    called: list[str] = []
    clock.call_later(0, called.append, "off").cancel()
    clock.call_later(0, called.append, "on")
    await until(lambda: bool(called))

    assert called == ["on"]


async def test_the_fake_clock_calls_later(fake_clock: FakeClock) -> None:
    """At its moment, unless it is called off."""
    called: list[float] = []
    fake_clock.call_later(5, lambda: called.append(fake_clock.now()))
    fake_clock.call_later(7, called.append, 0.0).cancel()

    await fake_clock.sleep(10)

    assert called == [5]
