"""Responses that take their time, or never come, and what becomes of them."""

import asyncio
import logging
import time
from collections.abc import Callable

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, _server, faults
from civo_snapshots_async.testing.faults import Fault
from tests.programs import run_strictly

from .wire import Wire, connected, turns

ENDLESS = [
    pytest.param(faults.hang(), id="hang"),
    pytest.param(faults.delay(3600), id="delay"),
    pytest.param(faults.drip(3600), id="drip"),
    pytest.param(faults.endless_1xx(), id="endless_1xx"),
    pytest.param(faults.huge(), id="huge"),
    pytest.param(faults.bomb(100_000_000_000), id="bomb"),
]


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that stands still until it is moved."""
    return FakeClock(auto=False)


async def test_nothing_comes_of_a_hang(civo: FakeCivo) -> None:
    """Neither a byte nor an end."""
    civo.inject("create", faults.hang())

    async with connected(civo) as wire:
        await wire.send()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await wire.some()

    assert civo.effects == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.hang(effect=True), id="hang"),
        pytest.param(faults.delay(3600), id="delay"),
        pytest.param(faults.drip(3600), id="drip"),
        pytest.param(faults.endless_1xx(effect=True), id="endless_1xx"),
        pytest.param(faults.huge(), id="huge"),
        pytest.param(faults.bomb(), id="bomb"),
    ],
)
async def test_the_effect_comes_first(civo: FakeCivo, fault: Fault) -> None:
    """A client that goes before the response has had its effect."""
    civo.inject("create", fault)

    async with connected(civo) as wire:
        await wire.send()
        await until_arrived(civo)

    assert [effect.kind for effect in civo.effects] == ["create"]


@pytest.mark.parametrize(
    "fault", [faults.hang(), faults.drip(0, effect=False), faults.endless_1xx()], ids=str
)
async def test_without_an_effect_nothing_changes(civo: FakeCivo, fault: Fault) -> None:
    """Nothing is made, however long the client waits."""
    civo.inject("create", fault)

    async with connected(civo) as wire:
        await wire.send()
        await until_arrived(civo)
        await turns()

    assert civo.snapshots("web-1") == ()


async def test_a_delay_goes_by_fakecivos_clock(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """The response comes so many seconds later, with the date of that time."""
    civo.inject("create", faults.delay(30))

    async with connected(civo) as wire:
        await wire.send()
        await until_arrived(civo)
        assert not await has_come(wire)
        fake_clock.advance(30)
        head, body = await wire.response()

    assert b"\r\nDate: Tue, 01 Apr 2025 09:11:44 GMT\r\n" in head
    assert b'"created_at": "2025-04-01T09:11:14Z"' in body


async def test_a_drip_goes_by_fakecivos_clock(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """One byte with each interval, from the first byte of the head on."""
    civo.inject("create", faults.drip(10))

    got: list[bytes] = []
    async with connected(civo) as wire:
        await wire.send()
        await until_arrived(civo)
        for _ in range(4):
            assert not await has_come(wire)
            fake_clock.advance(10)
            got.append(await wire.some())

    assert got == [b"H", b"T", b"T", b"P"]


async def test_a_drip_comes_to_an_end(civo: FakeCivo) -> None:
    """The response is complete then, and the connection as good as before."""
    civo.inject("create", faults.drip(0))

    async with connected(civo) as wire:
        await wire.send()
        _, first = await wire.response()
        await wire.send("GET")
        _, second = await wire.response()

    assert first.startswith(b'{"id": ')
    assert second.startswith(b'[{"id": ')


class StoppedClock:
    """A clock that cannot sleep."""

    def now(self) -> float:
        """Return the same time each time."""
        return 0.0


async def test_without_a_sleeping_clock_seconds_are_real() -> None:
    """A clock may have no more than `now`."""
    began = time.monotonic()
    async with FakeCivo(clock=StoppedClock()) as civo:
        civo.inject("any", faults.delay(0.05))
        async with connected(civo) as wire:
            await wire.send()
            await wire.response()

    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        pytest.param(faults.endless_1xx(), b"HTTP/1.1 103 Early Hints\r\n\r\n", id="103"),
        pytest.param(faults.endless_1xx(100), b"HTTP/1.1 100 Continue\r\n\r\n", id="100"),
    ],
)
async def test_interim_responses_go_on(civo: FakeCivo, fault: Fault, line: bytes) -> None:
    """One after the other, and never a final one."""
    civo.inject("create", fault)

    got = b""
    async with connected(civo) as wire:
        await wire.send()
        while len(got) < 5 * len(line):
            got += await wire.some()

    assert got.startswith(line * 5)


@pytest.mark.parametrize("fault", ENDLESS)
async def test_it_ends_when_the_client_goes(
    civo: FakeCivo, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """No task is left, and nothing is logged."""
    caplog.set_level(logging.DEBUG)
    civo.inject("create", fault)
    before = asyncio.all_tasks()

    async with connected(civo) as wire:
        await wire.send()
        await until_arrived(civo)
    await until(lambda: asyncio.all_tasks() == before)

    assert is_silent(caplog)


@pytest.mark.parametrize("fault", ENDLESS)
async def test_it_ends_with_fakecivo(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """At once, though the client is still there: aiohttp's patience is not put to the test."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(_server, "_SHUTDOWN_TIMEOUT", 3600)
    async with FakeCivo(clock=FakeClock(auto=False)) as civo:
        civo.add_instance()
        civo.inject("create", fault)
        async with connected(civo) as wire:
            await wire.send()
            await until_arrived(civo)
            await turns()
            async with asyncio.timeout(5):
                await civo.__aexit__(None, None, None)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert is_silent(caplog)


async def test_a_client_may_go_in_the_middle_of_its_request(
    civo: FakeCivo, caplog: pytest.LogCaptureFixture
) -> None:
    """Such a request has not arrived: it is not recorded, and gets no fault."""
    caplog.set_level(logging.DEBUG)
    civo.inject("create", faults.hang())
    before = asyncio.all_tasks()

    async with connected(civo) as wire:
        await wire.send("POST", "web-1/snapshots", "Content-Length: 9")
        await turns()
    await until(lambda: asyncio.all_tasks() == before)

    assert (civo.requests, civo.unused_faults) == ([], (faults.hang(),))
    assert is_silent(caplog)


def test_it_warns_of_nothing() -> None:
    """Every fault, and a client that goes, in Python's development mode: no warning."""
    program = """
import asyncio, aiohttp
from civo_snapshots_async.testing import FakeCivo, faults

async def request(session, civo, give_up):
    url = civo.api_url + "/v2/instances/web-1/snapshots?region=FAKE1"
    headers = {"Authorization": "bearer " + civo.token}
    try:
        async with asyncio.timeout(give_up):
            async with session.post(url, headers=headers, allow_redirects=False) as response:
                await response.read()
    except (TimeoutError, aiohttp.ClientError):
        pass

async def main():
    endless = faults.hang(), faults.delay(60), faults.drip(), faults.endless_1xx(), faults.huge()
    every = (*faults.USUAL, *endless, faults.bomb(100_000))
    async with FakeCivo() as civo:
        civo.add_instance()
        civo.inject("create", *every)
        async with aiohttp.ClientSession() as session:
            while civo.unused_faults:
                await request(session, civo, 0.02)
        civo.inject("create", *endless)
        session = aiohttp.ClientSession()
        waiting = [asyncio.ensure_future(request(session, civo, 5)) for _ in endless]
        while civo.unused_faults:
            await asyncio.sleep(0.01)
    await asyncio.gather(*waiting)
    await session.close()

asyncio.run(main())
"""

    assert run_strictly("-c", program) == (0, "", "")


async def until_arrived(civo: FakeCivo) -> None:
    """Wait until the request has arrived; its fault runs by then."""
    await until(lambda: bool(civo.requests))
    await turns(2)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    pytest.fail("that was never so")


async def has_come(wire: Wire) -> bool:
    """Return whether there is anything to read, after giving it time to come."""
    await turns()
    try:
        return bool(wire.socket.recv(1))
    except BlockingIOError:
        return False


def is_silent(caplog: pytest.LogCaptureFixture) -> bool:
    """Return whether neither aiohttp nor asyncio logged anything."""
    return [r.name for r in caplog.records if r.levelno > logging.DEBUG] == []
