"""A weekly drill: whether the newest snapshot of each instance restores.

    python examples/weekly_drill.py                             # on an embedded FakeCivo
    python examples/weekly_drill.py --civo INSTANCE ...         # on Civo: CIVO_TOKEN, CIVO_REGION

It restores one instance after the other into a scratch instance, checks that a port of it is open,
and prints the reports. With `--delete-scratch` the scratch instances are deleted, else they are
left. `--json FILE` writes the reports. The exit status is 1 when a drill has failed, and 2 when one
could not be made.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from civo_snapshots_async import (
    CivoSnapshotsError,
    DrillReport,
    HttpOptions,
    Instance,
    SnapshotSession,
    port_open,
)
from civo_snapshots_async.testing import FakeCivo

Check = Callable[[Instance], Awaitable[bool]]


async def drill_each(
    session: SnapshotSession, instances: list[str], check: Check, *, delete_scratch: bool
) -> list[DrillReport]:
    """Drill the instances, one after the other, and print each report when it is there."""
    reports: list[DrillReport] = []
    for instance in instances:
        report = await session.drill(instance, check=check, delete_scratch=delete_scratch)
        print(report, flush=True)
        reports.append(report)

    return reports


async def on_fake_civo(*, delete_scratch: bool) -> list[DrillReport]:
    """Drill two instances without an account, of which one has no complete snapshot."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, FakeCivo() as civo:
        civo.add_instance("web-1")
        civo.add_instance("db-1")
        civo.add_snapshot("web-1", name="nightly", age=timedelta(hours=9))
        # The restored instance is a fake: this program takes the connection in its place.
        port = server.sockets[0].getsockname()[1]
        check = port_open(port, host=lambda _: "127.0.0.1")
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            return await drill_each(
                session, ["web-1", "db-1"], check, delete_scratch=delete_scratch
            )


async def on_civo(instances: list[str], port: int, *, delete_scratch: bool) -> list[DrillReport]:
    """Drill instances of the account that the environment or the official CLI's file names."""
    check = port_open(port)
    async with SnapshotSession.from_env(http=HttpOptions(application="weekly_drill")) as session:
        return await drill_each(session, instances, check, delete_scratch=delete_scratch)


def main() -> int:
    """Read the command line, drill, and report."""
    parser = argparse.ArgumentParser(description="Prove that the snapshots of instances restore.")
    parser.add_argument("--civo", nargs="+", metavar="INSTANCE", help="drill these, on Civo")
    parser.add_argument("--port", type=int, default=22, help="the port that must be open")
    parser.add_argument("--delete-scratch", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the reports as JSON")
    given = parser.parse_args()
    deletes: bool = given.delete_scratch
    job = (
        on_civo(given.civo, given.port, delete_scratch=deletes)
        if given.civo
        else on_fake_civo(delete_scratch=deletes)
    )
    try:
        reports = asyncio.run(job)
    except (CivoSnapshotsError, ValueError) as error:
        print(f"no drill: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if given.json:
        documents = [report.to_dict() for report in reports]
        given.json.write_text(json.dumps(documents), encoding="utf-8")

    return 0 if all(report.passed for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
