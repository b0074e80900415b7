"""Checks for drills: whether a service of an instance responds, within some time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

import aiohttp

from . import _checks as check
from ._checks import Seconds
from ._clock import Clock, SystemClock
from ._models import Instance
from ._public import public

Probe = Callable[[Instance], Awaitable[bool]]
Host = Callable[[Instance], str | None]

# Of one attempt: a service that is starting may take a connection and say nothing.
_MAX_ATTEMPT = 10.0
_REDIRECTS = HTTPStatus.MULTIPLE_CHOICES
_MAX_PORT = 65535


@public
def http_ok(
    path: str,
    *,
    port: int = 80,
    host: Host | None = None,
    timeout: Seconds = 120.0,
    interval: Seconds = 2.0,
    clock: Clock = SystemClock(),
) -> Probe:
    """Return a check that `GET http://HOST:PORT/path` gets a status of 200 to 299.

    A service needs time to start after its instance is `ACTIVE`: the check tries for `timeout`
    seconds, with `interval` between two attempts, and raises `TimeoutError` with what the last one
    got. Redirects are not followed. The host is the instance's public IP, or the private one where
    it has no public one; `host` is a function that returns another one for an instance. `clock` is
    the clock to wait by; tests pass that of the session.
    """
    if not check.text("path", path).startswith("/") or not path.isprintable() or " " in path:
        raise ValueError(f"path must start with '/', without spaces, not {path!r}")

    async def attempt(address: str) -> str:
        bracketed = f"[{address}]" if ":" in address else address
        async with (
            # Nothing of a session for Civo goes along, and no cookie from one attempt to the next.
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(f"http://{bracketed}:{port}{path}", allow_redirects=False) as response,
        ):
            is_ok = HTTPStatus.OK <= response.status < _REDIRECTS
            return "" if is_ok else f"{response.status} {response.reason or ''}".strip()

    return _probe(
        f"GET {path}", attempt, port=port, host=host, timeout=timeout, interval=interval,
        clock=clock,
    )  # fmt: skip


@public
def port_open(
    port: int,
    *,
    host: Host | None = None,
    timeout: Seconds = 120.0,
    interval: Seconds = 2.0,
    clock: Clock = SystemClock(),
) -> Probe:
    """Return a check that a TCP port of the instance takes a connection.

    `host`, `timeout`, `interval` and `clock` are those of `http_ok`.
    """

    async def attempt(address: str) -> str:
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
        # It was open, whatever becomes of the connection.
        with suppress(OSError):
            await writer.wait_closed()

        return ""

    return _probe(
        "a connection", attempt, port=port, host=host, timeout=timeout, interval=interval,
        clock=clock,
    )  # fmt: skip


def _probe(
    what: str,
    attempt: Callable[[str], Awaitable[str]],
    *,
    port: int,
    host: Host | None,
    timeout: Seconds,
    interval: Seconds,
    clock: Clock,
) -> Probe:
    """Return a check that makes attempts until one gives no reason against it."""
    if check.count("port", port, at_least=1) > _MAX_PORT:
        raise ValueError(f"port must be at most {_MAX_PORT}, not {port}")
    limit, between = check.seconds("timeout", timeout), check.seconds("interval", interval)

    async def probe(instance: Instance) -> bool:
        address = (host or _address)(instance)
        if not address:
            raise ValueError(f"{instance} has no address to reach it by")
        end = clock.now() + limit
        attempts = 0
        while True:
            attempts += 1
            left = end - clock.now()
            reason = await _reason(lambda: attempt(address), min(left, _MAX_ATTEMPT), clock)
            if not reason:
                return True
            if clock.now() + between >= end:
                raise TimeoutError(
                    f"{what} to {address} port {port}: {reason}; {attempts} attempts in {limit:g} s"
                )
            await clock.sleep(between)

    return probe


async def _reason(attempt: Callable[[], Awaitable[str]], limit: float, clock: Clock) -> str:
    try:
        async with clock.timeout(limit):
            return await attempt()
    except TimeoutError:
        return f"no response within {limit:g} s"
    except (OSError, aiohttp.ClientError) as error:
        return f"{type(error).__name__}: {error}"


def _address(instance: Instance) -> str | None:
    return instance.public_ip or instance.private_ip
