"""A server in a process of its own that answers from prepared bytes.

It is no stand-in for Civo, as FakeCivo is: it does as little as a server can, and answers all
clients alike. The path alone decides what it answers:

- a snapshot called `pending-…` is pending for ever, one called `after-N-…` is pending for N
  requests and then complete, and any other is complete;
- an instance called `pending-N` lists N pending snapshots, and one called `list-N` N complete ones.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from . import documents

Handler = Callable[..., object]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 %s\r\nServer: nginx\r\nDate: Tue, 01 Apr 2025 09:11:14 GMT\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n"
    b"X-Request-Id: 6f1c2a52-94cc-4f0e-a1a3-0d1c5a5ff3b1\r\n\r\n%s"
)


class Answers:
    """What is answered to which request; each response is made once and kept."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        self._left: dict[bytes, int] = {}

    def answer(self, line: bytes) -> bytes:
        """Return the response to a request line."""
        kept = self._kept.get(line)
        if kept is not None:
            return kept
        method, target, _ = line.split(b" ", 2)
        path = target.partition(b"?")[0].decode()
        if counted := re.search(r"/after-(\d+)-[^/]+$", path):
            return self._count_down(line, path, int(counted[1]))
        response = _response(method.decode(), path)
        self._kept[line] = response

        return response

    def _count_down(self, line: bytes, path: str, requests: int) -> bytes:
        left = self._left.get(line, requests)
        if left == 0:
            del self._left[line]
        else:
            self._left[line] = left - 1
        state = "Pending" if left else "Complete"

        return _http(documents.snapshot(path.rpartition("/")[2], state=state))


class Connection(asyncio.Protocol):
    """One client's connection: a request in, a response out."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checkers
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            ends = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < ends:
                return
            self._received = self._received[ends:]
            assert self._transport is not None  # noqa: S101 - for the type checkers
            self._transport.write(self._answers.answer(head.partition(b"\r\n")[0]))


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


def _http(document: object, status: bytes = b"200 OK") -> bytes:
    body = documents.compact(document)

    return _HEAD % (status, len(body), body)


def _response(method: str, path: str) -> bytes:
    for pattern, status, make in _ROUTES:
        if matched := re.fullmatch(pattern, f"{method} {path}"):
            return _http(make(*matched.groups()), status)

    return _http({"code": "unknown", "reason": f"{method} {path}"}, b"404 Not Found")


def _get(snapshot_id: str) -> object:
    state = "Pending" if snapshot_id.startswith("pending-") else "Complete"

    return documents.snapshot(snapshot_id, state=state)


def _list(state: str, count: str) -> object:
    return documents.snapshots(int(count), state="Pending" if state == "pending" else "Complete")


_ROUTES: tuple[tuple[str, bytes, Handler], ...] = (
    (r"GET /v2/instances/[^/]+/snapshots/([^/]+)", b"200 OK", _get),
    (r"GET /v2/instances/(pending|list)-(\d+)/snapshots", b"200 OK", _list),
    (r"POST /v2/instances/[^/]+/snapshots", b"201 Created", documents.created),
    (r"POST /v2/instances/[^/]+/snapshots/[^/]+/restore", b"201 Created", documents.restore),
)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    answers = Answers()
    server = await loop.create_server(lambda: Connection(answers), "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        # It ends with its standard input: nobody would find a server that outlives its benchmark.
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
