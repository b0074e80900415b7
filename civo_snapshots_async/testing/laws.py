"""What must hold of every restore and deletion, checked against what a FakeCivo has recorded.

After a test, or after each step of one::

    laws.check_all(civo, plans=[plan])

A law reads `civo.restores` and `civo.effects`: what took place, whatever was requested and whatever
was reported. `check_all` checks the four of them. Each raises `LawBrokenError` with a sentence for
each restore or deletion that breaks it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from ._civo import FakeCivo
from ._records import FakeRestore

__all__ = [
    "Facts",
    "LawBrokenError",
    "Plan",
    "check_all",
    "only_complete_snapshots_overwrite",
    "only_scratch_instances_are_deleted",
    "plans_overwrite_once",
    "plans_take_safety_snapshots",
]

# 64 random bits, which only the drill that requested the restore knows.
_SCRATCH = re.compile(r"drill-[0-9a-f]{16}", re.ASCII)


class Facts(Protocol):
    """What a law reads of the facts of a plan."""

    @property
    def instance_id(self) -> str:
        """The id of the instance."""
        ...

    @property
    def snapshot_id(self) -> str:
        """The id of the snapshot that is restored."""
        ...


class Plan(Protocol):
    """What a law reads of a plan: a `RestorePlan` is one."""

    @property
    def fingerprint(self) -> str:
        """Two plans that say the same have the same one."""
        ...

    @property
    def safety_prefix(self) -> str:
        """What the names of its safety snapshots begin with."""
        ...

    @property
    def safety_snapshot(self) -> bool:
        """Whether it takes a safety snapshot."""
        ...

    @property
    def overwrite_existing(self) -> bool:
        """Whether it overwrites the instance."""
        ...

    @property
    def facts(self) -> Facts:
        """What it rests on."""
        ...


class LawBrokenError(AssertionError):
    """A law does not hold."""

    @property
    def violations(self) -> tuple[str, ...]:
        """A sentence for each restore or deletion that breaks a law."""
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.violations)


def check_all(civo: FakeCivo, *, plans: Iterable[Plan] = ()) -> None:
    """Check the four laws; `plans` are all that your test has made.

    Two of the laws are about plans: they hold of no plan that is not given. Raises `LawBrokenError`
    with what breaks any of them.
    """
    given = tuple(plans)
    _require(
        chain(
            _incomplete(civo),
            _without_safety(civo, given),
            _more_than_once(civo, given),
            _not_scratch(civo),
        )
    )


def only_complete_snapshots_overwrite(civo: FakeCivo) -> None:
    """No instance is overwritten except by a snapshot of its own that is complete.

    A FakeCivo refuses any other restore, whatever the client does. With `checks_restores=False` it
    does not, and the client alone keeps this law. Raises `LawBrokenError`.
    """
    _require(_incomplete(civo))


def plans_take_safety_snapshots(civo: FakeCivo, plans: Iterable[Plan]) -> None:
    """Every overwrite by a plan's snapshot has a safety snapshot of the plan.

    It is one of the instance, and complete when the restore starts. An overwrite of the plan's
    instance by the plan's snapshot is the plan's, whoever has requested it. A plan that takes none
    may overwrite without. Raises `LawBrokenError`.
    """
    _require(_without_safety(civo, tuple(plans)))


def plans_overwrite_once(civo: FakeCivo, plans: Iterable[Plan]) -> None:
    """No plan overwrites its instance more than once.

    Where several plans restore one snapshot over one instance, there are no more overwrites than
    plans that had their safety snapshots by then. To undo a plan is no overwrite of it. Raises
    `LawBrokenError`.
    """
    _require(_more_than_once(civo, tuple(plans)))


def only_scratch_instances_are_deleted(civo: FakeCivo) -> None:
    """No instance is deleted except the scratch instance of a drill.

    That is one which a restore has made with the host name of a drill, and which has it still when
    it is deleted. `civo.remove_instance` is no request, and not concerned. Raises `LawBrokenError`.
    """
    _require(_not_scratch(civo))


def _require(violations: Iterator[str]) -> None:
    if found := tuple(violations):
        raise LawBrokenError(*found)


def _incomplete(civo: FakeCivo) -> Iterator[str]:
    for restore in _overwrites(civo):
        if restore.from_instance != restore.instance_id:
            yield f"{_described(restore)}: the snapshot is not one of this instance"
        elif restore.from_snapshot not in restore.complete_snapshots:
            yield f"{_described(restore)}: the snapshot was not complete"


def _without_safety(civo: FakeCivo, plans: Sequence[Plan]) -> Iterator[str]:
    for same, overwrites in _by_plan(civo, plans):
        safe, unsafe = _by_safety(same)
        without = [each for each in overwrites if not _with_safety(each, safe)]
        for restore in without[len(unsafe) :]:
            names = " or ".join(f"{plan.safety_prefix}…" for plan in safe)
            yield (
                f"{_described(restore)}, as a plan says: the instance had no complete safety "
                f"snapshot {names}"
            )


def _more_than_once(civo: FakeCivo, plans: Sequence[Plan]) -> Iterator[str]:
    for same, overwrites in _by_plan(civo, plans):
        safe, unsafe = _by_safety(same)
        applied: set[str] = set()
        for number, restore in enumerate(overwrites, 1):
            applied |= _with_safety(restore, safe)
            if number > max(1, len(applied) + len(unsafe)):
                fingerprints = " or ".join(plan.fingerprint for plan in same)
                yield f"{_described(restore)}: overwrite {number} by plan {fingerprints}"


def _not_scratch(civo: FakeCivo) -> Iterator[str]:
    made = {
        (each.instance_id, each.hostname) for each in civo.restores if not each.overwrite_existing
    }
    for effect in civo.effects:
        if effect.kind != "delete_instance":
            continue
        what = f"instance {effect.instance_id} ({effect.hostname}) was deleted at {effect.at:g} s"
        if (effect.instance_id, effect.hostname) not in made:
            yield f"{what}: no restore has made it with this host name"
        elif not _SCRATCH.fullmatch(effect.hostname):
            yield f"{what}: it does not have a drill's host name"


def _overwrites(civo: FakeCivo) -> list[FakeRestore]:
    return [each for each in civo.restores if each.overwrite_existing]


def _by_plan(
    civo: FakeCivo, plans: Sequence[Plan]
) -> Iterator[tuple[Sequence[Plan], Sequence[FakeRestore]]]:
    """Return the plans that overwrite one instance with one snapshot, and those overwrites."""
    same: dict[tuple[str, str], dict[str, Plan]] = {}
    for plan in plans:
        if plan.overwrite_existing:
            key = (plan.facts.instance_id, plan.facts.snapshot_id)
            same.setdefault(key, {})[plan.fingerprint] = plan
    for key, by_fingerprint in same.items():
        overwrites = [
            each for each in _overwrites(civo) if (each.instance_id, each.from_snapshot) == key
        ]
        yield tuple(by_fingerprint.values()), overwrites


def _by_safety(plans: Sequence[Plan]) -> tuple[Sequence[Plan], Sequence[Plan]]:
    safe = [plan for plan in plans if plan.safety_snapshot]

    return safe, [plan for plan in plans if not plan.safety_snapshot]


def _with_safety(restore: FakeRestore, plans: Sequence[Plan]) -> set[str]:
    """Return the fingerprints of the plans whose safety snapshots were complete at a restore."""
    return {
        plan.fingerprint
        for plan in plans
        for name in restore.complete_snapshots.values()
        if name.startswith(plan.safety_prefix)
    }


def _described(restore: FakeRestore) -> str:
    return (
        f"{restore.name} overwrote instance {restore.instance_id} with snapshot "
        f"{restore.from_snapshot} of {restore.from_instance} at {restore.created:g} s"
    )
