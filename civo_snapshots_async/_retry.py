"""A transport around a transport: sends again what may be sent again, and counts it."""

import random
from collections.abc import Callable
from http import HTTPStatus

import attrs
import tenacity
from tenacity.wait import wait_base

from . import _checks as check
from ._clock import Clock
from ._errors import SessionClosedError, TransportError
from ._http import Attempt, Repeat, Request, Response, Transport, told
from ._log import About, log
from ._refusals import code_of, refusal, retry_after

Outcome = Response | TransportError

_LONGEST_RETRY_AFTER = 60.0


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and how often a request that met something passing is sent again.

    Every span of time is in seconds, or a `timedelta`; it is kept in seconds.

    Worth it are: nothing sent, a lost connection, a request's time-out, 429, 500, 502, 503, 504 and
    `database_quota_lock_failed`. Getting, listing and deleting are sent again; updating only with
    `retry_updates`. A create or a restore is never sent again once any byte of it may have left
    (a create also after a 429), and an overwrite not at all.
    """

    attempts: int = 3
    """How often a request is sent in all; 1 sends nothing again."""
    shortest_pause: float = attrs.field(
        default=0.05, converter=check.as_seconds, validator=check.seconds_field
    )
    longest_pause: float = attrs.field(
        default=8.0, converter=check.as_seconds, validator=check.seconds_field
    )
    """The pause is drawn between the two: evenly, up to 0.5 s first, doubling with each attempt.

    A `Retry-After` of the server is obeyed in its place, up to 60 s.
    """
    retry_updates: bool = False
    """Send updates again too: harmless, unless somebody else updates the same snapshot."""
    budget: int = 40
    """How many repeats a session may have ahead of its successes, each of which gives 0.2 back.

    When nothing succeeds any more, a session soon stops repeating, as the AWS and gRPC clients do.
    """
    settle_window: float = attrs.field(
        default=60.0, converter=check.as_seconds, validator=check.grace_field
    )
    """For how long a create whose answer was lost is looked for by listing; 0 for not at all."""

    def __attrs_post_init__(self) -> None:
        check.count("attempts", self.attempts, at_least=1)
        if self.longest_pause < self.shortest_pause:
            raise ValueError(
                f"longest_pause must not be below shortest_pause ({self.shortest_pause:g}), "
                f"not {self.longest_pause:g}"
            )
        check.boolean("retry_updates", self.retry_updates)
        check.count("budget", self.budget)


NO_RETRIES = RetryPolicy(attempts=1, settle_window=0)


class RetryingTransport:
    """Sends once; only what meets something passing costs more than that."""

    def __init__(self, inner: Transport, policy: RetryPolicy, clock: Clock) -> None:
        self._inner = inner
        self._policy = policy
        self._clock = clock
        self._budget = _Budget(policy.budget)

    async def send(self, request: Request[object], *, limit: float) -> Response:
        """Send until it is answered for good, in no more than `limit` seconds in all."""
        started = self._clock.now()
        deadline = started + limit
        outcome = await self._attempt(request, deadline)
        if _is_transient(request, outcome):
            outcome = await self._send_again(request, outcome, started, deadline)
        else:
            self._budget.give_back()
        if isinstance(outcome, TransportError):
            raise outcome

        return outcome

    async def _attempt(self, request: Request[object], deadline: float) -> Outcome:
        # A time-out of 0 would be none in some libraries, and there is always a first attempt.
        limit = max(deadline - self._clock.now(), 0.001)
        try:
            return await self._inner.send(request, limit=limit)
        except TransportError as error:
            return error

    async def _send_again(
        self, request: Request[object], first: Outcome, started: float, deadline: float
    ) -> Outcome:
        outcomes: list[Outcome] = [first]
        attempts = [_attempt(request, first, self._clock.now() - started)]
        is_first = True

        async def attempt() -> Outcome:
            nonlocal is_first
            if not is_first:
                try:
                    outcomes.append(await self._attempt(request, deadline))
                except SessionClosedError as error:
                    # Of this attempt it knows that nothing was sent, and not of those before.
                    error.may_have_arrived |= any(each.may_have_arrived for each in attempts)
                    raise
                attempts.append(_attempt(request, outcomes[-1], self._clock.now() - started))
            is_first = False
            return outcomes[-1]

        # One for each call: an AsyncRetrying that is shared mixes up its callers.
        retrying = tenacity.AsyncRetrying(
            sleep=self._clock.sleep,
            retry=tenacity.retry_if_result(lambda met: self._may_repeat(request, met)),
            wait=_Pause(self._policy.shortest_pause, self._policy.longest_pause),
            stop=self._stop(deadline),
            before_sleep=_logging(request),
            retry_error_callback=lambda _: outcomes[-1],
        )
        outcome: Outcome = await retrying(attempt)
        if not _is_transient(request, outcome):
            self._budget.give_back()

        return _with_attempts(outcome, tuple(attempts))

    def _stop(self, deadline: float) -> Callable[[tenacity.RetryCallState], bool]:
        enough = tenacity.stop_after_attempt(self._policy.attempts)

        def stop(state: tenacity.RetryCallState) -> bool:
            is_late = self._clock.now() + state.upcoming_sleep >= deadline
            return enough(state) or is_late or not self._budget.spend()

        return stop

    def _may_repeat(self, request: Request[object], met: Outcome) -> bool:
        if not _is_transient(request, met):
            return False
        is_unsent = isinstance(met, TransportError) and not met.may_have_arrived
        allowed = {
            Repeat.FREELY: True,
            Repeat.IF_ASKED: is_unsent or self._policy.retry_updates,
            Repeat.IF_UNSENT_OR_LIMITED: is_unsent or _is_limited(met),
            Repeat.IF_UNSENT: is_unsent,
            Repeat.NEVER: False,
        }

        return allowed[request.repeat]


class _Budget:
    """How many repeats a session has left, while nothing succeeds."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = float(size)

    def spend(self) -> bool:
        """Take one, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1

        return True

    def give_back(self) -> None:
        """Count a success."""
        self._left = min(self._left + 0.2, self._size)


class _Pause(wait_base):
    """What the server asks for, else exponential backoff with full jitter."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._backoff = tenacity.wait_random_exponential(multiplier=0.5, max=longest, min=shortest)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        met = retry_state.outcome and retry_state.outcome.result()
        asked = retry_after(met) if isinstance(met, Response) else None
        if asked is None:
            return self._backoff(retry_state)

        # Everybody was told the same moment: not all come back at it.
        return min(asked, _LONGEST_RETRY_AFTER) + random.uniform(0, 0.1)  # noqa: S311


def _is_transient(request: Request[object], met: Outcome) -> bool:
    if isinstance(met, TransportError):
        return met.is_transient

    return not met.is_success and refusal(request, met).is_transient


def _is_limited(met: Outcome) -> bool:
    return isinstance(met, Response) and met.status == HTTPStatus.TOO_MANY_REQUESTS


def _attempt(request: Request[object], met: Outcome, elapsed: float) -> Attempt:
    if isinstance(met, TransportError):
        said = str(met).removeprefix(f"{met.method} {met.path}: ")
        return Attempt(met=said, may_have_arrived=met.may_have_arrived, elapsed=elapsed)

    return Attempt(
        met=f"{met.status} {code_of(met)}".rstrip(),
        may_have_arrived=met.is_success or refusal(request, met).may_have_taken_effect,
        elapsed=elapsed,
    )


def _with_attempts(met: Outcome, attempts: tuple[Attempt, ...]) -> Outcome:
    if len(attempts) == 1:
        return met
    if isinstance(met, Response):
        return attrs.evolve(met, attempts=attempts)

    may_have_arrived = any(attempt.may_have_arrived for attempt in attempts)
    # The last attempt's text may say that nothing was sent: true of that one alone.
    earlier = may_have_arrived and not met.may_have_arrived
    caveat = "; an earlier attempt may have reached Civo" if earlier else ""

    return type(met)(
        f"{met}{told(attempts)}{caveat}",
        method=met.method,
        path=met.path,
        may_have_arrived=may_have_arrived,
        is_transient=met.is_transient,
        attempts=attempts,
    )


def _logging(request: Request[object]) -> Callable[[tenacity.RetryCallState], None]:
    def log_retry(state: tenacity.RetryCallState) -> None:
        got = state.outcome and state.outcome.result()
        log(
            "request.retried",
            About.of(request),
            "%s %s: attempt %d got %s; retried in %.2f s",
            request.method,
            request.path,
            state.attempt_number,
            _attempt(request, got, 0.0).met if got else "",
            state.upcoming_sleep,
        )

    return log_retry
