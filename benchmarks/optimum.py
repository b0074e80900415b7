"""The fewest polls for a mean lateness, of one who knows the law.

A list of times to poll, the first one at once, has a mean number of polls, N, and a mean lateness,
L. Dynamic programming over a fine grid finds the times for which N + price * L is the least, for a
price of a second: the checking procedures of Barlow, Hunter and Proschan (1963). No times have less
than that least. So whoever is L late in the mean makes at least `least - price * L` polls, whatever
the price; the highest of these bounds over many prices is the optimum at that lateness.
"""

import math
from collections.abc import Sequence

from .laws import Law

# Prices of a second of lateness, in polls.
PRICES = tuple(0.01 * 1.5**number for number in range(16))
_POINTS = 1200


class Optimum:
    """The optimum under a law."""

    def __init__(self, law: Law, prices: Sequence[float] = PRICES) -> None:
        self._step = law.horizon / _POINTS
        self._alive = [law.survival(self._step * number) for number in range(_POINTS + 1)]
        self._ended = [0.0]
        for alive, left in zip(self._alive, self._alive[1:], strict=False):
            self._ended.append(self._ended[-1] + (1 - (alive + left) / 2) * self._step)
        self._least = {price: self._least_cost(price) for price in prices}

    def polls(self, lateness: float) -> float:
        """Return the fewest polls for a mean lateness in seconds."""
        return max(least - price * lateness for price, least in self._least.items())

    def _least_cost(self, price: float) -> float:
        """Return the least of polls and lateness together, the poll at once included."""
        costs = [0.0] * (_POINTS + 1)
        # The best next time after a moment is never before that after an earlier one.
        latest = _POINTS
        for moment in range(_POINTS - 1, -1, -1):
            over = (1 - self._alive[moment]) * self._step
            least, best = math.inf, latest
            for later in range(moment + 1, latest + 1):
                cost = price * (self._ended[later] - over * (later - moment)) + costs[later]
                if cost < least:
                    least, best = cost, later
            costs[moment] = self._alive[moment] + least - price * self._ended[moment]
            latest = best

        return 1 + costs[0]
