"""A request becomes a response, over HTTP. The one place that knows aiohttp."""

import asyncio
import errno
import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus
from types import SimpleNamespace
from typing import Literal, cast
from urllib.parse import unquote, urlencode, urlsplit

import aiohttp
import attrs
from yarl import URL

from . import _checks as check
from ._clock import Clock
from ._config import Account
from ._errors import (
    CertificateError,
    ConfigurationError,
    SessionClosedError,
    TransportError,
    TransportTimeoutError,
)
from ._http import Repeat, Request, Response, is_2xx
from ._token import Token
from ._version import __version__

_LONGEST_REFUSAL = 64 * 1024
# Below the usual idle limits of servers, so that it is rarely they who close first.
_KEEPALIVE = 15.0
_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


# OpenSSL's X509_V_ERR_… of a certificate that is sound, but not now or not here.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64

# No connection was made, by ourselves or by the proxy.
_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)


@attrs.frozen(kw_only=True)
class TransportSettings:
    """How to talk HTTP: arguments of `SnapshotSession`, which documents them."""

    request_timeout: float = 30.0
    connect_timeout: float = 10.0
    max_connections: int = 100
    requests_per_second: float | None = None
    body_format: Literal["json", "form"] = "json"
    # A proxy's URL may hold its password.
    proxy: str | None = attrs.field(default=None, repr=False)
    trust_env: bool = False
    ssl_context: ssl.SSLContext | None = None
    application: str | None = None

    def __attrs_post_init__(self) -> None:
        check.seconds("request_timeout", self.request_timeout)
        check.seconds("connect_timeout", self.connect_timeout)
        check.count("max_connections", self.max_connections, at_least=1)
        if self.requests_per_second is not None:
            check.number("requests_per_second", self.requests_per_second, at_least=0.001)
        check.boolean("trust_env", self.trust_env)
        if self.body_format not in _CONTENT_TYPES:
            raise ValueError(f"body_format must be 'json' or 'form', not {self.body_format!r}")
        check.ssl_context("ssl_context", self.ssl_context)
        if self.application is not None:
            check.header("application", self.application)
        if self.proxy is not None:
            check.proxy_url("proxy", self.proxy)


@attrs.define
class _Sending:
    """How far one sending of a request has got."""

    is_traced: bool = False
    """Whether aiohttp tells when it begins to write: for what must not be sent twice."""
    has_begun: bool = False
    is_written: bool = False

    @property
    def may_have_left(self) -> bool:
        """Whether any byte of it may have left."""
        return self.is_written if self.is_traced else self.has_begun


class AiohttpTransport:
    """Sends each request exactly once, follows nothing, keeps nothing that a server sets."""

    def __init__(
        self,
        account: Account,
        settings: TransportSettings,
        clock: Clock,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._account = account
        self._settings = settings
        self._clock = clock
        self._sessions = _Sessions(http_session)
        self._headers = _headers(settings)
        self._body_headers = {
            **self._headers,
            "Content-Type": _CONTENT_TYPES[settings.body_format],
        }
        self._connecting = _connect_limits(settings, has_own_pool=http_session is None)
        self._proxy = settings.proxy
        if settings.trust_env and self._proxy is None:
            self._proxy = _environment_proxy(account.api_url)
        self._pace = _pace(settings.requests_per_second)
        # Our pool has no limit: a call that waited inside it would be charged for the wait.
        self._slots: AbstractAsyncContextManager[object] = (
            asyncio.Semaphore(settings.max_connections) if http_session is None else nullcontext()
        )

    async def send(self, request: Request[object], *, limit: float) -> Response:
        """Send the request once and read its answer, whatever its status.

        `limit` holds for everything; the wait for a free slot is not charged to the request's own
        time-out, which is the settings'.
        """
        sending = _Sending()
        try:
            async with self._clock.timeout(limit), self._pace, self._slots:
                outcome = await self._exchange(request, sending)
        except TimeoutError:
            outcome = self._late(request, sending, "complete answer", limit)
        # Raised here and not where it was met: aiohttp's errors hold the request, token and all.
        if isinstance(outcome, Exception):
            raise outcome

        return outcome

    async def aclose(self) -> None:
        """Close what was opened here; a session that was given stays open."""
        await self._sessions.aclose()

    def abandon(self) -> bool:
        """Drop what was opened and never closed, without a word of aiohttp's; say if any was."""
        return self._sessions.abandon()

    async def _exchange(
        self, request: Request[object], sending: _Sending
    ) -> Response | TransportError | SessionClosedError:
        session = self._sessions.session_for(request)
        # Instrumentation puts traces of its own on every session: ours is known by itself.
        sending.is_traced, sending.has_begun = _TRACE in session.trace_configs, True
        try:
            async with (
                self._clock.timeout(self._settings.request_timeout),
                session.request(
                    request.method,
                    _url(self._account, request),
                    data=_encoded(request.fields, self._settings.body_format),
                    headers=self._headers if request.fields is None else self._body_headers,
                    timeout=self._connecting,
                    proxy=self._proxy,
                    ssl=self._settings.ssl_context or True,
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
            return self._late(request, sending, "connection", self._settings.connect_timeout)
        except TimeoutError:
            return self._late(request, sending, "complete answer", self._settings.request_timeout)
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
            raise _ConnectionLostError(_named(error)) from None

    async def _read(self, answer: aiohttp.ClientResponse, request: Request[object]) -> Response:
        arrived_at = self._clock.now()
        is_success = is_2xx(answer.status)
        body, is_cut = await _beginning(
            answer, request.longest_body if is_success else _LONGEST_REFUSAL
        )
        token = self._account.token

        return Response(
            status=answer.status,
            headers=answer.headers if is_success else _masked(answer.headers, token),
            body=_masked_body(body, token),
            is_cut=is_cut,
            arrived_at=arrived_at,
        )

    def _lost(
        self, request: Request[object], sending: _Sending, error: aiohttp.ClientError
    ) -> TransportError | SessionClosedError:
        call = f"{request.method} {request.path}"
        if self._sessions.are_closed:
            return SessionClosedError(f"{call}: the session was closed while this call ran")
        # Where both signs are there, they must agree that nothing left.
        is_unsent = isinstance(error, _UNSENT) and not sending.is_written
        kind, why = _failure(error)

        return kind(
            f"{call}: {why}",
            method=request.method,
            path=request.path,
            may_have_arrived=not is_unsent,
            is_transient=not _is_refused_by_proxy(error),
        )

    def _late(
        self, request: Request[object], sending: _Sending, what: str, limit: float
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


class _Sessions:
    """The aiohttp sessions to send with: all ours, on a connector of ours or of the caller's."""

    def __init__(self, given: aiohttp.ClientSession | None) -> None:
        self._given = given
        self._open: dict[bool, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    @property
    def are_closed(self) -> bool:
        """Whether they were closed, here or by the caller."""
        return self._is_closed or (self._given is not None and self._given.closed)

    def session_for(self, request: Request[object]) -> aiohttp.ClientSession:
        """Return one that is open, with fresh connections for what must not be sent twice."""
        if self._is_closed:
            raise SessionClosedError("the session is closed: make a new one")
        if self.are_closed:
            raise SessionClosedError("the aiohttp session that was given is closed")
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise RuntimeError("the session belongs to another event loop: make one for each loop")
        self._loop = loop
        # A kept connection that the server has just dropped would eat the request.
        is_fresh = self._given is None and request.repeat not in {Repeat.FREELY, Repeat.IF_ASKED}
        if is_fresh not in self._open:
            self._open[is_fresh] = _open_session(self._given, is_fresh=is_fresh)

        return self._open[is_fresh]

    async def aclose(self) -> None:
        """Close ours; the caller's, and its connector, stay open."""
        self._is_closed = True
        for session in self._open.values():
            await session.close()

    def abandon(self) -> bool:
        """Close ours where nothing can be awaited any more; say if any was open."""
        # On a given session's connections, none is open any more when that one is closed.
        is_open = any(not session.closed for session in self._open.values())
        for session in self._open.values():
            connector = session.connector
            session.detach()
            if connector is not None and self._given is None:
                # Its first step closes the connections; only the waiting comes after that.
                closing = connector.close().__await__()
                next(closing, None)
                closing.close()
        self._open.clear()

        return is_open


class _ConnectionLostError(aiohttp.ClientError):
    """A lost connection, as an error that makes aiohttp send nothing again."""


def _failure(error: aiohttp.ClientError) -> tuple[type[TransportError], str]:
    """Return what a failed request comes to, and why it failed, in words."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return CertificateError, (
                f"the TLS certificate of {error.host}:{error.port} {_objection(error)}, and "
                "nothing was sent: renew it, or give an ssl_context that trusts it"
            )
        case aiohttp.ClientHttpProxyError():
            return TransportError, f"the proxy answered {error.status}, and nothing was sent"
        case aiohttp.ClientConnectorDNSError():
            return TransportError, f"cannot resolve {error.host} ({_reason(error)})"
        # Its subclass for TLS has its reason, such as WRONG_VERSION_NUMBER, in its own text.
        case aiohttp.ClientConnectorError() if not isinstance(error, aiohttp.ClientSSLError):
            where = f"{error.host}:{error.port}"
            return TransportError, f"cannot connect to {where} ({_reason(error)})"
        case _:
            return TransportError, _named(error)


def _objection(error: aiohttp.ClientConnectorCertificateError) -> str:
    # `ssl.CertificateError`, which aiohttp catches, is another name of it.
    problem = cast("ssl.SSLCertVerificationError", error.certificate_error)
    known = {
        _EXPIRED: "has expired",
        _NOT_YET_VALID: "is not valid yet (is this machine's clock right?)",
        _OTHER_HOST: "is for another host name",
        _OTHER_ADDRESS: "is for another address",
    }

    return known.get(problem.verify_code, f"is not trusted ({problem.verify_message})")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    code, words = error.os_error.errno, error.os_error.strerror
    # The system's own words, as asyncio's name the address once more; a resolver's code is none.
    if code is not None and code in errno.errorcode:
        words = os.strerror(code)

    return (words or str(error.os_error)).lower()


def _is_refused_by_proxy(error: aiohttp.ClientError) -> bool:
    """Tell whether a proxy refuses to connect, as with 407: it will do so again."""
    return (
        isinstance(error, aiohttp.ClientHttpProxyError)
        and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _named(error: Exception) -> str:
    if isinstance(error, _ConnectionLostError):
        return str(error)
    name = type(error).__name__
    # Their texts are the server's, or hold the URL of a proxy with its password.
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)):
        return name
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"{name}: the body was cut or malformed"

    return f"{name}: {error}"


def _connect_limits(settings: TransportSettings, *, has_own_pool: bool) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        # This one would count a wait in a given session's pool as well.
        connect=settings.connect_timeout if has_own_pool else None,
        sock_connect=settings.connect_timeout,
        # Longer ones than this are rounded up to a whole second of the loop's clock.
        ceil_threshold=float("inf"),
    )


def _pace(requests_per_second: float | None) -> AbstractAsyncContextManager[object]:
    if requests_per_second is None:
        return nullcontext()
    try:
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - few ask for it
    except ImportError:
        raise ConfigurationError(
            "requests_per_second needs aiolimiter: pip install aiolimiter"
        ) from None

    # One at a time: a bucket of more would let a burst through on top of the rate.
    return AsyncLimiter(1, 1 / requests_per_second)


def _environment_proxy(api_url: str) -> str | None:
    # Not aiohttp's trust_env: it reads a netrc file as well, before each request.
    parts = urlsplit(api_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None

    return urllib.request.getproxies().get(parts.scheme)


async def _note_that_it_is_written(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.is_written = True


def _trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_that_it_is_written)
    trace.freeze()

    return trace


# The one trace of ours, which notes whether a request has begun to leave.
_TRACE = _trace()


def _open_session(given: aiohttp.ClientSession | None, *, is_fresh: bool) -> aiohttp.ClientSession:
    cookie_jar = aiohttp.DummyCookieJar()
    if given is not None:
        # Its connections, without its login, cookies, headers and netrc file.
        session = aiohttp.ClientSession(
            connector=given.connector, connector_owner=False, cookie_jar=cookie_jar
        )
        # And exactly its traces: where it is instrumented, so is every session by its making, and
        # each request would be traced twice.
        session.trace_configs[:] = [*given.trace_configs, _TRACE]
        return session
    if is_fresh:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=cookie_jar,
            trace_configs=[_TRACE],
        )

    # Without the trace, which costs a tenth of a request: these may be sent again anyway.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE),
        cookie_jar=cookie_jar,
    )


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


def _headers(settings: TransportSettings) -> dict[str, str]:
    agent = f"civo-snapshots-async/{__version__}"

    return {
        "Accept": "application/json",
        # A compressed answer could be any size when it is unpacked.
        "Accept-Encoding": "identity",
        "User-Agent": f"{settings.application} {agent}" if settings.application else agent,
    }


def _masked(headers: Mapping[str, str], token: Token) -> dict[str, str]:
    return {name.lower(): _masked_header(value, token) for name, value in headers.items()}


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
