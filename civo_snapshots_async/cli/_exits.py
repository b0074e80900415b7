"""The exit statuses of the command, and how an error becomes one of them and a sentence.

0  done                    5  failed                      9  part of a batch failed
1  any other error         6  timed out                  10  the policy is broken (audit)
2  wrong use               7  stopped by a guard        130  interrupted
3  not found               8  the outcome is unknown
4  rejected token

After 6 and 130, the snapshot continues at Civo.
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
    RestoreAlreadyAppliedError,
    RestorePlanChangedError,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotVanishedError,
    UndoRefusedError,
    WaitTimeoutError,
)


class Exit(IntEnum):
    """The exit statuses of the command."""

    DONE = 0
    OTHER = 1
    WRONG_USE = 2
    NOT_FOUND = 3
    REJECTED_TOKEN = 4
    FAILED = 5
    TIMED_OUT = 6
    GUARDED = 7
    UNKNOWN = 8
    PARTLY_FAILED = 9
    POLICY_BROKEN = 10
    INTERRUPTED = 130


class Stop(Exception):  # noqa: N818 - it ends a command, and is no error of the library
    """Ends a command with a status and a sentence.

    `again` is the option with which the same command continues; the command is printed, to copy.
    """

    def __init__(self, status: Exit, sentence: str = "", *, again: str | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.again = again


# The first matching class counts.
_BY_ERROR: tuple[tuple[type[Exception], Exit], ...] = (
    (ConfigurationError, Exit.WRONG_USE),
    (NotFoundError, Exit.NOT_FOUND),
    (SnapshotVanishedError, Exit.NOT_FOUND),
    (AuthenticationError, Exit.REJECTED_TOKEN),
    (PermissionDeniedError, Exit.REJECTED_TOKEN),
    (SnapshotFailedError, Exit.FAILED),
    (InstanceFailedError, Exit.FAILED),
    (WaitTimeoutError, Exit.TIMED_OUT),
    (SnapshotNotCompleteError, Exit.GUARDED),
    (RestorePlanChangedError, Exit.GUARDED),
    (RestoreAlreadyAppliedError, Exit.GUARDED),
    (UndoRefusedError, Exit.GUARDED),
    (OutcomeUnknownError, Exit.UNKNOWN),
    (CivoSnapshotsError, Exit.OTHER),
    # An invalid argument of the library is one of the command.
    (ValueError, Exit.WRONG_USE),
    (TypeError, Exit.WRONG_USE),
    (OSError, Exit.OTHER),
)


def status_of(error: Exception) -> Exit | None:
    """Return the exit status of an error; `None` for a bug, which gets a traceback."""
    if isinstance(error, Stop):
        return error.status

    return next((status for kind, status in _BY_ERROR if isinstance(error, kind)), None)


def sentence_of(error: Exception) -> str:
    """Return the text of an error on one line."""
    return " ".join(str(error).split())
