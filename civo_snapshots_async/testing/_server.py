"""The HTTP server in front of it all: aiohttp, only here."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web
from yarl import URL

from ._api import Answer
from ._fields import Fields, pairs, read_fields
from ._refused import RefusedError
from ._requests import RecordedRequest
from ._routes import route

__all__ = ["Server"]

# No handler waits for anything: what is still open at the end is a client that never finished
# its request.
_PATIENCE = 0.05


class Server:
    """Reads requests from a socket, hands each over as a value, writes the answers."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        record: Callable[[RecordedRequest], None],
        answer: Callable[[RecordedRequest], Answer],
    ) -> None:
        self._now = now
        self._record = record
        self._answer = answer
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the URL at which."""
        if self._runner is not None:
            raise RuntimeError("this FakeCivo is running already")
        # A body is taken as it comes: the official client's `Content-Encoding: gzip` is not true.
        server = web.Server(self._exchange, auto_decompress=False, access_log=None)
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
            await runner.cleanup()
            # The connections' tasks are cancelled by now; this lets them end.
            await asyncio.sleep(0)

    async def _exchange(self, request: web.BaseRequest) -> web.Response:
        # Everything between the network and the rules passes here, and only here.
        recorded = _recorded(request, await request.read(), self._now())
        self._record(recorded)

        return _response(self._answer(recorded))


def _recorded(request: web.BaseRequest, body: bytes, at: float) -> RecordedRequest:
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
    )


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status,
        headers=answer.headers,
        body=json.dumps(answer.document).encode(),
        content_type="application/json",
    )
