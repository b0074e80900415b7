"""FakeCivo: a Civo to try things on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Self, get_args

from ._account import Account
from ._api import Api
from ._calendar import Calendar, Clock
from ._checks import Seconds, seconds
from ._documents import PastLastPage
from ._limit import RateLimit
from ._networks import network_id
from ._plan import Plan
from ._records import Effect, FakeInstance, FakeRestore, FakeSnapshot
from ._refused import RefusedError
from ._requests import RecordedRequest
from ._server import Server
from ._spelling import Spelling
from .faults import USUAL, Fault, Target
from .scripts import Script, completed

__all__ = ["FakeCivo"]

_SHOWN_INSTANCES = 10


class FakeCivo:
    """A stand-in for Civo's instance snapshots: a real HTTP server on this machine.

    It keeps state and behaves by Civo's page on instance snapshots, and where that is silent by
    Civo's official Go client. `async with` starts and stops it; it is empty at first.

    `token` and `region` are what requests must come with; `other_regions` exist as well,
    and `default_region` is the one that a request without region silently goes to, as on the
    real Civo (None, the default: such a request is refused). `clock` is anything with
    `now()` in seconds, by default the wall's; with a given clock, dates start at
    2025-04-01T09:11:14Z. `takes` is how many seconds a snapshot or a restore takes, and
    `deletes_take` a deletion: until then the snapshot is still shown as it was, and counts. Both
    may be a `timedelta`.
    `spelling` is how states are spelled: `"page"`, the default, is `Complete`, `Pending` and
    `Failed` as on Civo's page; `"lower"` is `completed`, `pending` and `failed`, as its engineers
    write. Other words that a script has stay as they are.
    `snapshot_quota` is how many snapshots the account may hold, None for any number.
    `rate_limit` is how many requests a second are taken, None for any number, and `burst` how many
    at once, by default those of one second; what is beyond is 429, with `Retry-After` unless
    `retry_after` is False.
    `past_last_page` is what a list of instances answers to a page past the last: `"first"`, the
    default, is the first page with `"page": 1`, as the only witness has it; `"empty"` is a page
    without items.
    `port` 0 is any free port. ValueError if one of these cannot be.
    """

    # Without a `__dict__`, a name that is not there is an AttributeError, also where it is set.
    __slots__ = (
        "__weakref__",
        "_account",
        "_api",
        "_api_url",
        "_calendar",
        "_host",
        "_plan",
        "_port",
        "_regions",
        "_requests",
        "_server",
    )

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
        rate_limit: float | None = None,
        burst: int | None = None,
        retry_after: bool = True,
        past_last_page: PastLastPage = "first",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        _require("token", token)
        _require("region", region)
        if default_region not in {None, region, *other_regions}:
            raise ValueError(f"default_region {default_region!r} is none of the regions")
        if past_last_page not in get_args(PastLastPage):
            raise ValueError(f"past_last_page is 'first' or 'empty', not {past_last_page!r}")
        if spelling not in get_args(Spelling):
            raise ValueError(f"spelling is 'page' or 'lower', not {spelling!r}")
        self._requests: list[RecordedRequest] = []
        self._regions = (region, *other_regions)
        self._calendar = Calendar(clock)
        self._account = Account(
            calendar=self._calendar,
            takes=seconds("takes", takes),
            deletes_take=seconds("deletes_take", deletes_take),
            spelling=spelling,
            snapshot_quota=_quota(snapshot_quota),
        )
        self._api = Api(
            account=self._account,
            token=token,
            regions=self._regions,
            default_region=default_region,
            past_last_page=past_last_page,
            rate_limit=self._rate_limit(rate_limit, burst, retry_after=retry_after),
        )
        self._plan = Plan()
        self._server = Server(
            calendar=self._calendar,
            plan=self._plan,
            record=self._requests.append,
            answer=self._api.answer,
        )
        self._host = host
        self._port = port
        self._api_url: str | None = None

    def _rate_limit(
        self, rate_limit: float | None, burst: int | None, *, retry_after: bool
    ) -> RateLimit | None:
        if rate_limit is not None:
            return RateLimit(
                rate_limit, burst=burst, retry_after=retry_after, now=self._calendar.now
            )
        if burst is not None:
            raise ValueError("burst is a part of a rate_limit, and there is none")
        return None

    def __repr__(self) -> str:
        url = self._api_url or "not started"
        stopped = " (stopped)" if self._api_url and not self._server.is_running else ""
        ids = [*islice(self.instances, _SHOWN_INSTANCES)]
        more = len(self.instances) - len(ids)
        shown = ", ".join(ids) or "no instances"

        return f"<FakeCivo {url}{stopped}: {shown}{f' and {more} more' if more else ''}>"

    async def __aenter__(self) -> Self:
        self._api_url = await self._server.start(self._host, self._port)
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

        RuntimeError before it was started.
        """
        if self._api_url is None:
            raise RuntimeError("FakeCivo is not running: use `async with FakeCivo() as civo:`")
        return self._api_url

    @property
    def token(self) -> str:
        """The token that requests must bear. Setting another one revokes it."""
        return self._api.token

    @token.setter
    def token(self, token: str) -> None:
        self._api.token = _require("token", token)

    @property
    def snapshot_quota(self) -> int | None:
        """How many snapshots the account may hold, None for any number; it may be set.

        A smaller one than there are snapshots takes none away. ValueError if it is negative.
        """
        return self._account.snapshot_quota

    @snapshot_quota.setter
    def snapshot_quota(self, snapshot_quota: int | None) -> None:
        self._account.snapshot_quota = _quota(snapshot_quota)

    @property
    def requests(self) -> list[RecordedRequest]:
        """Each request that arrived, in order, those that were refused as well."""
        return self._requests

    @property
    def effects(self) -> list[Effect]:
        """Each change that a request made, in order, whatever became of its answer."""
        return self._account.effects

    @property
    def restores(self) -> list[FakeRestore]:
        """Each restore that was taken on, in order."""
        return self._account.restores

    @property
    def region(self) -> str:
        """The code of the region that instances are in unless added to another."""
        return self._regions[0]

    @property
    def instances(self) -> Mapping[str, FakeInstance]:
        """The instances by id, of all regions."""
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
        """Put an instance there, with attached volumes, in the one network of its region.

        `hostname` is the id unless given, `region` this FakeCivo's own, and `private_ip` one that
        no other instance has: 10.0.0.4 for the first. ValueError if an instance has that id or
        host name already, or that private IP in that region, or if there is no such region.
        """
        names = {_require("instance_id", instance_id), hostname or instance_id}
        if any(names & {each.id, each.hostname} for each in self.instances.values()):
            raise ValueError(f"there is an instance {' or '.join(sorted(names))} already")
        if region not in {None, *self._regions}:
            raise ValueError(f"region {region!r} is none of {', '.join(self._regions)}")
        if isinstance(volumes, str):
            raise ValueError("volumes is a sequence of ids, not one id")  # noqa: TRY004 - as its siblings
        region = region or self.region
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
        """Take an instance away without a request; its snapshots stay in the account.

        LookupError if there is no such instance.
        """
        self._account.remove_instance(self.instance(instance_id))

    def instance(self, instance_id: str) -> FakeInstance:
        """Return an instance by its id or host name; LookupError if there is none."""
        try:
            return self._account.find_instance(instance_id)
        except RefusedError as refused:
            raise LookupError(refused.reason) from None

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
        """Put a snapshot there without a request, created now and complete at once.

        `script` makes it behave otherwise. `created_at`, with a timezone, is another date for it,
        also one to come; `age` says the same as seconds or a timedelta back from now. The time of
        a script counts from that date. Neither quota nor another snapshot in process is in the
        way. Id and name are made up unless given; a name may be there twice, as nothing in Civo's
        page forbids it. ValueError if the instance has a snapshot with that id, if the script
        speaks of a volume that the instance does not have, or if there is no such date;
        LookupError if there is no such instance.
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
            created=self._moment(created_at, age),
        )

    def _moment(self, created_at: datetime | None, age: Seconds | None) -> float:
        if created_at is not None and age is not None:
            raise ValueError("created_at and age say the same: give one of them")
        if created_at is not None and created_at.utcoffset() is None:
            raise ValueError(f"created_at must have a timezone, not {created_at!r}")
        if created_at is not None:
            moment = self._calendar.moment(created_at)
        else:
            moment = self._calendar.now() - seconds("age", age or 0.0)
        try:
            self._calendar.written(moment)
        except OverflowError:
            raise ValueError("the date of a snapshot is in the years 1 to 9999, UTC") from None

        return moment

    def snapshot(self, instance_id: str, snapshot_id: str) -> FakeSnapshot:
        """Return a snapshot by its id, else the newest one of that name.

        LookupError if there is none, or if it has vanished.
        """
        try:
            return self._account.find_snapshot(self.instance(instance_id), snapshot_id)
        except RefusedError as refused:
            raise LookupError(refused.reason) from None

    def snapshots(self, instance_id: str | None = None) -> tuple[FakeSnapshot, ...]:
        """Return an instance's snapshots, the newest first, as a list request would.

        Without an instance those of the whole account, also of instances that were deleted.
        """
        if instance_id is None:
            return self._account.all_snapshots()
        return self._account.snapshots(self.instance(instance_id))

    def script_next(self, instance_id: str, *scripts: Script) -> None:
        """Let the next snapshots that are created by requests behave as scripted, in order.

        Afterwards they are complete after `takes` seconds again. ValueError if a script speaks
        of a volume that the instance does not have; LookupError if there is no such instance.
        """
        self._account.script_next(self.instance(instance_id), scripts)

    def inject(self, kind: Target, *faults: Fault | None, nth: int = 1) -> None:
        """Let requests to come meet faults, in order, from the nth of that kind on.

        `kind` is one of the calls or `"any"`, which is any request at all; None in place of
        a fault is a request that goes well. Each injection counts for itself, from the moment it
        was made. Where several want the same request, the oldest has it, and the others have
        the next ones: two injections one after the other do the same as one with both's faults.
        ValueError if there is no such kind, no fault, or if `nth` is less than 1.
        """
        self._plan.inject(kind, faults, nth)

    def chaos(
        self,
        seed: int,
        *,
        rate: float = 0.3,
        kinds: Collection[Target] | None = None,
        faults: Sequence[Fault] | None = None,
    ) -> None:
        """Let every request to come meet a random fault, with the probability `rate`.

        The same seed gives the same faults to the same sequence of requests. They are drawn from
        `faults`, by default `faults.USUAL`: those of all sorts that end soon, so neither `hang`
        nor `huge`. `kinds` are the calls that are struck, by default any request. Injected
        faults go first. Calling it again begins anew. ValueError if one of these cannot be.
        """
        self._plan.chaos(
            seed,
            rate=rate,
            targets={"any"} if kinds is None else kinds,
            faults=USUAL if faults is None else faults,
        )

    def calm(self) -> None:
        """Let all go well from now on: ends `chaos`, and withdraws what was injected."""
        self._plan.calm()

    @property
    def unmet_faults(self) -> tuple[Fault, ...]:
        """What was injected and never met, withdrawn or not, in the order of the injections.

        For a test to assert that it is `()`; leaving `async with` does not look at it.
        """
        return self._plan.unmet


def _quota(snapshot_quota: int | None) -> int | None:
    if snapshot_quota is not None and snapshot_quota < 0:
        raise ValueError(f"snapshot_quota is 0 or more, not {snapshot_quota!r}")
    return snapshot_quota


def _require(argument: str, value: str) -> str:
    if not value or value.split() != [value]:
        raise ValueError(f"{argument} must be one word, not {value!r}")
    return value
