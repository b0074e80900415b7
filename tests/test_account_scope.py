"""Waits that share one list of the whole account."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from civo_snapshots_async import PollPolicy, Snapshot, SnapshotSession, WaitTimeoutError
from civo_snapshots_async._http.account_list import entries_of
from civo_snapshots_async._waits.listing import Listed
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import make_snapshot

ACCOUNT = PollPolicy(interval=10, scope="account")
IDS = [f"db-{number}" for number in range(30)]


@pytest.fixture
def civo(civo: FakeCivo) -> FakeCivo:
    """Return a FakeCivo with a snapshot of each of thirty instances, each taking 100 s."""
    for instance_id in IDS:
        civo.add_instance(instance_id)
        civo.add_snapshot(
            instance_id, f"snap-{instance_id}", name="nightly", script=scripts.completes(takes=100)
        )
    return civo


def kinds(civo: FakeCivo) -> Counter[str]:
    """Return how many requests of each kind there were."""
    return Counter(
        "account" if request.kind == "list_resource_snapshots" else request.kind
        for request in civo.requests
    )


async def wait_for_all(
    session: SnapshotSession, snapshot_id: str = "snap-{}", **more: Any
) -> list[Snapshot]:
    """Wait for the snapshot of each instance."""
    options = {"poll": ACCOUNT, **more}
    return await asyncio.gather(
        *(session.wait_until_complete(each, snapshot_id.format(each), **options) for each in IDS)
    )


async def test_one_list_serves_all_and_a_get_confirms_each_end(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """On thirty instances."""
    snapshots = await wait_for_all(session)

    assert all(snapshot.is_complete and snapshot.volumes for snapshot in snapshots)
    requests = kinds(civo)
    assert requests["account"] == 11
    assert requests["get"] == 30
    assert requests["list"] == 0


async def test_a_name_is_searched_for_with_its_instance(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """Each of the thirty has a snapshot of that name."""
    snapshots = await wait_for_all(session, "nightly")

    assert [snapshot.id for snapshot in snapshots] == [f"snap-{each}" for each in IDS]
    assert kinds(civo)["list"] == 0


async def test_one_alone_is_polled_by_gets(civo: FakeCivo, session: SnapshotSession) -> None:
    """The account-wide list would be large for it."""
    await session.wait_until_complete("db-1", "snap-db-1", poll=ACCOUNT)

    assert kinds(civo) == {"get": 11}


@pytest.mark.parametrize(
    "fault", [faults.status(404), faults.status(403), faults.bad_json(), faults.huge()]
)
async def test_without_a_list_of_the_account_lists_of_instances_serve(
    civo: FakeCivo,
    session: SnapshotSession,
    fault: faults.Fault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever is wrong with it: that is logged once, and it is requested no more."""
    civo.add_snapshot("db-1", "other", script=scripts.completes(takes=100))
    civo.inject("list_resource_snapshots", *[fault] * 99)

    await asyncio.gather(
        wait_for_all(session), session.wait_until_complete("db-1", "other", poll=ACCOUNT)
    )
    await wait_for_all(session)

    requests = kinds(civo)
    assert requests["account"] == 1
    assert requests["list"] > 0
    events = [(getattr(each, "civo_event", ""), each.levelname) for each in caplog.records]
    assert [level for event, level in events if event == "wait.fell_back"] == ["WARNING"]


async def test_the_list_of_the_account_may_go_away(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """What it has shown is still known."""
    civo.inject("list_resource_snapshots", None, faults.status(404))

    snapshots = await wait_for_all(session)

    assert all(snapshot.is_complete for snapshot in snapshots)
    assert kinds(civo)["account"] == 2


async def test_a_transient_error_of_the_list_is_a_failed_poll(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """The next one may succeed."""
    civo.inject("list_resource_snapshots", faults.status(503), faults.reset())

    await wait_for_all(session)

    assert kinds(civo)["account"] == 11


async def test_one_that_the_list_does_not_show_is_polled_by_gets(
    civo: FakeCivo, session: SnapshotSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are not."""

    def all_but_one(payload: object) -> object:
        entries = entries_of(payload)
        assert isinstance(entries, list)
        return [entry for entry in entries if entry["id"] != "snap-db-1"]

    monkeypatch.setattr("civo_snapshots_async._http.codec.entries_of", all_but_one)

    await wait_for_all(session)

    requests = kinds(civo)
    assert requests["account"] == 11
    assert requests["get"] == 29 + 11


async def test_a_deadline_comes_as_for_any_wait(
    civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
) -> None:
    """With a last poll, a get."""
    with pytest.raises(WaitTimeoutError):
        await wait_for_all(session, timeout=35)

    assert fake_clock.now() == 35
    assert civo.requests[-1].kind == "get"


async def test_a_batch_over_many_instances_uses_it_by_default(
    civo: FakeCivo, session: SnapshotSession
) -> None:
    """Over a few it does not, nor where another scope is set."""
    pairs = [(each, f"snap-{each}") for each in IDS]

    await session.wait_many(pairs, poll=PollPolicy(interval=10))

    assert kinds(civo)["account"] > 0


@pytest.mark.parametrize(
    ("count", "poll"),
    [(10, PollPolicy(interval=10)), (30, PollPolicy(interval=10, scope="instance"))],
    ids=["few", "set"],
)
async def test_a_batch_does_not_use_it_otherwise(
    civo: FakeCivo, session: SnapshotSession, count: int, poll: PollPolicy
) -> None:
    """A small batch is served well by lists of instances."""
    await session.wait_many([(each, f"snap-{each}") for each in IDS[:count]], poll=poll)

    assert kinds(civo)["account"] == 0


class TestListed:
    """What a list shows of one address."""

    A = make_snapshot(snapshot_id="a", name="x")
    B = make_snapshot(snapshot_id="b", name="y")

    @pytest.mark.parametrize(
        ("instance_id", "reference", "found"),
        [
            ("web-1", "a", A),
            ("WEB-1", "Y", B),
            ("", "a", A),
            ("web-2", "x", None),
            ("web-1", "z", None),
        ],
    )
    def test_by_id_or_by_name_and_instance(
        self, instance_id: str, reference: str, found: Snapshot | None
    ) -> None:
        """In upper or lower case."""
        assert Listed([self.A, self.B]).find(instance_id, reference) == found

    def test_a_name_of_two_is_neither(self) -> None:
        """A get decides."""
        twin = make_snapshot(snapshot_id="c", name="x")
        namesake = make_snapshot(snapshot_id="d", name="a")

        listed = Listed([self.A, twin, namesake])

        assert listed.find("web-1", "x") is None
        assert listed.find("web-1", "a") is None

    def test_one_whose_name_is_its_id_is_found(self) -> None:
        """Both say the same."""
        same = make_snapshot(snapshot_id="e", name="e")

        assert Listed([same]).find("web-1", "e") == same
