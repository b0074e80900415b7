"""Amazon's SDK with aiohttp under it: snapshots of EC2, by its query API and in XML."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from .client import Client

_NUMBER = itertools.count()


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Client]:
    """Open a client with as many connections as all others have."""
    session = import_module("aiobotocore.session").get_session()
    config = import_module("aiobotocore.config").AioConfig(max_pool_connections=100)
    async with session.create_client(
        "ec2",
        region_name="eu-west-2",
        endpoint_url=url,
        aws_access_key_id="0123456789",
        aws_secret_access_key="0123456789",  # noqa: S106 - the server takes any
        config=config,
    ) as client:
        waiter = client.get_waiter("snapshot_completed")

        async def poll(count: int) -> None:
            await waiter.wait(
                SnapshotIds=[f"after-{count - 1}-{next(_NUMBER)}"],
                WaiterConfig={"Delay": 0, "MaxAttempts": count},
            )

        yield Client(
            get=lambda: client.describe_snapshots(SnapshotIds=["snap-0123456789abcdef0"]),
            list_of=lambda count: client.describe_snapshots(MaxResults=count),
            poll=poll,
            wait=lambda: waiter.wait(SnapshotIds=["pending-0"]),
            is_peer=True,
        )
