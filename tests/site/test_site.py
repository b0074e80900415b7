"""Every page in a real browser, at the width of a desktop and of a phone, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote, urldefrag

import attrs
import pytest

from .pages import PAGES, links_of

pytest.importorskip("playwright", reason="`nox --session site` has it")
pytest.importorskip("sphinx", reason="`nox --session site` has it")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

DESKTOP, PHONE = 1280, 390
VIEWS = [(DESKTOP, "light"), (PHONE, "dark")]
# Code is written for 80 columns. What a program prints is wrapped by the page.
COLUMNS = 80


@attrs.frozen(kw_only=True)
class Visit:
    """A page in the browser, and what the console of the browser got."""

    page: Any
    console: list[str]


@pytest.fixture(
    scope="module",
    params=[(name, *view) for name in [*PAGES, "genindex.html", "search.html"] for view in VIEWS],
    ids=lambda param: "-".join(map(str, param)),
)
def visit(request: pytest.FixtureRequest, browser: Any, url: str) -> Iterator[Visit]:
    """Open each page, once at each width."""
    name, width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    console: list[str] = []
    page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: console.append(f"error: {error}"))
    page.on("requestfailed", lambda failed: console.append(f"failed: {failed.url}"))
    page.goto(f"{url}/{name}", wait_until="load")
    yield Visit(page=page, console=console)
    context.close()


def test_a_page_does_not_scroll_sideways(visit: Visit) -> None:
    """Neither text nor a table is wider than the window; wide code scrolls in its own box."""
    width, window = visit.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )

    assert width <= window


def test_a_table_does_not_scroll_sideways(visit: Visit) -> None:
    """A table that scrolls in its box hides its last columns on a phone."""
    hidden = visit.page.evaluate(
        """[...document.querySelectorAll(".table-wrapper")]
            .filter(box => box.scrollWidth > box.clientWidth + 1)
            .map(box => box.innerText.slice(0, 60))"""
    )

    assert hidden == []


def test_the_console_is_silent(visit: Visit) -> None:
    """No script fails, and nothing that a page loads is missing."""
    assert visit.console == []


def test_a_page_is_accessible(visit: Visit) -> None:
    """The rules of axe-core: contrast, names, order of headings, landmarks."""
    results = axe.Axe().run(visit.page)

    assert [
        (rule["id"], rule["help"], [node["html"][:120] for node in rule["nodes"]][:3])
        for rule in results.response["violations"]
    ] == []


def test_code_fits_a_page(visit: Visit) -> None:
    """No block of code has a line of more than 80 columns."""
    long = visit.page.evaluate(
        """columns => [...document.querySelectorAll(".content .highlight pre")]
            .filter(pre => !pre.closest(".highlight-text, .highlight-console"))
            .flatMap(pre => pre.textContent.split("\\n"))
            .filter(line => line.length > columns)""",
        COLUMNS,
    )

    assert long == []


@pytest.mark.parametrize("name", PAGES)
def test_a_link_leads_to_a_page_and_a_place_in_it(site: Path, name: str) -> None:
    """Of those that stay on the site."""
    file = site / name
    hrefs = [href for href in links_of(file).hrefs if "://" not in href and href[:5] != "data:"]

    assert [href for href in hrefs if not leads_somewhere(site, file, href)] == []


def leads_somewhere(site: Path, file: Path, href: str) -> bool:
    """Return whether a relative link has a target in the site."""
    path, anchor = urldefrag(href)
    target = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
    if not target.is_file() or not target.is_relative_to(site.resolve()):
        return False

    return not anchor or target.suffix != ".html" or unquote(anchor) in links_of(target).ids


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("boto3", "how-to/coming-from.html"),
        ("civogo", "how-to/coming-from.html"),
        ("duplicate", "how-to/create-without-duplicates.html"),
        ("nightly", "how-to/run-a-nightly-job.html"),
        ("notebook", "how-to/scripts-and-notebooks.html"),
        ("overwrite", "how-to/restore-safely.html"),
        ("progress bar", "how-to/show-a-progress-bar.html"),
        ("proxy", "how-to/configure-a-session.html"),
        ("retry", "how-to/timeouts-and-retries.html"),
        ("roll back", "how-to/roll-back-a-failed-upgrade.html"),
        ("timeout", "how-to/timeouts-and-retries.html"),
        ("token", "how-to/configure-a-session.html"),
        ("vulnerability", "explanation/security.html"),
        ("web service", "how-to/run-a-web-service.html"),
        ("Windows", "explanation/supported-versions.html"),
    ],
)
def test_the_first_hit_is_the_page_about_it(browser: Any, url: str, word: str, page: str) -> None:
    """A reader who searches for a word does not have to read the list of hits."""
    tab = browser.new_page()
    tab.goto(f"{url}/search.html?q={quote_plus(word)}", wait_until="load")

    first = tab.wait_for_selector("#search-results ul.search > li > a").get_attribute("href")
    tab.close()

    assert first == page
