"""How often the peers poll by default: their own waiters, in a time that passes at once.

Each waits for something that stays pending, and its sleeps take no time. Once five minutes have
passed by them, the next poll would see the end.
"""

import asyncio
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from unittest import mock

import attrs

from .clients import PEERS
from .clients.client import Opener
from .programs import arguments, report
from .requests import TAKES
from .server import served


@attrs.frozen(kw_only=True)
class Default:
    """What one wait of five minutes asks for."""

    requests: int
    gave_up_after: float | None
    """The seconds after which it raised an error, where it did not wait as long."""


class _OverError(BaseException):
    """The time is over; `except Exception` of a client does not take it for a failed request."""


class _Time:
    """A time that only sleeping lets pass."""

    def __init__(self) -> None:
        self.passed = 0.0
        # What a client has noted before is compared with it.
        self._started = time.time()

    def time(self) -> float:
        return self._started + self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        if self.passed >= TAKES:
            raise _OverError

    async def sleep_in_a_task(self, seconds: float) -> None:
        self.sleep(seconds)


async def measure(opened: Opener, url: str) -> Default | None:
    """Return what one wait of this client asks for, or `None` where it has none."""
    async with opened(url) as client:
        if client.get is None or client.wait is None:
            return None
        # What a client asks for once, at its first request, is not the wait's.
        await client.get()
        before, gave_up_after = _requests_so_far(url), None
        with _time_that_jumps() as time_:
            try:
                await client.wait()
            except _OverError:
                pass
            except Exception:  # noqa: BLE001 - each raises an error of its own when it gives up
                gave_up_after = time_.passed
        requests = _requests_so_far(url) - before
        if gave_up_after is None:
            # The one that would see the end.
            requests += 1

        return Default(requests=requests, gave_up_after=gave_up_after)


@contextmanager
def _time_that_jumps() -> Generator[_Time]:
    time_ = _Time()
    with (
        mock.patch("time.sleep", time_.sleep),
        mock.patch("time.time", time_.time),
        mock.patch("asyncio.sleep", time_.sleep_in_a_task),
    ):
        yield time_


def _requests_so_far(url: str) -> int:
    with urllib.request.urlopen(f"{url}/requests") as response:  # noqa: S310 - our own server
        return int(response.read())


def main(name: str) -> None:
    """Measure one peer in this process, and report it."""
    (opened,) = (peer.opened for peer in PEERS if peer.name == name)
    with served() as url:
        measured = asyncio.run(measure(opened, url))
    report(None if measured is None else attrs.asdict(measured))


if __name__ == "__main__":
    main(*arguments())
