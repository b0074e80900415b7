"""All that a run has measured, as one value; it is what `--json` writes."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import attrs

from .clients import PEERS
from .defaults import Default
from .figures import Comparison
from .requests import Requests
from .waits import Waits


@attrs.frozen(kw_only=True)
class Results:
    """What a run has measured."""

    machine: str
    versions: dict[str, str]
    comparisons: tuple[Comparison, ...] = ()
    uvloop: tuple[Comparison, ...] = ()
    waits: tuple[Waits, ...] = ()
    requests: tuple[Requests, ...] = ()
    defaults: dict[str, Default] = attrs.field(factory=dict[str, Default])
    """How often each peer polls in one wait of five minutes, by default."""
    leaks: tuple[int, ...] = ()
    """The bytes held after each tenth of the polls of one wait."""
    polls: int = 0
    """How many polls that wait made."""
    skipped: dict[str, str] = attrs.field(factory=dict[str, str])
    """What was not measured, and why."""

    @property
    def is_void(self) -> bool:
        """Whether two that are the same came out as different, anywhere."""
        return any(each.is_void for each in (*self.comparisons, *self.uvloop))


def machine() -> str:
    """Return what this run stands on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"

    return f"{python}, {platform.system()} on {platform.machine()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    """Return the versions of what is compared, as far as it is installed."""
    found: dict[str, str] = {}
    names: Sequence[str] = ("civo-snapshots-async", "aiohttp", *(peer.name for peer in PEERS))
    for name in (*names, "orjson", "uvloop"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue

    return found
