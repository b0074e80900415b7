"""What a test does with FakeCivo without any request."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .talk import Caller

PAGE_DATE = datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))


@pytest.fixture
def empty(fake_clock: FakeClock) -> FakeCivo:
    """Make a FakeCivo that does not run: its handles need no server."""
    return FakeCivo(clock=fake_clock, other_regions=("FAKE2",))


def test_it_is_empty_at_first(empty: FakeCivo) -> None:
    """Tests add what they need."""
    assert (dict(empty.instances), empty.restores, empty.requests) == ({}, [], [])


def test_an_instance_has_defaults(empty: FakeCivo) -> None:
    """An id is enough, and not even that is needed."""
    instance = empty.add_instance()

    assert (instance.id, instance.hostname, instance.region) == ("web-1", "web-1", "FAKE1")
    assert (instance.volumes, instance.private_ip) == (("vol-1", "vol-2"), "10.0.0.4")
    assert (instance.disk, instance.status) == ("initial", "ACTIVE")


def test_an_instance_is_as_described(empty: FakeCivo) -> None:
    """Each trait can be given."""
    instance = empty.add_instance(
        "i-1", hostname="db.example", volumes=["v"], region="FAKE2", private_ip="10.0.0.7"
    )

    assert (instance.hostname, instance.region) == ("db.example", "FAKE2")
    assert (instance.volumes, instance.private_ip) == (("v",), "10.0.0.7")
    assert empty.instance("i-1") is empty.instance("db.example") is empty.instances["i-1"]


def test_an_instance_without_volumes_may_be(empty: FakeCivo) -> None:
    """No attached volumes is an instance too."""
    empty.add_instance(volumes=())

    assert empty.add_snapshot("web-1").status == {"state": "Complete", "volumes": []}


def test_an_added_snapshot_has_defaults(empty: FakeCivo, fake_clock: FakeClock) -> None:
    """It is complete, made now, of the disk and the volumes of now."""
    fake_clock.advance(5.0)
    empty.add_instance().disk = "v1"

    snapshot = empty.add_snapshot("web-1")

    assert (snapshot.instance_id, snapshot.name, snapshot.description) == (
        "web-1",
        "snapshot-1",
        "",
    )
    assert (snapshot.volumes, snapshot.disk, snapshot.created) == (("vol-1", "vol-2"), "v1", 5.0)
    assert (snapshot.status or {})["state"] == "Complete"
    assert empty.snapshot("web-1", snapshot.id) is snapshot


@pytest.mark.parametrize(
    ("when", "created"),
    [
        pytest.param({"age": 3600}, 6400.0, id="seconds"),
        pytest.param({"age": timedelta(hours=1)}, 6400.0, id="timedelta"),
        pytest.param({"age": 0}, 10_000.0, id="now"),
        pytest.param({"age": timedelta(days=400)}, 10_000 - 400 * 86_400.0, id="older-than-it-all"),
        pytest.param({"created_at": PAGE_DATE}, 0.0, id="date"),
        pytest.param(
            {"created_at": datetime(2025, 4, 1, 11, 11, 15, tzinfo=EAST)}, 1.0, id="date-elsewhere"
        ),
        pytest.param({"created_at": PAGE_DATE + timedelta(days=1)}, 86_400.0, id="a-date-to-come"),
    ],
)
def test_an_added_snapshot_may_be_of_another_date(
    empty: FakeCivo, fake_clock: FakeClock, when: dict[str, Any], created: float
) -> None:
    """For what depends on how old a snapshot is, such as retention."""
    fake_clock.advance(10_000)
    empty.add_instance()

    assert empty.add_snapshot("web-1", **when).created == created


async def test_the_date_of_an_old_snapshot_is_written(civo: FakeCivo, call: Caller) -> None:
    """As a date, also one that is long ago."""
    for number, year in enumerate((2024, 985, 1)):
        civo.add_snapshot("web-1", f"s-{number}", created_at=datetime(year, 1, 2, tzinfo=UTC))

    documents = (await call("GET", "web-1/snapshots")).document

    assert [each["created_at"] for each in documents] == [
        "2024-01-02T00:00:00Z",
        "0985-01-02T00:00:00Z",
        "0001-01-02T00:00:00Z",
    ]


async def test_on_the_machines_clock_a_date_is_the_same_second(call: Caller) -> None:
    """Dates are cut to seconds, and this one has none to lose."""
    async with FakeCivo() as civo:
        civo.add_instance("web-1")
        civo.add_snapshot("web-1", "snap-1", created_at=PAGE_DATE)

        document = (await Caller(civo, call.session)("GET", "web-1/snapshots/snap-1")).document

    assert document["created_at"] == "2025-04-01T09:11:14Z"


def test_the_newest_is_first_whenever_it_was_added(empty: FakeCivo) -> None:
    """Of those of one time, and of one name, the one that was added last."""
    empty.add_instance()
    empty.add_snapshot("web-1", "s-1", name="nightly")
    empty.add_snapshot("web-1", "s-2", name="nightly")
    empty.add_snapshot("web-1", "s-3", name="nightly", age=60)

    assert [snapshot.id for snapshot in empty.snapshots("web-1")] == ["s-2", "s-1", "s-3"]
    assert [snapshot.id for snapshot in empty.snapshots()] == ["s-2", "s-1", "s-3"]
    assert empty.snapshot("web-1", "nightly").id == "s-2"


def test_a_script_counts_from_the_date_of_its_snapshot(empty: FakeCivo) -> None:
    """A snapshot that began half a minute ago is half done."""
    empty.add_instance(volumes=())

    snapshot = empty.add_snapshot("web-1", age=30, script=scripts.completes(takes=60))

    assert (snapshot.status or {})["state"] == "Pending"


async def test_the_quota_can_be_set(civo: FakeCivo, call: Caller) -> None:
    """While it runs, to fewer than there are, and back to any number."""
    civo.add_snapshot("web-1")
    statuses = []

    for quota in (0, 2, None):
        civo.snapshot_quota = quota
        statuses.append((await call("POST", "web-1/snapshots")).status)
        assert civo.snapshot_quota == quota
        for snapshot in civo.snapshots("web-1"):
            snapshot.script = scripts.completed()

    assert statuses == [403, 201, 201]


@pytest.mark.parametrize("name", ["snapshot_qouta", "statu", "disks"])
@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(lambda civo: civo, id="FakeCivo"),
        pytest.param(lambda civo: civo.add_instance(), id="FakeInstance"),
        pytest.param(lambda civo: civo.add_snapshot(civo.add_instance().id), id="FakeSnapshot"),
    ],
)
def test_a_name_that_does_not_exist_is_an_attribute_error(
    empty: FakeCivo, handle: Callable[[FakeCivo], object], name: str
) -> None:
    """A typo that sets something else, or nothing, must not let the test pass."""
    holder = handle(empty)

    with pytest.raises(AttributeError, match=name):
        setattr(holder, name, 3)
    with pytest.raises(AttributeError, match=name):
        getattr(holder, name)


@pytest.mark.parametrize("name", ["requests", "effects", "restores", "instances", "api_url"])
def test_what_is_recorded_cannot_be_replaced(empty: FakeCivo, name: str) -> None:
    """Another list would stay empty; `civo.requests.clear()` does what was meant."""
    with pytest.raises(AttributeError):
        setattr(empty, name, [])


async def test_it_shows_itself_in_one_line(fake_clock: FakeClock) -> None:
    """Where it is and what it has, and never the token."""
    civo = FakeCivo(clock=fake_clock)
    assert repr(civo) == "<FakeCivo not started: no instances>"
    civo.add_instance("web-1")
    civo.add_instance("db-1")

    async with civo:
        running = repr(civo)

    assert running == f"<FakeCivo {civo.api_url}: web-1, db-1>"
    assert repr(civo) == f"<FakeCivo {civo.api_url} (stopped): web-1, db-1>"
    assert civo.token not in running


def test_it_shows_so_many_instances(empty: FakeCivo) -> None:
    """A failed assertion would print thousands."""
    for number in range(30):
        empty.add_instance(f"i-{number}")

    assert repr(empty).endswith("i-8, i-9 and 20 more>")


def test_a_snapshot_keeps_the_disk_of_its_time(empty: FakeCivo) -> None:
    """What the instance holds later is not in it."""
    instance = empty.add_instance()
    instance.disk = "before"
    snapshot = empty.add_snapshot("web-1")

    instance.disk = "after"

    assert snapshot.disk == "before"


def test_a_vanished_snapshot_can_come_back(empty: FakeCivo) -> None:
    """A handle outlives what it stands for."""
    empty.add_instance()
    snapshot = empty.add_snapshot("web-1", "snap-1", script=scripts.vanishes())
    assert (snapshot.status, empty.snapshots("web-1")) == (None, ())

    snapshot.script = scripts.completed()

    assert empty.snapshots("web-1") == (snapshot,)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(lambda _: FakeCivo(token=""), "token must be one word", id="no-token"),
        pytest.param(lambda _: FakeCivo(token="a b"), "token must be one word", id="spaced-token"),
        pytest.param(lambda _: FakeCivo(region=""), "region must be one word", id="no-region"),
        pytest.param(
            lambda _: FakeCivo(default_region="FAKE9"),
            "default_region must be 'FAKE1' or None, not 'FAKE9'",
            id="default-region",
        ),
        pytest.param(
            lambda _: FakeCivo(takes=-1.0), "takes must be a number of seconds", id="takes"
        ),
        pytest.param(
            lambda _: FakeCivo(deletes_take=math.inf),
            "deletes_take must be a number",
            id="deletes-take",
        ),
        pytest.param(
            lambda _: FakeCivo(snapshot_quota=-1), "snapshot_quota must be 0 or", id="quota"
        ),
        pytest.param(
            lambda _: FakeCivo(account_list_ids=cast("Any", "volume")),
            "account_list_ids must be 'instance' or 'snapshot'",
            id="what the account's list has ids of",
        ),
        pytest.param(
            lambda _: FakeCivo(past_last_page=cast("Any", "last")),
            "past_last_page must be 'first' or 'empty'",
            id="past-last-page",
        ),
        pytest.param(
            lambda _: FakeCivo(spelling=cast("Any", "upper")),
            "spelling must be 'page' or 'lower'",
            id="spelling",
        ),
        pytest.param(lambda civo: civo.add_instance(""), "instance_id must be", id="no-id"),
        pytest.param(lambda civo: civo.add_instance("a"), "instance a already", id="same-id"),
        pytest.param(
            lambda civo: civo.add_instance("c", hostname="b"), "b or c already", id="same-host-name"
        ),
        pytest.param(lambda civo: civo.add_instance("b"), "instance b already", id="id-is-a-name"),
        pytest.param(
            lambda civo: civo.add_instance("c", private_ip="10.0.0.4"),
            "with the private IP 10.0.0.4 already",
            id="same-private-ip",
        ),
        pytest.param(
            lambda civo: civo.add_instance("c", region="FAKE9"),
            "region must be 'FAKE1' or 'FAKE2', not 'FAKE9'",
            id="unknown-region",
        ),
        pytest.param(
            lambda civo: civo.add_instance("c", volumes="vol-1"), "sequence of ids", id="volumes"
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", "snap-1"),
            "a snapshot snap-1 already",
            id="same-snapshot",
        ),
        pytest.param(
            lambda civo: setattr(civo, "snapshot_quota", -1),
            "snapshot_quota must be 0 or",
            id="set-quota",
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", created_at=PAGE_DATE, age=1.0),
            "give one of them",
            id="date-and-age",
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", created_at=PAGE_DATE.replace(tzinfo=None)),
            "created_at must have a timezone",
            id="naive-date",
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", created_at=datetime.min.replace(tzinfo=EAST)),
            "in the years 1 to 9999",
            id="no-date",
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", age=1e12), "in the years 1 to 9999", id="too-old"
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", age=-1.0), "age must be a number of", id="young"
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", age=timedelta(days=-1)),
            "age must be a number of seconds",
            id="young-timedelta",
        ),
        pytest.param(
            lambda civo: civo.add_snapshot("a", script=scripts.fails("vol-9")),
            "names volume 'vol-9'",
            id="added-script",
        ),
        pytest.param(
            lambda civo: civo.script_next("a", scripts.completed(), scripts.fails("vol-9")),
            "names volume 'vol-9'",
            id="next-script",
        ),
        pytest.param(
            lambda civo: setattr(civo.snapshot("a", "snap-1"), "script", scripts.fails("vol-9")),
            "names volume 'vol-9'",
            id="set-script",
        ),
    ],
)
def test_what_cannot_be_is_a_value_error(
    empty: FakeCivo, wrong: Callable[[FakeCivo], object], match: str
) -> None:
    """A mistake in a test's own set-up fails at once."""
    empty.add_instance("a", hostname="b")
    empty.add_snapshot("a", "snap-1")

    with pytest.raises(ValueError, match=match):
        wrong(empty)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(lambda civo: civo.instance("c"), "instance 'c'", id="instance"),
        pytest.param(lambda civo: civo.add_snapshot("c"), "instance 'c'", id="add-snapshot"),
        pytest.param(lambda civo: civo.snapshot("c", "s"), "instance 'c'", id="its-instance"),
        pytest.param(lambda civo: civo.snapshot("a", "s"), "snapshot 's'", id="snapshot"),
        pytest.param(lambda civo: civo.snapshots("c"), "instance 'c'", id="snapshots"),
        pytest.param(lambda civo: civo.script_next("c"), "instance 'c'", id="script-next"),
    ],
)
def test_what_does_not_exist_is_a_lookup_error(
    empty: FakeCivo, wrong: Callable[[FakeCivo], object], match: str
) -> None:
    """The error has its name."""
    empty.add_instance("a")

    with pytest.raises(LookupError, match=match):
        wrong(empty)


async def test_changes_of_a_handle_are_seen(civo: FakeCivo, call: Caller) -> None:
    """What a test sets on a handle is what requests find."""
    snapshot = civo.add_snapshot("web-1")
    snapshot.id, snapshot.name, snapshot.created = "snap-1", "nightly", 60.0

    document = (await call("GET", "web-1/snapshots/snap-1")).document

    assert (document["name"], document["created_at"]) == ("nightly", "2025-04-01T09:12:14Z")
