"""The page of the reference that lists what each command takes."""

import re

from sphinx.application import Sphinx

from civo_snapshots_async.cli import _app

PAGE = "reference/command"
MARK = "<!-- each command -->"


def setup(app: Sphinx) -> None:
    """Write it into the page as it is read."""
    app.connect("source-read", insert)


def insert(_app: Sphinx, name: str, source: list[str]) -> None:
    """Replace the mark by a section for each command."""
    if name == PAGE:
        source[0] = source[0].replace(MARK, sections())


def sections() -> str:
    """Return them as Markdown, without the list that comes first."""
    text = _app.build().generate_docs("markdown")
    # Cyclopts takes `python -m sphinx` for the name of a command's program.
    text = text.replace(" -m sphinx ", " ")
    # Its links to the commands of a command lead to anchors that MyST lacks.
    text = re.sub(r"\[(`[^`]+`)\]\(#[^)]*\)", r"\1", text)
    each = re.split(r"^#+ civo-snapshots (?=[\w-])", text, flags=re.MULTILINE)
    shown = [section for section in each[1:] if not section.startswith("--")]

    return "\n".join(f"## {section}" for section in shown)
