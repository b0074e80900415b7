"""The log: every write leaves a trace, each record has its fields, and no handler breaks a call."""

import asyncio
import inspect
import io
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    OutcomeUnknownError,
    PollPolicy,
    RetryPolicy,
    SessionClosedError,
    Snapshot,
    SnapshotFailedError,
    SnapshotRef,
    SnapshotSession,
    SnapshotVanishedError,
    WaitTimeoutError,
    plan_prune,
    wait_until_complete,
)
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.ledger import Ledger
from civo_snapshots_async._http.message import Request, Response
from civo_snapshots_async._http.writes import Write, is_write
from civo_snapshots_async._log import LEVELS, About, log
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .doubles import NoConnections, Script
from .make import make_snapshot, session_on
from .secrets import CANARY

LOGGER = "civo_snapshots_async"
# The second snapshot of a FakeCivo.
DAY = 24 * 3600
MADE = "00000000-0000-4000-8000-000000000002"
FIELDS = {
    "civo_event",
    "civo_instance_id",
    "civo_snapshot_id",
    "civo_snapshot_name",
    "civo_region",
}
Call = Callable[[SnapshotSession], Awaitable[object]]
WRITES: dict[str, Call] = {
    "create": lambda s: s.create_snapshot("web-1", name="nightly"),
    "update": lambda s: s.update_snapshot("web-1", "snap-1", name="weekly"),
    "restore": lambda s: s.restore_snapshot("web-1", "snap-1", hostname="copy"),
    "overwrite": lambda s: s.restore_snapshot("web-1", "snap-1", overwrite_existing=True),
    "delete": lambda s: s.delete_snapshot("web-1", "snap-1"),
}
# The restores that do not first check the snapshot.
BLIND: dict[str, Any] = {"require_complete": False}
UNCHECKED: dict[str, Call] = {
    **WRITES,
    "restore": lambda s: s.restore_snapshot("web-1", "snap-1", **BLIND),
    "overwrite": lambda s: s.restore_snapshot("web-1", "snap-1", overwrite_existing=True, **BLIND),
}
every_write = pytest.mark.parametrize(("write", "call"), WRITES.items(), ids=WRITES)


class JsonFormatter(logging.Formatter):
    """What a user of JSON logs writes: one object a line, with every field that is ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Dump a record."""
        ours = {name: value for name, value in vars(record).items() if name.startswith("civo_")}

        return json.dumps({"level": record.levelname, "message": record.getMessage(), **ours})


class Log:
    """What a handler with the formatter has written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every record, as a collector of logs reads it."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def events(self) -> list[tuple[str, str]]:
        """The level and the event of every record."""
        return [(line["level"], line["civo_event"]) for line in self.lines]


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    """Log as JSON, from INFO on."""
    written = Log()
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger(LOGGER).addHandler(handler)
    caplog.set_level(logging.INFO, logger=LOGGER)
    yield written
    logging.getLogger(LOGGER).removeHandler(handler)


@pytest.fixture
def civo(civo: FakeCivo) -> FakeCivo:
    """Have a snapshot that is complete."""
    civo.add_snapshot("web-1", "snap-1", name="daily")
    return civo


def without_retries(civo: FakeCivo, clock: FakeClock, **options: Any) -> SnapshotSession:
    """Make a session that sends everything once."""
    return session_on(civo, clock, **{"retry": None, "resolve_timeout": 0, **options})


def kind_of(write: str) -> Any:
    """Return FakeCivo's word for a write."""
    return "restore" if write == "overwrite" else write


def level(write: str, other: str = "INFO") -> str:
    """Return the level of a write's records."""
    return "WARNING" if write == "overwrite" else other


class TestWrites:
    """Sent, and what became of it."""

    @every_write
    async def test_a_write_is_logged_when_sent_and_when_done(
        self, session: SnapshotSession, written: Log, write: str, call: Call
    ) -> None:
        """At INFO, and an overwrite at WARNING."""
        await call(session)

        assert written.events == [(level(write), f"{write}.{end}") for end in ("sent", "done")]

    @pytest.mark.parametrize(
        ("write", "sent", "done"),
        [
            (
                "create",
                (None, "nightly", "create snapshot nightly of instance web-1 in FAKE1: sending"),
                (
                    MADE,
                    "nightly",
                    (
                        "create snapshot nightly of instance web-1 in FAKE1: "
                        f"accepted: snapshot nightly ({MADE})"
                    ),
                ),
            ),
            (
                "update",
                ("snap-1", None, "update snapshot snap-1 of instance web-1 in FAKE1: sending"),
                (
                    "snap-1",
                    "weekly",
                    (
                        "update snapshot snap-1 of instance web-1 in FAKE1: "
                        "accepted: snapshot weekly (snap-1)"
                    ),
                ),
            ),
            (
                "restore",
                (
                    "snap-1",
                    "daily",
                    (
                        "restore snapshot daily (snap-1) of instance web-1 in FAKE1 "
                        "into a new instance copy: sending"
                    ),
                ),
                (
                    "snap-1",
                    "daily",
                    (
                        "restore snapshot daily (snap-1) of instance web-1 in FAKE1 "
                        "into a new instance copy: accepted: restore-2"
                    ),
                ),
            ),
            (
                "overwrite",
                (
                    "snap-1",
                    "daily",
                    "overwrite instance web-1 in FAKE1 from snapshot daily (snap-1): sending",
                ),
                (
                    "snap-1",
                    "daily",
                    (
                        "overwrite instance web-1 in FAKE1 from snapshot daily (snap-1): "
                        "accepted: restore-2"
                    ),
                ),
            ),
            (
                "delete",
                ("snap-1", None, "delete snapshot snap-1 of instance web-1 in FAKE1: sending"),
                ("snap-1", None, "delete snapshot snap-1 of instance web-1 in FAKE1: accepted"),
            ),
        ],
    )
    async def test_a_record_names_what_it_is_about(
        self,
        *,
        session: SnapshotSession,
        written: Log,
        write: str,
        sent: tuple[str | None, str | None, str],
        done: tuple[str | None, str | None, str],
    ) -> None:
        """To programs in its fields, to people in its text; the name where it is known."""
        await WRITES[write](session)

        assert written.lines == [
            {
                "level": level(write),
                "message": message,
                "civo_event": f"{write}.{end}",
                "civo_instance_id": "web-1",
                "civo_snapshot_id": snapshot_id,
                "civo_snapshot_name": name,
                "civo_region": "FAKE1",
            }
            for end, (snapshot_id, name, message) in (("sent", sent), ("done", done))
        ]

    @pytest.mark.parametrize(
        ("call", "kind"),
        [
            (lambda s, snapshot: s.get_snapshot("web-1", snapshot), "get"),
            (lambda s, snapshot: s.update_snapshot("web-1", snapshot, description="x"), "update"),
            (lambda s, snapshot: s.restore_snapshot("web-1", snapshot, **BLIND), "restore"),
            (lambda s, snapshot: s.delete_snapshot("web-1", snapshot), "delete"),
        ],
        ids=["get", "update", "restore", "delete"],
    )
    async def test_a_snapshot_that_was_given_is_named_in_each_record(
        self, civo: FakeCivo, session: SnapshotSession, written: Log, call: Any, kind: Any
    ) -> None:
        """Also before the response, and in a retry."""
        snapshot = await session.get_snapshot("web-1", "snap-1")
        civo.inject(kind, faults.bad_gateway())

        with suppress(CivoSnapshotsError):
            await call(session, snapshot)

        assert written.lines
        assert {line["civo_snapshot_name"] for line in written.lines} == {"daily"}
        assert {line["civo_snapshot_id"] for line in written.lines} == {"snap-1"}

    async def test_a_create_without_a_name_is_logged_too(
        self, session: SnapshotSession, written: Log
    ) -> None:
        """Civo's name for it is known when it is done."""
        await session.create_snapshot("web-1", region="FAKE1")

        sent, done = written.lines
        assert sent["message"] == "create a snapshot of instance web-1 in FAKE1: sending"
        assert (sent["civo_snapshot_name"], done["civo_snapshot_name"]) == (None, "snapshot-2")

    async def test_a_restore_without_a_host_name_is_logged_too(
        self, session: SnapshotSession, written: Log
    ) -> None:
        """As one into a new instance."""
        await session.restore_snapshot("web-1", "daily", require_complete=False)

        assert written.lines[0]["message"] == (
            "restore snapshot daily of instance web-1 in FAKE1 into a new instance: sending"
        )

    @every_write
    async def test_it_is_logged_before_anything_is_sent(
        self, civo: FakeCivo, session: SnapshotSession, write: str, call: Call
    ) -> None:
        """So that a process that dies meanwhile leaves it behind."""
        arrived: list[int] = []

        class Counting(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if vars(record)["civo_event"] == f"{write}.sent":
                    arrived.append(sum(each.kind == kind for each in civo.requests))

        kind = kind_of(write)
        handler = Counting()
        logging.getLogger(LOGGER).addHandler(handler)
        try:
            await call(session)
        finally:
            logging.getLogger(LOGGER).removeHandler(handler)

        assert arrived == [0]
        assert sum(each.kind == kind for each in civo.requests) == 1

    @pytest.mark.parametrize(
        "call",
        [
            lambda s: s.list_snapshots("web-1"),
            lambda s: s.get_snapshot("web-1", "snap-1"),
            lambda s: s.wait_until_complete("web-1", "snap-1"),
            lambda s: s.wait_until_active("web-1"),
        ],
        ids=["list", "get", "wait", "active"],
    )
    async def test_a_read_leaves_no_trace(
        self, session: SnapshotSession, written: Log, call: Call
    ) -> None:
        """What changes nothing need not be distinguished afterwards."""
        await call(session)

        assert written.lines == []

    def test_every_request_that_is_no_get_is_a_write(self, written: Log) -> None:
        """A new one can't be forgotten."""
        where: dict[str, Any] = {
            "instance_id": "web-1",
            "ref": SnapshotRef("web-1", "snap-1", "LON1"),
            "region": "LON1",
            "page": 1,
            "per_page": 1,
        }
        made: list[Request[Any]] = []
        for function in vars(endpoints).values():
            if inspect.isfunction(function) and function.__module__ == endpoints.__name__:
                named = set(inspect.signature(function).parameters)
                if named & {"region", "ref"} and not function.__name__.startswith("_"):
                    given = {name: where[name] for name in where.keys() & named}
                    label = {"name": "n"} if "name" in named else {}
                    made.append(function(**given, **label))

        for request in filter(is_write, made):
            with Write(request):
                pass

        writes = [
            request.call.removesuffix("_snapshot") for request in made if request.method != "GET"
        ]
        assert [event for _, event in written.events] == [f"{each}.sent" for each in writes]
        assert len(writes) == 5


IN_USE = faults.status(409, code="database_snapshot_cannot_delete_in_use")
ENDS: dict[str, tuple[faults.Fault, str, str]] = {
    "refused": (IN_USE, "failed", "not done: ConflictError: "),
    "429": (faults.rate_limited(), "failed", "not done: RateLimitedError: "),
    "redirect": (faults.redirect("http://127.0.0.1:9/"), "failed", "not done: ApiError: "),
    "lost": (faults.reset(effect=True), "unknown", "it may have been done: TransportError: "),
    "late": (faults.hang(effect=True), "unknown", "it may have been done: TransportTimeoutError: "),
    "504": (faults.gateway_timeout(), "unknown", "it may have been done: ServerError: "),
    "unreadable": (faults.bad_json(), "unknown", "it may have been done: DecodeError: "),
}


class TestEnds:
    """A write that was not simply done: what is known of it afterwards."""

    @pytest.mark.parametrize(
        ("write", "how"),
        # A deletion's response may be any text.
        [(w, how) for w in WRITES for how in ENDS if (w, how) != ("delete", "unreadable")],
    )
    async def test_an_error_logs_whether_it_may_have_taken_effect(
        self, civo: FakeCivo, fake_clock: FakeClock, written: Log, write: str, how: str
    ) -> None:
        """The log agrees with `may_have_taken_effect`, and warns of it."""
        fault, end, text = ENDS[how]
        civo.inject(kind_of(write), fault)
        async with without_retries(civo, fake_clock) as session:
            with pytest.raises(CivoSnapshotsError) as caught:
                await WRITES[write](session)

        assert written.events == [
            (level(write), f"{write}.sent"),
            (level(write, "WARNING" if end == "unknown" else "INFO"), f"{write}.{end}"),
        ]
        assert f": {text}" in written.lines[-1]["message"]
        assert caught.value.may_have_taken_effect == (end == "unknown")

    @pytest.mark.parametrize(("write", "call"), UNCHECKED.items(), ids=UNCHECKED)
    async def test_what_never_left_was_not_done(
        self, civo: FakeCivo, fake_clock: FakeClock, written: Log, write: str, call: Call
    ) -> None:
        """Nothing listens at that address."""
        async with without_retries(civo, fake_clock, api_url="http://127.0.0.1:9") as session:
            with pytest.raises(CivoSnapshotsError):
                await call(session)

        assert written.events == [(level(write), f"{write}.{end}") for end in ("sent", "failed")]

    @pytest.mark.parametrize("end", ["cancel", "close"])
    @every_write
    async def test_canceled_while_it_runs_it_leaves_a_warning(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        written: Log,
        write: str,
        call: Call,
        end: str,
    ) -> None:
        """The log after a crash shows that the disk may have been replaced."""
        civo.inject(kind_of(write), faults.hang(effect=True))
        task = asyncio.ensure_future(call(session))
        await fake_clock.sleep(5)

        if end == "cancel":
            task.cancel()
        else:
            await session.aclose()
        with pytest.raises((asyncio.CancelledError, SessionClosedError)):
            await task

        assert written.events[1:] == [("WARNING", f"{write}.canceled")]
        assert written.lines[1]["message"].endswith(
            ": canceled while it ran, it may have been done"
        )

    async def test_an_error_that_is_not_ours_leaves_a_warning(
        self, written: Log, fake_clock: FakeClock
    ) -> None:
        """Only its name: its text could hold anything."""

        class Broken(NoConnections):
            async def send(
                self, request: Request[object], *, limit: float, counts_queue: bool = True
            ) -> Response:
                raise RuntimeError(f"{request.path} {limit} {counts_queue} {CANARY}")

        caller = Caller(Broken(), Broken(), Ledger(), fake_clock.now())

        with pytest.raises(RuntimeError):
            await caller.call(endpoints.delete_snapshot(SnapshotRef("web-1", "snap-1", "LON1")))

        assert written.lines[-1]["message"].endswith("it may have been done: RuntimeError")
        assert written.events[-1] == ("WARNING", "delete.unknown")

    async def test_a_create_that_is_resolved_is_logged_as_that(
        self, civo: FakeCivo, session: SnapshotSession, written: Log
    ) -> None:
        """The last record has what is known."""
        civo.inject("create", faults.close(effect=True))

        snapshot = await session.create_snapshot("web-1", name="nightly")

        assert written.events == [
            ("INFO", "create.sent"),
            ("WARNING", "create.unknown"),
            ("WARNING", "create.resolved"),
        ]
        resolved = written.lines[-1]
        assert (resolved["civo_snapshot_id"], resolved["civo_snapshot_name"]) == (
            snapshot.id,
            "nightly",
        )

    async def test_a_deletion_that_is_resolved_is_logged_as_that(
        self, civo: FakeCivo, session: SnapshotSession, written: Log
    ) -> None:
        """The lost attempt has done it."""
        civo.inject("delete", faults.close(effect=True))

        await session.delete_snapshot("web-1", "snap-1")

        assert [event for _, event in written.events] == [
            "delete.sent",
            "request.retried",
            "delete.unknown",
            "delete.resolved",
        ]

    async def test_an_error_response_after_a_lost_attempt_proves_nothing(
        self, civo: FakeCivo, fake_clock: FakeClock, written: Log
    ) -> None:
        """It is about the last attempt alone."""
        civo.inject("update", faults.close(effect=True), faults.status(409))
        policy = RetryPolicy(retry_updates=True)
        async with without_retries(civo, fake_clock, retry=policy) as session:
            with pytest.raises(CivoSnapshotsError) as caught:
                await session.update_snapshot("web-1", "snap-1", name="weekly")

        assert written.events[-1] == ("WARNING", "update.unknown")
        assert caught.value.may_have_taken_effect

    async def test_a_retry_has_the_fields_as_well(
        self, civo: FakeCivo, session: SnapshotSession, written: Log
    ) -> None:
        """Of a read too."""
        civo.inject("get", faults.bad_gateway())

        await session.get_snapshot("web-1", "snap-1")

        (line,) = written.lines
        assert line.pop("message").startswith(
            "GET /v2/instances/web-1/snapshots/snap-1: attempt 1 got 502; retried in "
        )
        assert line == {
            "level": "INFO",
            "civo_event": "request.retried",
            "civo_instance_id": "web-1",
            "civo_snapshot_id": "snap-1",
            "civo_snapshot_name": None,
            "civo_region": "FAKE1",
        }


QUICK: dict[str, Any] = {"timeout": 20, "poll": PollPolicy(interval=5)}


async def resumed(session: SnapshotSession) -> None:
    """Resume a wait in time."""
    token = session.save_wait("web-1", "slow", timeout=20)
    await session.resume(token, poll=PollPolicy(interval=5))


async def resumed_late(session: SnapshotSession) -> None:
    """Resume a wait whose deadline has passed."""
    token = session.save_wait("web-1", "nothing", timeout=20)
    await session.clock.sleep(30)
    await session.resume(token)


WAITS: dict[str, Call] = {
    "wait": lambda s: s.wait_until_complete("web-1", "slow", **QUICK),
    "module": lambda s: wait_until_complete(s, "web-1", "slow", **QUICK),
    "resumed": resumed,
}


class TestWaits:
    """A wait that does not come to what was waited for."""

    @pytest.mark.parametrize(
        ("script", "error", "event"),
        [
            (scripts.fails(after=1), SnapshotFailedError, "wait.failed"),
            (scripts.vanishes(after=1), SnapshotVanishedError, "wait.failed"),
            (scripts.stuck(), WaitTimeoutError, "wait.timed_out"),
        ],
        ids=["failed", "vanished", "timed out"],
    )
    @pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
    async def test_it_leaves_a_warning(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        script: Any,
        error: type[CivoSnapshotsError],
        event: str,
        wait: Call,
    ) -> None:
        """Once, with the snapshot as it was last seen, however it is waited for."""
        civo.add_snapshot("web-1", "snap-2", name="slow", script=script)

        with pytest.raises(error) as caught:
            await wait(session)

        line = written.lines[-1]
        assert [each for each in written.events if each[0] == "WARNING"] == [("WARNING", event)]
        assert line.pop("message") == f"{error.__name__}: {caught.value}"
        assert line == {
            "level": "WARNING",
            "civo_event": event,
            "civo_instance_id": "web-1",
            "civo_snapshot_id": "snap-2",
            "civo_snapshot_name": "slow",
            "civo_region": "FAKE1",
        }

    @pytest.mark.parametrize(
        ("script", "event"),
        [
            (scripts.fails(after=1), "wait.failed"),
            (scripts.vanishes(after=1), "wait.failed"),
            (scripts.stuck(), "wait.timed_out"),
        ],
        ids=["failed", "vanished", "timed out"],
    )
    async def test_so_does_a_watch(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        script: Any,
        event: str,
    ) -> None:
        """Also where it ends with an event, and raises nothing: the snapshot has failed."""
        civo.add_snapshot("web-1", "snap-2", name="slow", script=script)

        with suppress(CivoSnapshotsError):
            async for _ in session.watch("web-1", "slow", **QUICK):
                pass

        assert [each for each in written.events if each[0] == "WARNING"] == [("WARNING", event)]
        assert written.lines[-1]["civo_snapshot_name"] == "slow"

    @pytest.mark.parametrize(
        ("call", "event", "snapshot_id"),
        [
            (
                lambda s: s.wait_until_deleted("web-1", "snap-1", **QUICK),
                "wait.timed_out",
                "snap-1",
            ),
            (lambda s: s.wait_until_active("web-1", **QUICK), "wait.timed_out", None),
            (lambda s: s.wait_until_active("web-1", **QUICK), "wait.failed", None),
            (resumed_late, "wait.failed", "nothing"),
        ],
    )
    async def test_so_does_every_other_wait(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        call: Call,
        event: str,
        snapshot_id: str | None,
    ) -> None:
        """For a deletion, for an instance, for a saved wait after its deadline."""
        shown = {
            "id": "web-1",
            "hostname": "web-1",
            "status": "SHUTOFF" if event.endswith("out") else "ERROR",
        }
        civo.inject("get_instance", *[faults.status(200, body=shown)] * 20)

        with pytest.raises(CivoSnapshotsError):
            await call(session)

        (line,) = written.lines
        assert (line["level"], line["civo_event"]) == ("WARNING", event)
        assert (line["civo_snapshot_id"], line["civo_region"]) == (snapshot_id, "FAKE1")

    async def test_so_does_one_for_a_restored_instance(
        self, session: SnapshotSession, written: Log
    ) -> None:
        """It is about the snapshot, too."""
        restore = await session.restore_snapshot("web-1", "snap-1", hostname="elsewhere")
        restore = type(restore)(
            id=restore.id,
            hostname="not-there",
            instance_id="web-1",
            from_snapshot="snap-1",
            region="FAKE1",
        )

        with pytest.raises(WaitTimeoutError):
            await session.wait_for_restored_instance(restore, **QUICK)

        line = written.lines[-1]
        assert (line["civo_event"], line["civo_snapshot_id"]) == ("wait.timed_out", "snap-1")

    async def test_one_that_no_poll_would_change_leaves_a_warning(
        self, civo: FakeCivo, session: SnapshotSession, written: Log
    ) -> None:
        """It is the call's own error, and the wait's end."""
        civo.inject("get", faults.status(401))

        with pytest.raises(AuthenticationError):
            await session.wait_until_complete("web-1", "snap-1", **QUICK)

        assert written.events == [("WARNING", "wait.failed")]

    async def test_one_that_is_canceled_leaves_none(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock, written: Log
    ) -> None:
        """The program that cancels it knows, and it has changed nothing."""
        civo.add_snapshot("web-1", "snap-2", script=scripts.stuck())
        task = asyncio.ensure_future(session.wait_until_complete("web-1", "snap-2"))
        await fake_clock.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert written.lines == []

    async def test_a_source_of_ones_own_needs_no_region(
        self, fake_clock: FakeClock, written: Log
    ) -> None:
        """It is then the snapshot's, where one is seen."""

        class Source:
            def __init__(self, *outcomes: object) -> None:
                self.script = Script(fake_clock, *outcomes)

            async def get_snapshot(self, instance_id: str, snapshot_id: str) -> Any:
                assert (instance_id, snapshot_id) == ("web-1", "snap-1")
                return await self.script()

        never = DecodeError("odd", status=200, method="GET", path="/", problems=("odd",))
        for outcome in (make_snapshot("Pending"), never):
            with pytest.raises(CivoSnapshotsError):
                await wait_until_complete(
                    Source(outcome), "web-1", "snap-1", clock=fake_clock, **QUICK
                )

        assert [line["civo_region"] for line in written.lines] == ["FAKE1", None]


@pytest.fixture
async def dailies(
    civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
) -> tuple[Snapshot, ...]:
    """Have three snapshots, each a day older than the next."""
    for number in (2, 3):
        await fake_clock.sleep(DAY)
        civo.add_snapshot("web-1", f"snap-{number}", name=f"daily-{number}")

    return await session.list_snapshots("web-1")


class TestPrunes:
    """A prune is logged, and each deletion in it as well."""

    async def test_it_leaves_its_trace(
        self,
        session: SnapshotSession,
        written: Log,
        dailies: tuple[Snapshot, ...],
    ) -> None:
        """What was to be deleted, what was, and how many."""
        plan = plan_prune(dailies, keep_last=1)

        await session.prune(plan)

        assert written.events == [
            ("INFO", "prune.started"),
            ("INFO", "delete.sent"),
            ("INFO", "delete.done"),
            ("INFO", "prune.deleted"),
            ("INFO", "delete.sent"),
            ("INFO", "delete.done"),
            ("INFO", "prune.deleted"),
            ("INFO", "prune.done"),
        ]
        assert [line["message"] for line in (written.lines[0], written.lines[-1])] == [
            "prune of instance web-1: 2 to delete, 1 to keep",
            "prune of instance web-1: 2 of 2 deleted",
        ]
        named = [(line["civo_snapshot_id"], line["civo_snapshot_name"]) for line in written.lines]
        assert named == [
            (None, None),
            *[("snap-1", "daily")] * 3,
            *[("snap-2", "daily-2")] * 3,
            (None, None),
        ]
        assert written.lines[1]["message"] == (
            "delete snapshot daily (snap-1) of instance web-1 in FAKE1: sending"
        )
        assert {line["civo_region"] for line in written.lines} == {"FAKE1"}

    async def test_one_that_stops_early_logs_how_many_were_not_tried(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        dailies: tuple[Snapshot, ...],
    ) -> None:
        """They would get the same."""
        plan = plan_prune(dailies, keep_last=1)
        civo.inject("delete", faults.status(401))

        await session.prune(plan)

        assert written.events[3:] == [
            ("WARNING", "prune.not_deleted"),
            ("WARNING", "prune.stopped"),
            ("INFO", "prune.done"),
        ]
        assert written.lines[-2]["message"] == (
            "prune of instance web-1: stopped with 1 not tried, each would get the same: "
            "AuthenticationError"
        )

    async def test_one_whose_response_is_lost_is_not_called_undeleted(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        dailies: tuple[Snapshot, ...],
    ) -> None:
        """It is not known."""
        plan = plan_prune(dailies, keep_last=2)
        civo.inject("delete", *[faults.close(effect=True)] * 3)

        await session.prune(plan)

        assert written.events[-2:] == [("WARNING", "prune.unknown"), ("INFO", "prune.done")]

    async def test_canceled_it_logs_how_far_it_has_got(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        fake_clock: FakeClock,
        written: Log,
        dailies: tuple[Snapshot, ...],
    ) -> None:
        """The rest is still there."""
        plan = plan_prune(dailies, keep_last=1)
        civo.inject("delete", faults.delay(0.001), faults.hang())
        task = asyncio.ensure_future(session.prune(plan))
        await fake_clock.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert written.events[-2:] == [
            ("WARNING", "delete.canceled"),
            ("WARNING", "prune.canceled"),
        ]
        assert written.lines[-1]["message"] == "prune of instance web-1: canceled after 1 of 2"


class TestCheckpoints:
    """What a checkpoint does by itself is in the log by its own name."""

    @pytest.mark.parametrize(
        ("fault", "event"),
        [
            (faults.delay(0.001), "checkpoint.rolled_back"),
            (faults.status(409), "checkpoint.rollback_failed"),
            (faults.close(effect=True), "checkpoint.rollback_unknown"),
        ],
        ids=["started", "refused", "lost"],
    )
    async def test_a_rollback_has_a_record_of_its_own(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        written: Log,
        fault: faults.Fault,
        event: str,
    ) -> None:
        """After those of the overwrite."""
        civo.inject("restore", fault)

        with pytest.raises(RuntimeError):
            async with session.checkpoint("web-1", name="before", on_error="restore"):
                raise RuntimeError

        assert ("WARNING", "overwrite.sent") in written.events
        line = written.lines[-1]
        assert (line["level"], line["civo_event"]) == ("WARNING", event)
        assert (line["civo_instance_id"], line["civo_region"]) == ("web-1", "FAKE1")
        assert line["civo_snapshot_name"] == "before"


class TestRecords:
    """What is true of every record."""

    def test_every_event_has_every_field(self, written: Log) -> None:
        """A format string may name any of them."""
        formatter = logging.Formatter(" ".join(f"%({field})s" for field in sorted(FIELDS)))
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logging.getLogger(LOGGER).addHandler(handler)
        try:
            for event in LEVELS:
                log(event, About(), "text")
        finally:
            logging.getLogger(LOGGER).removeHandler(handler)

        shown = [event for event in LEVELS if LEVELS[event] > logging.DEBUG]
        assert stream.getvalue().splitlines() == [f"{event} None None None None" for event in shown]
        assert all(line.keys() > FIELDS for line in written.lines)

    def test_a_record_is_one_line(self, written: Log) -> None:
        """No name, and no text of a server's, reads like a record of its own."""
        log("wait.failed", About(), "%s, poll %d", "a\nWARNING all is well\x1b[2J", 3)

        assert written.lines[0]["message"] == "a WARNING all is well [2J, poll 3"

    async def test_a_record_never_shows_the_token(
        self, civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither in its text nor in its fields, though a server echoes it."""
        caplog.set_level(logging.DEBUG, logger=LOGGER)
        echo = faults.status(409, reason=f"no: bearer {civo.token}", headers={"X": civo.token})
        civo.inject("restore", echo)

        with pytest.raises(CivoSnapshotsError):
            await WRITES["overwrite"](session)

        assert len(caplog.records) == 2
        assert civo.token not in repr([vars(record) for record in caplog.records])

    def test_nothing_is_formatted_that_nobody_wants(self, caplog: pytest.LogCaptureFixture) -> None:
        """Logging that is off costs no text."""
        caplog.set_level(logging.ERROR, logger=LOGGER)

        made: list[str] = []

        class Precious:
            def __str__(self) -> str:
                made.append("text")
                return "text"

        for event in LEVELS:
            log(event, About(), "%s", Precious())

        assert (made, caplog.records) == ([], [])


def broken(*_: object) -> Any:
    """Fail, as a handler without a network does."""
    raise OSError("the log is full")


class BrokenHandler(logging.Handler):
    """Raises, where logging expects a handler to catch."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        broken(record)


class BrokenFormatter(logging.Formatter):
    """Can't write what it is given."""

    def format(self, record: logging.LogRecord) -> str:
        """Fail."""
        return str(broken(record))


def handler_with_a_broken_filter() -> logging.Handler:
    """Make a handler that fails before it writes."""
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(broken)
    return handler


def handler_with_a_broken_formatter() -> logging.Handler:
    """Make a handler that fails as it writes."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(BrokenFormatter())
    return handler


@pytest.mark.parametrize(
    "handler",
    [BrokenHandler, handler_with_a_broken_filter, handler_with_a_broken_formatter],
    ids=["handler", "filter", "formatter"],
)
class TestBrokenLogging:
    """A log that fails: the call goes on, and returns or raises what it would."""

    @pytest.fixture(autouse=True)
    def _broken(self, handler: Callable[[], logging.Handler]) -> Iterator[None]:
        made = handler()
        logging.getLogger(LOGGER).addHandler(made)
        yield
        logging.getLogger(LOGGER).removeHandler(made)

    @every_write
    async def test_it_breaks_no_call(
        self,
        *,
        civo: FakeCivo,
        session: SnapshotSession,
        capsys: pytest.CaptureFixture[str],
        write: str,
        call: Call,
    ) -> None:
        """It is reported where logging reports its own errors."""
        await call(session)

        kind = kind_of(write)
        assert [each.kind for each in civo.effects] == [kind]
        complaints = capsys.readouterr().err
        assert complaints.count("--- Logging error ---") >= 2
        assert "OSError: the log is full" in complaints

    async def test_it_hides_no_error(self, civo: FakeCivo, fake_clock: FakeClock) -> None:
        """The error of the call comes out as it is."""
        civo.inject("restore", faults.close(effect=True))

        async with without_retries(civo, fake_clock) as session:
            with pytest.raises(OutcomeUnknownError) as caught:
                await WRITES["overwrite"](session)

        assert not isinstance(caught.value.__context__, OSError)

    async def test_it_is_silent_where_logging_is_switched_off(
        self,
        session: SnapshotSession,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """By the same switch."""
        monkeypatch.setattr(logging, "raiseExceptions", False)

        await WRITES["overwrite"](session)

        assert capsys.readouterr().err == ""


PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "logs.md"
ROW = re.compile(r"^\| (?P<names>`[^|]+`) \| (?P<level>DEBUG|INFO|WARNING) \|", re.MULTILINE)


class TestThePage:
    """What is documented is what is logged."""

    def test_it_has_every_event_with_its_level(self) -> None:
        """Neither more nor less, and each once."""
        rows = [
            (event, row["level"])
            for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
            for event in re.findall(r"`([a-z_.]+)`", row["names"])
        ]

        assert sorted(rows) == sorted(
            (event, logging.getLevelName(level)) for event, level in LEVELS.items()
        )

    def test_it_has_every_field(self) -> None:
        """In a table of its own."""
        page = PAGE.read_text(encoding="utf-8")

        assert set(re.findall(r"^\| `(civo_(?!snapshots_)\w+)` \|", page, re.MULTILINE)) == FIELDS
