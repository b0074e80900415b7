"""Polling when the end is likely, learned from how long earlier snapshots took.

`_poll_times` has the times that cost the least, as long as the durations say what comes. This is
the memory, and how it gets to know that they do not.

1. Without any duration, the intervals are the default ones.
2. A duration is known only as far as two polls are apart: it is taken from where the law, as known
   so far, says that it may be between them. Its middle would be wrong by minutes where the first
   poll after the start already shows the end, as every third does under the best times.
3. A law that has changed may hide in such wide gaps. Each adds a doubt, more if an end there was
   unlikely, and each narrow one removes some. With doubts come polls in the gap.
4. Memory is bounded in instances and in durations of each; the oldest are forgotten.
"""

import functools
import json
import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Self, cast

import attrs

from . import _checks as check
from ._checks import Seconds
from ._strict_json import parse_json

if TYPE_CHECKING:
    from ._poll_times import PollTimes

_VERSION = 1
# The durations of an instance. More hardly improve the times, and adapt more slowly.
_KEPT = 20
# The part of the default jitter that is left of it: more would miss a likely time.
_JITTER = 0.5
# A gap is wide if it is more than this part of the duration.
_WIDE = 1 / 3
# A probability to end in a wide gap counts as this much at least.
_HARDLY = 0.03
# What a narrow gap removes from the doubt.
_REMOVED = 1.0
# With more, another law would be certain.
_MAX_DOUBT = 8.5
# A duration of more seconds counts as a year.
_LONGEST = 366 * 86_400.0
# More than will ever be counted, and a float without rounding.
_MAX_COUNT = 2**53
# Multiples of it, without their whole parts, are evenly spread however many there are.
_GOLDEN = (math.sqrt(5) - 1) / 2
_FIELDS = frozenset({"version", "instances", "recent"})
_OF_MEMORY = frozenset({"durations", "doubt", "count"})


@attrs.define
class _Memory:
    """The last durations of an instance, or of all of them, and how doubtful they are."""

    durations: deque[float] = attrs.field(factory=lambda: deque[float](maxlen=_KEPT))
    doubt: float = 0.0
    """The logarithm by which the odds that the law has changed have risen."""
    count: int = 0
    """How many durations it has got so far."""
    _times: "PollTimes | None" = attrs.field(default=None, init=False, eq=False, repr=False)

    @property
    def times(self) -> "PollTimes":
        """The times to poll, until the next duration."""
        if self._times is None:
            from ._poll_times import PollTimes  # noqa: PLC0415 - few programs learn

            self._times = PollTimes(self.durations, self.doubt)

        return self._times

    def learn(self, pending_at: float, took: float) -> None:
        """Note a duration between two moments."""
        times = self.times
        if self.durations:
            self.doubt = min(max(self.doubt + _doubt(times, pending_at, took), 0.0), _MAX_DOUBT)
        self.count += 1
        self.durations.append(times.between(pending_at, took, self.count * _GOLDEN % 1))
        self._times = None


@attrs.define(kw_only=True)
class LearnedPoll:
    """How long earlier snapshots took, for `PollPolicy(learned=…)`.

    Policies and sessions may share one; `to_json` and `from_json` take it to another process. It
    learns from each wait that saw its snapshot pending and complete in two polls in a row. The
    duration is measured from the start of the wait to a likely time between these two. An instance
    without durations uses those of all others.
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
    _known: OrderedDict[str, _Memory] = attrs.field(
        factory=OrderedDict[str, _Memory], init=False, repr=False
    )
    _recent: _Memory = attrs.field(factory=_Memory, init=False, repr=False)

    def learn(self, instance_id: str, took: Seconds, *, pending_at: Seconds | None = None) -> None:
        """Note that a snapshot of the instance was seen complete after `took` seconds.

        `pending_at` is when it was last seen pending, and it became complete at any time since
        then; `None` means that it took just `took` seconds. More than a year counts as a year.
        """
        seconds = check.seconds_or_none_at_all("took", took)
        earlier = seconds
        if pending_at is not None:
            earlier = check.seconds_or_none_at_all("pending_at", pending_at)
        if earlier > seconds:
            raise ValueError(f"pending_at must be at most took, {seconds:g}, not {earlier:g}")
        memory = self._known.pop(instance_id, None) or _Memory()
        self._known[instance_id] = memory
        for each in (memory, self._recent):
            each.learn(min(earlier, _LONGEST), min(seconds, _LONGEST))
        while len(self._known) > self.max_instances:
            self._known.popitem(last=False)

    def durations(self, instance_id: str) -> tuple[float, ...]:
        """Return the durations of the instance in seconds, the oldest first.

        An instance without any has those of all others. One that was between two polls is where
        earlier ones make it likely.
        """
        return tuple(self._memory(instance_id).durations)

    def interval(self, instance_id: str, elapsed: float) -> float:
        """Return the seconds until the next poll of a wait that has lasted `elapsed` seconds."""
        interval = self._memory(instance_id).times.interval(elapsed)

        return interval if self.max_interval is None else min(interval, self.max_interval)

    def span(self, instance_id: str, elapsed: float, jitter: float) -> tuple[float, float]:
        """Return the minimum and the maximum interval.

        With nothing learned, they differ from it by a fraction, `jitter`. Else by half of it at
        most, and of the default interval: a fraction of minutes would miss a likely time.
        """
        memory = self._memory(instance_id)
        interval = self.interval(instance_id, elapsed)
        spread = jitter * interval
        if memory.durations:
            spread = _JITTER * jitter * min(interval, memory.times.default_interval(elapsed))

        return interval - spread, interval + spread

    def to_json(self) -> str:
        """Return the durations as one line of JSON."""
        return json.dumps(
            {
                "version": _VERSION,
                "instances": {key: _written(memory) for key, memory in self._known.items()},
                "recent": _written(self._recent),
            }
        )

    @classmethod
    def from_json(
        cls, text: str, *, max_instances: int = 1024, max_interval: Seconds | None = None
    ) -> Self:
        """Read what `to_json` wrote; raise `ValueError` for any other text."""
        fields = _fields(parse_json(check.text("text", text).encode()), _FIELDS)
        if fields["version"] != _VERSION:
            raise ValueError(f"a LearnedPoll of version {fields['version']}: this reads {_VERSION}")
        if not isinstance(fields["instances"], dict):
            raise ValueError("instances must be an object")  # noqa: TRY004 - the text is bad
        learned = cls(max_instances=max_instances, max_interval=max_interval)
        known = [*cast("dict[str, object]", fields["instances"]).items()]
        for key, written in known[-max_instances:]:
            learned._known[key] = _read(written)
        learned._recent = _read(fields["recent"])

        return learned

    def __reduce__(self) -> tuple[object, ...]:
        # Pickled as a call with public names, so that no private one is in the pickle.
        read = functools.partial(
            type(self).from_json,
            self.to_json(),
            max_instances=self.max_instances,
            max_interval=self.max_interval,
        )

        return read, ()

    def _memory(self, instance_id: str) -> _Memory:
        return self._known.get(instance_id, self._recent)


def _doubt(times: "PollTimes", pending_at: float, took: float) -> float:
    """Return how much a duration between two moments adds to the doubt, or removes (3)."""
    if took - pending_at <= took * _WIDE:
        return -_REMOVED
    alive, left = times.law.survival(pending_at), times.law.survival(took)
    if alive - left <= alive * _HARDLY:
        return -math.log(_HARDLY)

    return math.log(alive / (alive - left))


def _written(memory: _Memory) -> dict[str, object]:
    return {"durations": [*memory.durations], "doubt": memory.doubt, "count": memory.count}


def _read(written: object) -> _Memory:
    fields = _fields(written, _OF_MEMORY)
    if not isinstance(fields["durations"], list):
        raise ValueError("durations must be an array")  # noqa: TRY004 - the text is bad
    durations = cast("list[object]", fields["durations"])[-_KEPT:]
    try:
        return _Memory(
            deque((_at_most(_LONGEST, "a duration", each) for each in durations), maxlen=_KEPT),
            _at_most(_MAX_DOUBT, "doubt", fields["doubt"]),
            int(_at_most(_MAX_COUNT, "count", check.count("count", fields["count"]))),
        )
    # The text is bad, not the caller's argument.
    except TypeError as error:
        raise ValueError(str(error)) from None


def _at_most(limit: float, name: str, value: object) -> float:
    number = check.number(name, value, at_least=0)
    if number > limit:
        raise ValueError(f"{name} must be at most {limit:g}, not {number:g}")

    return number


def _fields(written: object, names: frozenset[str]) -> dict[str, object]:
    if not isinstance(written, dict) or written.keys() != names:
        raise ValueError("not what LearnedPoll.to_json writes")

    return cast("dict[str, object]", written)
