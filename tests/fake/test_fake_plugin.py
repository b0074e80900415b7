"""The fixtures for other people's tests."""

import os
import subprocess
import sys
from pathlib import Path

from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock, laws

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
        async with session.get(url, headers=headers) as response:
            assert [item["id"] for item in await response.json()] == [snapshot.id]
    assert civo.requests[0].at == fake_clock.now()
"""


def test_the_plugin_gives_both_fixtures(tmp_path: Path) -> None:
    """One line in a conftest is enough, with pytest-asyncio alone and in its strict mode."""
    ended = run_pytest(tmp_path, TEST)

    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout


OF_THEIR_OWN = """
import pytest
from civo_snapshots_async import SnapshotSession

pytestmark = pytest.mark.asyncio

async def back_up():
    async with SnapshotSession.from_env() as session:
        snapshot = await session.create_snapshot("web-1", name="nightly")
        return await session.wait_until_complete("web-1", snapshot)

async def test_code_that_opens_a_session(civo_env, fake_clock):
    civo_env.add_instance("web-2")
    assert (await back_up()).is_complete
    assert fake_clock.now() > 0

async def test_a_session_of_the_fixture(session, civo, fake_clock):
    await session.create_snapshot("web-1", name="nightly")
    assert session.clock is fake_clock
    assert len(civo.requests) == 1

async def test_nothing_stays():
    from civo_snapshots_async import ConfigurationError, SystemClock
    with pytest.raises(ConfigurationError):
        SnapshotSession.from_env()
    assert isinstance(SnapshotSession("token", region="LON1").clock, SystemClock)
"""


def test_code_with_a_session_of_its_own_finds_the_fake(tmp_path: Path) -> None:
    """By the environment, and on the clock of the test; afterwards nothing is left of it."""
    ended = run_pytest(tmp_path, OF_THEIR_OWN)

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


LAWFUL = """
import aiohttp
import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("civo_laws")]

async def delete(civo, name):
    async with aiohttp.ClientSession() as session:
        url = f"{civo.api_url}/v2/instances/{name}?region={civo.region}"
        await session.delete(url, headers={"Authorization": f"bearer {civo.token}"})

async def test_keeps_them(civo):
    await delete(civo, "web-9")

async def test_breaks_one(civo):
    await delete(civo, "web-1")

async def test_breaks_one_by_a_plan(civo, civo_laws):
    civo_laws.append(None)
"""


def test_the_laws_are_checked_after_a_test(tmp_path: Path) -> None:
    """A test that breaks one is an error with the sentence that says so."""
    ended = run_pytest(tmp_path, LAWFUL)

    assert ended.returncode == 1, ended.stdout
    assert "3 passed, 2 errors" in ended.stdout
    assert "LawBrokenError: instance web-1 (web-1) was deleted at 0 s" in ended.stdout
    assert "'NoneType' object has no attribute 'overwrite_existing'" in ended.stdout


def run_pytest(folder: Path, test: str) -> "subprocess.CompletedProcess[str]":
    """Run a test with the plugin, with pytest-asyncio alone and in its strict mode."""
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )

    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "pytest_asyncio.plugin"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_civo_of_the_fixture(civo: FakeCivo, fake_clock: FakeClock) -> None:
    """It runs, on the fixture's clock, and has the instance `web-1`."""
    fake_clock.advance(5.0)

    assert list(civo.instances) == ["web-1"]
    assert civo.add_snapshot("web-1").created == fake_clock.now()


async def test_the_environment_names_the_civo(civo_env: FakeCivo, fake_clock: FakeClock) -> None:
    """Three variables, and the clock."""
    async with SnapshotSession.from_env() as session:
        await session.list_snapshots("web-1")

    assert (session.api_url, session.region) == (civo_env.api_url, civo_env.region)
    assert session.clock is fake_clock
    assert len(civo_env.requests) == 1


async def test_the_laws_of_the_fixture(civo_laws: list[laws.Plan]) -> None:
    """It knows no plan until the test appends one."""
    assert civo_laws == []
