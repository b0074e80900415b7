"""The fixtures for other people's tests."""

import os
import subprocess
import sys
from pathlib import Path

from civo_snapshots_async.testing import FakeCivo, FakeClock

CONFTEST = 'pytest_plugins = ["civo_snapshots_async.testing.pytest_plugin"]\n'

TEST = """
import aiohttp
import pytest

@pytest.mark.asyncio
async def test_restores(civo, fake_clock):
    snapshot = civo.add_snapshot("web-1")
    fake_clock.advance(5)
    async with aiohttp.ClientSession() as session:
        url = f"{civo.api_url}/v2/instances/web-1/snapshots?region={civo.region}"
        headers = {"Authorization": f"bearer {civo.token}"}
        async with session.get(url, headers=headers) as answer:
            assert [item["id"] for item in await answer.json()] == [snapshot.id]
    assert civo.requests[0].at == fake_clock.now()
"""


def test_the_plugin_gives_both_fixtures(tmp_path: Path) -> None:
    """One line in a conftest is enough, with pytest-asyncio alone and in its strict mode."""
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "pytest_asyncio.plugin"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


async def test_the_civo_of_the_fixture(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """It runs, on the fixture's clock, and has the instance `web-1`."""
    fake_clock.advance(5.0)

    assert list(civo.instances) == ["web-1"]
    assert civo.add_snapshot("web-1").created == fake_clock.now()
