"""A client that blocks, for many callers at once."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .client import Call


@contextmanager
def in_threads(blocking: Callable[[], object]) -> Generator[Call]:
    """Give the call for use beside others: each in a thread, as many at once as connections."""
    with ThreadPoolExecutor(max_workers=100) as threads:

        async def call() -> object:
            return await asyncio.get_running_loop().run_in_executor(threads, blocking)

        yield call
