"""Reading instances, as far as snapshots and restores need them."""

from http import HTTPStatus

from ._errors import DecodeError
from ._http import endpoints
from ._http.caller import Caller
from ._http.endpoints import Request
from ._models import Instance, InstancePage

# Civo's own client asks for 99,999,999 to a page. An instance is a kilobyte, unless it was made
# with a script: then a page may be too long to read, and smaller ones are read instead.
_PER_PAGE = (1000, 100)
# A server that says there are more is not believed, and some of them would be taken for all.
_MAX_PAGES = 100


async def list_instances(caller: Caller, region: str) -> tuple[Instance, ...]:
    """Return the instances of a region, each once, although pages may shift while they are read.

    Raises `DecodeError` for more pages than can be read.
    """
    large, small = _PER_PAGE
    try:
        return await _read_pages(caller, region, large)
    except DecodeError:
        return await _read_pages(caller, region, small)


async def _read_pages(caller: Caller, region: str, per_page: int) -> tuple[Instance, ...]:
    instances: dict[str, Instance] = {}
    number, pages = 0, 1
    while number < pages:
        number += 1
        request = endpoints.list_instances(number, per_page, region=region)
        page = await caller.call(request)
        pages = page.pages
        if pages > _MAX_PAGES:
            raise _too_many(request, pages)
        for instance in page.items:
            instances.setdefault(instance.id, instance)

    return tuple(instances.values())


async def with_hostname(caller: Caller, hostname: str, region: str) -> tuple[Instance, ...]:
    """Return the instances of a region that have a host name, in any case.

    An instance that is deleted while pages are read moves others to a page that was read already.
    So a host name that is on none is searched for once more where there may be several pages.
    """
    for _ in range(2):
        instances = await list_instances(caller, region)
        found = tuple(each for each in instances if each.hostname.casefold() == hostname.casefold())
        if found or not _may_be_paged(instances):
            return found

    return ()


async def list_thoroughly(caller: Caller, region: str) -> tuple[Instance, ...]:
    """Return what two lists show of a region, or one where it can't have several pages.

    An instance that moves while the pages of one are read is in the other. One that is renamed in
    between is there twice.
    """
    instances = await list_instances(caller, region)
    if _may_be_paged(instances):
        instances += await list_instances(caller, region)

    return instances


def _may_be_paged(instances: tuple[Instance, ...]) -> bool:
    return len(instances) >= min(_PER_PAGE)


def _too_many(request: Request[InstancePage], pages: int) -> DecodeError:
    problem = f"pages: {pages:,}, and more than {_MAX_PAGES} are not read"

    return DecodeError(
        f"{request.method} {request.path}: {problem}",
        status=HTTPStatus.OK,
        method=request.method,
        path=request.path,
        problems=(problem,),
    )
