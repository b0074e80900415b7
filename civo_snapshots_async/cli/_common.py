"""The options that commands share, and what they mean to the library."""

import shlex
from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

from .. import HttpOptions, PollPolicy, SnapshotSession

Flag = Annotated[bool, Parameter(negative="")]
Output = Literal["table", "json", "jsonl"]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Settings:
    """The options of every command: the region, the API and how much is printed."""

    region: Annotated[str | None, Parameter(group="Common")] = None
    """The region's code; by default CIVO_REGION, then the official CLI's file."""
    api_url: Annotated[str | None, Parameter(group="Common")] = None
    """The URL of the API; by default CIVO_API_URL, then the official CLI's file, then Civo's."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", group="Common")] = False
    """Print the result only, without progress."""
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", group="Common")] = (
        False
    )
    """Print the library's log on stderr."""

    def session(self, region: str | None = None) -> SnapshotSession:
        """Create a session with the token of the environment or of the official CLI's file.

        `region` is that of a saved wait or of a plan, for which no other one is needed.
        """
        return SnapshotSession.from_env(
            region=self.region or region,
            api_url=self.api_url,
            http=HttpOptions(application="civo-snapshots"),
        )

    def line(self, *words: str, region: str) -> str:
        """Return a command to copy, for the same API."""
        url = () if self.api_url is None else ("--api-url", self.api_url)

        return shlex.join(["civo-snapshots", *words, "--region", region, *url])


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Common(Settings):
    """These, and the form of the output."""

    output: Annotated[Output, Parameter(name=["--output", "-o"], group="Common")] = "table"
    """A table for people, one JSON document, or one JSON document a line."""


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Waiting:
    """How long to wait, and how often to poll."""

    timeout: Annotated[float, Parameter(group="Waiting")] = 1800.0
    """The timeout in seconds; 0 for none."""
    interval: Annotated[float | None, Parameter(group="Waiting")] = None
    """The seconds between two polls; by default 2 to 15, growing with the time waited."""

    @property
    def limit(self) -> float | None:
        """The timeout as an argument of the library."""
        return self.timeout or None

    @property
    def poll(self) -> PollPolicy:
        """The interval as an argument of the library."""
        return PollPolicy() if self.interval is None else PollPolicy(interval=self.interval)
