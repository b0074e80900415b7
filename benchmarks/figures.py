"""What many rounds in several processes come to: medians, quartiles, and a control."""

import statistics
from collections.abc import Callable, Sequence

import attrs

from .rounds import BARE, CONTROL, Round
from .worker import AGAINST, OURS

MAX_OFF = 0.05
"""How far from 1 the control may be."""

Processes = Sequence[Sequence[Round]]
"""The rounds of a case, process by process."""


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


@attrs.frozen(kw_only=True)
class Compared:
    """What one client costs in one case."""

    client: str
    ratio: Spread
    """Its CPU relative to that of bare aiohttp and `json.loads` in the same round."""
    microseconds: float
    """Its CPU for one call on this machine, the median of all rounds."""


@attrs.frozen(kw_only=True)
class Comparison:
    """One case, over all clients that can do it."""

    case: str
    control: Spread
    """One bare aiohttp relative to another one: 1, but for chance."""
    clients: tuple[Compared, ...]
    """The cheapest first."""
    against: Spread | None
    """This library relative to that of the other checkout."""

    @property
    def is_void(self) -> bool:
        """Whether two that are the same came out as different."""
        return abs(self.control.median - 1) > MAX_OFF

    def of(self, client: str) -> Compared:
        """Return what a client costs."""
        (found,) = (each for each in self.clients if each.client == client)

        return found


def compare(case: str, processes: Processes) -> Comparison:
    """Sum up the rounds of a case."""
    names = [name for name in processes[0][0] if name != CONTROL]
    clients = [_compared(name, processes) for name in names]

    return Comparison(
        case=case,
        control=_spread(processes, lambda each: each[CONTROL] / each[BARE]),
        clients=tuple(sorted(clients, key=lambda each: each.ratio.median)),
        against=_spread(processes, lambda each: each[OURS] / each[AGAINST])
        if AGAINST in names
        else None,
    )


def _compared(name: str, processes: Processes) -> Compared:
    # A peer is not in every round.
    among = [[each for each in rounds if name in each] for rounds in processes]

    return Compared(
        client=name,
        ratio=_spread(among, lambda each: each[name] * 2 / (each[BARE] + each[CONTROL])),
        microseconds=statistics.median(each[name] for rounds in among for each in rounds) * 1e6,
    )


def _spread(processes: Processes, ratio: Callable[[Round], float]) -> Spread:
    ratios = [[ratio(each) for each in rounds] for rounds in processes]
    medians = [statistics.median(each) for each in ratios]
    values = [value for each in ratios for value in each]
    # One value has no quartiles.
    lower, _, upper = statistics.quantiles(values * 2 if len(values) == 1 else values, n=4)

    return Spread(
        median=statistics.median(medians),
        lower=lower,
        upper=upper,
        lowest=min(medians),
        highest=max(medians),
    )
