"""The checks that a drill is given: a path over HTTP, and an open port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from civo_snapshots_async import Instance, http_ok, port_open
from civo_snapshots_async.testing import FakeClock

from .raw_server import Behavior, RawServer, hangs, hangs_up, http, raw_server, responds

HERE = Instance(id="i-1", hostname="copy", public_ip="127.0.0.1")


@asynccontextmanager
async def serving(behave: Behavior) -> AsyncIterator[tuple[RawServer, int]]:
    """Serve, and give the port."""
    async with raw_server(behave) as server:
        yield server, int(server.api_url.rpartition(":")[2])


def closed_port() -> int:
    """Return a port on which nothing listens."""
    return 9


class TestHttpOk:
    """A GET that gets a status of 200 to 299."""

    @pytest.mark.parametrize("status", ["200 OK", "204 No Content", "299 Fine"])
    async def test_it_passes(self, fake_clock: FakeClock, status: str) -> None:
        """By the path that was given, query and all."""
        async with serving(responds(http(status))) as (server, port):
            check = http_ok("/health?full=1", port=port, clock=fake_clock)

            assert await check(HERE) is True

        assert server.requests[0].startswith("GET /health?full=1 HTTP/1.1")
        assert "authorization" not in server.requests[0].lower()

    @pytest.mark.parametrize(
        ("response", "reason"),
        [
            (http("503 Service Unavailable"), "503 Service Unavailable"),
            (http("404 Not Found"), "404 Not Found"),
            (http("302 Found", b"", "Location: /elsewhere"), "302 Found"),
            (b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", "500"),
            (b"SSH-2.0-OpenSSH\r\n", "ClientResponseError: "),
        ],
        ids=["503", "404", "redirect", "no reason", "no HTTP"],
    )
    async def test_it_fails_with_what_the_last_attempt_got(
        self, fake_clock: FakeClock, response: bytes, reason: str
    ) -> None:
        """After its timeout."""
        async with serving(responds(response)) as (_, port):
            check = http_ok("/", port=port, timeout=10, interval=2, clock=fake_clock)

            with pytest.raises(TimeoutError) as caught:
                await check(HERE)

        text = str(caught.value)
        assert text.startswith(f"GET / to 127.0.0.1 port {port}: {reason}")
        assert text.endswith("; 5 attempts in 10 s")
        assert fake_clock.now() == 8

    async def test_a_service_may_need_time_to_start(self, fake_clock: FakeClock) -> None:
        """It is up at the third attempt."""
        responses = [http("502 Bad Gateway"), http("503 Wait"), http("200 OK")]

        async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(responses.pop(0))
            writer.close()

        async with serving(behave) as (server, port):
            assert await http_ok("/", port=port, interval=3, clock=fake_clock)(HERE)

        assert (len(server.requests), fake_clock.now()) == (3, 6)

    async def test_one_that_hangs_is_tried_once_more(self, fake_clock: FakeClock) -> None:
        """No attempt takes more than 10 s, and none more than the time that is left."""
        async with serving(hangs) as (server, port):
            check = http_ok("/", port=port, timeout=15, interval=1, clock=fake_clock)

            with pytest.raises(TimeoutError, match="no response within 4 s; 2 attempts in 15 s"):
                await check(HERE)

        assert (len(server.requests), fake_clock.now()) == (2, 15)

    async def test_one_that_hangs_up_is_no_response(self, fake_clock: FakeClock) -> None:
        """It is an error of the connection."""
        async with serving(hangs_up) as (_, port):
            with pytest.raises(TimeoutError, match="ServerDisconnectedError"):
                await http_ok("/", port=port, timeout=1, clock=fake_clock)(HERE)

    async def test_no_cookie_goes_from_one_attempt_to_the_next(self, fake_clock: FakeClock) -> None:
        """Each is as the first."""
        responses = [http("503 No", b"", "Set-Cookie: a=b"), http("200 OK")]

        async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(responses.pop(0))

        async with serving(behave) as (server, port):
            await http_ok("/", port=port, clock=fake_clock)(HERE)

        assert "cookie" not in server.requests[1].lower()

    @pytest.mark.parametrize("path", ["", "health", "/a b", "/a\r\nX: y", "http://elsewhere/"])
    def test_a_path_that_is_none_is_refused(self, path: str) -> None:
        """Before anything is sent."""
        with pytest.raises(ValueError, match="path must start with '/'"):
            http_ok(path)


class TestPortOpen:
    """A connection that is taken."""

    async def test_it_passes(self, fake_clock: FakeClock) -> None:
        """Nothing is sent."""
        async with serving(hangs) as (server, port):
            assert await port_open(port, clock=fake_clock)(HERE) is True

        assert server.requests == []

    async def test_it_fails(self, fake_clock: FakeClock) -> None:
        """With the error of the last attempt."""
        check = port_open(closed_port(), timeout=5, interval=2, clock=fake_clock)

        with pytest.raises(TimeoutError, match=r"to 127\.0\.0\.1 port 9: ConnectionRefused"):
            await check(HERE)

        assert fake_clock.now() == 4

    async def test_a_connection_that_breaks_was_open(
        self, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever comes after it."""

        async def broken(_: asyncio.StreamWriter) -> None:
            raise ConnectionResetError

        monkeypatch.setattr(asyncio.StreamWriter, "wait_closed", broken)
        async with serving(hangs) as (_, port):
            assert await port_open(port, clock=fake_clock)(HERE)


MAKES: dict[str, Callable[..., Any]] = {
    "http_ok": lambda port, **more: http_ok("/", port=port, **more),
    "port_open": port_open,
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
class TestBoth:
    """What they have in common."""

    @pytest.mark.parametrize(
        ("addresses", "reached"),
        [
            ({"public_ip": "192.0.2.1", "private_ip": "10.0.0.4"}, "192.0.2.1"),
            ({"private_ip": "10.0.0.4"}, "10.0.0.4"),
            ({"public_ip": "", "private_ip": "10.0.0.4"}, "10.0.0.4"),
        ],
        ids=["public", "private", "no public"],
    )
    async def test_the_address_is_the_public_one_if_there_is_one(
        self,
        make: Callable[..., Any],
        fake_clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
        addresses: dict[str, str],
        reached: str,
    ) -> None:
        """Else the private one."""
        monkeypatch.setattr(asyncio, "open_connection", refuse)
        monkeypatch.setattr("aiohttp.ClientSession.get", refuse)
        check = make(80, timeout=1, clock=fake_clock)

        with pytest.raises(TimeoutError, match=f" to {reached} port 80: OSError: refused"):
            await check(Instance(id="i-1", **addresses))

    async def test_another_host_may_lead_to_it(
        self, make: Callable[..., Any], fake_clock: FakeClock
    ) -> None:
        """A tunnel, or a name."""
        async with serving(responds(http("200 OK"))) as (_, port):
            check = make(port, host=lambda each: f"{each.hostname}", clock=fake_clock)

            assert await check(Instance(id="i-1", hostname="localhost"))

    async def test_an_ipv6_address_will_do(
        self, make: Callable[..., Any], fake_clock: FakeClock
    ) -> None:
        """In the brackets that a URL needs."""
        check = make(closed_port(), host=lambda _: "::1", timeout=1, clock=fake_clock)

        with pytest.raises(TimeoutError, match=r"to ::1 port 9: .*(refused|Cannot|failed)"):
            await check(HERE)

    async def test_an_instance_without_an_address_fails_at_once(
        self, make: Callable[..., Any], fake_clock: FakeClock
    ) -> None:
        """There is nothing to try."""
        with pytest.raises(ValueError, match=r"instance copy \(i-1\).* has no address"):
            await make(80, clock=fake_clock)(Instance(id="i-1", hostname="copy"))

    @pytest.mark.parametrize("port", [0, -1, 65536])
    def test_a_port_that_is_none_is_refused(self, make: Callable[..., Any], port: int) -> None:
        """When the check is made."""
        with pytest.raises(ValueError, match=r"^port must be at "):
            make(port)


def refuse(*_: object, **__: object) -> Any:
    """Refuse a connection."""
    raise OSError("refused")
