"""The part of a session without waits: how it is opened and closed, and its calls."""

import warnings
from collections.abc import Iterable
from functools import cached_property
from inspect import currentframe
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self, TypeVar, cast

import aiohttp

from . import _checks as check
from . import _verbs as verbs
from ._checks import Seconds
from ._clock import Clock, SystemClock
from ._creating import Creations
from ._deleting import delete
from ._http import endpoints
from ._http.caller import Caller
from ._http.config import DEFAULT_API_URL, Account, Token, checked_account, find_account
from ._http.endpoints import Request
from ._models import Instance, Restore, Snapshot, SnapshotLike, SnapshotRef
from ._policies import HttpOptions, Limiter, RetryPolicy
from ._restoring import restore_complete, restore_once
from ._waits.snapshots import SnapshotWaits

T = TypeVar("T")


class SnapshotCalls:
    """A session's settings, its life, and the calls that do not wait: see `SnapshotSession`."""

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
        limiter: Limiter | None = None,
        observers: "Iterable[verbs.observing.Observer]" = (),
        clock: Clock = SystemClock(),
    ) -> None:
        # The text is deleted at once: a traceback may show the locals of this frame.
        held = Token.of(token)
        del token
        self._created_at = _location_of_caller()
        self._account = checked_account(
            held, region=region, api_url=api_url, allow_insecure_http=http.allow_insecure_http
        )
        self._clock = clock
        self._resolve_timeout = check.seconds_or_none_at_all("resolve_timeout", resolve_timeout)
        given = tuple(observers)
        args = (self._account, http, retry)
        self._caller = (
            verbs.observed_calls.open_observed(
                *args, http_session, limiter=limiter, observers=given, clock=clock
            )
            if given
            else Caller.open(*args, clock, http_session, limiter=limiter)
        )
        self._creations = Creations(self._caller, clock, self._resolve_timeout)
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
        limiter: Limiter | None = None,
        observers: "Iterable[verbs.observing.Observer]" = (),
        clock: Clock = SystemClock(),
    ) -> Self:
        """Create a session with the configuration of the official tools.

        `token`, `region` and `api_url` come from the arguments, then from the environment
        (`CIVO_TOKEN`, `CIVO_REGION`, `CIVO_API_URL`), then from the official CLI's file
        (`CIVO_CONFIG`, by default `~/.civo.json`). The other arguments are those of
        `SnapshotSession`. Raises `ConfigurationError`, with the places searched, if there is no
        token or no region.
        """
        held = Token.of(token)
        del token
        is_insecure = http.allow_insecure_http
        account = find_account(
            token=held, region=region, api_url=api_url, allow_insecure_http=is_insecure
        )
        return cls(
            cast("str", account.token),
            region=account.region,
            api_url=account.api_url,
            http=http,
            retry=retry,
            resolve_timeout=resolve_timeout,
            http_session=http_session,
            limiter=limiter,
            observers=observers,
            clock=clock,
        )

    def __repr__(self) -> str:
        # A traceback may show a session whose __init__ has just raised.
        account: Account | None = getattr(self, "_account", None)
        if account is None:
            return "SnapshotSession(invalid)"

        return f"SnapshotSession(region={account.region!r}, api_url={account.api_url!r})"

    @property
    def region(self) -> str:
        """The default region of each call."""
        return self._account.region

    @property
    def api_url(self) -> str:
        """Where Civo's API is, without `/v2`."""
        return self._account.api_url

    @property
    def clock(self) -> Clock:
        """The clock of this session."""
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
        # No caller if __init__ raised; nothing to close if the session was never used.
        caller: Caller | None = getattr(self, "_caller", None)
        if caller is not None and caller.abandon():
            # At the line that created it: the line that happens to free it does not help.
            warnings.warn_explicit(
                "SnapshotSession was not closed: use it in `async with`, or await its aclose()",
                ResourceWarning,
                *self._created_at,
                source=self,
            )

    async def aclose(self) -> None:
        """Close the session and its connections, and end its running calls and waits.

        These raise `SessionClosedError`, and so does every later call. A given `http_session` stays
        open. Closing twice has no effect.
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
        """Start a snapshot of an instance and all volumes attached to it.

        `name` is an RFC 1123 label; without one, Civo chooses a name. The returned snapshot is not
        complete yet: `wait_until_complete` waits for that.

        The request is not retried once any of its bytes may have been sent, except after a 429. If
        the response is lost, the session lists the snapshots for up to `resolve_timeout` and
        returns the new one of that name, provided that no other create can have made it. A call
        that is canceled may still take effect.

        Raises `ApiError` if Civo returns an error, `TransportError` if nothing was sent,
        `OutcomeUnknownError` if a lost or undocumented response could not be resolved, and
        `SessionClosedError`. Invalid arguments raise `ValueError` or `TypeError` before any
        request.
        """
        request = endpoints.create_snapshot(
            instance_id, region=self._in(region), name=name, description=description
        )
        async with self._caller.scope.inside():
            return await self._creations.create(request)

    async def list_snapshots(
        self, instance_id: str, *, region: str | None = None
    ) -> tuple[Snapshot, ...]:
        """Return all snapshots of an instance. A list may leave out their volumes.

        An unreadable entry raises `DecodeError`, which has the other entries in `snapshots` and
        what is known of this one in `unreadable`.

        Raises `ApiError` if Civo returns an error, `TransportError` if no complete response
        arrived, `DecodeError` if the response is undocumented, and `SessionClosedError`. Invalid
        arguments raise `ValueError` or `TypeError` before any request.
        """
        return await self._call(endpoints.list_snapshots(instance_id, region=self._in(region)))

    async def get_snapshot(
        self, instance_id: str, snapshot_id: SnapshotLike, *, region: str | None = None
    ) -> Snapshot:
        """Return one snapshot.

        Civo shows `included_volumes` only in the response to a creation. The session remembers them
        for the snapshots that it has created.

        Raises `ApiError` if Civo returns an error, `TransportError` if no complete response
        arrived, `DecodeError` if the response is undocumented, and `SessionClosedError`. Invalid
        arguments raise `ValueError` or `TypeError` before any request.
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
        """Change the name of a snapshot, its description, or both.

        Civo's page says that the response describes "the updated fields of the snapshot". A field
        that it leaves out has the requested value, or is empty: a snapshot without a state is
        pending, so get it before you rely on more. After a rename by name, `id` may be the old
        name. `description=""` is sent as an empty string, which should clear the description; that
        is not proven against the live API.

        Raises `ApiError` if Civo returns an error, `TransportError` if no complete response
        arrived, `DecodeError` if the response is undocumented, and `SessionClosedError`. Invalid
        arguments raise `ValueError` or `TypeError` before any request.
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
        """Restore a snapshot into a new instance, or over its own with `overwrite_existing=True`.

        **Overwriting destroys what is on the instance.** A new instance gets `hostname` and
        `private_ip` if given, in the Civo network of the old one.

        The session gets the snapshot, requires it to be complete, and restores it by its id;
        `require_complete=False` skips that check. The restore is not retried once any of its bytes
        may have been sent, and an overwrite never. A call that is canceled may still take effect.

        Raises `SnapshotNotCompleteError` if the snapshot is not complete, `ApiError` if Civo
        returns an error, `TransportError` if no restore was sent, `DecodeError` if the snapshot
        can't be read, `OutcomeUnknownError` if the restore's response was lost or is undocumented,
        and `SessionClosedError`. Invalid arguments raise `ValueError` or `TypeError` before any
        request.
        """
        request = endpoints.restore_snapshot(
            self._ref(instance_id, snapshot_id, region),
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        is_guarded = check.boolean("require_complete", require_complete)
        restore = restore_complete if is_guarded else restore_once
        async with self._caller.scope.inside():
            return await restore(self._caller, endpoints.naming(request, snapshot_id))

    async def delete_snapshot(
        self, instance_id: str, snapshot_id: SnapshotLike, *, region: str | None = None
    ) -> None:
        """Delete a snapshot, which frees its quota and storage.

        Pass the id: a retry by name may delete another snapshot of that name. "Not found" after a
        lost attempt of the same call means that this attempt deleted the snapshot.

        Raises `ApiError` if Civo returns an error, `TransportError` if nothing was sent,
        `OutcomeUnknownError` if a response was lost and no later one shows the outcome, and
        `SessionClosedError`. Invalid arguments raise `ValueError` or `TypeError` before any
        request.
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
        """Return the newest snapshot of that name, in any phase, or create one.

        Use it in job runners that deliver a job more than once: it is idempotent. `description` is
        for a new snapshot and does not change an existing one. Calls of one session wait for each
        other. Between sessions, Civo rejects a create while another one of the instance runs.

        Raises what `create_snapshot` raises, and `DecodeError` if an unreadable entry of the list
        may have that name; nothing is created then.
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
        """Return all instances of a region, up to 100,000 of them, a thousand to a page.

        Raises what `list_snapshots` raises; `DecodeError` where there are more.
        """
        async with self._caller.scope.inside():
            return await verbs.instances.list_instances(self._caller, self._in(region))

    async def find_instance(self, instance_id: str, *, region: str | None = None) -> Instance:
        """Return an instance by its id, or by its hostname where Civo accepts one.

        Civo's page has only ids in its paths. The official CLI finds a hostname in the list of
        instances first.

        Raises what `get_snapshot` raises; `InstanceNotFoundError` if there is no such instance.
        """
        return await self._call(endpoints.get_instance(instance_id, region=self._in(region)))

    @cached_property
    def _ensured(self) -> "verbs.ensuring.EnsuredRestores":
        return verbs.ensuring.EnsuredRestores(self._caller, self._clock, self._resolve_timeout)

    @cached_property
    def _applications(self) -> "verbs.applying.Applications":
        return verbs.applying.Applications(self._caller, self._clock, self._creations, self._waits)

    @cached_property
    def _drills(self) -> "verbs.drilling.Drills":
        return verbs.drilling.Drills(
            self._caller, self._clock, self._creations, self._waits, self._ensured
        )

    def _ref(self, instance_id: str, snapshot: SnapshotLike, region: str | None) -> SnapshotRef:
        return SnapshotRef.of(instance_id, snapshot, region=region, default_region=self.region)

    async def _call(self, request: Request[T]) -> T:
        async with self._caller.scope.inside():
            return await self._caller.call(request)

    def _in(self, region: str | None) -> str:
        return self.region if region is None else region


def _location_of_caller() -> tuple[str, int]:
    """Return the file and line outside of this module from which it was called."""
    frame = currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back

    return (frame.f_code.co_filename, frame.f_lineno) if frame else (__file__, 1)
