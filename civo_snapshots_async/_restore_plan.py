"""A restore as a plan: its facts and what it does, as one value that a person can approve.

A plan is made by reads only. Another person may approve it, and another process may apply it. Its
*facts* have to be the same by then:

1. What the text of a plan says about Civo is a fact, and nothing else is. To approve the text is to
   approve the facts; a change of anything else does not make the text untrue.
2. Of an overwrite: the instance's id, host name and status; the snapshot's id, name, date, the ids
   of its volumes, and that it is complete; the ids of the snapshots that are not older than it. So
   a newer snapshot is a change: a person who approved "2 newer snapshots are not used" may want it.
3. Of a restore into a new instance: the source's id, host name and network, in which the new one
   will be; the snapshot, as above; the ids of the instances that have the new host name already.
   Nothing is destroyed, so that neither the status nor a newer snapshot matters.
4. No facts are: how a state is spelled, and what a snapshot's creation named (one process knows
   it, another one does not); its description and message; snapshots that are older; what is on the
   disk, which no call shows.
5. The plan's own safety snapshots, known by their names, are never facts: applying it makes them.
6. The fingerprint is of the facts, of what is to be done, and of the region. It is not of
   `made_at`: two plans for the same under the same facts have one fingerprint, whenever they were
   made, so that to plan once more and compare shows whether anything has changed.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, Self

import attrs

from . import _checks as check
from ._plain import Plain, from_plain
from ._public import public
from ._strict_json import parse_versioned

_VERSION = 1
# A thousand newer snapshots are well below it.
_MAX_CHARACTERS = 256 * 1024
# As long as git's: with its prefix and suffix, a name of at most 63 characters.
_FINGERPRINT_DIGITS = 40
_SHOWN_DIGITS = 6
_DAY = 86400
# Up to so many seconds, an age is given in this unit.
_UNITS = ((1, "s", 120), (60, "min", 7200), (3600, "h", 3 * _DAY))

# How each fact that is one value is called.
_VALUES = {
    "instance_id": "the instance's id",
    "hostname": "the instance's host name",
    "status": "the instance's status",
    "network_id": "the instance's network",
    "snapshot_id": "the snapshot's id",
    "snapshot_name": "the snapshot's name",
    "created_at": "the snapshot's date",
}
# And each that is a set of ids.
_SETS = {
    "volumes": "volume {} of the snapshot",
    "newer": "newer snapshot {}",
    "same_hostname": "instance {}, which has the new host name,",
}


def _texts(argument: str, value: tuple[str, ...]) -> None:
    for each in value:
        check.text(argument, each)


def _address(value: str | IPv4Address | None) -> str | None:
    return None if value is None else check.ipv4("private_ip", value)


def _or_none(rule: Any) -> Any:  # noqa: ANN401 - what attrs takes for a validator
    return attrs.validators.optional(check.field(rule))


@public
@attrs.frozen(kw_only=True)
class RestoreFacts(Plain):
    """What a plan rests on, as Civo reported it."""

    instance_id: str = attrs.field(validator=check.field(check.plain_name))
    """The snapshot's instance, by its id."""
    hostname: str = attrs.field(validator=check.field(check.text))
    """Its host name."""
    status: str | None = attrs.field(default=None, validator=_or_none(check.text))
    """Its status, where it is to be overwritten."""
    network_id: str | None = attrs.field(default=None, validator=_or_none(check.text))
    """Its network, where a new instance will stand in it and Civo shows it."""
    snapshot_id: str = attrs.field(validator=check.field(check.plain_name))
    snapshot_name: str = attrs.field(validator=check.field(check.text))
    created_at: datetime | None = attrs.field(default=None, validator=_or_none(check.moment))
    """When the snapshot was made; `None` where Civo gives no time."""
    volumes: tuple[str, ...] = attrs.field(default=(), validator=check.field(_texts))
    """The ids of the volumes that Civo reports in it, sorted."""
    newer: tuple[str, ...] = attrs.field(default=(), validator=check.field(_texts))
    """The ids of the instance's snapshots that are not known to be older, sorted."""
    same_hostname: tuple[str, ...] = attrs.field(default=(), validator=check.field(_texts))
    """The ids of the instances that have the new host name already, sorted."""

    def differences(self, now: "RestoreFacts") -> tuple[str, ...]:
        """Say in words what is different now; ids, names and states are compared without case."""
        return (*self._changed_values(now), *self._changed_sets(now))

    def _changed_values(self, now: "RestoreFacts") -> Iterator[str]:
        for field, what in _VALUES.items():
            before, after = getattr(self, field), getattr(now, field)
            if _folded(before) != _folded(after):
                yield f"{what} was {_shown(before)} and is {_shown(after)}"

    def _changed_sets(self, now: "RestoreFacts") -> Iterator[str]:
        for field, what in _SETS.items():
            before, after = _by_key(getattr(self, field)), _by_key(getattr(now, field))
            for key in sorted(before.keys() - after.keys()):
                yield f"{what.format(_shown(before[key]))} is gone"
            for key in sorted(after.keys() - before.keys()):
                yield f"{what.format(_shown(after[key]))} is new"


@public
@attrs.frozen(kw_only=True)
class RestorePlan(Plain):
    """What a restore will do, and the facts that it rests on. It holds no secret, and pickles.

    `session.plan_restore(…)` makes one, `print(plan)` shows what is to be approved, and
    `session.apply_restore(plan)` does it, in any process that has a session.
    """

    region: str = attrs.field(validator=check.field(check.plain_name))
    """The code of the region."""
    overwrite_existing: bool = attrs.field(validator=check.field(check.boolean))
    """Whether the instance is overwritten; if not, a new one is made."""
    hostname: str | None = attrs.field(default=None, validator=_or_none(check.hostname))
    """The host name of a new instance; `None` where Civo makes one up."""
    private_ip: str | None = attrs.field(default=None, converter=_address)
    description: str | None = attrs.field(default=None, validator=_or_none(check.text))
    safety_snapshot: bool = attrs.field(validator=check.field(check.boolean))
    """Whether a snapshot of the instance is taken before it is overwritten."""
    made_at: datetime = attrs.field(validator=check.field(check.moment))
    """When it was made, by the clock of the machine that made it."""
    facts: RestoreFacts
    """What it rests on."""

    def __attrs_post_init__(self) -> None:
        if self.safety_snapshot and not self.overwrite_existing:
            raise ValueError("a plan for a new instance overwrites nothing: no safety snapshot")
        if self.hostname is not None and self.overwrite_existing:
            raise ValueError("a plan overwrites an instance or gives a new one a hostname")

    def __str__(self) -> str:
        return "\n".join(_overwriting(self) if self.overwrite_existing else _restoring(self))

    @property
    def fingerprint(self) -> str:
        """40 hexadecimal digits: a hash of all that the plan says but for `made_at`."""
        said = self._said()
        del said["made_at"]

        return hashlib.sha256(_canonical(said).encode()).hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def safety_prefix(self) -> str:
        """What the names of its safety snapshots begin with: `undo-`, the fingerprint, `-`."""
        return f"undo-{self.fingerprint}-"

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that is ready for JSON, with its `fingerprint`."""
        return {**self._said(), "fingerprint": self.fingerprint}

    def to_json(self) -> str:
        """Return it as one line of JSON, for a queue, a database or a message to approve."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, and nothing else.

        Raises `ValueError` for any other text: of another version, with a field too many or too
        few, with an id that could lead elsewhere, or changed since, so that the fingerprint does
        not fit. The fingerprint detects a slip; whoever wants to deceive can write a new one. Show
        the approver what you have read, or compare fingerprints.
        """
        fields = parse_versioned(
            "a restore plan", text, version=_VERSION, max_length=_MAX_CHARACTERS
        )
        fingerprint = fields.pop("fingerprint", None)
        try:
            plan = from_plain({key: fields[key] for key in fields if key != "version"}, cls)
        except ValueError as error:
            raise ValueError(f"not a restore plan: {error}") from None
        # To write it again and compare finds each field that is too many or of another kind.
        if _canonical(plan._said()) != _canonical(fields):  # noqa: SLF001 - of this class
            raise ValueError("not a restore plan: it is not as to_json writes it")
        if fingerprint != plan.fingerprint:
            raise ValueError(
                f"not a restore plan: its fingerprint is {fingerprint!r}, and that of what it says "
                f"is {plan.fingerprint!r}: it was changed after it was made"
            )

        return plan

    def _said(self) -> dict[str, Any]:
        return {"version": _VERSION, **super().to_dict()}


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _overwriting(plan: RestorePlan) -> Iterator[str]:
    facts = plan.facts
    what = f"{_shown(facts.hostname)} ({_shown(facts.status)})"
    address = f" It gets the address {plan.private_ip}." if plan.private_ip else ""
    yield f"Overwrites {what} with {_shown(facts.snapshot_name)}, {_state(plan)}.{address}"
    count = len(facts.newer)
    unused = f"; {count} newer snapshot{'s are' if count > 1 else ' is'} not used" if count else ""
    safety = "Takes no safety snapshot: it can't be undone."
    if plan.safety_snapshot:
        short = plan.safety_prefix[: len("undo-") + _SHOWN_DIGITS]
        safety = f"First takes the safety snapshot {short}."
    yield f"Lost: everything written since{unused}. {safety}"


def _restoring(plan: RestorePlan) -> Iterator[str]:
    facts = plan.facts
    what = f"{_shown(facts.snapshot_name)} of {_shown(facts.hostname)}"
    yield f"Restores {what}, {_state(plan)}, into a new instance."
    network = _shown(facts.network_id) if facts.network_id else "of the old one"
    address = f"the address {plan.private_ip}" if plan.private_ip else "an address of Civo's choice"
    hostname = "a host name of Civo's choice"
    if plan.hostname is not None:
        taken = ", ".join(map(_shown, facts.same_hostname))
        is_taken = f"taken by {taken}: Civo may refuse it" if taken else "not taken"
        hostname = f"the host name {plan.hostname} ({is_taken})"
    yield f"It gets {hostname}, the network {network} and {address}."


def _state(plan: RestorePlan) -> str:
    count = len(plan.facts.volumes)
    volumes = f" ({count} volume{'s' if count > 1 else ''})" if count else ""

    return f"complete, taken {_age(plan)}{volumes}"


def _age(plan: RestorePlan) -> str:
    if plan.facts.created_at is None:
        return "at a time that Civo does not give"
    # Civo's clock may be ahead of ours.
    seconds = max(int((plan.made_at - plan.facts.created_at) / timedelta(seconds=1)), 0)
    for unit, word, below in _UNITS:
        if seconds < below:
            return f"{seconds // unit} {word} ago"

    return f"{seconds // _DAY} days ago"


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _by_key(ids: tuple[str, ...]) -> dict[str, str]:
    return {each.casefold(): each for each in ids}


def _shown(value: object) -> str:
    """Return it on one line: no name of a server's may pass for a sentence of the plan."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = "not known" if value is None else str(value)

    return text if text and text.isprintable() else ascii(text)
