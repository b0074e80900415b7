"""A request as FakeCivo received it."""

from collections.abc import Mapping

import attrs

from ._routes import Kind
from .faults import Fault

__all__ = ["RecordedRequest"]


@attrs.frozen(kw_only=True, eq=False)
class RecordedRequest:
    """One request that reached FakeCivo, whatever its response.

    - `path`: as it was on the wire, still percent-encoded and without the query; `instance_id` and
      `snapshot_id` are its decoded parts, `None` where it has none.
    - `headers`: by name in any case, `Authorization` among them.
    - `body`: as it was on the wire; `fields` is what it holds, from JSON or form, and empty if it
      can't be read.
    - `at`: when it arrived, in seconds of FakeCivo's clock.
    - `connection`: the number of its TCP connection, from 1; requests on the same one have the same
      number.
    - `fault`: the fault that it got, or `None`.
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
