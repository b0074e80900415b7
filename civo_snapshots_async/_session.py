"""The session: its calls, its waits, and what is built on them."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import timedelta
from ipaddress import IPv4Address
from typing import overload

from . import _checks as check
from . import _verbs as verbs
from ._checks import Seconds
from ._events import SnapshotEvent
from ._http import endpoints
from ._models import Instance, Restore, Snapshot, SnapshotLike, SnapshotRef
from ._policies import PollPolicy
from ._restore_calls import RestoreCalls
from ._restoring import restore_once
from ._waits.saved import SavedWait
from ._waits.snapshots import OnChange


class SnapshotSession(RestoreCalls):
    """Civo's instance snapshots, for one account and one default region.

    Use it in one event loop, in `async with` or with `aclose()`. A session that was used and never
    closed is a `ResourceWarning`. Any number of tasks may share it.

    - `token`: the account's API key. No repr, error, log or pickle of this library shows it.
    - `region`: the code of a region, such as `LON1`. Civo has no default; it silently sends a call
      without a region to some region.
    - `api_url`: the URL of the API without `/v2`, by default `https://api.civo.com`; https, or
      http to this machine.
    - `http`: timeouts, connections, proxy and certificates; see `HttpOptions`.
    - `retry`: when a request is retried; see `RetryPolicy`. `None` retries nothing.
    - `resolve_timeout`: for how many seconds the session lists the snapshots after a create whose
      response was lost; 0 for not at all. Each span of time may be a `timedelta` instead.
    - `http_session`: your aiohttp session, for its connections and traces alone. It stays open; its
      credentials, cookies, headers and timeouts are not used. Its pool reuses connections, so that
      a create or restore may get one that the server has just closed, and its outcome is then
      unknown. Without `http_session`, each create and restore has a fresh connection.
    - `limiter`: what each request waits for, retries and polls included: anything that can be
      entered with `async with`, such as a rate limiter that several processes share. It is entered
      and left before the request is sent. `HttpOptions.requests_per_second` is the built-in case.
    - `observers`: what follows the calls and waits, such as a tracer; see `Observer`.
    - `clock`: the clock to wait by; tests pass `civo_snapshots_async.testing.FakeClock`.

    A `snapshot_id` is a snapshot's id or name, a `Snapshot`, or a `SnapshotRef`. The last two bring
    their region, and raise `ValueError` for another instance. Without `region`, a call uses the
    session's.

    Raises `ConfigurationError` if there is no token, no region or no usable URL, and `ValueError`
    or `TypeError` for any other invalid argument.
    """

    async def wait_until_complete(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> Snapshot:
        """Poll a snapshot until it and every volume in it are complete, and return it.

        The arguments and errors are those of the function `wait_until_complete`.
        """
        wait = self._waits.complete(self._ref(instance_id, snapshot_id, region), timeout, poll)
        if on_change is not None or self._waits.are_observed:
            return await self._waits.follow(wait, on_change)
        await self._waits.advance(wait)

        return wait.result()

    async def watch(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> AsyncGenerator[SnapshotEvent, None]:
        """Yield what happens to a snapshot, as events, until it is complete or has failed.

        The first event is `SnapshotSeen`, the last one `SnapshotFinished`, for a failed snapshot as
        well. In between come `StateChanged` for each change of the snapshot or of a volume,
        `DetailsChanged`, `PollFailed`, `UnknownStateSeen` and `SnapshotStalled`. A slow consumer
        misses no change and fills no memory: the watch polls while its next event is awaited.

        To leave it early, use `contextlib.aclosing`. Raises what `wait_until_complete` raises,
        except `SnapshotFailedError`.
        """
        wait = self._waits.terminal(self._ref(instance_id, snapshot_id, region), timeout, poll)
        async with aclosing(self._waits.watch(wait)) as events:
            async for event in events:
                yield event

    def save_wait(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        timeout: Seconds | None = 1800.0,
        region: str | None = None,
    ) -> SavedWait:
        """Create a wait that `resume` continues, in this process or another.

        The deadline is a date, `timeout` seconds from now. To give a wait that timed out more time,
        save a new one: `session.save_wait(error.instance_id, error.snapshot_id, timeout=600)`.
        """
        return self._waits.save(self._ref(instance_id, snapshot_id, region), timeout)

    @overload
    async def resume(
        self,
        saved: SavedWait,
        *,
        for_at_most: None = None,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Snapshot: ...

    @overload
    async def resume(
        self,
        saved: SavedWait,
        *,
        for_at_most: Seconds,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Snapshot | SavedWait: ...

    async def resume(
        self,
        saved: SavedWait,
        *,
        for_at_most: Seconds | None = None,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Snapshot | SavedWait:
        """Continue a saved wait for the time that is left, in its region.

        After the deadline there is one last poll. The errors are those of `wait_until_complete`.

        A job whose time is limited passes `for_at_most`, in seconds or as a `timedelta`. When that
        has passed before the deadline, the saved wait is returned, to be put back into the queue.
        """
        return await self._waits.resume(saved, poll, for_at_most, on_change)

    async def restore_when_complete(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        hostname: str | None = None,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        overwrite_existing: bool = False,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> Restore:
        """Wait until a snapshot is complete, and then restore it.

        The arguments of the restore are checked before the wait starts. The last poll of the wait
        replaces the check of `restore_snapshot`. Raises what `wait_until_complete` and
        `restore_snapshot` raise.
        """
        ref = self._ref(instance_id, snapshot_id, region)
        request = endpoints.restore_snapshot(
            ref,
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        complete = await self.wait_until_complete(
            instance_id, ref, timeout=timeout, poll=poll, on_change=on_change
        )
        async with self._caller.scope.inside():
            return await restore_once(self._caller, endpoints.for_snapshot(request, complete))

    async def wait_until_deleted(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        timeout: Seconds | None = 600.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> None:
        """Poll a snapshot until Civo no longer has it.

        Only Civo's error code for "no such snapshot" ends the wait. Any other error is raised: a
        rejected token, although that is a 404 as well, an unknown region, and an unknown instance,
        which may be in another region. Pass the id: another snapshot may get the name.

        Raises `WaitTimeoutError`, with the last snapshot, if the wait times out.
        """
        wait = self._waits.deleted(self._ref(instance_id, snapshot_id, region), timeout, poll)
        if self._waits.are_observed:
            await self._waits.follow(wait)
            return
        await self._waits.advance(wait)
        wait.result()

    async def wait_until_active(
        self,
        instance_id: str,
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> Instance:
        """Poll an instance until its status is `ACTIVE`, and return it.

        `ACTIVE` means that the instance runs. It does not prove that a restore has ended: right
        after the request for an overwrite, the instance may still be `ACTIVE`.

        Raises `InstanceFailedError` if the status is `ERROR` or `FAILED`, and `WaitTimeoutError` if
        the wait times out. With any other status, such as `SHUTOFF`, the wait continues.
        """
        request = endpoints.get_instance(instance_id, region=self._in(region))
        async with self._caller.scope.inside():
            return await verbs.instance_waits.wait_until_active(
                self._caller, request, timeout=timeout, poll=poll, clock=self._clock
            )

    async def wait_for_restored_instance(
        self,
        restore: Restore,
        *,
        timeout: Seconds | None = 300.0,
        poll: PollPolicy = PollPolicy(),
    ) -> Instance:
        """Poll the instances until one has the hostname of a restore, and return it.

        Nothing but the hostname identifies the new instance, so finding one does not prove that
        this restore created it. At most 10,000 instances are read, in the region of the restore.
        The snapshot's own instance does not count.

        Raises `AmbiguousInstanceError` if several instances have that hostname, `WaitTimeoutError`
        if the wait times out, and `ValueError` for a restore without a new instance, or one whose
        hostname does not identify it.
        """
        region = restore.region or self.region
        async with self._caller.scope.inside():
            return await verbs.instance_waits.wait_for_restored_instance(
                self._caller, restore, region, timeout=timeout, poll=poll, clock=self._clock
            )

    # ---- many snapshots, and snapshots around other work

    def snapshot_many(
        self,
        instance_ids: Iterable[str],
        *,
        name: str | Callable[[str], str | None] | None = None,
        description: str | None = None,
        ensure: bool = False,
        max_concurrent: int = 20,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> "verbs.batch.Batch":
        """Create a snapshot of each instance, and wait until it is complete.

        `name` is the name of every snapshot, or a function that returns it for an instance id, or
        `None`. An instance takes one of the `max_concurrent` slots from its create until its
        snapshot is complete or has failed. `timeout` is for each wait. The other arguments are
        those of `create_snapshot` and `wait_until_complete`.

        With `ensure=True`, an instance that has a snapshot of that name gets no new one, so that a
        batch that was stopped can be started again.

        A failed instance is an outcome and does not affect the others. An exception of `on_change`
        ends the batch and is raised. Invalid names and ids, and an instance that is given twice,
        raise `ValueError` at once, before any request.
        """
        return verbs.batch.snapshot_many(
            self,
            instance_ids,
            name=name,
            description=description,
            ensure=ensure,
            max_concurrent=max_concurrent,
            waiting=verbs.batch.Waiting.of(timeout, poll, on_change),
            region=self._in(region),
        )

    def wait_many(
        self,
        snapshots: Iterable[Snapshot | SnapshotRef | tuple[str, SnapshotLike]],
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
        region: str | None = None,
    ) -> "verbs.batch.Batch":
        """Wait until each snapshot is complete.

        `snapshots` are `Snapshot` or `SnapshotRef` values, or pairs of an instance's id and a
        snapshot's id. All waits run at once. Otherwise this is like `snapshot_many`.
        """
        return verbs.batch.wait_many(
            self,
            snapshots,
            waiting=verbs.batch.Waiting.of(timeout, poll, on_change),
            region=region,
        )

    def checkpoint(
        self,
        instance_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        on_error: "verbs.checkpoint.KeepOrRestore" = "keep",
        on_cancel: "verbs.checkpoint.KeepOrRestore" = "keep",
        on_success: "verbs.checkpoint.KeepOrDelete" = "keep",
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> AbstractAsyncContextManager[Snapshot]:
        """Create a snapshot, wait until it is complete, and then run the body of `async with`.

        An exception of the body is always raised, with a note that names the snapshot:

        - `on_error="restore"`: after an `Exception`, **overwrite the instance** from the snapshot
          if that is still complete. A second note says whether the restore started.
        - `on_cancel="restore"`: do the same after a cancellation, before it continues. The two
          requests take at most `HttpOptions.call_timeout` each; a second cancellation ends them.
        - `on_success="delete"`: delete the snapshot. A failure is logged and not raised.

        By default the snapshot is kept. After any other exception, such as `SystemExit`, it is kept
        and nothing is sent. If it does not become complete, the body does not run, and the error of
        the create or of the wait is raised.
        """
        return verbs.checkpoint.checkpoint(
            self,
            instance_id,
            name=name,
            description=description,
            on_error=on_error,
            on_cancel=on_cancel,
            on_success=on_success,
            timeout=timeout,
            poll=poll,
            region=self._in(region),
        )

    async def prune(self, plan: "verbs.retention.PrunePlan") -> "verbs.pruning.PruneResult":
        """Delete the snapshots of a plan, one after the other.

        The instance and the region are those of the plan. A failure is an outcome, and the next
        snapshot is tried, unless it would get the same error: a rejected token, an unknown region.
        A snapshot that is gone already counts as deleted. A cancellation stops the prune at once.

        Raises `ValueError`, before any request, for a plan of several instances or regions.
        """
        return await verbs.pruning.prune(self, plan)

    async def prune_many(
        self,
        instance_ids: Iterable[str],
        *,
        keep_last: int | None = None,
        keep_within: timedelta | None = None,
        name_prefix: str | None = None,
        dry_run: bool = False,
        max_concurrent: int = 10,
        region: str | None = None,
    ) -> "verbs.pruning_many.PruneReport":
        """Plan which snapshots of each instance to delete, and delete them, some instances at once.

        The rules are those of `plan_prune`. With `dry_run=True`, nothing is deleted, and the report
        has the plans. An error of one instance is its outcome and does not affect the others,
        unless they would get the same error: a rejected token, an unknown region. An instance with
        an unreadable snapshot is not pruned. A cancellation stops all deletions at once.

        Invalid rules and ids, and an instance that is given twice, raise `ValueError` or
        `TypeError` before any request.
        """
        rules = verbs.pruning_many.PruneRules(
            keep_last=keep_last, keep_within=keep_within, name_prefix=name_prefix
        )

        return await verbs.pruning_many.prune_many(
            self,
            instance_ids,
            rules,
            dry_run=dry_run,
            max_concurrent=max_concurrent,
            region=self._in(region),
        )

    async def audit(
        self,
        instances: Iterable[str | Instance] | None = None,
        *,
        max_age: Seconds,
        max_pending: Seconds = 3600.0,
        min_count: int = 1,
        region: str | None = None,
    ) -> "verbs.audit_report.AuditReport":
        """Tell whether each instance has a complete snapshot that is younger than `max_age`.

        `instances` are ids, host names or `Instance`s; without them, all of the region are audited.
        A violation, too, is a newest snapshot that has failed, one that is pending for longer than
        `max_pending`, fewer complete ones of any age than `min_count`, and what could not be found
        out. One account-wide list shows all of them, where the server has it and it says whose they
        are; else there is one list an instance, some at once. They are summaries: where one lacks
        the volumes of a snapshot, `notes` say so.

        Raises what `list_instances` raises, and what every instance would get, such as
        `AuthenticationError`; what one instance gets is its violation.
        """
        rules = verbs.audit_judgement.AuditRules(
            max_age=check.seconds("max_age", max_age),
            max_pending=check.seconds("max_pending", max_pending),
            min_count=check.count("min_count", min_count, at_least=1),
        )
        names = verbs.audit.names_of(instances)
        async with self._caller.scope.inside():
            return await verbs.audit.audit(
                self._caller, self._clock, self._in(region), names, rules
            )

    async def drill(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike | None = None,
        *,
        check: "verbs.drilling.Check",
        create_if_missing: bool = False,
        delete_scratch: bool = False,
        timeout: Seconds | None = 1800.0,
        check_timeout: Seconds = 600.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> "verbs.drill_report.DrillReport":
        """Prove that a snapshot restores: into a scratch instance, which `check` then examines.

        Without `snapshot_id`, the newest complete snapshot is restored; where there is none, one is
        taken with `create_if_missing=True`. The scratch instance gets a random host name. When it
        is `ACTIVE`, `check(instance)`, plain or async, has `check_timeout` seconds to return
        something true; `http_ok` and `port_open` make such checks. `timeout` is for each wait.

        The scratch instance is left, unless `delete_scratch=True`: then it is deleted, passed or
        not, but left in any doubt that it is the drill's own. No other call of this library deletes
        an instance. A canceled drill deletes nothing; a note on the error names what is left.

        What goes wrong from the first write on is in the report, as is a lack of a complete
        snapshot. Before that, it raises what `list_instances` and `get_snapshot` raise.
        """
        ref = None if snapshot_id is None else self._ref(instance_id, snapshot_id, region)
        order = verbs.drilling.DrillOrder(
            instance_id=instance_id,
            snapshot=ref,
            check=check,
            create_if_missing=create_if_missing,
            delete_scratch=delete_scratch,
            timeout=timeout,
            check_timeout=check_timeout,
            poll=poll,
            region=self._in(region) if ref is None else ref.region,
        )
        return await self._drills.run(order)
