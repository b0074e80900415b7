"""Reading instances: all of them, or one."""

from typing import Any, cast

import pytest

from civo_snapshots_async import DecodeError, InstanceNotFoundError, SnapshotSession
from civo_snapshots_async._http.caller import Caller
from civo_snapshots_async._http.message import Request
from civo_snapshots_async._instances import list_instances
from civo_snapshots_async._models import Instance, InstancePage
from civo_snapshots_async.testing import FakeCivo

from .make import malformed


class Pages:
    """A caller whose list of instances has so many pages, or claims to."""

    def __init__(
        self, *pages: tuple[str, ...], says: int | None = None, readable: int = 1000
    ) -> None:
        self.pages = pages
        self.says = len(pages) if says is None else says
        self.readable = readable
        self.requested: list[tuple[int, int]] = []

    async def call(self, request: Request[Any]) -> Any:
        """Return a page."""
        number, per_page = int(request.query["page"]), int(request.query["per_page"])
        self.requested.append((number, per_page))
        if per_page > self.readable:
            raise malformed()
        items = self.pages[(number - 1) % len(self.pages)]
        return InstancePage(items=tuple(Instance(id=each) for each in items), pages=self.says)


async def test_all_pages_are_read_and_each_instance_is_there_once() -> None:
    """One may move to the next page while they are read."""
    pages = Pages(("a", "b"), ("b", "c"))

    instances = await list_instances(cast("Caller", pages), "LON1")

    assert [each.id for each in instances] == ["a", "b", "c"]
    assert pages.requested == [(1, 1000), (2, 1000)]


async def test_a_page_that_is_too_long_is_read_in_smaller_ones() -> None:
    """As where instances were made with long scripts."""
    pages = Pages(("a",), ("b",), readable=100)

    instances = await list_instances(cast("Caller", pages), "LON1")

    assert [each.id for each in instances] == ["a", "b"]
    assert pages.requested == [(1, 1000), (1, 100), (2, 100)]


async def test_a_list_that_cannot_be_read_to_its_end_is_none() -> None:
    """It would be taken for all instances."""
    pages = Pages(("a",), says=10**9)

    with pytest.raises(DecodeError) as caught:
        await list_instances(cast("Caller", pages), "LON1")

    assert caught.value.problems == ("pages: 1,000,000,000, and more than 100 are not read",)
    assert len(pages.requested) == 2


async def test_a_hundred_pages_are_read() -> None:
    """The most that there may be."""
    pages = Pages(*((str(number),) for number in range(100)))

    assert len(await list_instances(cast("Caller", pages), "LON1")) == 100


async def test_a_session_lists_and_finds(civo: FakeCivo, session: SnapshotSession) -> None:
    """On a FakeCivo."""
    civo.add_instance("db-1")

    listed = await session.list_instances()

    assert {"web-1", "db-1"} <= {each.id for each in listed}
    assert (await session.find_instance("db-1")).hostname == "db-1"
    with pytest.raises(InstanceNotFoundError):
        await session.find_instance("gone")
