"""One request in the hands of a fault: what can be done with its connection."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import attrs

from ._answers import Answer
from ._routes import Kind

__all__ = ["Exchange"]

# On, and for no time at all: closing then sends a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


@attrs.frozen(kw_only=True)
class Exchange:
    """A request that has arrived, and the connection on which nothing has been answered yet."""

    kind: Kind
    handle: Callable[[], Answer]
    """Does what the request asks for, or refuses it, and returns what would be answered."""
    date: Callable[[], str]
    sleep: Callable[[float], Awaitable[None]]
    write: Callable[[bytes], Awaitable[None]]
    """Sends bytes as they are; ConnectionError if the client has gone."""
    transport: asyncio.Transport

    async def send(self, answer: Answer) -> None:
        """Send the whole of an answer."""
        await self.write(answer.written(self.date()))

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def close(self) -> None:
        """End the connection in an orderly way, after what was written."""
        self.transport.close()
