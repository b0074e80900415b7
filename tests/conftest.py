"""What all tests share: a FakeCivo on a fake clock, a session on both, and no leaks."""

import asyncio
import gc
import inspect
import logging
import signal
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from types import FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from civo_snapshots_async import (
    CivoSnapshotsError,
    SnapshotSession,
    http_ok,
    port_open,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock

from .secrets import CANARY, shown_by

# The first text that hypothesis draws on a machine makes it build its tables, which takes seconds.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time: a change is judged by what it changes. `explore` draws others.
settings.register_profile("tests", _CALM, derandomize=True, database=None)
settings.register_profile("explore", _CALM)
settings.load_profile("tests")

pytest_plugins = ["civo_snapshots_async.testing.pytest_plugin", "tests.instrumentation"]


@pytest.fixture(autouse=True)
def _without_a_civo_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the account and the proxies of whoever runs them."""
    for name in ("CIVO_TOKEN", "CIVO_REGION", "CIVO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)
    monkeypatch.setenv("CIVO_CONFIG", "/nonexistent/.civo.json")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage under what is slow: it covers nothing new, and takes twice as long."""
    if not item.get_closest_marker("slow"):
        return (yield)
    # Not pytest-cov's `no_cover`: in a worker of xdist it uncovers a second measurement below.
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def pytest_sessionstart() -> None:
    """Let Ctrl-C reach the programs of the tests.

    A shell that is no terminal's lets what it starts with `&` ignore the signal, and a program
    inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    """Let pytest's own last collection of garbage see everything again."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _the_token_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail a test in which any error, or any record of our log, shows FakeCivo's token."""
    errors: list[CivoSnapshotsError] = []

    def remember(error: CivoSnapshotsError, *args: object) -> None:
        super(CivoSnapshotsError, error).__init__(*args)
        if len(errors) < 20:
            errors.append(error)

    monkeypatch.setattr(CivoSnapshotsError, "__init__", remember)
    caplog.set_level(logging.DEBUG, logger="civo_snapshots_async")
    yield
    assert CANARY not in caplog.text
    assert CANARY not in repr([vars(record) for record in caplog.get_records("call")])
    for error in errors:
        assert CANARY not in shown_by(error)


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> None:
    """Fail an async test that leaves a task, a lost exception, or something to warn of."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_watched_loop")


@pytest.fixture
async def _watched_loop() -> AsyncIterator[None]:
    # Then the collection below visits what this test makes, and nothing else: all that the
    # tests before it left alive would cost each one a hundredth of a second and more.
    gc.collect()
    gc.freeze()
    before = asyncio.all_tasks()
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    yield
    gc.collect()
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}
    assert not lost


@pytest.fixture
def time_passes_at_once(monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock) -> None:
    """Give what documents and examples make, where they name no clock, one that does not wait."""
    from_env: FunctionType = inspect.getattr_static(SnapshotSession, "from_env").__func__
    sessions = (SnapshotSession.__init__, from_env)
    for made in (FakeCivo.__init__, *sessions, wait_until_complete, http_ok, port_open):
        assert made.__kwdefaults__ is not None
        monkeypatch.setitem(made.__kwdefaults__, "clock", fake_clock)
