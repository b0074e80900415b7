"""The face of the library: one session, six calls, waiting, and restoring safely."""

import ssl
from ipaddress import IPv4Address
from types import TracebackType
from typing import Literal, Self, TypedDict, TypeVar, Unpack, cast

import aiohttp

from . import _checks as check
from . import _endpoints as endpoints
from ._clock import Clock, SystemClock
from ._codec import decode
from ._config import DEFAULT_API_URL, Account, checked_account, find_account
from ._errors import SnapshotNotCompleteError
from ._http import Request, Transport
from ._models import Restore, Snapshot
from ._pacing import PollPolicy
from ._token import Token
from ._transport import AiohttpTransport, TransportSettings
from ._waiting import OnChange, wait_for

T = TypeVar("T")


class SessionOptions(TypedDict, total=False):
    """What a session takes besides token, region and URL; `SnapshotSession` explains each."""

    http_session: aiohttp.ClientSession | None
    request_timeout: float
    connect_timeout: float
    max_connections: int
    body_format: Literal["json", "form"]
    proxy: str | None
    trust_env: bool
    ssl_context: ssl.SSLContext | None
    application: str | None
    allow_insecure_http: bool
    clock: Clock


class SnapshotSession:
    """Civo's instance snapshots, for one account and, unless a call says otherwise, one region.

    Use it in one event loop, with `async with`, or call `aclose()`. It can be used by any number
    of tasks at once.

    - `token`: the account's API key. No repr, error, log or pickle of this library shows it.
    - `region`: the code of one, such as `LON1`. Civo has no default: without a region, a call
      silently goes to another one.
    - `api_url`: where Civo's API is, without `/v2`; must be https, or http to this machine.
    - `http_session`: an aiohttp session of yours to send with. It is never closed here. Its
      connection pool and its TLS are its own, its default headers go out with our requests; its
      login, cookies and redirects do not.
    - `request_timeout`, `connect_timeout`: seconds for one whole request, and for its connection.
    - `max_connections`: how many requests may be under way at once; further ones wait for a place,
      and that wait is not charged to their time. A given `http_session` has a limit of its own.
    - `body_format`: `"json"`, as the official Go client sends; `"form"`, as the page shows.
    - `proxy`: the URL of an HTTP proxy; `trust_env=True` takes it from the environment
      (`HTTPS_PROXY`, `NO_PROXY`, …). A netrc file is never read.
    - `ssl_context`: what to trust in place of the system's certificates. There is no off switch.
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
        request_timeout: float = 30.0,
        connect_timeout: float = 10.0,
        max_connections: int = 100,
        body_format: Literal["json", "form"] = "json",
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        application: str | None = None,
        allow_insecure_http: bool = False,
        clock: Clock = SystemClock(),
    ) -> None:
        # The text is let go of at once: a traceback may show the locals of this frame.
        held = Token.of(token)
        del token
        self._account = checked_account(
            held, region=region, api_url=api_url, allow_insecure_http=allow_insecure_http
        )
        settings = TransportSettings(
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            max_connections=max_connections,
            body_format=body_format,
            proxy=proxy,
            trust_env=trust_env,
            ssl_context=ssl_context,
            application=application,
        )
        self._http = AiohttpTransport(self._account, settings, http_session)
        self._transport: Transport = self._http
        self._clock = clock

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

    async def aclose(self) -> None:
        """Close the session and its connections; calls made afterwards raise `SessionClosedError`.

        A given `http_session` stays open. Closing twice does nothing.
        """
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
        """
        return await self._call(
            endpoints.create_snapshot(
                instance_id, region=self._in(region), name=name, description=description
            )
        )

    async def list_snapshots(
        self, instance_id: str, *, region: str | None = None
    ) -> tuple[Snapshot, ...]:
        """Return all snapshots of an instance; a list gives summaries, without volumes perhaps."""
        return await self._call(endpoints.list_snapshots(instance_id, region=self._in(region)))

    async def get_snapshot(
        self, instance_id: str, snapshot_id: str, *, region: str | None = None
    ) -> Snapshot:
        """Return one snapshot, by its id or name."""
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
            request = endpoints.for_snapshot(request, seen.id)

        return await self._call(request)

    async def delete_snapshot(
        self, instance_id: str, snapshot_id: str, *, region: str | None = None
    ) -> None:
        """Delete a snapshot, which frees its quota and storage; what Civo answers is not kept."""
        await self._call(
            endpoints.delete_snapshot(instance_id, snapshot_id, region=self._in(region))
        )

    async def wait_until_complete(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        timeout: float | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Look at a snapshot until it and every volume in it are complete, and return it.

        It is the module's `wait_until_complete`, which says it all, with this session.
        """
        request = endpoints.get_snapshot(instance_id, snapshot_id, region=self._in(region))

        return await wait_for(
            lambda: self._call(request),
            instance_id,
            snapshot_id,
            timeout=timeout,
            poll=poll,
            on_change=on_change,
            clock=self._clock,
        )

    async def restore_when_complete(
        self,
        instance_id: str,
        snapshot_id: str,
        *,
        hostname: str | None = None,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        overwrite_existing: bool = False,
        timeout: float | None = 1800.0,
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

        return await self._call(endpoints.for_snapshot(request, complete.id))

    async def _call(self, request: Request[T]) -> T:
        return decode(request, await self._transport.send(request))

    def _in(self, region: str | None) -> str:
        return self.region if region is None else region


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
