"""DigitalOcean's official client, in its asynchronous form: what it returns is untyped."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from .client import Client


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a client; it sends its token to plain http only if each call says so."""
    pydo = import_module("pydo.aio")
    async with pydo.Client("0123456789", endpoint=url) as client:
        snapshots = client.snapshots
        yield Client(
            get=lambda: snapshots.get("6372321", enforce_https=False),
            list_of=lambda count: snapshots.list(per_page=count, enforce_https=False),
            is_peer=True,
        )
