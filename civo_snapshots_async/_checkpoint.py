"""A snapshot around a change: complete before it, rolled back to or deleted after it."""

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
    """Anything that creates, restores and deletes snapshots, such as a `SnapshotSession`."""

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
    """Create a snapshot, wait until it is complete, and then run the body of `async with`."""
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
    snapshot = await point.create()
    try:
        yield snapshot
    except asyncio.CancelledError as error:
        await point.leave(snapshot, error, on_cancel)
        raise
    except Exception as error:
        await point.leave(snapshot, error, on_error)
        raise
    except BaseException as error:
        # The process or the generator around is ending, so nothing is sent.
        await point.leave(snapshot, error, "keep")
        raise
    if on_success == "delete":
        await point.delete(snapshot)


@attrs.frozen(kw_only=True)
class _Checkpoint:
    """The snapshot of a checkpoint: created before the body, restored or deleted after it."""

    session: Snapshotter
    instance_id: str
    region: str
    name: str | None
    description: str | None
    timeout: float | None
    poll: PollPolicy

    async def create(self) -> Snapshot:
        """Create the snapshot, and wait until it is complete."""
        snapshot = await self.session.create_snapshot(
            self.instance_id, name=self.name, description=self.description, region=self.region
        )
        try:
            return await self.session.wait_until_complete(
                self.instance_id, snapshot, timeout=self.timeout, poll=self.poll
            )
        except BaseException as error:
            error.add_note(f"checkpoint: {self._named(snapshot)} was created; the body has not run")
            raise

    async def leave(self, snapshot: Snapshot, error: BaseException, what: KeepOrRestore) -> None:
        """Keep or restore the snapshot, and add notes on that to the error of the body."""
        error.add_note(f"checkpoint: {self._named(snapshot)} is kept")
        if what == "keep":
            return
        event = "checkpoint.rollback_unknown"
        outcome = "was canceled while it ran: it may or may not have started"
        try:
            event, outcome = await self._restore(snapshot)
        finally:
            sentence = f"the restore over instance {self.instance_id} {outcome}"
            error.add_note(f"checkpoint: {sentence}")
            # Few programs show the notes of a CancelledError.
            self._log(event, snapshot, "checkpoint: %s, from %s", sentence, self._named(snapshot))

    async def _restore(self, snapshot: Snapshot) -> tuple[str, str]:
        """Restore the snapshot over its instance; return the log event and the outcome in words."""
        try:
            restore = await self.session.restore_snapshot(
                self.instance_id, snapshot, overwrite_existing=True
            )
        except CivoSnapshotsError as error:
            # Any other error is of the get before the restore, which changes nothing.
            is_of_restore = isinstance(error, (OutcomeUnknownError, SessionClosedError))
            if is_of_restore and error.may_have_taken_effect:
                outcome = f"may or may not have started: {_with_type(error)}"
                return "checkpoint.rollback_unknown", outcome
            outcome = f"has not started, and nothing was overwritten: {_with_type(error)}"
            return "checkpoint.rollback_failed", outcome

        return "checkpoint.rolled_back", f"has started ({restore.id})"

    async def delete(self, snapshot: Snapshot) -> None:
        """Delete the snapshot; log a failure, as the body has succeeded."""
        try:
            await self.session.delete_snapshot(self.instance_id, snapshot)
        except SnapshotNotFoundError:
            text = "checkpoint: %s was already deleted"
            self._log("checkpoint.already_deleted", snapshot, text, self._named(snapshot))
        except CivoSnapshotsError as error:
            is_unknown = error.may_have_taken_effect
            self._log(
                "checkpoint.not_deleted",
                snapshot,
                "checkpoint: %s %s: %s",
                self._named(snapshot),
                "may or may not have been deleted" if is_unknown else "could not be deleted",
                _with_type(error),
            )

    def _log(self, event: str, snapshot: Snapshot, text: str, *args: str) -> None:
        about = About(instance_id=self.instance_id, region=self.region)
        log(event, about.seen(snapshot), text, *args)

    def _named(self, snapshot: Snapshot) -> str:
        where = f"instance {self.instance_id} in {self.region}"

        return f"snapshot {snapshot.name} ({snapshot.id}) of {where}"


def _with_type(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
