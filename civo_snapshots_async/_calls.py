"""A session: opening and closing it, and the six calls, none of which waits."""

import warnings
from inspect import currentframe
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self, TypeVar, cast

import aiohttp

from . import _checks as check
from ._checks import Seconds
from ._clock import Clock, SystemClock
from ._creating import Creations
from ._deleting import delete
from ._http import endpoints
from ._http.caller import Caller
from ._http.config import DEFAULT_API_URL, Account, Token, checked_account, find_account
from ._http.endpoints import Request
from ._instances import list_instances
from ._models import Instance, Restore, Snapshot, SnapshotLike, SnapshotRef
from ._policies import HttpOptions, RetryPolicy
from ._restoring import restore_complete, restore_once
from ._waits.snapshots import SnapshotWaits

T = TypeVar("T")


class SnapshotCalls:
    """A session that is open, and what it can call: `SnapshotSession` without its waits."""

    def __init__(
        self,
        token: str,
        *,
        region: str,
        api_url: str = DEFAULT_API_URL,
        http: HttpOptions = HttpOptions(),
        retry: RetryPolicy | None = RetryPolicy(),
        resolve_timeout: Seconds = 60.0,
        http_session: aiohttp.ClientSession | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        # The text is let go of at once: a traceback may show the locals of this frame.
        held = Token.of(token)
        del token
        self._made_at = _place_of_the_caller()
        self._account = checked_account(
            held, region=region, api_url=api_url, allow_insecure_http=http.allow_insecure_http
        )
        self._clock = clock
        resolve_timeout = check.seconds_or_none_at_all("resolve_timeout", resolve_timeout)
        self._caller = Caller.open(self._account, http, retry, clock, http_session)
        self._creations = Creations(self._caller, clock, resolve_timeout)
        self._waits = SnapshotWaits(clock, self._caller, http.max_connections)

    @classmethod
    def from_env(
        cls,
        *,
        token: str | None = None,
        region: str | None = None,
        api_url: str | None = None,
        http: HttpOptions = HttpOptions(),
        retry: RetryPolicy | None = RetryPolicy(),
        resolve_timeout: Seconds = 60.0,
        http_session: aiohttp.ClientSession | None = None,
        clock: Clock = SystemClock(),
    ) -> Self:
        """Make a session from what the official tools use.

        What is not given here comes from the environment (`CIVO_TOKEN`, `CIVO_REGION`,
        `CIVO_API_URL`), and what is not there either from the official CLI's file (`CIVO_CONFIG`,
        else `~/.civo.json`). All other arguments are those of `SnapshotSession`.

        Raises `ConfigurationError`, with the places searched, where token or region is nowhere.
        """
        held = Token.of(token)
        del token
        account = find_account(
            token=held,
            region=region,
            api_url=api_url,
            allow_insecure_http=http.allow_insecure_http,
        )

        return cls(
            cast("str", account.token),
            region=account.region,
            api_url=account.api_url,
            http=http,
            retry=retry,
            resolve_timeout=resolve_timeout,
            http_session=http_session,
            clock=clock,
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
    def api_url(self) -> str:
        """Where Civo's API is, without `/v2`."""
        return self._account.api_url

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
        # One that was refused while it was made has no caller, and one unused has opened nothing.
        caller: Caller | None = getattr(self, "_caller", None)
        if caller is not None and caller.abandon():
            # Located where it was made: where it is freed tells nothing.
            warnings.warn_explicit(
                "SnapshotSession was not closed: use it in `async with`, or await its aclose()",
                ResourceWarning,
                *self._made_at,
                source=self,
            )

    async def aclose(self) -> None:
        """Close the session and its connections, and end what still runs on it.

        Calls and waits in progress, and those made afterwards, raise `SessionClosedError`. A given
        `http_session` stays open. Closing twice does nothing.
        """
        self._caller.scope.end()
        await self._waits.aclose()
        await self._caller.aclose()

    # ---- the six calls

    async def create_snapshot(
        self,
        instance_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Start a snapshot of an instance and all its attached volumes.

        `name` is an RFC 1123 label; without one Civo makes one up. The snapshot that is returned
        is not complete yet: `wait_until_complete` waits for that.

        The request is not retried once any of it may have been sent. Where its response is lost,
        the session looks for the snapshot by listing: one new snapshot of that name, made since and
        not another call's, is returned. Canceled while it runs, it may still be done.

        Raises `ApiError` where Civo refuses, `TransportError` where nothing was sent,
        `OutcomeUnknownError` where a lost or undocumented response could not be resolved, and
        `SessionClosedError`; `ValueError` or `TypeError` for bad arguments, before any request.
        """
        request = endpoints.create_snapshot(
            instance_id, region=self._in(region), name=name, description=description
        )
        async with self._caller.scope.inside():
            return await self._creations.create(request)

    async def list_snapshots(
        self, instance_id: str, *, region: str | None = None
    ) -> tuple[Snapshot, ...]:
        """Return all snapshots of an instance; a list gives summaries, without volumes perhaps.

        Where an entry can't be read, `DecodeError` is raised, with the others in `.snapshots` and
        what is known of it in `.unreadable`: a list that silently lacks one would be taken for all.

        Raises `ApiError` where Civo refuses, `TransportError` where no complete response came,
        `DecodeError` where it is undocumented, and `SessionClosedError`; `ValueError` or
        `TypeError` for bad arguments, before any request.
        """
        return await self._call(endpoints.list_snapshots(instance_id, region=self._in(region)))

    async def get_snapshot(
        self, instance_id: str, snapshot_id: SnapshotLike, *, region: str | None = None
    ) -> Snapshot:
        """Return one snapshot.

        Of one that this session has created, `included_volumes` is known from then; Civo itself
        gives it only there.

        Raises `ApiError` where Civo refuses, `TransportError` where no complete response came,
        `DecodeError` where it is undocumented, and `SessionClosedError`; `ValueError` or
        `TypeError` for bad arguments, before any request.
        """
        request = endpoints.get_snapshot(self._ref(instance_id, snapshot_id, region))

        return await self._call(endpoints.naming(request, snapshot_id))

    async def update_snapshot(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
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

        Raises `ApiError` where Civo refuses, `TransportError` where no complete response came,
        `DecodeError` where it is undocumented, and `SessionClosedError`; `ValueError` or
        `TypeError` for bad arguments, before any request.
        """
        ref = self._ref(instance_id, snapshot_id, region)
        request = endpoints.update_snapshot(ref, name=name, description=description)

        return await self._call(endpoints.naming(request, snapshot_id))

    async def restore_snapshot(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
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

        First the snapshot is requested anew: unless it is complete, no restore is sent. What is
        then restored is the very snapshot that was checked, by its id. `require_complete=False`
        sends the restore as it is, without that check.

        The request is not retried once any of it may have been sent, and an overwrite never.
        Canceled while it runs, it may still be done.

        Raises `SnapshotNotCompleteError`, with the reasons, where it is not complete; `ApiError`
        where Civo refuses, `TransportError` where nothing was sent, `OutcomeUnknownError` where the
        response was lost or is undocumented (with `overwrite_existing=True`, the disk may have been
        replaced), and `SessionClosedError`; `ValueError` or `TypeError` for bad arguments, before
        any request.
        """
        ref = self._ref(instance_id, snapshot_id, region)
        request = endpoints.restore_snapshot(
            ref,
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        is_guarded = check.boolean("require_complete", require_complete)
        async with self._caller.scope.inside():
            if is_guarded:
                return await restore_complete(self._caller, request, ref)
            return await restore_once(self._caller, endpoints.naming(request, snapshot_id))

    async def delete_snapshot(
        self, instance_id: str, snapshot_id: SnapshotLike, *, region: str | None = None
    ) -> None:
        """Delete a snapshot, which frees its quota and storage.

        Where it is not found after an attempt of this very call was lost, that attempt has done it.
        Give the id: a retry by name may find another snapshot of that name.

        Raises `ApiError` where Civo refuses, `TransportError` where nothing was sent,
        `OutcomeUnknownError` where the last or an earlier response was lost and nothing shows that
        it was done (it can be called again), and `SessionClosedError`; `ValueError` or `TypeError`
        for bad arguments, before any request.
        """
        request = endpoints.delete_snapshot(self._ref(instance_id, snapshot_id, region))
        async with self._caller.scope.inside():
            await delete(self._caller, endpoints.naming(request, snapshot_id))

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
        snapshot that is made, and does not change one that exists. Calls of one session wait for
        each other; between programs it rests on Civo's refusing two creations at once.

        Where an entry of the list can't be read, and may have that name, `DecodeError` is raised
        and nothing is created. Otherwise it raises what `create_snapshot` raises.
        """
        request = endpoints.create_snapshot(
            instance_id,
            region=self._in(region),
            name=check.label("name", name),
            description=description,
        )
        async with self._caller.scope.inside():
            return await self._creations.ensure(request, name)

    async def list_instances(self, *, region: str | None = None) -> tuple[Instance, ...]:
        """Return the instances of a region, up to 10,000 of them, page by page.

        Raises what `list_snapshots` raises.
        """
        async with self._caller.scope.inside():
            return await list_instances(self._caller, self._in(region))

    async def find_instance(self, instance_id: str, *, region: str | None = None) -> Instance:
        """Return an instance by its id; by its host name where Civo takes one.

        Civo's page names the id alone in each path. The official CLI looks a host name up in the
        list of instances before it calls.

        Raises `InstanceNotFoundError` where there is none, and what `get_snapshot` raises.
        """
        return await self._call(endpoints.get_instance(instance_id, region=self._in(region)))

    def _ref(self, instance_id: str, snapshot: SnapshotLike, region: str | None) -> SnapshotRef:
        return SnapshotRef.of(instance_id, snapshot, region=region, default_region=self.region)

    async def _call(self, request: Request[T]) -> T:
        async with self._caller.scope.inside():
            return await self._caller.call(request)

    def _in(self, region: str | None) -> str:
        return self.region if region is None else region


def _place_of_the_caller() -> tuple[str, int]:
    """Return the file and line outside of this module from which it was called."""
    frame = currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back

    return (frame.f_code.co_filename, frame.f_lineno) if frame else (__file__, 1)
