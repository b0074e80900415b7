"""Restoring into a new instance at most once: it is found by its host name, or it is made.

1. The host name identifies it: an instance of that name that is not the snapshot's own is the
   restored one, no matter which program restored it. Nothing in Civo's API shows its origin.
2. In a session, calls for one host name wait for each other until the instance is listed. A
   restore that Civo has accepted is not retried, even if its instance is not listed in time.
3. A restore is sent at most once a call. If its response is lost, the list shows if it was done.
4. Between processes it relies on Civo's error response to a host name that is taken, and then on
   the list; Civo's page describes neither. If that fails, there are several instances of that name,
   which is an error and never a guess.
"""

import asyncio
from weakref import WeakValueDictionary

import attrs

from ._clock import Clock
from ._errors import (
    AmbiguousInstanceError,
    CivoSnapshotsError,
    ConflictError,
    OutcomeUnknownError,
    WaitTimeoutError,
)
from ._http import endpoints
from ._http.caller import Caller
from ._http.endpoints import Request
from ._instances import with_hostname
from ._log import About, log
from ._models import Instance, Restore
from ._policies import PollPolicy
from ._restoring import of_complete, restore_once
from ._waits.instances import Mark, follow_until_active, wait_until_listed


class EnsuredRestores:
    """The restores that one session ensures."""

    def __init__(self, caller: Caller, clock: Clock, resolve_timeout: float) -> None:
        self._caller = caller
        self._clock = clock
        self.resolve_timeout = resolve_timeout
        """For how many seconds a restore whose response was lost is resolved by listing."""
        # Restores that Civo has accepted, until their instances are listed (invariant 2).
        self._accepted: set[tuple[str, str]] = set()
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def ensure(
        self, request: Request[Restore], hostname: str, timeout: float | None, poll: PollPolicy
    ) -> Instance:
        """Return the `ACTIVE` instance of that host name, restored now if it is not there."""
        mark = Mark(
            hostname=hostname,
            restore="the restore",
            source=request.instance_id,
            snapshot_id=request.snapshot_id,
            region=request.region,
        )
        key = (mark.region.casefold(), hostname.casefold())
        async with self._locks.setdefault(key, asyncio.Lock()):
            instance = await self._find(mark)
            if instance is None and key not in self._accepted:
                instance = await self._restore(request, mark, poll)
                self._accepted.add(key)
            started = self._clock.now()
            instance = instance or await wait_until_listed(
                self._caller, mark, timeout=timeout, poll=poll, clock=self._clock
            )
            self._accepted.discard(key)

        return await follow_until_active(
            self._caller,
            endpoints.get_instance(instance.id, region=mark.region),
            timeout=None if timeout is None else timeout - (self._clock.now() - started),
            poll=poll,
            clock=self._clock,
        )

    async def _find(self, mark: Mark) -> Instance | None:
        instances = await with_hostname(self._caller, mark.hostname, mark.region)
        source = [each for each in instances if each.id.casefold() == mark.source.casefold()]
        if source:
            raise AmbiguousInstanceError(
                f"the snapshot's own instance {mark.source} has the host name {mark.hostname}: the "
                "restored one can't be distinguished from it",
                instance_id=mark.source,
                snapshot_id=mark.snapshot_id,
                instances=instances,
            )

        return mark.find(instances)

    async def _restore(
        self, request: Request[Restore], mark: Mark, poll: PollPolicy
    ) -> Instance | None:
        """Send the restore; return the instance if it is listed already, `None` if not yet."""
        try:
            request = await of_complete(self._caller, request)
            with self._caller.observed(request):
                return await self._restore_once(request, mark, poll)
        except ConflictError:
            # Another process may have restored it since the list: its host name is taken then.
            instance = await self._find(mark)
            if instance is None:
                raise
            return instance

    async def _restore_once(
        self, request: Request[Restore], mark: Mark, poll: PollPolicy
    ) -> Instance | None:
        try:
            await restore_once(self._caller, request)
        except OutcomeUnknownError as lost:
            return await self.resolve(request, mark, lost, poll)

        return None

    async def resolve(
        self, request: Request[Restore], mark: Mark, lost: OutcomeUnknownError, poll: PollPolicy
    ) -> Instance:
        """Find out by listing what became of a restore whose response was lost."""
        if not self.resolve_timeout:
            raise lost
        mark = attrs.evolve(mark, restore="the restore whose response was lost")
        try:
            instance = await wait_until_listed(
                self._caller, mark, timeout=self.resolve_timeout, poll=poll, clock=self._clock
            )
        except AmbiguousInstanceError as ambiguous:
            raise ambiguous from lost
        except WaitTimeoutError as late:
            lost.last_error = late.last_error
            raise lost from lost.__cause__
        except CivoSnapshotsError as error:
            lost.last_error = error
            raise lost from lost.__cause__
        about, text = About.of(request), "%s: %s; found %s, which it has made"
        log("restore.resolved", about, text, request.call, lost.__cause__, instance)
        self._caller.resolved(request)

        return instance
