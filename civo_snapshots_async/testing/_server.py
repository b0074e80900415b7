"""The HTTP server; the only file here that knows aiohttp."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

import attrs
from aiohttp import web
from yarl import URL

from ._calendar import Calendar
from ._errors import CivoError
from ._exchange import Exchange
from ._fault_plan import FaultPlan
from ._fields import Fields, pairs, read_fields
from ._requests import RecordedRequest
from ._responses import Response
from ._routes import route
from .faults import Fault

__all__ = ["Server"]

# In seconds. Handlers wait for nothing but faults, which are ended first: what is still open at the
# end is a client that never finished its request.
_SHUTDOWN_TIMEOUT = 0.05


class Server:
    """Reads requests from a socket, records each as a value, and writes the responses."""

    def __init__(
        self,
        calendar: Calendar,
        respond: Callable[[RecordedRequest], Response],
        host: str,
        port: int,
    ) -> None:
        self.url: str | None = None
        """Where it listens, or listened; `None` before the start."""
        self.requests: list[RecordedRequest] = []
        self.faults = FaultPlan()
        self._calendar = calendar
        self._respond = respond
        self._address = host, port
        self._runner: web.ServerRunner | None = None
        self._numbers = itertools.count(1)
        self._connections: WeakKeyDictionary[asyncio.Transport, _Connection] = WeakKeyDictionary()
        self._with_a_fault: set[asyncio.Transport] = set()

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    async def start(self) -> None:
        """Listen."""
        if self._runner is not None:
            raise RuntimeError("this FakeCivo is running already")
        # A body stays as it came: the official client sends `Content-Encoding: gzip` wrongly.
        # A handler whose client has gone is canceled: it might hang.
        server = web.Server(
            self._handle, auto_decompress=False, access_log=None, handler_cancellation=True
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, *self._address).start()
        except BaseException:
            await self.stop()
            raise
        host, port, *_ = self._runner.addresses[0]
        self.url = str(URL.build(scheme="http", host=host, port=port))

    async def stop(self) -> None:
        """Close the socket and every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            for transport in self._with_a_fault:
                transport.abort()
            await runner.cleanup()
            # The connections' tasks are canceled by now; this lets them end.
            await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        # There is one: this task is canceled when the client goes.
        transport = cast("asyncio.Transport", request.transport)
        connection = self._connection(transport)
        arrived = _recorded(request, body, self._calendar.now(), connection.number)
        fault = self.faults.take(arrived.kind, is_reused=connection.requests > 1)
        recorded = attrs.evolve(arrived, fault=fault)
        self.requests.append(recorded)
        if fault is None:
            return self._web_response(self._respond(recorded))
        exchange = Exchange(
            kind=recorded.kind,
            handle=lambda: self._respond(recorded),
            date=self._calendar.http_date,
            sleep=self._calendar.sleep,
            write=request.writer.write,
            transport=transport,
        )
        await self._apply(fault, exchange)

        return _Sent(keep_alive=request.keep_alive)

    async def _apply(self, fault: Fault, exchange: Exchange) -> None:
        self._with_a_fault.add(exchange.transport)
        try:
            # A client that has disconnected gets nothing more.
            with suppress(ConnectionError):
                await fault.apply(exchange)
        finally:
            self._with_a_fault.remove(exchange.transport)

    def _connection(self, transport: asyncio.Transport) -> "_Connection":
        connection = self._connections.get(transport)
        if connection is None:
            connection = self._connections[transport] = _Connection(next(self._numbers))
        connection.requests += 1

        return connection

    def _web_response(self, response: Response) -> web.Response:
        return web.Response(
            status=response.status,
            headers=(("Date", self._calendar.http_date()), *response.headers),
            body=response.body,
        )


def _recorded(request: web.BaseRequest, body: bytes, at: float, connection: int) -> RecordedRequest:
    path, _, query = request.raw_path.partition("?")
    routed = route(request.method, path)
    fields: Fields = {}
    with suppress(CivoError):
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
    """A response for aiohttp that sends nothing, where a fault has sent everything."""

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
