"""The commands that restore: each shows what it would do, asks, and does it at most once.

A person decides in their own time, while no event loop runs: a Ctrl-C then ends the question, and
no connection is kept open for it. What is approved is applied in a session of its own, which reads
the facts of the plan again.
"""

import asyncio
import re
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from .. import CivoSnapshotsError, Instance, Restore, RestorePlan, SnapshotSession
from .._plain import Plain
from ._common import Common, Flag, Settings, Waiting
from ._exits import Exit, Stop
from ._following import NotedPoll, Reporter, Silent, changes, reporting
from ._printing import print_value, say, status, stderr

_TYPEABLE = re.compile(r"[\w.-]+", re.ASCII)
# As much of a safety snapshot's name as a plan's text shows.
_SHOWN = len("undo-") + 6


def register(app: App) -> None:
    """Add the commands."""
    restoring = App(name="restore", help="Restore a snapshot: show the plan, ask, apply it.")
    restoring.default(restore)
    for command in (plan, apply, undo):
        restoring.command(command)
    app.command(restoring)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Wanted:
    """What a restore is to do."""

    hostname: str | None = None
    """The new instance's host name; by default Civo chooses one."""
    private_ip: str | None = None
    """The restored instance's private IPv4 address; by default Civo chooses one."""
    description: str | None = None
    """The description of the restore."""
    overwrite: Flag = False
    """Destroy what is on the instance, and put the snapshot in its place."""
    safety_snapshot: bool = True
    """Take a snapshot of the instance before it is overwritten, to undo the restore with."""


def restore(
    instance: str,
    snapshot: str,
    *,
    wanted: Wanted = Wanted(),
    yes: str | None = None,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Restore a snapshot into a new instance, or over its own with --overwrite.

    Parameters
    ----------
    yes
        The plan's fingerprint, instead of the question; without a terminal it is needed.
    """
    made = asyncio.run(_plan(instance, snapshot, wanted, common))
    _require_yes(made, yes, common, str(made))
    asyncio.run(_apply(made, waiting, common))


def plan(
    instance: str,
    snapshot: str,
    *,
    wanted: Wanted = Wanted(),
    file: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    common: Settings = Settings(),
) -> None:
    """Write a plan that somebody else can approve and apply; nothing is changed.

    Parameters
    ----------
    file
        A new file for the plan; by default stdout.
    """
    made = asyncio.run(_plan(instance, snapshot, wanted, common))
    if not common.quiet:
        say(_shown(made, str(made)))
    if file is None:
        print(made.to_json())
        return
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(made.to_json() + "\n")
    except FileExistsError:
        # Without its text, a plan that was applied can't be undone.
        raise ValueError(f"{file} exists, and no plan is overwritten") from None


def apply(
    file: Path,
    *,
    yes: str | None = None,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Apply a plan, unless what it rests on has changed or it was applied before.

    Parameters
    ----------
    file
        The file that `restore plan` has written.
    yes
        The plan's fingerprint, instead of the question; without a terminal it is needed.
    """
    made = _read(file)
    _require_yes(made, yes, common, str(made))
    asyncio.run(_apply(made, waiting, common, file))


def undo(
    file: Path,
    *,
    yes: str | None = None,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> None:
    """Overwrite the instance with the safety snapshot of a plan that was applied.

    Parameters
    ----------
    file
        The file that `restore plan` has written.
    yes
        The plan's fingerprint, instead of the question; without a terminal it is needed.
    """
    made = _read(file)
    if not made.safety_snapshot:
        raise ValueError(f"plan {made.fingerprint} takes no safety snapshot: it can't be undone")
    _require_yes(made, yes, common, _undoing(made))
    asyncio.run(_undo(made, waiting, common))


def _undoing(plan: RestorePlan) -> str:
    short = plan.safety_prefix[:_SHOWN]

    return (
        f"Overwrites {_name_of(plan)} with the safety snapshot {short} of this plan.\n"
        "Lost: everything written since that was taken. Takes no safety snapshot of its own."
    )


async def _plan(instance: str, snapshot: str, wanted: Wanted, common: Settings) -> RestorePlan:
    async with common.session() as session:
        return await session.plan_restore(
            instance,
            snapshot,
            hostname=wanted.hostname,
            private_ip=wanted.private_ip,
            description=wanted.description,
            overwrite_existing=wanted.overwrite,
            safety_snapshot=wanted.safety_snapshot,
        )


def _read(file: Path) -> RestorePlan:
    return RestorePlan.from_json(file.read_text(encoding="utf-8"))


def _require_yes(plan: RestorePlan, yes: str | None, common: Settings, what: str) -> None:
    """Show the plan and ask; raise `Stop` unless it is approved."""
    if yes is None or not common.quiet:
        say(_shown(plan, what))
    if yes is not None:
        if yes != plan.fingerprint:
            raise Stop(
                Exit.GUARDED, f"nothing was sent: --yes={yes} is not this plan's fingerprint"
            )
        return
    if not (sys.stdin.isatty() and stderr().is_terminal):
        raise Stop(
            Exit.GUARDED,
            "nothing was sent: there is no terminal to ask on; to apply this plan:",
            again=f"--yes={plan.fingerprint}",
        )
    expected = _name_of(plan) if plan.overwrite_existing else "yes"
    doing = "overwrite it" if plan.overwrite_existing else "restore it"
    say(f"To {doing}, type {expected}: ", end="")
    if sys.stdin.readline().strip() != expected:
        raise Stop(Exit.GUARDED, "nothing was sent")


def _shown(plan: RestorePlan, what: str) -> str:
    return f"{what}\nfingerprint: {plan.fingerprint}"


def _name_of(plan: RestorePlan) -> str:
    """Return the instance's host name, or its id where the name can't be typed."""
    name = plan.facts.hostname

    return name if _TYPEABLE.fullmatch(name) else plan.facts.instance_id


@attrs.frozen(kw_only=True)
class Restored(Plain):
    """The result of a restore."""

    restore: Restore
    instance: Instance | None
    """The instance when it was `ACTIVE`; `None` where that was not waited for."""

    def __str__(self) -> str:
        return str(self.instance or self.restore)


async def _apply(
    plan: RestorePlan, waiting: Waiting, common: Common, file: Path | None = None
) -> None:
    async with common.session(plan.region) as session:
        applying = _Applying(session=session, plan=plan, waiting=waiting, common=common)
        restore = await applying.send()
        print_value(common, await applying.follow(restore))
        if plan.safety_snapshot and not common.quiet:
            say(f"to undo it:\n{await applying.how_to_undo(file)}")


async def _undo(plan: RestorePlan, waiting: Waiting, common: Common) -> None:
    async with common.session(plan.region) as session:
        applying = _Applying(session=session, plan=plan, waiting=waiting, common=common)
        restore = await applying.send_undo()
        print_value(common, await applying.follow(restore))


@attrs.frozen(kw_only=True)
class _Applying:
    """A plan that is applied in a session."""

    session: SnapshotSession
    plan: RestorePlan
    waiting: Waiting
    common: Common

    async def send(self) -> Restore:
        """Take the safety snapshot, show its progress, and send the restore."""
        poll = NotedPoll(self.waiting.poll)
        reporter: AbstractContextManager[Reporter] = nullcontext(Silent())
        if self.plan.safety_snapshot:
            title = f"safety snapshot of instance {_name_of(self.plan)}"
            reporter = reporting(self.common, title, poll)
        with self._check_after_ctrl_c(), reporter as shown:
            return await self.session.apply_restore(
                self.plan,
                timeout=self.waiting.limit,
                poll=poll.policy,
                on_change=changes(shown),
            )

    async def send_undo(self) -> Restore:
        """Send the restore of the safety snapshot."""
        with self._check_after_ctrl_c():
            return await self.session.undo_restore(self.plan)

    def _check_after_ctrl_c(self) -> AbstractContextManager[None]:
        return _interruptible(f"check instance {_name_of(self.plan)} before you restore again")

    async def follow(self, restore: Restore) -> Restored:
        """Wait until the instance is `ACTIVE`, where that can be expected."""
        if not self.common.quiet:
            say(str(restore))
        try:
            with _interruptible("the restore continues at Civo"):
                instance = await self._wait(restore)
        except CivoSnapshotsError as error:
            error.add_context("the restore was started, and continues at Civo")
            raise

        return Restored(restore=restore, instance=instance)

    async def _wait(self, restore: Restore) -> Instance | None:
        facts = self.plan.facts
        instance_id, name = facts.instance_id, _name_of(self.plan)
        if self.plan.overwrite_existing:
            # One that was shut off may stay so.
            if (facts.status or "").casefold() != "active":
                return None
        else:
            if not restore.hostname:
                say("Civo gave no host name by which to find the new instance")
                return None
            name = restore.hostname
            found = await self.session.wait_for_restored_instance(
                restore, timeout=self.waiting.limit, poll=self.waiting.poll
            )
            instance_id = found.id
        with status(self.common, f"waiting until {name} is ACTIVE"):
            return await self.session.wait_until_active(
                instance_id,
                timeout=self.waiting.limit,
                poll=self.waiting.poll,
                region=self.plan.region,
            )

    async def how_to_undo(self, file: Path | None) -> str:
        """Return the command that undoes an overwrite."""
        region = self.plan.region
        if file is not None:
            return self.common.line("restore", "undo", str(file), region=region)
        instance, name = self.plan.facts.instance_id, self.plan.safety_prefix
        try:
            listed = await self.session.list_snapshots(instance, region=region)
            name = next(each.name for each in listed if each.name.startswith(name))
        except (CivoSnapshotsError, StopIteration):
            # The restore was sent, whatever can be listed now.
            return f"restore over it the snapshot whose name begins with {name}"

        return self.common.line("restore", instance, name, "--overwrite", region=region)


@contextmanager
def _interruptible(what: str) -> Generator[None, None, None]:
    """Print what to do after a Ctrl-C."""
    try:
        yield
    except asyncio.CancelledError:
        say(f"interrupted: {what}")
        raise
