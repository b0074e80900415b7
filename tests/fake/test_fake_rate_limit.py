"""A rate limit: what is beyond it is a 429, on FakeCivo's clock."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import RateLimitedError
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults
from civo_snapshots_async.testing._errors import CivoError
from civo_snapshots_async.testing._rate_limit import RateLimit

from ..make import session_on
from .talk import Caller


@asynccontextmanager
async def limited(call: Caller, clock: FakeClock, **options: Any) -> AsyncIterator[Caller]:
    """Run a FakeCivo with a limit, and talk to it."""
    async with FakeCivo(clock=clock, **options) as civo:
        civo.add_instance("web-1")
        yield Caller(civo, call.session)


async def test_what_is_beyond_the_burst_is_a_429(call: Caller, fake_clock: FakeClock) -> None:
    """It changes nothing and is recorded; the next token comes with the clock."""
    async with limited(call, fake_clock, rate_limit=0.5, burst=2) as talk:
        statuses = [(await talk("GET", "web-1/snapshots")).status for _ in range(2)]
        refused = await talk("POST", "web-1/snapshots")
        fake_clock.advance(2.0)
        statuses += [(await talk("GET", "web-1/snapshots")).status for _ in range(2)]

    assert statuses == [200, 200, 200, 429]
    assert refused.document == {"reason": "Too many requests", "result": "failed", "status": 429}
    assert (len(talk.civo.requests), talk.civo.effects) == (5, [])


@pytest.mark.parametrize(
    ("options", "header"),
    [
        pytest.param({"rate_limit": 400, "burst": 1}, "1", id="at-least-a-second"),
        pytest.param({"rate_limit": 1, "burst": 1}, "1", id="a-second"),
        pytest.param({"rate_limit": 0.1, "burst": 1}, "10", id="ten-seconds"),
        pytest.param({"rate_limit": 0.4, "burst": 1}, "3", id="whole-seconds"),
        pytest.param({"rate_limit": 0.1, "burst": 1, "retry_after": False}, None, id="without"),
    ],
)
async def test_retry_after_is_the_time_of_the_next_token(
    call: Caller, fake_clock: FakeClock, options: dict[str, Any], header: str | None
) -> None:
    """A request at that time is accepted; the header may be left out."""
    async with limited(call, fake_clock, **options) as talk:
        await talk("GET", "web-1/snapshots")
        refused = await talk("GET", "web-1/snapshots")
        fake_clock.advance(float(header or 10))
        taken = await talk("GET", "web-1/snapshots")

    assert (refused.status, refused.headers.get("Retry-After")) == (429, header)
    assert taken.status == 200


@pytest.mark.parametrize(("rate", "burst"), [(3, 3), (2.6, 3), (0.1, 1)])
async def test_the_burst_is_what_a_second_gains(
    call: Caller, fake_clock: FakeClock, rate: float, burst: int
) -> None:
    """Unless one is given, and one request is always taken."""
    async with limited(call, fake_clock, rate_limit=rate) as talk:
        statuses = [(await talk("GET", "web-1/snapshots")).status for _ in range(burst + 1)]

    assert statuses == [200] * burst + [429]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param("web-1/snapshots", {"authorization": "bearer wrong"}, id="wrong-token"),
        pytest.param("web-1/elsewhere", {}, id="nowhere"),
        pytest.param("web-9/snapshots", {}, id="no-instance"),
    ],
)
async def test_every_request_counts(
    call: Caller, fake_clock: FakeClock, path: str, more: dict[str, Any]
) -> None:
    """Also one that is refused for another reason."""
    async with limited(call, fake_clock, rate_limit=1, burst=1) as talk:
        first = await talk("GET", path, **more)
        second = await talk("GET", path, **more)

    assert first.status == 404
    assert second.status == 429


async def test_what_never_reaches_civo_does_not_count(call: Caller, fake_clock: FakeClock) -> None:
    """A gateway that fails by itself takes no token; one that hides an effect does."""
    async with limited(call, fake_clock, rate_limit=1, burst=2) as talk:
        talk.civo.inject("list", faults.status(502), faults.status(502, effect=True))
        replies = [await talk("GET", "web-1/snapshots") for _ in range(4)]

    assert [reply.status for reply in replies] == [502, 502, 200, 429]


async def test_a_session_keeps_to_it(fake_clock: FakeClock) -> None:
    """Its retries wait as long as `Retry-After` says."""
    async with FakeCivo(clock=fake_clock, rate_limit=0.2, burst=1) as civo:
        civo.add_instance("web-1")
        async with session_on(civo, fake_clock) as session:
            for _ in range(3):
                await session.list_snapshots("web-1")

    assert 10 <= fake_clock.now() < 11
    assert len(civo.requests) == 5


async def test_a_session_raises_that_it_was_limited(fake_clock: FakeClock) -> None:
    """Where it does not retry."""
    async with FakeCivo(clock=fake_clock, rate_limit=0.2, burst=1) as civo:
        civo.add_instance("web-1")
        async with session_on(civo, fake_clock, retry=None) as session:
            await session.list_snapshots("web-1")
            with pytest.raises(RateLimitedError) as caught:
                await session.list_snapshots("web-1")

    assert caught.value.retry_after == 5


class Limited:
    """A limit whose clock a test moves."""

    def __init__(self, rate: float, burst: int | None = None) -> None:
        self.now = 0.0
        self.limit = RateLimit(rate, burst=burst, retry_after=True, now=lambda: self.now)

    def accepts(self, gap: float) -> bool:
        """Return whether a request is accepted, so many seconds after the last one."""
        self.now += gap
        try:
            self.limit.take()
        except CivoError:
            return False
        return True


RATES = st.floats(0.01, 1000)


@given(rate=RATES, burst=st.integers(1, 50), gaps=st.lists(st.floats(0, 2), max_size=100))
def test_no_more_than_the_rate_is_accepted(rate: float, burst: int, gaps: list[float]) -> None:
    """From the first request on: the burst, and what the time gains."""
    limited_ = Limited(rate, burst)

    taken = sum(limited_.accepts(gap) for gap in gaps)

    assert taken <= burst + rate * sum(gaps) + 0.001


@given(rate=RATES, burst=st.integers(1, 50), slack=st.lists(st.floats(0, 2), max_size=100))
def test_requests_at_the_rate_are_accepted(rate: float, burst: int, slack: list[float]) -> None:
    """However small the burst is."""
    limited_ = Limited(rate, burst)

    assert all(limited_.accepts(1 / rate + more) for more in slack)


@pytest.mark.parametrize(("asked", "refused"), [(333, 0), (400, 0), (500, 601)])
def test_thousands_get_it_as_often_each_time(asked: int, refused: int) -> None:
    """In 10 s, evenly, of 400 a second: 400 at once, and 400 in each second after."""
    limited_ = Limited(400)

    taken = [limited_.accepts(1 / asked) for _ in range(10 * asked)]

    assert taken.count(False) == refused


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(
            lambda: FakeCivo(rate_limit=0), "rate_limit must be a number above 0", id="none"
        ),
        pytest.param(lambda: FakeCivo(rate_limit=float("nan")), "above 0, not nan", id="nan"),
        pytest.param(lambda: FakeCivo(rate_limit=float("inf")), "above 0, not inf", id="infinite"),
        pytest.param(
            lambda: FakeCivo(rate_limit=1, burst=0), "burst must be 1 or more, not 0", id="no-burst"
        ),
        pytest.param(lambda: FakeCivo(burst=5), "burst needs a rate_limit", id="burst-alone"),
    ],
)
def test_a_limit_that_cannot_be_is_a_value_error(wrong: Callable[[], FakeCivo], match: str) -> None:
    """Where it is made."""
    with pytest.raises(ValueError, match=match):
        wrong()
