"""Fixtures for your own tests.

In the top `conftest.py`::

    pytest_plugins = ["civo_snapshots_async.testing.pytest_plugin"]

They need pytest and pytest-asyncio, which this package does not install.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from . import FakeCivo, FakeClock

__all__ = ["civo", "fake_clock"]


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that starts at 0, for the test and for `civo`."""
    return FakeClock()


@pytest_asyncio.fixture
async def civo(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Run a FakeCivo on `fake_clock`, with the instance `web-1`."""
    async with FakeCivo(clock=fake_clock) as civo:
        civo.add_instance("web-1")
        yield civo
