"""When to poll next, decided by tenacity's own strategies on the session's clock.

A wait holds nothing of tenacity's. The `RetryCallState` that strategies read is made each time, of
numbers that the wait has anyway: one that lived as long as its wait would cost a kilobyte a wait.
"""

import math
from functools import lru_cache

import tenacity

from .._policies import GrowingInterval, WaitStrategy

# A strategy that gives 0, such as tenacity's wait_none(), must not become a busy loop.
_MIN_INTERVAL = 0.01
# A RetryCallState belongs to a retrying object; this one is never run.
_NEVER_RUN = tenacity.AsyncRetrying()


# They hold nothing of a wait, and each poll asks one.
_stop_before = lru_cache(maxsize=64)(tenacity.stop_before_delay)

CallState = tenacity.RetryCallState
"""What tenacity's objects read."""


def call_state(*, polls: int, slept: float, elapsed: float) -> CallState:
    """Return what tenacity's objects read: polls made, seconds slept, seconds since the start."""
    state = tenacity.RetryCallState(_NEVER_RUN, fn=None, args=(), kwargs={})
    state.start_time, state.outcome_timestamp = 0.0, elapsed
    state.attempt_number, state.idle_for = polls, slept

    return state


def span_of(strategy: WaitStrategy, state: CallState, outcome: object) -> tuple[float, float]:
    """Return the minimum and the maximum interval, in seconds, until the next poll.

    They differ only for the growing interval, whose jitter leaves room for a time at which another
    wait polls anyway. Raises `ValueError` for an interval that is negative or not finite.
    """
    if isinstance(strategy, GrowingInterval):
        return strategy.range(state.seconds_since_start or 0.0)
    if not isinstance(strategy, tenacity.wait_fixed):
        # It makes a future with a lock, which a fixed interval does not read.
        _set_outcome(state, outcome)
    interval = strategy(state)
    if not (math.isfinite(interval) and interval >= 0):
        raise ValueError(f"the wait strategy gave an interval of {interval!r} s: {strategy!r}")
    interval = max(interval, _MIN_INTERVAL)

    return interval, interval


def is_past_limit(state: CallState, interval: float, timeout: float) -> bool:
    """Tell whether a poll after that interval would come at the timeout, or later."""
    state.upcoming_sleep = interval

    return _stop_before(timeout)(state)


def _set_outcome(state: CallState, outcome: object) -> None:
    elapsed = state.outcome_timestamp
    if isinstance(outcome, Exception):
        state.set_exception((type(outcome), outcome, outcome.__traceback__))
    else:
        state.set_result(outcome)
    # Both have set it by tenacity's own clock.
    state.outcome_timestamp = elapsed
