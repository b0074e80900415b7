"""What became of a create whose answer was lost: found out by listing, never by sending again."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import chain, repeat
from typing import Any

import attrs

from ._clock import Clock
from ._codec import decode
from ._errors import (
    ApiError,
    CivoSnapshotsError,
    DecodeError,
    OutcomeUnknownError,
    TransportError,
    is_passing,
)
from ._http import Request, Response
from ._models import Restore, Snapshot

logger = logging.getLogger("civo_snapshots_async")

_MOST_KNOWN = 4096
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIMEOUT = HTTPStatus.REQUEST_TIMEOUT
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
# Both created_at and the Date of an answer are cut to whole seconds.
_SECOND = timedelta(seconds=1)


@attrs.frozen(kw_only=True)
class Listing:
    """An instance's snapshots, and the server's time when it listed them."""

    snapshots: tuple[Snapshot, ...]
    server_time: datetime | None
    arrived_at: float
    """When the server's time was heard, on our clock."""

    @staticmethod
    def read(request: Request[tuple[Snapshot, ...]], response: Response) -> "Listing":
        """Decode a list, and the time at which it was given."""
        return Listing(
            snapshots=decode(request, response),
            server_time=_date(response.headers.get("date")),
            arrived_at=response.arrived_at,
        )


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header) if header else None
    except (ValueError, TypeError, OverflowError):
        return None

    return moment if moment is not None and moment.tzinfo is not None else None


@attrs.define(eq=False)
class _Creation:
    """A create that is under way."""

    request: Request[Snapshot]
    begun: float
    """When it was sent, on our clock."""
    number: int
    """The how manieth of the session it is."""
    is_repeated: bool = False
    """Whether it was sent again, after a refusal, so that `begun` is too early."""
    is_lost: bool = False
    """Whether its answer was lost, so that it is looking for its snapshot."""

    @property
    def name(self) -> str | None:
        """The name that was asked for, if one was."""
        name = (self.request.fields or {}).get("name")
        return None if name is None else str(name)


class Creations:
    """The creates of one session: which are under way, and which snapshots are whose."""

    def __init__(
        self,
        clock: Clock,
        window: float,
        list_snapshots: Callable[[str, str], Awaitable[Listing]],
    ) -> None:
        self._clock = clock
        self._window = window
        self._list = list_snapshots
        self._under_way: list[_Creation] = []
        self._unsettled: list[_Creation] = []
        self._begun = 0
        self._first_seen: dict[str, int] = {}
        self._taken: dict[str, tuple[str, ...]] = {}

    def with_volumes(self, snapshot: Snapshot) -> Snapshot:
        """Fill in the volumes that its creation named: Civo tells them only there."""
        included = self._taken.get(snapshot.id, ())
        if not included or snapshot.included_volumes:
            return snapshot

        return attrs.evolve(snapshot, included_volumes=included)

    def see(self, *snapshots: Snapshot) -> None:
        """Remember that these were there now: no create that begins later has made them."""
        for snapshot in snapshots:
            self._first_seen.setdefault(snapshot.id, self._begun)
        _forget_oldest(self._first_seen)

    async def create(
        self, request: Request[Snapshot], send: Callable[[], Awaitable[Snapshot]]
    ) -> Snapshot:
        """Create a snapshot once; where the answer is lost, find out what became of it."""
        self._begun += 1
        creation = _Creation(request, self._clock.now(), self._begun)
        self._under_way.append(creation)
        is_known = False
        try:
            snapshot = await self._made(creation, send)
            is_known = True
        except CivoSnapshotsError as error:
            is_known = not isinstance(error, OutcomeUnknownError)
            raise
        finally:
            self._under_way.remove(creation)
            if not is_known:
                self._unsettled = [*self._unsettled[-99:], creation]
        # Nothing was awaited since it was found, so nobody else has taken it.
        self._taken[snapshot.id] = snapshot.included_volumes
        _forget_oldest(self._taken)

        return snapshot

    async def _made(self, creation: _Creation, send: Callable[[], Awaitable[Snapshot]]) -> Snapshot:
        try:
            return await send()
        except CivoSnapshotsError as error:
            if not may_be_done(error):
                raise
            lost = error
        creation.is_lost = True
        creation.is_repeated = len(getattr(lost, "attempts", ())) > 1

        return await self._settle(creation, lost)

    async def _settle(self, creation: _Creation, lost: CivoSnapshotsError) -> Snapshot:
        request, listing, last_error = creation.request, None, None
        for pause in self._pauses():
            await self._clock.sleep(pause)
            try:
                listing = await self._list(request.instance_id, request.region)
            except CivoSnapshotsError as error:
                last_error = error
                if not is_passing(error):
                    break
                continue
            last_error = None
            similar = self._similar(creation, listing)
            # A create without a name could be anybody's.
            if len(similar) > 1 or (similar and creation.name is None):
                break
            if similar and self._can_only_be_ours(creation, similar[0], listing):
                logger.warning(
                    "%s: %s; adopted snapshot %s (%s), which it has made",
                    request.call, lost, similar[0].name, similar[0].id,
                )  # fmt: skip
                return similar[0]
        raise self._unknown(creation, lost, listing, last_error) from lost

    def _pauses(self) -> Iterator[float]:
        end = self._clock.now() + self._window
        pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
        while self._clock.now() + (pause := next(pauses)) < end:
            yield pause

    def _similar(self, creation: _Creation, listing: Listing) -> tuple[Snapshot, ...]:
        return tuple(
            snapshot
            for snapshot in listing.snapshots
            if snapshot.id not in self._taken
            and self._first_seen.get(snapshot.id, creation.number) >= creation.number
            and _fits(creation, snapshot)
            and self._is_since(creation, snapshot, listing) is not False
        )

    def _can_only_be_ours(self, creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool:
        # Another create of the same name that is not answered yet may be about to get it, and one
        # that was given up may have made it.
        recent = self._clock.now() - self._window
        rivals = (
            *(each for each in self._under_way if each is not creation and not each.is_lost),
            *(each for each in self._unsettled if each.begun >= recent),
        )
        has_rival = any(_may_be_alike(rival, creation) for rival in rivals)

        return not has_rival and self._is_since(creation, snapshot, listing) is True

    def _is_since(self, creation: _Creation, snapshot: Snapshot, listing: Listing) -> bool | None:
        """Tell whether it was made after the create was sent; `None` where nothing tells."""
        if listing.server_time is None or snapshot.created_at is None or creation.is_repeated:
            return None
        sent_at = listing.server_time - timedelta(seconds=listing.arrived_at - creation.begun)

        return snapshot.created_at > sent_at - _SECOND

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
            f"may not have been done, and was not sent again: {lost}. "
            f"{_what_was_seen(similar, listing, last_error)} "
            "Look at list_snapshots before you create it again, or use ensure_snapshot.",
            action=request.call,
            instance_id=request.instance_id,
            region=request.region,
            asked=request.fields or {},
            baseline=tuple(s for s in listing.snapshots if s not in similar) if listing else (),
            candidates=similar,
            last_error=last_error,
        )


def may_be_done(error: CivoSnapshotsError) -> bool:
    """Tell whether what was asked for may have been done all the same."""
    if isinstance(error, TransportError):
        return error.may_have_arrived
    if isinstance(error, ApiError):
        # Whatever its code: a server that failed, or a gateway before it, may be wrong.
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == _TIMEOUT

    return isinstance(error, DecodeError)


def restore_unknown(request: Request[Restore], lost: CivoSnapshotsError) -> OutcomeUnknownError:
    """Say that a restore may have been done: nothing can be listed that would tell."""
    fields = request.fields or {}
    named = f" {fields['hostname']}" if "hostname" in fields else ""
    what = f"A new instance{named} may be in the making"
    if fields.get("overwrite_existing"):
        what = f"The disk of instance {request.instance_id} may have been replaced"

    return OutcomeUnknownError(
        f"restore_snapshot on instance {request.instance_id} may or may not have been done, and "
        f"was not sent again: {lost}. {what}: look before you restore again.",
        action=request.call,
        instance_id=request.instance_id,
        region=request.region,
        asked=fields,
    )


def _forget_oldest(memory: dict[str, Any]) -> None:
    while len(memory) > _MOST_KNOWN:
        del memory[next(iter(memory))]


def _fits(creation: _Creation, snapshot: Snapshot) -> bool:
    fields = creation.request.fields or {}
    # A list is a summary: what it leaves out does not differ.
    return fields.get("name", snapshot.name) == snapshot.name and (
        not snapshot.description or fields.get("description", "") == snapshot.description
    )


def _may_be_alike(one: _Creation, other: _Creation) -> bool:
    first, second = one.request.instance_id.casefold(), other.request.instance_id.casefold()
    # An instance may be named by its id, a UUID, or by its name; one of each may be the same.
    is_one_instance = first == second or bool(_UUID.fullmatch(first)) != bool(
        _UUID.fullmatch(second)
    )

    return (
        is_one_instance
        and one.name == other.name
        and one.request.region.casefold() == other.request.region.casefold()
    )


def _what_was_seen(
    similar: tuple[Snapshot, ...], listing: Listing | None, error: CivoSnapshotsError | None
) -> str:
    if similar:
        names = ", ".join(f"{snapshot.name} ({snapshot.id})" for snapshot in similar)
        return f"This may be it: {names}."
    if listing is not None:
        return "No new snapshot like it was seen, which proves nothing: it may come yet."

    return f"The snapshots could not be listed: {error}." if error else "Nothing was looked at."
