"""OpenStack's official client, which blocks: many at once are in threads."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from benchmarks.apis.api import SNAPSHOT_ID

from .client import Client
from .threads import in_threads

_NUMBER = itertools.count()


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a connection without Keystone; logging in is not what is measured."""
    openstack = import_module("openstack")
    snapshots = import_module("openstack.block_storage.v3.snapshot")
    endpoint = f"{url}/volume/v3"
    connection = openstack.connection.Connection(
        auth_type="none", endpoint=endpoint, block_storage_endpoint_override=endpoint
    )
    storage = connection.block_storage

    def get_blocking() -> object:
        return storage.get_snapshot(SNAPSHOT_ID)

    async def get() -> object:
        return get_blocking()

    async def list_of(count: int) -> object:
        return list(storage.snapshots(limit=count, paginated=False))

    async def poll(count: int) -> object:
        # The first poll is this get, and all others are the waiter's.
        snapshot = storage.get_snapshot(f"after-{count - 1}-{next(_NUMBER)}")

        return storage.wait_for_status(snapshot, interval=0.000_001)

    async def wait() -> object:
        pending = snapshots.Snapshot.existing(id="pending-0", status="creating")

        return storage.wait_for_status(pending)

    with in_threads(get_blocking) as get_beside_others:
        yield Client(
            get=get,
            get_beside_others=get_beside_others,
            list_of=list_of,
            poll=poll,
            wait=wait,
            is_peer=True,
        )
    connection.close()
