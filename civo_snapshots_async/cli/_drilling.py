"""The command that proves that a backup restores: drill."""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta

import attrs
from cyclopts import App, Parameter

from .. import Instance, http_ok, port_open
from ._common import Common, Flag, Waiting
from ._durations import Duration
from ._exits import Exit
from ._printing import print_value, say, status

Check = Callable[[Instance], Awaitable[bool]]

# What a check writes is no result of the command.
_STDERR = 2


def register(app: App) -> None:
    """Add the command."""
    app.command(drill)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Checks:
    """How the scratch instance is checked: in one way."""

    check_http: str | None = None
    """A path, such as /health: a GET of it on port 80 must get a status of 200 to 299."""
    check_port: int | None = None
    """A TCP port that must take a connection."""
    check_command: str | None = None
    """A command that must exit with 0; CIVO_INSTANCE_ID, _HOSTNAME and _IP name the instance."""
    check_timeout: Duration = timedelta(minutes=10)
    """How long the check may take, such as 90s or 10m."""

    def chosen(self) -> Check:
        """Return the one check; raise `ValueError` for none or several."""
        given = (self.check_http, self.check_port, self.check_command)
        if sum(each is not None for each in given) != 1:
            raise ValueError("give one of --check-http, --check-port and --check-command")
        if self.check_http is not None:
            return http_ok(self.check_http, timeout=self.check_timeout)
        if self.check_port is not None:
            return port_open(self.check_port, timeout=self.check_timeout)

        return _exits_with_0(shlex.split(self.check_command or ""))


async def drill(
    instance: str,
    snapshot: str | None = None,
    *,
    checks: Checks = Checks(),
    create_if_missing: Flag = False,
    delete_scratch: Flag = False,
    waiting: Waiting = Waiting(),
    common: Common = Common(),
) -> int:
    """Restore a snapshot into a scratch instance, and check that; exit with 5 if it fails.

    Parameters
    ----------
    snapshot
        The snapshot to restore; by default the newest complete one.
    create_if_missing
        Create a snapshot where the instance has no complete one.
    delete_scratch
        Delete the scratch instance afterwards.
    """
    check = checks.chosen()
    async with common.session() as session:
        with _notes_after_ctrl_c(), status(common, f"drilling {instance}"):
            report = await session.drill(
                instance,
                snapshot,
                check=check,
                create_if_missing=create_if_missing,
                delete_scratch=delete_scratch,
                timeout=waiting.limit,
                check_timeout=checks.check_timeout,
                poll=waiting.poll,
            )
    print_value(common, report)

    return Exit.DONE if report.passed else Exit.FAILED


@contextmanager
def _notes_after_ctrl_c() -> Generator[None, None, None]:
    """Print what the library notes on a cancellation: what is left behind."""
    try:
        yield
    except asyncio.CancelledError as error:
        for note in getattr(error, "__notes__", ()):
            say(note)
        raise


def _exits_with_0(command: list[str]) -> Check:
    if not command:
        raise ValueError("--check-command names no command")

    async def check(instance: Instance) -> bool:
        about = {
            "CIVO_INSTANCE_ID": instance.id,
            "CIVO_INSTANCE_HOSTNAME": instance.hostname,
            "CIVO_INSTANCE_IP": instance.public_ip or instance.private_ip or "",
        }
        process = await asyncio.create_subprocess_exec(
            *command, stdout=_STDERR, env={**os.environ, **about}
        )
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return check
