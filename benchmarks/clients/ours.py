"""This library, from this checkout or from another one, without and with `[speed]`."""

import importlib.util
import itertools
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol, cast

import civo_snapshots_async
from benchmarks.apis.api import INSTANCE_ID, SNAPSHOT_ID
from benchmarks.clocks import HurriedClock
from civo_snapshots_async import PollPolicy, SnapshotSession

from .client import Client, Opener

# Where the package is imported from: the source tree, or what a wheel was unpacked to.
CHECKOUT = Path(civo_snapshots_async.__file__).parents[1]
TOKEN = "0123456789"  # noqa: S105 - the server takes any
REGION = "LON1"

_NUMBER = itertools.count()


class Library(Protocol):
    """The names of the package that are used here."""

    PollPolicy: type[PollPolicy]
    SnapshotSession: type[SnapshotSession]


def load(checkout: Path = CHECKOUT, *, with_speed: bool = False) -> Library:
    """Import the library of a checkout, with orjson or as if that were not installed.

    Each is imported beside all others under a name of its own: its files import each other
    relatively.
    """
    name = f"civo_snapshots_async_{next(_NUMBER)}"
    init = checkout / "civo_snapshots_async" / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, init, submodule_search_locations=[str(init.parent)]
    )
    if spec is None or spec.loader is None:
        raise FileNotFoundError(init)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if with_speed:
        spec.loader.exec_module(module)
    else:
        with _without("orjson"):
            spec.loader.exec_module(module)

    return cast("Library", module)


def opener(library: Library) -> Opener:
    """Return what opens sessions of a library: one for calls, and one for waits."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncGenerator[Client]:
        half_a_second = library.PollPolicy(interval=0.5)
        async with (
            library.SnapshotSession(TOKEN, region=REGION, api_url=url) as session,
            library.SnapshotSession(
                TOKEN, region=REGION, api_url=url, clock=HurriedClock()
            ) as hurried,
        ):

            async def poll(count: int) -> object:
                # The last poll sees it complete.
                snapshot = f"after-{count - 1}-{next(_NUMBER)}"

                return await hurried.wait_until_complete(INSTANCE_ID, snapshot, poll=half_a_second)

            yield Client(
                get=lambda: session.get_snapshot(INSTANCE_ID, SNAPSHOT_ID),
                list_of=lambda count: session.list_snapshots(f"list-{count}"),
                poll=poll,
                create=lambda: session.create_snapshot(INSTANCE_ID, name="nightly-web-1"),
                restore=lambda: session.restore_snapshot(
                    INSTANCE_ID, SNAPSHOT_ID, hostname="web-1-copy"
                ),
            )

    return opened


@contextmanager
def _without(module: str) -> Generator[None]:
    """Let a module not be found, whether it is installed or not."""
    imported = sys.modules.get(module)
    # What Python takes for "there is none", though its types do not say so.
    cast("dict[str, object]", sys.modules)[module] = None
    try:
        yield
    finally:
        del sys.modules[module]
        if imported is not None:
            sys.modules[module] = imported
