"""The HTTP server in front of it all: aiohttp, only here."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

import attrs
from aiohttp import web
from yarl import URL

from ._answers import Answer
from ._calendar import Calendar
from ._exchange import Exchange
from ._fields import Fields, pairs, read_fields
from ._plan import Plan
from ._refused import RefusedError
from ._requests import RecordedRequest
from ._routes import route
from .faults import Fault

__all__ = ["Server"]

# Handlers wait for nothing but faults, which are ended first: what is still open at the end is a
# client that never finished its request.
_PATIENCE = 0.05


class Server:
    """Reads requests from a socket, hands each over as a value, writes the answers."""

    def __init__(
        self,
        *,
        calendar: Calendar,
        plan: Plan,
        record: Callable[[RecordedRequest], None],
        answer: Callable[[RecordedRequest], Answer],
    ) -> None:
        self._calendar = calendar
        self._plan = plan
        self._record = record
        self._answer = answer
        self._runner: web.ServerRunner | None = None
        self._numbers = itertools.count(1)
        self._connections: WeakKeyDictionary[asyncio.Transport, _Connection] = WeakKeyDictionary()
        self._meeting: set[asyncio.Transport] = set()

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the URL at which."""
        if self._runner is not None:
            raise RuntimeError("this FakeCivo is running already")
        # A body is taken as it comes: the official client's `Content-Encoding: gzip` is not true.
        # A handler whose client has gone is ended: it might hang.
        server = web.Server(
            self._exchange, auto_decompress=False, access_log=None, handler_cancellation=True
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, host, port).start()
        except BaseException:
            await self.stop()
            raise
        bound_host, bound_port, *_ = self._runner.addresses[0]

        return str(URL.build(scheme="http", host=bound_host, port=bound_port))

    async def stop(self) -> None:
        """Close the socket and every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            for transport in self._meeting:
                transport.abort()
            await runner.cleanup()
            # The connections' tasks are cancelled by now; this lets them end.
            await asyncio.sleep(0)

    async def _exchange(self, request: web.BaseRequest) -> web.StreamResponse:
        # Everything between the network and the rules passes here, and only here.
        body = await request.read()
        # There is one: this task is cancelled when the client goes.
        transport = cast("asyncio.Transport", request.transport)
        connection = self._connection(transport)
        arrived = _recorded(request, body, self._calendar.now(), connection.number)
        fault = self._plan.take(arrived.kind, is_reused=connection.requests > 1)
        recorded = attrs.evolve(arrived, fault=fault)
        self._record(recorded)
        if fault is None:
            return self._response(self._answer(recorded))
        exchange = Exchange(
            kind=recorded.kind,
            handle=lambda: self._answer(recorded),
            date=self._calendar.http_date,
            sleep=self._calendar.sleep,
            write=request.writer.write,
            transport=transport,
        )
        await self._meet(fault, exchange)

        return _Sent(keep_alive=request.keep_alive)

    async def _meet(self, fault: Fault, exchange: Exchange) -> None:
        self._meeting.add(exchange.transport)
        try:
            # Of a client that has gone: nobody is left to tell.
            with suppress(ConnectionError):
                await fault.meet(exchange)
        finally:
            self._meeting.remove(exchange.transport)

    def _connection(self, transport: asyncio.Transport) -> "_Connection":
        connection = self._connections.get(transport)
        if connection is None:
            connection = self._connections[transport] = _Connection(next(self._numbers))
        connection.requests += 1

        return connection

    def _response(self, answer: Answer) -> web.Response:
        return web.Response(
            status=answer.status,
            headers=(("Date", self._calendar.http_date()), *answer.headers),
            body=answer.body,
        )


def _recorded(request: web.BaseRequest, body: bytes, at: float, connection: int) -> RecordedRequest:
    path, _, query = request.raw_path.partition("?")
    routed = route(request.method, path)
    fields: Fields = {}
    with suppress(RefusedError):
        fields = read_fields(body, request.headers.get("Content-Type", ""))

    return RecordedRequest(
        kind=routed.kind,
        method=request.method,
        path=path,
        instance_id=routed.instance_id,
        snapshot_id=routed.snapshot_id,
        query=pairs(query),
        headers=request.headers,
        body=body,
        fields=fields,
        at=at,
        connection=connection,
    )


@attrs.define
class _Connection:
    number: int
    requests: int = 0


class _Sent(web.StreamResponse):
    """Tells aiohttp that all that is to be sent has been sent."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._is_kept_alive = keep_alive

    @property
    def keep_alive(self) -> bool:
        return self._is_kept_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no head."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no body."""
