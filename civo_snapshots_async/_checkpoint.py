"""A snapshot around a change: complete before it, and rolled back to or deleted after it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, Protocol, get_args

import attrs

from . import _checks as check
from ._checks import Seconds
from ._errors import (
    CivoSnapshotsError,
    OutcomeUnknownError,
    SessionClosedError,
    SnapshotNotFoundError,
)
from ._log import About, log
from ._models import Restore, Snapshot
from ._policies import PollPolicy

KeepOrRestore = Literal["keep", "restore"]
KeepOrDelete = Literal["keep", "delete"]


class Snapshotter(Protocol):
    """Whatever makes, restores and deletes snapshots: a `SnapshotSession`."""

    @property
    def create_snapshot(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id`, `name`, `description` and `region`."""
        ...

    @property
    def wait_until_complete(self) -> Callable[..., Awaitable[Snapshot]]:
        """A coroutine function of `instance_id`, a `Snapshot`, `timeout` and `poll`."""
        ...

    @property
    def restore_snapshot(self) -> Callable[..., Awaitable[Restore]]:
        """A coroutine function of `instance_id`, a `Snapshot` and `overwrite_existing`."""
        ...

    @property
    def delete_snapshot(self) -> Callable[..., Awaitable[None]]:
        """A coroutine function of `instance_id` and a `Snapshot`."""
        ...


def checkpoint(
    session: Snapshotter,
    instance_id: str,
    *,
    name: str | None,
    description: str | None,
    on_error: KeepOrRestore,
    on_cancel: KeepOrRestore,
    on_success: KeepOrDelete,
    timeout: Seconds | None,
    poll: PollPolicy,
    region: str,
) -> AbstractAsyncContextManager[Snapshot]:
    """Make a snapshot, wait until it is complete, and only then run the body of `async with`."""
    if name is not None:
        check.label("name", name)
    if description is not None:
        check.text("description", description)

    return _around(
        _Checkpoint(
            session=session,
            instance_id=check.plain_name("instance_id", instance_id),
            region=check.plain_name("region", region),
            name=name,
            description=description,
            timeout=check.timeout(timeout),
            poll=poll,
        ),
        on_error=check.one_of("on_error", on_error, allowed=get_args(KeepOrRestore)),
        on_cancel=check.one_of("on_cancel", on_cancel, allowed=get_args(KeepOrRestore)),
        on_success=check.one_of("on_success", on_success, allowed=get_args(KeepOrDelete)),
    )


@asynccontextmanager
async def _around(
    point: "_Checkpoint",
    *,
    on_error: KeepOrRestore,
    on_cancel: KeepOrRestore,
    on_success: KeepOrDelete,
) -> AsyncGenerator[Snapshot, None]:
    snapshot = await point.make()
    try:
        yield snapshot
    except asyncio.CancelledError as error:
        await point.go_back(snapshot, error, on_cancel)
        raise
    except Exception as error:
        await point.go_back(snapshot, error, on_error)
        raise
    except BaseException as error:
        # The process is about to end, or the generator around: no time to send anything.
        await point.go_back(snapshot, error, "keep")
        raise
    if on_success == "delete":
        await point.delete(snapshot)


@attrs.frozen(kw_only=True)
class _Checkpoint:
    """The snapshot to make, and the ways to go on from it."""

    session: Snapshotter
    instance_id: str
    region: str
    name: str | None
    description: str | None
    timeout: float | None
    poll: PollPolicy

    async def make(self) -> Snapshot:
        """Make the snapshot, and wait until it is complete."""
        snapshot = await self.session.create_snapshot(
            self.instance_id, name=self.name, description=self.description, region=self.region
        )
        try:
            return await self.session.wait_until_complete(
                self.instance_id, snapshot, timeout=self.timeout, poll=self.poll
            )
        except BaseException as error:
            error.add_note(f"checkpoint: {self._told(snapshot)} was made; the body has not run")
            raise

    async def go_back(self, snapshot: Snapshot, error: BaseException, what: KeepOrRestore) -> None:
        """Note on the body's error what becomes of the snapshot, and of the instance."""
        error.add_note(f"checkpoint: {self._told(snapshot)} is kept")
        if what == "keep":
            return
        event = "checkpoint.rollback_unknown"
        became = "was cancelled while it ran: it may or may not have begun"
        try:
            event, became = await self._restore(snapshot)
        finally:
            told = f"the restore over instance {self.instance_id} {became}"
            error.add_note(f"checkpoint: {told}")
            # A note on a cancellation is seldom shown to anybody.
            self._log(event, snapshot, "checkpoint: %s, from %s", told, self._told(snapshot))

    async def _restore(self, snapshot: Snapshot) -> tuple[str, str]:
        """Return the event that it came to, and the end of a sentence that tells it."""
        try:
            restore = await self.session.restore_snapshot(
                self.instance_id, snapshot, overwrite_existing=True
            )
        except CivoSnapshotsError as error:
            # Any other error that leaves a doubt is of the get before it, which changes nothing.
            is_of_restore = isinstance(error, (OutcomeUnknownError, SessionClosedError))
            if is_of_restore and error.may_have_taken_effect:
                told = f"may or may not have begun: {_named(error)}"
                return "checkpoint.rollback_unknown", told
            told = f"has not begun, and nothing was overwritten: {_named(error)}"
            return "checkpoint.rollback_failed", told

        return "checkpoint.rolled_back", f"has begun ({restore.id})"

    async def delete(self, snapshot: Snapshot) -> None:
        """Delete the snapshot; where that fails, the body has succeeded all the same."""
        try:
            await self.session.delete_snapshot(self.instance_id, snapshot)
        except SnapshotNotFoundError:
            text = "checkpoint: %s was deleted already"
            self._log("checkpoint.already_deleted", snapshot, text, self._told(snapshot))
        except CivoSnapshotsError as error:
            is_unknown = error.may_have_taken_effect
            self._log(
                "checkpoint.not_deleted",
                snapshot,
                "checkpoint: %s %s: %s",
                self._told(snapshot),
                "may or may not have been deleted" if is_unknown else "could not be deleted",
                _named(error),
            )

    def _log(self, event: str, snapshot: Snapshot, text: str, *args: str) -> None:
        about = About(instance_id=self.instance_id, region=self.region)
        log(event, about.seen(snapshot), text, *args)

    def _told(self, snapshot: Snapshot) -> str:
        where = f"instance {self.instance_id} in {self.region}"

        return f"snapshot {snapshot.name} ({snapshot.id}) of {where}"


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
