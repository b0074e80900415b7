"""The commands over many instances: batch, prune."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from .. import (
    Batch,
    BatchOutcome,
    BatchResult,
    InstancePrune,
    PruneEntry,
    PruneReport,
    PruneResult,
    SnapshotSession,
    plan_prune,
)
from .._plain import to_plain
from ._common import Common, Flag, Waiting
from ._durations import Duration
from ._exits import Exit, Stop
from ._printing import print_table, print_values, say


def register(app: App) -> None:
    """Add the commands."""
    app.command(batch)
    app.command(prune)


async def batch(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    name: str,
    ensure: Flag = False,
    keep_last: int | None = None,
    report: Path | None = None,
    max_concurrent: int = 20,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> int:
    """Create a snapshot of each instance in a file, and wait until each is complete.

    Parameters
    ----------
    file
        A file with one instance per line and `#` for comments; `-` for stdin.
    name
        The name of each snapshot.
    ensure
        Create none if one of that name exists, so that the command can be restarted.
    keep_last
        Then delete all but this number of complete snapshots of each instance that succeeded.
    report
        The file for the outcomes, as JSON.
    max_concurrent
        The maximum of instances with a snapshot being created.
    """
    instances = inventory(file)
    async with common.session() as session:
        snapshots = session.snapshot_many(
            instances,
            name=name,
            ensure=ensure,
            max_concurrent=max_concurrent,
            timeout=waiting.limit,
            poll=waiting.poll,
        )
        return await _run(common, session, snapshots, keep_last, report)


async def _run(
    common: Common,
    session: SnapshotSession,
    snapshots: Batch,
    keep_last: int | None,
    report: Path | None,
) -> Exit:
    pruned: list[PruneResult] = []
    try:
        async for outcome in snapshots:
            if not common.quiet:
                say(str(outcome))
            if keep_last is not None and outcome.status == "completed":
                pruned.append(await _prune_one(session, outcome.instance_id, keep_last))
    finally:
        if report is not None:
            _write_report(report, snapshots.result, pruned)
    _print_outcomes(common, snapshots.result)
    has_failed = any(result.failed for result in pruned)

    return Exit.PARTLY_FAILED if snapshots.result.exit_code or has_failed else Exit.DONE


def inventory(file: str) -> list[str]:
    """Return the instances in a file, one per line."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    instances = [line for line in lines if line]
    if not instances:
        raise Stop(Exit.WRONG_USE, f"{file} names no instance")

    return instances


def _write_report(report: Path, result: BatchResult, pruned: list[PruneResult]) -> None:
    document = {**result.to_dict(), "pruned": to_plain(pruned)}
    report.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _print_outcomes(common: Common, result: BatchResult) -> None:
    if common.output != "table":
        print_values(common, result.outcomes)
        return
    print_table(("INSTANCE", "STATUS", "SNAPSHOT", "WHY"), [_row(each) for each in result.outcomes])


def _row(outcome: BatchOutcome) -> tuple[str, str, str, str]:
    why = str(outcome.error).splitlines()[0] if outcome.error else ""

    return outcome.instance_id, outcome.status, outcome.snapshot_id or "-", why


async def prune(
    instance: str,
    /,
    *more: str,
    keep_last: int | None = None,
    keep_within: Duration | None = None,
    name_prefix: str | None = None,
    apply: Flag = False,
    common: Common = Common(),
) -> int:
    """Show which snapshots would be deleted; delete them with --apply.

    Parameters
    ----------
    keep_last
        Keep this number of the newest complete snapshots.
    keep_within
        Keep the snapshots created within this time, such as 36h or 30d.
    name_prefix
        Keep all snapshots whose name begins otherwise.
    apply
        Delete the others.
    """
    async with common.session() as session:
        report = await session.prune_many(
            (instance, *more),
            keep_last=keep_last,
            keep_within=keep_within,
            name_prefix=name_prefix,
            dry_run=not apply,
        )
    _print_report(common, report)
    for each in report.failed:
        for problem in each.failed or (each,):
            say(f"{problem}")
    if not common.quiet:
        say(str(report) if apply else "nothing was deleted; to delete them, add --apply")

    return Exit.PARTLY_FAILED if report.exit_code else Exit.DONE


def _print_report(common: Common, report: PruneReport) -> None:
    if common.output != "table":
        print_values(common, report.instances)
        return
    rows = [
        (each.instance_id, entry.snapshot.name, entry.snapshot.id, what, entry.reason)
        for each in report.instances
        for entry, what in _done(each)
    ]
    print_table(("INSTANCE", "SNAPSHOT", "ID", "DO", "WHY"), rows)


def _done(each: InstancePrune) -> Iterator[tuple[PruneEntry, str]]:
    """Return what the plan says of each snapshot, and what was done."""
    failed = {outcome.snapshot.id for outcome in each.failed}
    for entry in () if each.plan is None else each.plan.entries:
        if not entry.is_deletion:
            yield entry, "keep"
        elif each.result is None:
            yield entry, "delete"
        else:
            yield entry, "failed" if entry.snapshot.id in failed else "deleted"


async def _prune_one(session: SnapshotSession, instance: str, keep_last: int) -> PruneResult:
    plan = plan_prune(
        await session.list_snapshots(instance), keep_last=keep_last, now=session.clock.utcnow()
    )

    return await session.prune(plan)
