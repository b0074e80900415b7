"""A session: restores that are planned, applied and undone, and restores that are ensured."""

from ipaddress import IPv4Address

from . import _checks as check
from . import _verbs as verbs
from ._calls import SnapshotCalls
from ._checks import Seconds
from ._http import endpoints
from ._models import Instance, Restore, SnapshotLike
from ._policies import PollPolicy
from ._waits.snapshots import OnChange


class RestoreCalls(SnapshotCalls):
    """A session that is open, with restores that happen once: `SnapshotSession` without waits."""

    async def plan_restore(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        hostname: str | None = None,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        overwrite_existing: bool = False,
        safety_snapshot: bool = True,
        region: str | None = None,
    ) -> "verbs.restore_plan.RestorePlan":
        """Return what `restore_snapshot` would do with these arguments; only reads are sent.

        `print(plan)` shows what is to be approved, `plan.to_json()` is for another process.
        `safety_snapshot` says whether an overwrite first takes a snapshot of the instance, to undo
        it with, and to be applied only once; a new instance destroys nothing and needs none.

        Raises `SnapshotNotCompleteError`, with the reasons, where the snapshot is not complete, and
        what `get_snapshot` raises.
        """
        request = endpoints.restore_snapshot(
            self._ref(instance_id, snapshot_id, region),
            hostname=hostname,
            private_ip=private_ip,
            description=description,
            overwrite_existing=overwrite_existing,
        )
        is_safe = check.boolean("safety_snapshot", safety_snapshot)
        async with self._caller.scope.inside():
            return await verbs.planning.make_plan(
                self._caller, request, self._clock, safety_snapshot=is_safe
            )

    async def apply_restore(
        self,
        plan: "verbs.restore_plan.RestorePlan",
        *,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        on_change: OnChange | None = None,
    ) -> Restore:
        """Do what a plan says, unless the facts that it rests on have changed; at most once.

        Reads the facts again, takes the safety snapshot, waits until it is complete and the
        instance has the plan's status, reads the facts once more, and sends the restore once.
        `timeout`, `poll` and `on_change` are for that wait, as in `wait_until_complete`. The region
        is the plan's.

        Whoever finds a safety snapshot of the plan that is not their own sends no restore: of any
        number of applies, here or in other processes, at most one overwrites the instance. After a
        crash, that may be none: then make a new plan. A session whose apply ended before it
        overwrote anything, by a timeout for example, can apply the plan again, as long as its
        safety snapshot is not complete. What is written to the instance after its safety snapshot
        was made is lost.

        **Without a safety snapshot** only this session knows that a plan was applied: another
        process, or this one after a restart, overwrites the instance again, once the facts are the
        same again. A new instance is guarded by its host name: with one given, the plan does not
        hold any more when it is there; without, or where two processes apply it in one moment,
        there may be two.

        Raises `RestorePlanChangedError`, with what is different, and `RestoreAlreadyAppliedError`;
        nothing was overwritten then by this call. Otherwise it raises what `create_snapshot`,
        `wait_until_complete` and `restore_snapshot` raise.
        """
        patience = verbs.applying.Patience(timeout=timeout, poll=poll, on_change=on_change)
        async with self._caller.scope.inside():
            return await self._applications.apply(plan, patience)

    async def undo_restore(self, plan: "verbs.restore_plan.RestorePlan") -> Restore:
        """**Overwrite** the instance once more, with the safety snapshot that the plan took.

        Works from the plan's text alone: the safety snapshot is found by its name. What was written
        since it was made is lost, and the undo itself takes none. Called twice, it overwrites
        twice. Nothing shows whether another process got as far as overwriting the instance: check
        it first.

        Raises `UndoRefusedError` where the plan has no safety snapshot or several, or where this
        session has applied the plan and overwritten nothing; `SnapshotNotCompleteError` where it is
        not complete, and what `restore_snapshot` raises; `ValueError` for a plan that takes none.
        """
        async with self._caller.scope.inside():
            return await self._applications.undo(plan)

    async def ensure_restored(
        self,
        instance_id: str,
        snapshot_id: SnapshotLike,
        *,
        hostname: str,
        private_ip: str | IPv4Address | None = None,
        description: str | None = None,
        timeout: Seconds | None = 1800.0,
        poll: PollPolicy = PollPolicy(),
        region: str | None = None,
    ) -> Instance:
        """Return the instance of that host name, restored from a snapshot if it is not there yet.

        It is the idempotent form for job runners that deliver at least once: done twice, it makes
        one instance. Either way the instance is followed until it is `ACTIVE`, for `timeout`
        seconds. The host name is its only mark, so let it say which restore it is of: an instance
        that is there is returned whatever it was made from, and `snapshot_id`, `private_ip` and
        `description` are for one that is made.

        If the response to the restore is lost, the session resolves it by listing the instances,
        for `resolve_timeout`. Calls of one session for one host name wait for each other; between
        processes it rests on Civo's refusing a host name that is taken.

        Raises `AmbiguousInstanceError` if several instances have the host name, or the snapshot's
        own one has it; `OutcomeUnknownError` if the response was lost and no instance is listed;
        and otherwise what `restore_snapshot` and `wait_until_active` raise.
        """
        request = endpoints.restore_snapshot(
            self._ref(instance_id, snapshot_id, region),
            hostname=check.hostname("hostname", hostname),
            private_ip=private_ip,
            description=description,
        )
        if hostname.casefold() == instance_id.casefold():
            raise ValueError(f"hostname must not be the snapshot's own instance, {hostname!r}")
        limit = check.timeout(timeout)
        async with self._caller.scope.inside():
            return await self._ensured.ensure(request, hostname, limit, poll)
