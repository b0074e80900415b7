"""What a drill may leave behind."""

from typing import Literal

import attrs

from ._plain import Plain
from ._sentences import named


@attrs.frozen(kw_only=True)
class DrillLeftover(Plain):
    """Something that a drill has made, or may have made, and that is still there."""

    kind: Literal["instance", "snapshot"]
    """The scratch instance, or the snapshot that the drill has taken."""
    name: str
    """The host name of the instance, or the name of the snapshot: random, and the drill's own."""
    id: str = ""
    """Its id; empty where it was not seen, so that it may not be there."""
    reason: str
    """Why it is there, or may be, in words."""

    def __str__(self) -> str:
        return f"{self.kind} {named(self.name, self.id)}: {self.reason}"
