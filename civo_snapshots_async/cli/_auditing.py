"""The command that checks a policy: audit."""

from datetime import timedelta
from typing import Annotated, Literal

from cyclopts import App, Parameter

from .. import AuditEntry, AuditReport
from .._audit_report import remarks, summary
from .._sentences import named, spoken
from ._common import Settings
from ._durations import Duration
from ._exits import Exit
from ._junit import junit
from ._printing import print_json, print_table, say

Form = Literal["table", "json", "junit", "prometheus"]


def register(app: App) -> None:
    """Add the command."""
    app.command(audit)


async def audit(
    *instances: str,
    max_age: Duration,
    max_pending: Duration = timedelta(hours=1),
    min_count: int = 1,
    output: Annotated[Form, Parameter(name=["--output", "-o"])] = "table",
    common: Settings = Settings(),
) -> int:
    """Check that each instance has a recent complete snapshot; exit with 10 if one has not.

    Parameters
    ----------
    instances
        The instances to check; by default all of the region.
    max_age
        How old the newest complete snapshot may be, such as 90m, 24h or 7d.
    max_pending
        How long a snapshot may be pending.
    min_count
        How many complete snapshots there must be, of any age.
    output
        A table for people, a JSON document, JUnit's XML for a CI server, or Prometheus's text.
    """
    async with common.session() as session:
        report = await session.audit(
            instances or None, max_age=max_age, max_pending=max_pending, min_count=min_count
        )
    _print(report, output)
    if output != "table" and not common.quiet:
        say(summary(report))

    return Exit.DONE if report.is_ok else Exit.POLICY_BROKEN


def _print(report: AuditReport, output: Form) -> None:
    match output:
        case "json":
            print_json(report, is_one_line=False)
        case "junit":
            print(junit(report))
        case "prometheus":
            print(report.to_prometheus(), end="")
        case _:
            print_table(
                ("INSTANCE", "NEWEST COMPLETE", "AGE", "COMPLETE", "VIOLATIONS"),
                map(_row, report.entries),
            )
            for line in (summary(report), *remarks(report)):
                say(line)


def _row(entry: AuditEntry) -> tuple[str, str, str, str, str]:
    newest = "-" if entry.newest is None else named(entry.newest.name, entry.newest.id)
    age = "-" if entry.age is None else spoken(entry.age.total_seconds())
    violations = "; ".join(violation.reason for violation in entry.violations)

    return (
        named(entry.hostname, entry.instance_id),
        newest,
        age,
        str(entry.complete),
        violations or "-",
    )
