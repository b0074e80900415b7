"""Restoring into a new instance at most once, as jobs do that are delivered more than once."""

import asyncio
import json
from typing import Any

import pytest

from civo_snapshots_async import (
    AmbiguousInstanceError,
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    Instance,
    InstanceFailedError,
    OutcomeUnknownError,
    PollPolicy,
    SessionClosedError,
    SnapshotNotCompleteError,
    SnapshotSession,
    WaitTimeoutError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

# A restore takes 2 s.
POLL = PollPolicy(interval=1.5)
LOST = [
    faults.reset("before", effect=True),
    faults.close("midway"),
    faults.bad_json(),
    faults.gateway_timeout(effect=True),
    faults.status(500, effect=True),
]


@pytest.fixture(autouse=True)
def _snapshot(civo: FakeCivo) -> None:
    """Have a complete snapshot."""
    civo.instance("web-1").disk = "release 1"
    civo.add_snapshot("web-1", "snap-1", name="nightly")
    civo.instance("web-1").disk = "release 2"


def another(civo: FakeCivo, clock: FakeClock, **options: Any) -> SnapshotSession:
    """Have a session of another process."""
    return SnapshotSession(
        civo.token, region=civo.region, api_url=civo.api_url, clock=clock, **options
    )


def restores(civo: FakeCivo) -> int:
    """Return how many restores were requested."""
    return sum(request.kind == "restore" for request in civo.requests)


async def ensured(session: SnapshotSession, hostname: str = "copy", **more: Any) -> Instance:
    """Ensure an instance of that host name."""
    return await session.ensure_restored("web-1", "nightly", hostname=hostname, poll=POLL, **more)


class TestOnce:
    """Done twice, it makes one instance."""

    async def test_it_is_restored_and_followed(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Until it is ACTIVE."""
        instance = await ensured(session, private_ip="10.0.0.9", description="test")

        assert (instance.hostname, instance.status, instance.private_ip) == (
            "copy", "ACTIVE", "10.0.0.9",
        )  # fmt: skip
        assert civo.instance("copy").disk == "release 1"
        assert civo.restores[0].description == "test"
        assert fake_clock.now() >= 2

    async def test_it_is_returned_where_it_is_there(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """By any process, and in any case."""
        first = await ensured(session)
        async with another(civo, fake_clock) as other:
            second = await ensured(other, "Copy")

        assert second == first
        assert restores(civo) == 1

    async def test_one_that_is_still_being_built_is_followed(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Whoever has restored it."""
        await session.restore_snapshot("web-1", "snap-1", hostname="copy")

        instance = await ensured(session)

        assert instance.is_active
        assert restores(civo) == 1

    async def test_two_at_once_make_one(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """They wait for each other until it is listed."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ensured(session)) for _ in range(5)]

        assert len({task.result().id for task in tasks}) == 1
        assert restores(civo) == 1

    async def test_two_of_other_names_do_not_wait(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """They are two instances."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ensured(session, f"copy-{n}")) for n in range(2)]

        assert {task.result().hostname for task in tasks} == {"copy-0", "copy-1"}
        assert restores(civo) == 2

    async def test_two_processes_at_once_make_one(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Civo refuses the second host name, and the list then shows the first one's instance."""
        async with another(civo, fake_clock) as other, asyncio.TaskGroup() as group:
            tasks = [group.create_task(ensured(each)) for each in (session, other)]

        assert len({task.result().id for task in tasks}) == 1
        assert len(civo.restores) == 1

    async def test_a_conflict_about_something_else_comes_out(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """No instance of that name is there."""
        with pytest.raises(ConflictError, match="private IP"):
            await ensured(session, private_ip=civo.instance("web-1").private_ip)

        assert restores(civo) == 1

    async def test_an_accepted_restore_is_not_retried(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Where its instance is not listed in time; a later call goes on waiting for it."""
        empty = faults.status(200, body='{"page": 1, "per_page": 100, "pages": 1, "items": []}')
        civo.inject("list_instances", *[empty] * 8)

        with pytest.raises(WaitTimeoutError, match="the new instance copy of the restore was not"):
            await ensured(session, timeout=5)
        instance = await ensured(session)

        assert instance.hostname == "copy"
        assert restores(civo) == 1

    async def test_once_it_was_listed_it_may_be_restored_again(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """After somebody has deleted it."""
        first = await ensured(session)
        civo.remove_instance(first.id)

        second = await ensured(session)

        assert second.id != first.id
        assert restores(civo) == 2

    async def test_an_instance_on_a_page_that_has_shifted_is_found(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A host name that is on none of several pages is searched for once more."""
        for number in range(120):
            civo.add_instance(f"other-{number}")
        civo.add_instance("copy")
        shifted = [{"id": f"other-{n}", "hostname": f"other-{n}"} for n in range(120)]
        page = json.dumps({"page": 1, "pages": 1, "items": shifted})
        civo.inject("list_instances", faults.status(200, body=page))

        instance = await ensured(session)

        assert instance.id == "copy"
        assert restores(civo) == 0

    async def test_among_many_instances_it_is_restored_once_two_lists_lack_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """One that spans pages may lack an instance that is there."""
        for number in range(120):
            civo.add_instance(f"other-{number}")

        instance = await ensured(session)

        first_kinds = [request.kind for request in civo.requests[:4]]
        assert first_kinds == [*["list_instances"] * 2, "get", "restore"]
        assert instance.hostname == "copy"


class TestLostResponses:
    """The list of instances shows what became of a restore."""

    @pytest.mark.parametrize("fault", LOST, ids=repr)
    async def test_it_is_found(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fault: faults.Fault,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """And followed, as if the response had come."""
        civo.inject("restore", fault)

        instance = await ensured(session)

        assert instance.is_active
        assert (restores(civo), len(civo.restores)) == (1, 1)
        (record,) = [
            record
            for record in caplog.records
            if record.__dict__.get("civo_event") == "restore.resolved"
        ]
        assert record.levelname == "WARNING"
        assert "; found instance copy (" in record.getMessage()

    async def test_what_was_not_made_is_not_made_up(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The error comes after `resolve_timeout`, and a later call restores it."""
        civo.inject("restore", faults.reset("before", effect=False))

        with pytest.raises(OutcomeUnknownError, match="A new instance copy may have") as caught:
            await ensured(session)
        waited = fake_clock.now()
        instance = await ensured(session)

        assert caught.value.last_error is None
        assert caught.value.__cause__ is not None
        assert 59 <= waited <= 61
        assert instance.is_active
        assert (restores(civo), len(civo.restores)) == (2, 1)

    async def test_a_list_that_fails_is_in_the_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It hides nothing of what was lost."""
        civo.inject("restore", faults.reset("before", effect=True))
        civo.inject("list_instances", None, *[faults.status(503)] * 20)

        with pytest.raises(OutcomeUnknownError) as caught:
            await ensured(session)

        assert isinstance(caught.value.last_error, CivoSnapshotsError)
        assert restores(civo) == 1

    async def test_a_list_whose_last_poll_failed_is_in_the_error(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """The time to search is up."""
        civo.inject("restore", faults.reset("before", effect=True))
        civo.inject("list_instances", None, *[faults.status(503)] * 20)
        patient = PollPolicy(interval=1.5, max_consecutive_failures=100)

        async with another(civo, fake_clock, resolve_timeout=5) as session:
            with pytest.raises(OutcomeUnknownError) as caught:
                await session.ensure_restored("web-1", "nightly", hostname="copy", poll=patient)

        assert "503" in str(caught.value.last_error)

    async def test_without_a_resolve_timeout_it_is_not_searched_for(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """Each call is as few requests as can be."""
        civo.inject("restore", faults.reset("before", effect=True))

        async with another(civo, fake_clock, resolve_timeout=0) as session:
            with pytest.raises(OutcomeUnknownError):
                await ensured(session)

        kinds = [request.kind for request in civo.requests]
        assert kinds == ["list_instances", "get", "restore"]

    async def test_where_several_appear_none_is_chosen(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing tells which one the lost restore has made."""
        civo.inject("restore", faults.reset("before", effect=True))
        civo.inject("list_instances", None)
        items = ", ".join(f'{{"id": "i-{n}", "hostname": "copy"}}' for n in (1, 2))
        both = faults.status(200, body=f'{{"page": 1, "pages": 1, "items": [{items}]}}')
        civo.inject("list_instances", both, nth=2)

        with pytest.raises(AmbiguousInstanceError, match="the restore whose response was") as e:
            await ensured(session)

        assert {instance.id for instance in e.value.instances} == {"i-1", "i-2"}
        assert isinstance(e.value.__cause__, OutcomeUnknownError)


class TestRefused:
    """What can't be done, and what is not guessed."""

    async def test_several_of_that_name_are_ambiguous(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing is restored."""
        items = ", ".join(f'{{"id": "i-{n}", "hostname": "Copy"}}' for n in (1, 2))
        civo.inject(
            "list_instances",
            faults.status(200, body=f'{{"page": 1, "pages": 1, "items": [{items}]}}'),
        )

        with pytest.raises(AmbiguousInstanceError) as caught:
            await ensured(session)

        assert {instance.id for instance in caught.value.instances} == {"i-1", "i-2"}
        assert (caught.value.instance_id, caught.value.snapshot_id) == ("web-1", "nightly")
        assert restores(civo) == 0

    async def test_the_name_of_the_source_is_ambiguous(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The source is never taken for the restored one."""
        civo.add_instance("i-1", hostname="app-1")
        civo.add_snapshot("i-1", "snap-2")

        with pytest.raises(AmbiguousInstanceError, match="own instance i-1 has the host name"):
            await session.ensure_restored("i-1", "snap-2", hostname="app-1")

        assert restores(civo) == 0

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"hostname": "Web-1"}, ValueError),
            ({"hostname": "a b"}, ValueError),
            ({"hostname": None}, TypeError),
            ({"private_ip": "here"}, ValueError),
            ({"timeout": 0}, ValueError),
            ({"region": ".."}, ValueError),
        ],
    )
    async def test_what_can_t_be_is_refused_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession, arguments: Any, error: type[Exception]
    ) -> None:
        """As in every call."""
        with pytest.raises(error):
            await ensured(session, **{"hostname": "copy", **arguments})

        assert civo.requests == []

    async def test_a_snapshot_that_is_not_complete_is_not_restored(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As by `restore_snapshot`."""
        civo.snapshot("web-1", "snap-1").script = scripts.stuck()

        with pytest.raises(SnapshotNotCompleteError):
            await ensured(session)

        assert restores(civo) == 0

    async def test_a_refused_token_is_not_an_instance_that_is_missing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing is restored."""
        civo.token = "another-token"

        with pytest.raises(AuthenticationError):
            await ensured(session)

        assert restores(civo) == 0

    async def test_an_instance_that_has_failed_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It is not restored once more under the same name."""
        civo.add_instance("i-1", hostname="copy")
        failed = '{"id": "i-1", "hostname": "copy", "status": "ERROR"}'
        civo.inject("get_instance", faults.status(200, body=failed))

        with pytest.raises(InstanceFailedError):
            await ensured(session)

        assert restores(civo) == 0

    async def test_it_ends_with_its_timeout(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """An instance that is not ACTIVE by then may still come to be."""
        civo.add_instance("i-1", hostname="copy").busy_until = 10_000.0

        with pytest.raises(WaitTimeoutError, match="instance i-1 was not ACTIVE"):
            await ensured(session, timeout=60)

        assert fake_clock.now() == 60

    async def test_without_a_timeout_it_waits(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """For as long as it takes."""
        civo.add_instance("i-1", hostname="copy").busy_until = 10_000.0

        instance = await ensured(session, timeout=None)

        assert instance.is_active
        assert fake_clock.now() >= 10_000

    async def test_closing_the_session_ends_it(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As every call."""
        civo.add_instance("i-1", hostname="copy").busy_until = 10_000.0

        async def outcome() -> object:
            try:
                return await ensured(session)
            except SessionClosedError as error:
                return error

        async with asyncio.TaskGroup() as group:
            task = group.create_task(outcome())
            await session.clock.sleep(10)
            await session.aclose()

        assert isinstance(task.result(), SessionClosedError)
