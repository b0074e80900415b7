"""A request becomes a response, over HTTP, with aiohttp."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal
from urllib.parse import unquote, urlencode

import aiohttp
from yarl import URL

from .._clock import Clock
from .._errors import SessionClosedError, TransportError, TransportTimeoutError
from .._policies import HttpOptions
from .._version import __version__
from .config import Account
from .connections import Connections, Sending, connect_limits, environment_proxy, is_traced, pace
from .failures import ConnectionLostError, failure_of, named
from .message import Request, Response, is_2xx
from .token import Token

_LONGEST_REFUSAL = 64 * 1024
_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


class AiohttpTransport:
    """Sends each request exactly once, follows nothing, keeps nothing that a server sets."""

    def __init__(
        self,
        account: Account,
        options: HttpOptions,
        clock: Clock,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._account = account
        self._options = options
        self._clock = clock
        self._connections = Connections(http_session)
        self._headers = _headers(options)
        self._body_headers = {
            **self._headers,
            "Content-Type": _CONTENT_TYPES[options.body_format],
        }
        self._connecting = connect_limits(
            options.connect_timeout, has_own_pool=http_session is None
        )
        self._proxy = options.proxy
        if options.trust_env and self._proxy is None:
            self._proxy = environment_proxy(account.api_url)
        self._pace = pace(options.requests_per_second)
        # Our pool has no limit: a call that waited inside it would be charged for the wait.
        self._slots: AbstractAsyncContextManager[object] = (
            asyncio.Semaphore(options.max_connections) if http_session is None else nullcontext()
        )

    async def send(
        self, request: Request[object], *, limit: float, counts_queue: bool = True
    ) -> Response:
        """Send the request once and read its answer, whatever its status.

        `limit` holds for everything, or, unless it `counts_queue`, from a free slot on; that wait
        is never charged to the request's own timeout, which is the settings'.
        """
        sending = Sending()
        try:
            if counts_queue:
                async with self._clock.timeout(limit), self._pace, self._slots:
                    outcome = await self._exchange(request, sending)
            else:
                async with self._pace, self._slots, self._clock.timeout(limit):
                    outcome = await self._exchange(request, sending)
        except TimeoutError:
            outcome = self._late(request, sending, "complete answer", limit)
        # Raised here and not where it was met: aiohttp's errors hold the request, token and all.
        if isinstance(outcome, Exception):
            raise outcome

        return outcome

    async def aclose(self) -> None:
        """Close what was opened here; a session that was given stays open."""
        await self._connections.aclose()

    def abandon(self) -> bool:
        """Drop what was opened and never closed, without a word of aiohttp's; say if any was."""
        return self._connections.abandon()

    async def _exchange(
        self, request: Request[object], sending: Sending
    ) -> Response | TransportError | SessionClosedError:
        session = self._connections.session_for(request)
        sending.is_traced, sending.has_begun = is_traced(session), True
        try:
            async with (
                self._clock.timeout(self._options.request_timeout),
                session.request(
                    request.method,
                    _url(self._account, request),
                    data=_encoded(request.fields, self._options.body_format),
                    headers=self._headers if request.fields is None else self._body_headers,
                    timeout=self._connecting,
                    proxy=self._proxy,
                    ssl=self._options.ssl_context or True,
                    allow_redirects=False,
                    auto_decompress=False,
                    raise_for_status=False,
                    middlewares=(self._send_once,),
                    trace_request_ctx=sending,
                ) as answer,
            ):
                return await self._read(answer, request)
        except aiohttp.ConnectionTimeoutError:
            sending.has_begun = False
            return self._late(request, sending, "connection", self._options.connect_timeout)
        except TimeoutError:
            return self._late(request, sending, "complete answer", self._options.request_timeout)
        except aiohttp.ClientError as error:
            return self._lost(request, sending, error)

    async def _send_once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # Here, and not in what is handed to aiohttp: what it tells of that would hold the token.
        request.headers["Authorization"] = self._account.token.authorization
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # On these aiohttp itself sends GET, PUT and DELETE again, unseen and uncounted.
            raise ConnectionLostError(named(error)) from None

    async def _read(self, answer: aiohttp.ClientResponse, request: Request[object]) -> Response:
        arrived_at = self._clock.now()
        is_success = is_2xx(answer.status)
        body, is_cut = await _beginning(
            answer, request.max_body if is_success else _LONGEST_REFUSAL
        )
        token = self._account.token

        return Response(
            status=answer.status,
            headers=_masked(answer.headers, token),
            body=_masked_body(body, token),
            is_cut=is_cut,
            arrived_at=arrived_at,
        )

    def _lost(
        self, request: Request[object], sending: Sending, error: aiohttp.ClientError
    ) -> TransportError | SessionClosedError:
        call = f"{request.method} {request.path}"
        failure = failure_of(error)
        # Where both signs are there, they must agree that nothing left.
        is_unsent = failure.is_unsent and not sending.is_written
        if self._connections.are_closed:
            closed = SessionClosedError(f"{call}: the session was closed while this call ran")
            closed.may_have_arrived = not is_unsent
            return closed

        return failure.kind(
            f"{call}: {failure.text}",
            method=request.method,
            path=request.path,
            may_have_arrived=not is_unsent,
            is_transient=failure.is_transient,
        )

    def _late(
        self, request: Request[object], sending: Sending, what: str, limit: float
    ) -> TransportTimeoutError:
        return TransportTimeoutError(
            f"{request.method} {request.path}: no {what} within {limit:g} s",
            method=request.method,
            path=request.path,
            may_have_arrived=sending.may_have_left,
        )


def _url(account: Account, request: Request[object]) -> URL:
    query = "".join(f"&{name}={value}" for name, value in request.query.items())

    return URL(f"{account.api_url}{request.path}?region={request.region}{query}", encoded=True)


def _encoded(
    fields: Mapping[str, str | bool] | None, body_format: Literal["json", "form"]
) -> bytes | None:
    if fields is None:
        return None
    if body_format == "json":
        return json.dumps(fields).encode()
    # Booleans in JSON's spelling, as on the page; Python's would be 'True'.
    spelled = {name: "true" if value is True else value for name, value in fields.items()}

    return urlencode(spelled).encode()


def _headers(options: HttpOptions) -> dict[str, str]:
    agent = f"civo-snapshots-async/{__version__}"

    return {
        "Accept": "application/json",
        # A compressed answer could be any size when it is unpacked.
        "Accept-Encoding": "identity",
        "User-Agent": f"{options.application} {agent}" if options.application else agent,
    }


def _masked(headers: Mapping[str, str], token: Token) -> Mapping[str, str]:
    told = unquote(" ".join((*headers, *headers.values())))
    # Every response comes through here, and hardly any server echoes it.
    if token.mask(told) == told:
        return headers

    return {
        _masked_header(name, token).lower(): _masked_header(value, token)
        for name, value in headers.items()
    }


def _masked_header(value: str, token: Token) -> str:
    plain = unquote(value)

    return token.mask(value if token.mask(plain) == plain else plain)


def _masked_body(body: bytes, token: Token) -> bytes:
    masked = token.mask(body)
    # An echo may be spelled with JSON's escapes: `\/`, or `\u0063` for a letter.
    if b"\\" not in masked:
        return masked
    try:
        told = json.dumps(json.loads(masked), ensure_ascii=False)
    except (ValueError, RecursionError):
        return masked

    return masked if token.mask(told) == told else token.mask(told).encode(errors="replace")


async def _beginning(answer: aiohttp.ClientResponse, longest: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > longest:
            answer.close()
            return bytes(body[:longest]), True

    return bytes(body), False
