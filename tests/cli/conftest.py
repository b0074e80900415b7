"""A FakeCivo that the environment names, and the command as a function."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import pytest

from civo_snapshots_async.cli import main
from civo_snapshots_async.testing import FakeCivo, FakeClock


@attrs.frozen(kw_only=True)
class Ended:
    """What a command came to."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@contextmanager
def serving(civo: FakeCivo) -> Iterator[None]:
    """Serve a FakeCivo beside code that runs an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(civo.__aenter__(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(civo.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock) -> Iterator[FakeCivo]:
    """Return a FakeCivo with the instance web-1, which the environment names."""
    civo = FakeCivo(clock=fake_clock)
    civo.add_instance("web-1")
    with serving(civo):
        monkeypatch.setenv("CIVO_TOKEN", civo.token)
        monkeypatch.setenv("CIVO_REGION", civo.region)
        monkeypatch.setenv("CIVO_API_URL", civo.api_url)
        yield civo


@pytest.fixture
def run(
    time_passes_at_once: None,  # noqa: ARG001 - it gives every session the fake clock
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs the command, as the process would."""

    def run_command(*arguments: str) -> Ended:
        capfd.readouterr()
        status = main(arguments)
        out, err = capfd.readouterr()

        return Ended(status=status, out=out, err=err)

    return run_command
