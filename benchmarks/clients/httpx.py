"""httpx, with Civo's API as bare aiohttp reads it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from benchmarks.apis.api import INSTANCE_ID, SNAPSHOT_ID

from .client import Client

_REGION = {"region": "LON1"}
_HEADERS = {"Authorization": "bearer 0123456789"}


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a client with as many connections as all others have."""
    httpx = import_module("httpx")
    instances = f"{url}/v2/instances"
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def read(place: str) -> object:
            return (await client.get(place, params=_REGION, headers=_HEADERS)).json()

        yield Client(
            get=lambda: read(f"{instances}/{INSTANCE_ID}/snapshots/{SNAPSHOT_ID}"),
            list_of=lambda count: read(f"{instances}/list-{count}/snapshots"),
            is_peer=True,
        )
