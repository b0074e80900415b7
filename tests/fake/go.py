"""What Civo's official Go client puts on the wire, and what it makes of a response.

Taken from its sources, github.com/civo/civogo, and from those of Go's net/http and encoding/json,
as there is no Go on the machines that these tests run on.
"""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

import attrs

from civo_snapshots_async.testing import FakeCivo

from .wire import connected

Shape: TypeAlias = Any
"""A struct of Go's as a dict, a slice as a list of one shape, anything else as a type."""

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@attrs.frozen
class GoError(Exception):
    """A status of 300 or more, as the client hands it to its caller."""

    status: int
    body: bytes = attrs.field(repr=False)

    @property
    def text(self) -> str:
        """What its `decodeError` makes of the body, before it is named after the code."""
        document = json.loads(self.body)
        if document.get("result") == "requires_authentication":
            return "authentication Error"
        return ", ".join(document[key] for key in ("reason", "details") if key in document)

    @property
    def code(self) -> str:
        """The code by which it is named."""
        return str(json.loads(self.body).get("code", ""))


@attrs.frozen
class GoClient:
    """civogo's `Client`: a token, a region, a base URL, a User-Agent."""

    civo: FakeCivo
    region: str = "FAKE1"
    user_agent: str = "civogo/dev"
    token: str | None = attrs.field(default=None, repr=False)

    async def send(self, method: str, path: str, body: bytes | None = None, **query: object) -> Any:
        """Send a request, on a connection of its own as there; return the document."""
        async with connected(self.civo) as wire:
            request = self.written(method, path, body, **query)
            await asyncio.get_running_loop().sock_sendall(wire.socket, request)
            head, content = await wire.response()
        status = int(head.split(b" ")[1])
        if status >= 300:
            raise GoError(status, content)
        return json.loads(content)

    def written(self, method: str, path: str, body: bytes | None = None, **query: object) -> bytes:
        """Return the bytes of a request, each header where Go puts it."""
        parameters = urlencode(sorted({**query, "region": self.region}.items()))
        length = [] if body is None else [f"Content-Length: {len(body)}"]
        lines = [
            f"{method} {path}?{parameters} HTTP/1.1",
            f"Host: {urlsplit(self.civo.api_url).netloc}",
            f"User-Agent: {self.user_agent}",
            *length,
            "Accept: application/json",
            f"Authorization: bearer {self.civo.token if self.token is None else self.token}",
            # On each request, and never true.
            "Content-Encoding: gzip",
            "Content-Type: application/json",
            "Accept-Encoding: gzip",
        ]

        return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + (body or b"")


def decoded(document: object, shape: Shape) -> Any:
    """Return what encoding/json makes of a document: a value of another type is an error.

    Fields that the shape does not have are dropped; what is missing or null is Go's zero value.
    """
    if isinstance(shape, dict):
        fields = {} if document is None else document
        assert isinstance(fields, dict), f"cannot unmarshal {document!r} into a struct"
        return {name: decoded(fields.get(name), each) for name, each in shape.items()}
    if isinstance(shape, list):
        items = [] if document is None else document
        assert isinstance(items, list), f"cannot unmarshal {document!r} into a slice"
        return [decoded(item, shape[0]) for item in items]
    if document is None:
        return ZERO_TIME if shape is datetime else shape()
    if shape is datetime:
        assert isinstance(document, str), f"cannot unmarshal {document!r} into a time"
        assert RFC_3339.fullmatch(document), f"cannot parse {document!r} as a time"
        return datetime.fromisoformat(document)
    assert type(document) is shape, f"cannot unmarshal {document!r} into {shape.__name__}"
    return document
