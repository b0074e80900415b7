"""How many requests waits make, counted by FakeCivo on a clock whose time passes at once."""

import asyncio
from typing import Literal

import attrs

from civo_snapshots_async import PollPolicy, SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .programs import arguments, report

Scope = Literal["instance", "account"]

TAKES = 300.0
"""The seconds that each snapshot takes."""


@attrs.frozen(kw_only=True)
class Requests:
    """The requests of waits of five minutes."""

    instances: int
    waits: int
    over: float
    """The seconds within which they began, evenly."""
    scope: Scope
    requests: int
    late: float
    """How many seconds after its end a wait was over, in the mean."""


async def measure(instances: int, waits: int, over: float, scope: Scope) -> Requests:
    """Count the requests of so many waits, spread over so many instances of one session."""
    clock, poll = FakeClock(), PollPolicy(scope=scope)
    late: list[float] = []
    async with FakeCivo(clock=clock) as civo:
        for instance in range(instances):
            civo.add_instance(f"web-{instance}")

        async with SnapshotSession(
            civo.token, region=civo.region, api_url=civo.api_url, clock=clock
        ) as session:

            async def wait(number: int) -> None:
                await clock.sleep(over * number / waits)
                instance, snapshot = f"web-{number % instances}", f"snap-{number}"
                civo.add_snapshot(instance, snapshot, script=scripts.completes(TAKES))
                started = clock.now()
                await session.wait_until_complete(instance, snapshot, poll=poll)
                late.append(clock.now() - started - TAKES)

            async with asyncio.TaskGroup() as group:
                for number in range(waits):
                    group.create_task(wait(number))

        return Requests(
            instances=instances,
            waits=waits,
            over=over,
            scope=scope,
            requests=len(civo.requests),
            late=sum(late) / waits,
        )


def main(instances: int, waits: int, over: float, scope: Scope) -> None:
    """Measure in this process, and report it."""
    report(attrs.asdict(asyncio.run(measure(instances, waits, over, scope))))


if __name__ == "__main__":
    main(*arguments())
