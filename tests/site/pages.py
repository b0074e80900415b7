"""The pages of the site, and what is read from their HTML."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    path.relative_to(DOCS).with_suffix(".html").as_posix()
    for path in DOCS.rglob("*.md")
    if "_build" not in path.parts
)


class Links(HTMLParser):
    """Where a page leads, and the places in it that others lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, an image and an id."""
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag in {"a", "link"} and "href" in values:
            self.hrefs.append(values["href"])
        if tag in {"img", "script"} and "src" in values:
            self.hrefs.append(values["src"])


@cache
def links_of(file: Path) -> Links:
    """Read one page."""
    links = Links()
    links.feed(file.read_text(encoding="utf-8"))

    return links
