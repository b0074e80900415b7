"""This library, from this checkout or from another one."""

import importlib.util
import itertools
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

from benchmarks.apis.api import INSTANCE_ID, SNAPSHOT_ID
from benchmarks.clocks import HurriedClock
from civo_snapshots_async import PollPolicy, SnapshotSession

from .client import Client, Opener

TOKEN = "0123456789"  # noqa: S105 - the server takes any
REGION = "LON1"

_NUMBER = itertools.count()


class Library(Protocol):
    """The names of the package that are used here."""

    PollPolicy: type[PollPolicy]
    SnapshotSession: type[SnapshotSession]


def of_this_checkout() -> Opener:
    """Return what opens a session of the library that is imported under its own name."""
    return _opener(cast("Library", sys.modules["civo_snapshots_async"]))


def of_checkout(checkout: Path) -> Opener:
    """Return what opens a session of the library as it is in another checkout.

    It is imported beside ours under a name of its own: its files import each other relatively.
    """
    name = "civo_snapshots_async_of_another_checkout"
    init = checkout / "civo_snapshots_async" / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, init, submodule_search_locations=[str(init.parent)]
    )
    if spec is None or spec.loader is None:
        raise FileNotFoundError(init)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)

    return _opener(cast("Library", module))


def _opener(library: Library) -> Opener:
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
