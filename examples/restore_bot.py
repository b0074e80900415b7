"""A bot that shows what a restore will do, asks, does it once, and can undo it.

    python examples/restore_bot.py                      # on an embedded stand-in for Civo
    python examples/restore_bot.py INSTANCE SNAPSHOT    # on Civo: CIVO_TOKEN, CIVO_REGION

**On Civo it overwrites the instance**, after you have approved its plan. Here the chat is your
terminal; a real bot stores the plan's text with its message, and whichever of its processes gets
the approval applies it.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable

from civo_snapshots_async import (
    CivoSnapshotsError,
    RestoreAlreadyAppliedError,
    RestorePlan,
    RestorePlanChangedError,
    Snapshot,
    SnapshotSession,
    diff,
)
from civo_snapshots_async.testing import FakeCivo

Open = Callable[[], SnapshotSession]
"""Opens a session: each step below may run in a process of its own."""


def say(text: str) -> None:
    """Post a message."""
    print("\n".join(f"bot> {line}" for line in text.splitlines()), flush=True)


async def ask(question: str) -> str:
    """Post a question, and return the reply; meanwhile, everything else goes on."""
    return (await asyncio.to_thread(input, f"bot> {question} ")).strip()


def say_changes(before: Snapshot, after: Snapshot) -> None:
    """Post what has changed in the safety snapshot."""
    for change in diff(before, after):
        say(f"  safety snapshot: {change}")


async def propose(open_session: Open, instance_id: str, snapshot_id: str) -> str:
    """Show what the restore will do, and return the text of the plan. Only reads are sent."""
    async with open_session() as session:
        plan = await session.plan_restore(instance_id, snapshot_id, overwrite_existing=True)
    say(str(plan))

    return plan.to_json()


async def is_approved(text: str) -> bool:
    """Ask for the first digits of the fingerprint: whoever types them has seen this plan."""
    digits = RestorePlan.from_json(text).fingerprint[:6]
    reply = await ask(f"Type {digits} to approve, anything else to cancel:")

    return reply == digits


async def apply(open_session: Open, text: str) -> bool:
    """Apply the plan, unless it was applied before or does not hold any more."""
    plan = RestorePlan.from_json(text)
    try:
        async with open_session() as session:
            await session.apply_restore(plan, on_change=say_changes)
            await session.wait_until_active(plan.facts.instance_id)
    except RestorePlanChangedError as error:
        say("Not done, and nothing was overwritten:")
        say("\n".join(f"  {difference}" for difference in error.differences))
        return False
    except RestoreAlreadyAppliedError as error:
        say(f"Not done: {error}")
        return False
    say(f"Done: {plan.facts.hostname} is restored from {plan.facts.snapshot_name}.")

    return True


async def undo(open_session: Open, text: str) -> None:
    """Overwrite the instance with the safety snapshot; the plan's text is enough to find it."""
    plan = RestorePlan.from_json(text)
    async with open_session() as session:
        await session.undo_restore(plan)
        await session.wait_until_active(plan.facts.instance_id)
    say(f"Undone: {plan.facts.hostname} is as it was when the safety snapshot was taken.")


async def converse(open_session: Open, instance_id: str, snapshot_id: str) -> None:
    """Plan, ask, apply, ask, and undo where that is wanted."""
    text = await propose(open_session, instance_id, snapshot_id)
    if not await is_approved(text):
        say("Canceled: nothing was sent.")
        return
    if not await apply(open_session, text):
        return
    if await ask("Type undo to go back, anything else to keep it:") == "undo":
        await undo(open_session, text)


async def on_fake_civo() -> None:
    """Do it without an account, on an instance whose upgrade went wrong."""
    async with FakeCivo(takes=1.0) as civo:
        web = civo.add_instance("web-1")
        web.disk = "release 1"
        civo.add_snapshot("web-1", name="before-upgrade", age=37 * 3600)
        web.disk = "release 2, broken"
        print(f"an embedded FakeCivo stands in for Civo on {civo.api_url}")

        def open_session() -> SnapshotSession:
            return SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url)

        await converse(open_session, "web-1", "before-upgrade")
        print(f"web-1 holds: {web.disk}")


def main() -> int:
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(description="Show a restore, ask, do it once, undo it.")
    parser.add_argument("instance", nargs="?", help="an instance of yours on Civo; without, a fake")
    parser.add_argument("snapshot", nargs="?", help="the snapshot to restore over it")
    given = parser.parse_args()
    if given.instance and not given.snapshot:
        parser.error("which snapshot? give INSTANCE and SNAPSHOT")
    job = (
        converse(SnapshotSession.from_env, given.instance, given.snapshot)
        if given.instance
        else on_fake_civo()
    )
    try:
        asyncio.run(job)
    except (CivoSnapshotsError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("stopped; what was started goes on at Civo", file=sys.stderr)
        return 130

    return 0


if __name__ == "__main__":
    sys.exit(main())
