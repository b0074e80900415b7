"""A way to talk to FakeCivo with nothing but a socket, to see each byte and each reset."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import attrs

from civo_snapshots_async.testing import FakeCivo

SNAPSHOTS = "web-1/snapshots"


@attrs.frozen
class Wire:
    """One TCP connection to FakeCivo."""

    civo: FakeCivo
    socket: socket.socket

    async def send(self, method: str = "POST", path: str = SNAPSHOTS, *headers: str) -> None:
        """Send a request without a body."""
        lines = (
            f"{method} /v2/instances/{path}?region={self.civo.region} HTTP/1.1",
            "Host: localhost",
            f"Authorization: bearer {self.civo.token}",
            *headers,
        )
        text = "".join(f"{line}\r\n" for line in lines)
        await asyncio.get_running_loop().sock_sendall(self.socket, f"{text}\r\n".encode())

    async def some(self) -> bytes:
        """Return what comes next: `b""` at an orderly end."""
        return await asyncio.get_running_loop().sock_recv(self.socket, 65536)

    async def rest(self) -> tuple[bytes, Literal["reset", "closed"]]:
        """Return all that comes, and how the connection ended."""
        got = b""
        try:
            while piece := await self.some():
                got += piece
        except ConnectionResetError:
            return got, "reset"
        return got, "closed"

    async def response(self) -> tuple[bytes, bytes]:
        """Return head and body of one response that declares its length."""
        got = b""
        while not is_complete(got):
            piece = await self.some()
            assert piece, f"the connection ended after {got!r}"
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        return head, body


@asynccontextmanager
async def connected(civo: FakeCivo) -> AsyncIterator[Wire]:
    """Connect to FakeCivo."""
    url = urlsplit(civo.api_url)
    with socket.socket() as connection:
        connection.setblocking(False)  # noqa: FBT003 - the standard library's
        await asyncio.get_running_loop().sock_connect(connection, (url.hostname, url.port))
        yield Wire(civo, connection)


async def send_once(
    civo: FakeCivo, method: str = "POST", path: str = SNAPSHOTS
) -> tuple[bytes, Literal["reset", "closed"]]:
    """Send on a connection of its own; return all that comes, and how the connection ended."""
    async with connected(civo) as wire:
        await wire.send(method, path, "Connection: close")
        return await wire.rest()


def length_of(got: bytes) -> int:
    """Return the length that a head declares."""
    (line,) = [line for line in got.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(line.partition(b":")[2])


def is_complete(got: bytes) -> bool:
    """Return whether these bytes are a complete response."""
    head, end, body = got.partition(b"\r\n\r\n")
    return bool(end) and len(body) == length_of(head)


async def turns(count: int = 50) -> None:
    """Let the event loop turn, so that what can happen without waiting happens."""
    for _ in range(count):
        await asyncio.sleep(0)
