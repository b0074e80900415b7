"""What a poller holds, found as the garbage collector finds it, whatever its attributes are."""

import gc
from collections import OrderedDict
from typing import TypeVar

from civo_snapshots_async._waits import pools
from civo_snapshots_async._waits.poller import Poller

T = TypeVar("T")

KINDS = (pools.Pool, pools.Topic, pools.DueTime, pools.Poll, pools.Waiter)
CONTAINERS = (dict, list, tuple, set, frozenset, OrderedDict)
ROOM = pools.__name__.rpartition(".")[0]


def held_by(poller: Poller, kind: type[T]) -> list[T]:
    """Return the objects of a kind that a poller refers to, directly or by what it refers to.

    It follows containers and objects of the waits; a task, a clock and a caller are not the
    poller's own.
    """
    seen: dict[int, object] = {id(poller): poller}
    left: list[object] = [poller]
    while left:
        for each in gc.get_referents(left.pop()):
            is_own = isinstance(each, CONTAINERS) or type(each).__module__.startswith(ROOM)
            if is_own and not isinstance(each, type) and id(each) not in seen:
                seen[id(each)] = each
                left.append(each)

    return [each for each in seen.values() if isinstance(each, kind)]


def is_idle(poller: Poller) -> bool:
    """Tell whether a poller holds nothing: no wait, no request, nothing in the queue."""
    return not any(held_by(poller, kind) for kind in KINDS)
