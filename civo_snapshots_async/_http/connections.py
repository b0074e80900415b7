"""Connections to send requests on, with their proxy, rate limit and trace of what was sent."""

import asyncio
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import attrs

from .._errors import ConfigurationError, SessionClosedError
from .._policies import Limiter
from .message import Request, RetrySafety

# Below the usual idle limits of servers, so that it is rarely they who close first.
_KEEPALIVE = 15.0
# A tuple: the hash of an enumeration's member is computed in Python.
_RETRIED = (RetrySafety.ALWAYS, RetrySafety.IF_REQUESTED)


@attrs.define
class Progress:
    """How far one attempt of a request has got."""

    is_traced: bool = False
    """Whether aiohttp reports the first write: it does for what must not be sent twice."""
    has_started: bool = False
    is_written: bool = False

    @property
    def may_have_left(self) -> bool:
        """Whether any byte of it may have left."""
        return self.is_written if self.is_traced else self.has_started


@attrs.frozen(kw_only=True)
class Defaults:
    """What all requests of a session have in common, which aiohttp prepares once."""

    headers: Mapping[str, str]
    """Without the token, which an aiohttp session would show."""
    timeout: aiohttp.ClientTimeout
    proxy: str | None
    middleware: aiohttp.ClientMiddlewareType


class Connections:
    """The aiohttp sessions to send with: our own, on connectors of ours or on the caller's."""

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
        # A request on a kept-alive connection is lost if the server has just closed that.
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
        # A cancellation while one of them closes must not keep the others open.
        async with AsyncExitStack() as closing:
            for session in self._open.values():
                closing.push_async_callback(session.close)

    def abandon(self) -> bool:
        """Close ours where nothing can be awaited any more; return whether one was open."""
        # Those on a given session's connections were closed with it.
        is_open = any(not session.closed for session in self._open.values())
        for session in self._open.values():
            connector = session.connector
            # Without a connector, aiohttp's session counts as closed, and warns of nothing.
            session.detach()
            if connector is not None and self._given is None:
                _close_unawaited(connector, self._loop)
        self._open.clear()

        return is_open


def _close_unawaited(
    connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop | None
) -> None:
    if loop is not None and _runs_in_another_thread(loop):
        # The garbage collector runs in any thread. A loop that closes meanwhile takes them along.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(connector.__exit__, None, None, None)
        return
    # As at the end of its `with` statement: close() may start a task that no loop would run.
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


# Our own trace, which notes whether any byte of a request was written.
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
        # None for what may be retried anyway: it costs a tenth of a request.
        trace_configs=[_TRACE] if is_fresh else None,
    )
    if given is not None:
        # A given session lends its connections and its traces, and not its login, cookies, headers
        # and netrc file. Exactly its traces: an instrumentation adds its own to every new session,
        # and each request would be traced twice.
        session.trace_configs[:] = [*given.trace_configs, _TRACE]

    return session


def _open_connector(*, is_fresh: bool) -> aiohttp.TCPConnector:
    if is_fresh:
        return aiohttp.TCPConnector(limit=0, force_close=True)

    return aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE)


def connect_limits(seconds: float, *, has_own_pool: bool) -> aiohttp.ClientTimeout:
    """Return the time limits that bound connecting, and nothing else."""
    return aiohttp.ClientTimeout(
        # This includes the wait in the pool of a given session.
        connect=seconds if has_own_pool else None,
        sock_connect=seconds,
        # Longer ones than this are rounded up to a whole second of the loop's clock.
        ceil_threshold=float("inf"),
    )


def pace(requests_per_second: float | None, limiter: Limiter | None) -> Limiter | None:
    """Return the given limiter, or one that spaces requests evenly; `None` for no limit."""
    if limiter is not None:
        return _checked(limiter, requests_per_second)
    if requests_per_second is None:
        return None
    try:
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            "requests_per_second needs aiolimiter: pip install aiolimiter"
        ) from None

    # A bucket of one: a larger one would let a burst through on top of the rate.
    return AsyncLimiter(1, 1 / requests_per_second)


def _checked(limiter: object, requests_per_second: float | None) -> Limiter:
    if not isinstance(limiter, AbstractAsyncContextManager):
        raise TypeError(f"limiter must be something to enter with `async with`, not {limiter!r}")
    if requests_per_second is not None:
        raise ValueError("give a limiter or requests_per_second, not both")

    return cast("Limiter", limiter)


def environment_proxy(api_url: str) -> str | None:
    """Return the proxy that the environment names for a URL, if it names one."""
    # Not aiohttp's trust_env: it reads a netrc file as well, before each request.
    parts = urlsplit(api_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None

    return urllib.request.getproxies().get(parts.scheme)
