"""Civo's own examples, run as they are printed on its page "Instance snapshots"."""

# ruff: noqa: E501 - the lines are the page's

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio

from civo_snapshots_async.testing import FakeCivo, FakeClock

# As printed, but for the path of the first: the page posts a create to the instance itself.
CREATE = r"""
curl -H "Authorization: bearer 12345" https://api.civo.com/v2/instances/abc123-456789/snapshots?region=myregion \
  -d "name=instance-snapshot-name"
"""
LIST = r"""
curl -H "Authorization: bearer 12345" https://api.civo.com/v2/instances/abc123-45678/snapshots?region=myregion
"""
GET = r"""
curl -H "Authorization: bearer 12345" https://api.civo.com/v2/instances/abc123-456789/snapshots/xyz312-776555?region=myregion
"""
UPDATE = r"""
curl -X PUT -H "Authorization: bearer 12345" https://api.civo.com/v2/instances/abc123-45678/snapshots/xyz312-776555?region=myregion \
  -d "name=instance-snapshot-something-here"
"""
RESTORE = r"""
curl -H "Authorization: bearer 12345" https://api.civo.com/v2/instances/abc123-456789/snapshots/xyz312-776555/restore?region=myregion \
  -d "hostname=my-new-instance-hostname&overwrite_existing=false"
"""
DELETE = r"""
curl -H "Authorization: bearer 12345" \
  -X DELETE https://api.civo.com/v2/instances/abc123-45678/snapshots/xyz-312-776555?region=myregion
"""


@pytest_asyncio.fixture
async def page(fake_clock: FakeClock) -> AsyncIterator[FakeCivo]:
    """Run a FakeCivo that holds what the page's examples name."""
    async with FakeCivo(token="12345", region="myregion", clock=fake_clock) as civo:
        civo.add_instance("abc123-456789")
        civo.add_instance("abc123-45678")
        civo.add_snapshot("abc123-456789", "xyz312-776555")
        civo.add_snapshot("abc123-45678", "xyz312-776555")
        civo.add_snapshot("abc123-45678", "xyz-312-776555")
        yield civo


async def run(example: str, civo: FakeCivo) -> tuple[int, Any]:
    """Run an example with the host changed; return the status and the document."""
    curl = shutil.which("curl")
    assert curl is not None, "these tests run the page's examples with curl: please install it"
    line = example.replace("\\\n", " ").replace("https://api.civo.com", civo.api_url)
    # Neither a proxy of the environment nor a ~/.curlrc is used.
    added = ("-q", "--silent", "--show-error", "--write-out", "\n%{http_code}")
    process = await asyncio.create_subprocess_exec(
        *(curl, *added, *shlex.split(line)[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    printed, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    document, _, status = printed.decode().rpartition("\n")

    return int(status), json.loads(document)


async def test_creating(page: FakeCivo) -> None:
    """The create example makes a snapshot of that name."""
    status, document = await run(CREATE, page)

    assert (status, document["name"]) == (201, "instance-snapshot-name")
    assert page.snapshot("abc123-456789", "instance-snapshot-name").id == document["id"]


async def test_creating_at_the_path_as_printed(page: FakeCivo) -> None:
    """The path that the page really prints is no create, and makes nothing."""
    status, document = await run(CREATE.replace("/snapshots?", "?"), page)

    assert (status, document["code"]) == (404, "route_not_found")
    assert len(page.snapshots("abc123-456789")) == 1


async def test_listing(page: FakeCivo) -> None:
    """The list example lists both snapshots."""
    status, document = await run(LIST, page)

    assert status == 200
    assert [item["id"] for item in document] == ["xyz-312-776555", "xyz312-776555"]


async def test_getting(page: FakeCivo) -> None:
    """The get example gets the snapshot."""
    status, document = await run(GET, page)

    assert (status, document["id"]) == (200, "xyz312-776555")


async def test_updating(page: FakeCivo) -> None:
    """The update example renames the snapshot."""
    status, document = await run(UPDATE, page)

    assert (status, document["name"]) == (200, "instance-snapshot-something-here")
    assert page.snapshot("abc123-45678", "xyz312-776555").name == document["name"]


async def test_restoring(page: FakeCivo) -> None:
    """The restore example makes an instance of that name."""
    status, document = await run(RESTORE, page)

    assert (status, document["overwrite_existing"]) == (201, False)
    assert page.instance("my-new-instance-hostname").status == "BUILDING"


async def test_deleting(page: FakeCivo) -> None:
    """The delete example deletes the snapshot."""
    status, _ = await run(DELETE, page)

    assert status == 200
    assert [snapshot.id for snapshot in page.snapshots("abc123-45678")] == ["xyz312-776555"]


async def test_the_node_update(page: FakeCivo) -> None:
    """The Node example of an update sends no body at all: a 200 that changes nothing."""
    url = f"{page.api_url}/v2/instances/abc123-45678/snapshots/xyz-312-776555?region=myregion"
    before = page.snapshot("abc123-45678", "xyz-312-776555").name

    # Node's `request.put(url, {"name": …})` takes the object for its options and sends this.
    headers = {"Authorization": "Bearer 12345", "Content-Length": "0"}
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, headers=headers, skip_auto_headers=["Content-Type"]) as response,
    ):
        document = await response.json()

    assert (response.status, document["name"]) == (200, before)
    assert page.requests[0].body == b""
    assert "Content-Type" not in page.requests[0].headers


async def test_the_ruby_update(page: FakeCivo) -> None:
    """The Ruby example of an update sends a form, as text."""
    url = f"{page.api_url}/v2/instances/abc123-45678/snapshots/xyz-312-776555?region=myregion"
    headers = {
        "Authorization": "bearer 12345",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    async with (
        aiohttp.ClientSession() as session,
        session.put(url, data="name=instance-snapshot-something-here", headers=headers) as response,
    ):
        document = await response.json()

    assert (response.status, document["name"]) == (200, "instance-snapshot-something-here")
