"""Hetzner Cloud's official client, which blocks: many at once are in threads."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from .client import Client
from .threads import in_threads

_NUMBER = itertools.count()


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a client; a list of this API has 50 images at most, of this server more."""
    hcloud = import_module("hcloud")
    actions = import_module("hcloud.actions")
    client = hcloud.Client("0" * 64, api_endpoint=f"{url}/v1", poll_interval=0)

    patient = hcloud.Client("0" * 64, api_endpoint=f"{url}/v1")

    def get_blocking() -> object:
        return client.images.get_by_id(7)

    async def get() -> object:
        return get_blocking()

    async def list_of(count: int) -> object:
        return client.images.get_list(type=["snapshot"], per_page=count)

    async def poll(count: int) -> None:
        number = (count - 1) * 1_000_000 + next(_NUMBER)
        action = actions.BoundAction(client.actions, {"id": number, "status": "running"})
        action.wait_until_finished(max_retries=count)

    async def wait() -> None:
        pending = {"id": 10_000_000_000, "status": "running"}
        actions.BoundAction(patient.actions, pending).wait_until_finished()

    with in_threads(get_blocking) as get_beside_others:
        yield Client(
            get=get,
            get_beside_others=get_beside_others,
            list_of=list_of,
            poll=poll,
            wait=wait,
            is_peer=True,
        )
