"""Interleaved rounds of one case over all clients, in one process.

Two processes of the very same client differ by a quarter for as long as they live: in where their
objects lie, in what their dicts collide on. So all clients are in one process, each round measures
every one of them, and what counts is the ratio within the round; the rounds are then repeated in
several processes.
"""

import gc
import time
from collections.abc import Mapping

from .cases import Case
from .clients.client import Client

BARE = "aiohttp"
"""The client that all others are measured by."""
CONTROL = "aiohttp again"
"""The same once more: what differs between these two is chance."""

Round = dict[str, float]
"""The CPU seconds of one unit, by the client's name."""


async def measure(case: Case, clients: Mapping[str, Client], rounds: int) -> list[Round]:
    """Return the rounds of a case, over those clients that can do it."""
    able = [name for name, client in clients.items() if await _try(case, client)]
    # What stands is not looked at again: a collection costs each client what it has made itself.
    gc.collect()
    gc.freeze()
    try:
        return [await _round(case, clients, turned(able, number)) for number in range(rounds)]
    finally:
        gc.unfreeze()


def turned(names: list[str], number: int) -> list[str]:
    """Return the names in another order each round: who comes first may have it easier."""
    forward = names if number % 2 == 0 else names[::-1]
    first = number // 2 % len(names)

    return forward[first:] + forward[:first]


async def _try(case: Case, client: Client) -> bool:
    """Open the connections and fill the caches of a client; tell whether it can do this."""
    sample = case.sample(client)
    if sample is None:
        return False
    await sample

    return True


async def _round(case: Case, clients: Mapping[str, Client], order: list[str]) -> Round:
    return {name: await _sample(case, clients[name]) for name in order}


async def _sample(case: Case, client: Client) -> float:
    sample = case.sample(client)
    if sample is None:
        raise TypeError(f"{case.name}: a client can't do it any more")
    # Nobody pays for another's garbage.
    gc.collect()
    begun = time.process_time()
    await sample

    return (time.process_time() - begun) / case.units
