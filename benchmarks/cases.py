"""The calls that are compared, each named, with how often one sample makes it."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from .clients.client import Call, Client

Sample = Callable[[Client], Awaitable[object] | None]
"""Make the calls of one sample with a client, or return `None` where it can't."""


@attrs.frozen(kw_only=True)
class Case:
    """One thing that is compared between the clients."""

    name: str
    sample: Sample
    units: int
    """How many calls, polls or items one sample is."""


def _in_flight(callers: int, calls: int) -> Case:
    def sample(client: Client) -> Awaitable[object] | None:
        call = client.get if callers == 1 else client.get_beside_others or client.get

        return _repeated(call, calls) if callers == 1 else _by_many(call, callers, calls)

    return Case(name=f"get {callers}", sample=sample, units=calls)


def _listed(items: int, calls: int) -> Case:
    def sample(client: Client) -> Awaitable[object] | None:
        list_of = client.list_of

        return None if list_of is None else _repeated(lambda: list_of(items), calls)

    return Case(name=f"list {items}", sample=sample, units=calls)


def _polled(polls: int) -> Case:
    return Case(
        name="poll",
        sample=lambda client: None if client.poll is None else client.poll(polls),
        units=polls,
    )


def _once(name: str, of: Callable[[Client], Call | None], calls: int) -> Case:
    def sample(client: Client) -> Awaitable[object] | None:
        call = of(client)

        return None if call is None else _repeated(call, calls)

    return Case(name=name, sample=sample, units=calls)


async def _repeated(call: Call, calls: int) -> None:
    for _ in range(calls):
        await call()


async def _by_many(call: Call, callers: int, calls: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(_repeated(call, calls // callers))


CASES = (
    _in_flight(1, 150),
    _in_flight(10, 200),
    _in_flight(100, 400),
    _in_flight(1000, 2000),
    _listed(1, 150),
    _listed(10, 100),
    _listed(100, 60),
    _listed(1000, 8),
    _listed(10_000, 1),
    _polled(150),
    _once("create", lambda client: client.create, 60),
    _once("restore", lambda client: client.restore, 40),
)
