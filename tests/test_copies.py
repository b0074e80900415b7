"""An error for each of several waits: each owns what it raises."""

import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import civo_snapshots_async
from civo_snapshots_async import (
    AmbiguousInstanceError,
    ApiError,
    AuditViolation,
    AuditViolationError,
    CivoSnapshotsError,
    ConfigurationError,
    DecodeError,
    DrillFailedError,
    Instance,
    InstanceFailedError,
    OutcomeUnknownError,
    RestoreAlreadyAppliedError,
    RestorePlanChangedError,
    SessionClosedError,
    SnapshotNotCompleteError,
    TransportError,
    UndoRefusedError,
    WaitError,
)
from civo_snapshots_async._waits.copies import copied

from .make import make_snapshot

SENT: dict[str, Any] = {"method": "GET", "path": "/v2"}
WAITED: dict[str, Any] = {"instance_id": "web-1", "snapshot_id": "snap-1"}
PLANNED: dict[str, Any] = {"instance_id": "web-1", "fingerprint": "7f3a"}
INSTANCE = Instance(id="web-1", hostname="web-1", status="ERROR")
# What each kind of error is made with, that of the nearest class above it.
ARGUMENTS: dict[type[CivoSnapshotsError], dict[str, Any]] = {
    CivoSnapshotsError: {},
    ConfigurationError: {},
    SessionClosedError: {},
    TransportError: SENT,
    ApiError: {**SENT, "status": 429, "retry_after": 3.0, "code": "some_code"},
    DecodeError: {**SENT, "status": 200, "problems": ("id: missing",)},
    OutcomeUnknownError: {
        "action": "create_snapshot", "instance_id": "web-1", "region": "FAKE1", "requested": {},
    },
    SnapshotNotCompleteError: {**WAITED, "snapshot": make_snapshot()},
    AuditViolationError: {
        "violations": (AuditViolation(kind="too_old", reason="old", instance_id="web-1"),),
    },
    RestorePlanChangedError: {**PLANNED, "differences": ("it is gone",)},
    RestoreAlreadyAppliedError: {**PLANNED, "safety_snapshots": (make_snapshot(),)},
    UndoRefusedError: PLANNED,
    DrillFailedError: {"instance_id": "web-1", "reason": "no row"},
    WaitError: {**WAITED, "polls": 3},
    InstanceFailedError: {
        "instance_id": "web-1", "instance": INSTANCE, "polls": 3, "elapsed": 1.0,
    },
    AmbiguousInstanceError: {**WAITED, "instances": (INSTANCE,)},
}  # fmt: skip


class OfAUserError(TransportError):
    """An error of a user, with an `__init__` of its own."""

    def __init__(self, host: str, *, port: int) -> None:
        super().__init__(f"{host} is down", **SENT)
        self.port = port


class OddError(Exception):
    """One that can't be made of its own arguments."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")


class WrongError(Exception):
    """One that has another text when it is made of its own arguments."""

    def __init__(self, code: object) -> None:
        super().__init__(f"code {code}")


def kinds(kind: type[CivoSnapshotsError] = CivoSnapshotsError) -> Iterator[type[Any]]:
    """Go through the tree of our public errors."""
    yield kind
    for below in kind.__subclasses__():
        if below.__name__ in civo_snapshots_async.__all__:
            yield from kinds(below)


def made(kind: type[Any]) -> CivoSnapshotsError:
    """Make an error of a kind."""
    nearest = next(each for each in kind.__mro__ if each in ARGUMENTS)
    error: CivoSnapshotsError = kind("no", **ARGUMENTS[nearest])
    return error


every_error = pytest.mark.parametrize(
    "error",
    [
        *map(made, kinds()),
        OfAUserError("api.civo.com", port=443),
        KeyError("bug"),
        OSError(2, "no such file", "a.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ExceptionGroup("several", [ValueError("one")]),
    ],
    ids=lambda error: type(error).__name__,
)


@every_error
def test_a_copy_has_the_same_text(error: Exception) -> None:
    """It is of the same class, with the same values."""
    own = copied(error)

    assert own is not error
    assert (type(own), str(own), own.args) == (type(error), str(error), error.args)
    assert vars(own) == vars(error)


@every_error
def test_one_wait_does_not_see_what_another_adds(error: Exception) -> None:
    """Neither a note, nor a cause, nor where it was raised."""
    one, other = copied(error), copied(error)

    with pytest.raises(type(error)) as caught:
        raise one from KeyError("cause")
    one.add_note("of one wait")

    assert caught.value is one
    for each in (other, error):
        assert (each.__cause__, each.__traceback__) == (None, None)
        assert not hasattr(each, "__notes__")


def test_a_copy_keeps_its_cause_its_context_and_its_notes() -> None:
    """And does not share the list of these."""
    error = made(TransportError)
    error.__cause__, error.__context__ = OSError("cause"), KeyError("context")
    error.add_note("first")

    own = copied(error)
    own.add_note("second")

    assert (own.__cause__, own.__context__) == (error.__cause__, error.__context__)
    assert own.__suppress_context__
    assert (error.__notes__, own.__notes__) == (["first"], ["first", "second"])


def test_a_context_that_is_shown_is_shown() -> None:
    """A copy suppresses it only where the error does."""
    error = made(TransportError)
    error.__context__ = KeyError("context")

    assert not copied(error).__suppress_context__


def test_a_copy_shows_where_it_was_raised() -> None:
    """For a bug, nothing else helps."""
    with pytest.raises(KeyError) as caught:
        dict[str, int]()["bug"]

    shown = "".join(traceback.format_exception(copied(caught.value)))

    assert "test_copies.py" in shown


def test_the_context_of_a_wait_is_its_own() -> None:
    """The context in words, and the last snapshot."""
    error = made(TransportError)
    one, other = copied(error), copied(error)
    assert isinstance(one, CivoSnapshotsError)
    assert isinstance(other, CivoSnapshotsError)

    one.add_context("while waiting")
    one.snapshot = make_snapshot()

    assert (other.context, other.snapshot) == ((), None)


@pytest.mark.parametrize("error", [OddError(code=5), WrongError(5)], ids=["odd", "wrong"])
def test_an_error_that_cannot_be_copied_is_shared(error: Exception) -> None:
    """Better one error for several waits than none, or another one."""
    assert copied(error) is error
