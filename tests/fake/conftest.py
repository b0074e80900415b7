"""A way to talk to the FakeCivo of the fixtures."""

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from civo_snapshots_async.testing import FakeCivo

from .talk import Caller


@pytest_asyncio.fixture
async def call(civo: FakeCivo) -> AsyncIterator[Caller]:
    """Talk to the FakeCivo of the `civo` fixture."""
    async with aiohttp.ClientSession() as session:
        yield Caller(civo, session)
