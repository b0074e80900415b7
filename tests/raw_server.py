"""A server that sends exactly the bytes of a test, over a real socket."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs

Behavior = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


@attrs.define
class RawServer:
    """Where it listens, and what it received."""

    api_url: str = ""
    requests: list[str] = attrs.field(factory=list[str])
    connections: int = 0


def http(status: str, body: bytes | str = b"", *headers: str, length: int | None = None) -> bytes:
    """Return the bytes of a response."""
    content = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {length or len(content)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


def responds(response: bytes) -> Behavior:
    """Respond to each request with these bytes."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response)
        await writer.drain()

    return behave


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a response."""
    writer.close()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    writer.transport.abort()


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Send nothing until the client has gone."""
    await reader.read()


@asynccontextmanager
async def raw_server(
    behave: Behavior, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a server on this machine that behaves so after each request."""
    state = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            while head := await _head(reader):
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                state.requests.append(head + body.decode())
                await behave(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        state.api_url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield state
        server.close()
        await _all_served()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return ""


async def _all_served() -> None:
    """Let the connections end by themselves: the clients close them."""
    this = asyncio.current_task()
    serving = {t for t in asyncio.all_tasks() if t is not this and "serve" in repr(t.get_coro())}
    if serving:
        await asyncio.wait(serving, timeout=1)
