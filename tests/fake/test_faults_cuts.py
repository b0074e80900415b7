"""Responses that are cut, and connections that are dropped."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from civo_snapshots_async.testing import FakeCivo, faults
from civo_snapshots_async.testing.faults import Fault, When

from .talk import Caller
from .wire import connected, is_complete, length_of, send_once

CUTS = [
    pytest.param(faults.reset, "reset", id="reset"),
    pytest.param(faults.close, "closed", id="close"),
]
WHEN: list[When] = ["before", "head", "midway", "after"]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("cut", "ending"), CUTS)
async def test_how_the_connection_ends(
    civo: FakeCivo, cut: Callable[..., Fault], ending: str, when: When
) -> None:
    """`reset` is a real TCP reset, `close` an orderly end; both end the connection."""
    civo.inject("create", cut(when))

    async with connected(civo) as wire:
        await wire.send()
        _, ended = await wire.rest()

    assert ended == ending


@pytest.mark.parametrize(("cut", "_ending"), CUTS)
async def test_nothing_is_sent_before_the_response(
    civo: FakeCivo, cut: Callable[..., Fault], _ending: str
) -> None:
    """`before`: not a single byte comes."""
    civo.inject("create", cut("before"))

    assert (await send_once(civo))[0] == b""


@pytest.mark.parametrize(("cut", "_ending"), CUTS)
async def test_a_head_can_be_cut(civo: FakeCivo, cut: Callable[..., Fault], _ending: str) -> None:
    """`head`: the status is there, the end of the head is not."""
    civo.inject("create", cut("head"))

    got, _ = await send_once(civo)

    assert got.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\n\r\n" not in got


@pytest.mark.parametrize(("cut", "_ending"), CUTS)
async def test_a_body_can_be_cut(civo: FakeCivo, cut: Callable[..., Fault], _ending: str) -> None:
    """`midway`: the head is complete, and some of the body that it declares has come."""
    civo.inject("create", cut("midway"))

    head, _, body = (await send_once(civo))[0].partition(b"\r\n\r\n")

    assert 0 < len(body) < length_of(head)
    assert body.startswith(b'{"id": ')


@pytest.mark.parametrize(("cut", "_ending"), CUTS)
async def test_a_response_may_be_the_connections_last(
    civo: FakeCivo, cut: Callable[..., Fault], _ending: str
) -> None:
    """`after`: the response is complete, and does not announce that the connection ends."""
    civo.inject("create", cut("after"))

    got, _ = await send_once(civo)

    assert is_complete(got)
    assert b"connection: close" not in got.lower()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, 0, id="before"),
        pytest.param({"effect": True}, 1, id="before-with"),
        pytest.param({"when": "head"}, 1, id="head"),
        pytest.param({"when": "head", "effect": False}, 0, id="head-without"),
        pytest.param({"when": "midway"}, 1, id="midway"),
        pytest.param({"when": "midway", "effect": False}, 0, id="midway-without"),
        pytest.param({"when": "after"}, 1, id="after"),
        pytest.param({"when": "after", "effect": False}, 0, id="after-without"),
    ],
)
@pytest.mark.parametrize(("cut", "_ending"), CUTS)
async def test_the_effect_is_independent_of_the_response(
    civo: FakeCivo,
    cut: Callable[..., Fault],
    _ending: str,
    arguments: dict[str, Any],
    expected: int,
) -> None:
    """The snapshot is made or not; by default it is where some of a response came."""
    civo.inject("create", cut(**arguments))

    await send_once(civo)

    assert (len(civo.effects), len(civo.snapshots("web-1"))) == (expected, expected)


@pytest.mark.parametrize("when", WHEN[1:])
async def test_without_an_effect_a_gateways_response_is_cut(civo: FakeCivo, when: When) -> None:
    """Civo has not responded, so there is nothing of Civo's to cut."""
    civo.inject("create", faults.reset(when, effect=False))

    got, _ = await send_once(civo)

    assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")


async def test_an_error_response_is_cut_as_well(civo: FakeCivo) -> None:
    """`effect` means that the request is handled, and it may be refused."""
    civo.inject("get", faults.reset("midway"))

    got, _ = await send_once(civo, "GET", "web-1/snapshots/none")

    assert got.startswith(b"HTTP/1.1 404 Not Found\r\n")


async def test_what_comes_next_goes_well(civo: FakeCivo, call: Caller) -> None:
    """A fault is used once."""
    civo.inject("create", faults.reset())
    await send_once(civo)

    assert (await call("POST", "web-1/snapshots")).status == 201


@pytest.mark.parametrize("cut", [faults.reset, faults.close])
def test_a_response_cannot_be_cut_elsewhere(cut: Callable[..., Fault]) -> None:
    """A mistake is an error at once."""
    with pytest.raises(
        ValueError, match="when must be one of before, head, midway, after, not 'now'"
    ):
        cut("now")


async def test_a_stale_connection_is_reset(civo: FakeCivo) -> None:
    """The second request on a connection is cut off without a response or an effect."""
    civo.inject("create", faults.stale())

    async with connected(civo) as wire:
        await wire.send("GET")
        await wire.response()
        await wire.send("POST")
        got, ending = await wire.rest()

    assert (got, ending, civo.effects) == (b"", "reset", [])
    assert [(r.kind, r.fault) for r in civo.requests] == [
        ("list", None),
        ("create", faults.stale()),
    ]


async def test_a_fresh_connection_is_never_stale(civo: FakeCivo) -> None:
    """A client that reuses no connection is immune: the fault stays unmet."""
    civo.inject("create", faults.stale())

    got, _ = await send_once(civo)

    assert got.startswith(b"HTTP/1.1 201 ")
    assert civo.unused_faults == (faults.stale(),)


async def test_what_stands_behind_an_unmet_fault_waits_for_it(civo: FakeCivo) -> None:
    """On fresh connections the faults after `stale` are not used either."""
    civo.inject("list", faults.stale(), faults.close())

    endings = [await send_once(civo, "GET") for _ in range(3)]

    assert [got[:12] for got, _ in endings] == [b"HTTP/1.1 200"] * 3
    assert civo.unused_faults == (faults.stale(), faults.close())


async def test_another_injection_does_not_wait_for_it(civo: FakeCivo) -> None:
    """A request on a fresh connection gets what another injection has for it."""
    civo.inject("list", faults.stale())
    civo.inject("list", faults.close())

    got, _ = await send_once(civo, "GET")

    assert got == b""
    assert civo.unused_faults == (faults.stale(),)


async def test_hidden_resends_show(civo: FakeCivo, call: Caller) -> None:
    """Retries that aiohttp makes by itself are recorded, each with its connection."""
    civo.inject("list", None, faults.stale())

    replies = [await call("GET", "web-1/snapshots") for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 200]
    assert [request.connection for request in civo.requests] == [1, 1, 2]


async def test_aiohttp_does_not_resend_a_post(civo: FakeCivo, call: Caller) -> None:
    """A stale connection eats it."""
    await call("GET", "web-1/snapshots")
    civo.inject("create", faults.stale())

    with pytest.raises(aiohttp.ClientOSError):
        await call("POST", "web-1/snapshots")

    assert civo.unused_faults == ()
