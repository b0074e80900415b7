"""Write `llms.txt`: each page in one line, for programs that read the site.

The format is that of https://llmstxt.org.
"""

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Write it when all pages are read and written."""
    app.connect("build-finished", write)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write it beside the pages."""
    if error is None:
        text = "\n".join(lines(app)) + "\n"
        Path(app.outdir, "llms.txt").write_text(text, "utf-8")


def lines(app: Sphinx) -> Iterator[str]:
    """Return its lines, in the order of the table of contents."""
    root = app.env.get_doctree(app.config.root_doc)
    yield f"# {app.config.project}"
    yield ""
    yield f"> {sentences(root, 2)}"
    for toctree in root.findall(addnodes.toctree):
        yield f"\n## {toctree['caption']}\n"
        for _, page in toctree["entries"]:
            title = app.env.titles[page].astext()
            about = sentences(app.env.get_doctree(page), 1)
            yield f"- [{title}]({page}.html): {about}"


def sentences(page: nodes.document, number: int) -> str:
    """Return the first paragraphs of a page, each in one line."""
    paragraphs = list(page.findall(nodes.paragraph))[:number]

    return " ".join(" ".join(each.astext().split()) for each in paragraphs)
