"""What all others are measured by: aiohttp and `json.loads`, without a check of anything."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.apis.api import INSTANCE_ID, SNAPSHOT_ID

from .client import Client

_REGION = {"region": "LON1"}
_HEADERS = {"Authorization": "bearer 0123456789"}


class _Bare:
    """Civo's calls, as one writes them without a library."""

    def __init__(
        self, url: str, session: aiohttp.ClientSession, posting: aiohttp.ClientSession
    ) -> None:
        self._instances = f"{url}/v2/instances"
        self._snapshots = f"{self._instances}/{INSTANCE_ID}/snapshots"
        self._session = session
        self._posting = posting

    async def get(self) -> object:
        return await self._get(f"{self._snapshots}/{SNAPSHOT_ID}")

    async def list_of(self, count: int) -> object:
        return await self._get(f"{self._instances}/list-{count}/snapshots")

    async def poll(self, count: int) -> None:
        for _ in range(count):
            await self.get()

    async def create(self) -> object:
        return await self._post(self._snapshots, {"name": "nightly-web-1"})

    async def restore(self) -> object:
        # As the library does, to see that the snapshot is complete.
        await self.get()

        return await self._post(
            f"{self._snapshots}/{SNAPSHOT_ID}/restore", {"hostname": "web-1-copy"}
        )

    async def _get(self, place: str) -> object:
        async with self._session.get(place, params=_REGION, headers=_HEADERS) as response:
            return json.loads(await response.read())

    async def _post(self, place: str, body: dict[str, str]) -> object:
        async with self._posting.post(
            place, params=_REGION, headers=_HEADERS, json=body
        ) as response:
            return json.loads(await response.read())


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open an aiohttp session as its own documentation does."""
    async with aiohttp.ClientSession() as session:
        bare = _Bare(url, session, session)
        yield Client(
            get=bare.get,
            list_of=bare.list_of,
            poll=bare.poll,
            create=bare.create,
            restore=bare.restore,
        )


@asynccontextmanager
async def opened_afresh(url: str) -> AsyncGenerator[Client]:
    """Open one that makes a new connection for a create or restore, as the library does.

    On one that was kept open, the server may be about to close it: then nobody knows whether such
    a request has had its effect.
    """
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession() as session,
        aiohttp.ClientSession(connector=connector) as posting,
    ):
        bare = _Bare(url, session, posting)
        yield Client(create=bare.create, restore=bare.restore)
