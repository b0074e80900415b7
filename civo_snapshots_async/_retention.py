"""Which snapshots to keep: a plan, made without any request."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from . import _checks as check
from ._clock import SystemClock
from ._models import Phase, Snapshot
from ._plain import Plain

_DAY = timedelta(days=1)
_UNDATED = datetime.min.replace(tzinfo=UTC)


@attrs.frozen(kw_only=True)
class PruneEntry(Plain):
    """What a plan says of one snapshot."""

    snapshot: Snapshot
    is_deletion: bool
    """Whether the plan is to delete it."""
    reason: str
    """Why, or why not, in words."""

    def __str__(self) -> str:
        what = "delete" if self.is_deletion else "keep"

        return f"{what} {self.snapshot.name} ({self.snapshot.id}): {self.reason}"


@attrs.frozen(kw_only=True)
class PrunePlan(Plain):
    """What would be deleted and what kept, and why; the oldest first."""

    entries: tuple[PruneEntry, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries))

    @property
    def to_delete(self) -> tuple[Snapshot, ...]:
        """The snapshots that would be deleted."""
        return tuple(entry.snapshot for entry in self.entries if entry.is_deletion)

    @property
    def to_keep(self) -> tuple[Snapshot, ...]:
        """All others."""
        return tuple(entry.snapshot for entry in self.entries if not entry.is_deletion)


def plan_prune(
    snapshots: Iterable[Snapshot],
    *,
    keep_last: int | None = None,
    keep_within: timedelta | None = None,
    name_prefix: str | None = None,
    now: datetime | None = None,
) -> PrunePlan:
    """Say which of an instance's snapshots would be deleted, and why; nothing is sent.

    A complete snapshot is kept if any rule keeps it: it is one of the newest `keep_last`, or it was
    made within the time `keep_within` before `now`, which is the present unless given. At least one
    of the two rules has to be given. `name_prefix` leaves alone, and does not count, what is called
    otherwise.

    - The newest complete one is kept, whatever the rules say.
    - Pending ones are left alone, and so are those without a `created_at`.
    - Failed ones count for nothing, as there is nothing to restore from. They are deleted, unless
      they are younger than `keep_within`, or newer than the newest complete one: they then tell
      why there is none.
    - Of several from the same second, none counts as the newer one.

    A list gives summaries: a snapshot in it may look complete with a volume still pending. Prune
    after `wait_until_complete`, and the newest is known to be complete.
    """
    rules = _Rules(
        keep_last=keep_last,
        keep_within=keep_within,
        name_prefix=name_prefix,
        now=SystemClock().utcnow() if now is None else now,
    )
    there = sorted(_of_one_instance(snapshots), key=_age)
    dates = sorted(
        (
            snapshot.created_at
            for snapshot in there
            if snapshot.created_at and snapshot.is_complete and rules.concern(snapshot)
        ),
        reverse=True,
    )

    return PrunePlan(entries=tuple(rules.judge(snapshot, dates) for snapshot in there))


def _of_one_instance(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    there = tuple(snapshots)
    homes = sorted({f"{snapshot.instance_id} in {snapshot.region}" for snapshot in there})
    if len(homes) > 1:
        raise ValueError(f"a plan is for one instance, not for several: {', '.join(homes)}")
    counted = Counter(snapshot.id for snapshot in there)
    twice = sorted(snapshot_id for snapshot_id, times in counted.items() if times > 1)
    if twice:
        raise ValueError(f"each snapshot must be there once, not twice: {', '.join(twice)}")

    return there


def _age(snapshot: Snapshot) -> tuple[datetime, str]:
    return snapshot.created_at or _UNDATED, snapshot.id


@attrs.frozen(kw_only=True)
class _Rules:
    """What was asked to be kept."""

    keep_last: int | None
    keep_within: timedelta | None
    name_prefix: str | None
    now: datetime

    def __attrs_post_init__(self) -> None:
        if self.keep_last is None and self.keep_within is None:
            raise ValueError("nothing says what to keep: give keep_last, keep_within or both")
        if self.keep_last is not None:
            check.count("keep_last", self.keep_last, at_least=1)
        if self.keep_within is not None:
            _check_span("keep_within", self.keep_within)
        if self.name_prefix is not None and not check.text("name_prefix", self.name_prefix):
            raise ValueError("name_prefix must not be empty: leave it out for all names")
        _check_moment("now", self.now)

    def concern(self, snapshot: Snapshot) -> bool:
        """Tell whether the rules are about this snapshot at all."""
        return snapshot.name.startswith(self.name_prefix or "")

    def judge(self, snapshot: Snapshot, dates: list[datetime]) -> PruneEntry:
        """Decide; `dates` are those of the complete snapshots concerned, the newest first."""
        reason = self._why_kept(snapshot, dates)

        return PruneEntry(
            snapshot=snapshot,
            is_deletion=reason is None,
            reason=reason or self._why_deleted(snapshot),
        )

    def _why_kept(self, snapshot: Snapshot, dates: list[datetime]) -> str | None:
        if not self.concern(snapshot):
            return f"its name does not begin with {self.name_prefix!r}"
        if snapshot.phase is Phase.PENDING:
            return f"it is pending: {', '.join(snapshot.verdict.reasons)}"
        if snapshot.created_at is None:
            return "Civo does not say when it was made"
        if snapshot.is_failed:
            reason = self._why_a_failure_is_kept(snapshot.created_at, dates)
        else:
            reason = self._why_a_place_is_kept(snapshot.created_at, dates)

        return reason or self._why_an_age_is_kept(snapshot.created_at)

    def _why_a_failure_is_kept(self, created_at: datetime, dates: list[datetime]) -> str | None:
        if not dates or created_at >= dates[0]:
            return "it has failed, and no complete one is newer"

        return None

    def _why_a_place_is_kept(self, created_at: datetime, dates: list[datetime]) -> str | None:
        if created_at >= dates[0]:
            return "the newest complete one"
        if self.keep_last and created_at >= dates[: self.keep_last][-1]:
            return f"one of the newest {self.keep_last} complete ones"

        return None

    def _why_an_age_is_kept(self, created_at: datetime) -> str | None:
        if self.keep_within and self.now - created_at <= self.keep_within:
            return f"made within {_spoken(self.keep_within)}"

        return None

    def _why_deleted(self, snapshot: Snapshot) -> str:
        if snapshot.is_failed:
            return "it has failed, and a complete one is newer"
        reasons: list[str] = []
        if self.keep_last:
            reasons.append(f"not one of the newest {self.keep_last} complete ones")
        if self.keep_within:
            reasons.append(f"not made within {_spoken(self.keep_within)}")

        return ", ".join(reasons)


def _check_span(argument: str, value: object) -> None:
    if not isinstance(value, timedelta):
        raise TypeError(f"{argument} must be a timedelta, not {value!r}")
    if value <= timedelta(0):
        raise ValueError(f"{argument} must be more than no time at all, not {value!r}")


def _check_moment(argument: str, value: object) -> None:
    if not isinstance(value, datetime):
        raise TypeError(f"{argument} must be a datetime, not {value!r}")
    if value.utcoffset() is None:
        raise ValueError(f"{argument} must be timezone-aware, not {value!r}")


def _spoken(span: timedelta) -> str:
    if span % _DAY:
        return str(span)

    return "1 day" if span == _DAY else f"{span.days} days"
