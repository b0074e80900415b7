"""A transport around a transport: it retries what may be retried, and counts the attempts."""

import random
from collections.abc import Callable
from http import HTTPStatus

import attrs
import tenacity
from tenacity.wait import wait_base

from .._attempts import Attempt, effort_of
from .._clock import Clock
from .._errors import SessionClosedError, TransportError
from .._log import About, log
from .._policies import RetryPolicy
from .errors_of import code_of, error_of, retry_after
from .message import Request, Response, RetrySafety, Transport

Outcome = Response | TransportError

# The most, in seconds, that a `Retry-After` may delay a retry.
_MAX_SERVER_BACKOFF = 60.0


class RetryingTransport:
    """Sends a request; only a transient error costs more than that one attempt."""

    def __init__(self, inner: Transport, policy: RetryPolicy, clock: Clock) -> None:
        self._inner = inner
        self._policy = policy
        self._clock = clock
        self._budget = _Budget(policy.budget)

    async def send(self, request: Request[object], *, limit: float) -> Response:
        """Send it, and retry it after transient errors, in at most `limit` seconds in all."""
        started = self._clock.now()
        deadline = started + limit
        try:
            outcome: Outcome = await self._inner.send(request, limit=limit)
        except TransportError as error:
            outcome = error
        if isinstance(outcome, Response) and outcome.is_success:
            self._budget.give_back()
            return outcome
        if _is_transient(request, outcome):
            outcome = await self._retry(request, outcome, started, deadline)
        else:
            self._budget.give_back()
        if isinstance(outcome, TransportError):
            raise outcome

        return outcome

    async def _send_once(self, request: Request[object], deadline: float) -> Outcome:
        # A timeout of 0 would be none in some libraries.
        limit = max(deadline - self._clock.now(), 0.001)
        try:
            return await self._inner.send(request, limit=limit)
        except TransportError as error:
            return error

    async def _retry(
        self, request: Request[object], first: Outcome, started: float, deadline: float
    ) -> Outcome:
        outcomes: list[Outcome] = [first]
        attempts = [_attempt_of(request, first, self._clock.now() - started)]
        is_first = True

        async def attempt() -> Outcome:
            nonlocal is_first
            if not is_first:
                try:
                    outcomes.append(await self._send_once(request, deadline))
                except SessionClosedError as error:
                    # It knows about this attempt alone: an earlier one may have reached Civo.
                    error.may_have_arrived |= any(each.may_have_arrived for each in attempts)
                    raise
                attempts.append(_attempt_of(request, outcomes[-1], self._clock.now() - started))
            is_first = False
            return outcomes[-1]

        # A new one for each call: one that calls share mixes up their results.
        retrying = tenacity.AsyncRetrying(
            sleep=self._clock.sleep,
            retry=tenacity.retry_if_result(lambda got: self._may_retry(request, got)),
            wait=_Backoff(self._policy.min_backoff, self._policy.max_backoff),
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

    def _may_retry(self, request: Request[object], got: Outcome) -> bool:
        if not _is_transient(request, got):
            return False
        is_unsent = isinstance(got, TransportError) and not got.may_have_arrived
        allowed = {
            RetrySafety.ALWAYS: True,
            RetrySafety.IF_REQUESTED: is_unsent or self._policy.retry_updates,
            RetrySafety.IF_UNSENT_OR_LIMITED: is_unsent or _is_limited(got),
            RetrySafety.IF_UNSENT: is_unsent,
            RetrySafety.NEVER: False,
        }

        return allowed[request.retry_safety]


class _Budget:
    """How many retries a session may still make; calls that end without trouble refill it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = float(size)

    def spend(self) -> bool:
        """Take one retry; return whether there was one."""
        if self._left < 1:
            return False
        self._left -= 1

        return True

    def give_back(self) -> None:
        """Refill it by a fifth of a retry."""
        if self._left < self._size:
            self._left = min(self._left + 0.2, self._size)


class _Backoff(wait_base):
    """What `Retry-After` asks for, else exponential backoff with full jitter."""

    def __init__(self, min_backoff: float, max_backoff: float) -> None:
        self._exponential = tenacity.wait_random_exponential(
            multiplier=0.5, max=max_backoff, min=min_backoff
        )

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        got = retry_state.outcome and retry_state.outcome.result()
        asked = retry_after(got) if isinstance(got, Response) else None
        if asked is None:
            return self._exponential(retry_state)

        # All who were throttled got the same time: not all may come back at once.
        return min(asked, _MAX_SERVER_BACKOFF) + random.uniform(0, 0.1)  # noqa: S311


def _is_transient(request: Request[object], got: Outcome) -> bool:
    if isinstance(got, TransportError):
        return got.is_transient

    return not got.is_success and error_of(request, got).is_transient


def _is_limited(got: Outcome) -> bool:
    return isinstance(got, Response) and got.status == HTTPStatus.TOO_MANY_REQUESTS


def _attempt_of(request: Request[object], got: Outcome, elapsed: float) -> Attempt:
    if isinstance(got, TransportError):
        text = str(got).removeprefix(f"{got.method} {got.path}: ")
        return Attempt(outcome=text, may_have_arrived=got.may_have_arrived, elapsed=elapsed)

    return Attempt(
        outcome=f"{got.status} {code_of(got)}".rstrip(),
        may_have_arrived=got.is_success or error_of(request, got).may_have_taken_effect,
        elapsed=elapsed,
    )


def _with_attempts(got: Outcome, attempts: tuple[Attempt, ...]) -> Outcome:
    if len(attempts) == 1:
        return got
    if isinstance(got, Response):
        return attrs.evolve(got, attempts=attempts)

    may_have_arrived = any(attempt.may_have_arrived for attempt in attempts)
    # The text may say that nothing was sent, which is true of the last attempt alone.
    earlier = may_have_arrived and not got.may_have_arrived
    caveat = "; an earlier attempt may have reached Civo" if earlier else ""

    return type(got)(
        f"{got}{effort_of(attempts)}{caveat}",
        method=got.method,
        path=got.path,
        may_have_arrived=may_have_arrived,
        is_transient=got.is_transient,
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
            _attempt_of(request, got, 0.0).outcome if got else "",
            state.upcoming_sleep,
        )

    return log_retry
