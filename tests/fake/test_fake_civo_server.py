"""The server itself: what it records, how it starts, how it ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from civo_snapshots_async.testing import FakeCivo, FakeClock
from tests.programs import run_strictly

from .talk import Caller


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("POST", "web-1/snapshots", ("create", None), id="create"),
        pytest.param("GET", "web-1/snapshots", ("list", None), id="list"),
        pytest.param("GET", "web-1/snapshots/s", ("get", "s"), id="get"),
        pytest.param("PUT", "web-1/snapshots/s", ("update", "s"), id="update"),
        pytest.param("POST", "web-1/snapshots/s/restore", ("restore", "s"), id="restore"),
        pytest.param("DELETE", "web-1/snapshots/s", ("delete", "s"), id="delete"),
        pytest.param("PATCH", "web-1/snapshots/s", ("unknown", "s"), id="wrong-method"),
    ],
)
async def test_each_request_has_a_kind(
    civo: FakeCivo, call: Caller, method: str, path: str, expected: tuple[str, str | None]
) -> None:
    """Requests are distinguished by the name of their call."""
    await call(method, path)

    assert [(request.kind, request.snapshot_id) for request in civo.requests] == [expected]
    assert civo.requests[0].instance_id == "web-1"


async def test_a_request_is_recorded_as_it_was_on_the_wire(
    civo: FakeCivo, call: Caller, fake_clock: FakeClock
) -> None:
    """Path raw, query, headers in any case, body, fields, and the time."""
    fake_clock.advance(7.0)
    url = URL(f"{civo.api_url}/v2/instances/a%2Fb%20c/snapshots?region=FAKE1&x=%20", encoded=True)

    async with call.session.post(url, data={"name": "n"}, headers={"Authorization": "bearer t"}):
        pass

    (request,) = civo.requests
    assert (request.method, request.path) == ("POST", "/v2/instances/a%2Fb%20c/snapshots")
    assert request.instance_id == "a/b c"
    assert request.query == {"region": "FAKE1", "x": " "}
    assert request.headers["authorization"] == request.headers["AUTHORIZATION"] == "bearer t"
    assert (request.body, request.fields, request.at) == (b"name=n", {"name": "n"}, 7.0)


async def test_refused_requests_are_recorded(civo: FakeCivo, call: Caller) -> None:
    """A request counts as sent, whatever became of it."""
    await call("GET", "web-1/snapshots", authorization="bearer wrong")
    await call("GET", "web-1/elsewhere")

    assert [request.kind for request in civo.requests] == ["list", "unknown"]


async def test_a_record_does_not_show_the_token(civo: FakeCivo, call: Caller) -> None:
    """A failed assertion prints requests: their headers are left out."""
    await call("GET", "web-1/snapshots")

    assert civo.token not in repr(civo.requests)


async def test_responses_are_json(call: Caller) -> None:
    """Documents and errors alike are sent as JSON."""
    replies = [await call("GET", "web-1/snapshots"), await call("GET", "web-9/snapshots")]

    assert [reply.headers["Content-Type"] for reply in replies] == ["application/json"] * 2


async def test_the_machines_clock_is_the_default() -> None:
    """Without a clock, times and dates are the real ones."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with FakeCivo() as civo, aiohttp.ClientSession() as session:
        civo.add_instance("web-1")
        document = (await Caller(civo, session)("POST", "web-1/snapshots")).document

    assert before <= datetime.fromisoformat(document["created_at"]) <= datetime.now(UTC)


async def test_two_can_run_at_once() -> None:
    """Each has a port and a state of its own."""
    async with FakeCivo() as one, FakeCivo() as other:
        one.add_instance("web-1")

        assert one.api_url != other.api_url
        assert dict(other.instances) == {}


async def test_the_url_is_loopback_without_a_path(civo: FakeCivo) -> None:
    """It is what goes into `CIVO_API_URL`: no slash at the end, no `/v2`."""
    url = urlsplit(civo.api_url)

    assert (url.scheme, url.hostname, url.path) == ("http", "127.0.0.1", "")


def test_there_is_no_url_before_the_start() -> None:
    """Use outside of `async with` is a clear error."""
    with pytest.raises(RuntimeError, match="not running: use `async with"):
        _ = FakeCivo().api_url


async def test_it_cannot_be_started_twice(civo: FakeCivo) -> None:
    """One FakeCivo is one server."""
    with pytest.raises(RuntimeError, match="running already"):
        await civo.__aenter__()


async def test_ending_it_twice_is_silent() -> None:
    """What is closed stays closed."""
    civo = FakeCivo()
    async with civo:
        await civo.__aexit__(None, None, None)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_after_the_end_connections_are_refused() -> None:
    """The URL stays known, so that a test can call a server that is down."""
    async with FakeCivo() as civo:
        pass

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(civo.api_url)


async def test_it_can_be_started_again() -> None:
    """A server that comes back has what it had."""
    civo = FakeCivo()
    civo.add_instance("web-1")
    async with civo:
        pass

    async with civo, aiohttp.ClientSession() as session:
        reply = await Caller(civo, session)("GET", "web-1/snapshots")

    assert reply.status == 200


async def test_a_port_that_is_taken(civo: FakeCivo) -> None:
    """The port can be chosen; one that is in use is an OSError, after which nothing is left."""
    other = FakeCivo(port=urlsplit(civo.api_url).port or 0)

    with pytest.raises(OSError, match="in use"):
        await other.__aenter__()

    async with FakeCivo() as free:
        port = urlsplit(free.api_url).port or 0
    async with FakeCivo(port=port) as chosen:
        assert chosen.api_url.endswith(f":{port}")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing-sent"),
        pytest.param(b"GET /v2/insta", id="half-a-line"),
        pytest.param(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nha", id="half-a-body"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", id="idle-after-a-request"),
    ],
)
async def test_the_end_leaves_nothing_behind(sent: bytes) -> None:
    """Whatever clients are doing, closing ends every task and every connection."""
    async with FakeCivo() as civo:
        url = urlsplit(civo.api_url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(sent)
        await writer.drain()
        if sent.endswith(b"\r\n\r\n"):
            await reader.readuntil(b"}")
        else:
            # What was sent is in the server's socket; these turns of the loop let it be read.
            for _ in range(20):
                await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    await reader.read()
    assert reader.at_eof()
    writer.close()


def test_it_warns_of_nothing() -> None:
    """Open, call, fail and close, with Python's development mode on and warnings as errors."""
    program = """
import asyncio, aiohttp
from civo_snapshots_async.testing import FakeCivo

async def main():
    for _ in range(3):
        async with FakeCivo() as civo, aiohttp.ClientSession() as session:
            civo.add_instance()
            url = civo.api_url + "/v2/instances/web-1/snapshots?region=FAKE1"
            headers = {"Authorization": "bearer " + civo.token}
            async with session.post(url, headers=headers) as response:
                assert response.status == 201
            async with session.post(url, headers=headers) as response:
                assert response.status == 409

asyncio.run(main())
"""

    assert run_strictly("-c", program) == (0, "", "")
