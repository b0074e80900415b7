"""Polling when the end is likely, learned from how long earlier snapshots took.

The best times to poll follow from how likely the end is at each moment. With a hazard rate h (the
chance to end now, of what has not ended yet), one poll per sqrt(2c / h) seconds costs the least,
where c weighs a request against a second of lateness: Keller's approximation of the inspection
policy of Barlow, Hunter and Proschan. The default intervals of `PollPolicy`, which are the square
root of the time waited, are the best ones for h = 2c / t, a law without a scale. So this is one
formula for both: the hazard of a mixture of what was seen (a smoothed histogram) and of that law.

1. Without any duration, the intervals are the default ones.
2. The durations never have all of the weight: there are polls before and after the likely time, and
   later the intervals are the default ones again.
3. Memory is bounded in instances and in durations of each; the oldest are forgotten.
"""

import json
import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Self, cast

import attrs

from . import _checks as check
from ._checks import Seconds
from ._strict_json import parse_json

_VERSION = 1
# The durations of an instance. More hardly improve the intervals, and adapt more slowly.
_KEPT = 20
# The weight of the default law, in durations.
_PRIOR = 0.5
# The seconds of lateness that cost as much as one request.
_COST = 2.0
# The bounds of the default intervals, which are the square root of the time waited.
_MIN, _MAX = 2.0, 15.0
# Steps of the integral per default interval. Finer ones change an interval by less than a tenth.
_STEPS = 8
# A survival below this gives no usable hazard.
_NEGLIGIBLE = 1e-12


@attrs.define(kw_only=True)
class LearnedPoll:
    """How long earlier snapshots took, for `PollPolicy(learned=…)`.

    Policies and sessions may share one; `to_json` and `from_json` take it to another process. It
    learns from each wait that saw its snapshot pending and then complete. The duration is measured
    from the start of the wait to halfway between the last two polls. An instance without durations
    uses those of all others.
    """

    max_instances: int = attrs.field(default=1024, validator=check.field(check.count, at_least=1))
    """The maximum of instances with durations; the one that was updated first is forgotten."""
    max_interval: float | None = attrs.field(
        default=None,
        converter=check.as_seconds_or_none,
        validator=attrs.validators.optional(check.seconds_field),
    )
    """The maximum seconds between two polls; `None` for no maximum. Without one, a snapshot that is
    complete much earlier than usual may be noticed only at the usual time."""
    _known: OrderedDict[str, deque[float]] = attrs.field(
        factory=OrderedDict[str, deque[float]], init=False, repr=False
    )
    _recent: deque[float] = attrs.field(
        factory=lambda: deque[float](maxlen=_KEPT), init=False, repr=False
    )

    def learn(self, instance_id: str, took: Seconds) -> None:
        """Note that a snapshot of the instance took `took` seconds."""
        seconds = check.seconds_or_none_at_all("took", took)
        durations = self._known.pop(instance_id, None) or deque(maxlen=_KEPT)
        durations.append(seconds)
        self._known[instance_id] = durations
        self._recent.append(seconds)
        while len(self._known) > self.max_instances:
            self._known.popitem(last=False)

    def durations(self, instance_id: str) -> tuple[float, ...]:
        """Return the durations of the instance in seconds, the oldest first.

        An instance without any has those of all others.
        """
        return tuple(self._known.get(instance_id, self._recent))

    def interval(self, instance_id: str, elapsed: float) -> float:
        """Return the seconds until the next poll of a wait that has lasted `elapsed` seconds."""
        interval = _interval(self.durations(instance_id), elapsed)

        return interval if self.max_interval is None else min(interval, self.max_interval)

    def span(self, instance_id: str, elapsed: float, jitter: float) -> tuple[float, float]:
        """Return the minimum and the maximum interval.

        They differ from it by `jitter` times the default interval: a fraction of the interval
        itself, which may be minutes, would miss a likely time.
        """
        interval = self.interval(instance_id, elapsed)
        spread = jitter * min(_default_interval(elapsed), interval)

        return interval - spread, interval + spread

    def to_json(self) -> str:
        """Return the durations as one line of JSON."""
        return json.dumps(
            {
                "version": _VERSION,
                "instances": {key: [*values] for key, values in self._known.items()},
                "recent": [*self._recent],
            }
        )

    @classmethod
    def from_json(cls, text: str, *, max_instances: int = 1024) -> Self:
        """Read what `to_json` wrote; raise `ValueError` for any other text."""
        fields = parse_json(check.text("text", text).encode())
        if not isinstance(fields, dict) or fields.keys() != {"version", "instances", "recent"}:
            raise ValueError("not what LearnedPoll.to_json writes")
        read = cast("dict[str, object]", fields)
        if read["version"] != _VERSION:
            raise ValueError(f"a LearnedPoll of version {read['version']}: this reads {_VERSION}")
        if not isinstance(read["instances"], dict):
            raise ValueError("instances must be an object")  # noqa: TRY004 - the text is bad
        learned = cls(max_instances=max_instances)
        for key, values in cast("dict[str, object]", read["instances"]).items():
            for seconds in _seconds(values):
                learned.learn(key, seconds)
        learned._recent = deque(_seconds(read["recent"]), maxlen=_KEPT)

        return learned


def _seconds(values: object) -> list[float]:
    if not isinstance(values, list):
        raise ValueError("durations must be an array")  # noqa: TRY004 - the text is bad
    durations = cast("list[object]", values)[-_KEPT:]

    return [check.number("a duration", value, at_least=0) for value in durations]


def _interval(durations: Sequence[float], elapsed: float) -> float:
    """Return the time in which the integral of sqrt(h / 2c), the number of due polls, grows by 1.

    The hazard at `elapsed` alone would not show a likely time just ahead.
    """
    weight = len(durations) / (len(durations) + _PRIOR)
    width = _bandwidth(durations)

    def survival(moment: float) -> float:
        seen = sum(math.tanh((each - moment) / width) for each in durations)
        # A sum of logistic functions, each as a tanh: from -1 to 1 instead of from 0 to 1.
        learned = (1 + seen / len(durations)) / 2 if durations else 0.0
        return weight * learned + (1 - weight) * _default_survival(moment)

    moment, due, alive = elapsed, 0.0, survival(elapsed)
    while due < 1:
        step = _default_interval(moment) / _STEPS
        # The default law continues for ever.
        if alive < _NEGLIGIBLE:
            return moment - elapsed + (1 - due) * _default_interval(moment)
        left = survival(moment + step)
        due += math.sqrt(max(alive - left, 0.0) / alive / step / (2 * _COST)) * step
        moment, alive = moment + step, left

    return moment - elapsed


def _default_interval(elapsed: float) -> float:
    return min(max(math.sqrt(elapsed), _MIN), _MAX)


def _default_survival(elapsed: float) -> float:
    """Return the survival under the law whose best intervals are the default ones."""
    first, last = _MIN**2, _MAX**2
    exponent = min(elapsed, first) / first
    exponent += math.log(min(max(elapsed, first), last) / first)
    exponent += max(elapsed - last, 0.0) / last

    return math.exp(-2 * _COST * exponent)


def _bandwidth(durations: Sequence[float]) -> float:
    """Return the bandwidth of each duration by Silverman's rule, as the scale of a tanh."""
    if not durations:
        return 1.0
    import statistics  # noqa: PLC0415 - it loads fractions and decimals, once in a process

    middle = statistics.median(durations)
    if len(durations) < 3:  # noqa: PLR2004 - two durations have no meaningful spread
        return max(0.2 * middle, 1.0)
    quarters = statistics.quantiles(durations, n=4)
    spread = min(statistics.pstdev(durations), (quarters[2] - quarters[0]) / 1.34)
    smear = max(spread * len(durations) ** -0.2, 0.01 * middle, 0.5)

    # The scale of a logistic law that is as wide as the normal one.
    return float(smear * 1.1)
