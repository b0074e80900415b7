"""The page of the web service in a real browser, on a desktop and on a phone."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import attrs
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from civo_snapshots_async.testing import FakeCivo, scripts

from .conftest import EXAMPLES, PATIENCE, running

SERVICE = str(EXAMPLES / "web_service" / "service.py")
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = (1280, 800), (390, 844)
on_both = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        # Without its sandbox, as root can't have one. It loads nothing but our own page.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def service(civo: FakeCivo) -> Iterator[str]:
    """Return the address of a service on `civo`."""
    civo.add_instance("db-1", volumes=("root", "wal"))
    civo.instance("web-1").disk = "release 1"
    civo.add_snapshot("web-1", "snap-1", name="before-upgrade", age=37 * 3600)
    civo.instance("web-1").disk = "release 2, broken"
    with running(SERVICE, "--port=0", "--civo") as program:
        yield program.first_line.removeprefix("open ")


@attrs.define(slots=False)
class Tab:
    """A page, and all that it complained of."""

    page: Page
    complaints: list[str] = attrs.field(factory=list[str])

    def note(self, message: ConsoleMessage) -> None:
        """Note a warning or an error of the console."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def check(self) -> None:
        """Check what holds at each moment: accessible, no sideways scrolling, no complaints."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        assert self.complaints == []


def open_tab(browser: Browser, service: str, size: tuple[int, int], *, dark: bool = False) -> Tab:
    """Open the page in a window of this size."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="UTC",
        device_scale_factor=2,
    )
    context.set_default_timeout(PATIENCE * 1000)
    tab = Tab(context.new_page())
    tab.page.on("console", tab.note)
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.page.goto(service)
    expect(tab.page.get_by_role("heading", name="web-1")).to_be_visible()
    return tab


@pytest.fixture(autouse=True)
def _patient() -> None:
    """Let expectations wait as long as a loaded machine needs."""
    expect.set_options(timeout=PATIENCE * 1000)


class Steps:
    """A script that completes one volume after the other, each when the test says so."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, _elapsed: float, volumes: Sequence[str]) -> scripts.Status:
        """Return the status, as any script does."""
        states = ["Completed" if i < self.done else "Pending" for i in range(len(volumes))]
        shown = [{"id": v, "state": s} for v, s in zip(volumes, states, strict=True)]

        return {"state": "Complete" if "Pending" not in states else "Pending", "volumes": shown}


def pending_bars(page: Page) -> int:
    """Count the bars that run without an end."""
    return page.locator("progress:indeterminate").count()


@on_both
def test_a_backup_is_followed_live_and_survives_a_reload(
    browser: Browser, civo: FakeCivo, service: str, size: tuple[int, int]
) -> None:
    """A bar per volume, which fills as Civo completes it; after a reload all is as before."""
    script = Steps()
    civo.script_next("web-1", script)
    tab = open_tab(browser, service, size)
    page = tab.page
    tab.check()

    page.get_by_role("button", name="Back up web-1 now").click()
    expect(page.get_by_role("progressbar")).to_have_count(3)
    script.done = 1
    expect(page.get_by_text("1 of 3 volumes")).to_be_visible()
    assert pending_bars(page) == 2
    tab.check()

    page.reload()
    expect(page.get_by_text("1 of 3 volumes")).to_be_visible()
    assert pending_bars(page) == 2

    script.done = 3
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Restore web-"))).to_be_visible()
    tab.check()


@on_both
def test_a_restore_shows_its_plan_first(
    browser: Browser, civo: FakeCivo, service: str, size: tuple[int, int]
) -> None:
    """Nothing is sent until the instance's name is typed; then the card says what came of it."""
    tab = open_tab(browser, service, size)
    page = tab.page

    page.get_by_role("button", name="Restore before-upgrade over web-1").click()
    overwrite = page.get_by_role("button", name="Overwrite")
    expect(page.get_by_role("dialog", name="Overwrite web-1?")).to_be_visible()
    expect(page.get_by_text("Lost: everything written since")).to_be_visible()
    expect(page.get_by_role("textbox")).to_be_focused()
    tab.check()
    page.keyboard.type("web-2")
    expect(overwrite).to_be_disabled()
    assert civo.effects == []
    page.get_by_role("textbox").fill("web-1")
    overwrite.click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".note")).to_have_text("Restored before-upgrade; the instance is ACTIVE.")
    expect(page.locator("#announcement")).to_contain_text("Restored before-upgrade")
    expect(page.locator(".name").get_by_text("undo-")).to_be_visible()
    assert civo.instance("web-1").disk == "release 1"
    tab.check()


def test_a_restore_that_is_canceled_sends_nothing(
    browser: Browser, civo: FakeCivo, service: str
) -> None:
    """By the button, or by Escape."""
    page = open_tab(browser, service, DESKTOP).page

    ways: list[Callable[[], None]] = [
        lambda: page.get_by_role("button", name="Cancel").click(),
        lambda: page.keyboard.press("Escape"),
    ]
    for leave in ways:
        page.get_by_role("button", name="Restore before-upgrade over web-1").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        leave()
        expect(page.get_by_role("dialog")).to_be_hidden()

    assert civo.effects == []


def test_the_keyboard_stays_where_it_was(browser: Browser, civo: FakeCivo, service: str) -> None:
    """A card that changes under a focused button leaves the focus there."""
    civo.script_next("web-1", scripts.stuck())
    page = open_tab(browser, service, DESKTOP).page
    button = page.get_by_role("button", name="Back up web-1 now")

    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar")).to_have_count(3)

    expect(button).to_be_focused()


def test_it_is_accessible_in_the_dark(browser: Browser, civo: FakeCivo, service: str) -> None:
    """With a failed snapshot and a running one."""
    civo.script_next("web-1", scripts.stuck())
    civo.add_snapshot("db-1", "snap-2", name="nightly", script=scripts.fails("wal"))
    tab = open_tab(browser, service, DESKTOP, dark=True)

    tab.page.get_by_role("button", name="Back up web-1 now").click()
    expect(tab.page.get_by_role("progressbar")).to_have_count(3)
    expect(tab.page.get_by_text("volume wal is Failed")).to_be_visible()

    tab.check()


def test_a_page_connects_again_after_a_restart(browser: Browser, civo: FakeCivo) -> None:
    """By itself, and it then shows what the new process knows."""
    with running(SERVICE, "--port=0", "--civo") as program:
        url = program.first_line.removeprefix("open ")
        tab = open_tab(browser, url, PHONE)
        assert program.stop() == 0
        expect(tab.page.locator("#connection")).to_have_text("Connecting…")
    civo.add_instance("db-1")

    with running(SERVICE, f"--port={url.rpartition(':')[2]}", "--civo"):
        expect(tab.page.get_by_role("heading", name="db-1")).to_be_visible()
        expect(tab.page.locator("#connection")).to_have_text("Live")


@pytest.mark.skipif("not config.getoption('pictures')", reason="only with --pictures")
def test_pictures(browser: Browser, civo: FakeCivo, service: str) -> None:
    """Take those of the documentation: a backup that runs, light and dark, and the plan."""
    script = Steps()
    civo.script_next("web-1", script)
    civo.add_instance("web-2", volumes=("root", "data"))
    civo.add_snapshot("web-2", "snap-3", name="nightly", age=5 * 3600)
    civo.add_snapshot("db-1", "snap-4", name="nightly", age=5 * 3600)
    page = open_tab(browser, service, (1120, 10)).page
    page.get_by_role("button", name="Back up web-1 now").click()
    script.done = 1
    expect(page.get_by_text("1 of 3 volumes")).to_be_visible()
    page.mouse.move(0, 0)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=PICTURES / f"web-service-{scheme}.png", full_page=True)
