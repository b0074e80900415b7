"""What the viewers of the page see: a card for each instance, followed once for all of them.

The truth is at Civo. A board that is new, after a restart, lists the instances and their snapshots
and follows what is pending. It remembers nothing that could not be read again, but for the errors
that it shows and the plans that nobody has approved yet.

A viewer gets each card that has changed since the viewer's last one, as it is now. So a slow viewer
skips what was in between and fills no memory, and one that connects anew gets all cards.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import attrs

from civo_snapshots_async import (
    CivoSnapshotsError,
    Instance,
    RestorePlan,
    RestorePlanChangedError,
    SessionClosedError,
    Snapshot,
    SnapshotSession,
    SnapshotVanishedError,
    apply_events,
)

# A viewer that connects later than this after the last list causes a new one, in seconds.
_FRESH = 2.0
_MAX_PLANS = 100
_UNDATED = datetime.min.replace(tzinfo=UTC)


@attrs.define(kw_only=True, eq=False)
class Card:
    """An instance, its snapshots, and what is being done with it."""

    instance: Instance
    snapshots: dict[str, Snapshot] = attrs.field(factory=dict[str, Snapshot])
    creating: str = ""
    """The name of the snapshot whose creation is in flight."""
    restoring: str = ""
    """The name of the snapshot that is being restored."""
    note: str = ""
    """What came of the last thing that was done, for people."""
    version: int = 0

    @property
    def in_progress(self) -> str:
        """The name of a snapshot that is not terminal yet, if there is one."""
        pending = (each.name for each in self.snapshots.values() if not each.phase.is_terminal)

        return self.creating or next(pending, "")

    def to_dict(self) -> dict[str, Any]:
        """Return it for the page."""
        newest_first = sorted(
            self.snapshots.values(), key=lambda each: each.created_at or _UNDATED, reverse=True
        )

        return {
            "id": self.instance.id,
            "hostname": self.instance.hostname,
            "status": self.instance.status,
            "creating": self.creating,
            "restoring": self.restoring,
            "note": self.note,
            "snapshots": [shown(each) for each in newest_first],
        }


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot for the page: what it means, and Civo's own words for its volumes."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "created_at": snapshot.created_at and snapshot.created_at.isoformat(),
        "phase": snapshot.phase.value,
        "reasons": "; ".join(snapshot.verdict.reasons),
        "volumes": [
            {"id": each.id, "state": each.state or "not started", "phase": each.phase.value}
            for each in snapshot.volumes
        ],
    }


class Board:
    """All cards, and the jobs that change them. It ends with `aclose()`, which ends the session."""

    def __init__(self, session: SnapshotSession) -> None:
        self._session = session
        self._cards: dict[str, Card] = {}
        self._plans: dict[str, RestorePlan] = {}
        self._followed: set[str] = set()
        self._trouble = ""
        self._jobs = asyncio.TaskGroup()
        self._listed_at = float("-inf")
        self._version = 0
        self._changed = asyncio.Event()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        await self._jobs.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
        await self._jobs.__aexit__(exc_type, exc, traceback)

    async def aclose(self) -> None:
        """End all streams and jobs. What was started goes on at Civo."""
        self._is_closed = True
        self._publish()
        await self._session.aclose()

    # ---- what viewers get, and what they may do

    async def changes(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield all cards, and then what has changed, until the board is closed."""
        seen = 0
        self._refresh_unless_fresh()
        while not self._is_closed:
            changed = self._changed
            cards = [card.to_dict() for card in self._cards.values() if card.version > seen]
            seen = self._version
            yield {"trouble": self._trouble, "order": list(self._cards), "cards": cards}
            await changed.wait()

    def back_up(self, instance_id: str) -> str:
        """Start a snapshot, and return its name; while one is in progress, it is that one.

        Raises `KeyError` for an instance without a card.
        """
        card = self._cards[instance_id]
        if card.in_progress:
            return card.in_progress
        card.creating = f"web-{self._session.clock.utcnow():%Y%m%d-%H%M%S}"
        self._start(self._create(card, card.creating))

        return card.creating

    async def plan(self, instance_id: str, snapshot_id: str) -> RestorePlan:
        """Return what an overwrite would do, and remember it until it is approved.

        Raises `KeyError` for an instance without a card, and what `plan_restore` raises.
        """
        card = self._cards[instance_id]
        plan = await self._session.plan_restore(
            card.instance.id, snapshot_id, overwrite_existing=True
        )
        self._plans[plan.fingerprint] = plan
        while len(self._plans) > _MAX_PLANS:
            del self._plans[next(iter(self._plans))]

        return plan

    def restore(self, fingerprint: str, hostname: str) -> None:
        """Start the restore of a plan that was shown, if the approver names the instance.

        Raises `KeyError` for a plan that was not shown or was approved before, and `ValueError` for
        another instance's name, or while the instance is being restored.
        """
        plan = self._plans[fingerprint]
        facts = plan.facts
        if hostname != facts.hostname:
            raise ValueError(f"the plan overwrites {facts.hostname}, not {hostname or 'nothing'}")
        card = self._cards[facts.instance_id]
        if card.restoring:
            raise ValueError(f"{facts.hostname} is being restored already: from {card.restoring}")
        del self._plans[fingerprint]
        card.restoring = facts.snapshot_name
        self._start(self._restore(card, plan))

    # ---- the jobs

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        self._publish(*self._cards.values())
        self._jobs.create_task(job)

    async def _create(self, card: Card, name: str) -> None:
        card.note = ""
        self._publish(card)
        try:
            snapshot = await self._session.create_snapshot(card.instance.id, name=name)
            card.snapshots[snapshot.id] = snapshot
        except CivoSnapshotsError as error:
            card.note = f"{name}: {error}"
            return
        finally:
            card.creating = ""
            self._publish(card)
        await self._follow(card, snapshot)

    async def _follow(self, card: Card, snapshot: Snapshot) -> None:
        """Show each change of a snapshot until it is terminal; once, for any number of viewers."""
        if snapshot.id in self._followed:
            return
        self._followed.add(snapshot.id)
        try:
            async with aclosing(
                self._session.watch(card.instance.id, snapshot, timeout=None)
            ) as events:
                async for event in events:
                    snapshot = apply_events(snapshot, event)
                    card.snapshots[snapshot.id] = snapshot
                    self._publish(card)
        except SnapshotVanishedError as error:
            del card.snapshots[snapshot.id]
            card.note = str(error)
        except SessionClosedError:
            pass
        except CivoSnapshotsError as error:
            card.note = f"{snapshot.name}: {error}"
        finally:
            self._followed.discard(snapshot.id)
            self._publish(card)

    async def _restore(self, card: Card, plan: RestorePlan) -> None:
        def show(_before: Snapshot, after: Snapshot) -> None:
            card.snapshots[after.id] = after
            self._publish(card)

        name = plan.facts.snapshot_name
        card.note = ""
        try:
            await self._session.apply_restore(plan, on_change=show)
            instance = await self._session.wait_until_active(card.instance.id)
            card.note = f"Restored {name}; the instance is {instance.status}."
            self._show_listed(instance, await self._session.list_snapshots(instance.id))
        except RestorePlanChangedError as error:
            card.note = f"Nothing was overwritten: {'; '.join(error.differences)}."
        except CivoSnapshotsError as error:
            card.note = f"{name}: {error}"
        finally:
            card.restoring = ""
            self._publish(card)

    def _refresh_unless_fresh(self) -> None:
        now = self._session.clock.now()
        if now - self._listed_at > _FRESH:
            self._listed_at = now
            self._jobs.create_task(self._refresh())

    async def _refresh(self) -> None:
        """List everything, for what was done elsewhere, and follow what is pending."""
        try:
            instances = await self._session.list_instances()
            for instance in instances:
                listed = await self._session.list_snapshots(instance.id)
                self._show_listed(instance, listed)
            for gone in self._cards.keys() - {each.id for each in instances}:
                del self._cards[gone]
            self._trouble = ""
        except CivoSnapshotsError as error:
            self._trouble = str(error)
        self._publish()

    def _show_listed(self, instance: Instance, listed: tuple[Snapshot, ...]) -> None:
        card = self._cards.setdefault(instance.id, Card(instance=instance))
        card.instance = instance
        # What is followed is known better, and may be younger than the list.
        followed = {key: each for key, each in card.snapshots.items() if key in self._followed}
        card.snapshots = {each.id: each for each in listed} | followed
        self._publish(card)
        for snapshot in listed:
            if not snapshot.phase.is_terminal:
                self._jobs.create_task(self._follow(card, snapshot))

    def _publish(self, *cards: Card) -> None:
        self._version += 1
        for card in cards:
            card.version = self._version
        self._changed.set()
        self._changed = asyncio.Event()
