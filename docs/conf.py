"""How Sphinx builds the site: `nox --session docs`."""

import linecache
import sys
from pathlib import Path

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import civo_snapshots_async
from civo_snapshots_async import Batch, __version__, testing

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "civo-snapshots-async"
author = "the authors of civo-snapshots-async"
version = release = __version__

extensions = [
    "accessible",
    "command",
    "llms",
    "myst_parser",
    "sources",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# In docstrings, single backticks are code.
default_role = "code"

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "member-order": "bysource",
}
# A default is shown as it is written, `PollPolicy()`, and not as its repr.
autodoc_preserve_defaults = True
# Not where attrs has written it: it keeps the source of each `__init__` here.
linecache.clearcache()
autodoc_typehints_format = "short"
maximum_signature_line_length = 60
add_module_names = False

# A name that leads nowhere is an error. The inventories have what the reference
# names of others, so that the site builds without a network.
nitpicky = True
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", "_inventories/python.inv"),
    "aiohttp": (
        "https://docs.aiohttp.org/en/stable",
        "_inventories/aiohttp.inv",
    ),
    "opentelemetry": (
        "https://opentelemetry-python.readthedocs.io/en/latest",
        "_inventories/opentelemetry.inv",
    ),
    "pytest": (
        "https://docs.pytest.org/en/stable",
        "_inventories/pytest.inv",
    ),
}
# Others' classes name the private file in which they are written.
PUBLIC_NAMES = {
    "_pytest.monkeypatch.MonkeyPatch": "pytest.MonkeyPatch",
    "aiohttp.client.ClientSession": "aiohttp.ClientSession",
    "asyncio.timeouts.Timeout": "asyncio.Timeout",
}
# Types that a signature names and that nobody has to write.
nitpick_ignore = {
    ("py:class", "civo_snapshots_async._clock.Handle"),
    ("py:class", "civo_snapshots_async.testing._calendar.Calendar"),
    ("py:class", "civo_snapshots_async.testing._calendar.Clock"),
    ("py:class", "civo_snapshots_async.testing._clock._Scheduled"),
    ("py:class", "civo_snapshots_async.testing._exchange.Exchange"),
    # What a machine runs returns anything, and what it draws is hypothesis's.
    ("py:class", "civo_snapshots_async.testing.machine.T"),
    ("py:class", "hypothesis.strategies.SearchStrategy"),
    # Its documentation has no reference.
    ("py:class", "prometheus_client.registry.CollectorRegistry"),
    # Tenacity documents its functions, and not this argument of them.
    ("py:class", "tenacity.RetryCallState"),
}
linkcheck_anchors = False

# What a reader copies has no prompts and no output.
copybutton_prompt_text = "$ "
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"
viewcode_line_numbers = True

html_theme = "furo"
html_title = f"{project} {release}"
html_favicon = "_static/favicon.svg"
html_theme_options = {"top_of_page_buttons": []}
html_search_scorer = str(HERE / "_ext" / "scorer.js")
html_static_path = ["_static"]
html_css_files = ["site.css"]
# The default one underlines modules, as if they were links.
pygments_dark_style = "github-dark"

# A field is documented by the string below it, which autodoc looks for in the
# file of the module that a class names. A public class names its package, and
# the file of a package has only imports.
TESTING = set(Path(testing.__file__).parent.rglob("*.py"))
PACKAGE = set(Path(civo_snapshots_async.__file__).parent.rglob("*.py"))
for module, files in (
    (civo_snapshots_async, PACKAGE - TESTING),
    (testing, TESTING),
):
    name = module.__name__
    source = "\n".join(file.read_text("utf-8") for file in sorted(files))
    analyzer = ModuleAnalyzer.for_string(source, name)
    ModuleAnalyzer.cache["module", name] = analyzer


def setup(app: Sphinx) -> None:
    """Add rules for the reference."""
    app.connect("autodoc-process-signature", hide_what_nobody_calls)
    # Before intersphinx, whose priority is 500.
    app.connect("missing-reference", name_as_documented, priority=400)


def name_as_documented(
    _app: Sphinx, _env: object, node: Element, _text: Element
) -> None:
    """Give a name of another library its public path, which intersphinx has."""
    node["reftarget"] = PUBLIC_NAMES.get(node["reftarget"], node["reftarget"])


def hide_what_nobody_calls(
    _app: Sphinx,
    what: str,
    _name: str,
    value: object,
    _options: object,
    args: str | None,
    _returns: str | None,
) -> tuple[str, str] | None:
    """Hide how errors, protocols and batches are made: users only get them."""
    is_protocol = getattr(value, "_is_protocol", False)
    is_hidden = what == "exception" or is_protocol or value is Batch

    return ("", "") if args and is_hidden else None
