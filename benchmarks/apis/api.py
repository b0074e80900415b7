"""How an API is written down: patterns of requests, and the bodies of the responses."""

import json
import re
from collections.abc import Callable

SNAPSHOT_ID = "5b6a8c1e-3f1d-4c8e-9d55-0a7e1c2f4b60"
INSTANCE_ID = "c9a1d2f3-7c52-4f0b-8f5e-2a6d9b1e7c44"
CREATED_AT = "2025-04-01T09:11:14Z"

Body = Callable[[re.Match[str], bool], object]
"""Return the body for a request that has matched, and whether what it is about is pending still.

Bytes are sent as they are, anything else as JSON.
"""
Routes = dict[str, Body]
"""The bodies, by the pattern of method, target and, after a space, the body if there is one."""


def compact(document: object) -> bytes:
    """Return JSON as Go's encoder writes it, without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()
