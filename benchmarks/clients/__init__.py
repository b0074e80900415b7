"""The clients that are compared, one file each, and what they have in common."""

import attrs

from . import aiobotocore, hcloud, httpx, openstacksdk, pydo, scaleway_async
from .client import Opener


@attrs.frozen(kw_only=True)
class Peer:
    """Another client, to be installed from PyPI."""

    name: str
    """The name of its distribution."""
    imported: str
    """What a program that uses it imports."""
    opened: Opener


PEERS = (
    Peer(name="httpx", imported="httpx", opened=httpx.opened),
    Peer(name="pydo", imported="pydo.aio", opened=pydo.opened),
    Peer(name="aiobotocore", imported="aiobotocore.session", opened=aiobotocore.opened),
    Peer(name="hcloud", imported="hcloud", opened=hcloud.opened),
    Peer(name="openstacksdk", imported="openstack", opened=openstacksdk.opened),
    Peer(name="scaleway-async", imported="scaleway_async.block.v1", opened=scaleway_async.opened),
)
