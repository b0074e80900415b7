"""What can go wrong with a request, for `FakeCivo.inject` and `FakeCivo.chaos`.

Each function here makes a `Fault`: a value, equal to another one made with the same arguments.
Where a function takes `effect`, `True` means that FakeCivo handles the request before anything goes
wrong with the response: a snapshot is made, unless Civo would refuse it. `False` means that the
request changes nothing. As Civo has no response then, what is cut or dripped is a gateway's `502
Bad Gateway`, an HTML page.
"""

import asyncio
import gzip
import json
import re
import reprlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import cache
from http.client import responses
from itertools import chain, repeat
from typing import Literal, TypeAlias, get_args

import attrs

from . import _checks
from ._exchange import Exchange
from ._responses import Headers, Response

__all__ = [
    "USUAL",
    "Fault",
    "Target",
    "When",
    "bad_gateway",
    "bad_json",
    "bomb",
    "close",
    "delay",
    "drip",
    "endless_1xx",
    "gateway_timeout",
    "hang",
    "huge",
    "rate_limited",
    "redirect",
    "reset",
    "stale",
    "status",
]

Target: TypeAlias = Literal[
    "create",
    "list",
    "get",
    "update",
    "restore",
    "delete",
    "get_instance",
    "list_instances",
    "delete_instance",
    "list_resource_snapshots",
    "get_resource_snapshot",
    "get_quota",
    "list_regions",
    "any",
]
"""Which requests get a fault: those of one call, or all."""

When: TypeAlias = Literal["before", "head", "midway", "after"]
"""Where a response is cut: before its first byte, in the middle of its head, in the middle of its
body, or after its last byte."""

_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_JSON: Headers = (("Content-Type", "application/json"),)
_CREATES = {"create", "restore"}
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*")
_CHUNKED = ("Transfer-Encoding", "chunked")
_CHUNK = 65536
_MEMBER = 4 * 2**20
_START, _END = b'{"name": "', b'"}'
_FRAME = len(_START + _END)
# In real seconds: short enough to keep any client busy, long enough to leave it the event loop.
_INTERVAL = 0.001


@attrs.frozen(repr=False)
class Fault:
    """One thing that goes wrong with one request; the functions of this module make them."""

    name: str
    arguments: tuple[tuple[str, object], ...]
    """What it was made with."""
    needs_reuse: bool
    """Whether only a request on a connection that has carried another one before gets it."""
    _apply: Callable[[Exchange], Awaitable[None]] = attrs.field(eq=False, alias="apply")

    def __repr__(self) -> str:
        arguments = (f"{name}={reprlib.repr(value)}" for name, value in self.arguments)

        return f"{self.name}({', '.join(arguments)})"

    async def apply(self, exchange: Exchange) -> None:
        """Cause the fault; FakeCivo calls this in place of responding."""
        await self._apply(exchange)


def reset(when: When = "before", *, effect: bool | None = None) -> Fault:
    """Cut the response with a TCP reset.

    The default of `effect` is what is likely: `False` with `"before"`, `True` where some of the
    response is sent. After `"after"` the client has a complete response and a dead connection.
    Raises `ValueError` for another `when`.
    """
    return _cut("reset", Exchange.reset, when, effect=effect)


def close(when: When = "before", *, effect: bool | None = None) -> Fault:
    """Cut the response by closing the connection in an orderly way; otherwise as `reset`."""
    return _cut("close", Exchange.close, when, effect=effect)


def stale() -> Fault:
    """Drop an idle connection as this request comes, with a reset and without any effect.

    Only a request on a reused connection gets this: one on a fresh connection succeeds, and the
    fault stays for the next request of its kind. A request that gets it is recorded, although the
    real Civo would never have read it, which shows hidden retries.
    """

    async def apply(exchange: Exchange) -> None:
        exchange.reset()

    return _fault("stale", apply, needs_reuse=True)


def hang(*, effect: bool = False) -> Fault:
    """Never respond: hang until the client disconnects or FakeCivo stops."""

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        await asyncio.get_running_loop().create_future()

    return _fault("hang", apply, effect=effect)


def delay(seconds: _checks.Seconds, /) -> Fault:
    """Handle the request at once, and send the response that many seconds later.

    The seconds are those of FakeCivo's clock if it can `sleep`, as a `FakeClock` can, else real
    ones.
    """
    span = _checks.seconds("seconds", seconds)

    async def apply(exchange: Exchange) -> None:
        response = exchange.handle()
        await exchange.sleep(span)
        await exchange.send(response)

    return _fault("delay", apply, seconds=span)


def drip(interval: _checks.Seconds = 1.0, *, effect: bool = True) -> Fault:
    """Send the response byte by byte, its head as well, with `interval` seconds before each.

    The seconds are those of FakeCivo's clock if it can `sleep`, as a `FakeClock` can, else real
    ones.
    """
    span = _checks.seconds("interval", interval)

    async def apply(exchange: Exchange) -> None:
        encoded = _respond(exchange, effect=effect).encoded(exchange.date())
        for byte in encoded:
            # A sleep of 0 seconds takes several turns on a fake clock.
            await (exchange.sleep(span) if span else asyncio.sleep(0))
            await exchange.write(bytes((byte,)))

    return _fault("drip", apply, interval=span, effect=effect)


def endless_1xx(status: Literal[100, 102, 103] = 103, /, *, effect: bool = False) -> Fault:
    """Send interim responses, `103 Early Hints`, forever: about a thousand in a second."""

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        while True:
            await exchange.write(f"HTTP/1.1 {status} {responses[status]}\r\n\r\n".encode())
            await asyncio.sleep(_INTERVAL)

    return _fault("endless_1xx", apply, status=status, effect=effect)


def status(
    status: int,
    /,
    *,
    code: str | None = None,
    reason: str | None = None,
    body: Mapping[str, object] | str | bytes | None = None,
    effect: bool = False,
    retry_after: str | float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Respond with any status from 200 to 599.

    `body` is a document for JSON, else text or bytes: HTML if they start with `<`. Without one it
    is Civo's error envelope, with `reason`, and with `code` if that is given. `retry_after` may be
    any number or text, even an invalid one. `headers` are added, or replace those that FakeCivo
    would send: `Date`, `Content-Type`, `Content-Length`. Raises `ValueError` for another status,
    and for an invalid header.
    """
    if not 200 <= status <= 599:  # noqa: PLR2004 - all final statuses
        raise ValueError(f"status must be 200 to 599, not {status!r}")
    given = {} if retry_after is None else {"Retry-After": str(retry_after)}
    content = _envelope(status, code, reason) if body is None else body
    response = _page(status, content, {**given, **(headers or {})})

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        await exchange.send(response)

    return _fault(
        "status", apply, status=status, body=response.body, headers=response.headers, effect=effect
    )


def rate_limited(retry_after: str | float | None = None) -> Fault:
    """Respond with 429, with `Retry-After` if that is given."""
    return status(429, reason="Too many requests", retry_after=retry_after)


def bad_gateway(*, effect: bool = False) -> Fault:
    """Respond with a gateway's `502 Bad Gateway`, an HTML page."""
    return status(502, body=_HTML.format("502 Bad Gateway"), effect=effect)


def gateway_timeout(*, effect: bool = True) -> Fault:
    """Respond with a gateway's `504 Gateway Time-out`, an HTML page, though Civo does it all."""
    return status(504, body=_HTML.format("504 Gateway Time-out"), effect=effect)


def redirect(location: str, status: int = 307) -> Fault:
    """Redirect the client to `location`, without any effect here.

    Raises `ValueError` for a status that is not 300 to 399.
    """
    if not 300 <= status <= 399:  # noqa: PLR2004 - the statuses that redirect
        raise ValueError(f"a redirect's status must be 300 to 399, not {status!r}")
    response = _page(status, "", {"Location": location})

    async def apply(exchange: Exchange) -> None:
        await exchange.send(response)

    return _fault("redirect", apply, location=location, status=status)


def bad_json(body: bytes = b"{", *, effect: bool = True) -> Fault:
    """Respond with the status of success, 201 or 200, and with any bytes at all as JSON."""

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        await exchange.send(Response(_success(exchange), body, _JSON))

    return _fault("bad_json", apply, body=body, effect=effect)


def huge(size: int = 200_000_000, *, declared: bool = True, effect: bool = True) -> Fault:
    """Respond with the status of success and a body of `size` bytes: JSON with a long name.

    With `declared` the head has its length, else it comes in chunks. FakeCivo never holds more than
    a small part of it. Raises `ValueError` for a size that holds no JSON.
    """
    _require_size(size)

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        if declared:
            await _stream(exchange, _long(size), ("Content-Length", str(size)))
        else:
            await _stream(exchange, _chunked(_long(size)), _CHUNKED)

    return _fault("huge", apply, size=size, declared=declared, effect=effect)


def bomb(size: int = 200_000_000, *, effect: bool = True) -> Fault:
    """Respond as `huge` does, but with gzip, whatever the client accepts.

    On the wire it is a thousandth of `size`. Raises `ValueError` for a size that holds no JSON.
    """
    _require_size(size)
    times, rest = divmod(size - _FRAME, _MEMBER)
    # A gzip file may have several members: most of these are the same one, compressed once.
    first = _gzipped(_START + b"x" * rest)
    member, last = _member(), _gzipped(_END)
    length = len(first) + times * len(member) + len(last)

    async def apply(exchange: Exchange) -> None:
        _respond(exchange, effect=effect)
        pieces = chain((first,), repeat(member, times), (last,))
        headers = ("Content-Length", str(length)), ("Content-Encoding", "gzip")
        await _stream(exchange, pieces, *headers)

    return _fault("bomb", apply, size=size, effect=effect)


def _fault(
    name: str,
    apply: Callable[[Exchange], Awaitable[None]],
    *,
    needs_reuse: bool = False,
    **arguments: object,
) -> Fault:
    return Fault(name, tuple(arguments.items()), needs_reuse, apply)


def _cut(name: str, end: Callable[[Exchange], None], when: When, *, effect: bool | None) -> Fault:
    if when not in get_args(When):
        raise ValueError(f"when must be one of {', '.join(get_args(When))}, not {when!r}")
    has_effect = when != "before" if effect is None else effect

    async def apply(exchange: Exchange) -> None:
        response = _respond(exchange, effect=has_effect)
        date = exchange.date()
        head, encoded = len(response.head(date)), response.encoded(date)
        ends = {
            "before": 0,
            "head": head // 2,
            "midway": (head + len(encoded)) // 2,
            "after": len(encoded),
        }
        await exchange.write(encoded[: ends[when]])
        end(exchange)

    return _fault(name, apply, when=when, effect=has_effect)


def _respond(exchange: Exchange, *, effect: bool) -> Response:
    return exchange.handle() if effect else _BAD_GATEWAY


def _success(exchange: Exchange) -> int:
    return 201 if exchange.kind in _CREATES else 200


def _envelope(status: int, code: str | None, reason: str | None) -> Mapping[str, object]:
    rest = {"reason": reason or responses.get(status, ""), "result": "failed", "status": status}

    return rest if code is None else {"code": code, **rest}


def _page(
    status: int, body: Mapping[str, object] | str | bytes, headers: Mapping[str, str]
) -> Response:
    for name, value in headers.items():
        if not _FIELD.fullmatch(f"{name}: {value}"):
            raise ValueError(f"{name!r}: {value!r} is not one line of a header")
    if isinstance(body, Mapping):
        content, content_type = json.dumps(body).encode(), "application/json"
    else:
        content = body.encode() if isinstance(body, str) else body
        content_type = "text/html" if content.startswith(b"<") else "text/plain"

    is_typed = "content-type" in map(str.lower, headers)
    added = {} if is_typed else {"Content-Type": content_type}

    return Response(status, content, tuple({**added, **headers}.items()))


def _require_size(size: int) -> None:
    if size < _FRAME:
        raise ValueError(f"size must be {_FRAME} bytes or more, not {size!r}")


def _long(size: int) -> Iterator[bytes]:
    yield _START
    chunk = b"x" * _CHUNK
    times, rest = divmod(size - _FRAME, _CHUNK)
    yield from repeat(chunk, times)
    yield chunk[:rest] + _END


@cache
def _member() -> bytes:
    return _gzipped(b"x" * _MEMBER)


def _gzipped(data: bytes) -> bytes:
    # Without a date, so that the bytes are the same each time.
    return gzip.compress(data, mtime=0)


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def _stream(exchange: Exchange, pieces: Iterable[bytes], *headers: tuple[str, str]) -> None:
    await exchange.write(
        Response(_success(exchange), b"", (*_JSON, *headers)).head(exchange.date())
    )
    for piece in pieces:
        await exchange.write(piece)
        # Let the client run, and FakeCivo stop.
        await asyncio.sleep(0)


_BAD_GATEWAY = _page(502, _HTML.format("502 Bad Gateway"), {})

USUAL = (
    reset(),
    reset(effect=True),
    reset("head"),
    reset("midway"),
    reset("midway", effect=False),
    reset("after"),
    close(),
    close(effect=True),
    close("head"),
    close("midway"),
    close("midway", effect=False),
    close("after"),
    stale(),
    delay(0.01),
    drip(0.0),
    status(500),
    status(500, effect=True),
    status(503),
    status(503, retry_after=1),
    status(409, code="database_quota_lock_failed"),
    rate_limited(),
    rate_limited(1),
    bad_gateway(),
    bad_gateway(effect=True),
    gateway_timeout(),
    gateway_timeout(effect=False),
    bad_json(),
    bad_json(b""),
    bad_json(b"null"),
    bad_json(b"<html>"),
    bad_json(b"\xff\xfe"),
    redirect("http://127.0.0.1:9/"),
)
"""Faults of all kinds that end soon: `FakeCivo.chaos` draws from them by default."""
