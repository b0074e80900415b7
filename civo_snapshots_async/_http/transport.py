"""The transport over HTTP, with aiohttp: a request goes out, a response comes back."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Mapping
from typing import Literal
from urllib.parse import unquote, urlencode

import aiohttp
from yarl import URL

from .._clock import Clock
from .._errors import SessionClosedError, TransportError, TransportTimeoutError
from .._policies import HttpOptions, Limiter
from .._version import __version__
from .config import Account
from .connections import (
    Connections,
    Defaults,
    Progress,
    connect_limits,
    environment_proxy,
    is_traced,
    pace,
)
from .failures import ConnectionLostError, failure_of, named
from .limits import limits_of
from .message import Request, Response, is_2xx
from .token import Token

_MAX_ERROR_BODY = 64 * 1024
_PAST_ASCII = 0x80
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


class SendOnce:
    """The middleware of every request: it adds the token, and keeps aiohttp from retrying.

    A method of the transport would be a reference cycle, by way of aiohttp's session that holds
    it: a transport that is dropped would live until the garbage collector runs.
    """

    __slots__ = ("_token",)

    def __init__(self, token: Token) -> None:
        self._token = token

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request at most once."""
        # Not in the arguments for aiohttp: its reports of those would show the token.
        request.headers["Authorization"] = self._token.authorization
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # After these aiohttp itself retries GET, PUT and DELETE, unseen and uncounted.
            raise ConnectionLostError(named(error)) from None


class AiohttpTransport:
    """Sends each request at most once, follows no redirect, keeps no cookie."""

    def __init__(
        self,
        account: Account,
        options: HttpOptions,
        clock: Clock,
        http_session: aiohttp.ClientSession | None = None,
        *,
        limiter: Limiter | None = None,
    ) -> None:
        self._account = account
        self._options = options
        self._clock = clock
        self._limits = limits_of(clock)
        self._connections = Connections(http_session, _defaults(account, options, http_session))
        self._ssl = options.ssl_context or True
        self._body_headers = {"Content-Type": _CONTENT_TYPES[options.body_format]}
        self._pace = pace(options.requests_per_second, limiter)
        # Instead of a limit of aiohttp's pool: a request that waits there uses up its own timeout.
        # A given session has a limit of its own.
        self._slots = asyncio.Semaphore(
            options.max_connections if http_session is None else sys.maxsize
        )

    async def send(
        self, request: Request[object], *, limit: float, counts_queue: bool = True
    ) -> Response:
        """Send the request once and read its response, whatever its status.

        `limit` bounds all of it, or, with `counts_queue=False`, what follows the wait for a slot.
        `HttpOptions.request_timeout` never includes that wait.
        """
        progress = Progress()
        timeout = self._options.request_timeout
        if counts_queue and (self._pace is not None or self._slots.locked()):
            try:
                async with self._limits.timeout(limit):
                    outcome = await self._exchange(request, progress, timeout)
            except TimeoutError:
                outcome = self._late(request, progress, "complete response", limit)
        else:
            # Both limits start now, so that the shorter one is enough: each costs a timer.
            outcome = await self._exchange(request, progress, min(limit, timeout))
        # Not raised where it was caught: aiohttp's errors hold the request, with the token.
        if isinstance(outcome, Exception):
            raise outcome

        return outcome

    async def aclose(self) -> None:
        """Close what was opened here; a session that was given stays open."""
        await self._connections.aclose()

    def abandon(self) -> bool:
        """Drop what was never closed, without aiohttp's warnings; return whether there was any."""
        return self._connections.abandon()

    async def _exchange(
        self, request: Request[object], progress: Progress, timeout: float
    ) -> Response | TransportError | SessionClosedError:
        """Send it when there is a slot for it; `timeout` starts then."""
        if self._pace is not None:
            # Left before anything is sent: what leaving raises can't hide a response.
            async with self._pace:
                pass
        await self._slots.acquire()
        try:
            async with self._limits.timeout(timeout):
                response = await self._request(request, progress)
                arrived_at = self._clock.now()
                max_bytes = request.max_body if is_2xx(response.status) else _MAX_ERROR_BODY
                content = response.content
                # A body mostly arrives with the head: nothing to wait for, and aiohttp has taken
                # the connection back, unless it is still writing a body of ours.
                if request.fields is None and content.is_eof() and content.total_bytes <= max_bytes:
                    return self._response(response, content.read_nowait(), arrived_at)
                body, is_cut = await _read_body(response, max_bytes)
                return self._response(response, body, arrived_at, is_cut=is_cut)
        except aiohttp.ConnectionTimeoutError:
            progress.has_started = False
            return self._late(request, progress, "connection", self._options.connect_timeout)
        except TimeoutError:
            return self._late(request, progress, "complete response", timeout)
        except aiohttp.ClientError as error:
            return self._lost(request, progress, error)
        finally:
            self._slots.release()

    def _request(
        self, request: Request[object], progress: Progress
    ) -> Awaitable[aiohttp.ClientResponse]:
        session = self._connections.session_for(request)
        progress.is_traced, progress.has_started = is_traced(session), True
        fields = request.fields

        return session.request(
            request.method,
            # yarl caches URLs by their text, with the parts that aiohttp needs. One that is built
            # from parts costs a sixth of a request more each time.
            URL(url_of(self._account, request), encoded=True),
            data=None if fields is None else _encoded(fields, self._options.body_format),
            headers=None if fields is None else self._body_headers,
            ssl=self._ssl,
            allow_redirects=False,
            trace_request_ctx=progress,
        )

    def _response(
        self,
        response: aiohttp.ClientResponse,
        body: bytes,
        arrived_at: float,
        *,
        is_cut: bool = False,
    ) -> Response:
        token = self._account.token

        return Response(
            status=response.status,
            headers=MaskedHeaders(response.headers, token),
            body=_masked_body(body, token) if token.is_in(body) or b"\\" in body else body,
            is_cut=is_cut,
            arrived_at=arrived_at,
            received_at=None if is_2xx(response.status) else self._clock.utcnow(),
        )

    def _lost(
        self, request: Request[object], progress: Progress, error: aiohttp.ClientError
    ) -> TransportError | SessionClosedError:
        call = f"{request.method} {request.path}"
        failure = failure_of(error)
        # Nothing was sent only where the error and the trace agree on it.
        is_unsent = failure.is_unsent and not progress.is_written
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
        self, request: Request[object], progress: Progress, what: str, limit: float
    ) -> TransportTimeoutError:
        return TransportTimeoutError(
            f"{request.method} {request.path}: no {what} within {limit:g} s",
            method=request.method,
            path=request.path,
            may_have_arrived=progress.may_have_left,
        )


def _defaults(
    account: Account, options: HttpOptions, http_session: aiohttp.ClientSession | None
) -> Defaults:
    proxy = options.proxy
    if options.trust_env and proxy is None:
        proxy = environment_proxy(account.api_url)

    return Defaults(
        headers=_headers(options),
        timeout=connect_limits(options.connect_timeout, has_own_pool=http_session is None),
        proxy=proxy,
        middleware=SendOnce(account.token),
    )


def url_of(account: Account, request: Request[object]) -> str:
    """Return the URL of a request."""
    # Nothing in it needs percent-encoding, as `endpoints` has checked.
    url = f"{account.api_url}{request.path}?region={request.region}"
    if not request.query:
        return url

    return url + "".join(f"&{name}={value}" for name, value in request.query.items())


def _encoded(fields: Mapping[str, str | bool], body_format: Literal["json", "form"]) -> bytes:
    if body_format == "json":
        return json.dumps(fields).encode()
    # Booleans in JSON's spelling, as on Civo's page; Python's would be 'True'.
    spelled = {name: "true" if value is True else value for name, value in fields.items()}

    return urlencode(spelled).encode()


def _headers(options: HttpOptions) -> dict[str, str]:
    agent = f"civo-snapshots-async/{__version__}"

    return {
        "Accept": "application/json",
        # A compressed response could have any size when it is decompressed.
        "Accept-Encoding": "identity",
        "User-Agent": f"{options.application} {agent}" if options.application else agent,
    }


class MaskedHeaders:
    """The headers of a response, with the token masked where the server echoes it.

    A header is masked when it is read, as few are.
    """

    __slots__ = ("_headers", "_token")

    def __init__(self, headers: Mapping[str, str], token: Token) -> None:
        self._headers = headers
        self._token = token

    def __repr__(self) -> str:
        masked = {self._masked(name): self._masked(self._headers[name]) for name in self._headers}

        return repr(masked)

    def get(self, name: str, default: str, /) -> str:
        """Return the value of a header, whatever the case of its name."""
        value = self._headers.get(name)

        return default if value is None else self._masked(value)

    def _masked(self, text: str) -> str:
        # An echo may be percent-encoded.
        plain = unquote(text)

        return self._token.mask(text if self._token.mask(plain) == plain else plain)


def _masked_body(body: bytes, token: Token) -> bytes:
    masked = token.mask(body)
    # An echo may be spelled with JSON's escapes: `\/`, or `\u0063` for a letter.
    plain = _ESCAPE.sub(_unescaped, masked)
    if not token.is_in(plain):
        return masked
    try:
        text = json.dumps(json.loads(masked), ensure_ascii=False)
    except (ValueError, RecursionError):
        return token.mask(plain)

    return token.mask(text).encode(errors="replace")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if code is None:
        return escape[2]
    character = int(code, 16)

    # A token is ASCII: any other character only has to keep its place.
    return bytes([character]) if character < _PAST_ASCII else b"?"


async def _read_body(response: aiohttp.ClientResponse, max_bytes: int) -> tuple[bytes, bool]:
    """Read at most that many bytes of a body; return them, and whether the body was longer."""
    chunks: list[bytes] = []
    length = 0
    async with response:
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            length += len(chunk)
            if length > max_bytes:
                response.close()
                return b"".join(chunks)[:max_bytes], True

    return b"".join(chunks), False
