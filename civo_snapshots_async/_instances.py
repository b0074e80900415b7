"""Instances, no more of them than following a restore needs, and the two calls that show them."""

from urllib.parse import quote

import attrs

from . import _checks as check
from ._http import Request
from ._models import Phase


@attrs.frozen(kw_only=True)
class Instance:
    """An instance, as Civo last reported it."""

    id: str
    hostname: str = ""
    status: str = ""
    """As Civo wrote it, such as `BUILDING` or `ACTIVE`; empty where Civo gave none."""
    private_ip: str | None = None
    region: str = ""
    """The region, as it was named in the call that gave this instance."""

    def __str__(self) -> str:
        return f"instance {self.hostname} ({self.id}): {self.status or 'no status yet'}"

    @property
    def is_active(self) -> bool:
        """Whether Civo says `ACTIVE`: it runs. What is on its disks, that does not say."""
        return self.status.strip().casefold() == "active"

    @property
    def is_failed(self) -> bool:
        """Whether the status is a failure, such as `ERROR` or `FAILED`; `SHUTOFF` is none."""
        return Phase.of(self.status) is Phase.FAILED


@attrs.frozen(kw_only=True)
class InstancePage:
    """One page of the list of instances."""

    items: tuple[Instance, ...]
    pages: int
    """How many pages there are, as this one tells it."""


def get_instance(instance_id: str, *, region: str) -> Request[Instance]:
    """GET one instance."""
    return Request(
        call="get_instance",
        method="GET",
        path=f"/v2/instances/{quote(check.plain_name('instance_id', instance_id), safe='')}",
        region=check.plain_name("region", region),
        returns=Instance,
        instance_id=instance_id,
        expected=frozenset({instance_id}),
    )


def list_instances(page: int, per_page: int, *, region: str) -> Request[InstancePage]:
    """GET one page of the instances; the first is 1."""
    return Request(
        call="list_instances",
        method="GET",
        path="/v2/instances",
        region=check.plain_name("region", region),
        query={
            "page": str(check.count("page", page, at_least=1)),
            "per_page": str(check.count("per_page", per_page, at_least=1)),
        },
        returns=InstancePage,
        longest_body=4 * 1024 * 1024,
        instance_id="",
    )
