"""What many rounds in several processes come to: medians, quartiles, and a control."""

import statistics
from collections.abc import Callable, Sequence

import attrs

from .rounds import BARE, CONTROL, Round

MAX_OFF = 0.05
"""How far from 1 the control may be."""


@attrs.frozen(kw_only=True)
class Spread:
    """A median of the processes' medians, and what lies around it."""

    median: float
    lower: float
    """The lower quartile of all rounds."""
    upper: float
    """The upper quartile of all rounds."""
    lowest: float
    """The lowest median of a process."""
    highest: float
    """The highest median of a process."""

    @classmethod
    def of(cls, processes: Sequence[Sequence[float]]) -> "Spread":
        """Sum up what was measured, process by process."""
        medians = [statistics.median(process) for process in processes]
        values = [value for process in processes for value in process]
        # One value has no quartiles.
        lower, _, upper = statistics.quantiles(values * 2 if len(values) == 1 else values, n=4)

        return cls(
            median=statistics.median(medians),
            lower=lower,
            upper=upper,
            lowest=min(medians),
            highest=max(medians),
        )


@attrs.frozen(kw_only=True)
class Compared:
    """What one client costs in one case."""

    client: str
    ratio: Spread
    """Its CPU relative to that of bare aiohttp and `json.loads` in the same round."""
    microseconds: float
    """Its CPU for one unit on this machine, the median of all rounds."""


@attrs.frozen(kw_only=True)
class Comparison:
    """One case, over all clients that can do it."""

    case: str
    control: Spread
    """One bare aiohttp relative to another one: 1, but for chance."""
    clients: tuple[Compared, ...]
    """The cheapest first."""

    @property
    def is_void(self) -> bool:
        """Whether two that are the same came out as different."""
        return abs(self.control.median - 1) > MAX_OFF


def compare(case: str, processes: Sequence[Sequence[Round]]) -> Comparison:
    """Sum up the rounds of a case, process by process."""

    def spread(ratio: Callable[[Round], float]) -> Spread:
        return Spread.of([[ratio(each) for each in rounds] for rounds in processes])

    def compared(name: str) -> Compared:
        every = [each[name] for rounds in processes for each in rounds]

        return Compared(
            client=name,
            ratio=spread(lambda each: each[name] / _bare(each)),
            microseconds=statistics.median(every) * 1e6,
        )

    clients = [compared(name) for name in processes[0][0] if name != CONTROL]

    return Comparison(
        case=case,
        control=spread(lambda each: each[CONTROL] / each[BARE]),
        clients=tuple(sorted(clients, key=lambda each: each.ratio.median)),
    )


def _bare(each: Round) -> float:
    return (each[BARE] + each[CONTROL]) / 2
