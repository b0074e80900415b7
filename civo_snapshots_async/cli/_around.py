"""The command that runs another command: checkpoint."""

import asyncio
import subprocess
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Literal

from cyclopts import App, Parameter

from .. import Snapshot
from ._common import Common, Waiting
from ._exits import Exit, Stop
from ._printing import say


def register(app: App) -> None:
    """Add the command."""
    app.command(checkpoint)


async def checkpoint(
    instance: str,
    /,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    name: str | None = None,
    on_error: Literal["keep", "restore"] = "keep",
    on_success: Literal["keep", "delete"] = "keep",
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> int:
    """Create a snapshot, wait until it is complete, then run the command after `--`.

    Parameters
    ----------
    command
        The command to run, after `--`.
    on_error
        `restore` overwrites the instance from the snapshot if the command fails.
    on_success
        `delete` deletes the snapshot if the command succeeds.
    """
    if not command:
        raise ValueError("no command to run: give it after --")
    async with common.session() as session:
        around = session.checkpoint(
            instance,
            name=name,
            on_error=on_error,
            on_cancel=on_error,
            on_success=on_success,
            timeout=waiting.limit,
            poll=waiting.poll,
        )
        await _run(around, command)

    return Exit.DONE


async def _run(around: AbstractAsyncContextManager[Snapshot], command: tuple[str, ...]) -> None:
    try:
        async with around as snapshot:
            say(f"complete: {snapshot}")
            process = await asyncio.create_subprocess_exec(*command)
            _require_success(await process.wait(), command)
    except subprocess.CalledProcessError as error:
        for note in getattr(error, "__notes__", ()):
            say(note)
        raise Stop(Exit.FAILED, f"{command[0]} exited with {error.returncode}") from None


def _require_success(status: int, command: tuple[str, ...]) -> None:
    if status:
        raise subprocess.CalledProcessError(status, command)
