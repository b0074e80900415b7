"""Scopes of running tasks: closing a session ends what runs in its scope."""

import asyncio
from types import TracebackType

from .._errors import SessionClosedError


class CancelScope:
    """Cancels the task inside it, and distinguishes its own cancellation from any other.

    It does what `asyncio.timeout` does, without a timer: a call is inside two of them, and
    `asyncio.timeout` would be a tenth of its CPU.
    """

    __slots__ = ("_cancellations", "_is_cut", "_task")

    def enter(self) -> None:
        """Enter the scope, as the running task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call must be made in a task")
        self._task: asyncio.Task[object] | None = task
        self._cancellations = task.cancelling()
        self._is_cut = False

    def cancel(self) -> bool:
        """Cancel the task, unless it has left; return whether it was inside."""
        if self._task is None:
            return False
        self._is_cut = True
        self._task.cancel()

        return True

    def leave(self, kind: type[BaseException] | None) -> bool:
        """Leave the scope; return whether the task raises because of `cancel` alone."""
        task, self._task = self._task, None
        if not self._is_cut or task is None:
            return False
        is_ours_alone = task.uncancel() <= self._cancellations

        return is_ours_alone and kind is asyncio.CancelledError


class Scope:
    """Ends with `SessionClosedError` what runs inside it when it is over."""

    def __init__(self) -> None:
        self.running: set[_Inside] = set()
        self.is_over = False

    def inside(self) -> "_Inside":
        """Return a context manager: what runs inside it is ended by `end`."""
        return _Inside(self)

    def end(self) -> None:
        """End all that runs inside."""
        self.is_over = True
        running, self.running = self.running, set()
        for inside in running:
            inside.cancel()


class _Inside(CancelScope):
    """A running task in a scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __aenter__(self) -> None:
        if self._scope.is_over:
            raise SessionClosedError("the session is closed: make a new one")
        self.enter()
        self._scope.running.add(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._scope.running.discard(self)
        if self.leave(kind):
            closed = SessionClosedError(
                "the session was closed while this call ran; what it requested may still be done"
            )
            closed.may_have_arrived = True
            # Not the cancellation: nobody has canceled this task.
            raise closed from None
