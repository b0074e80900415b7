"""What all others are measured by: aiohttp and `json.loads`, without a check of anything."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.apis.api import INSTANCE_ID, SNAPSHOT_ID

from .client import Client

_REGION = {"region": "LON1"}
_HEADERS = {"Authorization": "bearer 0123456789"}


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open an aiohttp session as its own documentation does."""
    instances = f"{url}/v2/instances"
    snapshots = f"{instances}/{INSTANCE_ID}/snapshots"
    async with aiohttp.ClientSession() as session:

        async def read(place: str) -> object:
            async with session.get(place, params=_REGION, headers=_HEADERS) as response:
                return json.loads(await response.read())

        async def post(place: str, body: dict[str, str]) -> object:
            async with session.post(place, params=_REGION, headers=_HEADERS, json=body) as response:
                return json.loads(await response.read())

        async def get() -> object:
            return await read(f"{snapshots}/{SNAPSHOT_ID}")

        async def list_of(count: int) -> object:
            return await read(f"{instances}/list-{count}/snapshots")

        async def poll(count: int) -> object:
            for _ in range(count):
                await get()

            return None

        async def create() -> object:
            return await post(snapshots, {"name": "nightly-web-1"})

        async def restore() -> object:
            # Ours looks whether the snapshot is complete, and so must whoever does the same.
            await get()

            return await post(f"{snapshots}/{SNAPSHOT_ID}/restore", {"hostname": "web-1-copy"})

        yield Client(get=get, list_of=list_of, poll=poll, create=create, restore=restore)
