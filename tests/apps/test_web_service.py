"""The web service as a program: what it sends, what it rejects, and how it stops."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from itertools import pairwise
from typing import Any

import attrs
import httpx
import pytest

from civo_snapshots_async import SnapshotSession
from civo_snapshots_async.testing import FakeCivo, faults, scripts

from .conftest import EXAMPLES, PATIENCE, Program, run_python, running

SERVICE = str(EXAMPLES / "web_service" / "service.py")
VIEWERS = 100
STREAMS = 50


@contextmanager
def serving_it(*arguments: str) -> Iterator[tuple[Program, str]]:
    """Run the service, and return it with its address."""
    with running(SERVICE, "--port=0", *(arguments or ("--civo",))) as program:
        yield program, program.first_line.removeprefix("open ")


@pytest.fixture
async def service(civo: FakeCivo, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Return the address of a service on `civo`, which runs in this process."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "web_service"))
    board_of, make_server = import_module("board").Board, import_module("service").make_server
    account = SnapshotSession(civo.token, region=civo.region, api_url=civo.api_url)
    async with account as session, board_of(session) as board:
        server = make_server(board, ["127.0.0.1"])
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def client_of(url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """Open a client with as many connections as it likes."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
        yield client


@attrs.define
class Viewer:
    """A page that follows the stream, and knows each card as it was last sent."""

    stream: AsyncIterator[str]
    cards: dict[str, dict[str, Any]] = attrs.field(factory=dict[str, dict[str, Any]])
    seen: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    trouble: str = ""

    async def until(self, is_so: Callable[["Viewer"], object]) -> None:
        """Read on until something is shown."""
        async with asyncio.timeout(PATIENCE):
            while not is_so(self):
                await self._read()

    async def to_the_end(self) -> None:
        """Read until the service ends the stream."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self.stream:
                pass

    async def _read(self) -> None:
        line = await anext(self.stream)
        if line.startswith("data: "):
            change = json.loads(line.removeprefix("data: "))
            self.trouble = change["trouble"]
            self.seen += change["cards"]
            self.cards |= {card["id"]: card for card in change["cards"]}
            self.cards = {each: self.cards[each] for each in change["order"]}

    @property
    def card(self) -> dict[str, Any]:
        """The card of web-1, empty until it was sent."""
        return self.cards.get("web-1", {"snapshots": [], "note": "", "restoring": ""})

    @property
    def phases(self) -> dict[str, str]:
        """The phases of the snapshots of web-1, by name."""
        return {each["name"]: each["phase"] for each in self.card["snapshots"]}


@asynccontextmanager
async def viewing(client: httpx.AsyncClient) -> AsyncGenerator[Viewer]:
    """Follow the stream, as a page does."""
    async with client.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Viewer(response.aiter_lines())


def shows_web_1(viewer: Viewer) -> bool:
    """Tell whether the card is there."""
    return "web-1" in viewer.cards


async def back_up(client: httpx.AsyncClient) -> str:
    """Start a snapshot of web-1, and return its name."""
    response = await client.post("/backups", json={"instance_id": "web-1"})
    assert response.status_code == 202, response.text
    name: str = response.json()["name"]

    return name


async def plan(client: httpx.AsyncClient, snapshot_id: str) -> dict[str, str]:
    """Ask for the plan of an overwrite of web-1."""
    wish = {"instance_id": "web-1", "snapshot_id": snapshot_id}
    response = await client.post("/plans", json=wish)
    assert response.status_code == 200, response.text
    shown: dict[str, str] = response.json()

    return shown


class Released:
    """A script that is pending, with its first volume completed, until it is released."""

    def __init__(self) -> None:
        self.is_released = False

    def __call__(self, _elapsed: float, volumes: Sequence[str]) -> scripts.Status:
        """Return the status, as any script does."""
        state = "Complete" if self.is_released else "Pending"
        states = ["Completed", *["Completed" if self.is_released else "Pending"] * 2]
        shown = [{"id": v, "state": s} for v, s in zip(volumes, states, strict=True)]

        return {"state": state, "volumes": shown}


async def test_a_backup_is_accepted_before_civo_has_responded(civo: FakeCivo, service: str) -> None:
    """The create hangs, and the response is there."""
    civo.inject("create", faults.hang())
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)

        name = await back_up(client)

        await viewer.until(lambda shown: shown.card["creating"] == name)
        assert civo.snapshots("web-1") == ()


async def test_a_viewer_sees_each_volume(civo: FakeCivo, service: str) -> None:
    """A bar for each, with what Civo says of it, and then the snapshot complete."""
    script = Released()
    civo.script_next("web-1", script)
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)
        name = await back_up(client)
        await viewer.until(lambda shown: shown.card["snapshots"][:1] and volumes(shown))
        half = volumes(viewer)
        script.is_released = True
        await viewer.until(lambda shown: shown.phases == {name: "complete"})

    assert half == [("root", "complete"), ("data", "pending"), ("logs", "pending")]
    assert [phase for _, phase in volumes(viewer)] == ["complete"] * 3


def volumes(viewer: Viewer) -> list[tuple[str, str]]:
    """Return the volumes of the newest snapshot."""
    return [(each["id"], each["phase"]) for each in viewer.card["snapshots"][0]["volumes"]]


async def test_two_clicks_make_one_snapshot(civo: FakeCivo, service: str) -> None:
    """The second one gets the name of the first."""
    civo.script_next("web-1", scripts.stuck())
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)

        first, second = await asyncio.gather(back_up(client), back_up(client))
        await viewer.until(lambda shown: shown.phases == {first: "pending"})
        third = await back_up(client)

    assert first == second == third
    assert [each.kind for each in civo.requests].count("create") == 1


async def test_a_hundred_viewers_share_one_poll(civo: FakeCivo, service: str) -> None:
    """They cause no more requests than one, and all see the end."""
    script = Released()
    civo.script_next("web-1", script)
    async with client_of(service) as client, AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(viewing(client)) for _ in range(VIEWERS)]
        await viewers[0].until(shows_web_1)
        name = await back_up(client)
        for viewer in viewers:
            await viewer.until(lambda shown: shown.phases == {name: "pending"})
        script.is_released = True
        for viewer in viewers:
            await viewer.until(lambda shown: shown.phases == {name: "complete"})

    gets = sorted(each.at for each in civo.requests if each.kind == "get")
    # One poller: never two within the shortest interval of a wait.
    assert all(later - sooner > 0.5 for sooner, later in pairwise(gets))
    assert len(gets) < VIEWERS / 2


async def test_a_failed_snapshot_says_why(civo: FakeCivo, service: str) -> None:
    """In words."""
    civo.script_next("web-1", scripts.fails("data", message="no space left"))
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)
        name = await back_up(client)
        await viewer.until(lambda shown: shown.phases == {name: "failed"})

    assert "volume data is Failed" in viewer.card["snapshots"][0]["reasons"]


async def test_a_create_that_is_refused_is_a_note(civo: FakeCivo, service: str) -> None:
    """And the next one is tried."""
    civo.inject("create", faults.status(403, code="quota_limit_reached", reason="no more"))
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)
        await back_up(client)
        await viewer.until(lambda shown: "no more" in shown.card["note"])
        name = await back_up(client)
        await viewer.until(lambda shown: shown.phases == {name: "complete"})


async def test_a_restore_follows_the_plan_that_was_shown(civo: FakeCivo, service: str) -> None:
    """First the plan, then the approval, then the safety snapshot, then the overwrite."""
    civo.instance("web-1").disk = "release 1"
    civo.add_snapshot("web-1", "snap-1", name="before-upgrade")
    civo.instance("web-1").disk = "release 2"
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(lambda shown: "before-upgrade" in shown.phases)
        shown = await plan(client, "snap-1")
        assert "Overwrites web-1 (ACTIVE) with before-upgrade" in shown["text"]
        assert civo.effects == []
        approval = {"fingerprint": shown["fingerprint"], "hostname": "web-1"}

        response = await client.post("/restores", json=approval)

        assert response.status_code == 202
        await viewer.until(lambda shown: shown.card["note"].startswith("Restored before-upgrade;"))
        assert civo.instance("web-1").disk == "release 1"
        assert [each["restoring"] for each in viewer.seen].count("before-upgrade") > 0
        assert any(name.startswith("undo-") for name in viewer.phases)
        assert (await client.post("/restores", json=approval)).status_code == 404
        assert len(civo.restores) == 1


@pytest.mark.parametrize(
    ("hostname", "fingerprint", "status"),
    [("web-2", None, 422), ("", None, 422), ("web-1", "0" * 40, 404)],
    ids=["another instance", "nothing typed", "a plan that was not shown"],
)
async def test_nothing_else_is_approved(
    civo: FakeCivo, service: str, hostname: str, fingerprint: str | None, status: int
) -> None:
    """The server checks it as the page does."""
    civo.add_snapshot("web-1", "snap-1", name="before-upgrade")
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(lambda shown: "before-upgrade" in shown.phases)
        shown = await plan(client, "snap-1")

        response = await client.post(
            "/restores",
            json={"hostname": hostname, "fingerprint": fingerprint or shown["fingerprint"]},
        )

    assert response.status_code == status
    assert response.json()["detail"]
    assert civo.effects == []


async def test_a_plan_that_does_not_hold_any_more_is_not_applied(
    civo: FakeCivo, service: str
) -> None:
    """Somebody has taken another snapshot in between: the note says so."""
    civo.add_snapshot("web-1", "snap-1", name="before-upgrade", age=60)
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(lambda shown: "before-upgrade" in shown.phases)
        shown = await plan(client, "snap-1")
        civo.add_snapshot("web-1", "snap-2", name="nightly")
        approval = {"fingerprint": shown["fingerprint"], "hostname": "web-1"}
        await client.post("/restores", json=approval)
        await viewer.until(lambda shown: shown.card["note"])

    assert viewer.card["note"] == "Nothing was overwritten: newer snapshot snap-2 is new."
    assert civo.restores == []


async def test_errors_are_a_sentence(civo: FakeCivo, service: str) -> None:
    """With the status that fits."""
    civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)
        statuses = {
            wish: (await client.post("/plans", json=dict(zip(FIELDS, wish, strict=True))))
            for wish in [("web-1", "snap-1"), ("web-1", "snap-2"), ("web-2", "snap-1")]
        }

    assert [each.status_code for each in statuses.values()] == [409, 404, 404]
    assert all(each.json()["detail"] for each in statuses.values())


FIELDS = ("instance_id", "snapshot_id")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Host": "attacker.example"}, 400),
        ({"Content-Type": "text/plain"}, 422),
    ],
    ids=["another site", "a sibling of the site", "the page", "DNS rebinding", "a form"],
)
async def test_another_sites_page_can_do_nothing(
    civo: FakeCivo, service: str, headers: dict[str, str], status: int
) -> None:
    """A browser says where a request comes from."""
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(shows_web_1)
        response = await client.post(
            "/backups",
            content=json.dumps({"instance_id": "web-1"}),
            headers={"Content-Type": "application/json", **headers},
        )
        assert response.status_code == status
        if status == 202:
            await viewer.until(lambda shown: shown.phases)

    assert len(civo.snapshots("web-1")) == (status == 202)


async def test_the_page_may_load_nothing_else(service: str) -> None:
    """And nobody may show it in a frame."""
    async with client_of(service) as client:
        page = await client.get("/")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy


async def test_trouble_with_civo_is_shown(civo: FakeCivo, service: str) -> None:
    """The page says why it is empty."""
    civo.token = "another-one-0123456789"
    async with client_of(service) as client, viewing(client) as viewer:
        await viewer.until(lambda shown: shown.trouble)

    assert "token" in viewer.trouble


async def test_what_was_done_elsewhere_is_shown(civo: FakeCivo, service: str) -> None:
    """Whoever connects causes a new list, unless the last one is a moment old."""
    async with client_of(service) as client, asyncio.timeout(PATIENCE):
        async with viewing(client) as viewer:
            await viewer.until(shows_web_1)
        civo.add_instance("db-1")
        civo.remove_instance("web-1")
        while list(viewer.cards) != ["db-1"]:
            async with viewing(client) as viewer:
                await viewer.until(lambda shown: shown.cards)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
async def test_it_stops_at_once_with_fifty_streams_open(
    civo: FakeCivo, number: signal.Signals
) -> None:
    """Each stream has its end; no task is cut off, and nothing is left behind."""
    civo.script_next("web-1", scripts.stuck())
    with serving_it() as (program, url):
        async with client_of(url) as client, AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(viewing(client)) for _ in range(STREAMS)]
            await viewers[0].until(shows_web_1)
            name = await back_up(client)
            for viewer in viewers:
                await viewer.until(lambda shown: shown.phases == {name: "pending"})

            program.process.send_signal(number)
            for viewer in viewers:
                await viewer.to_the_end()

        # After a second, uvicorn would cancel what is left and log that it did.
        assert program.stop() == 0
        assert program.complaints == ""


async def test_a_restart_continues_where_it_was(civo: FakeCivo) -> None:
    """The new process finds the pending snapshot at Civo and follows it."""
    script = Released()
    civo.script_next("web-1", script)
    with serving_it() as (program, url):
        async with client_of(url) as client, viewing(client) as viewer:
            await viewer.until(shows_web_1)
            name = await back_up(client)
            await viewer.until(lambda shown: shown.phases == {name: "pending"})
        assert program.stop() == 0

    with serving_it() as (_, url):
        async with client_of(url) as client, viewing(client) as viewer:
            await viewer.until(lambda shown: shown.phases == {name: "pending"})
            script.is_released = True
            await viewer.until(lambda shown: shown.phases == {name: "complete"})


async def test_it_runs_without_an_account() -> None:
    """On a fake with three instances."""
    with serving_it("--host-name=127.0.0.1") as (program, url):
        async with client_of(url) as client, viewing(client) as viewer:
            await viewer.until(lambda shown: list(shown.cards) == ["web-1", "web-2", "db-1"])
        assert program.stop() == 0


def test_it_needs_a_token() -> None:
    """One line, and no traceback."""
    ended = run_python(SERVICE, "--civo")

    assert ended.returncode == 1
    assert ended.stderr.startswith("ConfigurationError: no token")
    assert "Traceback" not in ended.stderr
