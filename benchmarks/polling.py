"""Requests against lateness: ways to poll, on the state machine of the waits, under known laws.

Each wait is a real `Wait`, whose time is that of its next poll. Its polls do not depend on when the
snapshot is complete, until it is. So one wait that sees it pending throughout has all times at
which there would be a poll, and the mean number of polls and the mean lateness follow exactly. Only
what is learned is drawn at random, with a seed: each history is taught by waits of its own.
"""

import random
from collections.abc import Iterator, Sequence
from statistics import mean

import attrs
from tenacity import RetryCallState, wait_random_exponential

from civo_snapshots_async import LearnedPoll, PollPolicy, Snapshot, SnapshotRef
from civo_snapshots_async._waits.goals import COMPLETE
from civo_snapshots_async._waits.wait import Wait

from .laws import Law
from .optimum import Optimum

SEED = 20261124
TAUGHT_BY = 20
"""The waits that have taught it before it is measured: as many as it remembers."""
LEARNED = "LearnedPoll"
DEFAULT = "the default"

_TARGET = SnapshotRef(instance_id="web-1", snapshot_id="nightly", region="LON1")
_PENDING = Snapshot(id="nightly", name="nightly", state="Pending")
_COMPLETE = Snapshot(id="nightly", name="nightly", state="Complete")


def _scaleway(state: RetryCallState) -> float:
    attempt = state.attempt_number

    return random.uniform(1, 2 ** (attempt - 1)) if attempt < 6 else 30  # noqa: PLR2004, S311


@attrs.frozen(kw_only=True)
class Peer:
    """How another client polls by default, if nothing made it give up."""

    name: str
    policy: PollPolicy
    gives_up: str = ""
    polls_at_once: bool = True
    is_random: bool = False


# Each is as the source of that release has it; `defaults` measures those that have a waiter for
# snapshots. pydo and httpx have none.
PEERS = (
    # hcloud 2.27.0, `Client.__init__`: poll_interval=1.0, poll_max_retries=120.
    Peer(name="hcloud", policy=PollPolicy(interval=1), gives_up="120 polls"),
    # openstacksdk 4.22.0, `resource.wait_for_status`: interval=2, wait=None.
    Peer(name="openstacksdk", policy=PollPolicy(interval=2)),
    # google-api-core 2.44.0, `future.polling.DEFAULT_POLLING`: initial=1.0, maximum=20.0,
    # multiplier=1.5, timeout=900; `exponential_sleep_generator` draws from 0 up to that.
    Peer(
        name="google-api-core",
        policy=PollPolicy(wait=wait_random_exponential(multiplier=1, max=20, exp_base=1.5)),
        gives_up="900 s",
        is_random=True,
    ),
    # botocore 1.43.117, ec2/2016-11-15/waiters-2.json, SnapshotCompleted: delay 15, maxAttempts 40.
    Peer(name="botocore", policy=PollPolicy(interval=15), gives_up="40 polls"),
    # scaleway-core 2.12.0, `utils.waiter.WaitForOptions`: min_delay=1, max_delay=30, timeout=300.
    Peer(
        name="scaleway",
        policy=PollPolicy(wait=_scaleway),
        gives_up="300 s",
        polls_at_once=False,
        is_random=True,
    ),
    # azure-core 1.41.0, `LROBasePolling.__init__`: timeout=30, unless the server says otherwise.
    Peer(name="azure-core", policy=PollPolicy(interval=30)),
)


@attrs.frozen(kw_only=True)
class Polling:
    """What one way to poll costs under a law, in the mean."""

    law: str
    is_unimodal: bool
    way: str
    requests: float
    late: float
    """The seconds from the end until it is noticed."""
    optimum: float
    """The fewest requests for that lateness, of one who knows the law."""
    gives_up: str = ""

    @property
    def ratio(self) -> float:
        """Its requests relative to the optimum."""
        return self.requests / self.optimum


@attrs.frozen(kw_only=True)
class Changed:
    """What `LearnedPoll` costs wait by wait after the law has changed."""

    before: str | None
    """The law that it has learned; `None` for nothing."""
    after: str
    requests: tuple[float, ...]
    late: tuple[float, ...]
    default: float
    """The requests of the default."""
    default_late: float

    @property
    def ratio(self) -> float:
        """The requests of the dearest wait relative to the default's."""
        return max(self.requests) / self.default


def polled(
    policy: PollPolicy, rng: random.Random, *, takes: float | None = None, horizon: float = 0.0
) -> list[float]:
    """Return the times of the polls of one wait, up to the one that sees the end.

    With no end, `takes=None`, they go on until past the horizon.
    """
    wait: Wait[Snapshot] = Wait(_TARGET, COMPLETE, policy, None, 0.0)
    times: list[float] = []
    while not wait.is_over and not (times and takes is None and times[-1] > horizon):
        now = wait.due
        times.append(now)
        is_complete = takes is not None and now >= takes
        wait.observe(now, _COMPLETE if is_complete else _PENDING, sent_at=now)
        wait.schedule(now, rng.uniform)

    return times


def cost(times: Sequence[float], law: Law) -> tuple[float, float]:
    """Return the mean number of polls at these times, and the mean lateness."""
    alive = [law.survival(time) for time in times]
    noticed = sum(
        time * (before - after)
        for time, before, after in zip(times[1:], alive, alive[1:], strict=False)
    )

    return 1 + sum(alive[:-1]), noticed - law.mean


def cost_of_policy(policy: PollPolicy, law: Law, schedules: int) -> tuple[float, float]:
    """Return the same of a policy, over so many waits with their jitter."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    costs = [cost(polled(policy, rng, horizon=law.horizon), law) for _ in range(schedules)]

    return _mean(costs)


def cost_of_learned(law: Law, histories: int) -> tuple[float, float]:
    """Return the same of `LearnedPoll`, over so many that have learned from this law."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    costs: list[tuple[float, float]] = []
    for _ in range(histories):
        policy = taught(law, rng)
        for _ in range(5):
            polled(policy, rng, takes=law.draw(rng))
            costs.append(cost(polled(policy, rng, horizon=law.horizon), law))

    return _mean(costs)


def taught(law: Law, rng: random.Random) -> PollPolicy:
    """Return a policy that has learned from waits for snapshots that follow the law."""
    policy = PollPolicy(learned=LearnedPoll())
    for _ in range(TAUGHT_BY):
        polled(policy, rng, takes=law.draw(rng))

    return policy


def changed(before: Law | None, after: Law, *, histories: int, waits: int = 20) -> Changed:
    """Return what each wait costs after the law has changed, in the mean."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    costs: list[list[tuple[float, float]]] = [[] for _ in range(waits)]
    for _ in range(histories):
        policy = taught(before, rng) if before else PollPolicy(learned=LearnedPoll())
        for each in costs:
            each.append(cost(polled(policy, rng, horizon=after.horizon), after))
            polled(policy, rng, takes=after.draw(rng))
    means = [_mean(each) for each in costs]
    default, default_late = cost_of_policy(PollPolicy(), after, 20)

    return Changed(
        before=before.name if before else None,
        after=after.name,
        requests=tuple(requests for requests, _ in means),
        late=tuple(late for _, late in means),
        default=default,
        default_late=default_late,
    )


def compared(law: Law, *, histories: int) -> Iterator[Polling]:
    """Give what each way to poll costs under a law."""
    optimum = Optimum(law)

    def polling(way: str, requests: float, late: float, gives_up: str = "") -> Polling:
        return Polling(
            law=law.name,
            is_unimodal=law.is_unimodal,
            way=way,
            requests=requests,
            late=late,
            optimum=optimum.polls(late),
            gives_up=gives_up,
        )

    yield polling(LEARNED, *cost_of_learned(law, histories))
    yield polling(DEFAULT, *cost_of_policy(PollPolicy(), law, 20))
    for peer in PEERS:
        requests, late = cost_of_policy(peer.policy, law, 200 if peer.is_random else 1)
        yield polling(peer.name, requests - (not peer.polls_at_once), late, peer.gives_up)


def _mean(costs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return mean(requests for requests, _ in costs), mean(late for _, late in costs)
