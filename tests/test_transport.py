"""What goes over the wire, and what becomes of what comes back, on a real socket."""

import asyncio
import gc
import logging
import pickle
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from civo_snapshots_async import (
    ApiError,
    CivoSnapshotsError,
    ConfigurationError,
    DecodeError,
    HttpOptions,
    OutcomeUnknownError,
    ServerError,
    SessionClosedError,
    SnapshotSession,
    SystemClock,
    TransportError,
    TransportTimeoutError,
    __version__,
)
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.config import Account, Token
from civo_snapshots_async.testing import FakeCivo, FakeClock, faults

from .calls import SIX_CALLS, Call
from .lateness import lateness
from .make import caller_to, session_on, split_options
from .raw_server import RawServer, hangs, hangs_up, http, raw_server, resets, responds
from .recording import Recorder
from .secrets import shown_by

TOKEN = "canary-token-0123456789"
SNAPSHOT = '{"id": "snap-1", "name": "nightly"}'
get = SIX_CALLS["get"]
every_call = pytest.mark.parametrize("call", SIX_CALLS.values(), ids=SIX_CALLS)


def session_to(server: RawServer, **options: Any) -> SnapshotSession:
    """Make a session that talks to a server, and retries nothing."""
    return SnapshotSession(
        TOKEN,
        region="LON1",
        api_url=server.api_url,
        retry=None,
        resolve_timeout=0,
        **split_options(options),
    )


@asynccontextmanager
async def talking_to(behave: Any, **options: Any) -> AsyncIterator[tuple[Any, RawServer]]:
    """Open a session on a server that behaves so."""
    async with raw_server(behave) as server, session_to(server, **options) as session:
        yield session, server


async def test_sends_what_the_official_client_sends() -> None:
    """Method, path, region and headers, and nothing that was not given."""
    async with talking_to(responds(http("200 OK", SNAPSHOT))) as (session, server):
        await get(session)

    head = server.requests[0].split("\r\n")
    assert head[0] == "GET /v2/instances/web-1/snapshots/snap-1?region=LON1 HTTP/1.1"
    assert sorted(line for line in head[1:] if line and not line.startswith("Host:")) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        f"Authorization: bearer {TOKEN}",
        f"User-Agent: civo-snapshots-async/{__version__}",
    ]


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({}, "application/json", '{"name": "nightly", "description": "\\u00e9&="}'),
        (
            {"body_format": "form"},
            "application/x-www-form-urlencoded",
            "name=nightly&description=%C3%A9%26%3D",
        ),
    ],
)
async def test_sends_json_or_a_form(options: Any, content_type: str, body: str) -> None:
    """As the official client does, or as the page shows."""
    async with talking_to(responds(http("201 Created", SNAPSHOT)), **options) as (session, server):
        await session.create_snapshot("web-1", name="nightly", description="é&=")

    head, _, sent = server.requests[0].partition("\r\n\r\n")
    assert f"Content-Type: {content_type}" in head.split("\r\n")
    assert sent == body


@pytest.mark.parametrize(
    ("options", "body"),
    [({}, '{"overwrite_existing": true}'), ({"body_format": "form"}, "overwrite_existing=true")],
)
async def test_sends_true_as_json_writes_it(options: Any, body: str) -> None:
    """Python's 'True' would not be understood."""
    response = http("201 Created", '{"id": "restore-1"}')
    async with talking_to(responds(response), **options) as (session, server):
        await session.restore_snapshot(
            "web-1", "snap-1", overwrite_existing=True, require_complete=False
        )

    assert server.requests[0].endswith(f"\r\n\r\n{body}")


async def test_puts_the_application_in_front() -> None:
    """So that Civo's support can see who calls."""
    response = responds(http("200 OK", SNAPSHOT))
    async with talking_to(response, application="nightly-job/2.1") as (session, server):
        await get(session)

    assert f"User-Agent: nightly-job/2.1 civo-snapshots-async/{__version__}" in server.requests[0]


async def test_keeps_the_connection_for_the_next_call() -> None:
    """Two calls, one connection."""
    async with talking_to(responds(http("200 OK", SNAPSHOT))) as (session, server):
        await get(session)
        await get(session)

    assert (len(server.requests), server.connections) == (2, 1)


@every_call
@pytest.mark.parametrize("behave", [hangs_up, resets, responds(b"HTTP/1.1 20")])
async def test_a_lost_connection_is_one_request_and_one_error(call: Call, behave: Any) -> None:
    """The second request that aiohttp would make, unseen, is switched off for every method."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behave(reader, writer)
        writer.close()

    async with talking_to(once) as (session, server):
        with pytest.raises((TransportError, OutcomeUnknownError)) as caught:
            await call(session)

    assert len(server.requests) == 1
    # What changes something may have done so; an update can be seen by getting the snapshot.
    is_unknown = server.requests[0].startswith(("POST", "DELETE"))
    assert isinstance(caught.value, OutcomeUnknownError) == is_unknown


@pytest.mark.parametrize(
    "response",
    [
        http("200 OK", SNAPSHOT, length=1000),
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
    ],
    ids=["half a body", "no http", "a bad chunk", "a long header"],
)
async def test_a_broken_response_is_a_transport_error(response: bytes) -> None:
    """The connection is not used again."""

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response)
        writer.close()

    async with talking_to(once) as (session, _):
        with pytest.raises(TransportError):
            await get(session)


async def test_a_refused_connection_is_a_transport_error() -> None:
    """Nothing listens there."""
    async with raw_server(hangs) as server:
        pass
    async with session_to(server) as session:
        with pytest.raises(TransportError, match=r"cannot connect to .* \(connection refused\)"):
            await get(session)


@pytest.mark.parametrize(
    "behave",
    [hangs, responds(http("200 OK", "{", length=1000)), responds(b"HTTP/1.1 100 Continue\r\n\r\n")],
)
async def test_a_request_takes_no_longer_than_its_limit(behave: Any) -> None:
    """No response, half of one, or interim ones: all end at the limit."""
    async with talking_to(behave, request_timeout=0.05) as (session, _):
        with pytest.raises(TransportTimeoutError, match=r"no complete response within 0\.05 s"):
            async with lateness(0.05) as late:
                await get(session)

    assert late.seconds < 0.3


async def test_redirects_are_not_followed() -> None:
    """Neither to elsewhere nor back to the same server."""
    async with raw_server(responds(http("200 OK", SNAPSHOT))) as elsewhere:
        away = http("307 Temporary Redirect", b"", f"Location: {elsewhere.api_url}/x")
        async with talking_to(responds(away)) as (session, server):
            with pytest.raises(ApiError, match=r"307, a redirect to 127\.0\.0\.1: not followed"):
                await session.create_snapshot("web-1")

    assert (len(server.requests), elsewhere.requests) == (1, [])


async def test_cookies_are_not_kept() -> None:
    """What a server sets does not come back to it."""
    response = http("200 OK", SNAPSHOT, "Set-Cookie: spy=1")
    async with talking_to(responds(response)) as (session, server):
        await get(session)
        await get(session)

    assert not any("Cookie" in request for request in server.requests)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_huge_body_is_not_read_to_its_end(status: int) -> None:
    """A snapshot is small; what is larger costs neither memory nor time."""
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(
            http(f"{status} X", b"", length=200_000_000).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        )
        while True:
            writer.write(b" " * 65_536)
            sent += 65_536
            await writer.drain()

    async with talking_to(pour) as (session, _):
        with pytest.raises((DecodeError, ServerError)) as caught:
            await get(session)

    assert "longer than 262144 bytes" in str(caught.value) or status == 500
    assert sent < 20_000_000


async def test_a_compressed_response_is_an_error() -> None:
    """None was requested, and unpacked it could be of any size."""
    response = http("200 OK", b"\x1f\x8b\x08\x00", "Content-Encoding: gzip")
    async with talking_to(responds(response)) as (session, _):
        with pytest.raises(DecodeError, match="the body is compressed"):
            await get(session)


class TestWithACallersSession:
    """An aiohttp session of the caller's is used, and left as it is."""

    async def test_it_is_not_closed(self) -> None:
        """Who opens a resource closes it."""
        response = responds(http("200 OK", SNAPSHOT))
        async with raw_server(response) as server, aiohttp.ClientSession() as mine:
            async with session_to(server, http_session=mine) as session:
                await get(session)

            assert not mine.closed

    async def test_its_login_cookies_and_redirects_are_not_ours(self) -> None:
        """It may be set up for another service; our token goes out, and its login does not."""
        mine = aiohttp.ClientSession(
            cookies={"mine": "1"},
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            raise_for_status=True,
            headers={"Authorization": "Basic bWU6cHc="},
        )
        async with (
            raw_server(responds(http("302 Found", b"", "Location: /x"))) as server,
            mine,
            session_to(server, http_session=mine) as session,
        ):
            with pytest.raises(ApiError, match="302, a redirect to itself"):
                await get(session)

        assert len(server.requests) == 1
        assert f"Authorization: bearer {TOKEN}" in server.requests[0]
        assert "Basic" not in server.requests[0]
        assert "Cookie" not in server.requests[0]

    async def test_its_pool_is_its_own(self) -> None:
        """A wait in it is not taken for a slow connection."""
        may_respond = asyncio.Event()

        async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await may_respond.wait()
            writer.write(http("200 OK", SNAPSHOT))

        connector = aiohttp.TCPConnector(limit=1)
        async with raw_server(slowly) as server, aiohttp.ClientSession(connector=connector) as mine:
            session = session_to(server, http_session=mine, connect_timeout=0.5)
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(get(session))
                asyncio.get_running_loop().call_later(0.8, may_respond.set)

        assert len(server.requests) == 3

    async def test_closed_while_a_call_runs(self) -> None:
        """It is not taken for a lost connection."""
        arrived = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await hangs(reader, writer)

        async with raw_server(hang) as server:
            mine = aiohttp.ClientSession()
            call = asyncio.ensure_future(get(session_to(server, http_session=mine)))
            await arrived.wait()
            await mine.close()

            with pytest.raises(
                SessionClosedError, match="was closed while this call ran"
            ) as caught:
                await call

        assert caught.value.may_have_taken_effect

    async def test_a_closed_one_is_reported(self) -> None:
        """And not RuntimeError, as aiohttp does."""
        mine = aiohttp.ClientSession()
        await mine.close()

        with pytest.raises(
            SessionClosedError, match="the aiohttp session that was given is clos"
        ) as caught:
            await get(SnapshotSession(TOKEN, region="LON1", http_session=mine))

        assert not caught.value.may_have_taken_effect


async def test_a_netrc_file_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ours nor that of a given session that trusts the environment."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async with raw_server(responds(http("200 OK", SNAPSHOT))) as server:
        async with session_to(server, trust_env=True) as session:
            await get(session)
        async with (
            aiohttp.ClientSession(trust_env=True) as mine,
            session_to(server, http_session=mine) as session,
        ):
            await get(session)

    assert len(server.requests) == 2
    for request in server.requests:
        assert re.findall("Authorization: (.*)\r", request) == [f"bearer {TOKEN}"]


class TestProxies:
    """A proxy is used by an option."""

    async def test_the_environments_proxy_is_not_used_by_default(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token in the clear to an unexpected proxy would be a leak."""
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        async with talking_to(responds(http("200 OK", SNAPSHOT))) as (session, server):
            await get(session)

        assert len(server.requests) == 1

    @pytest.mark.parametrize("how", ["argument", "environment"])
    async def test_a_proxy_gets_the_request(
        self, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its URL, or from the environment with trust_env=True."""
        async with raw_server(responds(http("200 OK", SNAPSHOT))) as proxy:
            monkeypatch.setenv("http_proxy", proxy.api_url)
            options: Any = {"proxy": proxy.api_url} if how == "argument" else {"trust_env": True}
            session = SnapshotSession(
                TOKEN,
                region="LON1",
                api_url="http://civo.invalid",
                http=HttpOptions(allow_insecure_http=True, **options),
            )
            async with session:
                await get(session)

        assert proxy.requests[0].startswith("GET http://civo.invalid/v2/instances/web-1/")

    async def test_a_proxy_that_refuses_is_named_without_its_password(self) -> None:
        """And as nothing was sent, nothing is unknown."""
        async with raw_server(responds(http("407 Proxy Authentication Required"))) as proxy:
            session = SnapshotSession(
                TOKEN,
                region="LON1",
                http=HttpOptions(proxy=proxy.api_url.replace("//", "//me:SECRETPW@")),
                retry=None,
            )
            async with session:
                with pytest.raises(TransportError, match="the proxy returned 407") as caught:
                    await SIX_CALLS["create"](session)

        assert not caught.value.may_have_arrived
        assert "SECRETPW" not in shown_by(caught.value)

    async def test_a_proxy_that_does_not_exist_is_named(self) -> None:
        """And not Civo, which was never tried."""
        async with raw_server(hangs) as gone:
            pass
        async with SnapshotSession(
            TOKEN,
            region="LON1",
            http=HttpOptions(proxy=gone.api_url.replace("//", "//me:SECRETPW@")),
            retry=None,
        ) as session:
            with pytest.raises(
                TransportError,
                match=r"cannot connect to the proxy 127\.0\.0\.1:\d+ \(connection refused\)$",
            ) as caught:
                await get(session)

        assert "SECRETPW" not in shown_by(caught.value)

    async def test_no_proxy_is_obeyed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As by other programs."""
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with talking_to(responds(http("200 OK", SNAPSHOT)), trust_env=True) as (
            session,
            server,
        ):
            await get(session)

        assert len(server.requests) == 1


class TestSlots:
    """A session holds at most so many requests at once."""

    async def test_the_others_wait_without_being_charged(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """Six requests of 20 s, two at once, each in less than its limit of 30 s."""
        civo.add_snapshot("web-1", "snap-1")
        civo.inject("get", *[faults.delay(20)] * 6)

        async with (
            session_on(civo, fake_clock, max_connections=2, request_timeout=30) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(6):
                group.create_task(get(session))

        assert [request.at for request in civo.requests] == [0, 0, 20, 20, 40, 40]
        assert {request.connection for request in civo.requests} == {1, 2}


class TestPace:
    """By an option, no more than so many requests go out in a second."""

    async def test_requests_go_out_evenly(self) -> None:
        """Ten at once, at most 100 a second: they take nine hundredths."""
        at: list[float] = []

        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            at.append(asyncio.get_running_loop().time())
            writer.write(http("200 OK", SNAPSHOT))

        options = {"requests_per_second": 100}
        async with talking_to(note, **options) as (session, _), asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(get(session))

        assert at[-1] - at[0] > 0.08

    def test_it_names_what_it_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The limiter is a library that few need."""
        monkeypatch.setitem(sys.modules, "aiolimiter", None)

        with pytest.raises(ConfigurationError, match=r"pip install aiolimiter$"):
            SnapshotSession(TOKEN, region="LON1", http=HttpOptions(requests_per_second=5))


class Turnstile:
    """A limiter that counts, and lets through while its gate is open."""

    def __init__(self, error: Exception | None = None) -> None:
        self.entered = 0
        self.error = error
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> None:
        self.entered += 1
        if self.error is not None:
            raise self.error
        await self.gate.wait()

    async def __aexit__(self, *_: object) -> None:
        return


class TestLimiter:
    """Each request waits for a limiter of the caller's."""

    async def test_each_attempt_enters_it(self, civo: FakeCivo, fake_clock: FakeClock) -> None:
        """Retries as well."""
        limiter = Turnstile()
        civo.inject("list", faults.status(503), faults.status(503))

        async with session_on(civo, fake_clock, limiter=limiter) as session:
            await session.list_snapshots("web-1")

        assert limiter.entered == len(civo.requests) == 3

    async def test_with_observers_as_well(self, civo: FakeCivo, fake_clock: FakeClock) -> None:
        """They count what is sent."""
        limiter = Turnstile()

        async with session_on(civo, fake_clock, limiter=limiter, observers=[Recorder()]) as session:
            await session.list_snapshots("web-1")

        assert limiter.entered == 1

    async def test_nothing_is_sent_until_it_lets_through(self) -> None:
        """A call that times out before has sent nothing."""
        limiter = Turnstile()
        limiter.gate.clear()

        async with talking_to(
            responds(http("200 OK", SNAPSHOT)), limiter=limiter, call_timeout=0.05
        ) as (session, server):
            with pytest.raises(TransportTimeoutError) as caught:
                await get(session)

        assert not caught.value.may_have_taken_effect
        assert (limiter.entered, server.requests) == (1, [])

    async def test_an_error_of_it_is_raised_and_nothing_sent(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """Its database may be gone."""
        limiter = Turnstile(ConnectionError("no database"))

        async with session_on(civo, fake_clock, limiter=limiter) as session:
            with pytest.raises(ConnectionError, match="no database"):
                await session.create_snapshot("web-1", name="nightly")

        assert civo.requests == []

    @pytest.mark.parametrize(
        ("limiter", "http", "kind", "match"),
        [
            (object(), HttpOptions(), TypeError, "limiter must be something to enter"),
            (Turnstile(), HttpOptions(requests_per_second=5), ValueError, "not both"),
        ],
    )
    def test_it_is_one_and_can_be_entered(
        self, limiter: Any, http: HttpOptions, kind: type[Exception], match: str
    ) -> None:
        """It is checked when the session is made."""
        with pytest.raises(kind, match=match):
            SnapshotSession(TOKEN, region="LON1", limiter=limiter, http=http)


class TestClosing:
    """A closed session is a clear error."""

    @every_call
    async def test_calls_afterwards_are_refused(self, call: Call) -> None:
        """And nothing is sent."""
        async with talking_to(responds(http("200 OK", SNAPSHOT))) as (session, server):
            await session.aclose()
            await session.aclose()
            with pytest.raises(SessionClosedError, match="the session is closed: make a new one"):
                await call(session)

        assert server.requests == []

    async def test_a_call_in_flight_raises_that(self) -> None:
        """It is not taken for a lost connection."""
        arrived = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await hangs(reader, writer)

        async with talking_to(hang) as (session, _):
            call = asyncio.ensure_future(get(session))
            await arrived.wait()
            await session.aclose()
            with pytest.raises(SessionClosedError, match="was closed while this call ran"):
                await call

    async def test_a_closed_transport_opens_nothing_anew(self) -> None:
        """Not even for a request that passed the session's own check before."""
        request = endpoints.list_snapshots("web-1", region="LON1")
        async with raw_server(responds(http("200 OK", "[]"))) as server:
            caller = caller_to(server.api_url, token=TOKEN, region="LON1", clock=SystemClock())
            await caller.call(request)
            await caller.aclose()
            with pytest.raises(SessionClosedError, match="the session is closed: make a new one"):
                await caller.call(request)

        assert len(server.requests) == 1

    async def test_a_session_that_was_never_used_closes(self) -> None:
        """There is nothing to close."""
        await SnapshotSession(TOKEN, region="LON1").aclose()

    async def test_another_event_loop_is_refused(self) -> None:
        """A session belongs to the loop in which it was first used."""

        async def use() -> None:
            await get(session)

        async with talking_to(responds(http("200 OK", SNAPSHOT))) as (session, server):
            await use()
            with pytest.raises(RuntimeError, match="belongs to another event loop: make one for"):
                await asyncio.to_thread(asyncio.run, use())

        assert len(server.requests) == 1


PLACE: Any = SimpleNamespace(host="civo.example", port=443, ssl=True)


@pytest.mark.parametrize(
    ("exception", "kind", "message"),
    [
        (aiohttp.ConnectionTimeoutError("x"), TransportTimeoutError, "no connection within 10 s"),
        (
            aiohttp.SocketTimeoutError("x"),
            TransportTimeoutError,
            "no complete response within 30 s",
        ),
        (TimeoutError(), TransportTimeoutError, "no complete response within 30 s"),
        (aiohttp.ClientPayloadError("cut"), TransportError, "ClientPayloadError: the body was cut"),
        (aiohttp.InvalidURL("x"), TransportError, "InvalidURL: x"),
        (
            aiohttp.ClientConnectorDNSError(
                PLACE, socket.gaierror(-2, "Name or service not known")
            ),
            TransportError,
            r": cannot resolve civo\.example \(name or service not known\)$",
        ),
        (
            aiohttp.ClientConnectorError(PLACE, OSError("Multiple exceptions: no, no")),
            TransportError,
            r": cannot connect to civo\.example:443 \(multiple exceptions: no, no\)$",
        ),
        (
            aiohttp.ClientConnectorSSLError(PLACE, ssl.SSLError("it broke off")),
            TransportError,
            r": cannot connect to civo\.example:443 \(TLS: the handshake failed\)$",
        ),
    ],
)
async def test_every_error_of_aiohttps_becomes_ours(
    exception: Exception, kind: type[TransportError], message: str
) -> None:
    """What a socket can't be made to do, a mock can."""
    with aioresponses() as mocked:
        mocked.get(re.compile(".*"), exception=exception)
        async with SnapshotSession(TOKEN, region="LON1", retry=None) as session:
            with pytest.raises(kind, match=message) as caught:
                await get(session)

    assert (caught.value.method, type(caught.value)) == ("GET", kind)
    assert caught.value.path == "/v2/instances/web-1/snapshots/snap-1"


async def test_a_bug_comes_out_as_it_is() -> None:
    """Only errors that can be named are caught."""
    with aioresponses() as mocked:
        mocked.get(re.compile(".*"), exception=ZeroDivisionError("bug"))
        async with SnapshotSession(TOKEN, region="LON1") as session:
            with pytest.raises(ZeroDivisionError):
                await get(session)


def quote_all(text: str) -> str:
    """Percent-encode every letter."""
    return "".join(f"%{ord(letter):02x}" for letter in text)


# As a server's JSON may spell it.
ESCAPED = f"\\u{ord(TOKEN[0]):04x}{TOKEN[1:]}"
ECHO = f'{{"code": "x", "reason": "who is {TOKEN}?", "details": "{TOKEN}"}}'


@pytest.mark.parametrize(
    "behave",
    [
        responds(http("400 Bad Request", ECHO, f"X-Request-Id: {TOKEN}")),
        responds(http("302 Found", b"", f"Location: https://{TOKEN}.example/?t={TOKEN}")),
        responds(http("200 OK", f'{{"id": "{TOKEN}", "name": "{TOKEN}"}}')),
        responds(http("200 OK", f'{{"id": 5, "name": "{TOKEN}"}}')),
        responds(http("200 OK", TOKEN)),
        responds(http("200 OK", "<p>", f"Content-Type: text/{TOKEN}; x={TOKEN}")),
        responds(http("200 OK", "<p>", f"Content-Type: text/{quote_all(TOKEN)}")),
        responds(http("200 OK", "<p>", f"X-Echo: {TOKEN}", f"X-{TOKEN}: 1")),
        responds(http("403 Forbidden", f'{{"reason": "{ESCAPED}"}}')),
        responds(http("200 OK", f'{{"id": "snap-1", "name": "{ESCAPED}", "description": 5}}')),
        responds(http("403 Forbidden", f'{{"reason": "\\u00e9 {ESCAPED}"}}')),
        responds(http("403 Forbidden", f"who is {ESCAPED}?")),
        responds(http("403 Forbidden", '{"reason": "C:\\x"}')),
        responds(http("403 Forbidden", "C:\\x")),
        responds(http("302 Found", b"", f"Location: https://{quote_all(TOKEN)}.example/")),
        responds(f"bearer {TOKEN}\r\n\r\n".encode()),
        responds(f"HTTP/1.1 200 OK\r\n bearer {TOKEN}\r\n\r\n".encode()),
        responds(f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode()),
        responds(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n".encode()),
        hangs_up,
        resets,
        responds(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
    ],
    ids=[
        "reason",
        "redirect",
        "other id",
        "bad id",
        "no JSON",
        "content type",
        "escaped content type",
        "other headers",
        "escaped reason",
        "escaped name",
        "escaped beside another character",
        "escaped in no JSON",
        "a backslash",
        "a backslash in no JSON",
        "escaped redirect",
        "status line",
        "header",
        "length",
        "chunk",
        "hangs up",
        "resets",
        "late",
    ],
)
async def test_no_error_shows_the_token(behave: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not its text, its fields, its causes, its pickle, its traceback, or a log at any level."""
    caplog.set_level(logging.DEBUG)
    async with talking_to(behave, request_timeout=0.1) as (session, _):
        with pytest.raises(CivoSnapshotsError) as caught:
            await get(session)

    ours = [text for name, _, text in caplog.record_tuples if name.startswith("civo")]
    # Where it was escaped, all but its first character would be left.
    assert TOKEN[1:] not in shown_by(caught.value)
    assert TOKEN[1:] not in str(ours)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_nothing_of_a_session_shows_the_token() -> None:
    """Neither it nor anything that it is made of, and it is not pickled."""
    session = SnapshotSession(TOKEN, region="LON1")

    parts = list(parts_of(session))
    assert {"Caller", "AiohttpTransport", "Account", "Token"} <= {type(p).__name__ for p in parts}
    assert not any(TOKEN in repr(part) for part in parts)
    assert repr(session) == "SnapshotSession(region='LON1', api_url='https://api.civo.com')"
    with pytest.raises(TypeError, match="a token can't be pickled"):
        pickle.dumps(next(part for part in parts if isinstance(part, Account)))


def test_a_short_token_is_not_masked() -> None:
    """Such as the page's 12345: masking it would garble ids that hold it."""
    assert Token.of("12345").mask("abc-12345") == "abc-12345"


def parts_of(value: object) -> Iterator[object]:
    """Give all values of ours that a value is made of, and what these hold."""
    found: dict[int, object] = {}
    waiting = [value]
    while waiting:
        part = waiting.pop()
        is_ours = type(part).__module__.startswith("civo_snapshots_async")
        if id(part) not in found and (is_ours or isinstance(part, (dict, list, tuple))):
            found[id(part)] = part
            waiting += gc.get_referents(part)
    yield from found.values()
