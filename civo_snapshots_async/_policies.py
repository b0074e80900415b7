"""The settings of HTTP, of retries and of polling, as frozen values that check themselves."""

import functools
import math
import random
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Literal

import attrs
import tenacity
from tenacity.wait import wait_base

from . import _checks as check
from ._learning import LearnedPoll

WaitStrategy = Callable[[tenacity.RetryCallState], float | int]

Limiter = AbstractAsyncContextManager[object]
"""What each request waits for before it is sent."""


# Each poll asks for it.
_fixed = functools.lru_cache(maxsize=64)(tenacity.wait_fixed)


class _Default(float):
    """The number of a setting that was not given, and so excludes no other setting.

    It is a number rather than `None`, so that a policy shows what it does. `attrs.evolve`, a copy
    and a pickle keep it.
    """


@attrs.frozen(kw_only=True)
class HttpOptions:
    """Timeouts, connections, proxy and certificates of a session.

    Each span of time is in seconds or a `timedelta`, and is kept in seconds. Raises `ValueError` or
    `TypeError` for an invalid value.
    """

    request_timeout: float = attrs.field(
        default=30.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """Timeout of one attempt, from the time its slot is free to the end of its response."""
    connect_timeout: float = attrs.field(
        default=10.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """Timeout of opening a connection."""
    call_timeout: float = attrs.field(
        default=120.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """Timeout of one request with all its attempts, their backoff and the queue for a slot.

    A restore that checks the snapshot first is two requests. A wait has its own `timeout`.
    """
    max_connections: int = attrs.field(default=100, validator=check.field(check.count, at_least=1))
    """The maximum of requests in flight; others queue, which `request_timeout` does not count."""
    requests_per_second: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.number, at_least=0.001))
    )
    """The maximum of requests per second, evenly spaced, by the machine's clock; `None`: no limit.

    Requires the extra `civo-snapshots-async[rate]`.
    """
    body_format: Literal["json", "form"] = attrs.field(
        default="json", validator=check.field(check.one_of, allowed=("json", "form"))
    )
    """The format of request bodies: `"json"` as the official Go client sends, or `"form"` as
    Civo's page shows."""
    # No repr: the URL may hold a password.
    proxy: str | None = attrs.field(
        default=None, repr=False, validator=attrs.validators.optional(check.field(check.proxy_url))
    )
    """The URL of an HTTP proxy."""
    trust_env: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Whether to take the proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`, …).

    A netrc file is never read.
    """
    ssl_context: ssl.SSLContext | None = attrs.field(
        default=None, validator=check.field(check.ssl_context)
    )
    """The certificates to trust instead of the system's; verification can't be disabled."""
    application: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.header))
    )
    """Your program's name and version, for the beginning of `User-Agent`."""
    allow_insecure_http: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Whether to accept an http `api_url` of another machine, which gets the token in the clear."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and how often a request is retried after a transient error.

    Each span of time is in seconds or a `timedelta`, and is kept in seconds. Raises `ValueError` or
    `TypeError` for an invalid value.

    Transient are a failed or lost connection, a timeout, 408, 429, any 5xx except 501 and 505, and
    `database_quota_lock_failed`: what `is_transient` says of an error. Gets, lists and deletions
    are retried, updates only with `retry_updates`. A create or restore is not retried once any of
    its bytes may have been sent, except a create after a 429; an overwrite is never retried.
    """

    attempts: int = attrs.field(default=3, validator=check.field(check.count, at_least=1))
    """The maximum of attempts, the first one included; 1 for no retries."""
    min_backoff: float = attrs.field(
        default=0.05, converter=check.as_seconds, validator=check.seconds_field
    )
    """The minimum time between two attempts."""
    max_backoff: float = attrs.field(
        default=8.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """The maximum time between two attempts.

    The backoff is random, with an upper bound of 0.5 s that doubles with each attempt. A
    `Retry-After` of the server is used instead, up to 60 s.
    """
    retry_updates: bool = attrs.field(default=False, validator=check.field(check.boolean))
    """Whether to retry updates: safe unless another program updates the same snapshot."""
    budget: int = attrs.field(default=40, validator=check.field(check.count))
    """The retries that a session may make while no request succeeds; each success gives 0.2 back.

    As in the AWS and gRPC clients, a session stops retrying while the API is down.
    """

    def __attrs_post_init__(self) -> None:
        check.ordered(self, "min_backoff", "max_backoff")


NO_RETRIES = RetryPolicy(attempts=1)


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often to poll, and how many failed polls to tolerate.

    Each span of time is in seconds or a `timedelta`, and is kept in seconds. Raises `ValueError` or
    `TypeError` for an invalid value.

    By default the interval grows as the square root of the time waited, from `min_interval` to
    `max_interval`, with `jitter`. These three exclude `interval`, `wait` and `learned`.
    """

    min_interval: float = attrs.field(
        default=_Default(2.0), converter=check.as_seconds, validator=check.seconds_field
    )
    """The minimum interval before jitter."""
    max_interval: float = attrs.field(
        default=_Default(15.0), converter=check.as_seconds, validator=check.seconds_field
    )
    """The maximum interval before jitter."""
    jitter: float = attrs.field(
        default=_Default(0.25), validator=check.field(check.number, at_least=0, below=1)
    )
    """The fraction by which an interval is at most shorter or longer, to spread many waits."""
    interval: float | None = attrs.field(
        default=None,
        converter=check.as_seconds_or_none,
        validator=attrs.validators.optional(check.seconds_field),
    )
    """A fixed interval instead of the growing one, without jitter."""
    wait: WaitStrategy | None = attrs.field(
        default=None, validator=attrs.validators.optional(check.field(check.wait_strategy))
    )
    """A tenacity wait strategy instead of both, such as `wait_exponential(max=30)`."""
    # No hash: what it has learned changes.
    learned: LearnedPoll | None = attrs.field(default=None, hash=False)
    """A policy instead of all of these that polls when the end is likely, as learned from earlier
    snapshots."""
    scope: Literal["instance", "account"] | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(
            check.field(check.one_of, allowed=("instance", "account"))
        ),
    )
    """What one list shows: the snapshots of an instance, or those of the account in a region.

    `"account"` is one request for waits on any number of instances, and a large response; it is for
    many of them. `None` is `"instance"`, and in a batch over more than ten instances `"account"`.
    """
    max_consecutive_failures: int = attrs.field(default=5, validator=check.field(check.count))
    """The maximum of consecutive polls that may fail with a transient error."""
    not_found_grace: float = attrs.field(
        default=30.0, converter=check.as_seconds, validator=check.grace_field
    )
    """How long a snapshot that was never seen may be not found; 0 to fail at the first poll."""
    stall_after: float = attrs.field(
        default=300.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """How long without a change until a watch emits `SnapshotStalled`."""

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
        # Pickled as a call with what was given, so that no private name is in the pickle.
        given = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if not isinstance(getattr(self, field.name), _Default)
        }

        return functools.partial(type(self), **given), ()

    @property
    def strategy(self) -> WaitStrategy:
        """The tenacity wait strategy of this policy."""
        if self.wait is not None:
            return self.wait
        if self.interval is not None:
            return _fixed(self.interval)

        return GrowingInterval(self.min_interval, self.max_interval, self.jitter)


@attrs.frozen
class GrowingInterval(wait_base):
    """A tenacity wait strategy: the square root of the time waited, within bounds, with jitter."""

    min_interval: float
    max_interval: float
    jitter: float
    random: Callable[[], float] = random.random

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        lower, upper = self.range(retry_state.seconds_since_start or 0.0)

        return lower + (upper - lower) * self.random()

    def range(self, elapsed: float) -> tuple[float, float]:
        """Return the bounds of the interval after `elapsed` seconds, jitter included."""
        interval = min(max(math.sqrt(elapsed), self.min_interval), self.max_interval)

        return interval * (1 - self.jitter), interval * (1 + self.jitter)
