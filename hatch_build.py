"""What the package's metadata takes from the build: addresses that only a release knows.

`REPOSITORY_URL` is the one setting: the address of the repository, which the release workflow
gives. With it, the metadata has its links, and those of the README lead into the repository, as a
package index shows the README without the files beside it. Without it, they are plain text.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

SPECIFICATION = "https://www.civo.com/api/instance-snapshots"
_RELATIVE_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")
_RELATIVE_IMAGE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)\s]+)\)")


class Metadata(MetadataHookInterface):
    """Fills in `urls` and `readme`."""

    def update(self, metadata: dict[str, object]) -> None:
        """Add what `dynamic` names in pyproject.toml."""
        repository = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["urls"] = urls(repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme(text, repository)}


def urls(repository: str) -> dict[str, str]:
    """Return the links of the project, as a package index shows them."""
    specification = {"API specification": SPECIFICATION}
    if not repository:
        return specification

    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/main/docs",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        "Issues": f"{repository}/issues",
        "Security": f"{repository}/security/policy",
        **specification,
    }


def readme(text: str, repository: str) -> str:
    """Return the README with links and images that work away from the repository."""
    if not repository:
        return _RELATIVE_LINK.sub(r"\1", _RELATIVE_IMAGE.sub("", text))
    text = _RELATIVE_IMAGE.sub(rf"![\1]({repository}/raw/main/\2)", text)

    return _RELATIVE_LINK.sub(rf"[\1]({repository}/blob/main/\2)", text)
