"""A Telegram bot: it edits one message as volumes complete, and restores what is approved.

    python examples/telegram_bot.py          # on an embedded FakeCivo
    python examples/telegram_bot.py --civo   # on Civo: CIVO_TOKEN, CIVO_REGION

It needs aiogram 3.31 or newer, TELEGRAM_TOKEN, which @BotFather gives, and TELEGRAM_ADMINS: the ids
of the users who may use it, with commas between them. It ignores everybody else. **They can
overwrite the account's instances.**

    /backup INSTANCE               take a snapshot, and show each volume
    /snapshots INSTANCE            list the snapshots
    /restore INSTANCE SNAPSHOT     show the plan, ask, overwrite the instance, offer to undo it
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import attrs
from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import AiogramError, TelegramRetryAfter
from aiogram.filters import Command, CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    TelegramObject,
)

from civo_snapshots_async import (
    CivoSnapshotsError,
    HttpOptions,
    Phase,
    RestorePlan,
    RestorePlanChangedError,
    SessionClosedError,
    Snapshot,
    SnapshotSession,
    apply_events,
)
from civo_snapshots_async.testing import FakeCivo

MARKS = {Phase.PENDING: "⏳", Phase.COMPLETE: "✅", Phase.FAILED: "❌"}
MAX_PLANS = 100
log = logging.getLogger("telegram_bot")


class Press(CallbackData, prefix="plan"):
    """A button below a plan. Telegram allows 64 bytes: the fingerprint, and not the plan."""

    action: str
    fingerprint: str


def text_of(snapshot: Snapshot) -> str:
    """Return a snapshot with its volumes, a line each."""
    head = f"{MARKS[snapshot.phase]} {snapshot.name}: {snapshot.phase.value}"
    lines = [f"{MARKS[each.phase]} {each.id}: {each.state}" for each in snapshot.volumes]
    why = snapshot.verdict.reasons if snapshot.is_failed else ()

    return "\n".join([head, *lines, *why])


def buttons(fingerprint: str, **actions: str) -> InlineKeyboardMarkup:
    """Return a row of buttons: the action of each, and what stands on it."""
    row = [
        InlineKeyboardButton(
            text=text, callback_data=Press(action=action, fingerprint=fingerprint).pack()
        )
        for action, text in actions.items()
    ]

    return InlineKeyboardMarkup(inline_keyboard=[row])


@attrs.define
class Live:
    """A message of the bot's that shows how far something is."""

    message: Message
    shown: str = ""

    async def show(self, text: str, markup: InlineKeyboardMarkup | None = None) -> None:
        """Edit the message. A failure is only logged: the snapshot matters more."""
        if text == self.shown and markup is None:
            return
        try:
            await self.message.edit_text(text, reply_markup=markup)
        except TelegramRetryAfter as error:
            await asyncio.sleep(error.retry_after)
            await self.show(text, markup)
        except AiogramError as error:
            log.warning("a message was not edited: %s", " ".join(str(error).split()))
        else:
            self.shown = text

    async def show_change(self, _before: Snapshot, after: Snapshot) -> None:
        """Show the safety snapshot, once for each poll that found a change."""
        await self.show(text_of(after))

    async def until_done(self, job: Awaitable[object]) -> bool:
        """Wait for a job, and show why it has failed; return whether it has not."""
        try:
            await job
        except SessionClosedError:
            await self.show("The bot was stopped. What was started goes on at Civo.")
        except RestorePlanChangedError as error:
            await self.show("Nothing was overwritten:\n" + "\n".join(error.differences))
        except (CivoSnapshotsError, ValueError) as error:
            await self.show(f"❌ {error}")
        else:
            return True

        return False


@attrs.define
class Conversation:
    """What the bot does with the account."""

    session: SnapshotSession
    plans: dict[str, RestorePlan] = attrs.field(factory=dict[str, RestorePlan])
    """Those that are shown and neither approved nor canceled, or may be undone."""
    running: set[asyncio.Task[Any] | None] = attrs.field(factory=set[asyncio.Task[Any] | None])
    """The handlers that run."""

    async def track(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> object:
        """Handle an event, as a task that `aclose` waits for."""
        task = asyncio.current_task()
        self.running.add(task)
        try:
            return await handler(event, data)
        finally:
            self.running.discard(task)

    async def aclose(self) -> None:
        """End all waits, and let each message say so."""
        await self.session.aclose()
        while tasks := [task for task in self.running if task is not None]:
            await asyncio.wait(tasks)

    async def back_up(self, message: Message, command: CommandObject) -> None:
        """Take a snapshot, and edit one message until it is complete."""
        live = Live(await message.reply("Creating a snapshot…"))
        await live.until_done(self._back_up(live, (command.args or "").strip()))

    async def _back_up(self, live: Live, instance_id: str) -> None:
        name = f"chat-{self.session.clock.utcnow():%Y%m%d-%H%M%S}"
        snapshot = await self.session.create_snapshot(instance_id, name=name)
        await live.show(text_of(snapshot))
        async with aclosing(self.session.watch(instance_id, snapshot)) as events:
            async for event in events:
                snapshot = apply_events(snapshot, event)
                await live.show(text_of(snapshot))

    async def list(self, message: Message, command: CommandObject) -> None:
        """List the snapshots of an instance."""
        live = Live(await message.reply("Listing the snapshots…"))
        await live.until_done(self._list(live, (command.args or "").strip()))

    async def _list(self, live: Live, instance_id: str) -> None:
        listed = await self.session.list_snapshots(instance_id)
        lines = [f"{MARKS[each.phase]} {each.name}" for each in listed]
        await live.show("\n".join(lines) or "It has no snapshot.")

    async def propose(self, message: Message, command: CommandObject) -> None:
        """Show what a restore will do, and ask. Only reads are sent."""
        live = Live(await message.reply("Planning the restore…"))
        match (command.args or "").split():
            case [instance_id, snapshot_id]:
                await live.until_done(self._propose(live, instance_id, snapshot_id))
            case _:
                await live.show("Which one? /restore INSTANCE SNAPSHOT")

    async def _propose(self, live: Live, instance_id: str, snapshot_id: str) -> None:
        plan = await self.session.plan_restore(instance_id, snapshot_id, overwrite_existing=True)
        self.plans[plan.fingerprint] = plan
        while len(self.plans) > MAX_PLANS:
            del self.plans[next(iter(self.plans))]
        overwrite = f"Overwrite {plan.facts.hostname}"
        asked = buttons(plan.fingerprint, apply=overwrite, cancel="Cancel")
        await live.show(str(plan), asked)

    async def pressed(self, query: CallbackQuery, callback_data: Press) -> None:
        """Do what a button below a plan says, at most once."""
        plan = self.plans.pop(callback_data.fingerprint, None)
        if plan is None or not isinstance(query.message, Message):
            await query.answer("This was done or canceled before, or the bot was started anew.")
            return
        await query.answer()
        live = Live(query.message)
        if callback_data.action == "cancel":
            await live.show("Canceled: nothing was sent.")
            return
        # The buttons go first: they are not to be pressed once more.
        who = query.from_user.full_name
        await live.show(f"{plan}\nApproved by {who}.")
        do = self._undo if callback_data.action == "undo" else self._apply
        await live.until_done(do(live, plan))

    async def _apply(self, live: Live, plan: RestorePlan) -> None:
        await self.session.apply_restore(plan, on_change=live.show_change)
        await self.session.wait_until_active(plan.facts.instance_id)
        self.plans[plan.fingerprint] = plan
        done = f"✅ {plan.facts.hostname} is restored from {plan.facts.snapshot_name}."
        await live.show(done, buttons(plan.fingerprint, undo="Undo"))

    async def _undo(self, live: Live, plan: RestorePlan) -> None:
        await self.session.undo_restore(plan)
        await self.session.wait_until_active(plan.facts.instance_id)
        await live.show(f"✅ Undone: {plan.facts.hostname} is as it was before the restore.")


def make_dispatcher(conversation: Conversation, admins: set[int]) -> Dispatcher:
    """Return what handles the messages of the admins, and of nobody else."""
    router = Router()
    router.message.filter(F.from_user.id.in_(admins))
    router.callback_query.filter(F.from_user.id.in_(admins))
    router.message.middleware(conversation.track)
    router.callback_query.middleware(conversation.track)
    router.message.register(conversation.back_up, Command("backup"))
    router.message.register(conversation.list, Command("snapshots"))
    router.message.register(conversation.propose, Command("restore"))
    router.callback_query.register(conversation.pressed, Press.filter())
    dispatcher = Dispatcher()
    dispatcher.include_router(router)

    return dispatcher


@asynccontextmanager
async def a_session(*, is_civo: bool) -> AsyncGenerator[SnapshotSession]:
    """Open a session on Civo, or on a FakeCivo with one instance."""
    if is_civo:
        http = HttpOptions(application="telegram_bot")
        async with SnapshotSession.from_env(http=http) as session:
            yield session
        return
    async with FakeCivo(takes=12) as civo:
        civo.add_instance("web-1", volumes=("root", "data", "logs"))
        civo.add_snapshot("web-1", name="before-upgrade", age=37 * 3600)
        async with SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url) as session:
            yield session


async def run(*, is_civo: bool) -> None:
    """Run the bot until SIGTERM or Ctrl-C."""
    token, admins = os.environ["TELEGRAM_TOKEN"], os.environ["TELEGRAM_ADMINS"]
    base = os.environ.get("TELEGRAM_API_URL")
    server = TelegramAPIServer.from_base(base) if base else PRODUCTION
    async with (
        Bot(token, session=AiohttpSession(api=server)) as bot,
        a_session(is_civo=is_civo) as session,
        aclosing(Conversation(session)) as conversation,
    ):
        dispatcher = make_dispatcher(conversation, {int(each) for each in admins.split(",")})
        print(f"listening as @{(await bot.me()).username}", flush=True)
        # Any: aiogram's own type of this method is not complete.
        polling: Any = dispatcher
        # The bot stays open until the messages say that it was stopped.
        await polling.start_polling(bot, close_bot_session=False)


def main() -> int:
    """Read the command line, and run the bot."""
    parser = argparse.ArgumentParser(description="Snapshots of instances in a chat.")
    parser.add_argument("--civo", action="store_true", help="on Civo; without, on a fake")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        asyncio.run(run(is_civo=given.civo))
    except KeyError as error:
        print(f"set {error.args[0]}", file=sys.stderr)
        return 2
    except (CivoSnapshotsError, AiogramError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
