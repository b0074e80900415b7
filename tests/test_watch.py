"""What happens to a snapshot, as events."""

import asyncio
import logging
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import (
    AuthenticationError,
    DetailsChanged,
    PollFailed,
    PollPolicy,
    SessionClosedError,
    Snapshot,
    SnapshotEvent,
    SnapshotFinished,
    SnapshotSeen,
    SnapshotSession,
    SnapshotStalled,
    SnapshotVanishedError,
    StateChanged,
    UnknownStateSeen,
    VolumeStatus,
    WaitTimeoutError,
    apply_events,
    diff,
)
from civo_snapshots_async._events import events_between
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import make_snapshot

EVERY_5_S = PollPolicy(interval=5)


async def collect(session: SnapshotSession, **more: Any) -> list[SnapshotEvent]:
    """Watch snap-1 to its end."""
    return [event async for event in session.watch("web-1", "snap-1", poll=EVERY_5_S, **more)]


class TestEvents:
    """Events describe what is different, and turn the earlier report into the later one."""

    def test_each_change_is_one_event(self) -> None:
        """The snapshot's own first, then each volume's; what is the same is left out."""
        before = make_snapshot("Pending", {"a": "Pending", "b": "Pending", "c": "Pending"})
        after = make_snapshot("Complete", {"a": "Completed", "b": "Pending", "d": "Pending"})

        assert [str(change) for change in diff(before, after)] == [
            "snapshot: Pending -> Complete",
            "volume a: Pending -> Completed",
            "volume c: Pending -> (not reported)",
            "volume d: (not reported) -> Pending",
        ]

    def test_a_change_of_no_state_is_a_detail(self) -> None:
        """Such as a new name, a message, or another order of the volumes."""
        before = make_snapshot("Pending", {"a": "", "b": ""})
        renamed = attrs.evolve(before, name="weekly")
        turned = make_snapshot("Pending", {"b": "", "a": ""})

        after = make_snapshot("Pending", {"a": "", "b": ""}, message="in a queue")

        assert events_between(before, renamed) == (DetailsChanged(snapshot=renamed),)
        assert events_between(before, after) == (DetailsChanged(snapshot=after),)
        assert events_between(before, turned) == (DetailsChanged(snapshot=turned),)
        assert events_between(before, before) == ()

    def test_states_alone_need_no_detail(self) -> None:
        """The events are no larger than what has changed."""
        before = make_snapshot("Pending", {"a": "Pending", "b": "Pending"})
        after = make_snapshot("Complete", {"a": "Completed", "b": "Completed"})

        assert {type(event) for event in events_between(before, after)} == {StateChanged}

    @given(st.data())
    def test_applied_to_the_first_report_they_give_the_last(self, data: st.DataObject) -> None:
        """Whatever the reports are."""
        reports = data.draw(st.lists(SNAPSHOTS, min_size=1, max_size=6))

        events = [
            event for before, after in pairwise(reports) for event in events_between(before, after)
        ]

        assert apply_events(reports[0], *events) == reports[-1]

    def test_an_event_about_the_watch_changes_nothing(self) -> None:
        """A failed poll, a stall and an unknown state."""
        snapshot = make_snapshot("Odd")
        error = WaitTimeoutError("no", instance_id="web-1", snapshot_id="snap-1")

        assert (
            apply_events(
                snapshot,
                PollFailed(error=error, in_a_row=1),
                SnapshotStalled(snapshot=snapshot, unchanged_for=300),
                UnknownStateSeen(state="Odd"),
            )
            is snapshot
        )


TEXT = st.sampled_from(["", "Pending", "Complete", "Completed", "Odd"])
SNAPSHOTS = st.builds(
    Snapshot,
    id=st.just("snap-1"),
    name=st.sampled_from(["a", "b"]),
    state=TEXT,
    volumes=st.lists(
        st.builds(VolumeStatus, id=st.sampled_from("abc"), state=TEXT), max_size=4
    ).map(tuple),
    message=st.sampled_from(["", "disk full"]),
)


class TestWatching:
    """A session's watch, on a FakeCivo."""

    async def test_from_the_first_sight_to_the_end(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Each change is emitted once, and the events give the last snapshot."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=40))

        events = await collect(session)

        assert [type(event) for event in events] == [
            SnapshotSeen, StateChanged, StateChanged, StateChanged, StateChanged, StateChanged,
            StateChanged, SnapshotFinished,
        ]  # fmt: skip
        assert [str(event) for event in events[1:-1]] == [
            "snapshot: (no state) -> Pending",
            "volume vol-1: (not reported) -> Pending",
            "volume vol-2: (not reported) -> Pending",
            "volume vol-1: Pending -> Completed",
            "volume vol-2: Pending -> Completed",
            "snapshot: Pending -> Complete",
        ]
        seen, *rest, finished = events
        assert isinstance(seen, SnapshotSeen)
        assert isinstance(finished, SnapshotFinished)
        assert apply_events(seen.snapshot, *rest) == finished.snapshot
        assert finished.snapshot.is_complete

    async def test_a_failure_is_an_event(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """It is not raised: a bot has to report it anyway."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.fails("vol-2", after=7))

        finished = (await collect(session))[-1]

        assert isinstance(finished, SnapshotFinished)
        assert finished.snapshot.is_failed

    async def test_a_failed_poll_is_reported(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """With how many have failed in a row."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))
        civo.inject("get", None, faults.status(503), faults.reset(), None, faults.status(500))

        events = await collect(session)

        assert [event.in_a_row for event in events if isinstance(event, PollFailed)] == [1, 2, 1]

    async def test_an_unknown_state_is_reported_once(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Each state once."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.reports("Quiescing", until=60))

        events = await collect(session)

        assert [e for e in events if isinstance(e, UnknownStateSeen)] == [
            UnknownStateSeen(state="Quiescing")
        ]

    async def test_a_stall_is_reported_once_until_something_changes(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """By default after five minutes; a policy may set another time."""
        status = {"state": "Pending", "volumes": [{"id": "vol-1", "state": "Pending"}]}
        civo.add_snapshot(
            "web-1",
            "snap-1",
            script=scripts.timeline([(0.0, {}), (700.0, status), (1400.0, scripts.completed())]),
        )

        events = await collect(session)

        stalls = [event for event in events if isinstance(event, SnapshotStalled)]
        assert [(stall.unchanged_for, stall.snapshot.state) for stall in stalls] == [
            (300, ""), (300, "Pending"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("script", "error"),
        [(scripts.stuck(), WaitTimeoutError), (scripts.vanishes(20), SnapshotVanishedError)],
    )
    async def test_an_error_that_is_no_end_is_raised(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        script: scripts.Script,
        error: type[Exception],
    ) -> None:
        """As by a wait."""
        civo.add_snapshot("web-1", "snap-1", script=script)

        with pytest.raises(error, match="snapshot snap-1 of instance web-1"):
            await collect(session, timeout=60)

    async def test_a_refused_token_is_raised(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """And is no transient failure."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        civo.inject("get", None, faults.status(404, code="database_account_not_found"))

        with pytest.raises(AuthenticationError):
            await collect(session)

    async def test_a_message_is_shown_as_it_comes(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Alone it is a detail; with a state it comes after that, and the end has it."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.fails(after=5, message="disk full"))

        first, *others = await collect(session)

        assert isinstance(first, SnapshotSeen)
        assert [type(event) for event in others] == [StateChanged, DetailsChanged, SnapshotFinished]
        end = apply_events(first.snapshot, *others[:-1])
        assert end.message == "disk full"
        assert others[-1] == SnapshotFinished(snapshot=end)

    async def test_a_slow_consumer_loses_no_change(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Nothing is polled meanwhile, and what has changed is reported afterwards."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=40))
        events = []

        async for event in session.watch("web-1", "snap-1", poll=EVERY_5_S):
            events.append(event)
            await fake_clock.sleep(25)

        assert len(civo.requests) == 3
        assert isinstance(events[0], SnapshotSeen)
        assert apply_events(events[0].snapshot, *events[1:-1]).is_complete

    async def test_leaving_early_ends_the_polls(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """At once, with `aclosing`."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

        async with aclosing(session.watch("web-1", "snap-1", poll=EVERY_5_S)) as events:
            async for event in events:
                assert isinstance(event, SnapshotSeen)
                break
        await fake_clock.sleep(100)

        assert len(civo.requests) == 1

    async def test_closing_the_session_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """With SessionClosedError, asleep or with an event in hand."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        watch = asyncio.ensure_future(collect(session))
        slow = session.watch("web-1", "snap-1", poll=EVERY_5_S)
        await anext(slow)
        await fake_clock.sleep(20)

        await session.aclose()

        with pytest.raises(SessionClosedError):
            await watch
        with pytest.raises(SessionClosedError):
            await anext(slow)

    async def test_waits_and_watches_of_one_snapshot_share_their_polls(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A bot that watches costs nothing beside the job that waits."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=40))

        _, events = await asyncio.gather(
            session.wait_until_complete("web-1", "snap-1", poll=EVERY_5_S), collect(session)
        )

        assert isinstance(events[-1], SnapshotFinished)
        assert len(civo.requests) == 9

    async def test_two_watches_on_one_instance_share_a_list(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A get for each confirms the end."""
        for number in (1, 2):
            civo.add_snapshot("web-1", f"snap-{number}", script=scripts.completes(takes=10))

        async def watch(snapshot_id: str) -> SnapshotEvent:
            events = session.watch("web-1", snapshot_id, poll=EVERY_5_S)
            return [event async for event in events][-1]

        ends = await asyncio.gather(watch("snap-1"), watch("snap-2"))

        assert [type(end) for end in ends] == [SnapshotFinished] * 2
        assert [request.kind for request in civo.requests] == ["list"] * 3 + ["get"] * 2

    async def test_another_region_can_be_watched(self, fake_clock: FakeClock) -> None:
        """As by every call."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("web-1", region="FAKE2")
            civo.add_snapshot("web-1", "snap-1")
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, clock=fake_clock
            ) as session:
                events = await collect(session, region="FAKE2")

        assert isinstance(events[-1], SnapshotFinished)

    async def test_a_bad_id_is_an_error_before_any_poll(self, session: SnapshotSession) -> None:
        """When the first event is requested."""
        with pytest.raises(ValueError, match="snapshot_id must be"):
            await anext(session.watch("web-1", ".."))


async def test_a_poll_costs_no_text_that_nobody_reads(
    civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
) -> None:
    """At INFO and above, polls are not logged."""
    civo.add_snapshot("web-1", "snap-1")
    caplog.set_level(logging.INFO, logger="civo_snapshots_async")

    await session.wait_until_complete("web-1", "snap-1")

    assert caplog.records == []
