"""What FakeCivo holds: instances, snapshots, restores."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from ._calendar import Calendar
from ._spelling import Spelling, spelled
from .scripts import Script, Status

__all__ = ["Effect", "EffectKind", "FakeInstance", "FakeRestore", "FakeSnapshot"]

EffectKind: TypeAlias = Literal["create", "update", "restore", "delete", "delete_instance"]


@attrs.define(kw_only=True, eq=False)
class FakeInstance:
    """An instance; a test may set each of its fields.

    `disk` stands for what the instance holds: a snapshot keeps it, and a restore writes it back.
    `created` is in seconds of FakeCivo's clock, and so is `busy_until`, until which the instance is
    `BUILDING`. The other fields are those that Civo's official tools show. Nothing depends on them,
    except that a private IP is unique in its network, and that a restore into a new instance copies
    the old one apart from names, volumes and addresses.
    """

    id: str
    hostname: str
    region: str
    volumes: tuple[str, ...]
    private_ip: str
    public_ip: str
    network_id: str
    firewall_id: str
    created: float
    size: str = "g3.small"
    cpu_cores: int = 1
    ram_mb: int = 2048
    disk_gb: int = 25
    source_type: str = "diskimage"
    source_id: str = "d927ad2f-5073-4ed6-b2eb-b8e61aef29a8"
    tags: tuple[str, ...] = ()
    disk: str = "initial"
    busy_until: float = 0.0
    _calendar: Calendar = attrs.field(repr=False, alias="calendar")

    @property
    def status(self) -> str:
        """`BUILDING` while a restore writes its disk, else `ACTIVE`."""
        return "BUILDING" if self._calendar.now() < self.busy_until else "ACTIVE"


def _check_script(snapshot: "FakeSnapshot", _attribute: object, script: Script) -> None:
    # A script that names a volume which does not exist fails here, in the test's own line, and not
    # as a 500 later on.
    script(0.0, snapshot.volumes)


@attrs.define(kw_only=True, eq=False)
class FakeSnapshot:
    """A snapshot; a test may set each of its fields.

    `created` is in seconds of FakeCivo's clock, and `script` gives the status by the seconds since
    then. `disk` is what the instance held at that time. `gone_at` is the second from which the
    snapshot does not exist any more, and `None` while nobody has deleted it. It stays when its
    instance is deleted.
    """

    id: str
    name: str
    description: str
    instance_id: str
    region: str
    volumes: tuple[str, ...]
    disk: str
    created: float
    gone_at: float | None = None
    script: Script = attrs.field(validator=_check_script, repr=False)
    _spelling: Spelling = attrs.field(repr=False, alias="spelling")
    _calendar: Calendar = attrs.field(repr=False, alias="calendar")

    @property
    def status(self) -> Status | None:
        """The status that it reports now; `None` if it has vanished or is deleted."""
        now = self._calendar.now()
        if self.gone_at is not None and now >= self.gone_at:
            return None

        status = self.script(max(0.0, now - self.created), self.volumes)

        return None if status is None else spelled(status, self._spelling)


@attrs.frozen(kw_only=True, eq=False)
class FakeRestore:
    """A restore operation that FakeCivo has started.

    `from_instance` and `from_snapshot` are the ids of what was restored; `instance_id` is the
    instance that got the disk, a new one unless `overwrite_existing`. `created` and `completed` are
    in seconds of FakeCivo's clock. `complete_snapshots` are those that the instance of the request
    had when the restore started, and that were complete: their names, by id.
    """

    id: str
    name: str
    hostname: str
    description: str
    from_instance: str
    from_snapshot: str
    instance_id: str
    private_ip: str
    overwrite_existing: bool
    disk: str
    created: float
    completed: float
    complete_snapshots: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Effect:
    """Something that a request changed, whatever became of its response.

    A create made a snapshot, an update set a name or a description (also to what it was), a restore
    started, a delete removed a snapshot, or an instance. `instance_id` and `snapshot_id` are the
    ids, also where the request gave names; `hostname` and `snapshot_name` are the names at that
    time. Those of the snapshot are empty where an instance was deleted. `at` is in seconds of
    FakeCivo's clock.
    """

    kind: EffectKind
    instance_id: str
    hostname: str
    snapshot_id: str
    snapshot_name: str
    at: float
