"""Serve FakeCivo for other programs, until it is interrupted."""

import argparse
import asyncio
import shlex
import signal
from collections.abc import Sequence
from urllib.parse import quote

from ._civo import FakeCivo

__all__ = ["main", "run"]


def run() -> None:
    """Serve with the arguments of the command line."""
    asyncio.run(main())


async def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; `arguments` are those of the command line by default."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        civo = _civo(options)
    except ValueError as error:
        parser.error(str(error))
    async with civo:
        interrupted = _interruption()
        print(_greeting(civo), flush=True)
        await interrupted.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m civo_snapshots_async.testing",
        description="Serve a fake of Civo's instance snapshots until interrupted.",
    )
    default = FakeCivo()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0, the default, is any free one")
    add("--token", default=default.token, help="the token to ask for (%(default)s)")
    add("--region", default=default.region, help="the region's code (%(default)s)")
    add("--instance", action="append", metavar="ID", help="an instance to have (web-1); repeatable")
    add("--takes", type=float, default=5.0, help="seconds that a snapshot takes (%(default)s)")

    return parser


def _civo(options: argparse.Namespace) -> FakeCivo:
    civo = FakeCivo(
        token=options.token,
        region=options.region,
        takes=options.takes,
        host=options.host,
        port=options.port,
    )
    for instance_id in options.instance or ["web-1"]:
        civo.add_instance(instance_id)

    return civo


def _interruption() -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, event.set)

    return event


def _greeting(civo: FakeCivo) -> str:
    token, region, url = (shlex.quote(part) for part in (civo.token, civo.region, civo.api_url))
    instance_id = next(iter(civo.instances))
    path = f"/v2/instances/{quote(instance_id, safe='')}/snapshots"
    snapshots = f"{civo.api_url}{path}?region={quote(civo.region, safe='')}"
    header = shlex.quote(f"Authorization: bearer {civo.token}")

    return "\n".join(
        (
            f"FakeCivo serves {', '.join(civo.instances)} until Ctrl-C.",
            f"  URL     {civo.api_url}",
            f"  token   {civo.token}",
            f"  region  {civo.region}",
            "Let programs use it:",
            f"export CIVO_TOKEN={token} CIVO_REGION={region} CIVO_API_URL={url}",
            "Create a snapshot:",
            f"curl -H {header} {shlex.quote(snapshots)} -d name=before-upgrade",
        )
    )
