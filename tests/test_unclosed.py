"""A session that is forgotten warns in its own name, once."""

import asyncio
import gc
import subprocess
import sys
import warnings
from pathlib import Path

import aiohttp
import pytest

from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.testing import FakeCivo, FakeClock

MAKING = "        forgotten = SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url)"
MESSAGE = "SnapshotSession was not closed: use it in `async with`, or await its aclose()"
PROGRAM = f"""
import asyncio
from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.testing import FakeCivo


async def main():
    async with FakeCivo() as civo:
        civo.add_instance("web-1")
{MAKING}
        await forgotten.list_snapshots("web-1")
        await forgotten.create_snapshot("web-1")


asyncio.run(main())
"""


async def used_session(
    civo: FakeCivo, http_session: aiohttp.ClientSession | None = None
) -> SnapshotSession:
    """Make a session, and open all that one opens."""
    session = SnapshotSession(
        civo.token,
        region="FAKE1",
        api_url=civo.api_url,
        http_session=http_session,
        clock=FakeClock(),
    )
    await session.list_snapshots("web-1")
    await session.create_snapshot("web-1")

    return session


async def use_and_forget(
    civo: FakeCivo, http_session: aiohttp.ClientSession | None = None
) -> list[warnings.WarningMessage]:
    """Use a session, forget to close it, and return what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = await used_session(civo, http_session)
        del session

    return caught


async def test_it_warns_once_in_its_own_name(civo: FakeCivo) -> None:
    """And not once more for each session and pool of aiohttp's that it had opened."""
    caught = await use_and_forget(civo)

    assert [(each.category, str(each.message)) for each in caught] == [(ResourceWarning, MESSAGE)]
    assert isinstance(caught[0].source, SnapshotSession)


async def test_a_given_session_stays_open(civo: FakeCivo) -> None:
    """It is not ours to close."""
    async with aiohttp.ClientSession() as mine:
        caught = await use_and_forget(civo, mine)

        assert [str(each.message) for each in caught] == [MESSAGE]
        assert not mine.closed
        async with mine.get(civo.api_url) as response:
            assert response.status == 404


async def test_freed_in_another_thread_it_is_closed_in_its_own(civo: FakeCivo) -> None:
    """The collector runs in any thread; a loop is touched in its own alone."""
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 60
    loop.set_debug(enabled=True)
    held = [await used_session(civo)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await asyncio.to_thread(held.clear)

    assert [str(each.message) for each in caught] == [MESSAGE]


def test_freed_while_its_loop_stands_still_it_starts_nothing() -> None:
    """A task that no loop runs would be destroyed while it is pending."""
    civo = FakeCivo()
    civo.add_instance("web-1")
    with asyncio.Runner() as runner:
        runner.run(civo.__aenter__())
        held = [runner.run(used_session(civo))]
        with pytest.warns(ResourceWarning, match="SnapshotSession was not closed"):
            held.clear()

        left = asyncio.all_tasks(runner.get_loop())
        runner.run(civo.__aexit__(None, None, None))

    assert [task for task in left if "close" in repr(task)] == []


def test_freed_after_its_loop_it_warns_of_itself() -> None:
    """A loop that is closed can't be used."""
    held: list[SnapshotSession] = []

    async def use() -> None:
        async with FakeCivo() as civo:
            civo.add_instance("web-1")
            held.append(await used_session(civo))

    asyncio.run(use())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        held.clear()
        gc.collect()

    assert [str(each.message) for each in caught] == [MESSAGE]


async def test_closed_but_canceled_at_it_nothing_stays_open(civo: FakeCivo) -> None:
    """A canceled close has closed it all the same."""
    session = await used_session(civo)
    closing = asyncio.ensure_future(session.aclose())
    await asyncio.sleep(0)

    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del session
        gc.collect()


async def test_one_that_was_never_used_needs_no_closing() -> None:
    """It has opened nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SnapshotSession("12345", region="LON1")
        gc.collect()


async def test_one_that_was_refused_needs_no_closing() -> None:
    """It was never made."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="region must be"):
            SnapshotSession("12345", region="..")
        gc.collect()


def test_names_where_it_was_made(tmp_path: Path) -> None:
    """In Python's development mode, when all ends, by file and line, without aiohttp's words."""
    program = tmp_path / "forgetful.py"
    program.write_text(PROGRAM)

    done = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-X", "dev", str(program)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )

    line = PROGRAM.splitlines().index(MAKING) + 1
    assert f"{program}:{line}: ResourceWarning: {MESSAGE}" in done.stderr
    assert MAKING.strip() in done.stderr
    assert "Unclosed" not in done.stderr


async def test_names_where_it_was_made_of_the_environment(
    civo: FakeCivo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's line, and not one of this library."""
    monkeypatch.setenv("CIVO_TOKEN", civo.token)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = SnapshotSession.from_env(region="FAKE1", api_url=civo.api_url)
        await session.list_snapshots("web-1")
        del session

    assert [each.filename for each in caught] == [__file__]
