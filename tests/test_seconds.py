"""Spans of time: one rule, one text and one conversion, wherever the public API takes seconds."""

import inspect
import math
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, get_args

import pytest

import civo_snapshots_async
from civo_snapshots_async import (
    HttpOptions,
    LearnedPoll,
    PollPolicy,
    Restore,
    RestoreFacts,
    RestorePlan,
    RetryPolicy,
    SavedWait,
    SnapshotRef,
    SnapshotSession,
    TransportTimeoutError,
    WaitTimeoutError,
    http_ok,
    port_open,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults, scripts

from .make import session_on

Call = Callable[[SnapshotSession, Any], object]
RESTORE = Restore(id="r-1", hostname="copy", instance_id="web-1", region="FAKE1")
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PLAN = RestorePlan(
    region="FAKE1",
    overwrite_existing=True,
    safety_snapshot=True,
    made_at=NOON,
    facts=RestoreFacts(
        instance_id="web-2",
        hostname="web-2",
        status="ACTIVE",
        snapshot_id="snap-2",
        snapshot_name="before",
        created_at=NOON,
        volumes=("vol-1", "vol-2"),
    ),
)
EVERY_10_S = PollPolicy(interval=10, max_consecutive_failures=9)


def new_session(old: SnapshotSession, **options: Any) -> SnapshotSession:
    """Make a session; it opens nothing before its first call."""
    return SnapshotSession("a-token", region=old.region, **options)


async def entered(session: SnapshotSession, timeout: Any) -> None:
    """Enter a checkpoint."""
    async with session.checkpoint("web-2", timeout=timeout, poll=EVERY_10_S):
        pytest.fail("the body has run")


async def watched(session: SnapshotSession, timeout: Any) -> None:
    """Watch a snapshot to its end."""
    async for _ in session.watch("web-1", "snap-1", timeout=timeout, poll=EVERY_10_S):
        pass


def set_by(kind: Callable[..., object], argument: str) -> Call:
    """Return a call that makes a policy with that argument."""
    return lambda _, value: kind(**{argument: value})


# What ends after the seconds it was given, on a snapshot that is never complete.
WAITS: dict[str, Callable[[SnapshotSession, Any], Awaitable[object]]] = {
    "SnapshotSession.wait_until_complete": lambda s, t: s.wait_until_complete(
        "web-1", "snap-1", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.watch": watched,
    "SnapshotSession.restore_when_complete": lambda s, t: s.restore_when_complete(
        "web-1", "snap-1", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.wait_until_deleted": lambda s, t: s.wait_until_deleted(
        "web-1", "snap-1", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.wait_until_active": lambda s, t: s.wait_until_active(
        "web-1", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.wait_for_restored_instance": lambda s, t: s.wait_for_restored_instance(
        RESTORE, timeout=t, poll=EVERY_10_S
    ),
    "wait_until_complete": lambda s, t: wait_until_complete(
        s, "web-1", "snap-1", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.checkpoint": entered,
    "SnapshotSession.ensure_restored": lambda s, t: s.ensure_restored(
        "web-2", "snap-2", hostname="other", timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.apply_restore": lambda s, t: s.apply_restore(PLAN, timeout=t, poll=EVERY_10_S),
}
BATCHES: dict[str, Callable[[SnapshotSession, Any], Awaitable[Any]]] = {
    "SnapshotSession.snapshot_many": lambda s, t: s.snapshot_many(
        ["web-2"], timeout=t, poll=EVERY_10_S
    ),
    "SnapshotSession.wait_many": lambda s, t: s.wait_many(
        [("web-1", "snap-1")], timeout=t, poll=EVERY_10_S
    ),
}
SAVED_WAITS: dict[str, Callable[[SnapshotSession, Any], SavedWait]] = {
    "SnapshotSession.save_wait": lambda s, t: s.save_wait("web-1", "snap-1", timeout=t),
    "SavedWait.starting": lambda s, t: SavedWait.starting(
        SnapshotRef("web-1", "snap-1", s.region), timeout=t, now=s.clock.utcnow()
    ),
}
LIMITS: dict[str, Call] = {
    f"{name}(timeout)": call for name, call in {**WAITS, **BATCHES, **SAVED_WAITS}.items()
}
# A drill that times out is a report.
LIMITS["SnapshotSession.drill(timeout)"] = lambda s, t: drill(s, timeout=t)
SETTINGS: dict[str, Call] = {
    **{
        f"PollPolicy({name})": set_by(PollPolicy, name)
        for name in ("min_interval", "max_interval", "interval", "stall_after")
    },
    "LearnedPoll(max_interval)": set_by(LearnedPoll, "max_interval"),
    "LearnedPoll.from_json(max_interval)": lambda _, v: LearnedPoll.from_json(
        LearnedPoll().to_json(), max_interval=v
    ),
    **{
        f"RetryPolicy({name})": set_by(RetryPolicy, name) for name in ("min_backoff", "max_backoff")
    },
    **{
        f"HttpOptions({name})": set_by(HttpOptions, name)
        for name in ("request_timeout", "connect_timeout", "call_timeout")
    },
}


def learn(_: SnapshotSession, took: Any) -> Any:
    """Learn from one snapshot, and return what is known of it."""
    learned = LearnedPoll()
    learned.learn("web-1", took)

    return SimpleNamespace(took=learned.durations("web-1")[0])


def drill(session: SnapshotSession, **spans: Any) -> Awaitable[object]:
    """Do a drill."""
    return session.drill("web-1", check=bool, **spans)


def learn_late(_: SnapshotSession, pending_at: Any) -> Any:
    """Learn from one snapshot, and return when it was pending: what is known is the middle."""
    learned = LearnedPoll()
    learned.learn("web-1", 2.0**20, pending_at=pending_at)

    return SimpleNamespace(pending_at=learned.durations("web-1")[0] * 2 - 2.0**20)


RULES: dict[str, Call] = {
    "SnapshotSession.drill(check_timeout)": lambda s, v: drill(s, check_timeout=v),
    **{f"http_ok({name})": set_by(partial(http_ok, "/"), name) for name in ("timeout", "interval")},
    **{
        f"port_open({name})": set_by(partial(port_open, 80), name)
        for name in ("timeout", "interval")
    },
    "SnapshotSession.audit(max_age)": lambda s, v: s.audit(max_age=v),
    "SnapshotSession.audit(max_pending)": lambda s, v: s.audit(max_age=60, max_pending=v),
    "SnapshotSession.resume(for_at_most)": lambda s, v: s.resume(
        s.save_wait("web-1", "snap-1"), for_at_most=v
    ),
}
# Here 0 is "not at all".
GRACES: dict[str, Call] = {
    "LearnedPoll.learn(took)": learn,
    "LearnedPoll.learn(pending_at)": learn_late,
    "PollPolicy(not_found_grace)": set_by(PollPolicy, "not_found_grace"),
    "SnapshotSession(resolve_timeout)": lambda s, v: new_session(s, resolve_timeout=v),
    "SnapshotSession.from_env(resolve_timeout)": lambda s, v: SnapshotSession.from_env(
        token="a-token", region=s.region, resolve_timeout=v
    ),
}
ARGUMENTS = {**LIMITS, **SETTINGS, **RULES, **GRACES}
# Spans of time that were measured, in values and errors that nobody makes but the library.
MEASURED = {
    "elapsed", "unchanged_for", "retry_after", "snapshot_age", "restore_seconds", "check_seconds",
}  # fmt: skip
# Public numbers that are no spans of time.
NO_SPANS = {
    "LearnedPoll.span(jitter)",
    "PollPolicy(jitter)",
    "HttpOptions(requests_per_second)",
    # Given to observers, and not taken from users.
    "CallEnded(seconds)",
    "WaitEnded(seconds)",
    "WaitStarted(timeout)",
}

NO_SPAN_AT_ALL: dict[str, object] = {"a string": "30", "a boolean": True}
NEVER: dict[str, tuple[object, str]] = {
    "negative": (-1, "-1"),
    "nan": (float("nan"), "nan"),
    "infinite": (float("inf"), "inf"),
    "a negative timedelta": (timedelta(days=-1), "-86400"),
    "an integer past all floats": (10**400, r"a whole number that is too large"),
}
ZERO: dict[str, object] = {"0": 0, "no time at all": timedelta(0)}


@pytest.fixture
async def stuck(civo: FakeCivo, session: SnapshotSession) -> SnapshotSession:
    """Return a session on which every wait in the tables goes on forever."""
    civo.instance("web-1").busy_until = math.inf
    civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
    civo.add_instance("web-2")
    civo.add_snapshot("web-2", "snap-2", name="before", created_at=NOON)
    civo.add_instance("i-3", hostname="other").busy_until = math.inf
    civo.script_next("web-2", scripts.stuck())

    return session


async def done(call: Call, session: SnapshotSession, value: object) -> object:
    """Make a call, and await it where it is to be awaited."""
    response = call(session, value)

    return await response if isinstance(response, Awaitable) else response


def rule(name: str) -> str:
    """Return the text of the error for a number, up to the value."""
    argument = name.rpartition("(")[2].rstrip(")")
    least = "0 or more" if name in GRACES else "more than 0"
    unless = ", or None for no limit" if name in LIMITS else ""

    return f"^{argument} must be a finite number of seconds, {least}{unless}, not "


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("value", NO_SPAN_AT_ALL.values(), ids=NO_SPAN_AT_ALL)
async def test_what_is_no_span_of_time_is_a_type_error(
    civo: FakeCivo, session: SnapshotSession, name: str, value: object
) -> None:
    """With one text, before anything is sent."""
    argument = name.rpartition("(")[2].rstrip(")")

    with pytest.raises(TypeError) as caught:
        await done(ARGUMENTS[name], session, value)

    assert str(caught.value) == (
        f"{argument} must be seconds, as a number or a timedelta, not {value!r}"
    )
    assert civo.requests == []


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize(("value", "shown"), NEVER.values(), ids=NEVER)
async def test_a_span_that_cannot_be_is_refused(
    civo: FakeCivo, session: SnapshotSession, name: str, value: object, shown: str
) -> None:
    """With one text for all values, before anything is sent."""
    with pytest.raises(ValueError, match=f"{rule(name)}{shown}$"):
        await done(ARGUMENTS[name], session, value)

    assert civo.requests == []


@pytest.mark.parametrize("name", [*LIMITS, *SETTINGS])
@pytest.mark.parametrize("value", ZERO.values(), ids=ZERO)
async def test_no_time_at_all_is_refused_as_a_negative_one_is(
    civo: FakeCivo, session: SnapshotSession, name: str, value: object
) -> None:
    """0 and -1 break one rule."""
    with pytest.raises(ValueError, match=f"{rule(name)}0$"):
        await done(ARGUMENTS[name], session, value)

    assert civo.requests == []


@pytest.mark.parametrize("name", GRACES)
@pytest.mark.parametrize("value", ZERO.values(), ids=ZERO)
async def test_a_grace_may_be_none_at_all(
    session: SnapshotSession, name: str, value: object
) -> None:
    """0 switches it off."""
    made = await done(GRACES[name], session, value)

    argument = name.rpartition("(")[2].rstrip(")")
    assert isinstance(made, SnapshotSession) or getattr(made, argument) == 0


@pytest.mark.parametrize("span", [30, 30.0, timedelta(seconds=30)], ids=repr)
@pytest.mark.parametrize("name", WAITS)
async def test_a_wait_takes_seconds_or_a_timedelta(
    stuck: SnapshotSession, fake_clock: FakeClock, name: str, span: float | timedelta
) -> None:
    """And ends after them."""
    with pytest.raises(WaitTimeoutError) as caught:
        await WAITS[name](stuck, span)

    assert fake_clock.now() == caught.value.elapsed == 30


@pytest.mark.parametrize("span", [30, timedelta(seconds=30)], ids=repr)
@pytest.mark.parametrize("name", BATCHES)
async def test_a_batch_takes_seconds_or_a_timedelta(
    stuck: SnapshotSession, fake_clock: FakeClock, name: str, span: float | timedelta
) -> None:
    """For each of its waits."""
    result = await BATCHES[name](stuck, span)

    assert isinstance(result.outcomes[0].error, WaitTimeoutError)
    assert fake_clock.now() == 30


@pytest.mark.parametrize("span", [30, timedelta(seconds=30)], ids=repr)
@pytest.mark.parametrize("name", SAVED_WAITS)
async def test_a_saved_wait_takes_seconds_or_a_timedelta(
    session: SnapshotSession, name: str, span: float | timedelta
) -> None:
    """Its deadline is that far from now."""
    now = session.clock.utcnow()

    assert SAVED_WAITS[name](session, span).deadline == now + timedelta(seconds=30)


@pytest.mark.parametrize("span", [1e12, timedelta.max], ids=repr)
def test_a_saved_wait_ends_within_the_calendar(span: float | timedelta) -> None:
    """What is longer has no date; the text has the seconds."""
    with pytest.raises(
        ValueError, match=r"^timeout must end before the year 10000, not in [\d.e+]+ seconds; None"
    ):
        SavedWait.starting(SnapshotRef("web-1", "snap-1", "FAKE1"), timeout=span, now=NOON)


@pytest.mark.parametrize("option", ["request_timeout", "call_timeout"])
async def test_a_session_takes_a_timedelta(
    civo: FakeCivo, fake_clock: FakeClock, option: str
) -> None:
    """A request that hangs is given up after it."""
    civo.add_snapshot("web-1", "snap-1")
    civo.inject("get", faults.hang())
    limit: Any = {option: timedelta(seconds=7)}

    async with session_on(civo, fake_clock, **limit, retry=None) as session:
        with pytest.raises(TransportTimeoutError):
            await session.get_snapshot("web-1", "snap-1")

    assert fake_clock.now() == 7


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (PollPolicy, "min_interval"),
        (PollPolicy, "max_interval"),
        (PollPolicy, "interval"),
        (PollPolicy, "not_found_grace"),
        (PollPolicy, "stall_after"),
        (RetryPolicy, "min_backoff"),
        (RetryPolicy, "max_backoff"),
        (HttpOptions, "request_timeout"),
        (HttpOptions, "connect_timeout"),
        (HttpOptions, "call_timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@pytest.mark.parametrize("span", [5, 5.0, timedelta(seconds=5)], ids=repr)
def test_settings_keep_seconds(
    kind: Callable[..., Any], argument: str, span: float | timedelta
) -> None:
    """As a float, whatever they were given as."""
    policy = kind(**{argument: span})

    kept = getattr(policy, argument)
    assert (kept, type(kept)) == (5.0, float)
    assert policy == kind(**{argument: 5})


def spans_in(name: str, function: Callable[..., object]) -> Iterator[tuple[str, bool]]:
    """Return the arguments of a function that take a float, and whether a timedelta will do."""
    for argument, parameter in inspect.signature(function).parameters.items():
        if argument in MEASURED:
            continue
        kinds = (parameter.annotation, *get_args(parameter.annotation))
        if float in kinds:
            yield f"{name}({argument})", timedelta in kinds


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Return what the package's users call, and how they call it."""
    for name in civo_snapshots_async.__all__:
        value = getattr(civo_snapshots_async, name)
        if name in {"Clock", "SystemClock"}:
            continue
        if inspect.isfunction(value) or isinstance(value, type):
            yield name, value
        if isinstance(value, type):
            for method, member in inspect.getmembers(value, callable):
                if inspect.isfunction(getattr(member, "__func__", member)) and method[0] != "_":
                    yield f"{name}.{method}", member


def test_no_public_span_of_time_is_missing_here() -> None:
    """A new argument that takes seconds takes a timedelta too, and stands in the tables above."""
    given = [span for name, function in public_functions() for span in spans_in(name, function)]

    assert {name for name, takes_timedelta in given if takes_timedelta} == set(ARGUMENTS)
    assert {name for name, takes_timedelta in given if not takes_timedelta} == NO_SPANS


def test_a_session_from_the_environment_takes_the_same() -> None:
    """What `from_env` hands on has the types of what it is handed on to."""
    given = inspect.signature(SnapshotSession).parameters

    from_env = inspect.signature(SnapshotSession.from_env).parameters
    found = ("token", "region", "api_url")

    assert [name for name in from_env if name not in found] == [
        name for name in given if name not in found
    ]
    assert all(from_env[name] == given[name] for name in given if name not in found)
