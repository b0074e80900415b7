"""Auditing a region by the fewest requests that show the snapshots of every instance.

    account-wide list    1 request, if the server has it
    quota                1 request
    instances            1 request for 1,000 of them
    own lists            1 request an instance, for those that the first list can't decide

1. The account-wide list is read before the instances, so that a snapshot whose instance was made
   in between is not taken for one whose instance is gone.
2. It is used only if each entry names an instance, and at least one of these is listed: the id of
   an instance does not get there by chance. If not, the own lists are read.
3. It decides nothing for an instance with a snapshot whose state is an unknown word: the own list
   decides, as it does for a wait.
4. What every instance would get, such as a refused token, is raised. What one instance gets is a
   violation of that instance.
"""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from . import _checks as check
from ._audit_judgement import AuditRules, has_known_states, judge, without_list
from ._audit_report import AuditEntry, AuditReport
from ._clock import Clock
from ._errors import (
    ApiError,
    CivoSnapshotsError,
    DecodeError,
    InstanceNotFoundError,
    RateLimitedError,
    is_general,
)
from ._http import endpoints
from ._http.caller import Caller
from ._instances import list_instances
from ._models import Instance, Snapshot, SnapshotQuota
from ._sentences import counted

_MAX_CONCURRENT = 10

_Snapshots = tuple[Snapshot, ...]


def names_of(instances: Iterable[str | Instance] | None) -> tuple[str, ...] | None:
    """Return the ids or host names that were given, each once; `None` for all instances."""
    if instances is None:
        return None
    if isinstance(instances, str):
        raise TypeError(f"instances must be several, not the one string {instances!r}")
    given = [each.id if isinstance(each, Instance) else each for each in instances]
    names = {check.plain_name("an instance", name).casefold(): name for name in given}
    if not names:
        raise ValueError("instances is empty: an audit of none would find nothing wrong")

    return tuple(names.values())


async def audit(
    caller: Caller, clock: Clock, region: str, names: tuple[str, ...] | None, rules: AuditRules
) -> AuditReport:
    """Read what there is, and judge it."""
    reader = _Reader(caller, region)
    account = await reader.account_list()
    quota = await reader.quota()
    instances = await list_instances(caller, region)
    subjects = _subjects(names, instances)
    by_id = _by_instance(account, instances)
    unclear = [each.instance for each in subjects if each.is_there and not _covers(by_id, each)]
    own = await reader.own_lists(unclear)
    read = _Read(
        account=account,
        by_id=by_id,
        own=own,
        ids=frozenset(each.id.casefold() for each in instances),
        is_all=names is None,
    )
    now = clock.utcnow()
    entries = tuple(read.entry(each, region, rules, now) for each in subjects)

    return AuditReport(
        region=region,
        made_at=now,
        entries=entries,
        orphans=read.orphans(),
        quota=quota,
        notes=(*reader.notes, *read.notes(entries)),
    )


@attrs.frozen
class _Subject:
    """An instance to audit, or what was given where there is none."""

    instance: Instance
    is_there: bool = True

    @property
    def key(self) -> str:
        return self.instance.id.casefold()


def _subjects(
    names: tuple[str, ...] | None, instances: tuple[Instance, ...]
) -> tuple[_Subject, ...]:
    if names is None:
        ordered = sorted(instances, key=lambda each: (each.hostname.casefold(), each.id))
        return tuple(map(_Subject, ordered))
    subjects = {each.key: each for name in names for each in _named(name, instances)}

    return tuple(subjects.values())


def _named(name: str, instances: tuple[Instance, ...]) -> tuple[_Subject, ...]:
    """Return the instance with that id, else all with that host name, else that there is none."""
    for attribute in ("id", "hostname"):
        found = [x for x in instances if getattr(x, attribute).casefold() == name.casefold()]
        if found:
            return tuple(map(_Subject, found))

    return (_Subject(Instance(id=name), is_there=False),)


def _by_instance(
    account: _Snapshots | None, instances: tuple[Instance, ...]
) -> dict[str, list[Snapshot]] | None:
    """Return the snapshots by the ids of their instances; `None` if these are not known."""
    if account is None:
        return None
    lists: dict[str, list[Snapshot]] = {each.id.casefold(): [] for each in instances}
    named = {snapshot.instance_id.casefold() for snapshot in account}
    if account and ("" in named or lists.keys().isdisjoint(named)):
        return None
    for snapshot in account:
        lists.setdefault(snapshot.instance_id.casefold(), []).append(snapshot)

    return lists


def _covers(by_id: dict[str, list[Snapshot]] | None, subject: _Subject) -> bool:
    return by_id is not None and all(map(has_known_states, by_id[subject.key]))


class _Reader:
    """Sends the requests of an audit, and notes what they did not give."""

    def __init__(self, caller: Caller, region: str) -> None:
        self.notes: list[str] = []
        self._caller = caller
        self._region = region
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)
        self._ended_by: CivoSnapshotsError | None = None

    async def account_list(self) -> _Snapshots | None:
        """Return the snapshots of all instances; `None` where the server has no such list."""
        try:
            return await self._caller.call(endpoints.list_account_snapshots(region=self._region))
        except (ApiError, DecodeError) as error:
            # Neither would the other lists be read, nor should they after a 429.
            if is_general(error) or isinstance(error, RateLimitedError):
                raise
            self.notes.append(f"the account-wide list could not be used: {error}")
            return None

    async def quota(self) -> SnapshotQuota | None:
        """Return the quota; `None` where it can't be read."""
        try:
            return await self._caller.call(endpoints.get_quota(region=self._region))
        except CivoSnapshotsError as error:
            if is_general(error):
                raise
            self.notes.append(f"the quota could not be read: {error}")
            return None

    async def own_lists(self, instances: list[Instance]) -> dict[str, "_OwnList"]:
        """Return the own list of each instance, by its id; some at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._own_list(each)) for each in instances]
        if self._ended_by is not None:
            raise self._ended_by

        return {
            instance.id.casefold(): task.result()
            for instance, task in zip(instances, tasks, strict=True)
        }

    async def _own_list(self, instance: Instance) -> "_OwnList":
        async with self._slots:
            if self._ended_by is not None:
                return _OwnList(error=self._ended_by)
            try:
                request = endpoints.list_snapshots(instance.id, region=self._region)
                return _OwnList(snapshots=await self._caller.call(request))
            except CivoSnapshotsError as error:
                if is_general(error):
                    self._ended_by = error
                return _OwnList(error=error)


@attrs.frozen(kw_only=True)
class _OwnList:
    """An instance's own list, or why there is none."""

    snapshots: _Snapshots = ()
    error: CivoSnapshotsError | None = None

    @property
    def readable(self) -> _Snapshots | None:
        """What could be read of it; `None` for nothing."""
        if self.error is None:
            return self.snapshots
        if isinstance(self.error, DecodeError) and self.error.unreadable:
            return self.error.snapshots

        return None


@attrs.frozen(kw_only=True)
class _Read:
    """All that was read."""

    account: _Snapshots | None
    by_id: dict[str, list[Snapshot]] | None
    own: dict[str, _OwnList]
    ids: frozenset[str]
    """Those of all instances that are there."""
    is_all: bool
    """Whether all of them are audited."""

    def entry(self, subject: _Subject, region: str, rules: AuditRules, now: datetime) -> AuditEntry:
        """Judge one instance by its own list where that was read, else by the account-wide one."""
        instance, own = subject.instance, self.own.get(subject.key)
        if not subject.is_there or (own and isinstance(own.error, InstanceNotFoundError)):
            return without_list("not_found", f"there is no such instance in {region}", instance)
        if own is None:
            # Whatever has no own list is in the account-wide one.
            listed = (self.by_id or {})[subject.key]
            return judge(instance, listed, rules, now, "account")
        if own.readable is None:
            reason = f"its snapshots could not be listed: {own.error}"
            return without_list("unknown", reason, instance, own.error)
        entry = judge(instance, own.readable, rules, now, "instance")

        return attrs.evolve(entry, error=own.error)

    def orphans(self) -> _Snapshots | None:
        """Return the snapshots of instances that are gone; `None` where no list shows them."""
        if self.account is None:
            return None
        if self.by_id is not None:
            return tuple(s for s in self.account if s.instance_id.casefold() not in self.ids)
        if not self.is_all or any(each.error for each in self.own.values()):
            return None
        seen = {snapshot.id.casefold() for own in self.own.values() for snapshot in own.snapshots}

        return tuple(each for each in self.account if each.id.casefold() not in seen)

    def notes(self, entries: tuple[AuditEntry, ...]) -> Iterator[str]:
        """Say what the lists left open."""
        if not self.ids:
            yield "there is no instance in the region"
        if self.account and self.by_id is None:
            yield "the account-wide list does not name the instances: their own lists were read"
        for entry in entries:
            if isinstance(entry.error, DecodeError) and entry.error.unreadable:
                count = counted(len(entry.error.unreadable), "snapshot")
                yield f"{entry.instance_id}: {count} could not be read, and not judged"
        bare = sum(entry.newest is not None and not entry.newest.volumes for entry in entries)
        if bare:
            yield (
                f"of {counted(bare, 'instance')} the newest complete snapshot was listed without "
                "its volumes: one of them may still be pending"
            )
