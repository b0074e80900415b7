"""The seam to the network: requests and responses as values, and what a transport is."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Generic, Literal, Protocol, TypeVar

import attrs

from .._attempts import Attempt

T_co = TypeVar("T_co", covariant=True)

_NONE: Mapping[str, str] = MappingProxyType({})
# Where each hundred of statuses begins.
_SUCCESSES, _REDIRECTS, _ERRORS = 200, 300, 400


class RetrySafety(Enum):
    """When a request may be retried after a transient error."""

    ALWAYS = "it does the same however often it arrives"
    IF_REQUESTED = "it does the same, unless somebody else changed it in between"
    IF_UNSENT_OR_LIMITED = "it must not arrive twice, and a 429 says that it did not"
    IF_UNSENT = "it must not arrive twice"
    NEVER = "it destroys something"


# Values, although they are not frozen: each call makes one of each, and attrs takes twice as long
# to set the fields of a frozen class.
@attrs.define(kw_only=True)
class Request(Generic[T_co]):
    """One documented call, before it is sent; its response becomes a `returns`."""

    call: str
    """The session's method that it is for, such as `get_snapshot`."""
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Percent-encoded, from `/v2` on, without the query."""
    region: str
    returns: type[T_co]
    query: Mapping[str, str] = _NONE
    """What the query says besides the region; nothing in it needs percent-encoding."""
    fields: Mapping[str, str | bool] | None = None
    """What the body says; `None` for no body at all, an empty mapping for an empty object."""
    retry_safety: RetrySafety = RetrySafety.ALWAYS
    instance_id: str
    snapshot_id: str = ""
    """As it was given, which may be its name; empty where the call is about no one snapshot."""
    snapshot_name: str = ""
    """The snapshot's name, where it is known."""
    expected: frozenset[str] = frozenset()
    """The ids and names that the response may bear; empty where any will do."""
    known: Mapping[str, str] = _NONE
    """What stands for fields that the response may leave out, as it was requested."""
    max_body: int = 256 * 1024
    """In bytes: a longer response is not read to its end."""


class Headers(Protocol):
    """The headers of a response: a dictionary, or what masks those that are taken from it."""

    def get(self, name: str, default: str, /) -> str:
        """Return the value of a header."""
        ...


@attrs.define(kw_only=True)
class Response:
    """A complete response: whatever its status, nothing has been judged yet."""

    status: int
    headers: Headers = _NONE
    """With names in lower case, or in any where the mapping does not care."""
    body: bytes = b""
    is_cut: bool = False
    """Whether the body was longer than `Request.max_body`, and only its beginning is here."""
    arrived_at: float = 0.0
    """When its head arrived, on the session's clock."""
    received_at: datetime | None = None
    """The same as a date, for an error response, whose `Retry-After` may be a date as well."""
    attempts: tuple[Attempt, ...] = ()
    """All attempts, the one that got this response included, where there was more than one."""

    @property
    def is_success(self) -> bool:
        """Whether the status is any 2xx."""
        return _SUCCESSES <= self.status < _REDIRECTS

    @property
    def is_redirect(self) -> bool:
        """Whether the status is any 3xx."""
        return _REDIRECTS <= self.status < _ERRORS


def is_2xx(status: int) -> bool:
    """Tell whether a status is success: Civo documents 200 and 201, and any 2xx will do."""
    return _SUCCESSES <= status < _REDIRECTS


class Transport(Protocol):
    """What sends a request to Civo and returns the response."""

    async def send(self, request: Request[object], *, limit: float) -> Response:
        """Send it, in at most `limit` seconds; raise `TransportError` for no complete response."""
        ...


class QueueingTransport(Protocol):
    """A transport with a queue, which can leave the wait in it out of the limit."""

    async def send(
        self, request: Request[object], *, limit: float, counts_queue: bool = True
    ) -> Response:
        """Send it; with `counts_queue=False` the `limit` begins when its slot is free."""
        ...

    async def aclose(self) -> None:
        """Close what it has opened."""
        ...

    def abandon(self) -> bool:
        """Drop what it has opened and not closed; tell whether there was any."""
        ...
