"""The face of the library: one session, its six calls, waiting, and what is built on them."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from ipaddress import IPv4Address

from ._batch import Batch, Waiting, snapshot_many, wait_many
from ._calls import SnapshotCalls
from ._checkpoint import KeepOrDelete, KeepOrRestore, checkpoint
from ._checks import Seconds
from ._events import SnapshotEvent
from ._http import endpoints
from ._models import Instance, Restore, Snapshot, SnapshotLike, SnapshotRef
from ._policies import PollPolicy
from ._pruning import PruneResult, prune
from ._restoring import restore_once
from ._retention import PrunePlan
from ._waits.instances import wait_for_restored_instance, wait_until_active
from ._waits.saved import SavedWait
from ._waits.snapshots import OnChange, until_complete, watch


class SnapshotSession(SnapshotCalls):
    """Civo's instance snapshots, for one account and, unless a call says otherwise, one region.

    Use it in one event loop, with `async with`, or call `aclose()`: one that was used and never
    closed is a `ResourceWarning`. It can be used by any number of tasks at once.

    - `token`: the account's API key. No repr, error, log or pickle of this library shows it.
    - `region`: the code of one, such as `LON1`. Civo has no default: without a region, a call
      silently goes to another one.
    - `api_url`: where Civo's API is, without `/v2`; must be https, or http to this machine.
    - `http`: time limits, connections, proxy, certificates and the like: see `HttpOptions`.
    - `retry`: when a request is retried, see `RetryPolicy`; `None` for never.
    - `resolve_timeout`: for how many seconds a create whose response was lost is looked for by
      listing; 0 for not at all. Here and everywhere else, a `timedelta` will do for seconds.
    - `http_session`: an aiohttp session of yours, whose connections and traces are used. It is
      never closed here; its login, cookies, default headers and timeouts are not used. As its
      pool decides what is kept open, a create or restore may get a connection that the server has
      just dropped, and its outcome is then unknown: a session of our own uses a fresh one.
    - `clock`: the time to wait by; tests bring `civo_snapshots_async.testing.FakeClock`.

    Where an argument is called `snapshot_id`, it is the snapshot's id or name, a `Snapshot`, or a
    `SnapshotRef`. The last two bring their region, and are a `ValueError` for another instance.
    `region` is the session's own unless given.

    Raises `ConfigurationError` for no token, no region or an unusable URL, and `ValueError` or
    `TypeError` for any other value that can't be used.
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

        It is the module's `wait_until_complete`, which says it all, with this session.
        """
        wait = self._waits.complete(self._ref(instance_id, snapshot_id, region), timeout, poll)
        if on_change is not None:
            return await until_complete(wait, self._waits.advance, on_change)
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
        """Give what happens to a snapshot, as events, until it is terminal.

        `SnapshotSeen` when it is first seen, then `StateChanged` for each change of the snapshot
        and of each volume, `DetailsChanged`, `PollFailed`, `UnknownStateSeen` and
        `SnapshotStalled` as they come, and `SnapshotFinished` last, whether it is complete or has
        failed. A watch that ends otherwise raises what `wait_until_complete` raises. It polls only
        while the next event is awaited, so a slow consumer fills no memory, and is given all that
        has changed since.

        Leave it early with `contextlib.aclosing`, so that it ends there and then.
        """
        wait = self._waits.terminal(self._ref(instance_id, snapshot_id, region), timeout, poll)
        async with aclosing(watch(wait, self._waits.advance)) as events:
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
        """Make a wait that can be resumed, here or in another process, by `resume`.

        The deadline is fixed now, as a date. After a wait that has timed out, it gives more time:
        `session.save_wait(error.instance_id, error.snapshot_id, timeout=600)`.
        """
        return self._waits.save(self._ref(instance_id, snapshot_id, region), timeout)

    async def resume(
        self,
        saved: SavedWait,
        *,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Snapshot:
        """Resume a saved wait in the time that is left, in its region, and end as it would.

        Past its deadline, there is one last poll, and then `WaitTimeoutError`.
        """
        wait = self._waits.resumed(saved, poll)

        return await until_complete(wait, self._waits.advance, on_change)

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
        """Wait until a snapshot is complete, then restore it: both, with the errors of both.

        The arguments of the restore are checked before the wait starts. The last poll of the wait
        is the check that `restore_snapshot` would make.
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
        """Poll a snapshot until Civo says, by code, that the instance has no such snapshot.

        Any other error response is raised as what it is, and none is taken for "gone": not a bad
        token, although that is a 404 as well, nor an unknown region, nor an instance that is not
        found, which may be in another region. Give the id: a name may be another snapshot's next.

        Raises `WaitTimeoutError`, with the last snapshot, when the time is up.
        """
        wait = self._waits.deleted(self._ref(instance_id, snapshot_id, region), timeout, poll)
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
        """Poll an instance until Civo says that it is `ACTIVE`, and return it.

        That proves that the instance runs, and neither that a restore is over nor what is on its
        disks: right after an overwrite was requested, it may be `ACTIVE` still.

        Raises `InstanceFailedError` as soon as the status is `ERROR` or `FAILED`, and
        `WaitTimeoutError` when the time is up. Any other status is "not yet", `SHUTOFF` as well.
        """
        request = endpoints.get_instance(instance_id, region=self._in(region))
        async with self._caller.scope.inside():
            return await wait_until_active(
                self._caller, request, timeout=timeout, poll=poll, clock=self._clock
            )

    async def wait_for_restored_instance(
        self,
        restore: Restore,
        *,
        timeout: Seconds | None = 300.0,
        poll: PollPolicy = PollPolicy(),
    ) -> Instance:
        """Poll the list of instances until one has the host name of a restore, and return it.

        The host name is the only mark of a new instance: that it is listed proves that it exists,
        and not that this restore has made it. Up to 10,000 instances are read, in the region of the
        restore. The snapshot's own instance is not taken for it.

        Raises `AmbiguousInstanceError` where several have that host name, `WaitTimeoutError` when
        the time is up, and `ValueError` for a restore that makes no new instance, or none that can
        be distinguished from others.
        """
        region = restore.region or self.region
        async with self._caller.scope.inside():
            return await wait_for_restored_instance(
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
    ) -> Batch:
        """Make a snapshot of each instance, and wait until it is complete.

        `name` is the name of every snapshot, or a function that gives it, or `None`, for an
        instance. An instance has one of the `max_concurrent` slots from its create until its
        snapshot is terminal: what is bounded is the work that Civo does at once. `timeout` is for
        each wait; the rest is as in `create_snapshot` and `wait_until_complete`.

        With `ensure=True` no snapshot is made where one of that name exists, so that a batch that
        was stopped can be started again.

        A failure of one is its outcome, and does not affect the others. What `on_change` raises
        ends the whole batch, and comes out as it is. Names and ids that can't be used, and an
        instance that is given twice, are a `ValueError` here and now, before anything is sent.
        """
        return snapshot_many(
            self,
            instance_ids,
            name=name,
            description=description,
            ensure=ensure,
            max_concurrent=max_concurrent,
            waiting=Waiting.of(timeout, poll, on_change),
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
    ) -> Batch:
        """Wait until each snapshot is complete: a `Snapshot`, a ref, or a pair of two ids each.

        A pair is of an instance's id and a snapshot's. All waits run at once, as a wait costs Civo
        little and one that is stuck must not keep another from its time. Otherwise it is as
        `snapshot_many`.
        """
        return wait_many(
            self,
            snapshots,
            waiting=Waiting.of(timeout, poll, on_change),
            region=region,
        )

    def checkpoint(
        self,
        instance_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        on_error: KeepOrRestore = "keep",
        on_cancel: KeepOrRestore = "keep",
        on_success: KeepOrDelete = "keep",
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> AbstractAsyncContextManager[Snapshot]:
        """Make a snapshot, wait until it is complete, and only then run the body of `async with`.

        What the body raises is always raised on as it is, with a note that names the snapshot:

        - `on_error="restore"`: when the body raises an `Exception`, **overwrite the instance** from
          the snapshot, unless that is not complete any more. A second note says what became of it:
          started, refused or not known.
        - `on_cancel="restore"`: do so when the body is canceled, before the cancellation goes on.
          Its two requests take no longer than `HttpOptions.call_timeout` each; canceled once more
          meanwhile, it stops there.
        - `on_success="delete"`: delete the snapshot when the body has ended well. If that fails,
          the body has succeeded all the same: it is logged, as a warning, and not raised.

        By default the snapshot is kept in each case. It is also kept, and nothing is sent, when the
        body ends by any other exception, such as `SystemExit`. When the snapshot does not become
        complete, the body does not run; the error is that of the create or of the wait.
        """
        return checkpoint(
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

    async def prune(self, plan: PrunePlan) -> PruneResult:
        """Delete what a plan says, one snapshot after the other, and nothing else.

        It decides nothing anew. A failure is that snapshot's outcome, and the next one is tried all
        the same, unless it would get the same: a refused token, an unknown region. One that is
        gone already counts as deleted. Canceled, it stops at once.

        Instance and region are those of the plan. Raises `ValueError` for a plan of several,
        before anything is sent.
        """
        return await prune(self, plan)
