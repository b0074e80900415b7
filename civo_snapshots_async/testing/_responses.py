"""A response as a value, and as the bytes that it is on the wire."""

import json
from collections.abc import Iterable, Iterator
from http.client import responses
from typing import TypeAlias

import attrs

__all__ = ["Headers", "Response", "json_response"]

Headers: TypeAlias = tuple[tuple[str, str], ...]

_WITHOUT_BODY = {204, 304}


@attrs.frozen
class Response:
    """A response to the client."""

    status: int
    body: bytes
    headers: Headers

    def encoded(self, date: str) -> bytes:
        """Return all of it as it is on the wire."""
        return self.head(date) + (b"" if self.status in _WITHOUT_BODY else self.body)

    def head(self, date: str) -> bytes:
        """Return what comes before the body; its own headers replace those that are added here."""
        own = {name.lower() for name, _ in self.headers}
        added = [(name, value) for name, value in self._added(date, own) if name.lower() not in own]
        lines = [f"{name}: {value}\r\n" for name, value in (*added, *self.headers)]
        status_line = f"HTTP/1.1 {self.status} {responses.get(self.status, '')}\r\n"

        return f"{status_line}{''.join(lines)}\r\n".encode(errors="surrogatepass")

    def _added(self, date: str, own: set[str]) -> Iterator[tuple[str, str]]:
        yield "Date", date
        if self.status not in _WITHOUT_BODY and "transfer-encoding" not in own:
            yield "Content-Length", str(len(self.body))


def json_response(
    status: int, document: object, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """Return a response with a JSON document as its body."""
    return Response(
        status, json.dumps(document).encode(), (("Content-Type", "application/json"), *headers)
    )
