"""One process of the benchmark: it opens all clients, and measures cases over them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import attrs

from . import programs
from .cases import CASES
from .clients import PEERS, bare, ours
from .clients.client import Client, Opener
from .rounds import BARE, CONTROL, Round, measure
from .server import served

OURS = "this library"
AGAINST = "the other checkout"
SPEED = ", [speed]"
AFRESH = "aiohttp, a new connection each"

Loop = Literal["asyncio", "uvloop"]


@attrs.frozen(kw_only=True)
class Order:
    """What a worker is to do."""

    cases: Sequence[str]
    rounds: int
    peers_every: int = 3
    with_peers: bool = True
    against: str | None = None
    """Another checkout, whose library is measured as well."""
    loop: Loop = "asyncio"


@attrs.frozen(kw_only=True)
class Measured:
    """What a worker reports of one case."""

    case: str
    rounds: list[Round]
    skipped: dict[str, str]
    """Why which peers could not be used."""


def run(order: Order) -> Iterator[Measured]:
    """Give what a process of its own measures, case by case."""
    for measured in programs.run("worker", attrs.asdict(order)):
        yield Measured(**measured)


async def work(order: Order, url: str) -> None:
    """Measure what is ordered, and report each case when it is done."""
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(opened(url))
            for name, opened in _openers(order).items()
        }
        skipped: dict[str, str] = {}
        for peer in PEERS if order.with_peers else ():
            opened = await _open(peer.opened, url, stack)
            if isinstance(opened, Client):
                clients[peer.name] = opened
            else:
                skipped[peer.name] = opened
        for case in CASES:
            if case.name in order.cases:
                rounds = await measure(case, clients, order.rounds, peers_every=order.peers_every)
                measured = Measured(case=case.name, rounds=rounds, skipped=skipped)
                programs.report(attrs.asdict(measured))


def main(ordered: dict[str, Any]) -> None:
    """Measure in this process, and report it."""
    order = Order(**ordered)
    programs.share_a_core()
    with served() as url:
        if order.loop == "uvloop":
            import_module("uvloop").run(work(order, url))
        else:
            asyncio.run(work(order, url))


def _openers(order: Order) -> dict[str, Opener]:
    openers: dict[str, Opener] = {BARE: bare.opened, CONTROL: bare.opened}
    openers[AFRESH] = bare.opened_afresh
    checkouts = {OURS: ours.CHECKOUT}
    if order.against is not None:
        checkouts[AGAINST] = Path(order.against)
    for name, checkout in checkouts.items():
        openers[name] = ours.opener(ours.load(checkout))
        if find_spec("orjson") is not None:
            openers[f"{name}{SPEED}"] = ours.opener(ours.load(checkout, with_speed=True))

    return openers


async def _open(opened: Opener, url: str, stack: AsyncExitStack) -> Client | str:
    """Open a peer and try it, or return why it can't be used."""
    try:
        client = await stack.enter_async_context(opened(url))
        if client.get is not None:
            await client.get()
    except Exception as exc:  # noqa: BLE001 - whatever another release of it may raise
        return f"{type(exc).__name__}: {exc}"

    return client


if __name__ == "__main__":
    main(*programs.arguments())
