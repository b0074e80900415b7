"""A way to talk to FakeCivo with nothing but aiohttp."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import attrs

from civo_snapshots_async.testing import FakeCivo


@attrs.frozen
class Reply:
    """A status and the document that came with it."""

    status: int
    document: Any
    headers: Mapping[str, str] = attrs.field(repr=False, eq=False)

    @property
    def error(self) -> tuple[int, str]:
        """The status and the code of an error response."""
        return self.status, self.document["code"]


@attrs.frozen
class Caller:
    """Sends one request below `/v2/instances`, by default with token and region."""

    civo: FakeCivo
    session: aiohttp.ClientSession

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        region: str | None = "FAKE1",
        authorization: str | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Reply:
        """Send it and read the response."""
        bearer = f"bearer {self.civo.token}" if authorization is None else authorization
        async with self.session.request(
            method,
            f"{self.civo.api_url}/v2/instances/{path}",
            params={} if region is None else {"region": region},
            headers={"Authorization": bearer, **(headers or {})},
            **body,
        ) as response:
            return Reply(response.status, await response.json(), response.headers)
