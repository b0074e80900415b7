"""The command line: its commands, their errors and exit statuses."""

import asyncio
import logging
import shlex
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any, cast

from cyclopts import App, CycloptsError

from .. import __version__
from . import _around, _auditing, _batches, _drilling, _restoring, _snapshots, _tools
from ._common import Settings
from ._exits import Exit, Stop, sentence_of, status_of
from ._printing import say, stderr

_EPILOGUE = """\
Settings come from CIVO_TOKEN, CIVO_REGION and CIVO_API_URL, then from the official CLI's file.
Exit status: 0 done, 1 other error, 2 wrong use, 3 not found, 4 rejected token, 5 failed,
6 timed out, 7 stopped by a guard, 8 outcome unknown, 9 part of a batch failed,
10 policy broken, 130 interrupted."""


def build() -> App:
    """Return the command."""
    app = App(
        name="civo-snapshots",
        help="Create Civo instance snapshots, wait for them, restore them safely.",
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=f"civo-snapshots {__version__}",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        error_console=stderr(),
    )
    # By its name: its other arguments have no types.
    methodcaller("register_install_completion_command", add_to_startup=False)(app)
    for module in (_snapshots, _restoring, _around, _batches, _auditing, _drilling, _tools):
        module.register(app)

    return app


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status. An error is one sentence on stderr."""
    app = build()
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        say(f"error: {sentence_of(error)}\nsee: civo-snapshots --help")
        return Exit.WRONG_USE
    try:
        with _log_of(bound.arguments):
            result = command(*bound.args, **bound.kwargs)
            if asyncio.iscoroutine(result):
                result = asyncio.run(cast("Coroutine[Any, Any, object]", result))
    # A Ctrl-C before the first step of the command's task leaves its cancellation as it is.
    except (KeyboardInterrupt, asyncio.CancelledError):
        return Exit.INTERRUPTED
    except Exception as error:
        status = status_of(error)
        if status is None:
            raise
        say(f"error: {_one_sentence(error)}")
        if isinstance(error, Stop) and error.again is not None:
            say(_line_with(arguments, error.again))
        return status

    return result if isinstance(result, int) else Exit.DONE


def _one_sentence(error: Exception) -> str:
    # A command's text may have a second line, with a command to copy.
    return "\n".join(" ".join(line.split()) for line in str(error).splitlines())


def _line_with(arguments: list[str], option: str) -> str:
    """Return the command with one more option, to copy."""
    # After `--`, nothing is an option.
    end = arguments.index("--") if "--" in arguments else len(arguments)

    return shlex.join(["civo-snapshots", *arguments[:end], option, *arguments[end:]])


@contextmanager
def _log_of(arguments: dict[str, Any]) -> Generator[None, None, None]:
    """Print the library's log on stderr with `--verbose`, and nothing of it otherwise.

    The error that is printed in any case has the text of the warnings.
    """
    common = arguments.get("common")
    is_verbose = isinstance(common, Settings) and common.verbose
    handler = logging.StreamHandler() if is_verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("civo_snapshots_async")
    level = logger.level
    logger.addHandler(handler)
    if is_verbose:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
