"""Fixtures for your own tests.

In the top `conftest.py`::

    pytest_plugins = ["civo_snapshots_async.testing.pytest_plugin"]

They need pytest and pytest-asyncio, which this package does not install.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from . import FakeCivo, FakeClock, laws

__all__ = ["civo", "civo_laws", "fake_clock"]


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


@pytest.fixture
def civo_laws(civo: FakeCivo) -> Iterator[list[laws.Plan]]:
    """Check the laws on `civo` after the test; append the plans that the test makes.

    See `laws.check_all`. With `pytest.mark.usefixtures("civo_laws")` all tests of a file are
    checked, and with a fixture of yours that is `autouse`, all tests.
    """
    plans: list[laws.Plan] = []
    yield plans
    laws.check_all(civo, plans=plans)
