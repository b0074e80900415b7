"""What a drill deletes: its own scratch instance, if nothing at all speaks against it.

Whatever happens between the restore and the deletion happens in the check, which runs right before
the drill lists and gets the scratch instance.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import civo_snapshots_async
from civo_snapshots_async import (
    AmbiguousInstanceError,
    DrillReport,
    Instance,
    InstanceNotFoundError,
    PollPolicy,
    SnapshotSession,
    WaitTimeoutError,
)
from civo_snapshots_async._scratch import Scratch
from civo_snapshots_async.testing import (
    FakeCivo,
    FakeClock,
    FakeInstance,
    _account,
    faults,
    laws,
)

from .make import session_on

# A restore takes 2 s.
POLL = PollPolicy(interval=1.5)
PACKAGE = Path(civo_snapshots_async.__file__).parent


@pytest.fixture(autouse=True)
def _world(civo: FakeCivo) -> Iterator[None]:
    """Have two instances, a snapshot of one, and a law that holds whatever happens."""
    civo.add_snapshot("web-1", "snap-1", name="nightly", age=3600)
    civo.add_instance("prod-1")
    yield
    laws.only_scratch_instances_are_deleted(civo)
    assert {"web-1", "prod-1"} <= {*civo.instances}


def deletions(civo: FakeCivo) -> list[str]:
    """Return the ids of the instances that requests have deleted."""
    return [each.instance_id for each in civo.effects if each.kind == "delete_instance"]


def requested_deletions(civo: FakeCivo) -> int:
    """Return how many deletions of instances were requested, done or not."""
    return sum(request.kind == "delete_instance" for request in civo.requests)


def document(instance: FakeInstance, **changed: Any) -> dict[str, Any]:
    """Return an instance as Civo shows it."""
    return {
        "id": instance.id,
        "hostname": instance.hostname,
        "status": "ACTIVE",
        "region": instance.region,
        **changed,
    }


def page(*items: dict[str, Any], pages: int = 1) -> faults.Fault:
    """Return a page of the list of instances."""
    return faults.status(200, body={"page": 1, "per_page": 1000, "pages": pages, "items": [*items]})


@attrs.frozen
class Between:
    """What a test can do between the restore and the deletion."""

    civo: FakeCivo
    scratch: FakeInstance

    def list_shows(self, *items: dict[str, Any]) -> None:
        """Let the next list of instances show these."""
        self.civo.inject("list_instances", page(*items))

    def get_shows(self, **changed: Any) -> None:
        """Let the next get of the scratch instance show it otherwise."""
        body = document(self.scratch, **changed)
        self.civo.inject("get_instance", faults.status(200, body=body))

    @property
    def web(self) -> dict[str, Any]:
        """The source, as Civo shows it."""
        return document(self.civo.instance("web-1"))

    @property
    def own(self) -> dict[str, Any]:
        """The scratch instance, as Civo shows it."""
        return document(self.scratch)


async def drilled(
    civo: FakeCivo, session: SnapshotSession, happens: Callable[[Between], object], **more: Any
) -> DrillReport:
    """Do a drill, in whose check something happens."""

    def check(instance: Instance) -> bool:
        happens(Between(civo, civo.instances[instance.id]))
        return True

    options: dict[str, Any] = {"delete_scratch": True, "poll": POLL, **more}
    return await session.drill("web-1", check=check, **options)


def rename(b: Between) -> None:
    """Give the scratch instance another name, as somebody who wants to keep it."""
    b.scratch.hostname = "kept"


def swap(b: Between) -> None:
    """Give the scratch instance's name to an instance of others."""
    prod = b.civo.instance("prod-1")
    prod.hostname, b.scratch.hostname = b.scratch.hostname, prod.hostname


def twin(b: Between) -> None:
    """Give an instance of others the same name."""
    b.civo.instance("prod-1").hostname = b.scratch.hostname.upper()


def twin_of_source(b: Between) -> None:
    """Give the source the same name."""
    b.civo.instance("web-1").hostname = b.scratch.hostname


def named_by_id(b: Between) -> None:
    """Give an instance of others the scratch instance's id for a host name."""
    b.civo.instance("prod-1").hostname = b.scratch.id


def reuse_id(b: Between) -> None:
    """Delete the scratch instance, and give its id to an instance of others."""
    b.civo.remove_instance(b.scratch.id)
    b.civo.add_instance(b.scratch.id, hostname="prod-2")


HAPPENS: dict[str, tuple[Callable[[Between], object], str]] = {
    "renamed": (rename, "its host name is 'kept' now; its host name is 'kept' in a list"),
    "swapped with another": (swap, "its host name is 'prod-1' now; .*as well"),
    "two of that name": (twin, "instance prod-1 has its host name as well"),
    "the source of that name": (twin_of_source, "instance web-1 has its host name as well"),
    "its id a host name": (named_by_id, "its id is the host name of instance prod-1"),
    "its id reused": (reuse_id, "its host name is 'prod-2' now"),
    "a list without it": (lambda b: b.list_shows(b.web), "a list does not show it"),
    "a list that is cut": (
        lambda b: b.list_shows(b.own),
        "a list does not show the source web-1, so it may be cut",
    ),
    "an empty list": (lambda b: b.list_shows(), "a list does not show it; a list does not show"),
    "another name in a list": (
        lambda b: b.list_shows(b.web, document(b.scratch, hostname="kept")),
        "its host name is 'kept' in a list",
    ),
    "another name in a get": (
        lambda b: b.get_shows(hostname="kept"),
        "its host name is 'kept' now",
    ),
    "no name in a get": (lambda b: b.get_shows(hostname=None), "its host name is '' now"),
    "another instance in a get": (
        lambda b: b.get_shows(id="prod-1", hostname=b.scratch.id),
        r"a get of it shows instance \S+ \(prod-1\)",
    ),
    "no instance in a get": (
        lambda b: b.civo.inject("get_instance", faults.status(404, code="database_instance_find")),
        "it was not deleted: a get does not show it$",
    ),
    "another region in a get": (
        lambda b: b.get_shows(region="NYC1"),
        "Civo reports the region 'NYC1' for it, and not FAKE1",
    ),
    "another region in a list": (
        lambda b: b.list_shows(b.web, document(b.scratch, region="NYC1")),
        "Civo reports the region 'NYC1' for it, and not FAKE1",
    ),
    "a region that is no text": (lambda b: b.get_shows(region=["FAKE1"]), "Civo reports the"),
    "no list": (
        lambda b: b.civo.inject("list_instances", *[faults.status(500)] * 3),
        "could not be checked: GET /v2/instances: Civo returned 500",
    ),
    "a list that is no list": (
        lambda b: b.civo.inject("list_instances", *[faults.bad_json()] * 2),
        "could not be checked: .*the body is not JSON",
    ),
    "a list of too many pages": (
        lambda b: b.civo.inject("list_instances", page(pages=101), page(pages=101)),
        "could not be checked: .*more than 100 are not read",
    ),
    "no get": (
        lambda b: b.civo.inject("get_instance", *[faults.reset()] * 3),
        "could not be checked: GET /v2/instances/",
    ),
    "a get that is not found by a gateway": (
        lambda b: b.civo.inject("get_instance", faults.status(404, body="<html>")),
        "could not be checked: ",
    ),
    "a token that was revoked": (
        lambda b: setattr(b.civo, "token", "another"),
        "could not be checked: .*the token was refused",
    ),
}


@pytest.mark.parametrize(("happens", "why"), HAPPENS.values(), ids=HAPPENS)
async def test_in_any_doubt_it_is_left(
    civo: FakeCivo, session: SnapshotSession, happens: Callable[[Between], object], why: str
) -> None:
    """No deletion is requested, and the report says why."""
    report = await drilled(civo, session, happens)

    (left,) = report.left_behind
    assert re.search(why, left.reason)
    assert left.reason.startswith(("it was not deleted: ", "whether it"))
    assert left.id == civo.restores[0].instance_id
    assert (report.passed, requested_deletions(civo)) == (True, 0)


async def test_what_is_not_deleted_is_logged(
    civo: FakeCivo, session: SnapshotSession, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning, with the reason."""
    report = await drilled(civo, session, rename)

    (record,) = [r for r in caplog.records if vars(r)["civo_event"] == "drill.not_deleted"]
    assert record.levelname == "WARNING"
    assert report.left_behind[0].reason in record.getMessage()


async def test_a_status_is_no_doubt(civo: FakeCivo, session: SnapshotSession) -> None:
    """Nor that Civo reports no region, or spells it otherwise."""
    report = await drilled(civo, session, lambda b: b.get_shows(status="SHUTOFF", region="fake1"))
    assert report.left_behind == ()

    report = await drilled(civo, session, lambda b: b.get_shows(region=None))
    assert report.left_behind == ()


class TestBeforeTheDrill:
    """What is there before, and what the list of that shows."""

    async def test_an_instance_of_that_id_that_was_there_is_not_the_scratch_one(
        self, civo: FakeCivo, session: SnapshotSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Civo may give the id of an instance to another one."""
        restore = _account.Account.restore
        civo.add_instance("00000000-0000-4000-8000-000000000001", hostname="prod-2")

        def reusing(account: Any, *arguments: Any) -> Any:
            account.remove_instance(account.find_instance("prod-2"))
            return restore(account, *arguments)

        monkeypatch.setattr(_account.Account, "restore", reusing)
        monkeypatch.setattr(_account, "_id", lambda _: "00000000-0000-4000-8000-000000000001")
        seen: list[Between] = []

        report = await drilled(civo, session, seen.append)

        assert isinstance(report.error, AmbiguousInstanceError)
        assert "which was there before the drill" in report.reason
        (left,) = report.left_behind
        assert (left.id, requested_deletions(civo), seen) == ("", 0, [])

    async def test_an_instance_that_was_there_and_takes_the_name_is_not_checked(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Where the new one is not listed yet: it would be a proof of nothing."""
        seen: list[Between] = []
        restore = civo.restores

        class Renaming(list[Any]):
            def append(self, item: Any) -> None:
                restore.append(item)
                civo.instance("prod-1").hostname = item.hostname
                civo.inject(
                    "list_instances",
                    page(document(civo.instance("web-1")), document(civo.instance("prod-1"))),
                )

        civo._account.restores = Renaming()
        report = await drilled(civo, session, seen.append)

        assert isinstance(report.error, AmbiguousInstanceError)
        assert "which was there before the drill" in report.reason
        assert (requested_deletions(civo), seen) == (0, [])

    async def test_a_list_without_the_source_proves_nothing(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It was cut: the scratch instance may have been there before."""
        civo.inject("list_instances", page(document(civo.instance("prod-1"))))

        report = await drilled(civo, session, lambda _: None)

        assert report.passed
        assert report.left_behind[0].reason == (
            "it was not deleted: the list from before does not show the source web-1: it may be cut"
        )
        assert requested_deletions(civo) == 0

    async def test_two_lists_are_read_where_one_may_have_pages(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """An instance that moves from one page to another is on neither, but in the other list."""
        others = [{"id": f"i-{number}", "hostname": f"host-{number}"} for number in range(100)]
        web = document(civo.instance("web-1"))
        civo.inject("list_instances", page(*others), page(web, *others))

        report = await drilled(civo, session, lambda _: None)

        assert (report.passed, report.left_behind) == (True, ())

    async def test_what_the_second_list_shows_counts(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Before the deletion as well: a second one of that name."""
        others = [{"id": f"i-{number}", "hostname": f"host-{number}"} for number in range(100)]

        def happens(b: Between) -> None:
            second = {"id": "i-0", "hostname": b.scratch.hostname}
            civo.inject("list_instances", page(b.web, b.own, *others), page(b.web, b.own, second))

        report = await drilled(civo, session, happens)

        assert "instance i-0 has its host name as well" in report.left_behind[0].reason
        assert requested_deletions(civo) == 0

    async def test_a_region_of_many_instances_is_read_to_its_end(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Over a thousand: two pages, twice."""
        for number in range(1100):
            civo.add_instance(f"i-{number}")

        report = await drilled(civo, session, lambda _: None)

        assert (report.passed, report.left_behind) == (True, ())
        assert len(civo.instances) == 1102


class TestAfterTheRestore:
    """The instance that the restore has made, while it is followed."""

    async def test_two_of_its_name_are_not_distinguished(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Neither is checked, neither is deleted."""
        seen: list[Between] = []
        restore = civo.restores

        class Twins(list[Any]):
            def append(self, item: Any) -> None:
                restore.append(item)
                civo.add_instance("i-9").hostname = item.hostname

        civo._account.restores = Twins()
        report = await drilled(civo, session, seen.append)

        assert isinstance(report.error, AmbiguousInstanceError)
        assert "2 instances have the host name drill-" in report.reason
        assert report.left_behind[0].id == ""
        assert report.left_behind[0].reason.startswith("it was not identified: 2 instances have")
        assert (requested_deletions(civo), seen) == (0, [])

    async def test_another_instance_in_its_place_is_not_checked(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A get that shows one whose host name is the scratch instance's id."""
        seen: list[Between] = []
        # The second that FakeCivo makes up, after the snapshot's.
        own = "00000000-0000-4000-8000-000000000002"
        other = document(civo.instance("prod-1"), hostname=own)
        civo.inject("get_instance", faults.status(200, body=other), nth=2)

        report = await drilled(civo, session, seen.append)

        assert isinstance(report.error, AmbiguousInstanceError)
        assert "(prod-1): ACTIVE, which is not the one that was found" in report.reason
        assert (deletions(civo), seen) == ([own], [])

    @pytest.mark.parametrize("deletes", [True, False], ids=["deletes", "leaves"])
    async def test_one_that_is_not_found_while_it_is_followed_is_not_checked(
        self, *, civo: FakeCivo, session: SnapshotSession, deletes: bool
    ) -> None:
        """A get that misses it once: it is there, and known."""
        seen: list[Between] = []
        civo.inject("get_instance", None, faults.status(404, code="database_instance_find"))

        report = await drilled(civo, session, seen.append, delete_scratch=deletes)

        own = civo.restores[0].instance_id
        assert isinstance(report.error, InstanceNotFoundError)
        assert [left.id for left in report.left_behind] == ([] if deletes else [own])
        assert deletions(civo) == ([own] if deletes else [])
        assert seen == []


class TestDeletion:
    """The request that deletes, and what becomes of it."""

    @pytest.mark.parametrize(
        "fault",
        [
            faults.reset("before", effect=True),
            faults.close("before", effect=True),
            faults.reset("midway"),
            faults.gateway_timeout(effect=True),
            faults.status(500, effect=True),
            faults.hang(effect=True),
            faults.status(404, code="database_instance_find", effect=True),
        ],
        ids=str,
    )
    async def test_a_lost_response_is_resolved_by_a_get(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault
    ) -> None:
        """The instance is gone: nothing is left, and it was requested once."""
        civo.inject("delete_instance", fault)

        report = await drilled(civo, session, lambda _: None)

        assert (report.passed, report.left_behind) == (True, ())
        assert requested_deletions(civo) == 1
        assert deletions(civo) == [civo.restores[0].instance_id]

    @pytest.mark.parametrize(
        "fault",
        [
            faults.reset("before", effect=False),
            faults.gateway_timeout(effect=False),
            faults.status(503),
            faults.hang(),
        ],
        ids=str,
    )
    async def test_a_lost_request_is_not_retried(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault
    ) -> None:
        """It is polled for a minute, and reported as left."""
        civo.inject("delete_instance", fault)

        report = await drilled(civo, session, lambda _: None)

        (left,) = report.left_behind
        assert left.reason.startswith(
            "its deletion may or may not have been done, and was not retried ("
        )
        assert "and it was not seen to be gone: instance " in left.reason
        assert requested_deletions(civo) == 1
        assert left.id in civo.instances

    async def test_one_that_civo_does_not_find_and_that_stays_is_left(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """A get decides."""
        civo.inject("delete_instance", faults.status(404, code="database_instance_find"))

        report = await drilled(civo, session, lambda _: None)

        assert report.left_behind[0].reason.startswith("its deletion found no such instance (")
        assert deletions(civo) == []

    @pytest.mark.parametrize(
        "fault",
        [
            faults.status(409, code="instance_locked"),
            faults.status(403, code="database_account_access_denied"),
            faults.rate_limited(),
            faults.redirect("https://elsewhere.example/"),
        ],
        ids=["409", "403", "429", "redirect"],
    )
    async def test_one_that_is_refused_is_left(
        self, civo: FakeCivo, session: SnapshotSession, fault: faults.Fault
    ) -> None:
        """And not requested once more, not even after a 429."""
        civo.inject("delete_instance", fault)

        report = await drilled(civo, session, lambda _: None)

        assert report.left_behind[0].reason.startswith("it was not deleted: DELETE /v2/instances/")
        assert (requested_deletions(civo), deletions(civo)) == (1, [])

    async def test_one_that_was_accepted_and_stays_is_left(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """For as long as a lost response is searched for."""
        accepted = faults.status(200, body={"result": "success"})
        civo.inject("delete_instance", accepted)

        report = await drilled(civo, session, lambda _: None)

        (left,) = report.left_behind
        assert left.reason.startswith("its deletion was accepted, and it was not seen to be gone")
        assert fake_clock.now() == 63

    async def test_without_a_time_to_resolve_there_is_one_get(
        self, civo: FakeCivo, fake_clock: FakeClock
    ) -> None:
        """Which is enough where it is gone."""
        async with session_on(civo, fake_clock, resolve_timeout=0) as session:
            report = await drilled(civo, session, lambda _: None)

        assert report.left_behind == ()
        assert [request.kind for request in civo.requests][-2:] == [
            "delete_instance",
            "get_instance",
        ]

    async def test_one_that_is_gone_already_is_not_deleted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Somebody has done it: nothing is left, and nothing is requested."""
        report = await drilled(civo, session, lambda b: civo.remove_instance(b.scratch.id))

        assert (report.passed, report.left_behind) == (True, ())
        assert requested_deletions(civo) == 0

    async def test_one_that_is_gone_by_a_list_that_is_cut_may_be_there(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Neither the list nor the get shows it, and neither does the list show the source."""

        def happens(b: Between) -> None:
            b.list_shows()
            civo.inject("get_instance", faults.status(404, code="database_instance_find"))

        report = await drilled(civo, session, happens)

        assert "a list does not show the source web-1" in report.left_behind[0].reason
        assert requested_deletions(civo) == 0

    async def test_it_lists_and_gets_right_before(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The get last, as the newest."""
        await drilled(civo, session, lambda _: civo.requests.clear())

        assert [request.kind for request in civo.requests] == [
            "list_instances",
            "get_instance",
            "delete_instance",
            "get_instance",
        ]
        assert civo.requests[2].path == f"/v2/instances/{civo.restores[0].instance_id}"
        assert civo.requests[2].body == b""

    async def test_one_that_is_never_listed_is_not_deleted(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """It has no id."""
        only_web = page(document(civo.instance("web-1")))
        civo.inject("list_instances", None, *[only_web] * 100)

        report = await drilled(civo, session, lambda _: None, timeout=60)

        assert isinstance(report.error, WaitTimeoutError)
        assert report.left_behind[0].reason == (
            "its restore was accepted, and it was not found; nothing is deleted that was not found"
        )
        assert requested_deletions(civo) == 0


class TestNobodyElse:
    """No public call deletes an instance."""

    def test_one_file_makes_the_request(self) -> None:
        """The one that checks everything before."""
        making = {
            path.name
            for path in PACKAGE.rglob("*.py")
            if re.search(r"\bdelete_scratch\(", path.read_text(encoding="utf-8"))
        }

        assert making == {"endpoints.py", "_scratch.py"}

    def test_no_name_of_a_session_promises_it(self) -> None:
        """A drill's option is all that there is."""
        names = [name for name in dir(SnapshotSession) if "delete" in name]

        assert sorted(names) == ["delete_snapshot", "wait_until_deleted"]


# ---- the law: whatever Civo shows, in whatever order, what is deleted is the drill's own

IDS = st.sampled_from(["own", "OWN", "source", "old", "new"])
HOSTNAMES = st.sampled_from(["drill-1", "DRILL-1", "own", "web-1", ""])
REGIONS = st.sampled_from([None, "LON1", "lon1", "NYC1"])
INSTANCES = st.builds(Instance, id=IDS, hostname=HOSTNAMES, reported_region=REGIONS)


@given(
    own=IDS,
    before=st.frozensets(st.sampled_from(["own", "source", "old"])),
    listed=st.lists(INSTANCES, max_size=5).map(tuple),
    shown=st.none() | INSTANCES,
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_without_a_doubt_it_is_the_drills_own(
    own: str, before: frozenset[str], listed: tuple[Instance, ...], shown: Instance | None
) -> None:
    """Each condition, said once more in other words."""
    scratch = Scratch(hostname="drill-1", region="LON1", source_id="source", before=before)
    instance = Instance(id=own, hostname="drill-1")

    doubts = [*scratch._against(instance, listed, shown)]

    bearing = {each.id.lower() for each in listed if each.hostname.lower() == "drill-1"}
    same_id = [each for each in listed if each.id.lower() == own.lower()]
    is_own = (
        own.lower() not in {*before, "source"}
        and "source" in before
        and "source" in {each.id.lower() for each in listed}
        and shown is not None
        and (shown.id.lower(), shown.hostname.lower()) == (own.lower(), "drill-1")
        and bearing == {own.lower()}
        and {each.hostname.lower() for each in same_id} == {"drill-1"}
        and {(each.reported_region or "lon1").lower() for each in (*same_id, shown)} == {"lon1"}
        and not any(each.hostname.lower() == own.lower() for each in listed if each not in same_id)
    )
    assert (doubts == []) is is_own


def test_the_law_has_an_own_instance_to_find() -> None:
    """It is not true for want of one."""
    scratch = Scratch(
        hostname="drill-1", region="LON1", source_id="source", before=frozenset({"source"})
    )
    own = Instance(id="own", hostname="drill-1", reported_region="lon1")
    source = Instance(id="source", hostname="web-1")

    assert [*scratch._against(own, (source, own), own)] == []


def test_a_scratch_instance_is_named_in_the_log_by_what_is_known() -> None:
    """Its host name, and its id once that is known."""
    scratch = Scratch(hostname="drill-1", region="LON1", source_id="source", before=frozenset())
    assert str(scratch) == "scratch instance drill-1"

    scratch.found(Instance(id="own", hostname="drill-1"))

    assert str(scratch) == "scratch instance drill-1 (own)"
    assert json.dumps(scratch.leftover and scratch.leftover.to_dict())
