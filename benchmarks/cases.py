"""The calls that are compared, each named, with how often one sample makes it."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from .clients.client import Call, Client

Sample = Callable[[Client, int], Awaitable[object] | None]
"""Make so many calls with a client, or return `None` where it can't."""


@attrs.frozen(kw_only=True)
class Case:
    """One thing that is compared between the clients."""

    name: str
    sample: Sample
    calls: int
    """How many calls, or polls, one sample is."""
    callers: int = 1
    """How many make them at once."""
    with_peers: bool = False

    async def warm_up(self, client: Client) -> bool:
        """Make a tenth of the calls; tell whether this client can make them."""
        sample = self.sample(client, max(self.callers, self.calls // 10))
        if sample is None:
            return False
        await sample

        return True


def _in_flight(callers: int, calls: int, *, with_peers: bool = False) -> Case:
    def sample(client: Client, calls: int) -> Awaitable[object] | None:
        call = client.get if callers == 1 else client.get_beside_others or client.get
        if call is None:
            return None

        return _in_series(call, calls) if callers == 1 else _by_many(call, callers, calls)

    return Case(
        name=f"get {callers}", sample=sample, calls=calls, callers=callers, with_peers=with_peers
    )


def _listed(items: int, calls: int, *, with_peers: bool = False) -> Case:
    def sample(client: Client, calls: int) -> Awaitable[object] | None:
        list_of = client.list_of

        return None if list_of is None else _in_series(lambda: list_of(items), calls)

    return Case(name=f"list {items}", sample=sample, calls=calls, with_peers=with_peers)


def _polled(polls: int) -> Case:
    def sample(client: Client, calls: int) -> Awaitable[object] | None:
        return None if client.poll is None else client.poll(calls)

    return Case(name="poll", sample=sample, calls=polls, with_peers=True)


def _series(name: str, of: Callable[[Client], Call | None], calls: int) -> Case:
    def sample(client: Client, calls: int) -> Awaitable[object] | None:
        call = of(client)

        return None if call is None else _in_series(call, calls)

    return Case(name=name, sample=sample, calls=calls)


async def _in_series(call: Call, calls: int) -> None:
    for _ in range(calls):
        await call()


async def _by_many(call: Call, callers: int, calls: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(_in_series(call, calls // callers))


CASES = (
    _in_flight(1, 50, with_peers=True),
    _in_flight(10, 60),
    _in_flight(100, 200, with_peers=True),
    _in_flight(1000, 1000),
    _listed(1, 50),
    _listed(10, 40),
    _listed(100, 15, with_peers=True),
    _listed(1000, 3),
    _listed(10_000, 1),
    _polled(50),
    _series("create", lambda client: client.create, 25),
    _series("restore", lambda client: client.restore, 15),
)
