"""What a client has to do to be compared."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import attrs

Call = Callable[[], Awaitable[object]]
CallOf = Callable[[int], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Client:
    """One client, opened, with each thing that it can do as a function.

    What is `None` is not there: not every API has such a thing.
    """

    get: Call | None = None
    """Get one snapshot, or whatever this API has that is most like one."""
    get_beside_others: Call | None = None
    """The same for many callers at once, where `get` would block the event loop."""
    list_of: CallOf | None = None
    """List so many of them with one request."""
    poll: CallOf | None = None
    """Wait for one that is complete after so many polls."""
    wait: Call | None = None
    """Wait, as often as its defaults say, for one that stays pending."""
    create: Call | None = None
    restore: Call | None = None
    is_peer: bool = False
    """Whether it is here to be compared with: it is measured in fewer rounds."""


Opener = Callable[[str], AbstractAsyncContextManager[Client]]
"""Open a client to the server at a URL."""
