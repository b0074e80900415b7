"""A server in a process of its own that responds with prepared bytes.

It is no stand-in for Civo, as FakeCivo is: it does as little as a server can, and treats all
clients alike. The names in a request decide how it responds:

- whatever is called `pending-…` is pending for ever, `after-N-…` for N requests, and then complete
  (`N000000` and on where an id is a number); anything else is complete;
- an instance called `pending-N` or `list-N` has N snapshots;
- `/requests` is how many requests have come so far, without those for it.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from .apis import amazon, civo, digitalocean, hetzner, openstack, scaleway
from .apis.api import Routes, compact

ROUTES: Routes = {
    **civo.ROUTES,
    **amazon.ROUTES,
    **digitalocean.ROUTES,
    **hetzner.ROUTES,
    **openstack.ROUTES,
    **scaleway.ROUTES,
}

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COUNTED = re.compile(r"\bafter-(\d+)-|/actions/(\d+)\d{6}\b")
_PENDING = re.compile(r"\bpending-")
_HEAD = (
    b"HTTP/1.1 %s\r\nServer: nginx\r\nDate: Tue, 01 Apr 2025 09:11:14 GMT\r\n"
    b"Content-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n"
    b"X-Request-Id: 6f1c2a52-94cc-4f0e-a1a3-0d1c5a5ff3b1\r\n\r\n%s"
)


class Responses:
    """The responses to requests; each is made once and kept, except those to creates."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        self._left: dict[str, int] = {}
        self._requests = 0

    def to(self, head: bytes, body: bytes) -> bytes:
        """Return the response to a request."""
        line = head.partition(b" HTTP/1.1\r\n")[0]
        if line == b"GET /requests":
            return _http(b"%d" % self._requests)
        self._requests += 1
        # What a create is given does not matter; the query API has all in the body.
        key = line + b" " + body if line == b"POST /" else line
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        asked = key.decode()
        if counted := _COUNTED.search(asked):
            return _response(asked, pending=self._count_down(asked, int(counted[1] or counted[2])))
        response = _response(asked, pending=_PENDING.search(asked) is not None)
        if not asked.startswith("POST /v2"):
            self._kept[key] = response

        return response

    def _count_down(self, asked: str, requests: int) -> bool:
        """Tell whether it is pending still; once complete, it would begin anew."""
        left = self._left.pop(asked, requests)
        if left:
            self._left[asked] = left - 1

        return left > 0


class Connection(asyncio.Protocol):
    """One client's connection: a request in, a response out."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to respond on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checkers
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond to every request that is complete."""
        assert self._transport is not None  # noqa: S101 - for the type checkers
        self._received += data
        while _END in self._received:
            begins = self._received.index(_END) + len(_END)
            head = self._received[:begins]
            length = _LENGTH.search(head)
            ends = begins + (int(length[1]) if length else 0)
            if len(self._received) < ends:
                return
            body, self._received = self._received[begins:ends], self._received[ends:]
            self._transport.write(self._responses.to(head, body))


@contextmanager
def served() -> Generator[str]:
    """Serve in a process of its own; give the URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checkers
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _response(asked: str, *, pending: bool) -> bytes:
    for pattern, body_of in ROUTES.items():
        if matched := re.fullmatch(pattern, asked):
            body = body_of(matched, pending)
            status = b"201 Created" if asked.startswith("POST /v2") else b"200 OK"
            return _http(body if isinstance(body, bytes) else compact(body), status)

    # No client takes this for a response, not even one that checks no status.
    return _http(asked.encode(), b"404 Not Found")


def _http(body: bytes, status: bytes = b"200 OK") -> bytes:
    media = b"text/xml" if body.startswith(b"<") else b"application/json"

    return _HEAD % (status, media, len(body), body)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    responses = Responses()
    server = await loop.create_server(lambda: Connection(responses), "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        # It ends with its standard input: nobody would find a server that outlives its benchmark.
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
