"""How Sphinx builds the site: `nox --session docs`."""

import linecache
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import civo_snapshots_async
from civo_snapshots_async import Batch, __version__, testing

project = "civo-snapshots-async"
author = "the authors of civo-snapshots-async"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
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

html_theme = "furo"
html_title = f"{project} {release}"
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
    """Add a rule for the reference."""
    app.connect("autodoc-process-signature", hide_what_nobody_calls)


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
