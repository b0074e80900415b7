"""Work on an instance with a way back: a complete snapshot before it, and what to do after it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, TypeVar, get_args

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
from ._models import Snapshot
from ._pacing import PollPolicy
from ._session import SnapshotSession

T = TypeVar("T")
KeepOrRestore = Literal["keep", "restore"]
KeepOrDelete = Literal["keep", "delete"]


def checkpoint(
    session: SnapshotSession,
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

    What the body raises is always handed on as it is, with a note that names the snapshot:

    - `on_error="restore"`: when the body raises an `Exception`, **overwrite the instance** from
      the snapshot, unless that is not complete any more. A second note says what became of it:
      begun, refused or not known.
    - `on_cancel="restore"`: do so when the body is cancelled, before the cancellation is handed on.
      Its two requests take no longer than the session's `call_timeout` each; cancelled once more
      meanwhile, it stops there.
    - `on_success="delete"`: delete the snapshot when the body has ended well. If that fails, the
      body has succeeded all the same: it is told in the log, as a warning, and not raised.

    By default the snapshot is kept in each case. It is also kept, and nothing is sent, when the
    body ends by any other exception, such as `SystemExit`. When the snapshot does not become
    complete, the body does not run; the error is that of the create or of the wait.
    """
    if name is not None:
        check.label("name", name)
    if description is not None:
        check.text("description", description)

    return _around(
        _Checkpoint(
            session=session,
            instance_id=check.plain_name("instance_id", instance_id),
            region=check.plain_name("region", session.region if region is None else region),
            name=name,
            description=description,
            timeout=check.timeout(timeout),
            poll=poll,
        ),
        on_error=_one_of("on_error", on_error, get_args(KeepOrRestore)),
        on_cancel=_one_of("on_cancel", on_cancel, get_args(KeepOrRestore)),
        on_success=_one_of("on_success", on_success, get_args(KeepOrDelete)),
    )


def _one_of(argument: str, value: T, allowed: tuple[str, ...]) -> T:
    if value not in allowed:
        raise ValueError(f"{argument} must be {' or '.join(map(repr, allowed))}, not {value!r}")

    return value


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

    session: SnapshotSession
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
                self.instance_id,
                snapshot.id,
                timeout=self.timeout,
                poll=self.poll,
                region=self.region,
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
                self.instance_id, snapshot.id, overwrite_existing=True, region=self.region
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
            await self.session.delete_snapshot(self.instance_id, snapshot.id, region=self.region)
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
