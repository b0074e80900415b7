"""Creating a snapshot at most once: a lost response is resolved by listing, never by a retry."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from weakref import WeakValueDictionary

import attrs

from ._checks import is_uuid
from ._clock import Clock
from ._errors import (
    CivoSnapshotsError,
    ConflictError,
    DecodeError,
    InstanceNotFoundError,
    OutcomeUnknownError,
    SessionClosedError,
)
from ._http import endpoints
from ._http.caller import Caller, Listing
from ._http.endpoints import Request
from ._log import About, log
from ._models import Snapshot, UnreadableEntry

_BACKOFF = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
# Both `created_at` and the `Date` header are truncated to seconds.
_SECOND = timedelta(seconds=1)


@attrs.define(eq=False)
class _Creation:
    """A create in flight, or one whose outcome is unknown."""

    request: Request[Snapshot]
    started: float
    """When it was sent, on our clock."""
    number: int
    """Its number in the ledger."""
    is_retried: bool = False
    """Whether it was retried, as after a 429, so that `started` is too early."""
    is_lost: bool = False
    """Whether its response was lost, so that it is being resolved."""
    sent_at: datetime | None = None
    """The earliest time at which it may have been sent, on the server's clock."""
    has_clock_skew: bool = False
    """Whether `created_at` is known to come from another clock than the `Date` header."""

    @property
    def name(self) -> str | None:
        """The requested name, if any."""
        name = (self.request.fields or {}).get("name")
        return None if name is None else str(name)

    @property
    def can_be_recognized(self) -> bool:
        """Whether a name and a date can prove that a snapshot is its own."""
        return self.name is not None and not (self.is_retried or self.has_clock_skew)

    def learn_time(self, listing: Listing) -> None:
        """Learn from a list when the create was sent, on the server's clock, and of clock skew."""
        now = listing.server_time
        if now is None:
            return
        # Truncation makes the time up to a second early, so that the latest of several is the best.
        sent_at = now - timedelta(seconds=listing.arrived_at - self.started)
        self.sent_at = max(self.sent_at or sent_at, sent_at)
        # Once known, it stays: the date that proves it will be in the past at a later list.
        if any(s.created_at and s.created_at > now + _SECOND for s in listing.snapshots):
            self.has_clock_skew = True


class Creations:
    """The creates of one session, and which snapshot belongs to which of them."""

    def __init__(self, caller: Caller, clock: Clock, resolve_timeout: float) -> None:
        self._caller = caller
        self._clock = clock
        self._resolve_timeout = resolve_timeout
        self._ledger = caller.ledger
        self._ensuring: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._in_flight: list[_Creation] = []
        self._unresolved: list[_Creation] = []

    async def create(self, request: Request[Snapshot]) -> Snapshot:
        """Create a snapshot at most once; if the response is lost, resolve it by listing."""
        with self._caller.observed(request):
            return await self._create(request)

    async def _create(self, request: Request[Snapshot]) -> Snapshot:
        creation = _Creation(request, self._clock.now(), self._ledger.number_a_create())
        self._in_flight.append(creation)
        is_known = False
        try:
            snapshot = await self._send(creation)
            is_known = True
        except CivoSnapshotsError as error:
            is_known = not isinstance(error, OutcomeUnknownError)
            raise
        finally:
            self._in_flight.remove(creation)
            if not is_known:
                self._unresolved = [*self._unresolved[-99:], creation]
        # Nothing was awaited since it was found, so that no other create can have claimed it.
        self._ledger.claim(snapshot.id)

        return snapshot

    async def ensure(self, request: Request[Snapshot], name: str) -> Snapshot:
        """Return the newest snapshot of that name, in any phase, or create one."""
        key = (request.region, request.instance_id, name)
        async with self._ensuring.setdefault(key, asyncio.Lock()):
            existing = await self._newest_of(request, name)
            if existing is not None:
                return existing
            try:
                return await self.create(request)
            except ConflictError:
                # Another worker may have started the same job first.
                existing = await self._newest_of(request, name)
                if existing is None:
                    raise
                return existing

    async def _newest_of(self, request: Request[Snapshot], name: str) -> Snapshot | None:
        listing = endpoints.list_snapshots(request.instance_id, region=request.region)
        try:
            snapshots = await self._caller.call(listing)
        except DecodeError as error:
            # An unreadable entry that may have that name may be the newest one, or the only one.
            if error.may_hide_name(name):
                raise
            snapshots = error.snapshots
        existing = [snapshot for snapshot in snapshots if snapshot.name == name]

        return max(existing, key=_creation_time, default=None)

    async def _send(self, creation: _Creation) -> Snapshot:
        try:
            snapshot, attempts = await self._caller.call_counted(creation.request)
            if self._may_have_made(creation, snapshot.id):
                return snapshot
            lost = _wrong_snapshot(creation.request, snapshot)
            # The log's last record, `create.done`, names the wrong snapshot.
            log("create.unknown", About.of(creation.request), "%s", lost)
        except CivoSnapshotsError as error:
            # A closed session can't list anything.
            if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
                raise
            lost, attempts = error, getattr(error, "attempts", ())
        creation.is_lost = True
        creation.is_retried = len(attempts) > 1

        return await self._resolve(creation, lost)

    async def _resolve(self, creation: _Creation, lost: CivoSnapshotsError) -> Snapshot:
        request, listing, last_error = creation.request, None, None
        listing_request = endpoints.list_snapshots(request.instance_id, region=request.region)
        for seconds in self._backoff():
            await self._clock.sleep(seconds)
            try:
                listing = await self._caller.poll_list(listing_request)
            except CivoSnapshotsError as error:
                # Both responses say that there is no instance, and so no snapshot of it. The status
                # of the list, unlike a 5xx, leaves no doubt.
                if isinstance(lost, InstanceNotFoundError) and type(error) is type(lost):
                    raise error from lost
                last_error = error
                if not error.is_transient:
                    break
                continue
            creation.learn_time(listing)
            last_error = self._unreadable(creation, listing)
            similar = self._similar(creation, listing)
            # Another list would not show which create has made it.
            if len(similar) > 1 or (similar and not creation.can_be_recognized):
                break
            # An unreadable entry may become readable.
            if last_error is not None:
                continue
            if similar and self._can_only_be_ours(creation, similar[0], listing):
                log(
                    "create.resolved",
                    About.of(request).seen(similar[0]),
                    "%s: %s; resolved: it created snapshot %s (%s)",
                    request.call, lost, similar[0].name, similar[0].id,
                )  # fmt: skip
                self._caller.resolved(request)
                return similar[0]
        raise self._unknown(creation, lost, listing, last_error) from lost

    def _backoff(self) -> Iterator[float]:
        end = self._clock.now() + self._resolve_timeout
        spans = chain(_BACKOFF, repeat(_BACKOFF[-1]))
        while self._clock.now() + (span := next(spans)) < end:
            yield span

    def _similar(self, creation: _Creation, listing: Listing) -> tuple[Snapshot, ...]:
        return tuple(
            snapshot
            for snapshot in listing.snapshots
            if self._may_have_made(creation, snapshot.id)
            and _has_requested_fields(creation, snapshot)
            and _is_since(creation, snapshot, listing) is not False
        )

    def _may_have_made(self, creation: _Creation, snapshot_id: str) -> bool:
        return not (
            self._ledger.is_claimed(snapshot_id)
            or self._ledger.was_there_before(snapshot_id, creation.number)
        )

    def _unreadable(self, creation: _Creation, listing: Listing) -> DecodeError | None:
        """Return the list's problem if the create's snapshot may be an unreadable entry."""
        problem = listing.problem
        if problem and any(self._may_be_of(creation, entry) for entry in problem.unreadable):
            return problem

        return None

    def _may_be_of(self, creation: _Creation, entry: UnreadableEntry) -> bool:
        if creation.name is not None and not entry.may_be_named(creation.name):
            return False

        return entry.id is None or self._may_have_made(creation, entry.id)

    def _can_only_be_ours(self, creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool:
        # Another create of that name may have made it: one in flight, or one of unknown outcome.
        recent = self._clock.now() - self._resolve_timeout
        rivals = (
            *(each for each in self._in_flight if each is not creation and not each.is_lost),
            *(each for each in self._unresolved if each.started >= recent),
        )
        has_rival = any(_may_be_alike(rival, creation) for rival in rivals)

        return not has_rival and _is_since(creation, snapshot, listing) is True

    def _unknown(
        self,
        creation: _Creation,
        lost: CivoSnapshotsError,
        listing: Listing | None,
        last_error: CivoSnapshotsError | None,
    ) -> OutcomeUnknownError:
        request = creation.request
        similar = self._similar(creation, listing) if listing else ()

        return OutcomeUnknownError(
            f"create_snapshot on instance {request.instance_id} (name {creation.name!r}) may or "
            f"may not have been done, and was not retried: {lost}. "
            f"{_what_was_seen(creation, similar, listing, last_error)} "
            "Check list_snapshots before you create it again, or use ensure_snapshot.",
            action=request.call,
            instance_id=request.instance_id,
            region=request.region,
            requested=request.fields or {},
            existing=tuple(s for s in listing.snapshots if s not in similar) if listing else (),
            candidates=similar,
            last_error=last_error,
        )


def _creation_time(snapshot: Snapshot) -> datetime:
    return snapshot.created_at or datetime.min.replace(tzinfo=UTC)


def _wrong_snapshot(request: Request[Snapshot], snapshot: Snapshot) -> CivoSnapshotsError:
    return CivoSnapshotsError(
        f"{request.method} {request.path}: Civo returned snapshot {snapshot.name} "
        f"({snapshot.id}), which this create has not made: it is older, or of another create"
    )


def _is_since(creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool | None:
    """Return whether it was created after the create was sent; `None` if that is unknown."""
    if creation.sent_at is None or listing.server_time is None or snapshot.created_at is None:
        return None
    # Clock skew does not matter here: a clock that is ahead dates no snapshot too early.
    if snapshot.created_at <= creation.sent_at - _SECOND:
        return False

    return True if creation.can_be_recognized else None


def _has_requested_fields(creation: _Creation, snapshot: Snapshot) -> bool:
    fields = creation.request.fields or {}
    # A list may leave fields out.
    return fields.get("name", snapshot.name) == snapshot.name and (
        not snapshot.description or fields.get("description", "") == snapshot.description
    )


def _may_be_alike(one: _Creation, other: _Creation) -> bool:
    first, second = one.request.instance_id.casefold(), other.request.instance_id.casefold()
    # An instance may be named by its id or by its name; one of each may be the same instance.
    is_one_instance = first == second or is_uuid(first) != is_uuid(second)

    return (
        is_one_instance
        and one.name == other.name
        and one.request.region.casefold() == other.request.region.casefold()
    )


def _what_was_seen(
    creation: _Creation,
    similar: tuple[Snapshot, ...],
    listing: Listing | None,
    error: CivoSnapshotsError | None,
) -> str:
    seen: list[str] = []
    if similar:
        names = ", ".join(f"{snapshot.name} ({snapshot.id})" for snapshot in similar)
        seen.append(f"This may be it: {names}.")
    if similar and creation.has_clock_skew:
        seen.append("Its creation time proves nothing: Civo's times come from two clocks.")
    if isinstance(error, DecodeError) and error.unreadable:
        seen.append(f"An unreadable entry of the list may be it: {error}.")
    if seen:
        return " ".join(seen)
    if listing is not None:
        return "No such new snapshot is listed, but it may still appear."

    return f"The snapshots could not be listed: {error}." if error else "Nothing was listed."
