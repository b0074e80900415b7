"""Fixtures for your own tests.

In the top `conftest.py`::

    pytest_plugins = ["civo_snapshots_async.testing.pytest_plugin"]

They need the extra `civo-snapshots-async[testing]`: pytest and pytest-asyncio.
"""

import inspect
from collections.abc import AsyncIterator, Iterator
from types import FunctionType

import pytest
import pytest_asyncio

# For what the tests use. What FakeCivo sends is written without the client.
from .. import SnapshotSession
from . import FakeCivo, FakeClock, laws

__all__ = ["civo", "civo_env", "civo_laws", "fake_clock", "session"]


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


@pytest_asyncio.fixture
async def session(civo: FakeCivo, fake_clock: FakeClock) -> AsyncIterator[SnapshotSession]:
    """Open a session on `civo`, by `fake_clock`."""
    async with SnapshotSession(
        civo.token, region=civo.region, api_url=civo.api_url, clock=fake_clock
    ) as session:
        yield session


@pytest.fixture
def civo_env(civo: FakeCivo, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeCivo:
    """Return `civo`, named by the environment, for code that opens a session of its own.

    `CIVO_TOKEN`, `CIVO_REGION` and `CIVO_API_URL` name it, and `fake_clock` is the clock of each
    session that is made without one, by `SnapshotSession(…)` or `SnapshotSession.from_env()`.
    """
    monkeypatch.setenv("CIVO_TOKEN", civo.token)
    monkeypatch.setenv("CIVO_REGION", civo.region)
    monkeypatch.setenv("CIVO_API_URL", civo.api_url)
    from_env: FunctionType = inspect.getattr_static(SnapshotSession, "from_env").__func__
    for made in (SnapshotSession.__init__, from_env):
        # Both have such arguments, one of which is the clock.
        monkeypatch.setitem(made.__kwdefaults__ or {}, "clock", fake_clock)

    return civo


@pytest.fixture
def civo_laws(civo: FakeCivo) -> Iterator[list[laws.Plan]]:
    """Check the laws on `civo` after the test; append the plans that the test makes.

    See `laws.check_all`. With `pytest.mark.usefixtures("civo_laws")` all tests of a file are
    checked, and with a fixture of yours that is `autouse`, all tests.
    """
    plans: list[laws.Plan] = []
    yield plans
    laws.check_all(civo, plans=plans)
