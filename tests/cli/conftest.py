"""A FakeCivo that the environment names, and the command as a function."""

from collections.abc import Callable, Iterator

import attrs
import pytest

from civo_snapshots_async.cli import main
from civo_snapshots_async.testing import FakeCivo, FakeClock

from ..serving import serving


@attrs.frozen(kw_only=True)
class Ended:
    """What a command came to."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock) -> Iterator[FakeCivo]:
    """Return a FakeCivo with the instance web-1, which the environment names."""
    civo = FakeCivo(clock=fake_clock)
    civo.add_instance("web-1")
    with serving(civo, monkeypatch):
        yield civo


@pytest.fixture
def run(
    time_passes_at_once: None,  # noqa: ARG001 - it gives every session the fake clock
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Return a function that runs the command, as the process would."""
    # FakeCivo runs in another thread, which a loaded machine may not run for a while.
    monkeypatch.setattr("civo_snapshots_async.testing._clock._BUSY_TURN", 0.02)

    def run_command(*arguments: str) -> Ended:
        capfd.readouterr()
        status = main(arguments)
        out, err = capfd.readouterr()

        return Ended(status=status, out=out, err=err)

    return run_command
