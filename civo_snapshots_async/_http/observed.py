"""The door to Civo of a session with observers: they follow each call and each poll.

A call is one request with its attempts, and what resolves it: `observed` opened a second time for
the same request is a part of the call that is open.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import aiohttp
import attrs

from .._attempts import Attempt
from .._clock import Clock
from .._models import Snapshot
from .._observers import Observers, error_name, error_text
from .._observing import CallEnded, CallOutcome, CallStarted, Observer, WaitStarted
from .._policies import NO_RETRIES, HttpOptions, Limiter, RetryPolicy
from .caller import Caller, Listing
from .config import Account
from .ledger import Ledger
from .message import QueueingTransport, Request, Response, Transport
from .retry import RetryingTransport
from .transport import AiohttpTransport, url_of
from .writes import ending_of, is_overwrite

T = TypeVar("T")


@attrs.define(eq=False)
class _Sent:
    """What was sent for a call that is open."""

    attempts: int = 0
    status: int | None = None
    is_resolved: bool = False


class _Counting:
    """A transport around a transport: it counts what is sent for each call that is open."""

    def __init__(self, inner: QueueingTransport) -> None:
        self.calls: dict[int, _Sent] = {}
        """By the identity of the request: each call makes one of its own."""
        self._inner = inner

    async def send(
        self, request: Request[object], *, limit: float, counts_queue: bool = True
    ) -> Response:
        """Send it."""
        sent = self.calls[id(request)]
        sent.attempts += 1
        sent.status = None
        response = await self._inner.send(request, limit=limit, counts_queue=counts_queue)
        sent.status = response.status

        return response

    async def aclose(self) -> None:
        """Close what it has opened."""
        await self._inner.aclose()

    def abandon(self) -> bool:
        """Drop what it has opened and not closed; tell whether there was any."""
        return self._inner.abandon()


class ObservedCaller(Caller):
    """A `Caller` whose calls are observed. A session without observers has none of this."""

    def __init__(
        self,
        once: QueueingTransport,
        retrying: Transport,
        ledger: Ledger,
        limit: float,
        *,
        account: Account,
        observers: Observers,
        calls: dict[int, _Sent],
    ) -> None:
        super().__init__(once, retrying, ledger, limit)
        self.observers = self._observers = observers
        self._account = account
        self._calls = calls

    async def call(self, request: Request[T]) -> T:
        """Do what a `Caller` does."""
        with self.observed(request):
            return await super().call(request)

    async def call_counted(self, request: Request[T]) -> tuple[T, tuple[Attempt, ...]]:
        """Do what a `Caller` does."""
        with self.observed(request):
            return await super().call_counted(request)

    async def poll(self, request: Request[T]) -> T:
        """Do what a `Caller` does."""
        with self._observed(request, self._observers.served()):
            return await super().poll(request)

    async def poll_list(self, request: Request[tuple[Snapshot, ...]]) -> Listing:
        """Do what a `Caller` does."""
        with self.observed(request):
            return await super().poll_list(request)

    def observed(self, request: Request[object], /) -> AbstractContextManager[None]:
        """Let the observers follow what is done for a request, as one call."""
        return self._observed(request, ())

    def resolved(self, request: Request[object], /) -> None:
        """Note that an open call was done, although its response was lost."""
        # A call that is not open is observed no more, and its caller goes on all the same.
        self._calls.get(id(request), _Sent()).is_resolved = True

    @contextmanager
    def _observed(
        self, request: Request[object], waits: tuple[WaitStarted, ...]
    ) -> Generator[None, None, None]:
        key = id(request)
        if key in self._calls:
            yield
            return
        clock = self._observers.clock
        started_at = clock.now()
        observation = self._observers.call(self._started(request, waits))
        sent = self._calls[key] = _Sent()
        end: CallEnded | None = None
        try:
            yield
        except BaseException as error:
            end = _ended(request, sent, clock.now() - started_at, error)
            raise
        else:
            end = _ended(request, sent, clock.now() - started_at, None)
        finally:
            del self._calls[key]
            observation.close(end)

    def _started(self, request: Request[object], waits: tuple[WaitStarted, ...]) -> CallStarted:
        return CallStarted(
            name=request.call,
            method=request.method,
            url=url_of(self._account, request),
            instance_id=request.instance_id,
            snapshot_id=request.snapshot_id,
            region=request.region,
            is_overwrite=is_overwrite(request),
            waits=waits,
        )


def open_observed(
    account: Account,
    options: HttpOptions,
    retry: RetryPolicy | None,
    http_session: aiohttp.ClientSession | None,
    *,
    limiter: Limiter | None,
    observers: tuple[Observer, ...],
    clock: Clock,
) -> ObservedCaller:
    """Make one that calls over HTTP; it opens connections when they are needed."""
    once = AiohttpTransport(account, options, clock, http_session, limiter=limiter)
    counting = _Counting(once)

    return ObservedCaller(
        counting,
        RetryingTransport(counting, NO_RETRIES if retry is None else retry, clock),
        Ledger(),
        options.call_timeout,
        account=account,
        observers=Observers(observers, clock),
        calls=counting.calls,
    )


def _ended(
    request: Request[object], sent: _Sent, seconds: float, error: BaseException | None
) -> CallEnded:
    outcome: CallOutcome = "resolved" if sent.is_resolved else "done"
    if error is not None:
        outcome = ending_of(request, error)

    return CallEnded(
        outcome=outcome,
        attempts=sent.attempts,
        status=sent.status,
        seconds=seconds,
        error=error_name(error),
        message=error_text(error),
    )
