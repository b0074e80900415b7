"""Listing the instances of a region."""

from ._http import endpoints
from ._http.caller import Caller
from ._models import Instance

_PER_PAGE = 100
# A limit, in case a server reports any number of pages.
_MAX_PAGES = 100


async def list_instances(caller: Caller, region: str) -> tuple[Instance, ...]:
    """Return the instances of a region, without duplicates if a page shifts during the calls."""
    instances: dict[str, Instance] = {}
    for number in range(1, _MAX_PAGES + 1):
        page = await caller.call(endpoints.list_instances(number, _PER_PAGE, region=region))
        for instance in page.items:
            instances.setdefault(instance.id, instance)
        if number >= page.pages:
            break

    return tuple(instances.values())
