"""How Sphinx builds the site: `nox --session docs`."""

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from civo_snapshots_async import __version__

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
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
add_module_names = False

html_theme = "furo"
html_title = f"{project} {release}"


def setup(app: Sphinx) -> None:
    """Add two rules for the reference."""
    app.connect("autodoc-process-signature", hide_what_nobody_calls)
    app.connect("missing-reference", find_public_name)


def hide_what_nobody_calls(
    _app: Sphinx,
    what: str,
    _name: str,
    value: object,
    _options: object,
    args: str | None,
    _returns: str | None,
) -> tuple[str, str] | None:
    """Hide how errors and protocols are made: the ones are raised here, the others followed."""
    is_made_elsewhere = what == "exception" or getattr(
        value, "_is_protocol", False
    )

    return ("", "") if args and is_made_elsewhere else None


def find_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: Element
) -> Element | None:
    """Lead from where a name is defined, a private file, to where it is public."""
    package, private, name = node["reftarget"].rpartition("._")
    if not private:
        return None
    public = f"{package}.{name.rpartition('.')[2]}"
    domain = env.get_domain("py")

    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], public, node, shown
    )
