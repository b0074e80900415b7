"""The scratch instance of a drill: the one instance that this library ever deletes.

A wrong deletion can't be undone, and an instance that is left costs a little money. So it is
deleted only if a list and a get, both sent right before, show without contradiction that it is the
drill's own:

1. Its id was in no list from before the drill, and is not the source's. Instances may move from
   one page to another while pages are read, so two lists are read where there may be several.
2. Its id is the one that was found after the restore, by the drill's own host name: 64 random bits
   that nobody else knows. A drill does not search for another one later.
3. It has that host name in the list and in the get, and no other instance has it.
4. No other instance has its id for a host name: Civo takes either in a path.
5. Civo reports the drill's region for it, or no region at all.
6. The lists show the source, before and now: one that does not was cut, and proves nothing.

Whatever speaks against it, or can't be read, is a reason to leave it, and the report says it. The
deletion is not retried. Between the get and the deletion remains the time of a request: an
instance that is deleted, and whose id Civo gives to another one in that time, is not noticed.
"""

from collections.abc import Iterable, Iterator

import attrs

from ._clock import Clock
from ._errors import (
    AmbiguousInstanceError,
    CivoSnapshotsError,
    InstanceNotFoundError,
    SessionClosedError,
)
from ._http import endpoints
from ._http.caller import Caller
from ._instances import list_thoroughly
from ._leftovers import DrillLeftover
from ._models import Instance
from ._policies import PollPolicy
from ._sentences import named
from ._waits.instances import wait_until_gone


@attrs.define(kw_only=True, eq=False)
class Scratch:
    """What is known of a drill's scratch instance, from its name to its end."""

    hostname: str
    """The drill's own, random."""
    region: str
    source_id: str
    before: frozenset[str]
    """The ids of the instances that were there before the drill, without case."""
    instance: Instance | None = attrs.field(default=None, init=False)
    """As it was last seen; `None` until it is found."""
    why: str = attrs.field(default="", init=False)
    """Why it is there, or may be; empty where it is not."""

    @property
    def leftover(self) -> DrillLeftover | None:
        """What is left of it, or may be."""
        if not self.why:
            return None
        found = "" if self.instance is None else self.instance.id

        return DrillLeftover(kind="instance", name=self.hostname, id=found, reason=self.why)

    def found(self, instance: Instance) -> None:
        """Take an instance for the scratch one, unless it was there before (invariant 1)."""
        if _key(instance.id) in {*self.before, _key(self.source_id)}:
            raise self._ambiguous("which was there before the drill", instance)
        self.instance = instance
        self.why = "the drill has made it"

    def seen(self, instance: Instance) -> None:
        """Take in what it is now."""
        if self.instance is None or _key(instance.id) != _key(self.instance.id):
            raise self._ambiguous("which is not the one that was found", instance)
        self.instance = instance

    def _ambiguous(self, what: str, instance: Instance) -> AmbiguousInstanceError:
        return AmbiguousInstanceError(
            f"Civo shows {instance}, {what}, in place of the scratch instance {self.hostname}",
            instance_id=self.source_id,
            snapshot_id="",
            instances=(instance,),
        )

    async def delete(
        self, caller: Caller, clock: Clock, *, timeout: float, poll: PollPolicy
    ) -> None:
        """Delete it if nothing speaks against it; `why` says then what has become of it."""
        if self.instance is None:
            self.why += "; nothing is deleted that was not found"
            return
        doubts = await self._doubts(caller, self.instance)
        if doubts is None:
            self.why = ""
            return
        if doubts:
            self.why = f"it was not deleted: {'; '.join(doubts)}"
            return
        request = endpoints.delete_scratch(self.instance.id, region=self.region)
        self.why = "its deletion was requested, and may have been done"
        try:
            await caller.call(request)
            result = "its deletion was accepted"
        except InstanceNotFoundError as error:
            result = f"its deletion found no such instance ({error})"
        except CivoSnapshotsError as error:
            if isinstance(error, SessionClosedError):
                raise
            if not error.may_have_taken_effect:
                self.why = f"it was not deleted: {error}"
                return
            result = f"its deletion may or may not have been done, and was not retried ({error})"
        await self._see_it_gone(caller, clock, result, timeout=timeout, poll=poll)

    async def _doubts(self, caller: Caller, instance: Instance) -> tuple[str, ...] | None:
        """Return what speaks against deleting it; `None` where it is gone already."""
        try:
            listed = await list_thoroughly(caller, self.region)
            shown: Instance | None = None
            try:
                request = endpoints.get_instance(instance.id, region=self.region)
                shown = await caller.call(request)
            except InstanceNotFoundError:
                if self._is_gone(instance, listed):
                    return None
        except CivoSnapshotsError as error:
            if isinstance(error, SessionClosedError):
                raise
            return (f"whether it is the drill's own could not be checked: {error}",)

        return tuple(self._against(instance, listed, shown))

    def _is_gone(self, own: Instance, listed: tuple[Instance, ...]) -> bool:
        """Tell whether a list that is not cut (invariant 6) shows nothing that may be it."""
        may_be = [x for x in listed if _key(x.id) == _key(own.id) or self._has_hostname(x)]

        return not may_be and any(_with_id(self.source_id, listed))

    def _against(
        self, own: Instance, listed: tuple[Instance, ...], shown: Instance | None
    ) -> Iterator[str]:
        """Say what speaks against deleting `own`, by a list and a get of it."""
        yield from self._against_id(own.id)
        if shown is None:
            yield "a get does not show it"
        elif _key(shown.id) != _key(own.id):
            yield f"a get of it shows {shown}"
        elif not self._has_hostname(shown):
            yield f"its host name is {shown.hostname!r} now"
        yield from self._against_list(own.id, listed)
        yield from self._against_region((*_with_id(own.id, listed), *([shown] if shown else [])))
        if not any(_with_id(self.source_id, listed)):
            yield f"a list does not show the source {self.source_id}, so it may be cut"

    def _against_id(self, own_id: str) -> Iterator[str]:
        if _key(own_id) == _key(self.source_id):
            yield "its id is the source's"
        elif _key(own_id) in self.before:
            yield "an instance with its id was there before the drill"
        if _key(self.source_id) not in self.before:
            yield f"the list from before does not show the source {self.source_id}: it may be cut"

    def _against_list(self, own_id: str, listed: tuple[Instance, ...]) -> Iterator[str]:
        own = tuple(_with_id(own_id, listed))
        if not own:
            yield "a list does not show it"
        renamed = {each.hostname for each in own if not self._has_hostname(each)}
        yield from (f"its host name is {name!r} in a list" for name in sorted(renamed))
        others = {each.id: each for each in listed if _key(each.id) != _key(own_id)}
        for each in others.values():
            if self._has_hostname(each):
                yield f"instance {each.id} has its host name as well"
            if _key(each.hostname) == _key(own_id):
                yield f"its id is the host name of instance {each.id}"

    def _against_region(self, seen: Iterable[Instance]) -> Iterator[str]:
        for reported in sorted({each.reported_region or self.region for each in seen}):
            if _key(reported) != _key(self.region):
                yield f"Civo reports the region {reported!r} for it, and not {self.region}"

    def _has_hostname(self, instance: Instance) -> bool:
        return _key(instance.hostname) == _key(self.hostname)

    async def _see_it_gone(
        self, caller: Caller, clock: Clock, result: str, *, timeout: float, poll: PollPolicy
    ) -> None:
        """Poll it until it is gone, whatever the response to its deletion was."""
        self.why = f"{result}, and it was not seen to be gone"
        own = "" if self.instance is None else self.instance.id
        request = endpoints.get_instance(own, region=self.region)
        try:
            await wait_until_gone(caller, request, timeout=timeout, poll=poll, clock=clock)
        except SessionClosedError:
            raise
        except CivoSnapshotsError as error:
            self.why = f"{self.why}: {error}"
        else:
            self.why = ""

    def __str__(self) -> str:
        found = "" if self.instance is None else self.instance.id

        return f"scratch instance {named(self.hostname, found)}"


def _with_id(wanted: str, instances: Iterable[Instance]) -> Iterator[Instance]:
    return (each for each in instances if _key(each.id) == _key(wanted))


def _key(text: str) -> str:
    # Ids, host names and codes of regions are compared without case.
    return text.strip().casefold()
