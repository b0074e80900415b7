"""When to poll next, decided by tenacity's own strategies on a clock of ours.

Nothing of tenacity's is held by a wait: the `RetryCallState` that strategies read is made for each
question, out of numbers that the wait has anyway. One that lived as long as the wait would cost a
kilobyte for each of them.
"""

import math

import tenacity

from .._policies import GrowingInterval, WaitStrategy

# A strategy that gives 0, such as tenacity's wait_none(), must not become a loop without a pause.
_MIN_INTERVAL = 0.01
# A RetryCallState belongs to a retrying object; this one is never run.
_NEVER_RUN = tenacity.AsyncRetrying()


CallState = tenacity.RetryCallState
"""What tenacity's objects read."""


def call_state(*, polls: int, slept: float, elapsed: float) -> CallState:
    """Return what tenacity's objects read: polls made, seconds slept, seconds since the start."""
    state = tenacity.RetryCallState(_NEVER_RUN, fn=None, args=(), kwargs={})
    state.start_time, state.outcome_timestamp = 0.0, elapsed
    state.attempt_number, state.idle_for = polls, slept

    return state


def span_of(strategy: WaitStrategy, state: CallState, outcome: object) -> tuple[float, float]:
    """Return the shortest and the longest interval, in seconds, until the next poll.

    They differ only for the growing interval, whose jitter leaves room for a moment at which
    another wait polls anyway. Raises `ValueError` for an interval that is none.
    """
    if isinstance(strategy, GrowingInterval):
        return strategy.range(state.seconds_since_start or 0.0)
    if not isinstance(strategy, tenacity.wait_fixed):
        # A future with a lock in it, which a fixed interval has no use for.
        _set_outcome(state, outcome)
    interval = strategy(state)
    if not (math.isfinite(interval) and interval >= 0):
        raise ValueError(f"the wait strategy gave an interval of {interval!r} s: {strategy!r}")
    interval = max(interval, _MIN_INTERVAL)

    return interval, interval


def is_past_limit(state: CallState, interval: float, timeout: float) -> bool:
    """Tell whether a poll after that interval would come when the time is up."""
    state.upcoming_sleep = interval

    return tenacity.stop_before_delay(timeout)(state)


def _set_outcome(state: CallState, outcome: object) -> None:
    elapsed = state.outcome_timestamp
    if isinstance(outcome, Exception):
        state.set_exception((type(outcome), outcome, outcome.__traceback__))
    else:
        state.set_result(outcome)
    # Both read tenacity's own clock.
    state.outcome_timestamp = elapsed
