"""What became of a create whose answer was lost: found out by listing, never by sending again."""

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
# Both created_at and the Date of an answer are cut to whole seconds.
_SECOND = timedelta(seconds=1)


@attrs.define(eq=False)
class _Creation:
    """A create that is under way."""

    request: Request[Snapshot]
    started: float
    """When it was sent, on our clock."""
    number: int
    """Its number in the ledger."""
    is_repeated: bool = False
    """Whether it was sent again, after a refusal, so that `started` is too early."""
    is_lost: bool = False
    """Whether its answer was lost, so that it is looking for its snapshot."""
    sent_at: datetime | None = None
    """The earliest time at which it was sent, on the server's clock."""
    is_dated_by_another_clock: bool = False
    """Whether `created_at` and the server's time are known to be of two clocks that differ."""

    @property
    def name(self) -> str | None:
        """The name that was asked for, if one was."""
        name = (self.request.fields or {}).get("name")
        return None if name is None else str(name)

    @property
    def can_be_recognized(self) -> bool:
        """Whether anything could prove that a snapshot is its own."""
        return self.name is not None and not (self.is_repeated or self.is_dated_by_another_clock)

    def learn_time(self, listing: Listing) -> None:
        """Learn from a list when it was sent, and whether that tells what came before it."""
        now = listing.server_time
        if now is None:
            return
        # Cut to whole seconds, the time is early by up to one: the latest of several is the best.
        sent_at = now - timedelta(seconds=listing.arrived_at - self.started)
        self.sent_at = max(self.sent_at or sent_at, sent_at)
        # It lasts: the server's time may catch up with a snapshot, and the clocks differ as before.
        if any(s.created_at and s.created_at > now + _SECOND for s in listing.snapshots):
            self.is_dated_by_another_clock = True


class Creations:
    """The creates of one session: which are under way, and which snapshots are whose."""

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
        """Create a snapshot once; where the answer is lost, find out what became of it."""
        creation = _Creation(request, self._clock.now(), self._ledger.number_a_create())
        self._in_flight.append(creation)
        is_known = False
        try:
            snapshot = await self._made(creation)
            is_known = True
        except CivoSnapshotsError as error:
            is_known = not isinstance(error, OutcomeUnknownError)
            raise
        finally:
            self._in_flight.remove(creation)
            if not is_known:
                self._unresolved = [*self._unresolved[-99:], creation]
        # Nothing was awaited since it was found, so nobody else has taken it.
        self._ledger.claim(snapshot.id)

        return snapshot

    async def ensure(self, request: Request[Snapshot], name: str) -> Snapshot:
        """Return the newest snapshot of that name, whatever its phase, or create it."""
        key = (request.region, request.instance_id, name)
        async with self._ensuring.setdefault(key, asyncio.Lock()):
            existing = await self._newest_of(request, name)
            if existing is not None:
                return existing
            try:
                return await self.create(request)
            except ConflictError:
                # Another program's delivery of the same job may have come first.
                existing = await self._newest_of(request, name)
                if existing is None:
                    raise
                return existing

    async def _newest_of(self, request: Request[Snapshot], name: str) -> Snapshot | None:
        listing = endpoints.list_snapshots(request.instance_id, region=request.region)
        try:
            snapshots = await self._caller.call(listing)
        except DecodeError as error:
            # One that can't be read, and may have that name, may be the newest of them, or the one
            # that exists already.
            if error.may_hide_name(name):
                raise
            snapshots = error.snapshots
        existing = [snapshot for snapshot in snapshots if snapshot.name == name]

        return max(existing, key=_age, default=None)

    async def _made(self, creation: _Creation) -> Snapshot:
        try:
            snapshot, attempts = await self._caller.call_counted(creation.request)
            if self._may_have_made(creation, snapshot.id):
                return snapshot
            lost = _mixed_up(creation.request, snapshot)
            # The record that it was accepted names the wrong snapshot.
            log("create.unknown", About.of(creation.request), "%s", lost)
        except CivoSnapshotsError as error:
            # On a closed session nothing can be listed any more.
            if isinstance(error, SessionClosedError) or not error.may_have_taken_effect:
                raise
            lost, attempts = error, getattr(error, "attempts", ())
        creation.is_lost = True
        creation.is_repeated = len(attempts) > 1

        return await self._resolve(creation, lost)

    async def _resolve(self, creation: _Creation, lost: CivoSnapshotsError) -> Snapshot:
        request, listing, last_error = creation.request, None, None
        listing_request = endpoints.list_snapshots(request.instance_id, region=request.region)
        for seconds in self._backoff():
            await self._clock.sleep(seconds)
            try:
                listing = await self._caller.poll_list(listing_request)
            except CivoSnapshotsError as error:
                # Two responses agree, and without an instance there is no snapshot of it. This one
                # leaves no doubt by its status.
                if isinstance(lost, InstanceNotFoundError) and type(error) is type(lost):
                    raise error from lost
                last_error = error
                if not error.is_transient:
                    break
                continue
            creation.learn_time(listing)
            last_error = self._hidden(creation, listing)
            similar = self._similar(creation, listing)
            # No further list would tell whose it is.
            if len(similar) > 1 or (similar and not creation.can_be_recognized):
                break
            # What can't be read now may be read at the next poll.
            if last_error is not None:
                continue
            if similar and self._can_only_be_ours(creation, similar[0], listing):
                log(
                    "create.resolved",
                    About.of(request).seen(similar[0]),
                    "%s: %s; adopted snapshot %s (%s), which it has made",
                    request.call, lost, similar[0].name, similar[0].id,
                )  # fmt: skip
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
            and _fits(creation, snapshot)
            and _is_since(creation, snapshot, listing) is not False
        )

    def _may_have_made(self, creation: _Creation, snapshot_id: str) -> bool:
        return not (
            self._ledger.is_claimed(snapshot_id)
            or self._ledger.was_there_before(snapshot_id, creation.number)
        )

    def _hidden(self, creation: _Creation, listing: Listing) -> DecodeError | None:
        """Return the problem of a list in which its snapshot may be an entry that can't be read."""
        problem = listing.problem
        if problem and any(self._may_be_its(creation, entry) for entry in problem.unreadable):
            return problem

        return None

    def _may_be_its(self, creation: _Creation, entry: UnreadableEntry) -> bool:
        if creation.name is not None and not entry.may_be_named(creation.name):
            return False

        return entry.id is None or self._may_have_made(creation, entry.id)

    def _can_only_be_ours(self, creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool:
        # Another create of the same name that is not answered yet may be about to get it, and one
        # that was given up may have made it.
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
            "Look at list_snapshots before you create it again, or use ensure_snapshot.",
            action=request.call,
            instance_id=request.instance_id,
            region=request.region,
            requested=request.fields or {},
            existing=tuple(s for s in listing.snapshots if s not in similar) if listing else (),
            candidates=similar,
            last_error=last_error,
        )


def _age(snapshot: Snapshot) -> datetime:
    return snapshot.created_at or datetime.min.replace(tzinfo=UTC)


def _mixed_up(request: Request[Snapshot], snapshot: Snapshot) -> CivoSnapshotsError:
    return CivoSnapshotsError(
        f"{request.method} {request.path}: Civo answered with snapshot {snapshot.name} "
        f"({snapshot.id}), which is not this create's: it was there before, or is another one's"
    )


def _is_since(creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool | None:
    """Tell whether it was made after the create was sent; `None` where nothing tells."""
    if creation.sent_at is None or listing.server_time is None or snapshot.created_at is None:
        return None
    # Also where the clocks differ: the one of `created_at` is ahead, and makes nothing older.
    if snapshot.created_at <= creation.sent_at - _SECOND:
        return False

    return True if creation.can_be_recognized else None


def _fits(creation: _Creation, snapshot: Snapshot) -> bool:
    fields = creation.request.fields or {}
    # A list is a summary: what it leaves out does not differ.
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
    if similar and creation.is_dated_by_another_clock:
        seen.append("When it was made proves nothing: Civo's times are of two clocks that differ.")
    if isinstance(error, DecodeError) and error.unreadable:
        seen.append(f"An entry of the list that could not be read may be it: {error}.")
    if seen:
        return " ".join(seen)
    if listing is not None:
        return "No new snapshot like it was seen, which proves nothing: it may come yet."

    return f"The snapshots could not be listed: {error}." if error else "Nothing was looked at."
