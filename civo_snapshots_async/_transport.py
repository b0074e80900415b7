"""A request becomes a response, over HTTP. The one place that knows aiohttp."""

import asyncio
import json
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal
from urllib.parse import urlencode, urlsplit

import aiohttp
import attrs
from yarl import URL

from . import _checks as check
from ._config import Account
from ._errors import SessionClosedError, TransportError, TransportTimeoutError
from ._http import Request, Response
from ._version import __version__

_LONGEST_REFUSAL = 64 * 1024
# Below the usual idle limits of servers, so that it is rarely they who close first.
_KEEPALIVE = 15.0
_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


@attrs.frozen(kw_only=True)
class TransportSettings:
    """How to talk HTTP: arguments of `SnapshotSession`, which documents and checks them."""

    request_timeout: float = 30.0
    connect_timeout: float = 10.0
    max_connections: int = 100
    body_format: Literal["json", "form"] = "json"
    # An URL of a proxy may hold its password.
    proxy: str | None = attrs.field(default=None, repr=False)
    trust_env: bool = False
    ssl_context: ssl.SSLContext | None = None
    application: str | None = None

    def __attrs_post_init__(self) -> None:
        check.seconds("request_timeout", self.request_timeout)
        check.seconds("connect_timeout", self.connect_timeout)
        check.count("max_connections", self.max_connections, at_least=1)
        check.boolean("trust_env", self.trust_env)
        if self.body_format not in _CONTENT_TYPES:
            raise ValueError(f"body_format must be 'json' or 'form', not {self.body_format!r}")
        check.ssl_context("ssl_context", self.ssl_context)
        if self.application is not None:
            check.header("application", self.application)
        if self.proxy is not None:
            check.proxy_url("proxy", self.proxy)


class AiohttpTransport:
    """Sends each request exactly once, follows nothing, keeps nothing that a server sets."""

    def __init__(
        self,
        account: Account,
        settings: TransportSettings,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._account = account
        self._settings = settings
        self._given = http_session
        self._own: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._timeout = _timeout(settings, has_own_pool=http_session is None)
        self._proxy = settings.proxy
        if settings.trust_env and self._proxy is None:
            self._proxy = _environment_proxy(account.api_url)
        # Our pool has no limit: a call that waited inside it would be charged for the wait.
        self._slots: AbstractAsyncContextManager[object] = (
            asyncio.Semaphore(settings.max_connections) if http_session is None else nullcontext()
        )

    async def send(self, request: Request[object]) -> Response:
        """Send the request once and read its answer, whatever its status."""
        async with self._slots:
            outcome = await self._exchange(self._session(), request)
        # Raised here and not where it was met: aiohttp's errors hold the request, token and all.
        if isinstance(outcome, Exception):
            raise outcome

        return outcome

    async def aclose(self) -> None:
        """Close what was opened here; a session that was given stays open."""
        self._is_closed = True
        if self._own is not None:
            await self._own.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise SessionClosedError("the session is closed: make a new one")
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise RuntimeError("the session belongs to another event loop: make one for each loop")
        self._loop = loop
        if self._given is None and self._own is None:
            self._own = _open_session()
        session = self._given or self._own
        if session is None or session.closed:
            raise SessionClosedError("the aiohttp session that was given is closed")

        return session

    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request[object]
    ) -> Response | TransportError | SessionClosedError:
        try:
            async with session.request(
                request.method,
                URL(f"{self._account.api_url}{request.path}?region={request.region}", encoded=True),
                data=_encoded(request.fields, self._settings.body_format),
                headers=_headers(request, self._settings),
                timeout=self._timeout,
                proxy=self._proxy,
                ssl=self._settings.ssl_context or True,
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                middlewares=(self._send_once,),
            ) as answer:
                return await self._read(answer, request)
        except (aiohttp.ClientError, TimeoutError) as error:
            return self._failure(request, error, session_is_closed=session.closed)

    async def _send_once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # Set here, after aiohttp had its own ideas: a netrc file, a given session's login, cookies.
        request.headers["Authorization"] = self._account.token.authorization
        request.headers.popall("Cookie", None)
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # On these aiohttp itself sends GET, PUT and DELETE again, unseen and uncounted.
            raise _ConnectionLostError(_named(error)) from None

    async def _read(self, answer: aiohttp.ClientResponse, request: Request[object]) -> Response:
        is_success = Response(status=answer.status).is_success
        body, is_cut = await _beginning(
            answer, request.longest_body if is_success else _LONGEST_REFUSAL
        )
        token = self._account.token

        return Response(
            status=answer.status,
            headers={name.lower(): token.mask(value) for name, value in answer.headers.items()},
            body=token.mask(body),
            is_cut=is_cut,
        )

    def _failure(
        self, request: Request[object], error: Exception, *, session_is_closed: bool
    ) -> TransportError | SessionClosedError:
        call = f"{request.method} {request.path}"
        if session_is_closed:
            return SessionClosedError(f"{call}: the session was closed while this call ran")
        if not isinstance(error, TimeoutError):
            return TransportError(
                f"{call}: {_named(error)}", method=request.method, path=request.path
            )
        late, limit = "complete answer", self._settings.request_timeout
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            late, limit = "connection", self._settings.connect_timeout

        return TransportTimeoutError(
            f"{call}: no {late} within {limit:g} s", method=request.method, path=request.path
        )


class _ConnectionLostError(aiohttp.ClientError):
    """A lost connection, as an error that makes aiohttp send nothing again."""


def _named(error: Exception) -> str:
    if isinstance(error, _ConnectionLostError):
        return str(error)

    return f"{type(error).__name__}: {error}"


def _timeout(settings: TransportSettings, *, has_own_pool: bool) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=settings.request_timeout,
        # This one would count a wait in a given session's pool as well.
        connect=settings.connect_timeout if has_own_pool else None,
        sock_connect=settings.connect_timeout,
        # Longer ones than this are rounded up to a whole second of the loop's clock.
        ceil_threshold=float("inf"),
    )


def _environment_proxy(api_url: str) -> str | None:
    # Not aiohttp's trust_env: it reads a netrc file as well, before each request.
    parts = urlsplit(api_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None

    return urllib.request.getproxies().get(parts.scheme)


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _encoded(
    fields: Mapping[str, str | bool] | None, body_format: Literal["json", "form"]
) -> bytes | None:
    if fields is None:
        return None
    if body_format == "json":
        return json.dumps(fields).encode()

    # Booleans in JSON's spelling, as on the page; Python's would be 'True'.
    return urlencode(
        {name: value if value is not True else "true" for name, value in fields.items()}
    ).encode()


def _headers(request: Request[object], settings: TransportSettings) -> dict[str, str]:
    agent = f"civo-snapshots-async/{__version__}"
    headers = {
        "Accept": "application/json",
        # A compressed answer could be any size when it is unpacked.
        "Accept-Encoding": "identity",
        "User-Agent": f"{settings.application} {agent}" if settings.application else agent,
    }
    if request.fields is not None:
        headers["Content-Type"] = _CONTENT_TYPES[settings.body_format]

    return headers


async def _beginning(answer: aiohttp.ClientResponse, longest: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > longest:
            answer.close()
            return bytes(body[:longest]), True

    return bytes(body), False
