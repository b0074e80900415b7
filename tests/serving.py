"""A FakeCivo beside code that runs an event loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from civo_snapshots_async.testing import FakeCivo


@contextmanager
def serving(civo: FakeCivo, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCivo]:
    """Serve a FakeCivo in another thread, and let the environment name it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(civo.__aenter__(), loop).result()
    try:
        monkeypatch.setenv("CIVO_TOKEN", civo.token)
        monkeypatch.setenv("CIVO_REGION", civo.region)
        monkeypatch.setenv("CIVO_API_URL", civo.api_url)
        yield civo
    finally:
        asyncio.run_coroutine_threadsafe(civo.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
