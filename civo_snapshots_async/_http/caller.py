"""The one door to Civo: every call of a session goes out here, and every snapshot comes in here."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import aiohttp
import attrs

from .._attempts import Attempt
from .._clock import Clock
from .._errors import DecodeError
from .._models import Snapshot, SnapshotRef
from .._policies import NO_RETRIES, HttpOptions, Limiter, RetryPolicy
from .config import Account
from .ledger import Ledger
from .message import QueueingTransport, Request, Response, Transport
from .retry import RetryingTransport
from .scope import Scope
from .transport import AiohttpTransport
from .writes import Write, is_write

if TYPE_CHECKING:
    from .._observers import Observers

T = TypeVar("T")

_UNOBSERVED = nullcontext()


@attrs.frozen(kw_only=True)
class Listing:
    """An instance's snapshots, and the server's own time when it listed them."""

    snapshots: tuple[Snapshot, ...]
    """Those that could be read."""
    problem: DecodeError | None = None
    """What is known of the others."""
    server_time: datetime | None
    """By its `Date` header; `None` where it gave none that can be read."""
    arrived_at: float
    """When the response arrived, on the session's clock."""


class Caller:
    """Makes the calls of one session. Whatever needs to call holds this, and not the session."""

    observers: "Observers | None" = None
    """Those of the session: it has an `ObservedCaller` then."""

    def __init__(
        self, once: QueueingTransport, retrying: Transport, ledger: Ledger, limit: float
    ) -> None:
        self.ledger = ledger
        self.scope = Scope()
        """What closing the session ends."""
        self._once = once
        self._retrying = retrying
        self._limit = limit

    @classmethod
    def open(
        cls,
        account: Account,
        options: HttpOptions,
        retry: RetryPolicy | None,
        clock: Clock,
        http_session: aiohttp.ClientSession | None,
        *,
        limiter: Limiter | None = None,
    ) -> Self:
        """Make one that calls over HTTP; it opens connections when they are needed."""
        once = AiohttpTransport(account, options, clock, http_session, limiter=limiter)
        retrying = RetryingTransport(once, NO_RETRIES if retry is None else retry, clock)

        return cls(once, retrying, Ledger(), options.call_timeout)

    async def aclose(self) -> None:
        """Close what was opened; a given aiohttp session stays open."""
        await self._once.aclose()

    def abandon(self) -> bool:
        """Drop what was opened and never closed, without aiohttp's warnings; say if any was."""
        return self._once.abandon()

    async def call(self, request: Request[T]) -> T:
        """Send a request, retry it where that is allowed, and return what the response says.

        A write is logged here, whichever method of the session it is for.
        """
        if is_write(request):
            return (await self.call_counted(request))[0]

        return self._decode(request, await self._retrying.send(request, limit=self._limit))

    async def call_counted(self, request: Request[T]) -> tuple[T, tuple[Attempt, ...]]:
        """Do a write as `call` does; return its attempts as well, where there was more than one."""
        with Write(request) as write:
            response = await self._retrying.send(request, limit=self._limit)
            value = self._decode(request, response)
            write.done(value)

        return value, response.attempts

    def observed(self, _: Request[object], /) -> AbstractContextManager[None]:
        """Make what is done inside for a request one call to the observers, if there are any."""
        return _UNOBSERVED

    def resolved(self, _: Request[object], /) -> None:
        """Let the observers know that a call was done, although its response was lost."""

    async def poll(self, request: Request[T]) -> T:
        """Send a request once: the retry of a poll is the next poll.

        Its time starts with its slot, so that no wait fails because of our own queue.
        """
        response = await self._once.send(request, limit=self._limit, counts_queue=False)

        return self._decode(request, response)

    async def poll_list(self, request: Request[tuple[Snapshot, ...]]) -> Listing:
        """Request a list, without retries, and return the server's own time as well.

        It may have entries that could not be read; a list of which nothing could is an error.
        """
        response = await self._once.send(request, limit=self._limit)
        problem: DecodeError | None = None
        try:
            snapshots = self._decode(request, response)
        except DecodeError as error:
            if not error.unreadable:
                raise
            snapshots, problem = error.snapshots, error

        return Listing(
            snapshots=snapshots,
            problem=problem,
            server_time=_server_time(response),
            arrived_at=response.arrived_at,
        )

    def _decode(self, request: Request[T], response: Response) -> T:
        try:
            value: Any = _decoder()(request, response)
        except DecodeError as error:
            error.snapshots = self._note_all(request, error.snapshots)
            for entry in error.unreadable:
                if entry.id is not None:
                    self.ledger.note_id(entry.id)
            raise
        if isinstance(value, Snapshot):
            value = self._noted(request, value)
        elif isinstance(value, tuple):
            value = self._note_all(request, cast("tuple[Snapshot, ...]", value))
        noted: T = value

        return noted

    def _noted(self, request: Request[T], snapshot: Snapshot) -> Snapshot:
        # Only an update's request stands in for what its response leaves out.
        if not request.known:
            return self.ledger.note(snapshot)
        ref = SnapshotRef(request.instance_id, request.snapshot_id, request.region)

        return self.ledger.note_update(ref, snapshot)

    def _note_all(
        self, request: Request[T], snapshots: tuple[Snapshot, ...]
    ) -> tuple[Snapshot, ...]:
        note = self.ledger.note if request.instance_id else self.ledger.note_of_account

        return tuple(map(note, snapshots))


@cache
def _decoder() -> Callable[[Request[Any], Response], Any]:
    # The codec and cattrs are loaded by the first response: an import needs neither.
    from .codec import decode  # noqa: PLC0415 - at first use

    return decode


def _server_time(response: Response) -> datetime | None:
    header = response.headers.get("date", "")
    try:
        moment = parsedate_to_datetime(header) if header else None
    except (ValueError, TypeError, OverflowError):
        return None

    return moment if moment is not None and moment.tzinfo is not None else None
