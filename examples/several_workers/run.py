"""Nightly snapshots by several workers: Procrastinate, a queue in PostgreSQL.

    python examples/several_workers/run.py prepare    # once: make the tables of the queue
    python examples/several_workers/run.py work       # in any number of processes and machines
    python examples/several_workers/run.py tonight    # enqueue tonight's jobs now
    python examples/several_workers/run.py status     # say what became of the jobs

The queue is in the database of DATABASE_URL, or of libpq's own variables. The account is that of
CIVO_TOKEN and CIVO_REGION, or of the official CLI's file. NIGHTLY_CRON is when to enqueue, in UTC.
It needs Procrastinate 3.10 or newer, with psycopg.
"""

import argparse
import asyncio
import logging
import sys
from collections import Counter
from datetime import UTC, datetime

from procrastinate.exceptions import ConnectorException
from tasks import WORKER, Worker, app

from civo_snapshots_async import CivoSnapshotsError, HttpOptions, SnapshotSession

# How long a job that is stopped with its worker may go on, in seconds.
STOP_TIMEOUT = 1.0


async def work(given: argparse.Namespace) -> None:
    """Run jobs until SIGTERM or Ctrl-C, which put back those that are running."""
    http = HttpOptions(application="several_workers", requests_per_second=given.requests_per_second)
    async with SnapshotSession.from_env(http=http) as session, app.open_async():
        WORKER.set(Worker(session=session, stalled_after=given.stalled_after))
        print("working", flush=True)
        await app.run_worker_async(
            concurrency=given.concurrency,
            shutdown_graceful_timeout=STOP_TIMEOUT,
            # Or else the jobs of workers that live would be rescued as well.
            update_heartbeat_interval=given.stalled_after / 3,
            stalled_worker_timeout=given.stalled_after,
        )


async def prepare(_given: argparse.Namespace) -> None:
    """Make the tables of the queue, unless they are there."""
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()


async def enqueue(_given: argparse.Namespace) -> None:
    """Enqueue tonight's jobs."""
    async with app.open_async():
        await app.configure_task("tonight").defer_async(
            timestamp=int(datetime.now(UTC).timestamp())
        )


async def status(_given: argparse.Namespace) -> None:
    """Say what became of the jobs."""
    async with app.open_async():
        jobs = await app.job_manager.list_jobs_async(task="back_up")
    print(dict(Counter(job.status or "" for job in jobs)) or "no jobs")


def main() -> int:
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(description="Nightly snapshots by several workers.")
    commands = {"prepare": prepare, "work": work, "tonight": enqueue, "status": status}
    parser.add_argument("command", choices=commands)
    add = parser.add_argument
    add("--concurrency", type=int, default=20, help="jobs at once in a worker (%(default)s)")
    add("--stalled-after", type=float, default=30.0, metavar="SECONDS", help="(%(default)s)")
    add("--requests-per-second", type=float, metavar="N", help="of a worker; without, any number")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        asyncio.run(commands[given.command](given))
    except (CivoSnapshotsError, ConnectorException) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
