"""Whether something ends at its limit in real time, on a machine of any load."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs


@attrs.define
class Late:
    """By how many seconds something was late."""

    seconds: float = float("nan")


@asynccontextmanager
async def lateness(limit: float) -> AsyncIterator[Late]:
    """Measure by how many seconds what runs inside ends after a timer of `limit` seconds.

    The timer is of the same event loop: what delays both, such as a loaded machine, does not count.
    """
    loop = asyncio.get_running_loop()
    fired: asyncio.Future[float] = loop.create_future()
    loop.call_later(limit, lambda: fired.set_result(loop.time()))
    late = Late()
    try:
        yield late
    finally:
        ended_at = loop.time()
        late.seconds = ended_at - await fired
