"""Reading instances, as far as snapshots and restores need them."""

from ._http import endpoints
from ._http.caller import Caller
from ._models import Instance

_PER_PAGE = 100
# However many pages a server says that there are.
_MAX_PAGES = 100


async def list_instances(caller: Caller, region: str) -> tuple[Instance, ...]:
    """Return the instances of a region, each once, although pages may shift while they are read."""
    instances: dict[str, Instance] = {}
    for number in range(1, _MAX_PAGES + 1):
        page = await caller.call(endpoints.list_instances(number, _PER_PAGE, region=region))
        for instance in page.items:
            instances.setdefault(instance.id, instance)
        if number >= page.pages:
            break

    return tuple(instances.values())
