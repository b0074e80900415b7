"""Nothing sent twice, nothing lost: a session and a FakeCivo with faults, over real sockets."""

import asyncio
import json
import re
import tracemalloc
from collections.abc import Awaitable
from typing import Any

import pytest

from civo_snapshots_async import (
    ApiError,
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    HttpOptions,
    InstanceNotFoundError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PollPolicy,
    RateLimitedError,
    RegionNotFoundError,
    RetryPolicy,
    ServerError,
    Snapshot,
    SnapshotNotFoundError,
    SnapshotSession,
    TransportError,
    TransportTimeoutError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .lateness import lateness
from .make import session_on

LOST_RESPONSES = [
    faults.reset("after", effect=True),
    faults.reset("midway"),
    faults.reset("before", effect=True),
    faults.close("before", effect=True),
    faults.close("midway"),
    faults.bad_json(),
    faults.bad_json(b""),
    faults.bad_json(b'{"id": 5}'),
    faults.gateway_timeout(effect=True),
    faults.bad_gateway(effect=True),
    faults.status(500, effect=True),
    faults.hang(effect=True),
    faults.huge(),
    faults.bomb(),
]
LOST = pytest.mark.parametrize("fault", LOST_RESPONSES[1:], ids=repr)


def kinds(civo: FakeCivo) -> list[str]:
    """Return the kinds of a FakeCivo's requests, in order."""
    return [request.kind for request in civo.requests]


def effects(civo: FakeCivo) -> list[str]:
    """Return what took place on a FakeCivo, in order."""
    return [effect.kind for effect in civo.effects]


async def came_to(call: Awaitable[Any]) -> object:
    """Return what a call returned or raised."""
    try:
        return await call
    except CivoSnapshotsError as error:
        return error


class TestReads:
    """What does the same however often it arrives is sent at most three times."""

    @pytest.mark.parametrize(
        "fault",
        [
            faults.reset(),
            faults.reset("midway"),
            faults.close(),
            faults.status(500),
            faults.bad_gateway(),
            faults.status(503),
            faults.gateway_timeout(),
            faults.rate_limited(),
            faults.status(409, code="database_quota_lock_failed"),
            faults.hang(),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("kind", ["list", "get", "delete"])
    async def test_two_faults_are_survived(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault, kind: Any
    ) -> None:
        """And not a request more goes out than was counted."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject(kind, fault, fault)

        calls: dict[str, Any] = {
            "list": lambda: session.list_snapshots("web-1"),
            "get": lambda: session.get_snapshot("web-1", "snap-1"),
            "delete": lambda: session.delete_snapshot("web-1", "snap-1"),
        }
        await calls[kind]()

        assert kinds(civo) == [kind] * 3
        assert civo.unused_faults == ()

    async def test_the_error_lists_every_attempt(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """How many there were, and what each got."""
        civo.inject("get", faults.status(503), faults.reset(), faults.status(502, body="x"))

        with pytest.raises(
            ServerError, match=r"502: x \(3 attempts in .* s: 503; .*; 502\)$"
        ) as caught:
            await session.get_snapshot("web-1", "snap-1")

        assert [attempt.may_have_arrived for attempt in caught.value.attempts] == [True, True, True]

    async def test_an_update_is_not_retried(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """Unless an option allows it."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("update", faults.status(503))

        with pytest.raises(ServerError):
            await session.update_snapshot("web-1", "snap-1", description="x")

        assert kinds(civo) == ["update"]

    async def test_an_update_is_retried_by_an_option(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """It sets the same values again."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("update", faults.reset("midway"))
        async with session_on(civo, fake_clock, retry=RetryPolicy(retry_updates=True)) as session:
            snapshot = await session.update_snapshot("web-1", "snap-1", description="x")

        assert (kinds(civo), snapshot.description) == (["update"] * 2, "x")

    async def test_a_429_is_raised_at_once_where_the_backoff_would_not_fit(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """With the server's `Retry-After`."""
        civo.inject("list", faults.rate_limited(30))
        async with session_on(civo, fake_clock, call_timeout=20) as session:
            with pytest.raises(RateLimitedError) as caught:
                await session.list_snapshots("web-1")

        assert (caught.value.retry_after, fake_clock.slept) == (30.0, [])

    async def test_an_outage_is_not_multiplied(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """500 reads against a server that only responds 503 are at most 550 requests."""
        civo.inject("list", *[faults.status(503)] * 600)

        for _ in range(500):
            with pytest.raises(ServerError):
                await session.list_snapshots("web-1")

        assert 500 <= len(civo.requests) <= 550

    async def test_a_poll_is_not_retried_within_itself(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The next poll is its repetition."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("get", faults.status(503), faults.reset())

        await session.wait_until_complete("web-1", "snap-1", poll=PollPolicy(interval=10))

        assert [request.at for request in civo.requests] == [0, 10, 20]

    @pytest.mark.parametrize("fault", [faults.status(503), faults.reset(), faults.bad_json()])
    @pytest.mark.parametrize("kind", ["create", "list", "get", "update", "restore", "delete"])
    async def test_retries_can_be_switched_off(
        self, civo: FakeCivo, fake_clock: FakeClock, kind: Any, fault: faults.Fault
    ) -> None:
        """Then exactly one request goes out, of each kind, whatever it gets."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject(kind, *[fault] * 9)
        async with session_on(civo, fake_clock, retry=None, resolve_timeout=0) as session:
            calls: dict[str, Any] = {
                "create": lambda: session.create_snapshot("web-1", name="nightly"),
                "list": lambda: session.list_snapshots("web-1"),
                "get": lambda: session.get_snapshot("web-1", "snap-1"),
                "update": lambda: session.update_snapshot("web-1", "snap-1", name="a"),
                "restore": lambda: session.restore_snapshot(
                    "web-1", "snap-1", require_complete=False
                ),
                "delete": lambda: session.delete_snapshot("web-1", "snap-1"),
            }
            if (kind, fault.name) != ("delete", "bad_json"):
                with pytest.raises(CivoSnapshotsError):
                    await calls[kind]()
            else:
                await calls[kind]()

        assert kinds(civo) == [kind]


class TestDeletions:
    """Gone is gone, but for a reason that is known."""

    @pytest.mark.parametrize(
        "fault",
        [faults.reset("before", effect=True), faults.reset("midway"), faults.gateway_timeout()],
        ids=repr,
    )
    async def test_not_found_after_a_lost_attempt_is_success(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault
    ) -> None:
        """It was that attempt that did it."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("delete", fault)

        await session.delete_snapshot("web-1", "snap-1")

        assert (kinds(civo), effects(civo)) == (["delete"] * 2, ["delete"])

    async def test_not_found_at_once_is_an_error(self, session: SnapshotSession) -> None:
        """It may be a slip in the id."""
        with pytest.raises(SnapshotNotFoundError):
            await session.delete_snapshot("web-1", "snap-1")

    async def test_not_found_after_a_429_is_an_error(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """That attempt can't have done it."""
        civo.inject("delete", faults.rate_limited())

        with pytest.raises(SnapshotNotFoundError):
            await session.delete_snapshot("web-1", "snap-1")

    @pytest.mark.parametrize(
        "lost",
        [
            faults.reset("before", effect=True),
            faults.status(408, effect=True),
            faults.status(503),
            faults.hang(),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize(
        ("last", "error"),
        [
            (faults.status(404, body="<html>404</html>"), NotFoundError),
            (faults.status(404, body=b""), NotFoundError),
            (faults.status(404, body=b'{"code": "database_snap'), NotFoundError),
            (faults.status(404, body="not found"), NotFoundError),
            (faults.status(404, body={"result": "failed"}), NotFoundError),
            (faults.status(404, code="database_instance_find"), InstanceNotFoundError),
            (faults.status(404, code="database_region_not_found"), RegionNotFoundError),
            (faults.status(404, code="database_account_not_found"), AuthenticationError),
            (faults.status(401, body={"result": "requires_authentication"}), AuthenticationError),
            (faults.status(409, code="database_snapshot_cannot_delete_in_use"), ConflictError),
            (faults.status(400), InvalidRequestError),
            (faults.redirect("http://127.0.0.1:9/"), ApiError),
        ],
        ids=repr,
    )
    async def test_after_a_lost_attempt_no_other_response_is_proof(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        lost: faults.Fault,
        last: faults.Fault,
        error: type[CivoSnapshotsError],
    ) -> None:
        """It is about the last attempt; the lost one may have deleted it, or not."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("delete", lost, last)

        with pytest.raises(OutcomeUnknownError) as caught:
            await session.delete_snapshot("web-1", "snap-1")

        assert type(caught.value.last_error) is error
        assert caught.value.__cause__ is caught.value.last_error
        assert kinds(civo) == ["delete"] * 2

    @pytest.mark.parametrize(
        ("fault", "times"),
        [
            pytest.param(faults.reset("midway"), 3, id="lost"),
            pytest.param(faults.hang(effect=True), 3, id="timed out"),
            pytest.param(faults.gateway_timeout(), 3, id="504"),
            pytest.param(faults.status(500), 3, id="500"),
            pytest.param(faults.status(408, effect=True), 3, id="408"),
            pytest.param(faults.status(501), 1, id="501"),
        ],
    )
    async def test_all_attempts_lost_is_unknown(
        self, civo: FakeCivo, fake_clock: FakeClock, fault: faults.Fault, times: int
    ) -> None:
        """The error names the snapshot, and what to do."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("delete", *[fault] * 3)
        async with session_on(civo, fake_clock, request_timeout=5) as session:
            with pytest.raises(OutcomeUnknownError, match="may or may not have been done") as got:
                await session.delete_snapshot("web-1", "snap-1")

        error = got.value
        assert (error.action, error.snapshot_id) == ("delete_snapshot", "snap-1")
        assert (error.instance_id, error.region, error.requested) == ("web-1", civo.region, {})
        assert str(error).endswith(
            "Delete it again by its id: that is safe, and SnapshotNotFoundError then "
            "proves that it is gone."
        )
        assert kinds(civo) == ["delete"] * times

    @pytest.mark.parametrize(
        ("responses", "error"),
        [
            ([faults.status(404, body="<html>404</html>")], NotFoundError),
            ([faults.rate_limited(), faults.status(404, body=b"")], NotFoundError),
            ([faults.rate_limited(), faults.status(401)], AuthenticationError),
            ([faults.rate_limited()] * 3, RateLimitedError),
            ([faults.status(409, code="database_quota_lock_failed")] * 3, ConflictError),
        ],
        ids=repr,
    )
    async def test_what_was_never_lost_was_not_done(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        responses: list[faults.Fault],
        error: type[CivoSnapshotsError],
    ) -> None:
        """Each attempt got an error response."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("delete", *responses)

        with pytest.raises(error):
            await session.delete_snapshot("web-1", "snap-1")

        assert effects(civo) == []

    async def test_a_server_that_was_never_reached_has_deleted_nothing(
        self, fake_clock: FakeClock
    ) -> None:
        """No byte of it left, in any attempt."""
        async with FakeCivo() as gone:
            pass
        async with session_on(gone, fake_clock) as session:
            with pytest.raises(TransportError) as caught:
                await session.delete_snapshot("web-1", "snap-1")

        assert not caught.value.may_have_arrived

    async def test_deleted_again_it_is_known(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """What the error advises."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("delete", *[faults.reset("midway")] * 3)

        with pytest.raises(OutcomeUnknownError):
            await session.delete_snapshot("web-1", "snap-1")
        with pytest.raises(SnapshotNotFoundError):
            await session.delete_snapshot("web-1", "snap-1")

        assert effects(civo) == ["delete"]


class TestCreates:
    """A snapshot is made once, and what became of it is found out."""

    @LOST
    async def test_a_lost_response_is_resolved_by_listing(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault, fake_clock: FakeClock
    ) -> None:
        """The snapshot that was made is returned; nothing was retried."""
        civo.add_snapshot("web-1", name="nightly")
        fake_clock.advance(3600)
        civo.inject("create", fault)

        snapshot = await session.create_snapshot("web-1", name="nightly")

        assert effects(civo) == ["create"]
        assert kinds(civo) == ["create", "list"]
        assert snapshot.id == civo.effects[0].snapshot_id
        assert (snapshot.instance_id, snapshot.region) == ("web-1", civo.region)

    @pytest.mark.parametrize("effect", [True, False])
    async def test_a_response_about_a_snapshot_that_was_there_is_not_the_creates(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        effect: bool,  # noqa: FBT001
    ) -> None:
        """The one that it made is found; where it made none, the outcome is unknown."""
        civo.add_snapshot("web-1", "old", name="nightly")
        fake_clock.advance(3600)
        await session.list_snapshots("web-1")
        body = b'{"id": "old", "name": "nightly"}'
        civo.inject("create", faults.bad_json(body, effect=effect))

        outcome = await came_to(session.create_snapshot("web-1", name="nightly"))

        made = [each.snapshot_id for each in civo.effects]
        assert [outcome.id] == made if isinstance(outcome, Snapshot) else made == []
        assert isinstance(outcome, OutcomeUnknownError) == (not effect)

    @pytest.mark.parametrize(
        "fault",
        [faults.reset(), faults.close(), faults.hang(), faults.bad_gateway(), faults.status(500)],
        ids=repr,
    )
    async def test_what_was_not_created_is_not_returned(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault, fake_clock: FakeClock
    ) -> None:
        """One of that name that was there before is not taken for it."""
        civo.add_snapshot("web-1", name="nightly")
        fake_clock.advance(3600)
        civo.inject("create", fault)

        with pytest.raises(OutcomeUnknownError) as caught:
            await session.create_snapshot("web-1", name="nightly")

        assert effects(civo) == []
        assert kinds(civo).count("create") == 1
        assert caught.value.candidates == ()
        assert [snapshot.name for snapshot in caught.value.existing] == ["nightly"]

    @pytest.mark.parametrize("status", [400, 403, 404, 408, 409, 422, 500, 502, 503])
    async def test_a_missing_instance_is_one_whatever_the_status(
        self, civo: FakeCivo, session: SnapshotSession, status: int
    ) -> None:
        """The create's own code means it; a status that leaves doubt is checked by listing."""
        code = "database_snapshot_create_instance_not_found"
        civo.inject("create", faults.status(status, code=code))

        with pytest.raises(InstanceNotFoundError) as caught:
            await session.create_snapshot("web-9", name="nightly")

        assert not caught.value.may_have_taken_effect
        assert kinds(civo).count("create") == 1

    async def test_a_refused_connection_is_retried(self, fake_clock: FakeClock) -> None:
        """Nothing has left, so nothing can arrive twice."""
        async with FakeCivo() as gone:
            pass
        async with session_on(gone, fake_clock) as session:
            with pytest.raises(TransportError) as caught:
                await session.create_snapshot("web-1", name="nightly")

        port = gone.api_url.rpartition(":")[2]
        said = rf"cannot connect to 127.0.0.1:{port} \(connection refused\), 3 attempts in \d.\d s"
        assert re.fullmatch(f"POST /v2/instances/web-1/snapshots: {said}", str(caught.value))
        assert not caught.value.may_have_arrived
        assert len(fake_clock.slept) == 2

    async def test_a_429_is_retried(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """It means that the request was not accepted."""
        civo.inject("create", faults.rate_limited(1), faults.rate_limited(1))

        await session.create_snapshot("web-1", name="nightly")

        assert (kinds(civo), effects(civo)) == (["create"] * 3, ["create"])

    async def test_a_dropped_idle_connection_loses_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Creates and restores go out on fresh ones; a get, which does not, is retried."""
        civo.add_snapshot("web-1", "snap-1")
        for kind in ("create", "restore", "get"):
            civo.inject(kind, faults.stale())

        await session.get_snapshot("web-1", "snap-1")
        await session.create_snapshot("web-1", name="nightly")
        await session.get_snapshot("web-1", "snap-1")
        await session.restore_snapshot("web-1", "snap-1", require_complete=False)

        assert kinds(civo) == ["get", "create", "get", "get", "restore"]
        assert effects(civo) == ["create", "restore"]
        assert [fault.name for fault in civo.unused_faults] == ["stale", "stale"]

    @pytest.mark.parametrize("effect", [True, False])
    async def test_two_of_one_name_that_lose_their_responses(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        effect: bool,  # noqa: FBT001
    ) -> None:
        """They never get the same snapshot."""
        civo.inject("create", faults.reset("before", effect=True), faults.reset(effect=effect))

        outcomes = await asyncio.gather(
            session.create_snapshot("web-1", name="nightly"),
            session.create_snapshot("web-1", name="nightly"),
            return_exceptions=True,
        )

        got = [outcome.id for outcome in outcomes if isinstance(outcome, Snapshot)]
        assert len(got) == 1
        assert sum(isinstance(outcome, OutcomeUnknownError) for outcome in outcomes) == 1
        assert effects(civo) == ["create"]


class TestRestores:
    """A restore is never retried once any of it may have left."""

    @LOST
    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_a_lost_response_is_raised_at_once(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fault: faults.Fault,
        overwrite: bool,  # noqa: FBT001
    ) -> None:
        """For an overwrite, the disk may have been replaced."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("restore", fault)
        how: dict[str, Any] = {"overwrite_existing": True} if overwrite else {"hostname": "copy"}

        with pytest.raises(OutcomeUnknownError) as caught:
            await session.restore_snapshot("web-1", "snap-1", **how)

        assert kinds(civo) == ["get", "restore"]
        assert effects(civo) == ["restore"]
        assert caught.value.requested == how
        assert caught.value.snapshot_id == "snap-1"
        assert re.search(
            "The disk of instance web-1 may have been replaced"
            if overwrite
            else "A new instance copy may have been created",
            str(caught.value),
        )

    @pytest.mark.parametrize(
        "fault", [faults.rate_limited(0), faults.status(409, code="database_quota_lock_failed")]
    )
    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_an_error_response_is_not_retried(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        fault: faults.Fault,
        overwrite: bool,  # noqa: FBT001
    ) -> None:
        """Not even one that is transient."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("restore", fault)

        with pytest.raises((RateLimitedError, ConflictError)):
            await session.restore_snapshot("web-1", "snap-1", overwrite_existing=overwrite)

        assert kinds(civo).count("restore") == 1

    @pytest.mark.parametrize(("overwrite", "connects"), [(True, 1), (False, 3)])
    async def test_a_refused_connection_is_retried_unless_it_overwrites(
        self,
        fake_clock: FakeClock,
        overwrite: bool,  # noqa: FBT001
        connects: int,
    ) -> None:
        """An overwrite is never retried."""
        async with FakeCivo() as gone:
            pass
        async with session_on(gone, fake_clock) as session:
            with pytest.raises(TransportError):
                await session.restore_snapshot(
                    "web-1", "snap-1", overwrite_existing=overwrite, require_complete=False
                )

        assert len(fake_clock.slept) == connects - 1


class TestEnsuring:
    """A job that is delivered twice makes one snapshot."""

    async def test_it_is_made_once(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """The second delivery gets the first one's, whatever its phase."""
        first = await session.ensure_snapshot("web-1", name="nightly", description="of Monday")
        second = await session.ensure_snapshot("web-1", name="nightly")

        assert first.id == second.id
        assert effects(civo) == ["create"]
        assert kinds(civo) == ["list", "create", "list"]

    async def test_of_several_it_is_the_newest(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """By the server's time."""
        for number in (1, 2, 3):
            civo.add_snapshot("web-1", f"snap-{number}", name="nightly")
            fake_clock.advance(60)
        civo.add_snapshot("web-1", name="weekly")

        assert (await session.ensure_snapshot("web-1", name="nightly")).id == "snap-3"

    async def test_both_at_once_make_one(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """The one that comes second finds what the first one has started."""
        one, other = await asyncio.gather(
            session.ensure_snapshot("web-1", name="nightly"),
            session.ensure_snapshot("web-1", name="nightly"),
        )

        assert one.id == other.id
        assert effects(civo) == ["create"]

    async def test_both_at_once_make_one_also_where_civo_would_make_two(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Calls of one session wait for each other."""
        civo.script_next("web-1", scripts.completed(), scripts.completed())

        ids = {
            snapshot.id
            for snapshot in await asyncio.gather(
                *(session.ensure_snapshot("web-1", name="nightly") for _ in range(5))
            )
        }

        assert len(ids) == 1
        assert effects(civo) == ["create"]
        assert fake_clock.now() == 0

    @pytest.mark.parametrize(
        ("entry", "became"),
        [
            pytest.param({"id": "x", "name": "weekly", "status": 5}, "created", id="another name"),
            pytest.param({"name": "weekly"}, "created", id="another name, no id"),
            pytest.param({"id": "x", "name": "nightly", "status": 5}, "raised", id="that name"),
            pytest.param({"id": "x"}, "raised", id="no name"),
            pytest.param(None, "raised", id="nothing"),
        ],
    )
    async def test_an_entry_that_cannot_be_read_may_be_the_one(
        self, civo: FakeCivo, session: SnapshotSession, entry: object, became: str
    ) -> None:
        """Then nothing is created; a stranger's entry prevents nothing."""
        civo.inject("list", faults.bad_json(json.dumps([entry]).encode()))

        outcome = await came_to(session.ensure_snapshot("web-1", name="nightly"))

        assert isinstance(outcome, Snapshot) == (became == "created")
        assert isinstance(outcome, DecodeError) == (became == "raised")
        assert effects(civo) == ["create"] * (became == "created")

    async def test_one_of_several_of_that_name_cannot_be_read(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It may be the newest of them, which is what is promised."""
        listed = [{"id": "a", "name": "nightly"}, {"id": "b", "name": "nightly", "status": 5}]
        civo.inject("list", faults.bad_json(json.dumps(listed).encode()))

        with pytest.raises(DecodeError, match=r"\[1\]\.status: expected an object"):
            await session.ensure_snapshot("web-1", name="nightly")

    async def test_the_existing_one_is_found_beside_a_strangers_entry(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """And no second one is made."""
        listed = [{"id": "a", "name": "nightly"}, {"id": "b", "name": "weekly", "status": 5}]
        civo.inject("list", faults.bad_json(json.dumps(listed).encode()))

        assert (await session.ensure_snapshot("web-1", name="nightly")).id == "a"
        assert effects(civo) == []

    async def test_a_conflict_beside_an_entry_that_cannot_be_read_is_no_snapshot(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The list after the 409 hides the one that is being made."""
        civo.inject("create", faults.status(409))
        civo.inject("list", None, faults.bad_json(b'[{"name": "nightly"}]'))

        with pytest.raises(DecodeError):
            await session.ensure_snapshot("web-1", name="nightly")

    async def test_calls_for_other_instances_do_not_wait(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A batch gives the same name to a snapshot of each."""
        civo.add_instance("web-2")
        civo.inject("list", faults.delay(60.0))

        slow = asyncio.ensure_future(session.ensure_snapshot("web-1", name="nightly"))
        await asyncio.sleep(0)
        await session.ensure_snapshot("web-2", name="nightly")

        assert not slow.done()
        await slow

    async def test_another_programs_delivery_is_found(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Its snapshot is in process when this one is created."""
        async with session_on(civo, fake_clock) as other:
            one, two = await asyncio.gather(
                session.ensure_snapshot("web-1", name="nightly"),
                other.ensure_snapshot("web-1", name="nightly"),
            )

        assert one.id == two.id
        assert effects(civo) == ["create"]

    @pytest.mark.parametrize("wrong", [{"name": None}, {"name": "a", "description": 5}])
    async def test_bad_input_is_an_error_before_the_list(
        self, civo: FakeCivo, session: SnapshotSession, wrong: Any
    ) -> None:
        """And not after it."""
        with pytest.raises(TypeError):
            await session.ensure_snapshot("web-1", **wrong)

        assert civo.requests == []

    async def test_another_conflict_is_an_error(self, session: SnapshotSession) -> None:
        """Such as a snapshot of another name that is being made."""
        await session.create_snapshot("web-1", name="weekly")

        with pytest.raises(ConflictError):
            await session.ensure_snapshot("web-1", name="nightly")

    async def test_a_bad_name_is_an_error_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As by every call."""
        with pytest.raises(ValueError, match="name must be an RFC 1123 label"):
            await session.ensure_snapshot("web-1", name="Nightly")

        assert civo.requests == []


class TestLimits:
    """Every call ends in time, whatever the server does."""

    @pytest.mark.parametrize(
        "fault",
        [faults.hang(), faults.drip(0.001), faults.endless_1xx(), faults.delay(60.0)],
        ids=repr,
    )
    async def test_a_call_ends_at_its_limit(self, fault: faults.Fault) -> None:
        """In real time, to within 0.3 s."""
        async with FakeCivo() as civo:
            civo.add_instance("web-1")
            civo.add_snapshot("web-1", "snap-1", description="x" * 1000)
            civo.inject("get", *[fault] * 3)
            async with SnapshotSession(
                civo.token, region="FAKE1", api_url=civo.api_url, http=HttpOptions(call_timeout=0.2)
            ) as session:
                with pytest.raises(TransportTimeoutError, match="no complete response within"):
                    async with lateness(0.2) as late:
                        await session.get_snapshot("web-1", "snap-1")

        assert -0.05 < late.seconds < 0.3

    async def test_a_full_pool_does_not_lengthen_it(self) -> None:
        """A request without a free connection in time is an error, and nothing of it was sent."""
        async with FakeCivo() as civo:
            civo.add_instance("web-1")
            civo.inject("list", *[faults.hang()] * 5)
            async with SnapshotSession(
                civo.token,
                region="FAKE1",
                api_url=civo.api_url,
                http=HttpOptions(call_timeout=0.1, max_connections=1),
                retry=None,
            ) as session:
                outcomes = await asyncio.gather(
                    *(session.list_snapshots("web-1") for _ in range(5)), return_exceptions=True
                )

        assert [type(outcome) for outcome in outcomes] == [TransportTimeoutError] * 5
        assert sum(getattr(error, "may_have_arrived", True) for error in outcomes) < 5

    @pytest.mark.parametrize(
        "fault",
        [
            faults.huge(),
            faults.huge(declared=False),
            faults.bomb(),
            faults.status(500, body="x" * 10**6),
        ],
        ids=repr,
    )
    async def test_a_huge_response_costs_little(
        self, civo: FakeCivo, fake_clock: FakeClock, fault: faults.Fault
    ) -> None:
        """At most 10 MB of memory, and an error of ours."""
        civo.inject("get", fault)
        async with session_on(civo, fake_clock, retry=None) as session:
            tracemalloc.start()
            try:
                with pytest.raises((DecodeError, ServerError)):
                    await session.get_snapshot("web-1", "snap-1")
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        assert peak < 10_000_000
