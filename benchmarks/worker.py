"""One process of the benchmark: it opens all clients, measures cases, and prints the rounds."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import attrs

from .cases import CASES
from .clients import bare, ours
from .clients.client import Client, Opener
from .rounds import BARE, CONTROL, Round, measure
from .server import served

OURS = "this library"
AGAINST = "the other checkout"


@attrs.frozen(kw_only=True)
class Order:
    """What a worker is to do."""

    cases: Sequence[str]
    rounds: int
    """How many rounds of a case that costs what a bare get costs; of a dearer one, fewer."""
    against: str | None = None
    """Another checkout, whose library is measured as well."""


def run(order: Order) -> Iterator[tuple[str, list[Round]]]:
    """Give the rounds of each case, as a process of its own has measured them."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.worker", json.dumps(attrs.asdict(order))],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            case, rounds = cast("tuple[str, list[Round]]", json.loads(line))
            yield case, rounds
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


async def work(order: Order, url: str) -> None:
    """Measure what is ordered, and print each case when it is done."""
    openers = _openers(order)
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {
            name: await stack.enter_async_context(opened(url)) for name, opened in openers.items()
        }
        for case in CASES:
            if case.name in order.cases:
                rounds = await measure(case, clients, order.rounds)
                print(json.dumps([case.name, rounds]), flush=True)


def _openers(order: Order) -> dict[str, Opener]:
    openers: dict[str, Opener] = {BARE: bare.opened, CONTROL: bare.opened}
    openers[OURS] = ours.of_this_checkout()
    if order.against is not None:
        openers[AGAINST] = ours.of_checkout(Path(order.against))

    return openers


if __name__ == "__main__":
    with served() as place:
        asyncio.run(work(Order(**json.loads(sys.argv[1])), place))
