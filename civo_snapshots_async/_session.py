"""The face of the library: one session, six calls, waiting, and restoring safely."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from inspect import currentframe
from ipaddress import IPv4Address
from types import TracebackType
from typing import Literal, Self, TypedDict, TypeVar, Unpack, cast
from weakref import WeakValueDictionary

import aiohttp

from . import _checks as check
from . import _endpoints as endpoints
from ._caller import Caller
from ._checks import Seconds
from ._clock import Clock, SystemClock
from ._config import DEFAULT_API_URL, Account, checked_account, find_account
from ._deletion import delete
from ._errors import (
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    SessionClosedError,
    SnapshotNotCompleteError,
)
from ._events import Event
from ._handover import WaitToken
from ._http import Request
from ._instances import Instance, InstancePage, get_instance, list_instances
from ._ledger import Ledger
from ._lifetime import Lifetime
from ._models import Restore, Snapshot, SnapshotRef
from ._pacing import PollPolicy
from ._retention import PrunePlan, PruneResult, prune
from ._retry import NO_RETRIES, RetryingTransport, RetryPolicy
from ._settling import Creations, restore_unknown
from ._token import Token
from ._transport import AiohttpTransport, TransportSettings
from ._waits.goals import COMPLETE, DELETED, TERMINAL
from ._waits.instances import find_restored_instance, wait_until_active
from ._waits.poller import Poller
from ._waits.snapshots import OnChange, until_complete, watch
from ._waits.wait import Goal, Wait

T = TypeVar("T")

_INSTANCES_A_PAGE = 100


class SessionOptions(TypedDict, total=False):
    """What a session takes besides token, region and URL; `SnapshotSession` explains each."""

    http_session: aiohttp.ClientSession | None
    request_timeout: Seconds
    connect_timeout: Seconds
    max_connections: int
    requests_per_second: float | None
    body_format: Literal["json", "form"]
    proxy: str | None
    trust_env: bool
    ssl_context: ssl.SSLContext | None
    application: str | None
    call_timeout: Seconds
    retry: RetryPolicy | None
    allow_insecure_http: bool
    clock: Clock


class SnapshotSession:
    """Civo's instance snapshots, for one account and, unless a call says otherwise, one region.

    Use it in one event loop, with `async with`, or call `aclose()`: one that was used and never
    closed is a `ResourceWarning`. It can be used by any number of tasks at once.

    - `token`: the account's API key. No repr, error, log or pickle of this library shows it.
    - `region`: the code of one, such as `LON1`. Civo has no default: without a region, a call
      silently goes to another one.
    - `api_url`: where Civo's API is, without `/v2`; must be https, or http to this machine.
    - `http_session`: an aiohttp session of yours, whose connections and traces are used. It is
      never closed here; its login, cookies, default headers and time-outs are left alone. As its
      pool decides what is kept open, a create or restore may meet a connection that the server has
      just dropped, and its outcome is then unknown: a session of our own uses a fresh one.
    - `request_timeout`, `connect_timeout`: seconds for one whole request, and for its connection.
      Here and everywhere else, a `timedelta` will do for seconds.
    - `max_connections`: how many requests may be under way at once; further ones wait for a place,
      and that wait is not charged to their time. A given `http_session` has a limit of its own.
    - `requests_per_second`: how many requests may go out in a second, evenly, by the machine's
      time; `None` for any number. It needs the extra `civo-snapshots-async[rate]`.
    - `body_format`: `"json"`, as the official Go client sends; `"form"`, as the page shows.
    - `proxy`: the URL of an HTTP proxy; `trust_env=True` takes it from the environment
      (`HTTPS_PROXY`, `NO_PROXY`, …). A netrc file is never read.
    - `ssl_context`: what to trust in place of the system's certificates. There is no off switch.
    - `call_timeout`: seconds for a request of a call, with all its attempts, its pauses and the
      wait for a place. A restore that looks first is two of them; a create whose answer was lost
      looks on for `RetryPolicy.settle_window`; a wait has a limit of its own.
    - `retry`: when a request is sent again, see `RetryPolicy`; `None` for never, and then exactly
      one request goes out, whatever it meets.
    - `application`: your program's name and version, put before ours in `User-Agent`.
    - `allow_insecure_http`: accept plain http to elsewhere, with the token sent in the clear.
    - `clock`: the time to wait by; tests bring `civo_snapshots_async.testing.FakeClock`.

    Raises `ConfigurationError` for no token, no region or an unusable URL, and `ValueError` or
    `TypeError` for any other value that can't be used.
    """

    def __init__(
        self,
        token: str,
        *,
        region: str,
        api_url: str = DEFAULT_API_URL,
        http_session: aiohttp.ClientSession | None = None,
        request_timeout: Seconds = 30.0,
        connect_timeout: Seconds = 10.0,
        max_connections: int = 100,
        requests_per_second: float | None = None,
        body_format: Literal["json", "form"] = "json",
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        application: str | None = None,
        call_timeout: Seconds = 120.0,
        retry: RetryPolicy | None = RetryPolicy(),
        allow_insecure_http: bool = False,
        clock: Clock = SystemClock(),
    ) -> None:
        # The text is let go of at once: a traceback may show the locals of this frame.
        held = Token.of(token)
        del token
        self._made_at = _place_of_the_caller()
        self._account = checked_account(
            held, region=region, api_url=api_url, allow_insecure_http=allow_insecure_http
        )
        settings = TransportSettings(
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            max_connections=max_connections,
            requests_per_second=requests_per_second,
            body_format=body_format,
            proxy=proxy,
            trust_env=trust_env,
            ssl_context=ssl_context,
            application=application,
        )
        self._clock = clock
        policy = NO_RETRIES if retry is None else retry
        limit = check.seconds("call_timeout", call_timeout)
        self._http = AiohttpTransport(self._account, settings, clock, http_session)
        self._caller = Caller(
            self._http, RetryingTransport(self._http, policy, clock), Ledger(), limit
        )
        self._lifetime = Lifetime()
        self._ensuring: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._creations = Creations(clock, policy.settle_window, self._caller)
        self._poller = Poller(clock, self._caller, max_connections)

    @classmethod
    def from_env(
        cls,
        *,
        token: str | None = None,
        region: str | None = None,
        api_url: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> Self:
        """Make a session from what the official tools use.

        What is not given here comes from the environment (`CIVO_TOKEN`, `CIVO_REGION`,
        `CIVO_API_URL`), and what is not there either from the official CLI's file (`CIVO_CONFIG`,
        else `~/.civo.json`). The options are those of `SnapshotSession`.

        Raises `ConfigurationError`, with the places looked at, where token or region is nowhere.
        """
        held = Token.of(token)
        del token
        account = find_account(
            token=held,
            region=region,
            api_url=api_url,
            allow_insecure_http=options.get("allow_insecure_http", False),
        )

        return cls(
            cast("str", account.token), region=account.region, api_url=account.api_url, **options
        )

    def __repr__(self) -> str:
        # A traceback may show a session whose __init__ has just refused something.
        account: Account | None = getattr(self, "_account", None)
        what = f"region={account.region!r}, api_url={account.api_url!r}" if account else "not made"

        return f"SnapshotSession({what})"

    @property
    def region(self) -> str:
        """The region of every call that names no other."""
        return self._account.region

    @property
    def clock(self) -> Clock:
        """The time that this session waits by."""
        return self._clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # One that was refused while it was made has no transport, and one unused has opened none.
        http: AiohttpTransport | None = getattr(self, "_http", None)
        if http is not None and http.abandon():
            # Located where it was made: where it is freed tells nothing.
            warnings.warn_explicit(
                "SnapshotSession was not closed: use it in `async with`, or await its aclose()",
                ResourceWarning,
                *self._made_at,
                source=self,
            )

    async def aclose(self) -> None:
        """Close the session and its connections, and end what still runs on it.

        Calls and waits under way, and those made afterwards, raise `SessionClosedError`. A given
        `http_session` stays open. Closing twice does nothing.
        """
        self._lifetime.end()
        await self._poller.aclose()
        await self._http.aclose()

    async def create_snapshot(
        self,
        instance_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Begin a snapshot of an instance and all its attached volumes.

        `name` is an RFC 1123 label; without one Civo makes one up. The snapshot that is returned
        is not complete yet: `wait_until_complete` waits for that.

        The request is sent once. Where its answer is lost, the session looks for the snapshot by
        listing: one new snapshot of that name, made since and not another call's, is returned;
        in any other case `OutcomeUnknownError` says what was seen. Cancelled while it runs, it may
        still be done.
        """
        request = endpoints.create_snapshot(
            instance_id, region=self._in(region), name=name, description=description
        )
        async with self._lifetime.inside():
            return await self._creations.create(request)

    async def ensure_snapshot(
        self,
        instance_id: str,
        *,
        name: str,
        description: str | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Return the snapshot of that name, whatever its phase, or create it.

        It is the idempotent form for job runners that deliver at least once: done twice, it makes
        one snapshot. Of several with that name it returns the newest. `description` is for a
        snapshot that is made, and does not change one that is there. Calls of one session wait for
        each other; between programs it rests on Civo's refusing two snapshots in process at once.

        Where an entry of the list can't be read, and may have that name, `DecodeError` is raised
        and nothing is created.
        """
        check.label("name", name)
        # Made for its checks: a bad description is refused before anything is sent.
        endpoints.create_snapshot(
            instance_id, region=self._in(region), name=name, description=description
        )
        key = (self._in(region), instance_id, name)
        async with self._ensuring.setdefault(key, asyncio.Lock()):
            there = await self._named(instance_id, name, region)
            if there is not None:
                return there
            try:
                return await self.create_snapshot(
                    instance_id, name=name, description=description, region=region
                )
            except ConflictError:
                # Another program's delivery of the same job may have come first.
                there = await self._named(instance_id, name, region)
                if there is None:
                    raise
                return there

    async def list_snapshots(
        self, instance_id: str, *, region: str | None = None
    ) -> tuple[Snapshot, ...]:
        """Return all snapshots of an instance; a list gives summaries, without volumes perhaps.

        Where an entry can't be read, `DecodeError` is raised, with the others in `.snapshots` and
        what is known of it in `.unreadable`: a list that silently lacks one would be taken for all.
        """
        return await self._call(endpoints.list_snapshots(instance_id, region=self._in(region)))

    async def get_snapshot(
        self, instance_id: str, snapshot_id: str, *, region: str | None = None
    ) -> Snapshot:
        """Return one snapshot, by its id or name.

        Of one that this session has created, `included_volumes` is known from then; Civo itself
        tells it only there.
        """
        return await self._call(
            endpoints.get_snapshot(instance_id, snapshot_id, region=self._in(region))
        )

    async def update_snapshot(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Change a snapshot's name, its description, or both; what is not given stays as it is.

        Civo may describe only what has changed (the page: "the updated fields"). What its response
        leaves out is then as it was requested (its id as well, which after a rename by name is the
        old name), or empty: a snapshot without a state is pending, so get it before you rely on
        more. Only the volumes that its creation named are filled in.

        `description=""` is sent as an empty string, which should clear it; that is not proven on
        the live API.
        """
        return await self._call(
            endpoints.update_snapshot(
                instance_id,
                snapshot_id,
                region=self._in(region),
                name=name,
                description=description,
            )
        )

    async def restore_snapshot(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        hostname: str | None = None,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        overwrite_existing: bool = False,
        require_complete: bool = True,
        region: str | None = None,
    ) -> Restore:
        """Restore a snapshot into a new instance or, with `overwrite_existing=True`, over its own.

        **Overwriting destroys what the instance holds.** A new instance gets `hostname` and
        `private_ip` where given, and stands in the same Civo network as the old one.

        First the snapshot is looked at anew: unless it is complete, `SnapshotNotCompleteError` is
        raised, with the reasons, and no restore is sent. What is then restored is the very snapshot
        that was looked at, by its id. `require_complete=False` sends the restore as it is asked
        for, without looking.

        The restore is sent once. Where its answer is lost, `OutcomeUnknownError` says so: with
        `overwrite_existing=True`, the disk may have been replaced. Cancelled while it runs, it may
        still be done.
        """
        where = self._in(region)
        request = endpoints.restore_snapshot(
            instance_id,
            snapshot_id,
            region=where,
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        if check.boolean("require_complete", require_complete):
            seen = await self.get_snapshot(instance_id, snapshot_id, region=where)
            _require_complete(seen, snapshot_id)
            request = endpoints.for_snapshot(request, seen)

        return await self._restore(request)

    async def delete_snapshot(
        self, instance_id: str, snapshot_id: str, *, region: str | None = None
    ) -> None:
        """Delete a snapshot, which frees its quota and storage.

        Where it is not found after an attempt of this very call was lost, that attempt has done it.
        Any other error after a lost attempt, or a lost last one, is `OutcomeUnknownError`: the
        deletion may have been done, and can be called again. All other errors say that it was not
        done. Give the id: a retry by name may meet another snapshot of that name.
        """
        request = endpoints.delete_snapshot(instance_id, snapshot_id, region=self._in(region))

        async with self._lifetime.inside():
            await delete(self._caller, request)

    async def wait_until_complete(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Look at a snapshot until it and every volume in it are complete, and return it.

        It is the module's `wait_until_complete`, which says it all, with this session.
        """
        wait = self._wait(COMPLETE, self._ref(instance_id, snapshot_id, region), timeout, poll)
        if on_change is not None:
            return await until_complete(wait, self._poller.advance, on_change)
        await self._poller.advance(wait)

        return wait.result()

    async def watch(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Give what happens to a snapshot, as events, until it is settled.

        `SnapshotSeen` when it is first seen, then `StateChanged` for each change of the snapshot
        and of each volume, `DetailsChanged`, `PollFailed`, `UnknownStateSeen` and
        `SnapshotStalled` as they come, and `SnapshotSettled` last, whether it is complete or has
        failed. A watch that ends otherwise raises what `wait_until_complete` raises. It looks only
        while it is asked for the next event, so a slow consumer fills no memory, and is told all
        that has changed since.

        Leave it early with `contextlib.aclosing`, so that it ends there and then.
        """
        wait = self._wait(TERMINAL, self._ref(instance_id, snapshot_id, region), timeout, poll)
        async with aclosing(watch(wait, self._poller.advance)) as events:
            async for event in events:
                yield event

    def wait_token(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        timeout: Seconds | None = 1800.0,
        region: str | None = None,
    ) -> WaitToken:
        """Make a wait that can move: `resume` goes on with it, here or in another process.

        The deadline is fixed now, as a date. After a wait that has timed out, it gives more time:
        `session.wait_token(error.instance_id, error.snapshot_id, timeout=600)`.
        """
        return WaitToken.for_wait(
            instance_id,
            snapshot_id,
            region=self._in(region),
            timeout=timeout,
            now=self._clock.utcnow(),
            included_volumes=self._caller.ledger.volumes_named(
                self._in(region), instance_id, snapshot_id
            ),
        )

    async def resume(
        self,
        token: WaitToken,
        *,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Snapshot:
        """Go on with a wait in the time that is left, in the token's region, and end as it would.

        Where the time is up, there is one last look, and then `WaitTimeoutError`.
        """
        self._caller.ledger.bring(
            token.region, token.instance_id, token.snapshot_id, token.included_volumes
        )
        wait = Wait[Snapshot](
            SnapshotRef(token.instance_id, token.snapshot_id, token.region),
            COMPLETE,
            poll,
            token.remaining(self._clock.utcnow()),
            self._clock.now(),
        )

        return await until_complete(wait, self._poller.advance, on_change)

    async def restore_when_complete(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        hostname: str | None = None,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        overwrite_existing: bool = False,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> Restore:
        """Wait until a snapshot is complete, then restore it: both, with the errors of both.

        The arguments of the restore are checked before the wait begins. The last look of the wait
        is the look that `restore_snapshot` would take.
        """
        where = self._in(region)
        request = endpoints.restore_snapshot(
            instance_id,
            snapshot_id,
            region=where,
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        complete = await self.wait_until_complete(
            instance_id, snapshot_id, timeout=timeout, poll=poll, on_change=on_change, region=where
        )

        return await self._restore(endpoints.for_snapshot(request, complete))

    async def wait_until_deleted(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        timeout: Seconds | None = 600.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> None:
        """Look at a snapshot until Civo says, by code, that the instance has no such snapshot.

        Any other refusal is raised as what it is, and none is taken for "gone": not a bad token,
        although that is a 404 as well, nor an unknown region, nor an instance that is not found,
        which may be in another region. Give the id: a name may be another snapshot's next.

        Raises `WaitTimeoutError`, with the last snapshot, when the time is up.
        """
        wait = self._wait(DELETED, self._ref(instance_id, snapshot_id, region), timeout, poll)
        await self._poller.advance(wait)
        wait.result()

    async def wait_until_active(
        self,
        instance_id: str,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> Instance:
        """Look at an instance until Civo says that it is `ACTIVE`, and return it.

        That proves that the instance runs, and neither that a restore is over nor what is on its
        disks: right after an overwrite was asked for, it may be `ACTIVE` still.

        Raises `InstanceFailedError` as soon as the status is `ERROR` or `FAILED`, and
        `WaitTimeoutError` when the time is up. Any other status is "not yet", `SHUTOFF` as well.
        """
        request = get_instance(instance_id, region=self._in(region))

        async with self._lifetime.inside():
            return await wait_until_active(
                lambda: self._caller.poll(request),
                instance_id,
                timeout=timeout,
                poll=poll,
                clock=self._clock,
                region=request.region,
            )

    async def find_restored_instance(
        self,
        restore: Restore,
        *,
        timeout: Seconds | None = 300.0,
        poll: PollPolicy = PollPolicy(),
    ) -> Instance:
        """Look through the instances until one has the host name of a restore, and return it.

        The host name is the only mark of a new instance: that it is there proves that it is there,
        and not that this restore has made it. Up to 10,000 instances are read, in the region of the
        restore. The snapshot's own instance is not taken for it.

        Raises `AmbiguousInstanceError` where several have that host name, `WaitTimeoutError` when
        the time is up, and `ValueError` for a restore that makes no new instance, or none that can
        be told from others.
        """
        region = restore.region or self.region

        async def list_page(number: int) -> InstancePage:
            return await self._caller.poll(list_instances(number, _INSTANCES_A_PAGE, region=region))

        async with self._lifetime.inside():
            return await find_restored_instance(
                list_page, restore, timeout=timeout, poll=poll, clock=self._clock
            )

    async def prune(
        self, instance_id: str, plan: PrunePlan, *, region: str | None = None
    ) -> PruneResult:
        """Delete what a plan says, one snapshot after the other, and nothing else.

        It decides nothing anew. A failure is that snapshot's outcome, and the next one is tried all
        the same, unless it would meet the same: a refused token, an unknown region. One that is
        gone already counts as deleted. Cancelled, it stops at once.

        The region is that of the plan. Raises `ValueError` for a plan for another instance or
        region, before anything is sent.
        """
        return await prune(self, instance_id, plan, region=region)

    def _ref(self, instance_id: str, snapshot_id: str, region: str | None) -> SnapshotRef:
        return SnapshotRef(
            check.plain_name("instance_id", instance_id),
            check.plain_name("snapshot_id", snapshot_id),
            check.plain_name("region", self._in(region)),
        )

    def _wait(
        self, goal: Goal, ref: SnapshotRef, timeout: Seconds | None, poll: PollPolicy
    ) -> Wait[Snapshot]:
        return Wait(ref, goal, poll, check.timeout(timeout), self._clock.now())

    async def _call(self, request: Request[T]) -> T:
        async with self._lifetime.inside():
            return await self._caller.call(request)

    async def _restore(self, request: Request[Restore]) -> Restore:
        try:
            return await self._call(request)
        except CivoSnapshotsError as error:
            if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
                raise
            raise restore_unknown(request, error) from error

    async def _named(self, instance_id: str, name: str, region: str | None) -> Snapshot | None:
        try:
            snapshots = await self.list_snapshots(instance_id, region=region)
        except DecodeError as error:
            # One that can't be read, and may have that name, may be the newest of them, or the one
            # that is there already.
            if error.may_hide_name(name):
                raise
            snapshots = error.snapshots
        existing = [snapshot for snapshot in snapshots if snapshot.name == name]

        return max(existing, key=_age, default=None)

    def _in(self, region: str | None) -> str:
        return self.region if region is None else region


def _place_of_the_caller() -> tuple[str, int]:
    """Return the file and line outside of this module from which it was called."""
    frame = currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back

    return (frame.f_code.co_filename, frame.f_lineno) if frame else (__file__, 1)


def _age(snapshot: Snapshot) -> datetime:
    return snapshot.created_at or datetime.min.replace(tzinfo=UTC)


def _require_complete(snapshot: Snapshot, asked_for: str) -> None:
    if snapshot.is_complete:
        return
    reasons = ", ".join(snapshot.verdict.reasons)
    raise SnapshotNotCompleteError(
        f"snapshot {asked_for} of instance {snapshot.instance_id} is not complete, and no restore "
        f"was sent: {reasons}",
        instance_id=snapshot.instance_id,
        snapshot_id=asked_for,
        snapshot=snapshot,
        polls=1,
    )
