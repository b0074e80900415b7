"""Settings as frozen values that check themselves: how to talk HTTP, to retry, and to poll."""

import functools
import math
import random
import ssl
from collections.abc import Callable
from typing import Literal

import attrs
import tenacity
from tenacity.wait import wait_base

from . import _checks as check
from ._learning import LearnedPoll

WaitStrategy = Callable[[tenacity.RetryCallState], float | int]


class _Default(float):
    """A number that nobody gave, and that contradicts nothing for that reason.

    A type and not a `None`, so that a policy still says what it does, and `attrs.evolve`, a copy
    and a pickle of it still know what was given.
    """


@attrs.frozen(kw_only=True)
class HttpOptions:
    """How a session talks HTTP.

    Every span of time is in seconds, or a `timedelta`; it is kept in seconds. Raises `ValueError`
    or `TypeError` for a value that can't be used.
    """

    request_timeout: float = attrs.field(
        default=30.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """For one attempt, from its free connection to the end of its response."""
    connect_timeout: float = attrs.field(
        default=10.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """For making a connection."""
    call_timeout: float = attrs.field(
        default=120.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """For one request with all its attempts, their backoff and the wait for a connection.

    A restore that checks first is two requests. A wait has a limit of its own.
    """
    max_connections: int = attrs.field(default=100, validator=check.field(check.count, at_least=1))
    """How many requests may be in flight at once; others wait, and their own time begins after."""
    requests_per_second: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.number, at_least=0.001))
    )
    """How many requests may go out in a second, evenly, by the machine's time; `None`: any number.

    It needs the extra `civo-snapshots-async[rate]`.
    """
    body_format: Literal["json", "form"] = attrs.field(
        default="json", validator=check.field(check.one_of, allowed=("json", "form"))
    )
    """`"json"`, as the official Go client sends; `"form"`, as Civo's page shows."""
    # A proxy's URL may hold its password.
    proxy: str | None = attrs.field(
        default=None, repr=False, validator=attrs.validators.optional(check.field(check.proxy_url))
    )
    """The URL of an HTTP proxy."""
    trust_env: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Take the proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`, …).

    A netrc file is never read.
    """
    ssl_context: ssl.SSLContext | None = attrs.field(
        default=None, validator=check.field(check.ssl_context)
    )
    """What to trust in place of the system's certificates; verification can't be switched off."""
    application: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.header))
    )
    """Your program's name and version, put before ours in `User-Agent`."""
    allow_insecure_http: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Accept a plain http `api_url` to another machine, with the token sent in the clear."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and how often a request that got a transient error is retried.

    Every span of time is in seconds, or a `timedelta`; it is kept in seconds. Raises `ValueError`
    or `TypeError` for a value that can't be used.

    Retried are: nothing sent, a lost connection, a request's timeout, 429, 500, 502, 503, 504 and
    `database_quota_lock_failed`. Gets, lists and deletions are retried; updates only with
    `retry_updates`. A create or a restore is never retried once any byte of it may have been sent
    (a create is after a 429), and an overwrite not at all.
    """

    attempts: int = attrs.field(default=3, validator=check.field(check.count, at_least=1))
    """How often a request is sent in all; 1 for no retries."""
    min_backoff: float = attrs.field(
        default=0.05, converter=check.as_seconds, validator=check.seconds_field
    )
    max_backoff: float = attrs.field(
        default=8.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """The backoff is drawn between the two: evenly, up to 0.5 s first, doubling with each attempt.

    A `Retry-After` of the server is obeyed instead, up to 60 s.
    """
    retry_updates: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Retry updates too: harmless, unless somebody else updates the same snapshot."""
    budget: int = attrs.field(default=40, validator=check.field(check.count))
    """How many retries a session may have ahead of its successes, each of which gives 0.2 back.

    When nothing succeeds any more, a session soon stops retrying, as the AWS and gRPC clients do.
    """

    def __attrs_post_init__(self) -> None:
        check.ordered(self, "min_backoff", "max_backoff")


NO_RETRIES = RetryPolicy(attempts=1)


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often to poll a snapshot, and how many failures to tolerate.

    Every span of time is in seconds, or a `timedelta`; it is kept in seconds.

    By default the interval grows with the time waited: its square root, but at least
    `min_interval` and at most `max_interval`, and then up to `jitter` (a fraction) shorter or
    longer, so that many waits that started together spread out. These three go with none of
    `interval`, `wait` and `learned`.
    """

    min_interval: float = attrs.field(
        default=_Default(2.0), converter=check.as_seconds, validator=check.seconds_field
    )
    max_interval: float = attrs.field(
        default=_Default(15.0), converter=check.as_seconds, validator=check.seconds_field
    )
    jitter: float = attrs.field(
        default=_Default(0.25), validator=check.field(check.number, at_least=0, below=1)
    )
    interval: float | None = attrs.field(
        default=None,
        converter=check.as_seconds_or_none,
        validator=attrs.validators.optional(check.seconds_field),
    )
    """A fixed interval in place of the growing one, without jitter."""
    wait: WaitStrategy | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.wait_strategy))
    )
    """A tenacity wait strategy, such as `wait_exponential(max=30)`, in place of both."""
    # What it has learned changes, and so would a hash of it.
    learned: LearnedPoll | None = attrs.field(default=None, hash=False)
    """Poll when the end is likely, learned from the last snapshots, in place of all of these."""
    max_consecutive_failures: int = attrs.field(default=5, validator=check.field(check.count))
    """How many polls in a row may fail with a transient error (lost connection, timeout, 429, 5xx).
    """
    not_found_grace: float = attrs.field(
        default=30.0, converter=check.as_seconds, validator=check.grace_field
    )
    """For how long a snapshot that was not seen yet may be not found; 0 for not at all."""
    stall_after: float = attrs.field(
        default=300.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """After how long without a change a watch reports a stall."""

    def __attrs_post_init__(self) -> None:
        check.ordered(self, "min_interval", "max_interval")
        growing = [
            name
            for name in ("min_interval", "max_interval", "jitter")
            if not isinstance(getattr(self, name), _Default)
        ]
        single = [
            name for name in ("interval", "wait", "learned") if getattr(self, name) is not None
        ]
        ways = [*single, *growing[:1]]
        if len(ways) > 1:
            raise ValueError(f"{ways[0]} and {ways[1]} exclude each other: give one of them")

    def __reduce__(self) -> tuple[object, ...]:
        # By what was given, so that a pickle holds public names alone.
        given = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if not isinstance(getattr(self, field.name), _Default)
        }

        return functools.partial(type(self), **given), ()

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
