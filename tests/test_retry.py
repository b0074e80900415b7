"""What is retried, how often and when: on a transport of three lines and a clock."""

from collections.abc import Callable
from typing import Any

import pytest

from civo_snapshots_async import (
    CertificateError,
    RetryPolicy,
    SessionClosedError,
    SnapshotRef,
    TransportError,
    TransportTimeoutError,
)
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.message import Request, Response
from civo_snapshots_async._http.retry import RetryingTransport
from civo_snapshots_async.testing import FakeClock

from .doubles import Script

ONE = SnapshotRef("web-1", "snap-1", "LON1")
LIST = endpoints.list_snapshots("web-1", region="LON1")
GET = endpoints.get_snapshot(ONE)
DELETE = endpoints.delete_snapshot(ONE)
UPDATE = endpoints.update_snapshot(ONE, name="a")
CREATE = endpoints.create_snapshot("web-1", region="LON1")
RESTORE = endpoints.restore_snapshot(ONE)
DELETE_SCRATCH = endpoints.delete_scratch("i-1", region="LON1")
OVERWRITE = endpoints.restore_snapshot(ONE, overwrite_existing=True)
REQUESTS: dict[str, Request[Any]] = {
    "list": LIST,
    "get": GET,
    "delete": DELETE,
    "update": UPDATE,
    "create": CREATE,
    "restore": RESTORE,
    "overwrite": OVERWRITE,
    "delete scratch": DELETE_SCRATCH,
}
OK = Response(status=200)
UNSENT: Any = {"may_have_arrived": False, "is_transient": False}


def lost(*, sent: bool = True) -> TransportError:
    """Make a loss of the connection, after or before anything was sent."""
    return TransportError("lost", method="GET", path="/v2", may_have_arrived=sent)


def respond(status: int, code: str = "", **headers: str) -> Response:
    """Make a response."""
    return Response(
        status=status,
        body=f'{{"code": "{code}"}}'.encode(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class Transport:
    """A transport that plays a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.limits: list[float] = []

    async def send(self, request: Request[object], *, limit: float) -> Response:
        """Respond with the script's next outcome."""
        assert request.region == "LON1"
        self.limits.append(limit)
        response: Response = await self.script()
        return response


def retrying(script: Script, **policy: Any) -> RetryingTransport:
    """Put a retrying transport around one that plays a script."""
    return RetryingTransport(Transport(script), RetryPolicy(**policy), script.clock)


async def send(
    script: Script, request: Request[Any] = GET, *, limit: float = 120, **policy: Any
) -> Response:
    """Send a request through a retrying transport."""
    return await retrying(script, **policy).send(request, limit=limit)


# Which kind of request is retried after which kind of trouble?
MEETS: dict[str, Callable[[], Response | Exception]] = {
    "unsent": lambda: lost(sent=False),
    "lost": lost,
    "late": lambda: TransportTimeoutError("late", method="GET", path="/v2"),
    "bad certificate": lambda: CertificateError("bad", method="GET", path="/v2", **UNSENT),
    "proxy's 407": lambda: TransportError("407", method="GET", path="/v2", **UNSENT),
    "429": lambda: respond(429),
    "500": lambda: respond(500),
    "502": lambda: respond(502),
    "503": lambda: respond(503),
    "504": lambda: respond(504),
    "quota lock": lambda: respond(409, "database_quota_lock_failed"),
    "conflict": lambda: respond(409),
    "404": lambda: respond(404, "database_snapshot_not_found"),
    "bad token": lambda: respond(404, "database_account_not_found"),
    "400": lambda: respond(400),
    "501": lambda: respond(501),
    "redirect": lambda: respond(307),
}
TRANSIENT = {"unsent", "lost", "late", "429", "500", "502", "503", "504", "quota lock"}
AGAIN: dict[str, set[str]] = {
    "list": TRANSIENT,
    "get": TRANSIENT,
    "delete": TRANSIENT,
    "update": {"unsent"},
    "create": {"unsent", "429"},
    "restore": {"unsent"},
    "overwrite": set(),
    "delete scratch": set(),
}


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("meets", MEETS)
async def test_retries_only_what_may_be_retried(
    fake_clock: FakeClock, kind: str, meets: str
) -> None:
    """All of the table: a create or restore never after a byte of it may have left."""
    script = Script(fake_clock, MEETS[meets](), OK)

    outcome: Response | TransportError
    try:
        outcome = await send(script, REQUESTS[kind])
    except TransportError as error:
        outcome = error

    assert len(script.called_at) == (2 if meets in AGAIN[kind] else 1)
    assert (isinstance(outcome, Response) and outcome.status == 200) == (meets in AGAIN[kind])


@pytest.mark.parametrize("meets", sorted(TRANSIENT))
async def test_updates_are_retried_by_an_option(fake_clock: FakeClock, meets: str) -> None:
    """It does no harm, unless somebody else updates the same snapshot."""
    script = Script(fake_clock, MEETS[meets](), OK)

    await send(script, UPDATE, retry_updates=True)

    assert len(script.called_at) == 2


@pytest.mark.parametrize("attempts", [1, 2, 3, 7])
async def test_sends_no_more_often_than_it_may(fake_clock: FakeClock, attempts: int) -> None:
    """Attempts are sends in all."""
    script = Script(fake_clock, respond(503))

    response = await send(script, attempts=attempts)

    assert (len(script.called_at), response.status) == (attempts, 503)


async def test_what_goes_well_costs_no_time(fake_clock: FakeClock) -> None:
    """One attempt, no backoff, no history."""
    script = Script(fake_clock, OK)

    assert await send(script) is OK
    assert (script.called_at, fake_clock.slept) == ([0], [])


async def test_a_bug_is_not_retried(fake_clock: FakeClock) -> None:
    """Nor anything else that is no lost response."""
    script = Script(fake_clock, KeyError("bug"))

    with pytest.raises(KeyError):
        await send(script)

    assert len(script.called_at) == 1


@pytest.mark.parametrize(("first", "may_have"), [("lost", True), ("unsent", False)])
async def test_a_session_closed_before_a_retry_reports_the_attempt_before(
    fake_clock: FakeClock, first: str, *, may_have: bool
) -> None:
    """That nothing was sent is true of the last attempt alone."""
    script = Script(fake_clock, MEETS[first](), SessionClosedError("closed"))

    with pytest.raises(SessionClosedError) as caught:
        await send(script, DELETE)

    assert caught.value.may_have_taken_effect is may_have


async def test_the_response_has_what_each_attempt_got(fake_clock: FakeClock) -> None:
    """So that the error made of it has it."""
    script = Script(fake_clock, respond(503), lost(sent=False), respond(429, "too_fast"), takes=2)

    response = await send(script)

    first, second = fake_clock.slept[1::2]
    assert [(each.outcome, each.may_have_arrived) for each in response.attempts] == [
        ("503", True), ("lost", False), ("429 too_fast", False),
    ]  # fmt: skip
    assert [each.elapsed for each in response.attempts] == pytest.approx(
        [2, 4 + first, 6 + first + second]
    )


async def test_the_last_loss_has_what_each_attempt_got(fake_clock: FakeClock) -> None:
    """And that the request may have arrived, if any attempt may have."""
    script = Script(fake_clock, lost(), lost(sent=False), lost(sent=False))

    text = r"^lost, 3 attempts in \d\.\d s; an earlier attempt may have reached Civo$"
    with pytest.raises(TransportError, match=text) as caught:
        await send(script)

    assert caught.value.may_have_arrived
    assert [attempt.may_have_arrived for attempt in caught.value.attempts] == [True, False, False]


async def test_the_backoff_is_drawn_from_a_growing_range(fake_clock: FakeClock) -> None:
    """Full jitter: anything from almost nothing to 0.5, 1, 2, … and at most 8 s."""
    for _ in range(20):
        await send(Script(fake_clock, respond(503)), attempts=8)

    by_attempt = [fake_clock.slept[n::7] for n in range(7)]
    for backoffs, longest in zip(by_attempt, (0.5, 1, 2, 4, 8, 8, 8), strict=True):
        assert all(0.05 <= backoff <= longest for backoff in backoffs)
        assert len(set(backoffs)) == 20
        assert max(backoffs) > longest / 2


@pytest.mark.parametrize(
    ("given", "at_least", "at_most"),
    [
        ("7", 7, 7.1),
        ("0", 0, 0.1),
        ("60", 60, 60.1),
        ("61", 60, 60.1),
        ("3600", 60, 60.1),
        ("1_000", 0.05, 0.5),
        ("99999999", 0.05, 0.5),
        ("-1", 0.05, 0.5),
        ("nan", 0.05, 0.5),
        ("inf", 0.05, 0.5),
        ("\u0667", 0.05, 0.5),
        ("soon", 0.05, 0.5),
    ],
)
async def test_retry_after_is_obeyed_up_to_a_minute(
    fake_clock: FakeClock, given: str, at_least: float, at_most: float
) -> None:
    """What is absurd is ignored, and never becomes a busy loop."""
    await send(Script(fake_clock, respond(429, retry_after=given), OK))

    assert at_least <= fake_clock.slept[0] <= at_most


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_past_the_limit_is_not_waited_for(
    fake_clock: FakeClock, status: int
) -> None:
    """The response is returned at once, with the server's `Retry-After`."""
    script = Script(fake_clock, respond(status, retry_after="30"))

    response = await send(script, limit=20)

    assert (response.status, script.called_at, fake_clock.now()) == (status, [0], 0)


async def test_every_attempt_gets_what_is_left_of_the_limit(fake_clock: FakeClock) -> None:
    """The call takes no longer than it may."""
    script = Script(fake_clock, respond(503), takes=10)
    transport = Transport(script)

    await RetryingTransport(transport, RetryPolicy(attempts=9), fake_clock).send(GET, limit=25)

    assert transport.limits[0] == 25
    assert transport.limits == [pytest.approx(25 - at) for at in script.called_at]
    assert fake_clock.now() <= 35


async def test_an_outage_is_not_multiplied(fake_clock: FakeClock) -> None:
    """Of 500 reads that get 503 only, few are retried."""
    script = Script(fake_clock, respond(503))
    transport = retrying(script)

    for _ in range(500):
        await transport.send(GET, limit=120)

    assert 500 < len(script.called_at) <= 550


async def test_successes_give_the_budget_back(fake_clock: FakeClock) -> None:
    """Five of them pay for one more retry; the first attempts and the second ones count."""
    script = Script(fake_clock, respond(503))
    transport = retrying(script, budget=1)
    await transport.send(GET, limit=120)
    assert len(script.called_at) == 2

    script.outcomes = [*[OK] * 5, respond(503), OK, respond(503)]
    for _ in range(7):
        await transport.send(GET, limit=120)

    assert len(script.called_at) == 2 + 5 + 2 + 1


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"attempts": 0}, ValueError, "attempts must be at least 1, not 0"),
        ({"attempts": 1.5}, TypeError, "attempts must be a whole number, not 1.5"),
        ({"max_backoff": 0.01}, ValueError, r"max_backoff must not be below .*\(0.05\)"),
        ({"retry_updates": 1}, TypeError, "retry_updates must be True or False, not 1"),
        ({"budget": -1}, ValueError, "budget must be at least 0, not -1"),
    ],
)
def test_refuses_a_policy_that_is_none(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(error, match=message):
        RetryPolicy(**wrong)
