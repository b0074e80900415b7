"""When to look next: tenacity's wait strategies, ours among them, under our clock."""

import math
import random
from collections.abc import Callable

import attrs
import tenacity
from tenacity.wait import wait_base

from . import _checks as check

WaitStrategy = Callable[[tenacity.RetryCallState], float | int]


class _Default(float):
    """A number that nobody gave, and that contradicts nothing for that reason.

    A type and not a `None`, so that a policy still says what it does, and `attrs.evolve`, a copy
    and a pickle of it still know what was given.
    """


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often to poll a snapshot, and how many failures to tolerate.

    Every span of time is in seconds, or a `timedelta`; it is kept in seconds.

    By default the interval grows with the time waited: its square root, but at least
    `min_interval` and at most `max_interval`, and then up to `jitter` (a fraction) shorter or
    longer, so that many waits that began together spread out. These three go neither with
    `interval` nor with `wait`.
    """

    min_interval: float = attrs.field(
        default=_Default(2.0), converter=check.as_seconds, validator=check.seconds_field
    )
    max_interval: float = attrs.field(
        default=_Default(15.0), converter=check.as_seconds, validator=check.seconds_field
    )
    jitter: float = _Default(0.25)
    interval: float | None = attrs.field(
        default=None,
        converter=check.as_seconds_or_none,
        validator=attrs.validators.optional(check.seconds_field),
    )
    """A fixed interval in place of the growing one, without jitter."""
    wait: WaitStrategy | None = None
    """A tenacity wait strategy, such as `wait_exponential(max=30)`, in place of both."""
    max_failures: int = 5
    """How many polls in a row may fail with a transient error (lost connection, timeout, 429, 5xx).
    """
    missing_grace: float = attrs.field(
        default=30.0, converter=check.as_seconds, validator=check.grace_field
    )
    """For how long a snapshot that was not seen yet may be unknown to Civo; 0 for not at all."""
    stall_after: float = attrs.field(
        default=300.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """After how long without a change a watch reports a stall."""

    def __attrs_post_init__(self) -> None:
        if self.max_interval < self.min_interval:
            raise ValueError(
                f"max_interval must not be below min_interval ({self.min_interval:g}), "
                f"not {self.max_interval:g}"
            )
        check.number("jitter", self.jitter, at_least=0, below=1)
        check.count("max_failures", self.max_failures)
        if self.wait is not None and not callable(self.wait):
            raise TypeError(f"wait must be a tenacity wait strategy, not {self.wait!r}")
        self._refuse_two_ways()

    def _refuse_two_ways(self) -> None:
        growing = [
            name
            for name in ("min_interval", "max_interval", "jitter")
            if not isinstance(getattr(self, name), _Default)
        ]
        single = [name for name in ("interval", "wait") if getattr(self, name) is not None]
        ways = [*single, *growing[:1]]
        if len(ways) > 1:
            raise ValueError(f"{ways[0]} and {ways[1]} exclude each other: give one of them")

    @property
    def strategy(self) -> WaitStrategy:
        """The tenacity wait strategy that this policy comes to."""
        if self.wait is not None:
            return self.wait
        if self.interval is not None:
            return tenacity.wait_fixed(self.interval)

        return GrowingInterval(self.min_interval, self.max_interval, self.jitter)


@attrs.frozen
class GrowingInterval(wait_base):
    """A tenacity wait strategy: the square root of the time waited, bounded, then jittered."""

    shortest: float
    longest: float
    jitter: float
    random: Callable[[], float] = random.random

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        shortest, longest = self.range(retry_state.seconds_since_start or 0.0)

        return shortest + (longest - shortest) * self.random()

    def range(self, elapsed: float) -> tuple[float, float]:
        """Return the shortest and the longest interval that the jitter allows."""
        interval = min(max(math.sqrt(elapsed), self.shortest), self.longest)

        return interval * (1 - self.jitter), interval * (1 + self.jitter)
