"""Many instances at once: each has its outcome, and no failure affects another."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from civo_snapshots_async import (
    Batch,
    BatchOutcome,
    BatchResult,
    CivoSnapshotsError,
    InstanceNotFoundError,
    OutcomeUnknownError,
    PollPolicy,
    SessionClosedError,
    Snapshot,
    SnapshotFailedError,
    SnapshotSession,
    SnapshotVanishedError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import session_on

EVERY_2_S = PollPolicy(interval=2)


def instances(civo: FakeCivo, number: int) -> list[str]:
    """Have `web-1` to `web-N`, and return their ids."""
    ids = [f"web-{n}" for n in range(1, number + 1)]
    for instance_id in ids:
        if instance_id not in civo.instances:
            civo.add_instance(instance_id)

    return ids


def ids(outcomes: tuple[BatchOutcome, ...]) -> list[str]:
    """Return whose outcomes these are."""
    return [outcome.instance_id for outcome in outcomes]


def creates(civo: FakeCivo) -> int:
    """Return how many creates have arrived."""
    return sum(request.kind == "create" for request in civo.requests)


class TestSnapshots:
    """`snapshot_many` makes them, and waits for them."""

    async def test_returns_every_outcome_in_the_given_order(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Whichever was complete first."""
        wanted = instances(civo, 3)
        civo.script_next("web-1", scripts.completes(takes=300))

        result = await session.snapshot_many(wanted, name="nightly")

        assert ids(result.completed) == wanted == ids(result.outcomes)
        assert [o.snapshot and o.snapshot.is_complete for o in result.outcomes] == [True] * 3
        assert [o.snapshot and o.snapshot.name for o in result.outcomes] == ["nightly"] * 3
        assert [o.snapshot_id for o in result.outcomes] == [
            civo.snapshot(instance_id, "nightly").id for instance_id in wanted
        ]
        assert str(result) == "3 completed, 0 failed, 0 unknown, 0 not started"

    async def test_gives_each_outcome_as_it_comes(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """In the order of completion, at the time of completion."""
        for instance_id, takes in zip(instances(civo, 3), (60, 20, 40), strict=True):
            civo.script_next(instance_id, scripts.completes(takes=takes))
        batch = session.snapshot_many(["web-1", "web-2", "web-3"], poll=EVERY_2_S)

        reported = [(fake_clock.now(), str(outcome)) async for outcome in batch]

        assert reported == [
            (20, "web-2: completed"),
            (40, "web-3: completed"),
            (60, "web-1: completed"),
        ]

    async def test_a_failure_is_its_own(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """The others are neither hidden nor ended; what was made is known."""
        instances(civo, 4)
        civo.script_next("web-1", scripts.fails("vol-2", after=5))
        civo.script_next("web-3", scripts.stuck())

        result = await session.snapshot_many(
            ["web-1", "nowhere", "web-3", "web-4"], name="nightly", timeout=60
        )

        assert ids(result.completed) == ["web-4"]
        failed, refused, late = result.failed
        assert isinstance(failed.error, SnapshotFailedError)
        assert failed.snapshot is failed.error.snapshot
        assert isinstance(refused.error, InstanceNotFoundError)
        assert (refused.snapshot, refused.snapshot_id) == (None, None)
        assert isinstance(late.error, WaitTimeoutError)
        assert late.snapshot_id == civo.snapshot("web-3", "nightly").id
        assert str(late).startswith("web-3: failed: snapshot ")

    async def test_a_lost_create_is_unknown(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """It may or may not have been done: it is not among the failed ones."""
        instances(civo, 2)
        civo.inject("create", faults.close())

        result = await session.snapshot_many(["web-1", "web-2"], name="nightly", max_concurrent=1)

        assert (ids(result.unknown), ids(result.completed)) == (["web-1"], ["web-2"])
        assert isinstance(result.unknown[0].error, OutcomeUnknownError)
        assert result.unknown[0].snapshot is None

    async def test_no_more_than_the_limit_are_being_made(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """An instance has its slot until its snapshot is terminal, and then the next one has it."""
        wanted = instances(civo, 7)
        for instance_id in wanted:
            civo.script_next(instance_id, scripts.completes(takes=10))

        await session.snapshot_many(wanted, max_concurrent=3, poll=EVERY_2_S)

        assert [effect.at for effect in civo.effects] == [0, 0, 0, 10, 10, 10, 20]
        assert [effect.instance_id for effect in civo.effects[:3]] == wanted[:3]

    async def test_a_name_can_depend_on_the_instance(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """`None` lets Civo make one up."""
        instances(civo, 2)

        await session.snapshot_many(
            ["web-1", "web-2"], name=lambda i: "of-web-1" if i == "web-1" else None
        )

        sent = {r.path: r.fields for r in civo.requests if r.kind == "create"}
        assert sent == {
            "/v2/instances/web-1/snapshots": {"name": "of-web-1"},
            "/v2/instances/web-2/snapshots": {},
        }

    async def test_the_other_options_are_those_of_the_single_calls(
        self, fake_clock: FakeClock
    ) -> None:
        """The description and the region are passed on, and each change is reported."""
        reported: list[str] = []
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            async with session_on(civo, fake_clock) as session:
                result = await session.snapshot_many(
                    ["db-1"],
                    description="of Monday",
                    region="FAKE2",
                    poll=PollPolicy(interval=1),
                    on_change=lambda before, after: reported.append(
                        f"{before.state}>{after.state}"
                    ),
                )

        assert result.completed[0].snapshot is not None
        assert result.completed[0].snapshot.description == "of Monday"
        assert {request.query["region"] for request in civo.requests} == {"FAKE2"}
        assert reported == [">Pending", "Pending>Complete"]

    async def test_an_async_observer_is_awaited(
        self, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """As in a wait of its own."""
        reported: list[float] = []

        async def report(_: Snapshot, __: Snapshot) -> None:
            await fake_clock.sleep(3)
            reported.append(fake_clock.now())

        await session.snapshot_many(["web-1"], poll=EVERY_2_S, on_change=report)

        assert reported == [5]

    async def test_nothing_to_do_is_done(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """A selection may be empty."""
        result = await session.snapshot_many([])

        assert (result.outcomes, civo.requests) == ((), [])
        result.raise_for_failures()

    @pytest.mark.parametrize(
        ("wanted", "options", "says"),
        [
            (
                ["web-1", "web-2", "web-1"],
                {},
                "^instance_ids names web-1 more than once; give each instance once$",
            ),
            (
                [*"kjihgfedcba"] * 2,
                {},
                "^instance_ids names k, j, i, h, g, f, e, d, c, b and 1 more more than once; give ",
            ),
            (["web-1", "../web-2"], {}, "instance_id must be"),
            (["web-1"], {"name": "Nightly"}, "name must be"),
            (["web-1"], {"name": str.upper}, "name must be"),
            (["web-1"], {"max_concurrent": 0}, "max_concurrent must be at least 1"),
            (["web-1"], {"timeout": 0}, "timeout must be"),
            (["web-1"], {"region": "a&b"}, "region must be"),
            (["web-1"], {"description": "\ud800"}, "description holds"),
        ],
    )
    async def test_what_cannot_work_is_an_error_before_anything_is_sent(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        wanted: list[str],
        options: dict[str, Any],
        says: str,
    ) -> None:
        """When the batch is made, and not when it runs."""
        with pytest.raises(ValueError, match=says):
            session.snapshot_many(wanted, **options)

        assert civo.requests == []

    async def test_one_string_is_not_a_list_of_instances(self, session: SnapshotSession) -> None:
        """It would be one of letters."""
        with pytest.raises(
            TypeError, match="instance_ids must be a list or another iterable, not the string 'we"
        ):
            session.snapshot_many("web-1")

    async def test_a_mistake_in_the_name_function_comes_out(self, session: SnapshotSession) -> None:
        """It is a bug, and not an outcome."""
        with pytest.raises(ZeroDivisionError):
            session.snapshot_many(["web-1"], name=lambda _: str(1 / 0))

    @pytest.mark.slow
    async def test_a_thousand_instances(
        self, civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """All at once, each with its outcome."""
        caplog.set_level(logging.WARNING, logger="civo_snapshots_async")
        wanted = instances(civo, 1000)
        civo.script_next("web-500", scripts.fails())

        result = await session.snapshot_many(
            wanted, name=lambda i: f"nightly-{i}", max_concurrent=1000, poll=EVERY_2_S
        )

        assert ids(result.failed) == ["web-500"]
        assert len(result.completed) == 999
        assert {snapshot.name for i in wanted for snapshot in civo.snapshots(i)} == {
            f"nightly-{i}" for i in wanted
        }


class TestWaits:
    """`wait_many` waits for what is there."""

    async def test_waits_for_each_pair(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """Several of one instance as well; one that is gone is named by its id."""
        instances(civo, 2)
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=30))
        civo.add_snapshot("web-1", "snap-2", script=scripts.completes(takes=60))
        civo.add_snapshot("web-2", "snap-3", script=scripts.completes(takes=10))

        result = await session.wait_many(
            [("web-1", "snap-1"), ("web-1", "snap-2"), ("web-2", "snap-3"), ("web-2", "none")],
        )

        assert [o.snapshot_id for o in result.completed] == ["snap-1", "snap-2", "snap-3"]
        (gone,) = result.failed
        assert (gone.instance_id, gone.snapshot_id, gone.snapshot) == ("web-2", "none", None)
        assert isinstance(gone.error, SnapshotVanishedError)
        assert creates(civo) == 0

    async def test_a_wait_that_is_stuck_keeps_no_place(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """However many they are, each has its full time from the start."""
        pairs = [("web-1", f"snap-{n}") for n in range(100)]
        for pair in pairs:
            civo.add_snapshot(*pair, script=scripts.stuck())

        result = await session.wait_many(pairs, timeout=30, poll=PollPolicy(interval=15))

        assert len(result.failed) == 100
        assert fake_clock.now() == 30

    async def test_options_are_those_of_a_wait(self, fake_clock: FakeClock) -> None:
        """The region goes along."""
        async with FakeCivo(clock=fake_clock, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            civo.add_snapshot("db-1", "snap-1")
            async with session_on(civo, fake_clock) as session:
                result = await session.wait_many([("db-1", "snap-1")], region="FAKE2")

        assert ids(result.completed) == ["db-1"]

    @pytest.mark.parametrize(
        ("pairs", "options", "says"),
        [
            (
                [("web-1", "s"), ("web-1", "s")],
                {},
                "^snapshots names snapshot s of instance web-1 more than once; give each snapshot",
            ),
            ([("web-1", "s"), ("..", "s")], {}, "instance_id must be"),
            ([("web-1", "s"), ("web-1", "..")], {}, "snapshot_id must be"),
            ([("web-1", "s")], {"timeout": 0}, "timeout must be"),
            ([("web-1", "s")], {"region": "a&b"}, "region must be"),
        ],
    )
    async def test_what_cannot_work_is_an_error_before_anything_is_sent(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        pairs: list[tuple[str, str]],
        options: dict[str, Any],
        says: str,
    ) -> None:
        """When the batch is made, and not when it runs."""
        with pytest.raises(ValueError, match=says):
            session.wait_many(pairs, **options)

        assert civo.requests == []

    @pytest.mark.parametrize("pair", ["ab", ("a",), ("a", "b", "c"), None, 5])
    async def test_a_pair_is_two_ids(self, session: SnapshotSession, pair: Any) -> None:
        """And no string of two letters."""
        with pytest.raises(TypeError, match="snapshots must be Snapshots, SnapshotRefs or pairs"):
            session.wait_many([pair])

    async def test_one_string_is_not_a_list_of_pairs(self, session: SnapshotSession) -> None:
        """Nor is it one pair."""
        pairs: Any = "ab"

        with pytest.raises(TypeError, match="snapshots must be a list or another iterable"):
            session.wait_many(pairs)


class TestStopping:
    """A batch that is stopped has what is known."""

    async def test_leaving_early_stops_what_runs(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Inside `aclosing`: one is done, one is in flight, one was not started."""
        wanted = instances(civo, 3)
        civo.script_next("web-2", scripts.completes(takes=1000))

        async with aclosing(
            session.snapshot_many(wanted, max_concurrent=2, poll=EVERY_2_S)
        ) as batch:
            async for _ in batch:
                break
        requests = len(civo.requests)
        await fake_clock.sleep(100)

        result = batch.result
        assert (ids(result.completed), ids(result.unknown)) == (["web-1"], ["web-2"])
        assert ids(result.not_started) == ["web-3"]
        assert len(civo.requests) == requests

    async def test_a_batch_that_is_left_and_dropped_stops_as_well(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Later than with `aclosing`, when Python collects it, but not never."""
        wanted = instances(civo, 2)
        civo.script_next("web-2", scripts.stuck())

        async for _ in session.snapshot_many(wanted, poll=EVERY_2_S):
            break
        gc.collect()
        await fake_clock.sleep(10)
        requests = len(civo.requests)
        await fake_clock.sleep(100)

        assert len(civo.requests) == requests

    async def test_closed_before_its_start_it_does_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Not even when it is awaited then."""
        batch = session.snapshot_many(["web-1"])

        await batch.aclose()
        result = await batch

        assert (ids(result.not_started), civo.requests) == (["web-1"], [])

    async def test_canceled_while_it_waits_it_knows_the_snapshot(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """As it was last seen; how it ended is not known."""
        civo.script_next("web-1", scripts.fails(after=1000))
        batch = session.snapshot_many(["web-1"], name="nightly", poll=PollPolicy(interval=30))

        with pytest.raises(TimeoutError):
            async with fake_clock.timeout(100):
                await batch

        (outcome,) = batch.result.unknown
        assert outcome.snapshot_id == civo.snapshot("web-1", "nightly").id
        assert outcome.snapshot is not None
        assert type(outcome.error) is WaitInterruptedError
        assert str(outcome.error) == (
            f"the wait for snapshot {outcome.snapshot_id} of instance web-1 was interrupted"
        )

    async def test_the_snapshot_last_seen_is_the_one_after_the_last_change(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """And not the one that the create gave."""
        civo.script_next("web-1", scripts.completes(takes=100))
        batch = session.snapshot_many(["web-1"], name="nightly", poll=PollPolicy(interval=10))

        with pytest.raises(TimeoutError):
            async with fake_clock.timeout(65):
                await batch

        snapshot = batch.result.unknown[0].snapshot
        assert snapshot is not None
        assert snapshot.volume_states == {"vol-1": "Completed", "vol-2": "Pending"}

    async def test_canceled_while_it_creates_it_does_not_know(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """What was sent may be done: that is unknown, while what had no turn was not started."""
        wanted = instances(civo, 2)
        civo.inject("create", faults.hang(effect=True))
        batch = session.snapshot_many(
            wanted, name="nightly", description="of Monday", max_concurrent=1
        )

        with pytest.raises(TimeoutError):
            async with fake_clock.timeout(10):
                await batch

        (outcome,) = batch.result.unknown
        assert (outcome.instance_id, outcome.snapshot_id) == ("web-1", None)
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert outcome.error.requested == {"name": "nightly", "description": "of Monday"}
        assert (outcome.error.action, outcome.error.region) == ("create_snapshot", civo.region)
        assert ids(batch.result.not_started) == ["web-2"]

    async def test_a_closed_session_ends_it_quickly(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Waits and later creates have failed; of a create in flight it is not known."""
        wanted = instances(civo, 5)
        civo.script_next("web-1", scripts.stuck())
        civo.inject("create", None, faults.hang(effect=True), faults.hang(effect=True))
        batch = session.snapshot_many(wanted, max_concurrent=3)

        async with asyncio.TaskGroup() as group:
            collecting = group.create_task(_collected(batch))
            await fake_clock.sleep(20)
            await session.aclose()

        result = collecting.result()
        assert fake_clock.now() == 20
        assert ids(result.failed) == ["web-1", "web-4", "web-5"]
        assert {type(outcome.error) for outcome in result.failed} == {SessionClosedError}
        assert result.failed[0].snapshot is not None
        assert ids(result.unknown) == ["web-2", "web-3"]
        for outcome in result.unknown:
            assert isinstance(outcome.error, OutcomeUnknownError)
            assert isinstance(outcome.error.__cause__, SessionClosedError)

    async def test_a_mistake_in_an_observer_comes_out_and_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """As it is, and not in a group: it is a bug; what is known can still be read."""
        wanted = instances(civo, 3)

        def report(_: Snapshot, after: Snapshot) -> None:
            if after.instance_id != "web-1":
                raise ZeroDivisionError

        batch = session.snapshot_many(wanted, max_concurrent=2, on_change=report, poll=EVERY_2_S)
        civo.script_next("web-1", scripts.completed())
        with pytest.raises(ZeroDivisionError):
            await batch
        requests = len(civo.requests)
        await fake_clock.sleep(100)

        assert ids(batch.result.completed) == ["web-1"]
        assert "web-2" in ids(batch.result.unknown)
        assert len(civo.requests) == requests

    async def test_one_that_is_canceled_from_elsewhere_is_an_outcome_too(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The batch neither waits for it forever nor takes it for done."""
        wanted = instances(civo, 2)
        civo.script_next("web-2", scripts.completed())

        async def report(_: Snapshot, __: Snapshot) -> None:
            raise asyncio.CancelledError

        result = await session.snapshot_many(wanted, on_change=report, poll=EVERY_2_S)

        assert (ids(result.unknown), ids(result.completed)) == (["web-1"], ["web-2"])

    async def test_a_second_task_gets_the_advice_to_cancel_the_first(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """It can read the result, and cannot take part."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        batch = session.wait_many([("web-1", "snap-1")])
        first = asyncio.ensure_future(_collected(batch))
        await fake_clock.sleep(30)

        with pytest.raises(RuntimeError, match="another task runs this batch"):
            await batch
        with pytest.raises(RuntimeError, match="cancel that task to stop it"):
            await batch.aclose()
        first.cancel()
        await asyncio.wait([first])

        assert [outcome.instance_id for outcome in batch.result.unknown] == ["web-1"]

    async def test_it_runs_once(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """Awaited again, it gives its result again; what was iterated over is in it."""
        wanted = instances(civo, 3)
        batch = session.snapshot_many(wanted)

        first = [outcome async for outcome in _first(batch)]
        result = await batch
        again = await batch
        rest = [outcome async for outcome in batch]

        assert len(first) == 1
        assert ids(result.completed) == wanted == ids(again.completed)
        assert rest == []
        assert creates(civo) == 3

    def test_a_batch_that_is_never_awaited_warns(self) -> None:
        """A backup that was not made should not go unnoticed."""
        session = SnapshotSession("token", region="FAKE1")

        batch = session.snapshot_many(["web-1", "web-2"])
        with pytest.warns(RuntimeWarning, match="a batch of 2 was never awaited: nothing was done"):
            del batch


async def _collected(batch: Batch) -> BatchResult:
    return await batch


async def _first(batch: Batch) -> AsyncIterator[BatchOutcome]:
    yield await anext(batch)


class TestRaising:
    """`raise_for_failures` is for those who want all or an error."""

    async def test_all_errors_come_in_one_group(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Each names its instance, whatever it is."""
        instances(civo, 3)
        civo.script_next("web-1", scripts.fails())
        civo.inject("create", None, faults.close())

        result = await session.snapshot_many(
            ["web-1", "web-2", "nowhere", "web-3"], name="nightly", max_concurrent=1
        )
        with pytest.raises(
            ExceptionGroup, match="1 completed, 2 failed, 1 unknown, 0 not started"
        ) as caught:
            result.raise_for_failures()

        assert [type(error) for error in caught.value.exceptions] == [
            SnapshotFailedError, OutcomeUnknownError, InstanceNotFoundError,
        ]  # fmt: skip
        assert [error.__notes__ for error in caught.value.exceptions] == [
            [f"in a batch: instance {name}"] for name in ("web-1", "web-2", "nowhere")
        ]

    async def test_what_was_not_started_is_no_success(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """One error names them, or the first of them."""
        batch = session.snapshot_many(instances(civo, 12))
        await batch.aclose()

        with pytest.raises(ExceptionGroup) as caught:
            batch.result.raise_for_failures()

        (error,) = caught.value.exceptions
        assert type(error) is CivoSnapshotsError
        assert str(error) == (
            "not started: web-1, web-2, web-3, web-4, web-5, web-6, web-7, web-8, web-9, web-10 "
            "and 2 more"
        )

    async def test_success_raises_nothing(self, session: SnapshotSession) -> None:
        """And the result goes on being of use."""
        result = await session.snapshot_many(["web-1"])

        result.raise_for_failures()
        assert ids(result.completed) == ["web-1"]


async def test_what_is_ensured_needs_a_name(session: SnapshotSession) -> None:
    """For each instance."""
    with pytest.raises(ValueError, match="ensure=True needs a name for each instance"):
        session.snapshot_many(["web-1"], ensure=True)
