"""FakeCivo: a server on this machine that behaves as Civo does."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Self

from . import _checks as check
from ._account import Account
from ._api import Api
from ._calendar import Calendar, Clock
from ._checks import Seconds
from ._documents import AccountListIds, PastLastPage
from ._errors import CivoError
from ._networks import network_id
from ._rate_limit import limit_of
from ._records import Effect, FakeInstance, FakeRestore, FakeSnapshot
from ._requests import RecordedRequest
from ._server import Server
from ._spelling import Spelling
from .faults import USUAL, Fault, Target
from .scripts import Script, completed

__all__ = ["FakeCivo"]

_SHOWN_INSTANCES = 10


class FakeCivo:
    """A fake of Civo's instance snapshots: a real HTTP server on this machine.

    It keeps state, and behaves as Civo's page on instance snapshots says and, where the page is
    silent, as Civo's official Go client expects. `async with` starts and stops it; it is empty at
    first.

    - `token`, `region`: what requests must have; `other_regions` exist as well.
    - `default_region`: the one that a request without a region silently goes to, as on the real
      Civo; with `None`, such a request gets an error response.
    - `clock`: anything with `now()` in seconds; the machine's by default. With a given clock, dates
      start at 2025-04-01T09:11:14Z.
    - `takes`: how long a snapshot or a restore takes, in seconds or as a `timedelta`.
    - `deletes_take`: how long a deletion takes: until then the snapshot is shown as before, and
      counts.
    - `spelling`: how states are spelled: `"page"` is `Complete`, `Pending` and `Failed`, as on
      Civo's page; `"lower"` is `completed`, `pending` and `failed`, as its engineers write. Other
      words of a script stay as they are.
    - `snapshot_quota`: how many snapshots the account may hold, `None` for any number.
    - `checks_restores`: whether a restore of a snapshot that is not complete, or by another
      instance's id, gets an error response. With `False` it is done, as by a server that trusts its
      clients: then nothing but the client's own check keeps it from destroying a disk.
    - `rate_limit`: how many requests a second are accepted, `None` for any number, and `burst` how
      many at once, by default those of one second; the response to any other is 429, with
      `Retry-After` unless `retry_after` is `False`.
    - `past_last_page`: what a list of instances shows for a page past the last: `"first"` is the
      first page with `"page": 1`, as in the only known recording; `"empty"` is a page without
      items.
    - `account_list_ids`: whose id an entry of the account-wide list has in its `instance`: the
      instance's, `"instance"`, as the official CLI prints it, or once more the snapshot's,
      `"snapshot"`, as the type of the official Go client has it.
    - `host`, `port`: where to listen; port 0 is any free port.

    Raises `ValueError` for a value that can't be used.
    """

    # Without a `__dict__`, setting a name that does not exist is an `AttributeError`.
    __slots__ = ("__weakref__", "_account", "_api", "_server")

    def __init__(
        self,
        *,
        token: str = "fake-civo-token-0123456789",  # noqa: S107 - it opens nothing
        region: str = "FAKE1",
        other_regions: Sequence[str] = (),
        default_region: str | None = None,
        clock: Clock | None = None,
        takes: Seconds = 2.0,
        deletes_take: Seconds = 0.0,
        spelling: Spelling = "page",
        snapshot_quota: int | None = None,
        checks_restores: bool = True,
        rate_limit: float | None = None,
        burst: int | None = None,
        retry_after: bool = True,
        past_last_page: PastLastPage = "first",
        account_list_ids: AccountListIds = "instance",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        calendar = Calendar(clock)
        self._account = Account(
            calendar=calendar,
            takes=check.seconds("takes", takes),
            deletes_take=check.seconds("deletes_take", deletes_take),
            spelling=spelling,
            snapshot_quota=snapshot_quota,
            checks_restores=checks_restores,
        )
        self._api = Api(
            account=self._account,
            token=token,
            regions=(region, *other_regions),
            default_region=default_region,
            past_last_page=past_last_page,
            account_list_ids=account_list_ids,
            rate_limit=limit_of(rate_limit, burst=burst, retry_after=retry_after, now=calendar.now),
        )
        self._server = Server(calendar, self._api.respond, host, port)

    def __repr__(self) -> str:
        url = self._server.url or "not started"
        stopped = " (stopped)" if self._server.url and not self._server.is_running else ""
        ids = [*islice(self.instances, _SHOWN_INSTANCES)]
        more = len(self.instances) - len(ids)
        shown = ", ".join(ids) or "no instances"

        return f"<FakeCivo {url}{stopped}: {shown}{f' and {more} more' if more else ''}>"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._server.stop()

    @property
    def api_url(self) -> str:
        """Where it listens, or listened: `http://127.0.0.1:PORT`, without `/v2`.

        Raises `RuntimeError` before the start.
        """
        if self._server.url is None:
            raise RuntimeError("FakeCivo is not running: use `async with FakeCivo() as civo:`")

        return self._server.url

    @property
    def token(self) -> str:
        """The token that requests must have; setting another one revokes it."""
        return self._api.token

    @token.setter
    def token(self, token: str) -> None:
        self._api.token = token

    @property
    def snapshot_quota(self) -> int | None:
        """How many snapshots the account may hold, `None` for any number; it may be set.

        A quota below the number of snapshots removes none. Raises `ValueError` for a negative one.
        """
        return self._account.snapshot_quota

    @snapshot_quota.setter
    def snapshot_quota(self, snapshot_quota: int | None) -> None:
        self._account.snapshot_quota = snapshot_quota

    @property
    def requests(self) -> list[RecordedRequest]:
        """Each request that arrived, in order, those that got an error response included."""
        return self._server.requests

    @property
    def effects(self) -> list[Effect]:
        """Each change that a request made, in order, whatever became of its response."""
        return self._account.effects

    @property
    def restores(self) -> list[FakeRestore]:
        """Each restore that was started, in order."""
        return self._account.restores

    @property
    def region(self) -> str:
        """The code of the region of all instances that are not added to another."""
        return self._api.regions[0]

    @property
    def instances(self) -> Mapping[str, FakeInstance]:
        """The instances of all regions, by id."""
        return MappingProxyType(self._account.instances)

    def add_instance(
        self,
        instance_id: str = "web-1",
        *,
        hostname: str | None = None,
        volumes: Sequence[str] = ("vol-1", "vol-2"),
        region: str | None = None,
        private_ip: str | None = None,
    ) -> FakeInstance:
        """Add an instance, with attached volumes, to the one network of its region.

        `hostname` is the id unless given, `region` this FakeCivo's own, and `private_ip` one that
        no other instance has: 10.0.0.4 for the first. Raises `ValueError` if an instance has that
        id or host name, or that private IP in that region, and if there is no such region.
        """
        names = {check.one_word("instance_id", instance_id), hostname or instance_id}
        if any(names & {each.id, each.hostname} for each in self.instances.values()):
            raise ValueError(f"there is an instance {' or '.join(sorted(names))} already")
        region = self.region if region is None else region
        check.one_of("region", region, allowed=self._api.regions)
        if isinstance(volumes, str):
            raise ValueError("volumes must be a sequence of ids, not one id")  # noqa: TRY004 - as its siblings
        if private_ip and self._account.has_private_ip(private_ip, network_id(region)):
            raise ValueError(f"there is an instance with the private IP {private_ip} already")

        return self._account.add_instance(
            instance_id,
            hostname=hostname or instance_id,
            region=region,
            volumes=tuple(volumes),
            private_ip=private_ip,
        )

    def remove_instance(self, instance_id: str) -> None:
        """Remove an instance without a request; its snapshots stay in the account.

        Raises `LookupError` if there is no such instance.
        """
        self._account.remove_instance(self.instance(instance_id))

    def instance(self, instance_id: str) -> FakeInstance:
        """Return an instance by its id or host name; `LookupError` if there is none."""
        try:
            return self._account.find_instance(instance_id)
        except CivoError as error:
            raise LookupError(error.reason) from None

    def add_snapshot(
        self,
        instance_id: str,
        snapshot_id: str | None = None,
        *,
        name: str | None = None,
        description: str = "",
        script: Script | None = None,
        created_at: datetime | None = None,
        age: Seconds | None = None,
    ) -> FakeSnapshot:
        """Add a snapshot without a request, created now and complete at once.

        `script` makes it behave otherwise. `created_at`, with a timezone, is another date for it,
        which may be in the future; `age` is the same as seconds or a `timedelta` back from now. The
        time of a script counts from that date. Neither the quota nor another snapshot in process
        prevents it. Id and name are made up unless given; a name may exist twice, as nothing in
        Civo's page forbids it.

        Raises `ValueError` if the instance has a snapshot with that id, if the script names a
        volume that the instance does not have, and for a date that can't be used; `LookupError` if
        there is no such instance.
        """
        instance = self.instance(instance_id)
        if any(snapshot.id == snapshot_id for snapshot in self.snapshots(instance_id)):
            raise ValueError(f"instance {instance_id} has a snapshot {snapshot_id} already")

        return self._account.add_snapshot(
            instance,
            snapshot_id,
            name=name,
            description=description,
            script=completed() if script is None else script,
            created=self._created(created_at, age),
        )

    def _created(self, created_at: datetime | None, age: Seconds | None) -> float:
        calendar = self._account.calendar
        if created_at is not None and age is not None:
            raise ValueError("created_at and age exclude each other: give one of them")
        if created_at is not None and created_at.utcoffset() is None:
            raise ValueError(f"created_at must have a timezone, not {created_at!r}")
        if created_at is not None:
            created = calendar.seconds_at(created_at)
        else:
            created = calendar.now() - check.seconds("age", age or 0.0)
        try:
            calendar.text(created)
        except OverflowError:
            raise ValueError("the date of a snapshot must be in the years 1 to 9999, UTC") from None

        return created

    def snapshot(self, instance_id: str, snapshot_id: str) -> FakeSnapshot:
        """Return a snapshot by its id, else the newest one of that name.

        Raises `LookupError` if there is none, or if it has vanished.
        """
        try:
            return self._account.find_snapshot(self.instance(instance_id), snapshot_id)
        except CivoError as error:
            raise LookupError(error.reason) from None

    def snapshots(self, instance_id: str | None = None) -> tuple[FakeSnapshot, ...]:
        """Return an instance's snapshots, the newest first, as a list request would.

        Without an instance, they are those of the account, also of instances that were deleted.
        """
        if instance_id is None:
            return self._account.all_snapshots()

        return self._account.snapshots(self.instance(instance_id))

    def script_next(self, instance_id: str, *scripts: Script) -> None:
        """Give scripts to the next snapshots that requests create, in order.

        Later ones are complete after `takes` seconds again. Raises `ValueError` if a script names a
        volume that the instance does not have, and `LookupError` if there is no such instance.
        """
        self._account.script_next(self.instance(instance_id), scripts)

    def inject(self, kind: Target, *faults: Fault | None, nth: int = 1) -> None:
        """Give faults to the next requests, in order, from the nth of that kind.

        `kind` is one of the calls, or `"any"` for any request at all; `None` in place of a fault is
        a request without one. Each injection counts requests from the time when it was made. Where
        several are due for one request, the oldest is used, and the others are for the next
        requests: two injections in a row do the same as one with the faults of both.

        Raises `ValueError` for an unknown kind, for no fault, and for `nth` below 1.
        """
        self._server.faults.inject(kind, faults, nth)

    def chaos(
        self,
        seed: int,
        *,
        rate: float = 0.3,
        kinds: Collection[Target] | None = None,
        faults: Sequence[Fault] | None = None,
    ) -> None:
        """Give every request from now on a random fault, with the probability `rate`.

        The same seed gives the same faults to the same sequence of requests. They are drawn from
        `faults`, by default `faults.USUAL`: all kinds that end soon, so neither `hang` nor `huge`.
        `kinds` are the calls that get them, by default all. Injected faults come first. A second
        call replaces the first.

        Raises `ValueError` for a value that can't be used.
        """
        self._server.faults.chaos(
            seed,
            rate=rate,
            targets={"any"} if kinds is None else kinds,
            faults=USUAL if faults is None else faults,
        )

    def calm(self) -> None:
        """End `chaos`, and withdraw what was injected and is not used yet."""
        self._server.faults.calm()

    @property
    def unused_faults(self) -> tuple[Fault, ...]:
        """What was injected and never used, withdrawn or not, in the order of the injections.

        For a test to assert that it is `()`; the end of `async with` does not check it.
        """
        return self._server.faults.unused
