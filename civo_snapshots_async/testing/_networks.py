"""The networks of instances, and their addresses."""

import itertools
import uuid
from collections.abc import Iterator
from ipaddress import IPv4Address

__all__ = ["addresses", "firewall_id", "network_id"]

# Civo's examples start at 10.0.0.4. The public ones are in a range that is reserved for tests.
_FIRST = 4
_PRIVATE = IPv4Address("10.0.0.0")
_PUBLIC = IPv4Address("198.18.0.0")


def network_id(region: str) -> str:
    """Return the id of a region's one network, the same in each run of a test."""
    return _id(f"network of {region}")


def firewall_id(region: str) -> str:
    """Return the id of a region's one firewall, the same in each run of a test."""
    return _id(f"firewall of {region}")


def addresses() -> Iterator[tuple[str, str]]:
    """Yield pairs of a private and a public address, each address once."""
    return map(_pair, itertools.count(_FIRST))


def _pair(number: int) -> tuple[str, str]:
    return str(_PRIVATE + number), str(_PUBLIC + number)


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
