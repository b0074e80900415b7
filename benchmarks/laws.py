"""Laws of how long a snapshot takes, each with its probability to last longer."""

import math
import random
from collections.abc import Callable

import attrs


@attrs.frozen(kw_only=True)
class Law:
    """How long a snapshot takes, in seconds."""

    name: str
    mean: float
    survival: Callable[[float], float]
    """The probability to last longer."""
    draw: Callable[[random.Random], float]
    is_unimodal: bool = True

    @property
    def horizon(self) -> float:
        """The seconds after which hardly any snapshot is still pending."""
        seconds = 1.0
        while self.survival(seconds) > 1e-7:  # noqa: PLR2004 - one of ten million
            seconds *= 1.05

        return seconds


def lognormal(median: float, spread: float) -> Law:
    """Return a law whose logarithm is normal; the spread is relative, if it is small."""
    return Law(
        name=f"lognormal, {median:.0f} s ± {spread:.0%}",
        mean=median * math.exp(spread**2 / 2),
        survival=lambda moment: (
            math.erfc(math.log(moment / median) / spread / math.sqrt(2)) / 2 if moment > 0 else 1.0
        ),
        draw=lambda rng: rng.lognormvariate(math.log(median), spread),
    )


def gamma(shape: int, mean: float) -> Law:
    """Return the law of so many steps in a row, each of which ends at any moment alike."""

    def survival(moment: float) -> float:
        steps = moment / mean * shape
        term = total = 1.0
        for number in range(1, shape):
            term *= steps / number
            total += term

        return math.exp(-steps) * total

    return Law(
        name=f"gamma, {mean:.0f} s ± {shape**-0.5:.0%}",
        mean=mean,
        survival=survival,
        draw=lambda rng: rng.gammavariate(shape, mean / shape),
    )


def either(one: Law, other: Law) -> Law:
    """Return the law of which half follows one law, and half another one."""
    return Law(
        name=f"{one.name} or {other.name}",
        mean=(one.mean + other.mean) / 2,
        survival=lambda moment: (one.survival(moment) + other.survival(moment)) / 2,
        draw=lambda rng: (one if rng.random() < 0.5 else other).draw(rng),  # noqa: PLR2004 - half
        is_unimodal=False,
    )


NARROW = lognormal(300, 0.05)
WIDE = lognormal(300, 0.4)
LAWS = (
    NARROW,
    lognormal(300, 0.15),
    WIDE,
    lognormal(900, 0.1),
    gamma(100, 120),
    gamma(9, 300),
    gamma(4, 120),
    either(lognormal(60, 0.1), lognormal(300, 0.1)),
)
CHANGES = (
    (None, NARROW),
    (NARROW, lognormal(60, 0.05)),
    (NARROW, lognormal(270, 0.05)),
    (NARROW, lognormal(900, 0.05)),
    (lognormal(60, 0.05), lognormal(80, 0.05)),
    (WIDE, lognormal(900, 0.4)),
)
"""What was learned, and what follows it."""
