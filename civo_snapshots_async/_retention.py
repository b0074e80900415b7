"""Which snapshots to keep and which to delete: a plan, without any request."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from . import _checks as check
from ._clock import SystemClock
from ._models import Phase, Snapshot
from ._plain import Plain
from ._public import public

_DAY = timedelta(days=1)
_UNDATED = datetime.min.replace(tzinfo=UTC)


@public
@attrs.frozen(kw_only=True)
class PruneEntry(Plain):
    """The decision on one snapshot."""

    snapshot: Snapshot
    is_deletion: bool
    """Whether the plan deletes the snapshot."""
    reason: str
    """Why it is deleted or kept, in words."""

    def __str__(self) -> str:
        what = "delete" if self.is_deletion else "keep"

        return f"{what} {self.snapshot.name} ({self.snapshot.id}): {self.reason}"


@public
@attrs.frozen(kw_only=True)
class PrunePlan(Plain):
    """Which snapshots of an instance to delete and which to keep, and why; the oldest first."""

    entries: tuple[PruneEntry, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries))

    @property
    def to_delete(self) -> tuple[Snapshot, ...]:
        """The snapshots to delete."""
        return tuple(entry.snapshot for entry in self.entries if entry.is_deletion)

    @property
    def to_keep(self) -> tuple[Snapshot, ...]:
        """The snapshots to keep."""
        return tuple(entry.snapshot for entry in self.entries if not entry.is_deletion)


@public
def plan_prune(
    snapshots: Iterable[Snapshot],
    *,
    keep_last: int | None = None,
    keep_within: timedelta | None = None,
    name_prefix: str | None = None,
    now: datetime | None = None,
) -> PrunePlan:
    """Plan which snapshots of an instance to delete, without any request.

    A complete snapshot is kept if it is one of the newest `keep_last`, or was created within
    `keep_within` before `now` (by default the current time). Give one of the two, or both. With a
    `name_prefix`, snapshots of other names are kept and not counted.

    - The newest complete snapshot is always kept.
    - Pending snapshots are kept, and so are those without a `created_at`.
    - Failed snapshots are not counted, as no restore can use them. They are deleted unless they
      were created within `keep_within`, or are newer than the newest complete one.
    - Snapshots created in the same second count as equally new.

    A list may leave volumes out, so a snapshot in it may be `Complete` with a volume still pending.
    Prune after `wait_until_complete`, so that the newest one is known to be complete.

    Raises `ValueError` or `TypeError` for invalid arguments, and `ValueError` for snapshots of
    several instances or regions.
    """
    rules = _Rules(
        keep_last=keep_last,
        keep_within=keep_within,
        name_prefix=name_prefix,
        now=SystemClock().utcnow() if now is None else now,
    )
    oldest_first = sorted(_of_one_instance(snapshots), key=_age)
    dates = _dates_of_complete(oldest_first, rules)

    return PrunePlan(entries=tuple(rules.judge(snapshot, dates) for snapshot in oldest_first))


def _of_one_instance(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    given = tuple(snapshots)
    homes = sorted({f"{snapshot.instance_id} in {snapshot.region}" for snapshot in given})
    if len(homes) > 1:
        raise ValueError(f"a plan is for one instance, not for several: {', '.join(homes)}")
    counted = Counter(snapshot.id for snapshot in given)
    twice = sorted(snapshot_id for snapshot_id, times in counted.items() if times > 1)
    if twice:
        raise ValueError(f"each snapshot must be given once, not twice: {', '.join(twice)}")

    return given


def _age(snapshot: Snapshot) -> tuple[datetime, str]:
    return snapshot.created_at or _UNDATED, snapshot.id


def _dates_of_complete(snapshots: Iterable[Snapshot], rules: "_Rules") -> list[datetime]:
    """Return when the complete snapshots that the rules concern were created, newest first."""
    dates = (
        snapshot.created_at
        for snapshot in snapshots
        if snapshot.created_at and snapshot.is_complete and rules.concern(snapshot)
    )

    return sorted(dates, reverse=True)


@attrs.frozen(kw_only=True)
class _Rules:
    """The rules of a plan."""

    keep_last: int | None
    keep_within: timedelta | None
    name_prefix: str | None
    now: datetime

    def __attrs_post_init__(self) -> None:
        if self.keep_last is None and self.keep_within is None:
            raise ValueError("no rule for what to keep: give keep_last, keep_within or both")
        if self.keep_last is not None:
            check.count("keep_last", self.keep_last, at_least=1)
        if self.keep_within is not None:
            _check_span("keep_within", self.keep_within)
        if self.name_prefix is not None and not check.text("name_prefix", self.name_prefix):
            raise ValueError("name_prefix must not be empty: omit it for all names")
        check.moment("now", self.now)

    def concern(self, snapshot: Snapshot) -> bool:
        """Return whether the rules apply to this snapshot."""
        return snapshot.name.startswith(self.name_prefix or "")

    def judge(self, snapshot: Snapshot, dates: list[datetime]) -> PruneEntry:
        """Decide on a snapshot; `dates` are those of `_dates_of_complete`."""
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
            return "it has no creation time"
        if snapshot.is_failed:
            reason = self._why_a_failed_one_is_kept(snapshot.created_at, dates)
        else:
            reason = self._why_a_complete_one_is_kept(snapshot.created_at, dates)

        return reason or self._why_a_recent_one_is_kept(snapshot.created_at)

    def _why_a_failed_one_is_kept(self, created_at: datetime, dates: list[datetime]) -> str | None:
        if not dates or created_at >= dates[0]:
            return "it has failed, and no complete one is newer"

        return None

    def _why_a_complete_one_is_kept(
        self, created_at: datetime, dates: list[datetime]
    ) -> str | None:
        if created_at >= dates[0]:
            return "the newest complete one"
        if self.keep_last and created_at >= dates[: self.keep_last][-1]:
            return f"one of the newest {self.keep_last} complete ones"

        return None

    def _why_a_recent_one_is_kept(self, created_at: datetime) -> str | None:
        if self.keep_within and self.now - created_at <= self.keep_within:
            return f"created within {_text_of(self.keep_within)}"

        return None

    def _why_deleted(self, snapshot: Snapshot) -> str:
        if snapshot.is_failed:
            return "it has failed, and a complete one is newer"
        reasons: list[str] = []
        if self.keep_last:
            reasons.append(f"not one of the newest {self.keep_last} complete ones")
        if self.keep_within:
            reasons.append(f"not created within {_text_of(self.keep_within)}")

        return ", ".join(reasons)


def _check_span(argument: str, value: object) -> None:
    if not isinstance(value, timedelta):
        raise TypeError(f"{argument} must be a timedelta, not {value!r}")
    if value <= timedelta(0):
        raise ValueError(f"{argument} must be more than 0, not {value!r}")


def _text_of(span: timedelta) -> str:
    if span % _DAY:
        return str(span)

    return "1 day" if span == _DAY else f"{span.days} days"
