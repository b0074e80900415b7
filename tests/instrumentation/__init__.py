"""Tools that trace every aiohttp session of a program: none, or OpenTelemetry's, or Sentry's.

`pytest --instrument opentelemetry` switches one on for the whole run, and runs what must hold under
it: each test that keeps a promise of docs/explanation/reliability.md.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import attrs
import pytest

_PROMISES = Path(__file__).parents[2] / "docs" / "explanation" / "reliability.md"
# All of it keeps promises, whether the page names the very test or not.
_WHOLE_FILES = {"test_instrumented.py", "test_instrumented_aiohttp.py", "test_reliability.py"}


@attrs.define
class Trace:
    """What a tool has recorded: complete when the block that traces is over."""

    methods: list[str] = attrs.field(factory=list[str])
    """The HTTP method of each client span, in order."""
    text: str = ""
    """All that was recorded, written out."""


class Tool(Protocol):
    """One of them, switched on."""

    def tracing(self) -> AbstractContextManager[Trace]:
        """Record what is requested inside."""
        ...

    def switched_off(self) -> AbstractContextManager[None]:
        """Leave aiohttp as it is, while inside."""
        ...


class OurOwn:
    """Does to aiohttp what they do, where none of them is installed."""

    def switched_off(self) -> AbstractContextManager[None]:
        """Do nothing: it is off."""
        return nullcontext()

    @contextmanager
    def tracing(self) -> Iterator[Trace]:
        """Add a trace to every session that is made inside."""
        trace = Trace()
        original = aiohttp.ClientSession.__init__

        async def start(_: aiohttp.ClientSession, __: SimpleNamespace, params: Any) -> None:
            trace.methods.append(params.method)
            trace.text += f"{params.url} {params.headers}"

        def init(session: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
            config = aiohttp.TraceConfig()
            config.on_request_start.append(start)
            options["trace_configs"] = [*(options.get("trace_configs") or ()), config]
            original(session, *args, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aiohttp.ClientSession, "__init__", init)
            yield trace


_TOOL = pytest.StashKey[Tool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one of them be named."""
    parser.addoption(
        "--instrument",
        choices=("opentelemetry", "sentry"),
        help="run the tests that keep a promise, with every aiohttp session traced by this tool",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Switch it on, before anything is made."""
    name = config.getoption("--instrument")
    config.stash[_TOOL] = (
        importlib.import_module(f"{__name__}.{name}").switched_on() if name else OurOwn()
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that keep a promise."""
    if not config.getoption("--instrument"):
        return
    named = set(re.findall(r"`(tests/\w+\.py::[\w:]+)` \|$", _PROMISES.read_text(), re.MULTILINE))
    others = [
        item
        for item in items
        if item.path.name not in _WHOLE_FILES and item.nodeid.partition("[")[0] not in named
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.fixture
def tracing(pytestconfig: pytest.Config) -> Callable[[], AbstractContextManager[Trace]]:
    """Return what records the requests that are made inside of it."""
    return pytestconfig.stash[_TOOL].tracing


def switched_off(config: pytest.Config) -> AbstractContextManager[None]:
    """Switch off what traces the whole run, while inside."""
    return config.stash[_TOOL].switched_off()
