"""Interleaved rounds of one case over all clients, in one process.

Two processes of the very same client differ by a quarter for as long as they live: in where their
objects lie, in what their dicts collide on. So all clients are in one process, each round measures
every one of them, and what counts is the ratio within the round; the rounds are then run again in
several processes.
"""

import gc
import random
import time
from collections.abc import Collection, Mapping

from .cases import Case
from .clients.client import Client

BARE = "aiohttp"
"""The client that all others are measured by."""
CONTROL = "aiohttp again"
"""The same once more: what differs between these two is chance."""

Round = dict[str, float]
"""The CPU seconds of one call, by the client's name."""


async def measure(
    case: Case, clients: Mapping[str, Client], rounds: int, *, peers_every: int
) -> list[Round]:
    """Return the rounds of a case, over those clients that can do it.

    The peers are in one of `peers_every` rounds: they are here to be compared with, and are slow.
    """
    able = [
        name
        for name, client in clients.items()
        if (case.with_peers or not client.is_peer) and await case.warm_up(client)
    ]
    gc.collect()
    # Existing objects are not scanned again: a collection costs each client only what it has made.
    gc.freeze()
    try:
        return [
            {
                name: await cpu_of_a_call(case, clients[name])
                for name in shuffled(able)
                if number % peers_every == 0 or not clients[name].is_peer
            }
            for number in range(rounds)
        ]
    finally:
        gc.unfreeze()


async def cpu_of_a_call(case: Case, client: Client) -> float:
    """Return the CPU seconds of one call, the mean of a sample."""
    # Nobody pays for another's garbage, nor for the caches that it has left.
    gc.collect()
    await case.warm_up(client)
    sample = case.sample(client, case.calls)
    started = time.process_time()
    if sample is not None:
        await sample

    return (time.process_time() - started) / case.calls


def shuffled(names: Collection[str]) -> list[str]:
    """Return the names in another order each round: who comes after whom makes a difference."""
    return random.sample(list(names), len(names))
