"""The Telegram bot as a program, in a chat that is faked on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import Event

import attrs
import pytest

from civo_snapshots_async.testing import FakeCivo, faults, scripts

from ..serving import serving
from .conftest import EXAMPLES, PATIENCE, Program, run_python, running
from .telegram import ADMIN, STRANGER, Gateway

IDS = count(1000)
BOT = str(EXAMPLES / "telegram_bot.py")


@contextmanager
def chatting() -> Iterator[Gateway]:
    """Serve a chat, which the bot finds in its environment."""
    with Gateway().serving() as gateway, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TELEGRAM_TOKEN", "123:abc")
        monkeypatch.setenv("TELEGRAM_ADMINS", f"{ADMIN},77")
        monkeypatch.setenv("TELEGRAM_API_URL", gateway.url)
        yield gateway


@pytest.fixture
def chat() -> Iterator[Gateway]:
    """Return a chat without a bot."""
    with chatting() as gateway:
        yield gateway


@attrs.frozen(kw_only=True)
class Bot:
    """A bot that runs, its chat, and a FakeCivo with web-1 as each test wants it."""

    civo: FakeCivo
    chat: Gateway


@pytest.fixture(scope="module")
def started() -> Iterator[Bot]:
    """Start a bot for all tests, as that takes seconds; it must stop without a complaint."""
    civo = FakeCivo(takes=0.0)
    with (
        chatting() as chat,
        pytest.MonkeyPatch.context() as monkeypatch,
        serving(civo, monkeypatch),
        running(BOT, "--civo") as program,
    ):
        assert program.first_line == "listening as @snapshots_bot"
        yield Bot(civo=civo, chat=chat)
        assert program.stop() == 0
        assert complaints_of(program) == []


@pytest.fixture
def bot(started: Bot) -> Iterator[Bot]:
    """Return the bot, with an instance that has one snapshot, and with an empty chat."""
    web = started.civo.add_instance("web-1", volumes=("root", "data", "logs"))
    web.disk = "release 1"
    # Of another id each time, or else all tests would have one plan.
    snapshot_id = f"snap-{next(IDS)}"
    started.civo.add_snapshot("web-1", snapshot_id, name="before-upgrade", age=37 * 3600)
    web.disk = "release 2"
    started.chat.forget()
    started.civo.effects.clear()
    started.civo.requests.clear()
    started.civo.restores.clear()
    yield started
    started.civo.remove_instance("web-1")


def complaints_of(program: Program) -> list[str]:
    """Return what is more than a warning: an error, a traceback, something left open."""
    lines = program.complaints.splitlines()

    return [line for line in lines if not line.startswith("WARNING ")]


class Steps:
    """A script that completes one volume after the other, each when the test says so."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, _elapsed: float, volumes: Sequence[str]) -> scripts.Status:
        """Return the status, as any script does."""
        states = ["Completed" if i < self.done else "Pending" for i in range(len(volumes))]
        shown = [{"id": v, "state": s} for v, s in zip(volumes, states, strict=True)]

        return {"state": "Pending" if "Pending" in states else "Complete", "volumes": shown}


def propose(chat: Gateway) -> None:
    """Let the bot show the plan of a restore."""
    chat.say("/restore web-1 before-upgrade")
    chat.until(lambda: "Overwrite web-1" in chat.last.buttons)


def test_one_message_is_edited_as_volumes_complete(bot: Bot) -> None:
    """A line per volume; no second message."""
    civo, chat = bot.civo, bot.chat
    script = Steps()
    civo.script_next("web-1", script)

    chat.say("/backup web-1")
    for done, volume in enumerate(("root", "data", "logs"), start=1):
        script.done = done
        chat.until(partial(chat.shows, f"✅ {volume}: Completed"))
    chat.until(lambda: chat.shows(": complete"))

    name = next(each.name for each in civo.snapshots("web-1") if each.name.startswith("chat-"))
    assert chat.last.text == (
        f"✅ {name}: complete\n✅ root: Completed\n✅ data: Completed\n✅ logs: Completed"
    )
    assert any("✅ root: Completed\n⏳ data: Pending" in text for text in chat.last.texts)
    assert len(chat.messages) == 1


def test_a_throttled_edit_is_made_later(bot: Bot) -> None:
    """The last text is shown in the end."""
    civo, chat = bot.civo, bot.chat
    script = Steps()
    civo.script_next("web-1", script)
    chat.say("/backup web-1")
    chat.until(lambda: "⏳ root: Pending" in chat.last.text)

    chat.throttled_edits = 1
    script.done = 3

    chat.until(lambda: ": complete" in chat.last.text)
    assert chat.throttled_edits == 0


def test_an_edit_that_fails_does_not_end_the_wait(bot: Bot) -> None:
    """The next one shows what it would have shown."""
    civo, chat = bot.civo, bot.chat
    script = Steps()
    civo.script_next("web-1", script)
    chat.say("/backup web-1")
    chat.until(lambda: chat.shows("⏳ root: Pending"))

    chat.broken_edits = 1
    script.done = 3

    chat.until(lambda: chat.shows(": complete"))
    assert chat.broken_edits == 0


def test_the_plan_is_shown_and_confirmed_before_a_restore(bot: Bot) -> None:
    """Then the safety snapshot is taken, and the restore can be undone."""
    civo, chat = bot.civo, bot.chat
    propose(chat)
    assert chat.last.text.startswith("Overwrites web-1 (ACTIVE) with before-upgrade, complete")
    assert civo.effects == []

    chat.press(chat.last, "Overwrite web-1")
    chat.until(lambda: "Undo" in chat.last.buttons)

    assert chat.last.text == "✅ web-1 is restored from before-upgrade."
    assert any(text.endswith("\nApproved by Ada.") for text in chat.last.texts)
    assert civo.instance("web-1").disk == "release 1"
    chat.press(chat.last, "Undo")
    chat.until(lambda: chat.last.text.startswith("✅ Undone: web-1"))
    assert civo.instance("web-1").disk == "release 2"
    assert len(chat.messages) == 1


def test_a_canceled_plan_sends_nothing(bot: Bot) -> None:
    """Its buttons are gone, and pressing one that somebody still sees is of no use."""
    civo, chat = bot.civo, bot.chat
    propose(chat)
    before = dict(chat.last.buttons)

    chat.press(chat.last, "Cancel")
    chat.until(lambda: chat.last.text == "Canceled: nothing was sent.")
    assert chat.last.buttons == {}
    chat.last.buttons = before
    chat.press(chat.last, "Overwrite web-1")
    chat.until(lambda: any("done or canceled before" in reply for reply in chat.replies))

    assert civo.effects == []


def test_a_button_pressed_twice_restores_once(bot: Bot) -> None:
    """Two presses arrive before the buttons are gone."""
    civo, chat = bot.civo, bot.chat
    propose(chat)

    chat.press(chat.last, "Overwrite web-1")
    chat.press(chat.last, "Overwrite web-1")
    chat.until(lambda: "Undo" in chat.last.buttons)

    assert len(civo.restores) == 1


def test_a_plan_that_does_not_hold_any_more_is_not_applied(bot: Bot) -> None:
    """The message says what is different."""
    civo, chat = bot.civo, bot.chat
    propose(chat)
    civo.add_snapshot("web-1", "snap-2", name="nightly")

    chat.press(chat.last, "Overwrite web-1")
    chat.until(lambda: chat.last.text.startswith("Nothing was overwritten:"))

    assert chat.last.text.endswith("newer snapshot snap-2 is new")
    assert civo.restores == []


def test_a_stranger_is_ignored(bot: Bot) -> None:
    """What they say, and what they press."""
    civo, chat = bot.civo, bot.chat
    propose(chat)
    requests = len(civo.requests)

    chat.say("/backup web-1", user=STRANGER)
    chat.press(chat.last, "Overwrite web-1", user=STRANGER)
    # The bot has handled both by the time it has handled what comes after them.
    chat.say("/snapshots web-1")
    chat.until(lambda: chat.last.text == "✅ before-upgrade")

    assert len(civo.requests) == requests + 1
    assert civo.effects == []
    assert len(chat.messages) == 2


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/backup web-9", "❌ "),
        ("/backup", "❌ instance_id"),
        ("/snapshots ../x", "❌ "),
        ("/restore web-1", "Which one? /restore INSTANCE SNAPSHOT"),
        ("/restore web-1 nightly", "❌ "),
    ],
)
def test_what_can_not_be_done_is_a_sentence(bot: Bot, said: str, shown: str) -> None:
    """In the message that was to show it."""
    civo, chat = bot.civo, bot.chat
    chat.say(said)
    chat.until(lambda: chat.last.text.startswith(shown))

    assert civo.effects == []


def test_a_failed_snapshot_says_why(bot: Bot) -> None:
    """In Civo's words."""
    civo, chat = bot.civo, bot.chat
    civo.script_next("web-1", scripts.fails("data", message="no space left"))

    chat.say("/backup web-1")

    chat.until(lambda: "no space left" in chat.last.text)


def test_a_bot_that_is_stopped_says_so(civo: FakeCivo, chat: Gateway) -> None:
    """At once; the snapshot goes on at Civo."""
    civo.script_next("web-1", scripts.stuck())
    with running(BOT, "--civo") as program:
        chat.say("/backup web-1")
        chat.until(lambda: "⏳ root: Pending" in chat.last.text)

        assert program.stop() == 0

    assert complaints_of(program) == []
    assert chat.last.text == "The bot was stopped. What was started goes on at Civo."


def test_a_create_in_flight_does_not_hold_a_stop(civo: FakeCivo, chat: Gateway) -> None:
    """It ends with the bot, and the message says that it may have been done."""
    created = Event()

    def script(elapsed: float, volumes: Sequence[str]) -> scripts.Status | None:
        if any(each.kind == "create" for each in civo.requests):
            created.set()
        return scripts.stuck()(elapsed, volumes)

    civo.script_next("web-1", script)
    civo.inject("create", faults.hang(effect=True))
    with running(BOT, "--civo") as program:
        chat.say("/backup web-1")
        assert created.wait(PATIENCE)

        assert program.stop() == 0

    assert chat.last.text != "Creating a snapshot…"


def test_it_runs_without_an_account(chat: Gateway) -> None:
    """On a fake."""
    with running(BOT) as program:
        chat.say("/snapshots web-1")
        chat.until(lambda: chat.last.text == "✅ before-upgrade")
        assert program.stop() == 0


@pytest.mark.parametrize(
    ("missing", "status", "why"),
    [
        ("TELEGRAM_TOKEN", 2, "set TELEGRAM_TOKEN\n"),
        ("CIVO_TOKEN", 1, "ConfigurationError: no token"),
    ],
)
def test_it_says_what_is_missing(
    chat: Gateway, monkeypatch: pytest.MonkeyPatch, missing: str, status: int, why: str
) -> None:
    """One line, and no traceback."""
    assert chat.url
    monkeypatch.delenv(missing, raising=False)

    ended = run_python(BOT, "--civo")

    assert ended.returncode == status
    assert ended.stderr.startswith(why)
    assert "Traceback" not in ended.stderr
