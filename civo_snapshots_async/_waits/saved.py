"""A wait that can be resumed in another process: what it waits for, and until when, as text."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Self, cast

import attrs

from .. import _checks as check
from .._checks import Seconds
from .._models import SnapshotRef
from .._strict_json import parse_time, parse_versioned

_VERSION = 1
_KEYS = {"version", "instance_id", "snapshot_id", "region", "deadline"}
# Three names of 128 characters, a time and a thousand volumes are below it.
_MAX_CHARACTERS = 64 * 1024


def _in_utc(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise TypeError(f"deadline must be a datetime or None, not {value!r}")
    if value.utcoffset() is None:
        raise ValueError(f"deadline must be timezone-aware, not {value!r}")

    return value.astimezone(UTC)


def _has_region(_: object, field: "attrs.Attribute[SnapshotRef]", ref: SnapshotRef) -> None:
    # Another session may have another region of its own.
    check.plain_name(f"the region of {field.name}", ref.region)


def _volumes(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"included_volumes must be several ids, not {value!r}")

    return tuple(check.text("included_volumes", each) for each in cast("Iterable[object]", value))


@attrs.frozen(kw_only=True)
class SavedWait:
    """A wait as a value: which snapshot, and until when. It holds no secret, and pickles.

    `session.save_wait(…)` makes one; `session.resume(saved)` resumes it, in any process that has a
    session. The deadline is a date, by the clock of the machine that made it: a machine
    whose clock is a minute ahead of that one gives up a minute sooner.
    """

    ref: SnapshotRef = attrs.field(validator=_has_region)
    """The snapshot, in its region."""
    deadline: datetime | None = attrs.field(converter=_in_utc)
    """When to give up, in UTC; `None` for never."""
    included_volumes: tuple[str, ...] = attrs.field(default=(), converter=_volumes)
    """The volumes that the snapshot's creation named, where the session has seen that.

    Civo shows them only there. A wait that knows them takes a volume without a report for pending,
    here as where it started.
    """

    @classmethod
    def starting(
        cls,
        ref: SnapshotRef,
        *,
        timeout: Seconds | None,
        now: datetime,
        included_volumes: tuple[str, ...] = (),
    ) -> Self:
        """Make one for a wait that starts `now` and takes at most `timeout` seconds."""
        seconds = check.timeout(timeout)
        try:
            deadline = None if seconds is None else now + timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(
                f"timeout must end before the year 10000, not in {seconds:g} seconds; None is for "
                "no limit"
            ) from None

        return cls(ref=ref, deadline=deadline, included_volumes=included_volumes)

    def remaining(self, now: datetime) -> float | None:
        """Return the seconds until the deadline, 0 after it; `None` for no limit."""
        if self.deadline is None:
            return None

        return max((self.deadline - now).total_seconds(), 0.0)

    def to_json(self) -> str:
        """Return it as one line of JSON, for a queue, a database or a trigger's arguments."""
        deadline = self.deadline and self.deadline.isoformat().replace("+00:00", "Z")

        return json.dumps(
            {
                "version": _VERSION,
                "instance_id": self.ref.instance_id,
                "snapshot_id": self.ref.snapshot_id,
                "region": self.ref.region,
                "deadline": deadline,
                # Left out where none are known.
                **({"included_volumes": self.included_volumes} if self.included_volumes else {}),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` returned.

        Raises `ValueError` for any other text: of another version, with a field too many or too
        few, or with an id that could lead elsewhere.
        """
        fields = _fields(text)
        deadline = fields["deadline"]

        try:
            return cls(
                ref=SnapshotRef(
                    *(_string(fields, name) for name in ("instance_id", "snapshot_id", "region"))
                ),
                deadline=None if deadline is None else _time(_string(fields, "deadline")),
                included_volumes=cast("tuple[str, ...]", fields.get("included_volumes", ())),
            )
        except (ValueError, TypeError) as error:
            raise ValueError(f"not a saved wait: {error}") from None


def _fields(text: str) -> dict[str, object]:
    fields = parse_versioned("a saved wait", text, version=_VERSION, max_length=_MAX_CHARACTERS)
    odd_ones = (fields.keys() - {"included_volumes"}) ^ _KEYS
    if odd_ones:
        odd = ", ".join(map(repr, sorted(odd_ones)))
        raise ValueError(f"not a saved wait: it has too many or too few of the fields {odd}")

    return fields


def _string(fields: dict[str, object], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a string, not {value!r}")  # noqa: TRY004 - the text is bad

    return value


def _time(text: str) -> datetime:
    try:
        time = parse_time(text)
    except ValueError as error:
        raise ValueError(f"deadline: {error}: {text!r}") from None
    # Go's zero time, which is `None`, must not become "no limit".
    if time is None:
        raise ValueError(f"deadline must be a date or null, not {text!r}")

    return time
