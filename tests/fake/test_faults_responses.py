"""Responses that are not what was requested."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from civo_snapshots_async.testing import FakeCivo, faults
from civo_snapshots_async.testing.faults import Fault

from .talk import Caller
from .wire import connected, length_of, send_once


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        pytest.param(
            faults.status(500),
            500,
            "application/json",
            b'{"reason": "Internal Server Error", "result": "failed", "status": 500}',
            id="envelope",
        ),
        pytest.param(
            faults.status(404, code="database_account_not_found", reason="gone"),
            404,
            "application/json",
            b'{"code": "database_account_not_found", "reason": "gone", "result": "failed", '
            b'"status": 404}',
            id="code",
        ),
        pytest.param(
            faults.status(400, body={"code": 7}), 400, "application/json", b'{"code": 7}', id="json"
        ),
        pytest.param(
            faults.status(503, body="späť"), 503, "text/plain", "späť".encode(), id="text"
        ),
        pytest.param(faults.status(599, body=b"\xff"), 599, "text/plain", b"\xff", id="bytes"),
        pytest.param(faults.status(500, body=""), 500, "text/plain", b"", id="empty"),
        pytest.param(faults.status(500, body="<p>"), 500, "text/html", b"<p>", id="html"),
        pytest.param(faults.bad_json(b"\xfe["), 201, "application/json", b"\xfe[", id="bad-json"),
        pytest.param(
            faults.rate_limited(),
            429,
            "application/json",
            b'{"reason": "Too many requests", "result": "failed", "status": 429}',
            id="rate-limited",
        ),
        pytest.param(faults.redirect("http://x/"), 307, "text/plain", b"", id="redirect"),
    ],
)
async def test_what_the_response_is(
    civo: FakeCivo, fault: Fault, status: int, content_type: str, body: bytes
) -> None:
    """Status, type and body are as made up."""
    civo.inject("create", fault)

    async with aiohttp.ClientSession() as session, post(session, civo) as response:
        got = await response.read()

    assert (response.status, response.content_type, got) == (status, content_type, body)


@pytest.mark.parametrize(
    ("fault", "title"),
    [
        pytest.param(faults.bad_gateway(), "502 Bad Gateway", id="bad-gateway"),
        pytest.param(faults.gateway_timeout(), "504 Gateway Time-out", id="gateway-timeout"),
    ],
)
async def test_gateways_respond_with_html(civo: FakeCivo, fault: Fault, title: str) -> None:
    """The page of something in the way, that knows nothing of Civo's API."""
    civo.inject("create", fault)

    async with aiohttp.ClientSession() as session, post(session, civo) as response:
        got = await response.text()

    assert (response.status, response.content_type) == (int(title[:3]), "text/html")
    assert f"<h1>{title}</h1>" in got


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(faults.status(500), 0, id="status"),
        pytest.param(faults.status(500, effect=True), 1, id="status-with"),
        pytest.param(faults.rate_limited(), 0, id="rate-limited"),
        pytest.param(faults.bad_gateway(), 0, id="bad-gateway"),
        pytest.param(faults.bad_gateway(effect=True), 1, id="bad-gateway-with"),
        pytest.param(faults.gateway_timeout(), 1, id="gateway-timeout"),
        pytest.param(faults.gateway_timeout(effect=False), 0, id="gateway-timeout-without"),
        pytest.param(faults.redirect("/"), 0, id="redirect"),
        pytest.param(faults.bad_json(), 1, id="bad-json"),
        pytest.param(faults.bad_json(effect=False), 0, id="bad-json-without"),
        pytest.param(faults.huge(100), 1, id="huge"),
        pytest.param(faults.huge(100, effect=False), 0, id="huge-without"),
        pytest.param(faults.bomb(100), 1, id="bomb"),
        pytest.param(faults.bomb(100, effect=False), 0, id="bomb-without"),
    ],
)
async def test_the_effect_is_independent_of_the_response(
    civo: FakeCivo, fault: Fault, expected: int
) -> None:
    """A snapshot is made or not, whatever the response."""
    civo.inject("create", fault)

    await send_once(civo)

    assert len(civo.effects) == expected


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        pytest.param(3, "3", id="integer"),
        pytest.param(0.5, "0.5", id="fraction"),
        pytest.param(float("nan"), "nan", id="nan"),
        pytest.param(-1e400, "-inf", id="infinite"),
        pytest.param("Tue, 01 Apr 2025 09:12:14 GMT", "Tue, 01 Apr 2025 09:12:14 GMT", id="date"),
        pytest.param("1_000", "1_000", id="underscore"),
        pytest.param("٣", "٣", id="other-digits"),
        pytest.param("", "", id="empty"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(faults.rate_limited, id="429"),
        pytest.param(lambda value: faults.status(503, retry_after=value), id="503"),
    ],
)
async def test_retry_after_is_sent_as_it_is(
    civo: FakeCivo, call: Caller, make: Callable[[Any], Fault], retry_after: Any, expected: str
) -> None:
    """However absurd."""
    civo.inject("create", make(retry_after))

    reply = await call("POST", "web-1/snapshots")

    assert reply.headers["Retry-After"] == expected


async def test_without_retry_after_none_is_sent(civo: FakeCivo, call: Caller) -> None:
    """A 429 may come without."""
    civo.inject("create", faults.rate_limited())

    assert "Retry-After" not in (await call("POST", "web-1/snapshots")).headers


async def test_headers_go_in_place_of_fakecivos_own(civo: FakeCivo) -> None:
    """In any case of letters; there are never two of a kind."""
    headers = {"date": "never", "content-type": "a/b", "X-Request-Id": "7"}
    civo.inject("create", faults.status(500, body="{}", headers=headers))

    async with aiohttp.ClientSession() as session, post(session, civo) as response:
        got = response.headers

    assert [got.getall(name) for name in headers] == [["never"], ["a/b"], ["7"]]


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_body_has_none(civo: FakeCivo, status: int) -> None:
    """So that what comes next on the connection is not mistaken."""
    civo.inject("create", faults.status(status, body="not sent"))

    async with connected(civo) as wire:
        await wire.send("POST")
        got = await wire.some()
        await wire.send("GET")
        head, _ = await wire.response()

    assert got.endswith(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")


async def test_the_connection_can_be_used_again(civo: FakeCivo, call: Caller) -> None:
    """A complete response leaves the connection as it is."""
    civo.inject("create", faults.status(500), faults.bad_json(b"{}"), faults.huge(70_000))

    for _ in range(4):
        await call("POST", "web-1/snapshots")

    assert {request.connection for request in civo.requests} == {1}


@pytest.mark.parametrize("close", ["Connection: close", "Connection: Close"])
async def test_the_connection_is_closed_if_the_client_closes_it(civo: FakeCivo, close: str) -> None:
    """As with a correct response."""
    civo.inject("create", faults.status(500))

    async with connected(civo) as wire:
        await wire.send("POST", "web-1/snapshots", close)
        _, ending = await wire.rest()

    assert ending == "closed"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("POST", "web-1/snapshots", 201, id="create"),
        pytest.param("POST", "web-1/snapshots/s/restore", 201, id="restore"),
        pytest.param("GET", "web-1/snapshots", 200, id="list"),
        pytest.param("DELETE", "web-1/snapshots/s", 200, id="delete"),
    ],
)
async def test_bad_json_has_the_status_of_success(
    civo: FakeCivo, call: Caller, method: str, path: str, expected: int
) -> None:
    """That of the call, also where the request is refused."""
    civo.inject("any", faults.bad_json(b"[]"))

    assert (await call(method, path)).status == expected


@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_names_a_place(civo: FakeCivo, call: Caller, status: int) -> None:
    """And its status can be chosen."""
    civo.inject("list", faults.redirect(f"{civo.api_url}/elsewhere", status))

    reply = await call("GET", "web-1/snapshots")

    assert reply.error == (404, "route_not_found")
    assert [request.path for request in civo.requests][1:] == ["/elsewhere"]


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("size", [12, 65_536, 1_000_000])
async def test_a_huge_body_is_json_of_that_size(
    civo: FakeCivo, size: int, *, declared: bool
) -> None:
    """Nothing but its size is wrong, whether the head declares it or not."""
    civo.inject("create", faults.huge(size, declared=declared))

    async with aiohttp.ClientSession() as session, post(session, civo) as response:
        got = await response.read()

    assert len(got) == size
    assert set(json.loads(got)) == {"name"}
    assert response.content_length == (size if declared else None)


@pytest.mark.parametrize("size", [12, 1_000_000, 10_000_000])
async def test_a_bomb_is_small_until_it_is_unpacked(civo: FakeCivo, size: int) -> None:
    """On the wire it is next to nothing."""
    civo.inject("create", faults.bomb(size))

    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        post(session, civo) as response,
    ):
        got = await response.read()

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(got) < 100 + size // 500
    assert len(unpacked := gzip.decompress(got)) == size
    assert set(json.loads(unpacked)) == {"name"}


async def test_a_bomb_goes_off(civo: FakeCivo) -> None:
    """A client that unpacks what comes gets all of it."""
    civo.inject("create", faults.bomb(10_000_000))

    async with aiohttp.ClientSession() as session, post(session, civo) as response:
        got = await response.read()

    assert len(got) == 10_000_000


@pytest.mark.parametrize("fault", [faults.huge(20_000_000), faults.bomb(20_000_000)], ids=str)
async def test_what_is_huge_is_never_held(civo: FakeCivo, fault: Fault) -> None:
    """FakeCivo's memory does not grow with it."""
    civo.inject("create", fault)

    async with connected(civo) as wire:
        await wire.send()
        got = await wire.some()
        left = length_of(got) - len(got.partition(b"\r\n\r\n")[2])
        tracemalloc.start()
        try:
            while left:
                left -= len(await wire.some())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(lambda: faults.status(199), "200 to 599, not 199", id="interim"),
        pytest.param(lambda: faults.status(600), "200 to 599, not 600", id="none"),
        pytest.param(lambda: faults.redirect("/", 200), "300 to 399, not 200", id="redirect"),
        pytest.param(
            lambda: faults.redirect("/\r\nX: y"), "'Location': .* not one line", id="two-lines"
        ),
        pytest.param(
            lambda: faults.rate_limited("1\n"), "'Retry-After': .* not one line", id="retry-after"
        ),
        pytest.param(
            lambda: faults.status(500, headers={"a b": "c"}), "'a b': 'c'", id="header-name"
        ),
        pytest.param(lambda: faults.huge(11), "size must be 12 bytes or more, not 11", id="huge"),
        pytest.param(lambda: faults.bomb(-1), "size must be 12 bytes or more, not -1", id="bomb"),
        pytest.param(lambda: faults.delay(-1), "seconds must be a number", id="delay"),
        pytest.param(lambda: faults.drip(float("inf")), "interval must be a number", id="drip"),
    ],
)
def test_refuses_what_cannot_be(wrong: Callable[[], Fault], match: str) -> None:
    """A wrong argument is a ValueError where it is given, not a broken response later."""
    with pytest.raises(ValueError, match=match):
        wrong()


def test_faults_are_values() -> None:
    """Made alike they are equal, so that a test can compare them."""
    assert faults.reset("midway") == faults.reset("midway", effect=True)
    assert faults.status(500) != faults.status(500, effect=True)
    assert len({*faults.USUAL}) == len(faults.USUAL)


def test_faults_show_what_they_are() -> None:
    """In a failed assertion, in few words however large they are."""
    assert repr(faults.reset("head")) == "reset(when='head', effect=True)"
    assert len(repr(faults.bad_json(b"[" * 100_000))) < 80


def post(session: aiohttp.ClientSession, civo: FakeCivo) -> Any:
    """Request a snapshot, and follow no redirect."""
    return session.post(
        f"{civo.api_url}/v2/instances/web-1/snapshots?region={civo.region}",
        headers={"Authorization": f"bearer {civo.token}"},
        allow_redirects=False,
    )
