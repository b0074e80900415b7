"""The one seam to the network: a request and a response as values, and what carries them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Generic, Literal, Protocol, TypeVar

import attrs

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(kw_only=True)
class Request(Generic[T_co]):
    """One documented call, before it is sent: `returns` says what its answer becomes."""

    call: str
    """The session's method that it is for, such as `get_snapshot`."""
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Percent-encoded, from `/v2` on, without the query."""
    region: str
    returns: type[T_co]
    fields: Mapping[str, str | bool] | None = None
    """What the body says; `None` for no body at all, an empty mapping for an empty object."""
    instance_id: str
    expected: frozenset[str] = frozenset()
    """The ids and names that the answer may bear; empty where any will do."""
    longest_body: int = 256 * 1024
    """In bytes: a longer answer is not read to its end."""


@attrs.frozen(kw_only=True)
class Response:
    """A complete answer: whatever its status, nothing has been judged yet."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """With lower-case names."""
    body: bytes = b""
    is_cut: bool = False
    """Whether the body was longer than `Request.longest_body`, and only its beginning is here."""
    received_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    @property
    def is_success(self) -> bool:
        """Whether the status is any 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_redirect(self) -> bool:
        """Whether the status is any 3xx."""
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST


class Transport(Protocol):
    """Whatever can take a request to Civo and bring back the answer."""

    async def send(self, request: Request[object]) -> Response:
        """Send the request once; raise `TransportError` where no complete answer came."""
        ...
