"""The account behind FakeCivo: what it holds, and what each call does to it."""

import itertools
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import get_args

import attrs

from . import _checks as check
from ._calendar import Calendar
from ._errors import (
    CivoError,
    being_deleted,
    duplicate_hostname,
    in_process,
    in_use,
    instance_busy,
    instance_not_found,
    not_complete,
    private_ip_taken,
    quota_reached,
    snapshot_not_found,
)
from ._networks import addresses, firewall_id, network_id
from ._phases import is_complete, is_terminal
from ._records import Effect, EffectKind, FakeInstance, FakeRestore, FakeSnapshot
from ._spelling import Spelling
from .scripts import Script, completes

__all__ = ["Account", "RestoreOrder"]

_MAY_BE_SNAPSHOTTED = {"ACTIVE", "SHUTOFF"}


@attrs.frozen(kw_only=True)
class RestoreOrder:
    """What the body of a restore requests."""

    hostname: str | None
    private_ip: str | None
    description: str
    overwrite_existing: bool


def _check_quota(_: object, __: object, quota: int | None) -> None:
    if quota is not None and quota < 0:
        raise ValueError(f"snapshot_quota must be 0 or more, not {quota!r}")


@attrs.define(kw_only=True, eq=False)
class Account:
    """Instances, their snapshots, and the restores; a call that raises `CivoError` changes nothing.

    Its numbers are in seconds of the calendar's clock.
    """

    calendar: Calendar
    takes: float
    deletes_take: float
    spelling: Spelling = attrs.field(
        validator=check.field(check.one_of, allowed=get_args(Spelling))
    )
    snapshot_quota: int | None = attrs.field(validator=_check_quota)
    checks_restores: bool
    instances: dict[str, FakeInstance] = attrs.field(factory=dict[str, FakeInstance], init=False)
    restores: list[FakeRestore] = attrs.field(factory=list[FakeRestore], init=False)
    effects: list[Effect] = attrs.field(factory=list[Effect], init=False)
    _snapshots: dict[str, list[FakeSnapshot]] = attrs.field(
        factory=dict[str, list[FakeSnapshot]], init=False
    )
    _of_deleted_instances: list[FakeSnapshot] = attrs.field(factory=list[FakeSnapshot], init=False)
    _scripts: dict[str, deque[Script]] = attrs.field(factory=dict[str, deque[Script]], init=False)
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _addresses: Iterator[tuple[str, str]] = attrs.field(factory=addresses, init=False)

    def find_instance(self, name: str, region: str | None = None) -> FakeInstance:
        """Return an instance by its id or host name, of one region or of any."""
        for instance in self.instances.values():
            if name in {instance.id, instance.hostname} and region in {None, instance.region}:
                return instance

        raise instance_not_found(name)

    def find_snapshot(self, instance: FakeInstance, name: str) -> FakeSnapshot:
        """Return a snapshot by its id, else the newest of that name."""
        held = self._snapshots[instance.id]
        found = _newest_first([each for each in held if name in {each.id, each.name}])
        if not found:
            raise snapshot_not_found(name)

        return next((each for each in found if each.id == name), found[0])

    def find_to_restore(self, instance: FakeInstance, name: str) -> FakeSnapshot:
        """Return a snapshot as a restore names it: unless that is checked, of any instance."""
        try:
            return self.find_snapshot(instance, name)
        except CivoError:
            others = [each for each in self.all_snapshots() if each.id == name]
            if self.checks_restores or not others:
                raise

            return others[0]

    def snapshots(self, instance: FakeInstance) -> tuple[FakeSnapshot, ...]:
        """Return the snapshots of an instance that have not vanished, the newest first."""
        return _newest_first(self._snapshots[instance.id])

    def all_snapshots(self) -> tuple[FakeSnapshot, ...]:
        """Return the snapshots of all instances, deleted ones included, the newest first."""
        return _newest_first(
            [*self._of_deleted_instances, *chain.from_iterable(self._snapshots.values())]
        )

    def has_private_ip(
        self, address: str, network: str, *, but: FakeInstance | None = None
    ) -> bool:
        """Return whether an instance of a network, apart from `but`, has an address."""
        return any(
            (each.private_ip, each.network_id) == (address, network)
            for each in self.instances.values()
            if each is not but
        )

    def add_instance(
        self,
        instance_id: str,
        *,
        hostname: str,
        region: str,
        volumes: tuple[str, ...],
        private_ip: str | None,
    ) -> FakeInstance:
        """Add an instance to the network of its region."""
        own_ip, public_ip = self._own_addresses()

        return self._hold(
            FakeInstance(
                id=instance_id,
                hostname=hostname,
                region=region,
                volumes=volumes,
                private_ip=private_ip or own_ip,
                public_ip=public_ip,
                network_id=network_id(region),
                firewall_id=firewall_id(region),
                created=self.calendar.now(),
                calendar=self.calendar,
            )
        )

    def _own_addresses(self) -> tuple[str, str]:
        taken = {each.private_ip for each in self.instances.values()}

        return next(pair for pair in self._addresses if pair[0] not in taken)

    def _hold(self, instance: FakeInstance) -> FakeInstance:
        self.instances[instance.id] = instance
        self._snapshots[instance.id] = []
        self._scripts[instance.id] = deque()

        return instance

    def add_snapshot(
        self,
        instance: FakeInstance,
        snapshot_id: str | None = None,
        *,
        name: str | None,
        description: str,
        script: Script,
        created: float | None = None,
    ) -> FakeSnapshot:
        """Add a snapshot of an instance, created now by default, even beside one in process."""
        number = next(self._numbers)
        snapshot = FakeSnapshot(
            id=_id(number) if snapshot_id is None else snapshot_id,
            name=f"snapshot-{number}" if name is None else name,
            description=description,
            instance_id=instance.id,
            region=instance.region,
            volumes=instance.volumes,
            disk=instance.disk,
            created=self.calendar.now() if created is None else created,
            script=script,
            spelling=self.spelling,
            calendar=self.calendar,
        )
        self._snapshots[instance.id].append(snapshot)

        return snapshot

    def script_next(self, instance: FakeInstance, scripts: tuple[Script, ...]) -> None:
        """Queue scripts for the next snapshots."""
        for script in scripts:
            script(0.0, instance.volumes)
        self._scripts[instance.id].extend(scripts)

    def create(self, instance: FakeInstance, *, name: str | None, description: str) -> FakeSnapshot:
        """Start a snapshot, unless the instance is busy or the quota is reached."""
        if instance.status not in _MAY_BE_SNAPSHOTTED:
            raise instance_busy(instance.id, instance.status)
        if any(_is_in_process(snapshot) for snapshot in self.snapshots(instance)):
            raise in_process()
        if self.snapshot_quota is not None and len(self.all_snapshots()) >= self.snapshot_quota:
            raise quota_reached(self.snapshot_quota)
        scripts = self._scripts[instance.id]
        script = scripts.popleft() if scripts else completes(self.takes)
        snapshot = self.add_snapshot(instance, name=name, description=description, script=script)
        self._took_effect("create", instance, snapshot)

        return snapshot

    def update(
        self,
        instance: FakeInstance,
        snapshot: FakeSnapshot,
        *,
        name: str | None,
        description: str | None,
    ) -> None:
        """Set what is given; unlike a name, a description may become empty."""
        if name is None and description is None:
            return
        _require_kept(snapshot)
        snapshot.name = snapshot.name if name is None else name
        snapshot.description = snapshot.description if description is None else description
        self._took_effect("update", instance, snapshot)

    def restore(
        self, instance: FakeInstance, snapshot: FakeSnapshot, order: RestoreOrder
    ) -> FakeRestore:
        """Write a complete snapshot's disk to its instance or to a new one.

        Unless restores are checked, it may be incomplete, or another instance's.
        """
        _require_kept(snapshot)
        if self.checks_restores and not is_complete(snapshot.status or {}):
            raise not_complete(snapshot.id)
        if order.hostname is not None and self._is_taken(order.hostname):
            raise duplicate_hostname(order.hostname)
        # Civo's page: with a host name the instance may not be overwritten. Here it is not, so that
        # the test of a client that sends both fails.
        overwrites = order.overwrite_existing and order.hostname is None
        if order.private_ip is not None and self.has_private_ip(
            order.private_ip, instance.network_id, but=instance if overwrites else None
        ):
            raise private_ip_taken(order.private_ip)
        number = next(self._numbers)
        complete = self._complete_snapshots(instance)
        target = instance if overwrites else self._new_instance(instance, snapshot, order, number)
        restore = self._start_restore(
            target, snapshot, order, number=number, overwrites=overwrites, complete=complete
        )
        self.restores.append(restore)
        self._took_effect("restore", instance, snapshot)

        return restore

    def _complete_snapshots(self, instance: FakeInstance) -> Mapping[str, str]:
        kept = [each for each in self.snapshots(instance) if each.gone_at is None]

        return MappingProxyType(
            {each.id: each.name for each in kept if is_complete(each.status or {})}
        )

    def delete(self, instance: FakeInstance, snapshot: FakeSnapshot) -> None:
        """Start to delete a snapshot, unless a restore reads it or it is being deleted."""
        if snapshot.gone_at is not None:
            return
        if any(self._reads(restore, snapshot) for restore in self.restores):
            raise in_use()
        snapshot.gone_at = self.calendar.now() + self.deletes_take
        self._took_effect("delete", instance, snapshot)
        self._forget_gone(instance)

    def _forget_gone(self, instance: FakeInstance) -> None:
        now = self.calendar.now()
        self._snapshots[instance.id] = [
            each
            for each in self._snapshots[instance.id]
            if each.gone_at is None or now < each.gone_at
        ]

    def delete_instance(self, instance: FakeInstance) -> None:
        """Delete an instance; its snapshots stay in the account."""
        self.remove_instance(instance)
        self._took_effect("delete_instance", instance)

    def remove_instance(self, instance: FakeInstance) -> None:
        """Remove an instance without a request."""
        del self.instances[instance.id]
        del self._scripts[instance.id]
        self._of_deleted_instances += self._snapshots.pop(instance.id)

    def _took_effect(
        self, kind: EffectKind, instance: FakeInstance, snapshot: FakeSnapshot | None = None
    ) -> None:
        self.effects.append(
            Effect(
                kind=kind,
                instance_id=instance.id,
                hostname=instance.hostname,
                snapshot_id=snapshot.id if snapshot else "",
                snapshot_name=snapshot.name if snapshot else "",
                at=self.calendar.now(),
            )
        )

    def _new_instance(
        self, source: FakeInstance, snapshot: FakeSnapshot, order: RestoreOrder, number: int
    ) -> FakeInstance:
        own_ip, public_ip = self._own_addresses()

        # In the same network, by the page. That the rest is the same is our inference, its
        # `source_id` included: no source of Civo's says that this is the snapshot.
        return self._hold(
            attrs.evolve(
                source,
                id=_id(number),
                hostname=order.hostname or f"restored-{number}",
                volumes=tuple(f"{volume}-restored-{number}" for volume in snapshot.volumes),
                private_ip=own_ip,
                public_ip=public_ip,
                created=self.calendar.now(),
            )
        )

    def _start_restore(
        self,
        target: FakeInstance,
        snapshot: FakeSnapshot,
        order: RestoreOrder,
        *,
        number: int,
        overwrites: bool,
        complete: Mapping[str, str],
    ) -> FakeRestore:
        created = self.calendar.now()
        target.disk = snapshot.disk
        target.busy_until = created + self.takes
        target.private_ip = order.private_ip or target.private_ip

        return FakeRestore(
            id=f"restore-{number}",
            name=f"restore-operation-{number}",
            hostname=target.hostname,
            description=order.description,
            from_instance=snapshot.instance_id,
            from_snapshot=snapshot.id,
            instance_id=target.id,
            private_ip=target.private_ip,
            overwrite_existing=overwrites,
            disk=snapshot.disk,
            created=created,
            completed=target.busy_until,
            complete_snapshots=complete,
        )

    def _reads(self, restore: FakeRestore, snapshot: FakeSnapshot) -> bool:
        source = (restore.from_instance, restore.from_snapshot)
        is_source = source == (snapshot.instance_id, snapshot.id)

        return is_source and self.calendar.now() < restore.completed

    def _is_taken(self, hostname: str) -> bool:
        return any(hostname in {each.id, each.hostname} for each in self.instances.values())


def _is_in_process(snapshot: FakeSnapshot) -> bool:
    # One that is being deleted does not prevent another: our inference.
    return snapshot.gone_at is None and not is_terminal(snapshot.status or {})


def _require_kept(snapshot: FakeSnapshot) -> None:
    if snapshot.gone_at is not None:
        raise being_deleted(snapshot.id)


def _newest_first(held: Sequence[FakeSnapshot]) -> tuple[FakeSnapshot, ...]:
    # Of two that were created at the same time, the one that was added last comes first.
    existing = [snapshot for snapshot in reversed(held) if snapshot.status is not None]

    return tuple(sorted(existing, key=lambda snapshot: snapshot.created, reverse=True))


def _id(number: int) -> str:
    # In the shape of Civo's ids, and the same in each run of a test.
    return str(uuid.UUID(int=number, version=4))
