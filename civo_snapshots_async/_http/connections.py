"""What requests go out on: pools, a proxy, a pace, and the trace that shows what has left."""

import asyncio
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import attrs

from .._errors import ConfigurationError, SessionClosedError
from .message import Request, RetrySafety

# Below the usual idle limits of servers, so that it is rarely they who close first.
_KEEPALIVE = 15.0
# A tuple: the hash of an enumeration's member is computed in Python.
_RETRIED = (RetrySafety.ALWAYS, RetrySafety.IF_REQUESTED)


@attrs.define
class Progress:
    """How far one attempt of a request has got."""

    is_traced: bool = False
    """Whether aiohttp reports when it begins to write: for what must not be sent twice."""
    has_begun: bool = False
    is_written: bool = False

    @property
    def may_have_left(self) -> bool:
        """Whether any byte of it may have left."""
        return self.is_written if self.is_traced else self.has_begun


@attrs.frozen(kw_only=True)
class Defaults:
    """What all requests of a session have in common; aiohttp prepares it once."""

    headers: Mapping[str, str]
    """Without the token: an aiohttp session would show it."""
    timeout: aiohttp.ClientTimeout
    proxy: str | None
    middleware: aiohttp.ClientMiddlewareType


class Connections:
    """The aiohttp sessions to send with: all ours, on a connector of ours or of the caller's."""

    def __init__(self, given: aiohttp.ClientSession | None, defaults: Defaults) -> None:
        self._given = given
        self._defaults = defaults
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
        if self._loop is not asyncio.get_running_loop():
            self._bind()
        # A kept connection that the server has just dropped would eat the request.
        is_fresh = self._given is None and request.retry_safety not in _RETRIED
        session = self._open.get(is_fresh)
        if session is None:
            session = _open_session(self._given, self._defaults, is_fresh=is_fresh)
            self._open[is_fresh] = session

        return session

    def _bind(self) -> None:
        if self._loop is not None:
            raise RuntimeError("the session belongs to another event loop: make one for each loop")
        self._loop = asyncio.get_running_loop()

    async def aclose(self) -> None:
        """Close ours; the caller's, and its connector, stay open."""
        self._is_closed = True
        # Cancelled while it waits for one to end, it closes the others all the same.
        async with AsyncExitStack() as closing:
            for session in self._open.values():
                closing.push_async_callback(session.close)

    def abandon(self) -> bool:
        """Close ours where nothing can be awaited any more; return whether any was open."""
        # On a given session's connections, none is open any more when that one is closed.
        is_open = any(not session.closed for session in self._open.values())
        for session in self._open.values():
            connector = session.connector
            # Without one, aiohttp's session is closed, and has nothing to warn of.
            session.detach()
            if connector is not None and self._given is None:
                _close_unawaited(connector, self._loop)
        self._open.clear()

        return is_open


def _close_unawaited(
    connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop | None
) -> None:
    if loop is not None and _runs_in_another_thread(loop):
        # The collector runs in any thread. Where the loop is closed just now, its end is theirs.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(connector.__exit__, None, None, None)
        return
    # The end of its `with` statement: close() may start a task, which nobody may be left to run.
    connector.__exit__(None, None, None)


def _runs_in_another_thread(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return loop.is_running() and asyncio.get_running_loop() is not loop
    except RuntimeError:
        return True


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


def is_traced(session: aiohttp.ClientSession) -> bool:
    """Tell whether our trace is on it: instrumentation puts others on every session."""
    return _TRACE in session.trace_configs


def _open_session(
    given: aiohttp.ClientSession | None, defaults: Defaults, *, is_fresh: bool
) -> aiohttp.ClientSession:
    connector = _open_connector(is_fresh=is_fresh) if given is None else given.connector
    session = aiohttp.ClientSession(
        connector=connector,
        connector_owner=given is None,
        cookie_jar=aiohttp.DummyCookieJar(),
        # Not with each request: aiohttp would prepare them anew each time.
        headers=defaults.headers,
        timeout=defaults.timeout,
        proxy=defaults.proxy,
        middlewares=(defaults.middleware,),
        auto_decompress=False,
        # For what may be sent again anyway, none: it costs a tenth of a request.
        trace_configs=[_TRACE] if is_fresh else None,
    )
    if given is not None:
        # Of a given session its connections and its traces, without its login, cookies, headers and
        # netrc file. Exactly its traces: where it is instrumented, so is every session by its
        # making, and each request would be traced twice.
        session.trace_configs[:] = [*given.trace_configs, _TRACE]

    return session


def _open_connector(*, is_fresh: bool) -> aiohttp.TCPConnector:
    if is_fresh:
        return aiohttp.TCPConnector(limit=0, force_close=True)

    return aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE)


def connect_limits(seconds: float, *, has_own_pool: bool) -> aiohttp.ClientTimeout:
    """Bound the making of a connection, and nothing else."""
    return aiohttp.ClientTimeout(
        # This one would count a wait in a given session's pool as well.
        connect=seconds if has_own_pool else None,
        sock_connect=seconds,
        # Longer ones than this are rounded up to a whole second of the loop's clock.
        ceil_threshold=float("inf"),
    )


def pace(requests_per_second: float | None) -> AbstractAsyncContextManager[object] | None:
    """Return what lets so many requests a second through, evenly; `None` where all may go."""
    if requests_per_second is None:
        return None
    try:
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - few ask for it
    except ImportError:
        raise ConfigurationError(
            "requests_per_second needs aiolimiter: pip install aiolimiter"
        ) from None

    # One at a time: a bucket of more would let a burst through on top of the rate.
    return AsyncLimiter(1, 1 / requests_per_second)


def environment_proxy(api_url: str) -> str | None:
    """Return the proxy that the environment names for a URL, if it names one."""
    # Not aiohttp's trust_env: it reads a netrc file as well, before each request.
    parts = urlsplit(api_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None

    return urllib.request.getproxies().get(parts.scheme)
