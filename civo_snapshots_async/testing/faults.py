"""What can go wrong with a request, for `FakeCivo.inject` and `FakeCivo.chaos`.

Each function here makes a `Fault`: a value, equal to another one made with the same arguments.
Where a function takes `effect`, True means that FakeCivo handles the request as always, before
anything goes wrong with the answer: a snapshot is made, unless that is refused. False means
that the request changes nothing; as no answer of Civo's exists then, what is cut or dripped
is a gateway's `502 Bad Gateway`, an HTML page.
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
from ._answers import Answer, Headers
from ._exchange import Exchange

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
"""Which requests meet a fault: those of one call, or any at all."""

When: TypeAlias = Literal["before", "head", "midway", "after"]
"""Where an answer is cut: before its first byte, in the midst of its head, in the midst of its
body with the head complete, or after its last byte."""

_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_JSON: Headers = (("Content-Type", "application/json"),)
_CREATES = {"create", "restore"}
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*")
_CHUNKED = ("Transfer-Encoding", "chunked")
_CHUNK = 65536
_MEMBER = 4 * 2**20
_BEGINNING, _END = b'{"name": "', b'"}'
_FRAME = len(_BEGINNING + _END)
# Of the wall: fast enough to keep any client busy, slow enough to leave it the event loop.
_PAUSE = 0.001


@attrs.frozen(repr=False)
class Fault:
    """One thing that goes wrong with one request; the functions of this module make them."""

    name: str
    arguments: tuple[tuple[str, object], ...]
    """What it was made with."""
    needs_reuse: bool
    """Whether only a request on a connection that has carried another one before meets it."""
    _meet: Callable[[Exchange], Awaitable[None]] = attrs.field(eq=False, alias="meet")

    def __repr__(self) -> str:
        said = (f"{name}={reprlib.repr(value)}" for name, value in self.arguments)

        return f"{self.name}({', '.join(said)})"

    async def meet(self, exchange: Exchange) -> None:
        """Go wrong: FakeCivo calls this in place of answering."""
        await self._meet(exchange)


def reset(when: When = "before", *, effect: bool | None = None) -> Fault:
    """Cut the answer with a TCP reset.

    `effect` is by default what is likely: False with `"before"`, True where some of the answer
    is sent. After `"after"` the client has a whole answer and a connection that is dead.
    """
    return _cut("reset", Exchange.reset, when, effect=effect)


def close(when: When = "before", *, effect: bool | None = None) -> Fault:
    """Cut the answer by closing the connection in an orderly way; as `reset` otherwise."""
    return _cut("close", Exchange.close, when, effect=effect)


def stale() -> Fault:
    """Drop an idle connection as this request comes, with a reset and without any effect.

    Only a request on a reused connection meets this: on a fresh one it goes well, and the
    fault stays armed for the next request of its kind, unmet until then. A request that meets
    it is recorded, though the real Civo would never have read it: so hidden re-sends show.
    """

    async def meet(exchange: Exchange) -> None:
        exchange.reset()

    return _fault("stale", meet, needs_reuse=True)


def hang(*, effect: bool = False) -> Fault:
    """Never answer, until the client goes or FakeCivo ends."""

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        await asyncio.get_running_loop().create_future()

    return _fault("hang", meet, effect=effect)


def delay(seconds: _checks.Seconds, /) -> Fault:
    """Handle the request at once, and send the answer that many seconds later.

    The seconds are those of FakeCivo's clock if it can `sleep`, as a `FakeClock` can; else the
    wall's.
    """
    span = _checks.seconds("seconds", seconds)

    async def meet(exchange: Exchange) -> None:
        answer = exchange.handle()
        await exchange.sleep(span)
        await exchange.send(answer)

    return _fault("delay", meet, seconds=span)


def drip(interval: _checks.Seconds = 1.0, *, effect: bool = True) -> Fault:
    """Send the answer byte by byte, head and all, with `interval` seconds before each.

    The seconds are those of FakeCivo's clock if it can `sleep`, as a `FakeClock` can; else the
    wall's.
    """
    span = _checks.seconds("interval", interval)

    async def meet(exchange: Exchange) -> None:
        written = _answer(exchange, effect=effect).written(exchange.date())
        for byte in written:
            # A fake clock takes its time over a sleep of 0 seconds, too.
            await (exchange.sleep(span) if span else asyncio.sleep(0))
            await exchange.write(bytes((byte,)))

    return _fault("drip", meet, interval=span, effect=effect)


def endless_1xx(status: Literal[100, 102, 103] = 103, /, *, effect: bool = False) -> Fault:
    """Send interim answers, `103 Early Hints`, for ever: about a thousand in a second."""

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        while True:
            await exchange.write(f"HTTP/1.1 {status} {responses[status]}\r\n\r\n".encode())
            await asyncio.sleep(_PAUSE)

    return _fault("endless_1xx", meet, status=status, effect=effect)


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
    """Answer with any status from 200 to 599.

    `body` is a document for JSON, else text or bytes: HTML if they start with `<`. Without
    one it is Civo's error envelope, with `code` if that is given, and `reason`.
    `retry_after` may be any number or text, absurd ones too. `headers` are sent besides, or in
    place of those that FakeCivo would send: `Date`, `Content-Type`, `Content-Length`.
    """
    if not 200 <= status <= 599:  # noqa: PLR2004 - the statuses that end an exchange
        raise ValueError(f"a status is 200 to 599, not {status!r}")
    given = {} if retry_after is None else {"Retry-After": str(retry_after)}
    said = _envelope(status, code, reason) if body is None else body
    answer = _page(status, said, {**given, **(headers or {})})

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        await exchange.send(answer)

    return _fault(
        "status", meet, status=status, body=answer.body, headers=answer.headers, effect=effect
    )


def rate_limited(retry_after: str | float | None = None) -> Fault:
    """Answer 429, with `Retry-After` if that is given."""
    return status(429, reason="Too many requests", retry_after=retry_after)


def bad_gateway(*, effect: bool = False) -> Fault:
    """Answer a gateway's `502 Bad Gateway`, an HTML page."""
    return status(502, body=_HTML.format("502 Bad Gateway"), effect=effect)


def gateway_timeout(*, effect: bool = True) -> Fault:
    """Answer a gateway's `504 Gateway Time-out`, an HTML page; Civo behind it goes on working."""
    return status(504, body=_HTML.format("504 Gateway Time-out"), effect=effect)


def redirect(location: str, status: int = 307) -> Fault:
    """Send the client elsewhere, without any effect here."""
    if not 300 <= status <= 399:  # noqa: PLR2004 - the statuses that redirect
        raise ValueError(f"a redirect's status is 300 to 399, not {status!r}")
    answer = _page(status, "", {"Location": location})

    async def meet(exchange: Exchange) -> None:
        await exchange.send(answer)

    return _fault("redirect", meet, location=location, status=status)


def bad_json(body: bytes = b"{", *, effect: bool = True) -> Fault:
    """Answer with the status of success, 201 or 200, and with any bytes at all as JSON."""

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        await exchange.send(Answer(_success(exchange), body, _JSON))

    return _fault("bad_json", meet, body=body, effect=effect)


def huge(size: int = 200_000_000, *, declared: bool = True, effect: bool = True) -> Fault:
    """Answer with the status of success and a body of `size` bytes: JSON with a long name.

    With `declared` the head says how long it is, else it comes in chunks. FakeCivo never holds
    more than a small part of it.
    """
    _require_size(size)

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        if declared:
            await _stream(exchange, _long(size), ("Content-Length", str(size)))
        else:
            await _stream(exchange, _chunked(_long(size)), _CHUNKED)

    return _fault("huge", meet, size=size, declared=declared, effect=effect)


def bomb(size: int = 200_000_000, *, effect: bool = True) -> Fault:
    """Answer as `huge` does, but with gzip, whatever the client accepts.

    On the wire it is a thousandth of `size`.
    """
    _require_size(size)
    times, rest = divmod(size - _FRAME, _MEMBER)
    # gzip may have several members: most of these are one and the same, compressed once.
    first = _gzipped(_BEGINNING + b"x" * rest)
    member, last = _member(), _gzipped(_END)
    length = len(first) + times * len(member) + len(last)

    async def meet(exchange: Exchange) -> None:
        _answer(exchange, effect=effect)
        pieces = chain((first,), repeat(member, times), (last,))
        headers = ("Content-Length", str(length)), ("Content-Encoding", "gzip")
        await _stream(exchange, pieces, *headers)

    return _fault("bomb", meet, size=size, effect=effect)


def _fault(
    name: str,
    meet: Callable[[Exchange], Awaitable[None]],
    *,
    needs_reuse: bool = False,
    **arguments: object,
) -> Fault:
    return Fault(name, tuple(arguments.items()), needs_reuse, meet)


def _cut(name: str, end: Callable[[Exchange], None], when: When, *, effect: bool | None) -> Fault:
    if when not in get_args(When):
        raise ValueError(f"when is one of {', '.join(get_args(When))}, not {when!r}")
    has_effect = when != "before" if effect is None else effect

    async def meet(exchange: Exchange) -> None:
        answer = _answer(exchange, effect=has_effect)
        date = exchange.date()
        head, written = len(answer.head(date)), answer.written(date)
        ends = {
            "before": 0,
            "head": head // 2,
            "midway": (head + len(written)) // 2,
            "after": len(written),
        }
        await exchange.write(written[: ends[when]])
        end(exchange)

    return _fault(name, meet, when=when, effect=has_effect)


def _answer(exchange: Exchange, *, effect: bool) -> Answer:
    return exchange.handle() if effect else _BAD_GATEWAY


def _success(exchange: Exchange) -> int:
    return 201 if exchange.kind in _CREATES else 200


def _envelope(status: int, code: str | None, reason: str | None) -> Mapping[str, object]:
    said = {"reason": reason or responses.get(status, ""), "result": "failed", "status": status}

    return said if code is None else {"code": code, **said}


def _page(
    status: int, body: Mapping[str, object] | str | bytes, headers: Mapping[str, str]
) -> Answer:
    for name, value in headers.items():
        if not _FIELD.fullmatch(f"{name}: {value}"):
            raise ValueError(f"{name!r}: {value!r} is not one line of a head")
    if isinstance(body, Mapping):
        written, content_type = json.dumps(body).encode(), "application/json"
    else:
        written = body.encode() if isinstance(body, str) else body
        content_type = "text/html" if written.startswith(b"<") else "text/plain"

    is_typed = "content-type" in map(str.lower, headers)
    added = {} if is_typed else {"Content-Type": content_type}

    return Answer(status, written, tuple({**added, **headers}.items()))


def _require_size(size: int) -> None:
    if size < _FRAME:
        raise ValueError(f"size is {_FRAME} bytes or more, not {size!r}")


def _long(size: int) -> Iterator[bytes]:
    yield _BEGINNING
    chunk = b"x" * _CHUNK
    times, rest = divmod(size - _FRAME, _CHUNK)
    yield from repeat(chunk, times)
    yield chunk[:rest] + _END


@cache
def _member() -> bytes:
    return _gzipped(b"x" * _MEMBER)


def _gzipped(data: bytes) -> bytes:
    # The same bytes at any time of the day.
    return gzip.compress(data, mtime=0)


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def _stream(exchange: Exchange, pieces: Iterable[bytes], *headers: tuple[str, str]) -> None:
    await exchange.write(Answer(_success(exchange), b"", (*_JSON, *headers)).head(exchange.date()))
    for piece in pieces:
        await exchange.write(piece)
        # So that the client, and the end of FakeCivo, have their turn.
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
"""Faults of all sorts, each of which ends by itself and soon: what `FakeCivo.chaos` draws from."""
