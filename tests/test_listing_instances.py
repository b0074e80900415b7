"""Reading instances: all of them, or one."""

from typing import Any, cast

import pytest

from civo_snapshots_async import InstanceNotFoundError, SnapshotSession
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._instances import list_instances
from civo_snapshots_async._models import Instance, InstancePage
from civo_snapshots_async.testing import FakeCivo


class Pages:
    """A caller whose list of instances has so many pages, or claims to."""

    def __init__(self, *pages: tuple[str, ...], says: int | None = None) -> None:
        self.pages = pages
        self.says = len(pages) if says is None else says
        self.requested: list[str] = []

    async def call(self, request: Request[Any]) -> Any:
        """Return a page."""
        number = int(request.query["page"])
        self.requested.append(request.query["page"])
        items = self.pages[(number - 1) % len(self.pages)]
        return InstancePage(items=tuple(Instance(id=each) for each in items), pages=self.says)


async def test_all_pages_are_read_and_each_instance_is_there_once() -> None:
    """One may move to the next page while they are read."""
    pages = Pages(("a", "b"), ("b", "c"))

    instances = await list_instances(cast("Caller", pages), "LON1")

    assert [each.id for each in instances] == ["a", "b", "c"]
    assert pages.requested == ["1", "2"]


async def test_a_bounded_number_of_pages_is_read() -> None:
    """However many a server reports."""
    pages = Pages(("a",), says=10**9)

    await list_instances(cast("Caller", pages), "LON1")

    assert len(pages.requested) == 100


async def test_a_session_lists_and_finds(civo: FakeCivo, session: SnapshotSession) -> None:
    """On a FakeCivo."""
    civo.add_instance("db-1")

    listed = await session.list_instances()

    assert {"web-1", "db-1"} <= {each.id for each in listed}
    assert (await session.find_instance("db-1")).hostname == "db-1"
    with pytest.raises(InstanceNotFoundError):
        await session.find_instance("gone")
