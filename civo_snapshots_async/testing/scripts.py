"""What a fake snapshot reports as time passes.

A *script* is a function of the seconds since the snapshot was created and of the ids of its
volumes. It returns the `status` that FakeCivo then shows, as Civo writes it: `{}` means that there
is no status yet, and `None` that the snapshot does not exist any more. Pass a script to
`FakeCivo.script_next` or `FakeCivo.add_snapshot`, or set `FakeSnapshot.script`.

The functions here make the usual scripts, and take seconds or a `timedelta`; any function with the
same arguments is a script as well. They raise `ValueError` for seconds that can't be used and for
an empty state; the script raises it for a volume that the snapshot does not have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from ._checks import Seconds, seconds

__all__ = [
    "Script",
    "Status",
    "complete_with_pending_volume",
    "completed",
    "completes",
    "fails",
    "reports",
    "stuck",
    "timeline",
    "vanishes",
]

Status: TypeAlias = Mapping[str, object]
"""A snapshot's `status` as in Civo's JSON."""

Script: TypeAlias = Callable[[float, Sequence[str]], Status | None]
"""`(seconds since creation, ids of the volumes)` to a status, or to `None` for "vanished"."""


def completes(takes: Seconds = 2.0, *, message: str = "") -> Script:
    """Complete in `takes` seconds, volume by volume.

    `takes` is divided into equal steps: first no status at all (a Civo engineer: "usually empty
    right after creating"), then `Pending`, then one more volume `Completed` with each step. At the
    end of the last step the snapshot is `Complete`, with the `message` if one is given: an unmerged
    branch of Civo's own client has "Snapshot completed successfully".
    """
    duration = seconds("takes", takes)

    def script(elapsed: float, volumes: Sequence[str]) -> Status:
        if elapsed >= duration:
            return _status("Complete", _all(volumes, "Completed"), message)
        step = int(elapsed * (len(volumes) + 2) / duration)
        if step == 0:
            return {}
        states = ["Completed" if index < step - 1 else "Pending" for index in range(len(volumes))]

        return _status("Pending", zip(volumes, states, strict=True))

    return script


def completed() -> Script:
    """Be complete from the start."""
    return completes(0.0)


def stuck() -> Script:
    """Be `Pending` forever, with each volume `Pending`."""
    return reports("Pending")


def reports(state: str, *, until: Seconds | None = None) -> Script:
    """Be in the given state, any word at all, with each volume `Pending`.

    `until` is the second from which the snapshot is complete; `None` is for never.
    """
    _require_word(state)

    def script(_elapsed: float, volumes: Sequence[str]) -> Status:
        return _status(state, _all(volumes, "Pending"))

    return script if until is None else timeline([(0.0, script), (until, completed())])


def fails(
    volume: str | None = None, *, after: Seconds = 0.0, state: str = "Failed", message: str = ""
) -> Script:
    """Be `Pending` for `after` seconds, then fail with the given state, and message if any.

    With a volume's id that volume fails: the others are `Completed` and the snapshot itself is
    still `Pending`. Without one the snapshot itself fails.
    """
    _require_word(state)
    delay = seconds("after", after)

    def script(elapsed: float, volumes: Sequence[str]) -> Status:
        # Made even before it is due: a volume that does not exist must be an error at once.
        failed = _failed(volume, state, volumes, message)
        return failed if elapsed >= delay else _status("Pending", _all(volumes, "Pending"))

    return script


def complete_with_pending_volume(
    volume: str | None = None, *, until: Seconds | None = None
) -> Script:
    """Be `Complete` with one volume still `Pending`, as in the page's own example.

    `volume` is the id of that volume, by default the last one; `until` is the second from which it
    is completed too, and `None` is for never.
    """

    def script(_elapsed: float, volumes: Sequence[str]) -> Status:
        late = volumes[-1] if volume is None and volumes else volume
        return _status("Complete", _one(volumes, late, "Pending"))

    return script if until is None else timeline([(0.0, script), (until, completed())])


def vanishes(after: Seconds = 0.0) -> Script:
    """Be `Pending` for `after` seconds, then not found: 404 `database_snapshot_not_found`."""
    delay = seconds("after", after)

    def script(elapsed: float, volumes: Sequence[str]) -> Status | None:
        return _status("Pending", _all(volumes, "Pending")) if elapsed < delay else None

    return script


def timeline(moments: Iterable[tuple[Seconds, Status | Script | None]]) -> Script:
    """Be what each of the `moments` holds, from its second until the next one's.

    A moment is a literal status, `None` for "vanished", or another script, whose own time starts
    then. Before the first moment there is no status. Raises `ValueError` unless the seconds rise.
    """
    steps = [(seconds("a moment of the timeline", at), then) for at, then in moments]
    if not steps:
        raise ValueError("a timeline needs at least one moment")
    if any(later <= sooner for (sooner, _), (later, _) in pairwise(steps)):
        raise ValueError("the seconds of a timeline must rise from moment to moment")

    def script(elapsed: float, volumes: Sequence[str]) -> Status | None:
        started = [step for step in steps if step[0] <= elapsed]
        if not started:
            return {}
        at, then = started[-1]

        return then(elapsed - at, volumes) if callable(then) else then

    return script


def _status(state: str, volumes: Iterable[tuple[str, str]], message: str = "") -> Status:
    reports = [{"id": name, "state": word} for name, word in volumes]

    return {"state": state, "volumes": reports, **({"message": message} if message else {})}


def _failed(volume: str | None, state: str, volumes: Sequence[str], message: str) -> Status:
    if volume is None:
        return _status(state, _all(volumes, "Pending"), message)
    return _status("Pending", _one(volumes, volume, state), message)


def _all(volumes: Sequence[str], state: str) -> list[tuple[str, str]]:
    return [(name, state) for name in volumes]


def _one(volumes: Sequence[str], volume: str | None, state: str) -> list[tuple[str, str]]:
    if volume not in volumes:
        raise ValueError(f"the script names volume {volume!r}; the snapshot has {volumes!r}")

    return [(name, state if name == volume else "Completed") for name in volumes]


def _require_word(state: str) -> None:
    if not state.strip():
        raise ValueError("state must have a word in it; a snapshot without status is `{}`")
