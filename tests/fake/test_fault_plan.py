"""Which request gets which fault."""

from collections.abc import Callable
from typing import Any

import pytest

from civo_snapshots_async.testing import FakeCivo, faults
from civo_snapshots_async.testing.faults import Fault, Target

from .talk import Caller

A, B, C = (faults.status(status) for status in (501, 502, 503))
WELL = None

CALLS: dict[str, tuple[str, str]] = {
    "list": ("GET", "web-1/snapshots"),
    "get": ("GET", "web-1/snapshots/snap-1"),
    "update": ("PUT", "web-1/snapshots/snap-1"),
    "restore": ("POST", "web-1/snapshots/snap-1/restore"),
    "unknown": ("GET", "web-1"),
}


async def faults_got(civo: FakeCivo, call: Caller, *kinds: str) -> list[Fault | None]:
    """Send requests of these kinds; return the fault that each got."""
    for kind in kinds:
        await call(*CALLS[kind])
    return [request.fault for request in civo.requests]


@pytest.fixture(autouse=True)
def _a_snapshot(civo: FakeCivo) -> None:
    civo.add_snapshot("web-1", "snap-1")


async def test_without_injections_all_goes_well(civo: FakeCivo, call: Caller) -> None:
    """Nothing is unused either."""
    assert await faults_got(civo, call, "list", "get") == [WELL, WELL]
    assert civo.unused_faults == ()


async def test_requests_get_faults_in_order(civo: FakeCivo, call: Caller) -> None:
    """One each, then all goes well again."""
    civo.inject("list", A, B)

    assert await faults_got(civo, call, "list", "list", "list") == [A, B, WELL]


async def test_the_response_is_that_of_the_recorded_fault(civo: FakeCivo, call: Caller) -> None:
    """Not only in the record."""
    civo.inject("list", A, B)

    replies = [await call("GET", "web-1/snapshots") for _ in range(3)]

    assert [reply.status for reply in replies] == [501, 502, 200]


async def test_none_is_a_request_that_goes_well(civo: FakeCivo, call: Caller) -> None:
    """It takes its turn as a fault does."""
    civo.inject("list", None, A, None, B)

    assert await faults_got(civo, call, *["list"] * 5) == [WELL, A, WELL, B, WELL]


async def test_other_kinds_go_well(civo: FakeCivo, call: Caller) -> None:
    """They do not count either."""
    civo.inject("list", A, nth=2)

    assert await faults_got(civo, call, "list", "get", "restore", "list") == [WELL, WELL, WELL, A]


async def test_it_begins_with_the_nth_from_now_on(civo: FakeCivo, call: Caller) -> None:
    """What was sent before the injection does not count."""
    await call("GET", "web-1/snapshots")
    civo.inject("list", A, nth=2)

    assert await faults_got(civo, call, "list", "list", "list") == [WELL, WELL, A, WELL]


async def test_any_is_every_request(civo: FakeCivo, call: Caller) -> None:
    """Those that are none of the six calls as well."""
    civo.inject("any", A, B, C)

    assert await faults_got(civo, call, "get", "unknown", "update") == [A, B, C]


async def test_a_request_without_a_token_gets_its_fault(civo: FakeCivo, call: Caller) -> None:
    """A gateway does not read tokens."""
    civo.inject("list", A)

    assert (await call("GET", "web-1/snapshots", authorization="")).status == 501


@pytest.mark.parametrize(
    ("injections", "expected"),
    [
        pytest.param([("list", A, 1), ("list", B, 1)], [A, B, WELL], id="one-after-the-other"),
        pytest.param([("list", A, 2), ("list", B, 2)], [WELL, A, B], id="the-others-wait"),
        pytest.param([("list", A, 2), ("list", B, 1)], [B, A, WELL], id="each-counts-for-itself"),
        pytest.param([("list", A, 1), ("list", B, 3)], [A, WELL, B], id="with-a-gap"),
        pytest.param([("any", A, 1), ("list", B, 1)], [A, B, WELL], id="any-was-first"),
        pytest.param([("list", A, 1), ("any", B, 1)], [A, B, WELL], id="any-was-second"),
        pytest.param([("get", A, 1), ("list", B, 1)], [B, WELL, WELL], id="another-kind"),
    ],
)
async def test_injections_add_up(
    civo: FakeCivo,
    call: Caller,
    injections: list[tuple[Target, Fault, int]],
    expected: list[Fault | None],
) -> None:
    """The oldest that is due is used; the others are for the next requests."""
    for kind, fault, nth in injections:
        civo.inject(kind, fault, nth=nth)

    assert await faults_got(civo, call, "list", "list", "list") == expected


async def test_none_of_an_older_injection_goes_first_too(civo: FakeCivo, call: Caller) -> None:
    """Two injections do the same as one with the faults of both."""
    civo.inject("list", None, A)
    civo.inject("list", B)

    assert await faults_got(civo, call, "list", "list", "list") == [WELL, A, B]


async def test_unused_faults_are_listed(civo: FakeCivo, call: Caller) -> None:
    """In the order of the injections, without those that were used, and without None."""
    civo.inject("list", A, None, B)
    civo.inject("delete", C)
    await call("GET", "web-1/snapshots")

    assert civo.unused_faults == (B, C)


async def test_unused_faults_do_not_raise() -> None:
    """The end of `async with` does not check them: a test asserts."""
    async with FakeCivo() as civo:
        civo.inject("any", A)

    assert civo.unused_faults == (A,)


async def test_calm_withdraws_what_was_injected(civo: FakeCivo, call: Caller) -> None:
    """It was never used, and counts as that."""
    civo.inject("list", A)
    civo.calm()
    civo.inject("list", B)
    civo.calm()

    assert await faults_got(civo, call, "list") == [WELL]
    assert civo.unused_faults == (A, B)


async def test_chaos_is_the_same_for_the_same_seed(civo: FakeCivo, call: Caller) -> None:
    """A run that failed can be run again."""
    runs: list[list[Fault | None]] = []
    for seed in (7, 7, 8):
        civo.requests.clear()
        civo.chaos(seed, faults=(A, B, C))
        runs.append(await faults_got(civo, call, *["list"] * 20))

    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (0.3, 15, 45), (1, 100, 100)])
async def test_chaos_has_a_rate(
    civo: FakeCivo, call: Caller, rate: float, least: int, most: int
) -> None:
    """That share of the requests, more or less."""
    civo.chaos(1, rate=rate, faults=[A])

    struck = [fault for fault in await faults_got(civo, call, *["list"] * 100) if fault]

    assert least <= len(struck) <= most


async def test_chaos_can_be_limited_to_kinds(civo: FakeCivo, call: Caller) -> None:
    """The others go well."""
    civo.chaos(1, rate=1, kinds=["get", "update"], faults=[A])

    assert await faults_got(civo, call, "get", "list", "update", "unknown") == [A, WELL, A, WELL]


async def test_chaos_is_for_any_request(civo: FakeCivo, call: Caller) -> None:
    """By default."""
    civo.chaos(1, rate=1, faults=[A])

    assert await faults_got(civo, call, "get", "restore", "unknown") == [A, A, A]


async def test_injected_faults_go_before_chaos(civo: FakeCivo, call: Caller) -> None:
    """As does a request that is to go well."""
    civo.chaos(1, rate=1, faults=[A])
    civo.inject("list", B, None)

    assert await faults_got(civo, call, "list", "list", "list") == [B, WELL, A]


async def test_chaos_ends_with_calm(civo: FakeCivo, call: Caller) -> None:
    """What it might have given is not unused: none of it was injected."""
    civo.chaos(1, rate=1)
    civo.calm()

    assert await faults_got(civo, call, "list") == [WELL]
    assert civo.unused_faults == ()


async def test_chaos_finds_no_stale_connection_among_fresh_ones(
    civo: FakeCivo, call: Caller
) -> None:
    """Drawn for a request on a fresh connection, it goes well."""
    civo.chaos(1, rate=1, faults=[faults.stale()])

    assert await faults_got(civo, call, "list") == [WELL]


def test_chaos_draws_from_faults_that_end_soon() -> None:
    """By default it makes no test wait."""
    drawn = {fault.name for fault in faults.USUAL}

    assert {"reset", "close", "stale", "status", "bad_json", "redirect"} <= drawn
    assert drawn.isdisjoint({"hang", "endless_1xx", "huge", "bomb"})


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        pytest.param(
            lambda civo: civo.inject("post", A), ValueError, "create, .* not 'post'", id="kind"
        ),
        pytest.param(
            lambda civo: civo.inject("unknown", A), ValueError, "not 'unknown'", id="unknown"
        ),
        pytest.param(
            lambda civo: civo.inject("any", A, nth=0), ValueError, "1 or more, not 0", id="nth"
        ),
        pytest.param(lambda civo: civo.inject("any"), ValueError, "at least one", id="no-fault"),
        pytest.param(
            lambda civo: civo.inject("any", faults.hang), TypeError, "function hang", id="uncalled"
        ),
        pytest.param(
            lambda civo: civo.chaos(1, rate=1.1), ValueError, "0 to 1, not 1.1", id="rate"
        ),
        pytest.param(
            lambda civo: civo.chaos(1, kinds=["all"]), ValueError, "not 'all'", id="chaos-kind"
        ),
        pytest.param(
            lambda civo: civo.chaos(1, faults=[]), ValueError, "at least one", id="chaos-without"
        ),
        pytest.param(
            lambda civo: civo.chaos(1, faults=["hang"]), TypeError, "'hang'", id="chaos-names"
        ),
    ],
)
async def test_refuses_what_cannot_be(
    wrong: Callable[[Any], None], error: type[Exception], match: str
) -> None:
    """A mistake is an error at once, and nothing is injected."""
    civo = FakeCivo()

    with pytest.raises(error, match=match):
        wrong(civo)

    assert civo.unused_faults == ()
