"""A web service: it backs up, shows each volume live, and restores what somebody has approved.

    python examples/web_service/service.py          # on an embedded FakeCivo
    python examples/web_service/service.py --civo   # on Civo: CIVO_TOKEN, CIVO_REGION

Then open http://127.0.0.1:8000. It needs FastAPI 0.165 and uvicorn 0.54, or newer.

**Whoever reaches it can overwrite your instances.** It listens on this machine alone. Before you
let others reach it, put a proxy with a login in front of it, and name its host with `--host-name`.
"""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import uvicorn
from board import Board
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

from civo_snapshots_async import (
    CivoSnapshotsError,
    HttpOptions,
    NotFoundError,
    SnapshotNotCompleteError,
    SnapshotSession,
)
from civo_snapshots_async.testing import FakeCivo

FILES = Path(__file__).parent
HOST_NAMES = ["127.0.0.1", "localhost"]
# How soon a browser connects again after the service was restarted, in milliseconds.
RECONNECT = 1000
# How long a stop waits for responses that are being sent, in seconds.
STOP_TIMEOUT = 1
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    # Nothing but our own files, and nobody may show the page inside another one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Backup(BaseModel):
    """What to back up."""

    instance_id: str


class Wish(BaseModel):
    """What to plan: an instance and a snapshot to overwrite it with."""

    instance_id: str
    snapshot_id: str


class Approval(BaseModel):
    """The plan that was shown, and the instance's host name, typed by whoever approves it."""

    fingerprint: str
    hostname: str


def same_origin(sec_fetch_site: str = Header(default="none")) -> None:
    """Reject what another site's page makes a browser send."""
    if sec_fetch_site not in {"same-origin", "none"}:
        raise HTTPException(403, "this request comes from another site")


def make_app(board: Board, host_names: list[str]) -> FastAPI:
    """Return the application for a board that is open."""
    app = FastAPI(title="Snapshots", docs_url=None, redoc_url=None)
    # Or else another site could reach it under a name of its own: DNS rebinding.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=host_names)
    own = [Depends(same_origin)]

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[ServerSentEvent]:
        """Stream the cards; while nothing changes, a comment keeps the connection alive."""
        async with aclosing(board.changes()) as changes:
            async for change in changes:
                yield ServerSentEvent(data=change, retry=RECONNECT)

    @app.post("/backups", status_code=202, dependencies=own)
    async def back_up(wanted: Backup) -> dict[str, str]:
        """Start a snapshot, and respond at once; the stream shows the rest."""
        return {"name": board.back_up(wanted.instance_id)}

    @app.post("/plans", dependencies=own)
    async def plan(wish: Wish) -> dict[str, str]:
        """Say what a restore would do; only reads are sent."""
        plan = await board.plan(wish.instance_id, wish.snapshot_id)

        return {
            "text": str(plan),
            "fingerprint": plan.fingerprint,
            "hostname": plan.facts.hostname,
        }

    @app.post("/restores", status_code=202, dependencies=own)
    async def restore(approval: Approval) -> dict[str, str]:
        """Start the restore of a plan that was shown, and respond at once."""
        board.restore(approval.fingerprint, approval.hostname)

        return {"fingerprint": approval.fingerprint}

    add_page(app)
    add_errors(app)

    return app


def add_page(app: FastAPI) -> None:
    """Add the page and its two files."""

    def file(name: str) -> Callable[[], Awaitable[FileResponse]]:
        async def respond() -> FileResponse:
            return FileResponse(FILES / name, headers=PAGE_HEADERS)

        return respond

    for path, name in {"/": "page.html", "/page.js": "page.js", "/page.css": "page.css"}.items():
        app.get(path, include_in_schema=False)(file(name))


def add_errors(app: FastAPI) -> None:
    """Add how errors are shown: as one sentence."""

    def shows(status: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
        async def respond(_request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"detail": str(error)}, status)

        return respond

    async def unknown(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "no such instance or plan: reload the page"}, 404)

    app.exception_handler(KeyError)(unknown)
    app.exception_handler(ValueError)(shows(422))
    app.exception_handler(NotFoundError)(shows(404))
    app.exception_handler(SnapshotNotCompleteError)(shows(409))
    app.exception_handler(CivoSnapshotsError)(shows(502))


class Server(uvicorn.Server):
    """Uvicorn, which closes the board first: or else it would wait for the streams to end."""

    def __init__(self, config: uvicorn.Config, board: Board) -> None:
        super().__init__(config)
        self._board = board

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, and then stop."""
        await self._board.aclose()
        await super().shutdown(sockets)


def make_server(board: Board, host_names: list[str]) -> Server:
    """Return a server for a board that is open."""
    config = uvicorn.Config(
        make_app(board, host_names),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_TIMEOUT,
    )

    return Server(config, board)


async def serve(session: SnapshotSession, given: argparse.Namespace) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    async with Board(session) as board:
        server = make_server(board, given.host_name or HOST_NAMES)
        listener = socket.create_server(("127.0.0.1", given.port))
        print(f"open http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        # Uvicorn raises the signal once more when it has stopped: then nothing is left to do.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: None)
        await server.serve([listener])


@asynccontextmanager
async def a_session(*, is_civo: bool) -> AsyncGenerator[SnapshotSession]:
    """Open a session on Civo, or on a FakeCivo with three instances."""
    if is_civo:
        async with SnapshotSession.from_env(http=HttpOptions(application="web_service")) as session:
            yield session
        return
    async with FakeCivo(takes=12) as civo:
        volumes: dict[str, tuple[str, ...]] = {
            "web-1": ("root", "data", "logs"),
            "web-2": ("root", "data"),
            "db-1": ("root", "data", "wal"),
        }
        for instance_id, names in volumes.items():
            civo.add_instance(instance_id, volumes=names)
            civo.add_snapshot(instance_id, name="before-upgrade", age=37 * 3600)
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            yield session


async def run(given: argparse.Namespace) -> None:
    """Open a session and serve."""
    async with a_session(is_civo=given.civo) as session:
        await serve(session, given)


def main() -> int:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(description="Snapshots of instances, live.")
    parser.add_argument("--civo", action="store_true", help="on Civo; without, on a fake")
    parser.add_argument("--port", type=int, default=8000, help="0 is any free one (%(default)s)")
    parser.add_argument(
        "--host-name", action="append", metavar="NAME", help="by which browsers may reach it"
    )
    try:
        asyncio.run(run(parser.parse_args()))
    except (CivoSnapshotsError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
