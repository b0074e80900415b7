"""Instances, and following a restore by them."""

import asyncio
import json
import pickle
from typing import Any

import pytest

from civo_snapshots_async import (
    AmbiguousInstanceError,
    AuthenticationError,
    CivoSnapshotsError,
    DecodeError,
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    PollPolicy,
    Restore,
    TransportError,
    WaitError,
    WaitTimeoutError,
)
from civo_snapshots_async._http.codec import decode
from civo_snapshots_async._http.endpoints import get_instance, list_instances
from civo_snapshots_async._http.message import Request, Response, RetrySafety
from civo_snapshots_async._models import InstancePage
from civo_snapshots_async._waits.instances import wait_for_restored_instance, wait_until_active
from civo_snapshots_async.testing import FakeClock

from .doubles import Script, Unobserved
from .make import refused

LOST = TransportError("lost", method="GET", path="/v2")
EVERY_10_S = PollPolicy(interval=10)
GET = get_instance("web-1", region="LON1")
LIST = Request(
    call="list_instances",
    method="GET",
    path="/v2/instances",
    region="LON1",
    returns=InstancePage,
    instance_id="",
)
# As Civo's own client reads it, with more than is of use here.
DOCUMENT: dict[str, Any] = {
    "id": "69a23478-a89e-41d2-97b1-6f4c341cee70",
    "hostname": "web-1",
    "size": "g3.small",
    "region": "lon1",
    "private_ip": "10.0.0.4",
    "public_ip": "31.28.66.181",
    "status": "ACTIVE",
    "initial_user": "civo",
    "initial_password": "hunter2-hunter2",
    "tags": [],
}


def respond(payload: object) -> Response:
    """Make a response of JSON."""
    return Response(status=200, body=json.dumps(payload).encode())


class TestTheModel:
    """What Civo reports, and what it means."""

    @pytest.mark.parametrize(
        ("status", "is_active", "is_failed"),
        [
            ("ACTIVE", True, False),
            ("Active", True, False),
            (" active ", True, False),
            ("BUILDING", False, False),
            ("SHUTOFF", False, False),
            ("REBOOTING", False, False),
            ("MIGRATING", False, False),
            ("DELETING", False, False),
            ("INACTIVE", False, False),
            ("", False, False),
            ("ERROR", False, True),
            ("Failed", False, True),
        ],
    )
    def test_reads_a_status(self, status: str, is_active: bool, is_failed: bool) -> None:  # noqa: FBT001
        """A word that is not known is neither."""
        instance = Instance(id="i", status=status)

        assert (instance.is_active, instance.is_failed) == (is_active, is_failed)

    @pytest.mark.parametrize(
        ("status", "shown"),
        [("ACTIVE", "instance web (i): ACTIVE"), ("", "instance web (i): no status yet")],
    )
    def test_shows_its_status(self, status: str, shown: str) -> None:
        """As Civo wrote it."""
        assert str(Instance(id="i", hostname="web", status=status)) == shown


class TestTheCalls:
    """As values, and their responses."""

    def test_get_is_one_request(self) -> None:
        """It may be retried freely."""
        assert (GET.method, GET.path, GET.fields) == ("GET", "/v2/instances/web-1", None)
        assert (GET.call, GET.region, GET.returns) == ("get_instance", "LON1", Instance)
        assert GET.retry_safety is RetrySafety.ALWAYS

    @pytest.mark.parametrize("hostile", ["", "..", "a/b", "a?b", "a#b", "%2e%2e", "a b"])
    def test_no_id_reaches_another_path(self, hostile: str) -> None:
        """Nor does a region."""
        with pytest.raises(ValueError, match="instance_id must be"):
            get_instance(hostile, region="LON1")
        with pytest.raises(ValueError, match="region must be"):
            get_instance("web-1", region=hostile)

    def test_reads_an_instance(self) -> None:
        """What is not needed is left out; the region is as it was requested, and as reported."""
        assert decode(GET, respond(DOCUMENT)) == Instance(
            id="69a23478-a89e-41d2-97b1-6f4c341cee70",
            hostname="web-1",
            status="ACTIVE",
            private_ip="10.0.0.4",
            public_ip="31.28.66.181",
            region="LON1",
            reported_region="lon1",
        )

    @pytest.mark.parametrize(
        ("reported", "read"), [(None, None), ("", ""), ("NYC1", "NYC1"), (7, "7"), (["a"], "['a']")]
    )
    def test_a_reported_region_is_kept_whatever_it_is(self, reported: Any, read: Any) -> None:
        """It hides no instance, and is never taken for the one that was requested."""
        instance = decode(GET, respond({**DOCUMENT, "region": reported}))

        assert (instance.region, instance.reported_region) == ("LON1", read)

    @pytest.mark.parametrize(
        "fields",
        [{"id": "web-1"}, {"id": "WEB-1", "status": None, "hostname": None, "private_ip": None}],
    )
    def test_tolerates_what_may_be_missing(self, fields: dict[str, Any]) -> None:
        """But for the id."""
        instance = decode(GET, respond(fields))

        assert instance == Instance(id=fields["id"], region="LON1")

    @pytest.mark.parametrize(
        ("payload", "problem"),
        [
            ({"hostname": "web-1"}, "id: missing"),
            ({"id": 5}, "id: expected a string, got the number 5"),
            ({**DOCUMENT, "status": 5}, "status: expected a string, got the number 5"),
            ({**DOCUMENT, "hostname": []}, "hostname: expected a string, got an array"),
            ([DOCUMENT], "expected an object, got an array"),
            ({**DOCUMENT, "hostname": "web-2"}, "id: got '69a23478-a89e-41d2-97b1-6f4c341cee70' ("),
        ],
    )
    def test_names_where_an_instance_is_not_as_documented(
        self, payload: object, problem: str
    ) -> None:
        """Another instance than the requested one is an error as well."""
        with pytest.raises(DecodeError) as caught:
            decode(GET, respond(payload))

        assert caught.value.problems[0].startswith(problem)

    def test_reads_a_page(self) -> None:
        """Each instance in it, and how many pages there are."""
        payload = {"page": 1, "per_page": 100, "pages": 3, "items": [DOCUMENT, {"id": "b"}]}

        page = decode(LIST, respond(payload))

        assert page.pages == 3
        assert [(item.id[:4], item.region) for item in page.items] == [
            ("69a2", "LON1"), ("b", "LON1"),
        ]  # fmt: skip

    def test_a_page_without_items_is_empty(self) -> None:
        """Go writes a nil slice as null."""
        assert decode(LIST, respond({"pages": 0, "items": None})) == InstancePage(items=(), pages=0)

    @pytest.mark.parametrize(
        ("payload", "problems"),
        [
            ([DOCUMENT], ("expected an object, got an array",)),
            (None, ("expected an object, got null",)),
            ({}, ("items: missing", "pages: missing")),
            ({"pages": 1}, ("items: missing",)),
            ({"pages": 1, "items": {}}, ("items: expected an array, got an object",)),
            (
                {"pages": 1, "items": [{"id": "a"}, {"id": 5}]},
                ("items[1].id: expected a string, got the number 5",),
            ),
            ({"pages": "2", "items": []}, ("pages: expected a whole number, got a string",)),
            ({"pages": True, "items": []}, ("pages: expected a whole number, got true",)),
            (
                {"pages": None, "items": [5]},
                (
                    "items[0]: expected an object, got the number 5",
                    "pages: expected a whole number, got null",
                ),
            ),
        ],
    )
    def test_names_where_a_page_is_not_as_documented(
        self, payload: object, problems: tuple[str, ...]
    ) -> None:
        """An empty response is not a list without instances."""
        with pytest.raises(DecodeError) as caught:
            decode(LIST, respond(payload))

        assert caught.value.problems == problems

    @pytest.mark.parametrize("request_", [GET, LIST], ids=["get", "list"])
    def test_an_error_shows_nothing_of_an_instance(self, request_: Request[object]) -> None:
        """Its first password may be in the response."""
        with pytest.raises(DecodeError) as caught:
            decode(request_, respond({**DOCUMENT, "id": 5, "items": [DOCUMENT], "pages": "x"}))

        assert caught.value.body_excerpt == ""
        assert "hunter2" not in str(caught.value) + repr(vars(caught.value))


def web(status: str = "ACTIVE", instance_id: str = "i-1", hostname: str = "copy") -> Instance:
    """Make an instance."""
    return Instance(id=instance_id, hostname=hostname, status=status, region="FAKE1")


GET_COPY = get_instance("copy", region="FAKE1")


class Polling(Unobserved):
    """A caller whose polls are those of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def poll(self, _: Request[Any], /) -> Any:
        """Do what the script holds."""
        return await self.script()


async def wait(script: Script, **more: Any) -> Instance:
    """Wait on a script."""
    options = {"timeout": 600.0, "poll": EVERY_10_S, "clock": script.clock, **more}
    return await wait_until_active(Polling(script), GET_COPY, **options)


class TestWaitingUntilActive:
    """Until Civo reports it, or that it has failed."""

    async def test_returns_the_active_instance(self, fake_clock: FakeClock) -> None:
        """At once where it is."""
        script = Script(fake_clock, web())

        assert await wait(script) == web()
        assert script.called_at == [0]

    async def test_any_other_word_is_not_yet(self, fake_clock: FakeClock) -> None:
        """However strange."""
        words = ["", "BUILDING", "SHUTOFF", "REBOOTING", "Thawing"]
        script = Script(fake_clock, *map(web, words), web())

        assert await wait(script) == web()
        assert script.called_at == [0, 10, 20, 30, 40, 50]

    @pytest.mark.parametrize("word", ["ERROR", "FAILED", "Error"])
    async def test_a_failure_ends_it_at_once(self, fake_clock: FakeClock, word: str) -> None:
        """With the instance as it was last seen."""
        with pytest.raises(InstanceFailedError) as caught:
            await wait(Script(fake_clock, web("BUILDING"), web(word)))

        error = caught.value
        assert str(error) == (
            f"instance copy failed (2 polls in 10.0 s): instance copy (i-1): {word}"
        )
        assert (error.instance, error.instance_id) == (web(word), "copy")
        assert (error.polls, error.elapsed) == (2, 10)

    async def test_a_timeout_names_the_last_status(self, fake_clock: FakeClock) -> None:
        """It may be shut off for good."""
        with pytest.raises(WaitTimeoutError) as caught:
            await wait(Script(fake_clock, web("SHUTOFF"), LOST), timeout=15)

        assert str(caught.value) == (
            "instance copy was not ACTIVE when the wait timed out (3 polls in 15.0 s): "
            "instance copy (i-1): SHUTOFF; the last poll failed: lost"
        )
        assert (caught.value.instance_id, caught.value.snapshot_id) == ("copy", "")
        assert caught.value.last_error is LOST

    async def test_a_timeout_without_any_response(self, fake_clock: FakeClock) -> None:
        """Nothing is known then."""
        with pytest.raises(WaitTimeoutError, match=r"\(3 polls in 15.0 s\): it was never seen; "):
            await wait(Script(fake_clock, LOST), timeout=15)

    async def test_some_polls_may_fail(self, fake_clock: FakeClock) -> None:
        """Five in a row, and the count starts anew with each success."""
        script = Script(fake_clock, *[LOST] * 5, web("BUILDING"), *[LOST] * 5, web())

        assert await wait(script) == web()

    @pytest.mark.parametrize(
        "error",
        [
            refused(AuthenticationError, code="database_account_not_found"),
            refused(InstanceNotFoundError, code="database_instance_not_found"),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_what_no_poll_would_change_ends_it_at_once(
        self, fake_clock: FakeClock, error: CivoSnapshotsError
    ) -> None:
        """As it is, with a note."""
        script = Script(fake_clock, error)

        with pytest.raises(type(error)) as caught:
            await wait(script)

        assert caught.value is error
        assert error.context == (
            "while waiting for instance copy (1 poll in 0.0 s): it was never seen",
        )
        assert len(script.called_at) == 1

    async def test_a_cancellation_stops_it_at_once(self, fake_clock: FakeClock) -> None:
        """With no further poll."""
        script = Script(fake_clock, web("BUILDING"))
        task = asyncio.ensure_future(wait(script))
        await fake_clock.sleep(15)

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fake_clock.sleep(1000)

        assert script.called_at == [0, 10]


RESTORE = Restore(
    id="restore-1", hostname="copy", from_snapshot="snap-1", instance_id="web-1", region="FAKE1"
)
OTHERS = tuple(web(instance_id=f"o-{n}", hostname=f"other-{n}") for n in range(3))


class Pages(Unobserved):
    """A list of instances, as each poll finds it: its pages, or an error."""

    def __init__(self, clock: FakeClock, *polls: list[tuple[Instance, ...]] | Exception) -> None:
        self.clock = clock
        self.polls = list(polls)
        self.requested: list[tuple[float, int]] = []

    async def poll(self, request: Request[Any], /) -> Any:
        """Give one page of the present poll."""
        number = int(request.query["page"])
        self.requested.append((self.clock.now(), number))
        poll_ = self.polls[0]
        is_last = isinstance(poll_, Exception) or number >= len(poll_)
        if is_last and len(self.polls) > 1:
            del self.polls[0]
        if isinstance(poll_, Exception):
            raise poll_
        return InstancePage(items=poll_[number - 1] if poll_ else (), pages=len(poll_))


FIRST_PAGE = list_instances(1, 100, region="FAKE1")


async def find(pages: Pages, restore: Restore = RESTORE, **more: Any) -> Instance:
    """Find the restored instance."""
    options = {"timeout": 600.0, "poll": EVERY_10_S, "clock": pages.clock, **more}
    return await wait_for_restored_instance(pages, restore, "FAKE1", **options)


class TestFindingTheRestoredInstance:
    """By its host name, the only mark that it has."""

    @pytest.mark.parametrize("hostname", ["copy", "COPY", "Copy"])
    async def test_finds_it_on_any_page(self, fake_clock: FakeClock, hostname: str) -> None:
        """Host names have no case."""
        it = web("BUILDING", hostname=hostname)
        pages = Pages(fake_clock, [OTHERS, (*OTHERS, it), OTHERS])

        assert await find(pages) == it
        assert pages.requested == [(0, 1), (0, 2), (0, 3)]

    async def test_polls_until_it_is_listed(self, fake_clock: FakeClock) -> None:
        """It may take a while to show up."""
        pages = Pages(fake_clock, [], [OTHERS], [OTHERS, (web(),)])

        assert await find(pages) == web()
        assert pages.requested == [(0, 1), (10, 1), (20, 1), (20, 2)]

    async def test_one_that_moves_to_another_page_is_one(self, fake_clock: FakeClock) -> None:
        """It was listed again while the pages were read, further on."""
        pages = Pages(fake_clock, [(web("BUILDING"),), (web("ACTIVE"),)])

        assert await find(pages) == web("ACTIVE")

    async def test_one_that_slips_between_pages_is_found_by_the_next_poll(
        self, fake_clock: FakeClock
    ) -> None:
        """When one before it goes, it moves to a page that was read already."""
        pages = Pages(fake_clock, [OTHERS, ()], [(*OTHERS[1:], web()), ()])

        assert await find(pages) == web()

    async def test_the_pages_may_become_fewer(self, fake_clock: FakeClock) -> None:
        """The last response has how many there are."""
        pages = Pages(fake_clock, [(web(),)])
        first = InstancePage(items=OTHERS, pages=9)

        class Shrinking(Unobserved):
            async def poll(self, request: Request[Any], /) -> Any:
                return first if request.query["page"] == "1" else await pages.poll(FIRST_PAGE)

        found = await wait_for_restored_instance(
            Shrinking(), RESTORE, "FAKE1", timeout=60.0, poll=EVERY_10_S, clock=fake_clock
        )

        assert found == web()

    async def test_reads_a_bounded_number_of_pages(self, fake_clock: FakeClock) -> None:
        """However many a server reports."""
        read: list[int] = []

        class Endless(Unobserved):
            async def poll(self, request: Request[Any], /) -> Any:
                read.append(int(request.query["page"]))
                return InstancePage(items=OTHERS, pages=10**9)

        with pytest.raises(WaitTimeoutError):
            await wait_for_restored_instance(
                Endless(), RESTORE, "FAKE1", timeout=5.0, poll=EVERY_10_S, clock=fake_clock
            )

        assert read == [*range(1, 101)] * 2

    async def test_does_not_guess_among_several(self, fake_clock: FakeClock) -> None:
        """It names them."""
        both = web(), web("BUILDING", "i-2", "Copy")

        with pytest.raises(AmbiguousInstanceError) as caught:
            await find(Pages(fake_clock, [(*OTHERS, *both)]))

        error = caught.value
        assert str(error) == (
            "2 instances have the host name copy, and nothing shows which one restore restore-1 "
            "has made: i-1, i-2; while waiting for the new instance copy of restore restore-1 "
            "(1 poll in 0.0 s): it was never seen"
        )
        assert error.instances == both
        assert (error.instance_id, error.snapshot_id) == ("web-1", "snap-1")

    async def test_the_old_instance_is_not_the_new_one(self, fake_clock: FakeClock) -> None:
        """Even with the same host name."""
        restore = Restore(id="restore-1", hostname="copy", instance_id="I-1")
        pages = Pages(fake_clock, [(web(),)], [(web(), web("BUILDING", "i-2"))])

        assert await find(pages, restore) == web("BUILDING", "i-2")

    async def test_a_timeout_names_what_was_waited_for(self, fake_clock: FakeClock) -> None:
        """And what the last poll got."""
        with pytest.raises(WaitTimeoutError) as caught:
            await find(Pages(fake_clock, [OTHERS], LOST), timeout=15)

        assert str(caught.value) == (
            "the new instance copy of restore restore-1 was not listed when the wait timed out "
            "(3 polls in 15.0 s): it was never seen; the last poll failed: lost"
        )
        assert (caught.value.instance_id, caught.value.snapshot_id) == ("web-1", "snap-1")

    async def test_a_page_may_fail_temporarily(self, fake_clock: FakeClock) -> None:
        """The next poll starts with the first page again."""
        pages = Pages(fake_clock, *[LOST] * 5, [(web(),)])

        assert await find(pages) == web()

    async def test_a_refused_token_ends_it_at_once(self, fake_clock: FakeClock) -> None:
        """It is not an instance that is not there yet."""
        pages = Pages(fake_clock, refused(AuthenticationError, code="database_account_not_found"))

        with pytest.raises(AuthenticationError):
            await find(pages)

        assert len(pages.requested) == 1

    @pytest.mark.parametrize(
        ("restore", "says"),
        [
            (
                Restore(id="r", hostname="web-1", overwrite_existing=True, instance_id="web-1"),
                "restore r makes no new instance: it overwrites web-1, which wait_until_active can",
            ),
            (Restore(id="r", instance_id="web-1"), "restore r has no host name by which to find"),
            (Restore(id="r", hostname="", instance_id="web-1"), "restore r has no host name"),
            (
                Restore(id="r", hostname="Web-1", instance_id="web-1"),
                "restore r has the host name of the snapshot's own instance, Web-1: the new one",
            ),
        ],
        ids=["overwrites", "none", "empty", "the old one's"],
    )
    async def test_refuses_a_restore_without_a_mark(
        self, fake_clock: FakeClock, restore: Restore, says: str
    ) -> None:
        """Before any poll."""
        pages = Pages(fake_clock, [(web(),)])

        with pytest.raises(ValueError, match=says):
            await find(pages, restore)

        assert pages.requested == []


@pytest.mark.parametrize(
    "error",
    [
        InstanceFailedError("no", instance_id="web-1", instance=web("ERROR"), polls=3, elapsed=1.0),
        AmbiguousInstanceError("no", instance_id="w", snapshot_id="s", instances=(web(), web())),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_errors_survive_pickling(error: WaitError) -> None:
    """With all that they carry."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert (type(again), str(again), vars(again)) == (type(error), "no", vars(error))
