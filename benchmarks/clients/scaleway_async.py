"""Scaleway's official client: its coroutines block, and each opens a connection of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from benchmarks.apis.api import SNAPSHOT_ID

from .client import Client


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a client of the block storage API."""
    core = import_module("scaleway_core.client")
    api = import_module("scaleway_async.block.v1").BlockV1API(
        core.Client(
            access_key="SCW12345678901234567",
            secret_key=SNAPSHOT_ID,
            api_url=url,
            default_zone="fr-par-1",
        )
    )
    yield Client(
        get=lambda: api.get_snapshot(snapshot_id=SNAPSHOT_ID),
        list_of=lambda count: api.list_snapshots(page_size=count, include_deleted=False),
        wait=lambda: api.wait_for_snapshot(snapshot_id="pending-0"),
        is_peer=True,
    )
