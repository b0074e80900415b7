"""What a session runs, so that closing it can end that."""

import asyncio
from types import TracebackType

from .._errors import SessionClosedError


class Scope:
    """Ends with `SessionClosedError` what runs inside it when it is over."""

    def __init__(self) -> None:
        self._running: set[_Inside] = set()
        self._is_over = False

    def inside(self) -> "_Inside":
        """Run what is inside until it ends, or until `end`."""
        return _Inside(self)

    def begin(self, inside: "_Inside") -> None:
        """Note that something runs."""
        if self._is_over:
            raise SessionClosedError("the session is closed: make a new one")
        self._running.add(inside)

    def leave(self, inside: "_Inside") -> None:
        """Note that it does not run any more."""
        self._running.discard(inside)

    def end(self) -> None:
        """End all that runs inside."""
        self._is_over = True
        for inside in list(self._running):
            self.leave(inside)
            inside.end()


class _Inside:
    """One thing that runs."""

    __slots__ = ("_lifetime", "_scope")

    def __init__(self, lifetime: Scope) -> None:
        self._lifetime = lifetime
        # A time-out that comes when it is told to: it knows our cancelling from others'.
        self._scope = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        self._lifetime.begin(self)
        await self._scope.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lifetime.leave(self)
        is_ended = False
        try:
            await self._scope.__aexit__(exc_type, exc, traceback)
        except TimeoutError:
            is_ended = True
        # Raised here and not above, where it would have the cancelling for its context.
        if is_ended:
            error = SessionClosedError(
                "the session was closed while this call ran; what it asked for may still be done"
            )
            error.may_have_arrived = True
            raise error

    def end(self) -> None:
        """Cancel it."""
        self._scope.reschedule(asyncio.get_running_loop().time())
