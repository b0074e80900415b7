"""Telegram's Bot API on this machine, as far as a bot needs it: what a person says and sees."""

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from aiohttp import web

from .conftest import PATIENCE

ADMIN, STRANGER = 1, 2


@attrs.define(kw_only=True)
class Shown:
    """A message of the bot's, with each text that it has had."""

    message_id: int
    texts: list[str]
    buttons: dict[str, str] = attrs.field(factory=dict[str, str])

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self.texts[-1]


class Gateway:
    """A chat with a bot."""

    def __init__(self) -> None:
        self.messages: list[Shown] = []
        self.replies: list[str] = []
        self.throttled_edits = 0
        self.broken_edits = 0
        self.url = ""
        self._ids = itertools.count(1000)
        self._updates: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._has_update = asyncio.Event()

    @contextmanager
    def serving(self) -> Iterator["Gateway"]:
        """Serve it in a thread of its own."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    # ---- what a person does

    def say(self, text: str, *, user: int = ADMIN) -> None:
        """Send a message to the bot."""
        length = len(text.partition(" ")[0])
        command = {"type": "bot_command", "offset": 0, "length": length}
        self._update("message", {**_message(7, text), "from": _user(user), "entities": [command]})

    def press(self, message: Shown, label: str, *, user: int = ADMIN) -> None:
        """Press a button below a message."""
        data = message.buttons[label]
        query = {"id": "9", "from": _user(user), "chat_instance": "1", "data": data}
        self._update("callback_query", {**query, "message": _message(message.message_id, "")})

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait for what the bot shows."""
        with self._changed:
            assert self._changed.wait_for(is_so, PATIENCE), [each.texts for each in self.messages]

    def shows(self, text: str) -> bool:
        """Tell whether the newest message has a text in it."""
        return text in self.last.text

    def forget(self) -> None:
        """Empty the chat."""
        self.messages.clear()
        self.replies.clear()

    @property
    def last(self) -> Shown:
        """The newest message of the bot's."""
        return self.messages[-1] if self.messages else Shown(message_id=0, texts=[""])

    def _update(self, kind: str, value: Mapping[str, Any]) -> None:
        self._updates.append({"update_id": len(self._updates) + 1, kind: value})
        self._loop.call_soon_threadsafe(self._has_update.set)

    # ---- what the bot calls

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._respond)
        runner = web.AppRunner(
            app, shutdown_timeout=0.05, access_log=None, handler_cancellation=True
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _respond(self, request: web.Request) -> web.Response:
        fields = {key: str(value) for key, value in (await request.post()).items()}
        method = request.match_info["method"]
        if method == "getUpdates":
            return web.json_response({"ok": True, "result": await self._next(fields)})
        if method == "editMessageText" and self.broken_edits:
            self.broken_edits -= 1
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        with self._changed:
            status, document = self._do(method, fields)
            self._changed.notify_all()
        return web.json_response(document, status=status)

    async def _next(self, fields: Mapping[str, str]) -> list[dict[str, Any]]:
        offset = int(fields.get("offset", 0))
        while not (due := [each for each in self._updates if each["update_id"] >= offset]):
            self._has_update.clear()
            await self._has_update.wait()
        return due

    def _do(self, method: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if method == "getMe":
            return _ok({**_user(100), "is_bot": True, "username": "snapshots_bot"})
        if method == "answerCallbackQuery":
            self.replies.append(fields.get("text", ""))
            return _ok(True)  # noqa: FBT003 - what Telegram responds with
        markup = json.loads(fields.get("reply_markup", "{}")).get("inline_keyboard", [[]])
        buttons = {each["text"]: each["callback_data"] for each in markup[0]}
        if method == "sendMessage":
            shown = Shown(message_id=next(self._ids), texts=[fields["text"]])
            self.messages.append(shown)
            return _ok(_message(shown.message_id, fields["text"]))
        assert method == "editMessageText", method

        return self._edit(fields, buttons)

    def _edit(
        self, fields: Mapping[str, str], buttons: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if self.throttled_edits:
            self.throttled_edits -= 1
            return _error(429, "Too Many Requests: retry after 1", retry_after=1)
        found = [each for each in self.messages if str(each.message_id) == fields["message_id"]]
        if not found:
            return _error(400, "Bad Request: message to edit not found")
        shown = found[0]
        if (shown.text, shown.buttons) == (fields["text"], buttons):
            return _error(400, "Bad Request: message is not modified")
        shown.texts.append(fields["text"])
        shown.buttons = buttons
        return _ok(_message(shown.message_id, fields["text"]))


def _ok(result: object) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "result": result}


def _error(code: int, description: str, **parameters: int) -> tuple[int, dict[str, Any]]:
    error = {"ok": False, "error_code": code, "description": description}

    return code, {**error, "parameters": parameters} if parameters else error


def _user(user_id: int) -> dict[str, Any]:
    return {"id": user_id, "is_bot": False, "first_name": "Ada"}


def _message(message_id: int, text: str) -> dict[str, Any]:
    chat = {"id": 5, "type": "private"}

    return {"message_id": message_id, "date": 1, "chat": chat, "text": text}
