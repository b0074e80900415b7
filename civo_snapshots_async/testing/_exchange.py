"""A request as a fault sees it: what can be done with its connection."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import attrs

from ._responses import Response
from ._routes import Kind

__all__ = ["Exchange"]

# SO_LINGER is on, with 0 seconds: closing then sends a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


@attrs.frozen(kw_only=True)
class Exchange:
    """A request that has arrived, and its connection, on which no response was sent yet."""

    kind: Kind
    handle: Callable[[], Response]
    """Handles the request, and returns the response that would be sent."""
    date: Callable[[], str]
    sleep: Callable[[float], Awaitable[None]]
    write: Callable[[bytes], Awaitable[None]]
    """Sends bytes as they are; ConnectionError if the client has gone."""
    transport: asyncio.Transport

    async def send(self, response: Response) -> None:
        """Send a complete response."""
        await self.write(response.encoded(self.date()))

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def close(self) -> None:
        """Close the connection in an orderly way, after what was written."""
        self.transport.close()
