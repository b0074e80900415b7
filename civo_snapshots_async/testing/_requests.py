"""A request as FakeCivo got it."""

from collections.abc import Mapping

import attrs

from ._routes import Kind
from .faults import Fault

__all__ = ["RecordedRequest"]


@attrs.frozen(kw_only=True, eq=False)
class RecordedRequest:
    """One request that reached FakeCivo, whether it was refused or not.

    `path` is as it was on the wire, still percent-encoded and without the query;
    `instance_id` and `snapshot_id` are its decoded parts, None where it has none.
    `headers` are looked up in any case, `Authorization` is among them. `body` is as it was
    on the wire; `fields` is what it says, from JSON or form, and empty if it cannot be read.
    `at` is the moment on FakeCivo's clock, in seconds. `connection` is the number of the TCP
    connection that it came on, from 1 on: requests on the same one have the same number.
    `fault` is what it met, None if all went well.
    """

    kind: Kind
    method: str
    path: str
    instance_id: str | None
    snapshot_id: str | None
    query: Mapping[str, str]
    # Not shown: a failed assertion would print the token.
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes
    fields: Mapping[str, object]
    at: float
    connection: int
    fault: Fault | None = None
