"""What a test does with FakeCivo without any request."""

import math
from collections.abc import Callable
from typing import Any, cast

import pytest

from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .talk import Caller


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
            lambda _: FakeCivo(default_region="FAKE9"), "none of the regions", id="default-region"
        ),
        pytest.param(lambda _: FakeCivo(takes=-1.0), "takes is a number of seconds", id="takes"),
        pytest.param(
            lambda _: FakeCivo(deletes_take=math.inf), "deletes_take is a number", id="deletes-take"
        ),
        pytest.param(lambda _: FakeCivo(snapshot_quota=-1), "snapshot_quota is 0 or", id="quota"),
        pytest.param(
            lambda _: FakeCivo(past_last_page=cast("Any", "last")),
            "past_last_page is 'first' or 'empty'",
            id="past-last-page",
        ),
        pytest.param(
            lambda _: FakeCivo(spelling=cast("Any", "upper")),
            "spelling is 'page' or 'lower'",
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
            "'FAKE9' is none of FAKE1, FAKE2",
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
            lambda civo: civo.add_snapshot("a", script=scripts.fails("vol-9")),
            "speaks of volume 'vol-9'",
            id="added-script",
        ),
        pytest.param(
            lambda civo: civo.script_next("a", scripts.completed(), scripts.fails("vol-9")),
            "speaks of volume 'vol-9'",
            id="next-script",
        ),
        pytest.param(
            lambda civo: setattr(civo.snapshot("a", "snap-1"), "script", scripts.fails("vol-9")),
            "speaks of volume 'vol-9'",
            id="set-script",
        ),
    ],
)
def test_what_cannot_be_is_a_value_error(
    empty: FakeCivo, wrong: Callable[[FakeCivo], object], match: str
) -> None:
    """A mistake in a test's own set-up is told there and then."""
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
def test_what_is_not_there_is_a_lookup_error(
    empty: FakeCivo, wrong: Callable[[FakeCivo], object], match: str
) -> None:
    """A handle for what is not there is a LookupError with its name."""
    empty.add_instance("a")

    with pytest.raises(LookupError, match=match):
        wrong(empty)


async def test_changes_of_a_handle_are_seen(civo: FakeCivo, call: Caller) -> None:
    """What a test sets on a handle is what requests find."""
    snapshot = civo.add_snapshot("web-1")
    snapshot.id, snapshot.name, snapshot.created = "snap-1", "nightly", 60.0

    document = (await call("GET", "web-1/snapshots/snap-1")).document

    assert (document["name"], document["created_at"]) == ("nightly", "2025-04-01T09:12:14Z")
