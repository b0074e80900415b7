"""The best times to poll, of one who knows how long earlier snapshots took.

Prior art: the checking procedures of Barlow, Hunter and Proschan ("Optimum Checking Procedures",
1963). They find the times that cost the least, where each poll costs something and each second of
lateness does, under a known law of the duration. Here the law is estimated from the durations, and
the times are found by dynamic programming over a grid, from the last moment back to the first.

Why not simpler: a poll per sqrt(2c / h) seconds, Keller's approximation for a hazard rate h, is
made for many polls. Under a narrow law there are two or three, and it makes more of them.

1. On the scale of `_POWER`, lognormal and gamma laws are almost normal. So a few durations make an
   estimate: a mean and a spread for each group of durations that lie together.
2. Another law is always possible: with few doubts hardly, with many of them likely. It says that
   any duration is possible, and the times then include some long before the likely one.
3. After the last moment of the law, nothing is known, and the intervals are the default ones.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Collection, Sequence

import attrs

COST = 2.0
"""The seconds of lateness that cost as much as one request."""
# The bounds of the default intervals, which are the square root of the time waited.
_MIN, _MAX = 2.0, 15.0

# Between 0, the scale of a lognormal law, and a quarter or a third, that of a gamma law.
_POWER = 0.15
# The shortest duration that counts, as the scale has no zero.
_SHORTEST = 0.5
# A gap that is wider than so many spreads divides two groups.
_GAP = 4.5
# Fewer durations than this are one group: any gap is wide among few.
_DIVISIBLE = 6
# The relative spread of durations of which only one is known.
_USUAL = 0.1
# The least relative spread that divides groups: Civo does not take the same time to the second.
_LEAST = 0.02
# An estimate of few durations is too narrow more often than too wide, and too narrow costs more.
_CAUTION = 1.15
# The odds that the law has changed, without any doubt.
_ODDS = 0.0001
# Where it has, the logarithm of the duration is anywhere between these two, in seconds.
_FIRST, _LAST = 4.0, 3600.0
# Where a group begins and ends on the grid, in spreads, and the points in all groups and outside.
_BEFORE, _AFTER = 3.0, 2.5
_POINTS, _LEAST_POINTS = 96, 9
_STEP_OUTSIDE = 1.12
# What ends after the last moment costs about so many polls more.
_POLLS_LATER = 2.0
# The grid ends at this multiple of the longest duration, however wide the law is.
_MAX_MULTIPLE = 2.0
# A probability below this says nothing about where between two moments it is.
_NEGLIGIBLE = 1e-3
_HALVINGS = 20


@attrs.frozen
class _Group:
    """Durations that lie together, on the scale of `_POWER`."""

    middle: float
    spread: float
    weight: float


@attrs.frozen
class Law:
    """How likely it is to last longer, estimated from durations (1)."""

    _groups: tuple[_Group, ...]
    _longest: float

    @classmethod
    def of(cls, durations: Collection[float]) -> "Law":
        """Estimate it from durations in seconds."""
        scaled = sorted(_scaled(max(each, _SHORTEST)) for each in durations)
        groups = (_group(each, len(each) / len(scaled)) for each in _divided(scaled))

        return cls(tuple(groups), max(durations, default=0.0))

    def survival(self, moment: float) -> float:
        """Return the probability to last longer than this many seconds."""
        scaled = _scaled(moment)

        return sum(
            each.weight / 2 * math.erfc((scaled - each.middle) / each.spread / math.sqrt(2))
            for each in self._groups
        )

    def grid(self) -> list[float]:
        """Return the moments at which a poll may be: dense where an end is likely."""
        moments = {0.0}
        for each in self._groups:
            points = max(round(_POINTS * each.weight), _LEAST_POINTS)
            first, last = each.middle - _BEFORE * each.spread, each.middle + _AFTER * each.spread
            step = (last - first) / points
            scaled = (first + step * number for number in range(points + 1))
            moments |= {_seconds(value) for value in scaled if value > 0}
        moment, last = _MIN, min(max(moments), _MAX_MULTIPLE * max(self._longest, _MIN))
        while moment < last:
            moments.add(moment)
            moment *= _STEP_OUTSIDE

        return sorted(each for each in moments if each <= last)


class PollTimes:
    """When to poll next, at each moment of a wait."""

    __slots__ = ("_doubt", "_following", "_moments", "law")

    def __init__(self, durations: Collection[float], doubt: float = 0.0) -> None:
        self.law = Law.of(durations)
        # The logarithm by which the odds of another law have risen (2).
        self._doubt = doubt
        self._moments = array("d")
        self._following = array("d")

    def survival(self, moment: float) -> float:
        """Return the probability to last longer, where the law may have changed (2)."""
        odds = _ODDS * math.exp(self._doubt)
        passed = math.log(max(moment, _FIRST) / _FIRST) / math.log(_LAST / _FIRST)

        return (self.law.survival(moment) + odds * max(1 - passed, 0.0)) / (1 + odds)

    def interval(self, elapsed: float) -> float:
        """Return the seconds until the next poll, `elapsed` seconds after the start."""
        if not self._moments:
            self._find()
        place = bisect_right(self._moments, elapsed) - 1
        if place >= len(self._moments) - 2:
            return self.default_interval(elapsed)

        return max(self._following[place] - elapsed, _MIN)

    @staticmethod
    def default_interval(elapsed: float) -> float:
        """Return the default interval after `elapsed` seconds."""
        return min(max(math.sqrt(elapsed), _MIN), _MAX)

    def between(self, earlier: float, later: float, share: float) -> float:
        """Return when this share of all that ends between two moments has ended."""
        alive, left = self.survival(earlier), self.survival(later)
        if alive - left < _NEGLIGIBLE:
            return (earlier + later) / 2
        for _ in range(_HALVINGS):
            middle = (earlier + later) / 2
            if self.survival(middle) > alive - share * (alive - left):
                earlier = middle
            else:
                later = middle

        return (earlier + later) / 2

    def _find(self) -> None:
        """Find the best times, for as long as this law lasts."""
        moments = self.law.grid()
        following = _cheapest(moments, [1.0, *map(self.survival, moments[1:])])
        self._moments = array("d", moments)
        self._following = array("d", (moments[each] for each in following))


def _cheapest(moments: Sequence[float], alive: Sequence[float]) -> list[int]:
    """Return after each moment which one to poll at next: the index of each.

    The cost from a moment on, times the probability to get there, is that of its next poll, of the
    lateness until then, and the cost from that one on. The next poll is never before that of an
    earlier moment, so those after it need not be tried.
    """
    last = len(moments) - 1
    # The integral of the probability to have ended: differences of it are mean latenesses.
    ended = [0.0]
    for index in range(last):
        mean = 1 - (alive[index] + alive[index + 1]) / 2
        ended.append(ended[-1] + mean * (moments[index + 1] - moments[index]))
    costs = [0.0] * last + [_POLLS_LATER * alive[last]]
    following = [last] * (last + 1)
    for index in range(last - 1, -1, -1):
        over = 1 - alive[index]
        lowest, best = math.inf, last
        for later in range(index + 1, following[index + 1] + 1):
            late = ended[later] - over * moments[later]
            cost = late / COST + costs[later]
            if cost < lowest:
                lowest, best = cost, later
        late_before = ended[index] - over * moments[index]
        costs[index] = alive[index] + lowest - late_before / COST
        following[index] = best

    return following


def _divided(scaled: list[float]) -> list[list[float]]:
    """Divide sorted durations where there is a wide gap."""
    if len(scaled) < _DIVISIBLE:
        return [scaled] if scaled else []
    cut = max(range(1, len(scaled)), key=lambda index: scaled[index] - scaled[index - 1])
    low, high = scaled[:cut], scaled[cut:]
    within = math.sqrt((_squares(low) + _squares(high)) / len(scaled))
    least = _LEAST * _POWER * low[-1]
    if high[0] - low[-1] <= _GAP * max(within, least):
        return [scaled]

    return [*_divided(low), *_divided(high)]


def _group(scaled: Sequence[float], weight: float) -> _Group:
    """Estimate a group: of few durations mostly what is usual, of many what they are."""
    count = len(scaled)
    middle = math.fsum(scaled) / count
    usual = _USUAL * _POWER * middle
    variance = (_squares(scaled) + usual**2 / count) / (count - 1 + 1 / count)
    # The middle is an estimate as well.
    spread = _CAUTION * math.sqrt(variance * (1 + 1 / count))

    return _Group(middle, spread, weight)


def _squares(values: Sequence[float]) -> float:
    middle = math.fsum(values) / len(values)

    return math.fsum((each - middle) ** 2 for each in values)


def _scaled(seconds: float) -> float:
    return float(seconds**_POWER)


def _seconds(scaled: float) -> float:
    return float(scaled ** (1 / _POWER))
