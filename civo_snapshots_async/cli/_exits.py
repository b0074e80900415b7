"""What a command exits with, and the one sentence that an error comes to.

0  done                    5  failed                      9  part of a batch failed
1  any other error         6  timed out: it goes on      10  the policy is broken (audit)
2  wrong use               7  refused by a guard        130  interrupted: it goes on
3  not found               8  the outcome is unknown
4  refused token
"""

from enum import IntEnum

from .. import (
    AuthenticationError,
    CivoSnapshotsError,
    ConfigurationError,
    InstanceFailedError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotVanishedError,
    WaitTimeoutError,
)


class Exit(IntEnum):
    """The exit statuses of the command."""

    DONE = 0
    OTHER = 1
    WRONG_USE = 2
    NOT_FOUND = 3
    REFUSED_TOKEN = 4
    FAILED = 5
    TIMED_OUT = 6
    GUARDED = 7
    UNKNOWN = 8
    PARTLY_FAILED = 9
    POLICY_BROKEN = 10
    INTERRUPTED = 130


class Stop(Exception):  # noqa: N818 - it ends a command, and is no error of the library
    """Ends a command with a status and a sentence."""

    def __init__(self, status: Exit, sentence: str = "") -> None:
        super().__init__(sentence)
        self.status = status


# The first class that fits counts.
_BY_ERROR: tuple[tuple[type[Exception], Exit], ...] = (
    (ConfigurationError, Exit.WRONG_USE),
    (NotFoundError, Exit.NOT_FOUND),
    (SnapshotVanishedError, Exit.NOT_FOUND),
    (AuthenticationError, Exit.REFUSED_TOKEN),
    (PermissionDeniedError, Exit.REFUSED_TOKEN),
    (SnapshotFailedError, Exit.FAILED),
    (InstanceFailedError, Exit.FAILED),
    (WaitTimeoutError, Exit.TIMED_OUT),
    (SnapshotNotCompleteError, Exit.GUARDED),
    (OutcomeUnknownError, Exit.UNKNOWN),
    (CivoSnapshotsError, Exit.OTHER),
    # Wrong use of the library is wrong use of the command: both name the argument and the rule.
    (ValueError, Exit.WRONG_USE),
    (TypeError, Exit.WRONG_USE),
    (OSError, Exit.OTHER),
)


def status_of(error: Exception) -> Exit | None:
    """Return what an error exits with; `None` for a bug, which is to be seen as one."""
    if isinstance(error, Stop):
        return error.status

    return next((status for kind, status in _BY_ERROR if isinstance(error, kind)), None)


def sentence_of(error: Exception) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split())
