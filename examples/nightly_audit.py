"""A nightly audit: which instances lack a fresh snapshot, and why.

    python examples/nightly_audit.py                              # on an embedded FakeCivo
    python examples/nightly_audit.py --civo [INSTANCE ...]        # on Civo: CIVO_TOKEN, CIVO_REGION

It prints the report. `--metrics FILE` writes it for Prometheus's textfile collector, `--json FILE`
for anything else. The exit status is 1 when an instance is in violation, and 2 when no audit could
be made.
"""

import argparse
import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path

from civo_snapshots_async import AuditReport, CivoSnapshotsError, HttpOptions, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, scripts


def write(path: Path, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


async def on_fake_civo(max_age: timedelta) -> AuditReport:
    """Audit four instances without an account."""
    async with FakeCivo(snapshot_quota=50) as civo:
        for instance_id in ("web-1", "web-2", "db-1", "old-1"):
            civo.add_instance(instance_id)
        for days in range(7):
            civo.add_snapshot("web-1", name=f"nightly-{days}", age=timedelta(days=days, hours=3))
        civo.add_snapshot("web-2", name="nightly", age=timedelta(hours=50))
        stuck = scripts.stuck()
        civo.add_snapshot("db-1", name="nightly", script=stuck, age=timedelta(hours=3))
        civo.add_snapshot("old-1", name="last", age=timedelta(days=90))
        civo.remove_instance("old-1")
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            return await session.audit(max_age=max_age)


async def on_civo(instances: list[str], max_age: timedelta) -> AuditReport:
    """Audit the account that the environment or the official CLI's file names."""
    async with SnapshotSession.from_env(http=HttpOptions(application="nightly_audit")) as session:
        return await session.audit(instances or None, max_age=max_age)


def main() -> int:
    """Read the command line, audit, and report."""
    parser = argparse.ArgumentParser(description="Audit the snapshots of instances.")
    parser.add_argument(
        "--civo", nargs="*", metavar="INSTANCE", help="audit these, or all, on Civo"
    )
    parser.add_argument("--max-age", type=float, default=26, metavar="HOURS")
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE", help="write metrics of Prometheus's"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    given = parser.parse_args()
    max_age = timedelta(hours=given.max_age)
    job = on_fake_civo(max_age) if given.civo is None else on_civo(given.civo, max_age)
    try:
        report = asyncio.run(job)
    except (CivoSnapshotsError, ValueError) as error:
        print(f"no audit: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(report)
    if given.metrics:
        write(given.metrics, report.to_prometheus())
    if given.json:
        write(given.json, json.dumps(report.to_dict()))

    return 0 if report.is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
