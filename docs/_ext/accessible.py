"""What Sphinx and furo leave out for those who read by keyboard or by ear."""

import re
from pathlib import Path

from sphinx.application import Sphinx

REPLACED = {
    # A heading of no level is none.
    'role="heading">': 'role="heading" aria-level="2">',
    # Two regions of the same kind need names.
    '<aside class="sidebar-drawer">': (
        '<aside class="sidebar-drawer" aria-label="Pages">'
    ),
    '<aside class="toc-drawer': (
        '<aside aria-label="Contents" class="toc-drawer'
    ),
    # Wide code scrolls in its box: by keyboard only where it takes the focus.
    '<div class="highlight"><pre>': '<div class="highlight"><pre tabindex="0">',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}
# The arguments of a long signature: definitions without a term.
ARGUMENTS = re.compile(r"<dl>\n((?:<dd><em .*?</dd>\n)+)</dl>", re.DOTALL)
PATTERN = re.compile("|".join(map(re.escape, REPLACED)))


def setup(app: Sphinx) -> None:
    """Correct the pages when all are written."""
    app.connect("build-finished", correct)


def correct(app: Sphinx, error: Exception | None) -> None:
    """Replace what is wrong in each page that is new."""
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        corrected = ARGUMENTS.sub(as_plain_boxes, text)
        corrected = PATTERN.sub(lambda found: REPLACED[found[0]], corrected)
        if corrected != text:
            page.write_text(corrected, "utf-8")


def as_plain_boxes(arguments: re.Match[str]) -> str:
    """Return them without a list around them."""
    boxes = re.sub("(</?)dd>", r"\1div>", arguments[1])

    return f'<div class="arguments">\n{boxes}</div>'
