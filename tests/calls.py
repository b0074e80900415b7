"""The six calls, for tests of what holds for each of them."""

from collections.abc import Callable, Coroutine
from typing import Any

from civo_snapshots_async import SnapshotSession

Call = Callable[[SnapshotSession], Coroutine[Any, Any, object]]

SIX_CALLS: dict[str, Call] = {
    "create": lambda s: s.create_snapshot("web-1", name="nightly"),
    "list": lambda s: s.list_snapshots("web-1"),
    "get": lambda s: s.get_snapshot("web-1", "snap-1"),
    "update": lambda s: s.update_snapshot("web-1", "snap-1", description="x"),
    # One request: without the check before it.
    "restore": lambda s: s.restore_snapshot("web-1", "snap-1", require_complete=False),
    "delete": lambda s: s.delete_snapshot("web-1", "snap-1"),
}
