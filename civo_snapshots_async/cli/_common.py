"""The options that commands share, and what they come to."""

from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

from .. import HttpOptions, PollPolicy, SnapshotSession

Output = Literal["table", "json", "jsonl"]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Common:
    """Where to call, and how to print."""

    region: Annotated[str | None, Parameter(group="Common")] = None
    """The region's code; else CIVO_REGION, else that of the official CLI's file."""
    api_url: Annotated[str | None, Parameter(group="Common")] = None
    """Where the API is; else CIVO_API_URL, else the official CLI's file, else Civo itself."""
    output: Annotated[Output, Parameter(name=["--output", "-o"], group="Common")] = "table"
    """A table for people, one JSON document, or one JSON document a line."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", group="Common")] = False
    """Print the result alone, and no progress."""
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", group="Common")] = (
        False
    )
    """Print the library's log on stderr."""

    def session(self) -> SnapshotSession:
        """Make a session with the token of the environment or of the official CLI's file."""
        return SnapshotSession.from_env(
            region=self.region,
            api_url=self.api_url,
            http=HttpOptions(application="civo-snapshots"),
        )


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Waiting:
    """How long to wait, and how often to poll."""

    timeout: Annotated[float, Parameter(group="Waiting")] = 1800.0
    """The seconds until it gives up; 0 for never."""
    interval: Annotated[float | None, Parameter(group="Waiting")] = None
    """The seconds between two polls; else they grow from 2 to 15 with the time waited."""

    @property
    def limit(self) -> float | None:
        """The timeout, as the library takes it."""
        return self.timeout or None

    @property
    def poll(self) -> PollPolicy:
        """The intervals, as the library takes them."""
        return PollPolicy() if self.interval is None else PollPolicy(interval=self.interval)
