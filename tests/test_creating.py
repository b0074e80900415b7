"""What becomes of a create whose response was lost: on a caller of a few lines, and a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import pytest

from civo_snapshots_async import (
    ApiError,
    Attempt,
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    InstanceNotFoundError,
    OutcomeUnknownError,
    ServerError,
    Snapshot,
    TransportError,
    UnreadableEntry,
)
from civo_snapshots_async._creating import Creations
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.caller import Caller, Listing
from civo_snapshots_async._http.ledger import Ledger
from civo_snapshots_async._http.message import Request
from civo_snapshots_async.testing import FakeClock

from .doubles import Unobserved
from .make import entry, make_snapshot, malformed, refused

LOST = TransportError("lost", method="POST", path="/v2")
NO_INSTANCE = refused(
    InstanceNotFoundError, status=500, code="database_snapshot_create_instance_not_found"
)
REQUEST = endpoints.create_snapshot(
    "web-1", region="FAKE1", name="nightly", description="of Monday"
)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def made(
    at: float | None, snapshot_id: str = "snap-1", name: str = "nightly", description: str = ""
) -> Snapshot:
    """Make a snapshot that the server made at that second of the test."""
    return attrs.evolve(
        make_snapshot(snapshot_id=snapshot_id, name=name),
        created_at=None if at is None else MIDNIGHT + timedelta(seconds=int(at)),
        description=description,
    )


class Server(Unobserved):
    """An account as its lists show it, its clock a little off ours."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.sends: list[Callable[[], Awaitable[Any]]] = []
        self.snapshots: list[Snapshot] = []
        self.unreadable: list[UnreadableEntry] = []
        self.errors: list[Exception] = []
        self.listed_at: list[float] = []
        self.shows_its_time = True
        self.attempts: tuple[Attempt, ...] = ()
        self.creations = Creations(cast("Caller", self), clock, 60.0)

    def create(
        self, request: Request[Snapshot], send: Callable[[], Awaitable[Any]]
    ) -> Awaitable[Snapshot]:
        """Create a snapshot by a request that is sent so."""
        self.sends.append(send)
        return self.creations.create(request)

    async def call_counted(self, request: Request[Any]) -> tuple[Any, tuple[Attempt, ...]]:
        """Do what the test of this create does."""
        assert request.call == "create_snapshot"
        return await self.sends.pop(0)(), self.attempts

    async def poll_list(self, request: Request[Any]) -> Listing:
        """List what is there."""
        assert request.call == "list_snapshots"
        self.listed_at.append(self.clock.now())
        if self.errors:
            raise self.errors.pop(0)
        now = MIDNIGHT + timedelta(seconds=int(self.clock.now()))
        return Listing(
            snapshots=tuple(self.snapshots),
            problem=malformed(*self.unreadable, beside=self.snapshots) if self.unreadable else None,
            server_time=now if self.shows_its_time else None,
            arrived_at=self.clock.now(),
        )


@pytest.fixture
def server(fake_clock: FakeClock) -> Server:
    """Return a server that has been there for an hour."""
    fake_clock.advance(3600)
    return Server(fake_clock)


async def lose(*_: object) -> Snapshot:
    """Send, and lose the response."""
    raise LOST


async def no_instance(*_: object) -> Snapshot:
    """Send, and get from a server that failed that there is no such instance."""
    raise NO_INSTANCE


class TestResolved:
    """A snapshot that can only be ours is ours."""

    async def test_a_new_snapshot_of_that_name_is_the_match(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is listed at once, and logged."""
        server.snapshots = [
            made(3600, description="of Monday"),
            made(0, "old"),
            made(3600, "b", "b"),
        ]

        snapshot = await server.create(REQUEST, lose)

        assert snapshot.id == "snap-1"
        assert server.listed_at == [3600]
        assert "resolved: it created snapshot nightly (snap-1)" in caplog.text

    async def test_it_may_take_its_time(self, server: Server) -> None:
        """An empty list is no proof: it is listed again and again."""
        task = asyncio.ensure_future(server.create(REQUEST, lose))
        await server.clock.sleep(40)
        server.snapshots = [made(3635)]

        assert (await task).id == "snap-1"
        assert len(server.listed_at) > 4

    async def test_a_list_may_fail_temporarily(self, server: Server) -> None:
        """The network that lost the response may lose these as well."""
        server.errors = [LOST, refused(ServerError, status=502)]
        server.snapshots = [made(3600)]

        assert (await server.create(REQUEST, lose)).id == "snap-1"
        assert len(server.listed_at) == 3

    @pytest.mark.parametrize(
        "lost",
        [
            LOST,
            refused(ServerError, status=502),
            refused(ServerError, status=500),
            refused(ConflictError, status=500, code="database_snapshot_create_already_in_process"),
            NO_INSTANCE,
            refused(ApiError, status=408),
            DecodeError("?", status=201, method="POST", path="/v2", problems=("id: missing",)),
        ],
        ids=["lost", "502", "500", "500 with a code", "500 no instance", "408", "unreadable"],
    )
    async def test_every_lost_response_is_resolved(
        self, server: Server, lost: CivoSnapshotsError
    ) -> None:
        """Whatever hid it."""
        server.snapshots = [made(3600)]

        async def send() -> Snapshot:
            raise lost

        assert (await server.create(REQUEST, send)).id == "snap-1"

    async def test_a_list_that_we_got_meanwhile_is_no_reason_against_it(
        self, server: Server
    ) -> None:
        """Another task of the session may list while the create is in flight."""
        server.snapshots = [made(3600)]

        async def send() -> Snapshot:
            server.ledger.note(server.snapshots[0])
            raise LOST

        assert (await server.create(REQUEST, send)).id == "snap-1"


class TestUnresolved:
    """What could be another create's is no match."""

    @pytest.mark.parametrize(
        "snapshots",
        [
            pytest.param([], id="none"),
            pytest.param([made(3598)], id="made before"),
            pytest.param([made(3600, name="weekly")], id="another name"),
            pytest.param([made(3600, description="of Sunday")], id="another description"),
        ],
    )
    async def test_what_does_not_fit_is_no_candidate(
        self, server: Server, snapshots: list[Snapshot]
    ) -> None:
        """The error lists what existed."""
        server.snapshots = snapshots

        with pytest.raises(OutcomeUnknownError, match="No such new snapshot is listed") as caught:
            await server.create(REQUEST, lose)

        assert (caught.value.candidates, caught.value.existing) == ((), tuple(snapshots))
        assert 3650 < server.listed_at[-1] <= 3660

    @pytest.mark.parametrize(
        ("snapshots", "shows_its_time"),
        [
            pytest.param([made(3600), made(3601, "snap-2")], True, id="two"),
            pytest.param([made(None)], True, id="without a time"),
            pytest.param([made(3600)], False, id="without the server's time"),
        ],
    )
    async def test_the_error_lists_what_it_may_be(
        self,
        server: Server,
        snapshots: list[Snapshot],
        shows_its_time: bool,  # noqa: FBT001
    ) -> None:
        """The caller decides, with the candidates in hand."""
        server.snapshots, server.shows_its_time = snapshots, shows_its_time

        with pytest.raises(OutcomeUnknownError, match=r"This may be it: nightly \(snap-1\)") as got:
            await server.create(REQUEST, lose)

        assert got.value.candidates == tuple(snapshots)

    async def test_a_list_that_knows_no_instance_either_resolves_it(self, server: Server) -> None:
        """A server that failed may be wrong; where the list agrees, no snapshot can have come."""
        server.errors = [refused(InstanceNotFoundError, code="database_instance_find")]

        with pytest.raises(InstanceNotFoundError) as caught:
            await server.create(REQUEST, no_instance)

        assert caught.value.__cause__ is NO_INSTANCE
        assert not caught.value.may_have_taken_effect
        assert len(server.listed_at) == 1

    async def test_a_lost_response_is_not_resolved_by_a_missing_instance(
        self, server: Server
    ) -> None:
        """The snapshot may have been made before the instance went."""
        server.errors = [refused(InstanceNotFoundError, code="database_instance_find")]

        with pytest.raises(OutcomeUnknownError, match="could not be listed"):
            await server.create(REQUEST, lose)

    async def test_a_snapshot_that_was_seen_before_is_not_ours(self, server: Server) -> None:
        """Not even one of the same second and name."""
        server.snapshots = [made(3600)]
        server.ledger.note(*server.snapshots)
        await server.clock.sleep(0.5)

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, lose)

        assert caught.value.candidates == ()

    async def test_the_servers_time_is_of_when_its_list_was_requested(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A list that takes long to come does not make an older snapshot a new one."""
        server.snapshots = [made(3596)]
        original = server.poll_list

        async def slowly(request: Request[Any]) -> Listing:
            listing = await original(request)
            await server.clock.sleep(5)
            return listing

        monkeypatch.setattr(server, "poll_list", slowly)

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, lose)

        assert caught.value.candidates == ()

    async def test_after_a_repetition_it_is_not_known_since_when(self, server: Server) -> None:
        """Another program's may have been made during the backoff."""
        server.snapshots = [made(3600)]
        lost = TransportError(
            "lost", method="POST", path="/v2",
            attempts=(Attempt(outcome="429", may_have_arrived=False),) * 2,
        )  # fmt: skip

        async def send() -> Snapshot:
            raise lost

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, send)

        assert len(caught.value.candidates) == 1

    async def test_without_a_name_it_could_be_anybodys(self, server: Server) -> None:
        """It is a candidate, and no more."""
        server.snapshots = [made(3600)]
        unnamed = endpoints.create_snapshot("web-1", region="FAKE1")

        with pytest.raises(OutcomeUnknownError, match="name None") as caught:
            await server.create(unnamed, lose)

        assert len(caught.value.candidates) == 1
        assert server.listed_at == [3600]

    async def test_a_refused_list_ends_the_search(self, server: Server) -> None:
        """With what it was, and what is still unknown."""
        denied = refused(AuthenticationError, code="database_account_not_found")
        server.errors = [denied]

        with pytest.raises(OutcomeUnknownError, match="could not be listed: no") as caught:
            await server.create(REQUEST, lose)

        assert caught.value.last_error is denied
        assert len(server.listed_at) == 1

    async def test_the_error_holds_all_that_is_known(self, server: Server) -> None:
        """What was requested, what it got, what was seen, and what to do."""
        server.snapshots = [made(0, "old")]

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, lose)

        error = caught.value
        assert str(error) == (
            "create_snapshot on instance web-1 (name 'nightly') may or may not have been done, "
            "and was not retried: lost. No such new snapshot is listed, "
            "but it may still appear. Check list_snapshots before you create it again, or use "
            "ensure_snapshot."
        )
        assert error.__cause__ is LOST
        assert (error.action, error.instance_id, error.region) == (
            "create_snapshot", "web-1", "FAKE1",
        )  # fmt: skip
        assert error.requested == {"name": "nightly", "description": "of Monday"}

    async def test_a_timeout_of_0_searches_nothing(self, server: Server) -> None:
        """Then the error comes at once."""
        server.creations = Creations(cast("Caller", server), server.clock, 0.0)

        with pytest.raises(OutcomeUnknownError, match="Nothing was listed"):
            await server.create(REQUEST, lose)

        assert server.listed_at == []

    @pytest.mark.parametrize(
        "error",
        [
            refused(ConflictError, status=409),
            TransportError("refused", method="POST", path="/v2", may_have_arrived=False),
            KeyError("bug"),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_a_definite_failure_is_what_it_is(self, server: Server, error: Exception) -> None:
        """Nothing was done, so nothing is searched for."""

        async def send() -> Snapshot:
            raise error

        with pytest.raises(type(error)) as caught:
            await server.create(REQUEST, send)

        assert caught.value is error
        assert server.listed_at == []


def made_after(seconds: float, snapshot_id: str = "snap-1", name: str = "nightly") -> Snapshot:
    """Make a snapshot dated that long after the server's own time when the create was sent."""
    moment = MIDNIGHT + timedelta(seconds=3600 + seconds)
    return attrs.evolve(made(0, snapshot_id, name), created_at=moment)


class TestTwoClocks:
    """`created_at` later than the server's own time proves that it is of another clock."""

    @pytest.mark.parametrize(
        ("seconds", "became"),
        [
            (-3600, "not it"),
            (-1.001, "not it"),
            (-1, "not it"),
            (-0.999, "resolved"),
            (0, "resolved"),
            (0.999, "resolved"),
            (1, "resolved"),
            (1.001, "may be it"),
            (2, "may be it"),
            (30, "may be it"),
            (86_400, "may be it"),
        ],
    )
    async def test_a_snapshot_is_matched_within_a_second_of_the_servers_time(
        self, server: Server, seconds: float, became: str
    ) -> None:
        """Both times are cut to full seconds, so a second apart proves nothing."""
        server.snapshots = [made_after(seconds)]

        (outcome,) = await both(server.create(REQUEST, lose))

        assert isinstance(outcome, Snapshot) == (became == "resolved")
        if isinstance(outcome, OutcomeUnknownError):
            assert bool(outcome.candidates) == (became == "may be it")

    async def test_it_is_no_match_either_once_the_servers_time_has_caught_up(
        self, server: Server
    ) -> None:
        """The clocks differ by as much as before, so the search ends at once."""
        server.snapshots = [made_after(5)]

        with pytest.raises(OutcomeUnknownError, match="come from two clocks") as caught:
            await server.create(REQUEST, lose)

        assert server.listed_at == [3600]
        assert caught.value.candidates == (made_after(5),)

    @pytest.mark.parametrize("is_ours_there", [True, False], ids=["at once", "later"])
    async def test_any_snapshot_proves_it(self, server: Server, *, is_ours_there: bool) -> None:
        """Also a stranger's, and for as long as the search goes on."""
        server.snapshots = [made_after(5, "b", "weekly")]
        if is_ours_there:
            server.snapshots.append(made(3600))
        task = asyncio.ensure_future(both(server.create(REQUEST, lose)))
        await server.clock.sleep(20)
        server.snapshots = [made_after(5, "b", "weekly"), made(3600)]

        (outcome,) = await task

        assert isinstance(outcome, OutcomeUnknownError)
        assert [snapshot.id for snapshot in outcome.candidates] == ["snap-1"]

    async def test_one_from_before_is_no_candidate_then_either(self, server: Server) -> None:
        """A clock that is ahead makes nothing older than it is."""
        server.snapshots = [made_after(5), made_after(-60, "old")]

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, lose)

        assert caught.value.candidates == (made_after(5),)
        assert caught.value.existing == (made_after(-60, "old"),)


class TestAResponseOfAnothers:
    """A response whose snapshot was there before is not the create's."""

    @pytest.fixture
    def _known(self, server: Server) -> None:
        server.ledger.note(made(3599, "old"))
        server.ledger.claim("theirs")

    @pytest.mark.usefixtures("_known")
    @pytest.mark.parametrize("snapshot_id", ["old", "theirs"])
    async def test_its_own_is_searched_for_as_if_the_response_had_been_lost(
        self,
        server: Server,
        snapshot_id: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """And found, if it was made."""
        server.snapshots = [made(3600, snapshot_id), made(3600)]

        async def send() -> Snapshot:
            return server.ledger.note(made(3600, snapshot_id))

        assert (await server.create(REQUEST, send)).id == "snap-1"
        assert [vars(record)["civo_event"] for record in caplog.records] == [
            "create.unknown",
            "create.resolved",
        ]
        assert f"snapshot nightly ({snapshot_id}), which this create has not made" in caplog.text

    @pytest.mark.usefixtures("_known")
    async def test_else_it_is_unknown(self, server: Server) -> None:
        """What was returned is among those that can't be it."""
        server.snapshots = [made(3600, "old")]

        async def send() -> Snapshot:
            return server.ledger.note(made(3600, "old"))

        with pytest.raises(OutcomeUnknownError, match="which this create has not made") as caught:
            await server.create(REQUEST, send)

        assert (caught.value.candidates, caught.value.existing) == ((), (made(3600, "old"),))

    @pytest.mark.usefixtures("_known")
    async def test_after_a_retry_nothing_that_was_made_meanwhile_is_taken_for_it(
        self, server: Server
    ) -> None:
        """Between the two attempts another program may have made one of that name."""
        limited = Attempt(outcome="429", may_have_arrived=False)
        server.attempts = (limited, Attempt(outcome="201", may_have_arrived=True))
        server.snapshots = [made(3600)]

        async def send() -> Snapshot:
            return server.ledger.note(made(3600, "old"))

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, send)

        assert caught.value.candidates == (made(3600),)

    async def test_one_that_another_task_lists_meanwhile_is_the_creates(
        self, server: Server
    ) -> None:
        """It was not there before."""

        async def send() -> Snapshot:
            server.ledger.note(made(3600))
            return server.ledger.note(made(3600))

        assert (await server.create(REQUEST, send)).id == "snap-1"
        assert server.listed_at == []

    async def test_of_two_creates_with_one_response_one_has_it(self, server: Server) -> None:
        """The other one's own is searched for."""
        server.snapshots = [made(3600), made(3600, "snap-2")]

        async def send() -> Snapshot:
            return made(3600)

        outcomes = await both(server.create(REQUEST, send), server.create(REQUEST, send))

        assert [getattr(outcome, "id", None) for outcome in outcomes] == ["snap-1", "snap-2"]


class TestEntriesThatCannotBeRead:
    """One that can't be the create's hides nothing; one that may be is not passed over."""

    @pytest.mark.parametrize(
        ("unread", "is_matched"),
        [
            pytest.param(entry(name="weekly"), True, id="another name"),
            pytest.param(entry(id="x", name="weekly"), True, id="another name and an id"),
            pytest.param(entry(id="old"), True, id="seen before"),
            pytest.param(entry(id="old", name="nightly"), True, id="seen before, of that name"),
            pytest.param(entry(id="theirs"), True, id="another create's"),
            pytest.param(entry(), False, id="nothing known"),
            pytest.param(entry(id="x"), False, id="an id, and no name"),
            pytest.param(entry(name="nightly"), False, id="that name"),
            pytest.param(entry(id="x", name="nightly"), False, id="that name and an id"),
        ],
    )
    async def test_a_strangers_entry_does_not_prevent_the_match(
        self, server: Server, unread: UnreadableEntry, *, is_matched: bool
    ) -> None:
        """It is one where its name differs, or where its id was known before."""
        server.ledger.note_id("old")
        server.ledger.claim("theirs")
        server.snapshots, server.unreadable = [made(3600)], [unread]

        (outcome,) = await both(server.create(REQUEST, lose))

        assert isinstance(outcome, Snapshot) == is_matched
        if isinstance(outcome, OutcomeUnknownError):
            assert outcome.candidates == (made(3600),)
            assert isinstance(outcome.last_error, DecodeError)
            assert "An unreadable entry of the list may be it: no list." in str(outcome)

    async def test_it_may_be_read_at_the_next_poll(self, server: Server) -> None:
        """A snapshot that is being created may be incomplete for a while."""
        server.unreadable = [entry(name="nightly")]
        task = asyncio.ensure_future(server.create(REQUEST, lose))
        await server.clock.sleep(3)
        server.snapshots, server.unreadable = [made(3600)], []

        assert (await task).id == "snap-1"

    async def test_none_is_read(self, server: Server) -> None:
        """The error says that it may exist."""
        server.unreadable = [entry()]

        with pytest.raises(
            OutcomeUnknownError, match="An unreadable entry of the list may be it"
        ) as caught:
            await server.create(REQUEST, lose)

        assert (caught.value.candidates, caught.value.existing) == ((), ())
        assert 3650 < server.listed_at[-1] <= 3660

    async def test_without_a_name_any_may_be_it(self, server: Server) -> None:
        """Of any name."""
        server.unreadable = [entry(name="weekly")]

        with pytest.raises(OutcomeUnknownError, match="An unreadable entry of the list may be it"):
            await server.create(endpoints.create_snapshot("web-1", region="FAKE1"), lose)

    async def test_a_list_that_cannot_be_read_at_all_ends_the_search(self, server: Server) -> None:
        """It would be no better at the next poll."""
        server.errors = [malformed()]

        with pytest.raises(OutcomeUnknownError, match="could not be listed: no list"):
            await server.create(REQUEST, lose)

        assert len(server.listed_at) == 1


class TestTwoAtOnce:
    """Two creates of the same name never get the same snapshot."""

    @pytest.mark.parametrize("there", [0, 1, 2])
    async def test_both_lose_their_responses(self, server: Server, there: int) -> None:
        """One snapshot is one's; of two, it is not known whose is which."""
        server.snapshots = [made(3600, f"snap-{n}") for n in range(there)]

        got = [
            outcome.id
            for outcome in await both(server.create(REQUEST, lose), server.create(REQUEST, lose))
            if isinstance(outcome, Snapshot)
        ]

        assert got == ["snap-0"] * (there == 1)

    @pytest.mark.parametrize("after", [1.0, 20.0])
    async def test_one_loses_its_response_and_one_does_not(
        self, server: Server, after: float
    ) -> None:
        """While the other has no response, its snapshot is not taken away from it."""
        server.snapshots = [made(3600)]

        async def send() -> Snapshot:
            await server.clock.sleep(after)
            return server.snapshots[0]

        lost, created = await both(server.create(REQUEST, lose), server.create(REQUEST, send))

        assert isinstance(lost, OutcomeUnknownError)
        assert created == server.snapshots[0]

    @pytest.mark.parametrize(
        "other",
        [
            endpoints.create_snapshot(
                "0d1b2c3d-0000-4000-8000-00000000abcd", region="FAKE1", name="nightly"
            ),
            endpoints.create_snapshot("web-1", region="fake1", name="nightly"),
        ],
        ids=["another name of the instance", "another spelling of the region"],
    )
    async def test_one_instance_may_be_named_in_two_ways(self, server: Server, other: Any) -> None:
        """The snapshot is one all the same."""
        server.snapshots = [made(3600)]

        came_to = await both(server.create(REQUEST, lose), server.create(other, lose))

        assert sum(isinstance(outcome, Snapshot) for outcome in came_to) == 1

    async def test_another_instance_is_no_rival(self, server: Server) -> None:
        """A batch gives the same name to a snapshot of each."""
        server.snapshots = [made(3600)]
        elsewhere = endpoints.create_snapshot("web-2", region="FAKE1", name="nightly")
        in_flight = asyncio.ensure_future(server.create(elsewhere, lambda: server.clock.sleep(900)))
        await asyncio.sleep(0)

        assert (await server.create(REQUEST, lose)).id == "snap-1"
        in_flight.cancel()

    async def test_one_that_was_canceled_may_have_made_it(self, server: Server) -> None:
        """So the next one of that name does not take it for its own."""
        task = asyncio.ensure_future(server.create(REQUEST, lambda: server.clock.sleep(9)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        server.snapshots = [made(3600)]

        with pytest.raises(OutcomeUnknownError) as caught:
            await server.create(REQUEST, lose)

        assert len(caught.value.candidates) == 1

    async def test_another_name_is_no_rival(self, server: Server) -> None:
        """Both find their own."""
        server.snapshots = [made(3600), made(3600, "snap-2", "weekly")]
        weekly = endpoints.create_snapshot("web-1", region="FAKE1", name="weekly")

        one, other = await both(server.create(REQUEST, lose), server.create(weekly, lose))

        assert isinstance(one, Snapshot)
        assert isinstance(other, Snapshot)
        assert (one.id, other.id) == ("snap-1", "snap-2")


async def both(*creates: Any) -> list[Snapshot | BaseException]:
    """Run two creates at once, or one, and return what each came to."""
    outcomes: list[Snapshot | BaseException] = await asyncio.gather(
        *creates, return_exceptions=True
    )
    return outcomes
