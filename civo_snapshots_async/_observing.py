"""What an observer is given: when a call or a wait starts, what happens, and what came of it.

The values hold no body and no token. `_observers` calls the observers of a session.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol

import attrs

from ._events import SnapshotEvent
from ._models import Snapshot
from ._plain import Plain
from ._public import public

CallOutcome = Literal["done", "resolved", "failed", "unknown", "canceled"]
WaitOutcome = Literal["done", "failed", "timed_out", "canceled"]


@public
@attrs.frozen(kw_only=True, eq=False)
class WaitStarted(Plain):
    """A wait of a session has started. Each wait has a value of its own: it equals no other one."""

    name: str
    """The session's method: `wait_until_complete`, for resumed waits as well, or `watch`, say."""
    instance_id: str
    """The instance, as the caller named it."""
    snapshot_id: str
    """The snapshot, as the caller named it; empty for a wait for an instance."""
    region: str
    timeout: float | None
    """Seconds; `None` for a wait without a timeout."""


@public
@attrs.frozen(kw_only=True)
class WaitEnded(Plain):
    """A wait has ended."""

    outcome: WaitOutcome
    """`canceled` if its task was, if the session was closed, if a watch was left early, or if a
    resumed wait was left after `for_at_most`."""
    polls: int
    """The number of polls that it observed, failed ones and those made for other waits included."""
    requests: int
    """The number of requests that were sent for it, alone or together with other waits."""
    seconds: float
    """How long it took."""
    snapshot: Snapshot | None = None
    """The snapshot as last seen; `None` if none was seen."""
    error: str = ""
    """The class of the error that it raised, such as `WaitTimeoutError`; empty without one."""
    message: str = ""
    """The text of the error if it is one of this library; it shows no token."""


@public
@attrs.frozen(kw_only=True)
class CallStarted(Plain):
    """A request is about to be sent, with all of its retries; or a poll, which has none."""

    name: str
    """The session's method that it is for, such as `create_snapshot`; or `delete_instance`, which
    is a step of `drill`.
    """
    method: str
    """The HTTP method."""
    url: str
    """The whole URL; it holds no secret."""
    instance_id: str
    """The instance, as the caller named it; empty for what is about no one instance."""
    snapshot_id: str
    """The snapshot, as the caller named it; empty for what is about no one snapshot."""
    region: str
    is_overwrite: bool = False
    """Whether it is a restore that destroys what is on the instance."""
    waits: tuple[WaitStarted, ...] = ()
    """The waits that a poll serves; empty for any other call."""

    @property
    def is_poll(self) -> bool:
        """Whether it is a poll of one or more waits."""
        return bool(self.waits)


@public
@attrs.frozen(kw_only=True)
class CallEnded(Plain):
    """A call has ended."""

    outcome: CallOutcome
    """`resolved`: the response was lost, and what was seen later shows that it was done. `unknown`:
    a write that may have been done. `canceled`: its task was, or the session was closed."""
    attempts: int
    """The number of requests that were sent, retries included."""
    status: int | None
    """The HTTP status that the last attempt got; `None` if it got no response."""
    seconds: float
    """How long it took, backoff and what resolves it included."""
    error: str = ""
    """The class of the error that it raised, such as `ServerError`; empty without one."""
    message: str = ""
    """The text of the error if it is one of this library; it shows no token."""


WaitEvent = SnapshotEvent | WaitEnded


@public
class Observer(Protocol):
    """Follows the calls and the waits of a session, for traces or metrics: see `observers=`.

    Each method returns a context manager. It is entered at the start, and exited, always without an
    exception, at the end, in the same context: what it sets in context variables holds for what
    runs inside. It gives a function, which is called with what happens.

    All of it runs in the event loop and must not block. What it raises is logged, once for each
    observer of a session, and changes nothing else; only what is no `Exception`, such as a
    cancellation, is raised, where there is a caller to get it: not of polls and of events.
    """

    def call(
        self, started: CallStarted, /
    ) -> AbstractContextManager[Callable[[CallEnded], object]]:
        """Follow one call; the function is called once, with its end."""
        ...

    def wait(
        self, started: WaitStarted, /
    ) -> AbstractContextManager[Callable[[WaitEvent], object]]:
        """Follow one wait; the function is called with each event of it, and last with its end."""
        ...
