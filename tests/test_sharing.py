"""Waits of one session share their polls: fewer requests, and the same results."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    PermissionDeniedError,
    PollPolicy,
    RateLimitedError,
    ServerError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotFoundError,
    SnapshotSession,
    SnapshotVanishedError,
    TransportError,
    UnreadableEntry,
    WaitTimeoutError,
    wait_until_complete,
)
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._models import SnapshotRef
from civo_snapshots_async._waits import alone
from civo_snapshots_async._waits.goals import COMPLETE as UNTIL_COMPLETE
from civo_snapshots_async._waits.poller import Poller
from civo_snapshots_async._waits.snapshots import until_complete
from civo_snapshots_async._waits.wait import Wait
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .holding import is_idle
from .make import entry, make_snapshot, malformed, refused

PENDING = make_snapshot("Pending", {"vol-1": "Pending"})
HALF = make_snapshot("Complete", {"vol-1": "Pending"})
COMPLETE = make_snapshot("Complete", {"vol-1": "Completed"})
FAILED = make_snapshot("Failed", {"vol-1": "Failed"})
LOST = TransportError("lost", method="GET", path="/v2")
GONE = SnapshotNotFoundError(
    "gone", status=404, method="GET", path="/v2", code="database_snapshot_not_found"
)
Timeline = Sequence[tuple[float, Snapshot | Exception]]
Get = Callable[[str, str, str], Awaitable[Snapshot]]
List = Callable[[str, str], Awaitable[tuple[Snapshot, ...]]]


class Calls:
    """A caller whose polls are two functions."""

    def __init__(self, get: Get, list_: List) -> None:
        self.get = get
        self.list = list_

    async def poll(self, request: Request[Any]) -> Any:
        """Call the function for a request."""
        if request.call == "list_snapshots":
            return await self.list(request.instance_id, request.region)
        (snapshot_id,) = request.expected
        return await self.get(request.instance_id, snapshot_id, request.region)


def sharing(clock: FakeClock, get: Get, list_: List) -> Poller:
    """Return a poller on two functions."""
    return Poller(clock, cast("Caller", Calls(get, list_)), 100)


async def wait_for(
    poller: Poller | None,
    instance_id: str,
    snapshot_id: str,
    *,
    timeout: float | None,
    poll: PollPolicy,
    on_change: Any,
    clock: FakeClock,
    get: Get | None = None,
) -> Snapshot:
    """Wait, with other waits of a poller or alone."""
    wait: Wait[Snapshot] = Wait(
        SnapshotRef(instance_id, snapshot_id, "FAKE1"), UNTIL_COMPLETE, poll, timeout, clock.now()
    )

    async def by_itself(wait: Wait[Snapshot], _: tuple[type, ...] = (), /) -> Any:
        assert get is not None
        return await alone.advance(wait, lambda: get(instance_id, snapshot_id, "FAKE1"), clock)

    return await until_complete(wait, poller.advance if poller else by_itself, on_change)


class Server:
    """The snapshots of an instance on a timeline, and the requests that it got."""

    def __init__(self, clock: FakeClock, timelines: dict[str, Timeline], takes: float = 0) -> None:
        self.clock = clock
        self.timelines = timelines
        self.takes = takes
        self.requested: list[tuple[float, str]] = []
        self.shows_volumes_in_lists = True

    def now(self, snapshot_id: str) -> Snapshot | Exception:
        """Return the present state of a snapshot."""
        state: Snapshot | Exception = GONE
        for at, then in self.timelines[snapshot_id]:
            if at <= self.clock.now():
                state = then
        if isinstance(state, Exception):
            return state
        return attrs.evolve(state, id=snapshot_id, name=f"{snapshot_id}-name")

    async def get(self, _: str, snapshot_id: str, __: str) -> Snapshot:
        """Show one."""
        self.requested.append((self.clock.now(), snapshot_id))
        state = self.now(snapshot_id)
        await self.work()
        if isinstance(state, Exception):
            raise state
        return state

    async def list(self, _: str, __: str) -> tuple[Snapshot, ...]:
        """Show all that exist."""
        self.requested.append((self.clock.now(), "list"))
        states = [self.now(snapshot_id) for snapshot_id in self.timelines]
        await self.work()
        for state in states:
            if isinstance(state, Exception) and state is not GONE:
                raise state
        shown = [state for state in states if isinstance(state, Snapshot)]
        if self.shows_volumes_in_lists:
            return tuple(shown)
        return tuple(attrs.evolve(each, volumes=()) for each in shown)

    async def work(self) -> None:
        """Take a while."""
        if self.takes:
            await self.clock.sleep(self.takes)

    @property
    def kinds(self) -> Counter[str]:
        """Count the gets and the lists."""
        return Counter("list" if what == "list" else "get" for _, what in self.requested)


class Waits:
    """Waits on a server, which share their polls or do not."""

    def __init__(self, server: Server, *, shared: bool = True) -> None:
        self.server = server
        self.poller = sharing(server.clock, server.get, server.list) if shared else None
        self.ended_at: dict[str, float] = {}

    async def wait(
        self, name: str, snapshot_id: str, *, poll: PollPolicy, start: float = 0, **more: Any
    ) -> Snapshot:
        """Start at some time, wait, and note when it ended."""
        clock = self.server.clock
        if start > 0:
            await clock.sleep(start)
        given: dict[str, Any] = {"timeout": 1800.0, "on_change": None, **more}
        try:
            return await wait_for(
                self.poller,
                "web-1",
                snapshot_id,
                poll=poll,
                clock=clock,
                get=self.server.get,
                **given,
            )
        finally:
            self.ended_at[name] = clock.now()


async def outcomes(*waits: Any) -> list[Any]:
    """Run waits at once, and return the result or the error of each."""
    results: list[Any] = await asyncio.gather(*waits, return_exceptions=True)
    return results


EVERY = {seconds: PollPolicy(interval=seconds) for seconds in (2, 3, 5, 7, 10)}


class TestRequests:
    """What sharing saves."""

    async def test_fifty_waits_on_one_instance_cost_two_requests_each(
        self, fake_clock: FakeClock
    ) -> None:
        """Fifty snapshots, 300 s: one list for each poll, and one get for each end."""
        async with FakeCivo(clock=fake_clock) as civo:
            civo.add_instance("web-1")
            for number in range(50):
                civo.add_snapshot("web-1", f"snap-{number}", script=scripts.completes(300))
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                snapshots = await asyncio.gather(
                    *(session.wait_until_complete("web-1", f"snap-{n}") for n in range(50))
                )

            kinds = Counter(request.kind for request in civo.requests)
            assert kinds["get"] == 50
            assert kinds["list"] <= 50
            assert all(snapshot.is_complete for snapshot in snapshots)
            assert 300 <= fake_clock.now() < 325

    async def test_the_modules_coroutine_costs_what_the_method_costs(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Ten waits for one snapshot, by either of them or by both."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=100))

        await asyncio.gather(
            *(wait_until_complete(session, "web-1", "snap-1", poll=EVERY[10]) for _ in range(10)),
            *(session.wait_until_complete("web-1", "snap-1", poll=EVERY[10]) for _ in range(10)),
        )

        assert len(civo.requests) == 11

    async def test_with_a_clock_of_its_own_the_modules_coroutine_polls_by_itself(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The session's polls use the session's clock."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=20))

        await asyncio.gather(
            *(
                wait_until_complete(
                    session, "web-1", "snap-1", poll=EVERY[10], clock=fake_clock, region="FAKE1"
                )
                for _ in range(3)
            )
        )

        assert len(civo.requests) == 9

    @pytest.mark.slow
    async def test_a_thousand_waits_on_one_snapshot_cost_as_many_as_one(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Waits that start together poll together."""
        caplog.set_level(logging.WARNING, logger="civo_snapshots_async")
        fake_clock = FakeClock(sockets=False)
        server = Server(fake_clock, {"a": [(0, PENDING), (60, COMPLETE)]})
        waits = Waits(server)

        await outcomes(*(waits.wait(f"{n}", "a", poll=PollPolicy()) for n in range(1000)))

        assert server.kinds["list"] == 0
        assert server.kinds["get"] < 20

    async def test_a_wait_alone_on_its_instance_uses_get(self, fake_clock: FakeClock) -> None:
        """It shows more than a list."""
        server = Server(fake_clock, {"a": [(0, PENDING), (20, COMPLETE)], "b": [(0, PENDING)]})

        await Waits(server).wait("one", "a", poll=EVERY[10])

        assert server.requested == [(0, "a"), (10, "a"), (20, "a")]

    async def test_waits_that_started_apart_soon_poll_together(self, fake_clock: FakeClock) -> None:
        """Jitter leaves room for a poll that is scheduled anyway."""
        ids = [f"snap-{number}" for number in range(20)]
        server = Server(fake_clock, {each: [(0, PENDING)] for each in ids})
        waits = Waits(server)

        await outcomes(
            *(
                waits.wait(each, each, poll=PollPolicy(), start=number * 1.7, timeout=1800)
                for number, each in enumerate(ids)
            )
        )

        in_the_last_ten_minutes = [at for at, what in server.requested if 1150 < at < 1750]
        assert len(in_the_last_ten_minutes) < 120

    async def test_a_list_without_volumes_is_enough_for_a_wait_for_the_end(
        self, fake_clock: FakeClock
    ) -> None:
        """A get shows the volumes once, and they are kept."""
        server = Server(fake_clock, {each: [(0, PENDING), (50, COMPLETE)] for each in "ab"})
        server.shows_volumes_in_lists = False
        waits = Waits(server)

        await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert server.kinds == {"list": 6, "get": 4}

    async def test_volumes_that_were_pending_hide_no_end_from_such_a_list(
        self, fake_clock: FakeClock
    ) -> None:
        """It shows the snapshot as complete all the time; the volume is complete a little later."""
        server = Server(
            fake_clock, {"a": [(0, HALF), (25, COMPLETE)], "b": [(0, PENDING), (70, COMPLETE)]}
        )
        server.shows_volumes_in_lists = False
        waits = Waits(server)

        await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert waits.ended_at == {"a": 30, "b": 70}

    async def test_a_volume_that_fails_behind_such_a_list_is_seen_within_a_minute(
        self, fake_clock: FakeClock
    ) -> None:
        """The snapshot itself stays pending."""
        broken = make_snapshot("Pending", {"vol-1": "Failed"})
        server = Server(
            fake_clock, {"a": [(0, PENDING), (5, broken)], "b": [(0, PENDING), (500, COMPLETE)]}
        )
        server.shows_volumes_in_lists = False
        waits = Waits(server)

        failed, _ = await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert isinstance(failed, SnapshotFailedError)
        assert waits.ended_at["a"] == 60

    async def test_a_wait_that_follows_each_volume_gets_what_a_list_leaves_out(
        self, fake_clock: FakeClock
    ) -> None:
        """One get for each poll besides the list; the other wait needs one in all."""
        two = make_snapshot("Pending", {"vol-1": "Completed", "vol-2": "Pending"})
        server = Server(
            fake_clock, {each: [(0, PENDING), (20, two), (50, COMPLETE)] for each in "ab"}
        )
        server.shows_volumes_in_lists = False
        waits, reported = Waits(server), list[Snapshot]()

        await outcomes(
            waits.wait("a", "a", poll=EVERY[10], on_change=lambda _, after: reported.append(after)),
            waits.wait("b", "b", poll=EVERY[10]),
        )

        assert [snapshot.volume_states for snapshot in reported] == [
            two.volume_states, COMPLETE.volume_states,
        ]  # fmt: skip
        assert server.kinds == {"list": 6, "get": 8}


class TestResults:
    """What is the same as without sharing."""

    @pytest.mark.parametrize("takes", [0, 0.5])
    async def test_each_wait_comes_to_its_own_end(
        self, fake_clock: FakeClock, takes: float
    ) -> None:
        """Complete, failed, timed out, vanished, created late, and never created."""
        server = Server(
            fake_clock,
            {
                "complete": [(0, PENDING), (25, COMPLETE)],
                "failed": [(0, PENDING), (35, FAILED)],
                "half": [(0, HALF)],
                "vanished": [(0, PENDING), (45, GONE)],
                "late-to-come": [(15, PENDING), (25, COMPLETE)],
                "never": [],
            },
            takes,
        )
        waits = Waits(server)

        ends = await outcomes(
            *(waits.wait(each, each, poll=EVERY[10], timeout=100) for each in server.timelines)
        )

        kinds = [type(outcome) for outcome in ends]
        assert kinds == [
            Snapshot, SnapshotFailedError, WaitTimeoutError, SnapshotVanishedError, Snapshot,
            SnapshotVanishedError,
        ]  # fmt: skip
        assert ends[2].snapshot.volume_states == {"vol-1": "Pending"}

    async def test_each_wait_has_its_own_error(self, fake_clock: FakeClock) -> None:
        """The context of one wait is not in the error of the other."""
        server = Server(fake_clock, {each: [(0, PENDING), (5, LOST)] for each in "ab"})
        waits = Waits(server)

        one, other = await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert one is not other
        assert [len(error.context) for error in (one, other)] == [1, 1]
        assert "snapshot a of" in one.context[0]

    async def test_an_impatient_wait_does_not_use_up_the_failures_of_a_patient_one(
        self, fake_clock: FakeClock
    ) -> None:
        """A failed poll counts for the waits that were due, and for no other."""
        server = Server(
            fake_clock, {each: [(0, PENDING), (9, LOST), (41, COMPLETE)] for each in "ab"}
        )
        waits = Waits(server)

        impatient, patient = await outcomes(
            waits.wait("a", "a", poll=EVERY[2]), waits.wait("b", "b", poll=EVERY[10])
        )

        assert isinstance(impatient, TransportError)
        assert patient.is_complete

    async def test_a_wait_learns_of_the_end_from_the_poll_of_another(
        self, fake_clock: FakeClock
    ) -> None:
        """The patient one ends when the impatient one sees it."""
        server = Server(fake_clock, {each: [(0, PENDING), (11, COMPLETE)] for each in "ab"})
        waits = Waits(server)

        await outcomes(waits.wait("a", "a", poll=EVERY[3]), waits.wait("b", "b", poll=EVERY[10]))

        assert waits.ended_at == {"a": 12, "b": 12}

    async def test_a_name_that_two_snapshots_have_needs_a_get(self, fake_clock: FakeClock) -> None:
        """A list can't show which of them is meant."""
        server = Server(fake_clock, {"a": [(0, PENDING), (15, COMPLETE)], "b": [(0, PENDING)]})
        waits = Waits(server)
        original = server.list

        async def twice(instance_id: str, region: str) -> tuple[Snapshot, ...]:
            shown = await original(instance_id, region)
            return (*shown, attrs.evolve(shown[0], id="c"))

        waits.poller = sharing(fake_clock, server.get, twice)
        server.timelines["a-name"] = server.timelines["a"]

        by_name, _ = await outcomes(
            waits.wait("a", "a-name", poll=EVERY[10]),
            waits.wait("b", "b", poll=EVERY[10], timeout=30),
        )

        assert by_name.is_complete

    @given(
        timelines=st.dictionaries(
            st.sampled_from("abc"),
            st.lists(
                st.tuples(
                    st.integers(0, 30),
                    st.sampled_from([PENDING, HALF, COMPLETE, FAILED, GONE]),
                ),
                max_size=5,
            ).map(lambda moments: sorted(moments, key=lambda moment: moment[0])),
            min_size=1,
        ),
        waiters=st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(EVERY)), st.integers(0, 20)),
            min_size=1,
            max_size=5,
        ),
        takes=st.sampled_from([0.0, 0.001]),
    )
    def test_the_results_are_those_of_waits_alone_and_no_later(
        self,
        timelines: dict[str, list[tuple[int, Snapshot | Exception]]],
        waiters: list[tuple[str, int, int]],
        takes: float,
    ) -> None:
        """On random timelines, for waits with random intervals that start at random times."""
        steady = {name: until_terminal(moments) for name, moments in timelines.items()}
        for name, _, _ in waiters:
            steady.setdefault(name, [(0, COMPLETE)])

        alone = asyncio.run(self.run(steady, waiters, takes, shared=False))
        together = asyncio.run(self.run(steady, waiters, takes, shared=True))

        for name in alone:
            (end, at), (shared_end, shared_at) = alone[name], together[name]
            assert shared_end == end
            # What a list leaves out or shows as terminal costs one more request.
            assert shared_at <= at + 100 * takes

    async def run(
        self,
        timelines: dict[str, Timeline],
        waiters: list[tuple[str, int, int]],
        takes: float,
        *,
        shared: bool,
    ) -> dict[str, tuple[object, float]]:
        """Run the waits, and return what each came to, and when."""
        waits = Waits(Server(FakeClock(sockets=False), timelines, takes), shared=shared)
        names = [f"{number}" for number in range(len(waiters))]
        ends = await outcomes(
            *(
                waits.wait(name, snapshot_id, poll=EVERY[pace], start=start, timeout=70.5)
                for name, (snapshot_id, pace, start) in zip(names, waiters, strict=True)
            )
        )
        return {
            name: (
                type(outcome) if isinstance(outcome, Exception) else outcome,
                waits.ended_at[name],
            )
            for name, outcome in zip(names, ends, strict=True)
        }


def until_terminal(moments: Timeline) -> Timeline:
    """Let nothing change any more once it is terminal or gone, as on a real server."""
    steady: list[tuple[float, Snapshot | Exception]] = []
    for at, state in moments:
        if steady and (steady[-1][1] is GONE or getattr(steady[-1][1], "phase", None) is not None):
            last = steady[-1][1]
            if last is GONE or (isinstance(last, Snapshot) and last.phase.is_terminal):
                break
        steady.append((at, state))
    return steady


class TestLeaving:
    """A wait that leaves does not disturb the others."""

    async def test_the_one_that_polls_for_all_may_be_canceled(self, fake_clock: FakeClock) -> None:
        """The request belongs to the others as well, and continues."""
        server = Server(fake_clock, {each: [(0, PENDING), (8, COMPLETE)] for each in "ab"}, takes=5)
        waits = Waits(server)
        first = asyncio.ensure_future(waits.wait("a", "a", poll=EVERY[10]))
        second = asyncio.ensure_future(waits.wait("b", "b", poll=EVERY[10]))
        await fake_clock.sleep(2)

        first.cancel()
        snapshot = await second

        assert snapshot.is_complete
        assert [at for at, _ in server.requested] == [0, 15]

    async def test_the_one_that_polls_for_all_may_time_out(self, fake_clock: FakeClock) -> None:
        """Its timeout is not that of the others."""
        server = Server(fake_clock, {each: [(0, COMPLETE)] for each in "ab"}, takes=5)
        waits = Waits(server)

        hasty, patient = await outcomes(
            waits.wait("a", "a", poll=EVERY[10], timeout=2),
            waits.wait("b", "b", poll=EVERY[10], timeout=60),
        )

        assert isinstance(hasty, WaitTimeoutError)
        assert patient.is_complete
        assert waits.ended_at["a"] == 2

    async def test_many_short_timeouts_do_not_starve_a_patient_wait(
        self, fake_clock: FakeClock
    ) -> None:
        """A request that takes 4 s is not sent anew for each wait that times out."""
        server = Server(fake_clock, {"a": [(0, COMPLETE)]}, takes=4)
        waits = Waits(server)

        ends = await outcomes(
            *(waits.wait(f"{n}", "a", poll=EVERY[10], timeout=1 + n * 0.25) for n in range(10)),
            waits.wait("patient", "a", poll=EVERY[10], timeout=100),
        )

        assert [type(outcome) for outcome in ends[:10]] == [WaitTimeoutError] * 10
        assert waits.ended_at["patient"] == 4
        assert len(server.requested) == 1

    async def test_one_that_joined_the_request_of_another_may_time_out(
        self, fake_clock: FakeClock
    ) -> None:
        """It does not wait for the end of that request."""
        server = Server(fake_clock, {each: [(0, COMPLETE)] for each in "ab"}, takes=5)
        waits = Waits(server)

        patient, hasty = await outcomes(
            waits.wait("a", "a", poll=EVERY[10], timeout=60),
            waits.wait("b", "b", poll=EVERY[10], timeout=2),
        )

        assert patient.is_complete
        assert isinstance(hasty, WaitTimeoutError)
        assert waits.ended_at["b"] == 2

    async def test_the_last_one_out_ends_the_polling(self, fake_clock: FakeClock) -> None:
        """Nothing polls any more, and nothing is kept."""
        server = Server(fake_clock, {each: [(0, PENDING)] for each in "ab"})
        waits = Waits(server)
        tasks = [asyncio.ensure_future(waits.wait(each, each, poll=EVERY[3])) for each in "ab"]
        await fake_clock.sleep(10)
        for task in tasks:
            task.cancel()
        await outcomes(*tasks)
        requests = len(server.requested)

        await fake_clock.sleep(100)

        assert len(server.requested) == requests
        assert waits.poller is not None
        assert is_idle(waits.poller)


class TestErrorResponses:
    """An error response counts as it would alone, with and without `Retry-After`."""

    @pytest.mark.parametrize("retry_after", [None, 0.0, 1.0, 5.0, 3600.0])
    @pytest.mark.parametrize(
        ("kind", "status"),
        [(RateLimitedError, 429), (ServerError, 503), (AuthenticationError, 401)],
    )
    async def test_it_counts_as_it_would_alone(
        self, kind: type[Any], status: int, retry_after: float | None
    ) -> None:
        """The same end, at the same time, after as many requests."""
        ends = []
        for shared in (True, False):
            clock = FakeClock(sockets=False)
            error = refused(kind, status=status, retry_after=retry_after)
            server = Server(clock, {"a": [(0, PENDING), (1, error)]})
            with pytest.raises(CivoSnapshotsError) as caught:
                await Waits(server, shared=shared).wait("a", "a", poll=EVERY[2], timeout=300.0)
            ends.append((type(caught.value), clock.now(), len(server.requested)))

        # With `Retry-After`, a 429 is no failed poll: only the timeout ends such a wait.
        is_limited = kind is RateLimitedError and retry_after is not None
        assert ends[0] == ends[1]
        assert ends[0][0] is WaitTimeoutError if is_limited else ends[0][2] <= 7

    async def test_a_429_takes_no_response_from_another_wait(self, fake_clock: FakeClock) -> None:
        """A request that was in flight when a 429 came elsewhere gets its response."""
        busy = refused(RateLimitedError, status=429, retry_after=50.0)

        async def get(instance_id: str, snapshot_id: str, _: str) -> Snapshot:
            if instance_id == "web-2":
                raise busy
            await fake_clock.sleep(3)
            return attrs.evolve(COMPLETE, id=snapshot_id)

        async def unused(_: str, __: str) -> tuple[Snapshot, ...]:
            raise AssertionError

        shared = sharing(fake_clock, get, unused)
        given: Any = {"timeout": 20.0, "poll": EVERY[10], "on_change": None, "clock": fake_clock}
        ended_at: list[float] = []

        async def wait(instance_id: str) -> None:
            with suppress(WaitTimeoutError):
                await wait_for(shared, instance_id, "a", **given)
            ended_at.append(fake_clock.now())

        await outcomes(wait("web-1"), wait("web-2"))

        assert ended_at == [3, 20]

    @pytest.mark.parametrize(
        "error",
        [
            refused(ServerError, status=500),
            refused(PermissionDeniedError, status=403),
            DecodeError("?", status=200, method="GET", path="/v2", problems=("[0].id: missing",)),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_an_error_of_the_list_alone_does_not_count(
        self, fake_clock: FakeClock, error: CivoSnapshotsError
    ) -> None:
        """A get decides, as it would without the others."""
        server = Server(fake_clock, {each: [(0, PENDING), (25, COMPLETE)] for each in "ab"})

        async def broken(_: str, __: str) -> tuple[Snapshot, ...]:
            raise error

        waits = Waits(server)
        waits.poller = sharing(fake_clock, server.get, broken)

        ends = await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert [snapshot.is_complete for snapshot in ends] == [True, True]
        assert waits.ended_at == {"a": 30, "b": 30}

    @pytest.mark.parametrize(
        ("unread", "gets"),
        [
            pytest.param(entry(id="x", name="weekly"), {}, id="a stranger's"),
            pytest.param(entry(id="A", name="weekly"), {"a": 4}, id="the id of one"),
            pytest.param(entry(id="x", name="b"), {"b": 4}, id="the name of one"),
            pytest.param(entry(id="x"), {"a": 4, "b": 4}, id="no name"),
            pytest.param(entry(name="weekly"), {"a": 4, "b": 4}, id="no id"),
            pytest.param(entry(), {"a": 4, "b": 4}, id="nothing"),
        ],
    )
    async def test_an_unreadable_entry_concerns_only_the_waits_that_may_be_for_it(
        self, fake_clock: FakeClock, unread: UnreadableEntry, gets: dict[str, int]
    ) -> None:
        """The others use the list, and both end as they would without it."""
        server = Server(fake_clock, {each: [(0, PENDING), (25, COMPLETE)] for each in "ab"})

        async def list_(instance_id: str, region: str) -> tuple[Snapshot, ...]:
            raise malformed(unread, beside=await server.list(instance_id, region))

        waits = Waits(server)
        waits.poller = sharing(fake_clock, server.get, list_)

        ends = await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

        assert [snapshot.is_complete for snapshot in ends] == [True, True]
        assert waits.ended_at == {"a": 30, "b": 30}
        # Each end that a list shows is confirmed by a get.
        assert Counter(what for _, what in server.requested) == {"list": 4, "a": 1, "b": 1, **gets}

    async def test_a_bug_in_a_poll_is_raised_by_each_wait(self, fake_clock: FakeClock) -> None:
        """It is not lost with the task that it was raised in."""
        server = Server(fake_clock, {"a": [(0, KeyError("bug"))]})
        waits = Waits(server)

        ends = await outcomes(*(waits.wait(f"{n}", "a", poll=EVERY[10]) for n in range(3)))

        assert [type(outcome) for outcome in ends] == [KeyError] * 3


class TestThrottling:
    """A 429 throttles the whole session."""

    async def test_one_429_throttles_all_waits(self, fake_clock: FakeClock) -> None:
        """Those on other instances as well."""
        async with FakeCivo(clock=fake_clock) as civo:
            for number in range(5):
                civo.add_instance(f"web-{number}")
                civo.add_snapshot(f"web-{number}", "snap-1", script=scripts.completes(40))
            civo.inject("get", faults.rate_limited(30), nth=8)
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                await asyncio.gather(
                    *(
                        session.wait_until_complete(f"web-{n}", "snap-1", poll=EVERY[5])
                        for n in range(5)
                    )
                )

        limited = civo.requests[7].at
        assert [r.at for r in civo.requests if limited < r.at < limited + 30] == []
        assert fake_clock.now() < limited + 40

    async def test_a_throttled_wait_still_makes_its_last_poll(self, fake_clock: FakeClock) -> None:
        """At its deadline, and not after it."""
        busy = RateLimitedError("no", status=429, method="GET", path="/v2", retry_after=600.0)
        server = Server(fake_clock, {"a": [(0, busy), (20, COMPLETE)]})
        waits = Waits(server)

        assert (await waits.wait("a", "a", poll=EVERY[10], timeout=60)).is_complete
        assert server.requested == [(0, "a"), (60, "a")]

    @pytest.mark.slow
    async def test_a_thousand_waits_that_started_together_spread_out(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """After the first minute no second holds more than twice the mean."""
        caplog.set_level(logging.WARNING, logger="civo_snapshots_async")
        fake_clock = FakeClock(sockets=False)
        polls: Counter[int] = Counter()

        async def get(_: str, snapshot_id: str, __: str) -> Snapshot:
            polls[int(fake_clock.now())] += 1
            return attrs.evolve(PENDING, id=snapshot_id)

        async def unused(_: str, __: str) -> tuple[Snapshot, ...]:
            raise AssertionError

        shared = sharing(fake_clock, get, unused)
        await outcomes(
            *(
                wait_for(
                    shared, f"web-{number}", "snap-1",
                    timeout=82.0, poll=PollPolicy(), on_change=None, clock=fake_clock,
                )
                for number in range(1000)
            )
        )  # fmt: skip

        later = [polls[second] for second in range(60, 80)]
        assert max(later) <= 2 * sum(later) / len(later)


async def test_a_transient_error_of_the_list_counts_for_each_wait_that_was_due(
    fake_clock: FakeClock,
) -> None:
    """Each tolerates five in a row."""
    busy = ServerError("no", status=503, method="GET", path="/v2")
    server = Server(fake_clock, {each: [(0, PENDING), (15, busy), (65, COMPLETE)] for each in "ab"})
    waits = Waits(server)

    ends = await outcomes(*(waits.wait(each, each, poll=EVERY[10]) for each in "ab"))

    assert [outcome.is_complete for outcome in ends] == [True, True]
    assert not any(isinstance(outcome, CivoSnapshotsError) for outcome in ends)
