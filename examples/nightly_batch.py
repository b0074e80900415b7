"""A nightly batch: a snapshot of each instance, old ones deleted, an audit, a report.

    python examples/nightly_batch.py                                     # on an embedded FakeCivo
    python examples/nightly_batch.py inventory.txt --report report.json  # on Civo

On Civo, the account is that of CIVO_TOKEN and CIVO_REGION, or of the official CLI's file. The
inventory has one instance per line, and `#` for comments. The exit status is 0 if all went well,
1 if anything of an instance failed, 2 if nothing could be done, 130 after Ctrl-C and 143 after
SIGTERM. Started again, the job continues: an instance that has tonight's snapshot gets no second
one.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from civo_snapshots_async import (
    AuditReport,
    Batch,
    CivoSnapshotsError,
    HttpOptions,
    PruneResult,
    SnapshotSession,
    plan_prune,
)
from civo_snapshots_async.testing import FakeCivo

PREFIX = "nightly-"
"""What the names of the job's snapshots begin with. It deletes no others."""


@attrs.define
class Stop:
    """Cancels the job at SIGTERM or Ctrl-C: what is in flight ends at once."""

    exit_status: int = 0
    """128 and the number of the signal, as in a shell; 0 until one comes."""

    @contextmanager
    def installed(self) -> Generator[None]:
        """Cancel the task that runs this when a signal comes."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one

        def stop(number: int, _frame: object) -> None:
            self.exit_status = 128 + number
            loop.call_soon_threadsafe(task.cancel)

        # Not loop.add_signal_handler, which Windows does not have.
        before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@attrs.frozen(kw_only=True)
class Settings:
    """What the command line says."""

    name: str
    keep_last: int
    max_age: timedelta
    timeout: timedelta
    report: Path | None
    stop: "Stop"


@attrs.define(kw_only=True)
class Night:
    """One run of the job, as far as it got: what becomes the report."""

    settings: Settings
    started_at: datetime
    batch: Batch
    pruned: dict[str, PruneResult] = attrs.field(factory=dict[str, PruneResult])
    audit: AuditReport | None = None
    errors: dict[str, CivoSnapshotsError] = attrs.field(factory=dict[str, CivoSnapshotsError])
    """Why an instance was not pruned, or `audit`: why there is none."""

    @property
    def exit_status(self) -> int:
        """0 if each instance has a complete snapshot, was pruned, and passes the audit."""
        if self.settings.stop.exit_status:
            return self.settings.stop.exit_status
        is_done = (
            self.batch.result.exit_code == 0
            and not self.errors
            and not any(result.failed for result in self.pruned.values())
            and self.audit is not None
            and self.audit.is_ok
        )

        return 0 if is_done else 1

    def document(self) -> dict[str, Any]:
        """Return the report, ready for JSON."""
        return {
            "name": self.settings.name,
            "started_at": self.started_at.isoformat(),
            "ended_at": datetime.now(UTC).isoformat(),
            "exit_status": self.exit_status,
            "summary": str(self.batch.result),
            "snapshots": self.batch.result.to_dict(),
            "pruned": {each: result.to_dict() for each, result in self.pruned.items()},
            "audit": self.audit and self.audit.to_dict(),
            "errors": {what: error.to_dict() for what, error in self.errors.items()},
        }


async def run(session: SnapshotSession, instances: list[str], settings: Settings) -> int:
    """Do the job, and write the report however it ends; return the exit status."""
    night = Night(
        settings=settings,
        started_at=datetime.now(UTC),
        batch=session.snapshot_many(
            instances, name=settings.name, ensure=True, timeout=settings.timeout
        ),
    )
    print(f"{settings.name}: {len(instances)} instances", flush=True)
    try:
        await snapshot_and_prune(session, night)
        await audit(session, instances, night)
    finally:
        # A cancellation comes through here, too: SIGTERM and Ctrl-C.
        write(settings.report, night.document())

    return night.exit_status


async def snapshot_and_prune(session: SnapshotSession, night: Night) -> None:
    """Take the snapshots; delete old ones of each instance that has a new one."""
    async for outcome in night.batch:
        deleted = ""
        if outcome.status == "completed":
            deleted = await prune(session, outcome.instance_id, night)
        print(f"{outcome}{deleted}", flush=True)


async def prune(session: SnapshotSession, instance_id: str, night: Night) -> str:
    """Delete all but the newest complete snapshots of the job; return what to print of it."""
    try:
        plan = plan_prune(
            await session.list_snapshots(instance_id),
            keep_last=night.settings.keep_last,
            name_prefix=PREFIX,
            now=session.clock.utcnow(),
        )
        result = await session.prune(plan)
    except CivoSnapshotsError as error:
        night.errors[instance_id] = error
        return f"; not pruned: {error}"
    night.pruned[instance_id] = result
    failed = f", {len(result.failed)} not" if result.failed else ""

    return f"; {len(result.deleted)} deleted{failed}"


async def audit(session: SnapshotSession, instances: list[str], night: Night) -> None:
    """Check what counts in the morning: that each instance has a fresh, complete snapshot."""
    try:
        night.audit = await session.audit(instances, max_age=night.settings.max_age)
    except CivoSnapshotsError as error:
        night.errors["audit"] = error
        print(f"no audit: {error}", flush=True)
    else:
        print(night.audit, flush=True)


def write(path: Path | None, document: dict[str, Any]) -> None:
    """Write the report so that nobody reads half of it."""
    if path is None:
        return
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def inventory(path: Path) -> list[str]:
    """Return the instances that a file names, one per line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    instances = [name for line in lines if (name := line.partition("#")[0].strip())]
    if not instances:
        raise ValueError(f"{path} names no instance")

    return instances


async def on_civo(path: Path, settings: Settings) -> int:
    """Do the job for the account that the environment or the official CLI's file names."""
    instances = inventory(path)
    async with SnapshotSession.from_env(http=HttpOptions(application="nightly_batch")) as session:
        return await run(session, instances, settings)


async def on_fake_civo(settings: Settings) -> int:
    """Do it without an account, for instances that have snapshots of the nights before."""
    instances = ["web-1", "web-2", "db-1"]
    async with FakeCivo() as civo:
        for instance_id in instances:
            civo.add_instance(instance_id)
            for days in range(1, 9):
                civo.add_snapshot(
                    instance_id, name=f"{PREFIX}{days}-days-ago", age=timedelta(days=days)
                )
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            return await run(session, instances, settings)


async def until_stopped(job: Awaitable[int], stop: Stop) -> int:
    """Do the job; SIGTERM and Ctrl-C cancel it."""
    with stop.installed():
        return await job


def main() -> int:
    """Read the command line, do the job, and return the exit status."""
    given = arguments()
    stop = Stop()
    settings = Settings(
        name=given.name,
        keep_last=given.keep_last,
        max_age=timedelta(hours=given.max_age),
        timeout=timedelta(minutes=given.timeout),
        report=given.report,
        stop=stop,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    job = on_civo(given.inventory, settings) if given.inventory else on_fake_civo(settings)
    try:
        return asyncio.run(until_stopped(job, stop))
    except asyncio.CancelledError:
        print("stopped; start it again to continue", file=sys.stderr)
        return stop.exit_status
    except (CivoSnapshotsError, ValueError, OSError) as error:
        print(f"nothing done: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    tonight = f"{PREFIX}{datetime.now(UTC):%Y-%m-%d}"
    parser = argparse.ArgumentParser(description="Snapshot, prune and audit many instances.")
    add = parser.add_argument
    add("inventory", nargs="?", type=Path, help="one instance per line; without, on a fake Civo")
    add("--name", default=tonight, help="the snapshots' name (%(default)s)")
    add("--keep-last", type=int, default=7, metavar="N", help="nights to keep (%(default)s)")
    add("--max-age", type=float, default=26, metavar="HOURS", help="for the audit (%(default)s)")
    add("--timeout", type=float, default=60, metavar="MINUTES", help="of a wait (%(default)s)")
    add("--report", type=Path, metavar="FILE", help="write the report as JSON")

    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
