"""The six calls, waiting and restoring, as users call them, on a FakeCivo."""

import asyncio
from typing import Any

import pytest

from civo_snapshots_async import (
    AuthenticationError,
    CivoSnapshotsError,
    ConflictError,
    InstanceNotFoundError,
    Phase,
    PollPolicy,
    QuotaExceededError,
    RegionNotFoundError,
    Snapshot,
    SnapshotFailedError,
    SnapshotNotCompleteError,
    SnapshotNotFoundError,
    SnapshotSession,
    SnapshotVanishedError,
    SystemClock,
    WaitTimeoutError,
    diff,
    wait_until_complete,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock, scripts

from .make import session_on


def kinds(civo: FakeCivo) -> list[str]:
    """Return the kinds of a FakeCivo's requests, in order."""
    return [request.kind for request in civo.requests]


class TestTheSixCalls:
    """Each is one documented request."""

    @pytest.mark.parametrize("body_format", ["json", "form"])
    async def test_the_main_job(
        self, civo: FakeCivo, fake_clock: FakeClock, body_format: Any
    ) -> None:
        """Create, wait, restore: what was on the disk then is on the new instance's."""
        civo.instance("web-1").disk = "before the upgrade"
        async with session_on(civo, fake_clock, body_format=body_format) as session:
            snapshot = await session.create_snapshot("web-1", name="before-upgrade")
            civo.instance("web-1").disk = "after the upgrade"
            snapshot = await session.wait_until_complete("web-1", snapshot.id)
            restore = await session.restore_snapshot("web-1", snapshot.id, hostname="web-1-copy")

        assert snapshot.is_complete
        assert (restore.from_snapshot, restore.phase) == (snapshot.id, Phase.PENDING)
        assert civo.instance("web-1-copy").disk == "before the upgrade"
        assert civo.instance("web-1").disk == "after the upgrade"

    async def test_create_begins_a_snapshot(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """The snapshot has its instance and region, and is not complete."""
        snapshot = await session.create_snapshot("web-1", name="nightly", description="of Monday")

        assert kinds(civo) == ["create"]
        assert civo.requests[0].fields == {"name": "nightly", "description": "of Monday"}
        assert (snapshot.instance_id, snapshot.region) == ("web-1", civo.region)
        assert snapshot.included_volumes == ("vol-1", "vol-2")
        assert snapshot.phase is Phase.PENDING

    async def test_create_without_a_name_lets_civo_make_one(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Nothing but what was given is sent."""
        snapshot = await session.create_snapshot("web-1")

        assert civo.requests[0].fields == {}
        assert snapshot.name

    async def test_list_gives_every_snapshot(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As a tuple, perhaps an empty one."""
        assert await session.list_snapshots("web-1") == ()
        civo.add_snapshot("web-1", "snap-1")
        civo.add_snapshot("web-1", "snap-2")

        snapshots = await session.list_snapshots("web-1")

        assert {snapshot.id for snapshot in snapshots} == {"snap-1", "snap-2"}
        assert kinds(civo) == ["list", "list"]

    @pytest.mark.parametrize("asked", ["snap-1", "SNAP-1", "nightly"])
    async def test_get_gives_one_by_id_or_name(
        self, civo: FakeCivo, session: SnapshotSession, asked: str
    ) -> None:
        """Both are documented for the path."""
        civo.add_snapshot("web-1", asked if asked != "nightly" else "snap-1", name="nightly")

        snapshot = await session.get_snapshot("web-1", asked)

        assert snapshot.name == "nightly"
        assert kinds(civo) == ["get"]

    async def test_update_changes_only_what_is_given(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The other field stays, and an empty description clears it."""
        civo.add_snapshot("web-1", "snap-1", name="nightly", description="old")

        renamed = await session.update_snapshot("web-1", "nightly", name="weekly")
        cleared = await session.update_snapshot("web-1", "snap-1", description="")

        assert (renamed.name, renamed.description) == ("weekly", "old")
        assert (cleared.name, cleared.description) == ("weekly", "")
        assert [request.fields for request in civo.requests] == [
            {"name": "weekly"}, {"description": ""},
        ]  # fmt: skip

    async def test_delete_removes_it(self, civo: FakeCivo, session: SnapshotSession) -> None:
        """Afterwards it is not found."""
        civo.add_snapshot("web-1", "snap-1")

        await session.delete_snapshot("web-1", "snap-1")

        assert civo.snapshots("web-1") == ()
        with pytest.raises(SnapshotNotFoundError):
            await session.get_snapshot("web-1", "snap-1")

    async def test_a_region_can_be_named_for_one_call(self, fake_clock: FakeClock) -> None:
        """Every call takes one, and every request carries one."""
        async with FakeCivo(clock=fake_clock, takes=0, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            async with session_on(civo, fake_clock) as session:
                there: Any = {"region": "FAKE2"}
                snapshot = await session.create_snapshot("db-1", **there)
                await session.list_snapshots("db-1", **there)
                await session.get_snapshot("db-1", snapshot.id, **there)
                await session.update_snapshot("db-1", snapshot.id, description="x", **there)
                await session.wait_until_complete("db-1", snapshot.id, **there)
                await session.restore_snapshot("db-1", snapshot.id, **there)
                await session.restore_when_complete("db-1", snapshot.id, **there)
                await session.delete_snapshot("db-1", snapshot.id, **there)
                with pytest.raises(InstanceNotFoundError):
                    await session.list_snapshots("db-1")

        assert [request.query["region"] for request in civo.requests] == ["FAKE2"] * 10 + ["FAKE1"]
        assert snapshot.region == "FAKE2"

    async def test_error_responses_are_distinguished(self, fake_clock: FakeClock) -> None:
        """A bad token, an unknown region, a conflict and a quota are different errors."""
        async with FakeCivo(clock=fake_clock, snapshot_quota=2) as civo:
            civo.add_instance("web-1")
            async with SnapshotSession(
                civo.token, region=civo.region, api_url=civo.api_url
            ) as session:
                await session.create_snapshot("web-1")
                with pytest.raises(ConflictError, match="already_in_process"):
                    await session.create_snapshot("web-1")
                civo.add_snapshot("web-1")
                fake_clock.advance(100)
                with pytest.raises(QuotaExceededError):
                    await session.create_snapshot("web-1")
                with pytest.raises(RegionNotFoundError):
                    await session.list_snapshots("web-1", region="NOWHERE")
            async with SnapshotSession("wrong", region="FAKE1", api_url=civo.api_url) as stranger:
                with pytest.raises(AuthenticationError) as caught:
                    await stranger.delete_snapshot("web-1", "snap-1")

        assert caught.value.status == 404


class TestWaiting:
    """On a server, with its spellings and its moods."""

    async def test_reports_each_volume_as_it_is_done(self, session: SnapshotSession) -> None:
        """Live progress, a line for each change."""
        snapshot = await session.create_snapshot("web-1")
        lines: list[str] = []

        def report(before: Snapshot, after: Snapshot) -> None:
            lines.extend(map(str, diff(before, after)))

        await session.wait_until_complete(
            "web-1", snapshot.id, poll=PollPolicy(interval=0.1), on_change=report
        )

        assert lines == [
            "snapshot: (no state) -> Pending",
            "volume vol-1: (not reported) -> Pending",
            "volume vol-2: (not reported) -> Pending",
            "volume vol-1: Pending -> Completed",
            "volume vol-2: Pending -> Completed",
            "snapshot: Pending -> Complete",
        ]

    @pytest.mark.parametrize(
        ("script", "error", "says"),
        [
            (scripts.fails("vol-2", after=7), SnapshotFailedError, "volume vol-2 is Failed"),
            (scripts.fails(after=7, state="Error"), SnapshotFailedError, "the snapshot is Error"),
            (scripts.vanishes(after=7), SnapshotVanishedError, "is no longer there in region"),
            (scripts.stuck(), WaitTimeoutError, "volume vol-1 is Pending, volume vol-2 is Pend"),
            (scripts.complete_with_pending_volume(), WaitTimeoutError, "volume vol-2 is Pending"),
            (scripts.reports("Quiescing"), WaitTimeoutError, "the snapshot is Quiescing"),
        ],
    )
    async def test_ends_with_what_it_came_to(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        script: scripts.Script,
        error: type[Exception],
        says: str,
    ) -> None:
        """Failed, gone and late are different errors."""
        civo.script_next("web-1", script)
        snapshot = await session.create_snapshot("web-1")

        with pytest.raises(error, match=says):
            await session.wait_until_complete("web-1", snapshot.id, timeout=60)

    @pytest.mark.parametrize(
        ("instance_id", "says"),
        [
            pytest.param(
                "web-1",
                "snapshot snap-9 of instance web-1 was not found in region FAKE1 (4 polls in "
                "30.0 s): it was never seen; if it is in another region, pass region=",
                id="no such snapshot",
            ),
            pytest.param(
                "web-9",
                "GET /v2/instances/web-9/snapshots/snap-9: Civo returned 404 "
                "database_instance_find: Failed to find instance 'web-9' (searched region FAKE1; "
                "if it is in another one, pass region=); while waiting for snapshot snap-9 of "
                "instance web-9 (1 poll in 0.0 s): it was never seen",
                id="no such instance",
            ),
        ],
    )
    async def test_what_is_not_found_may_be_in_another_region(
        self, session: SnapshotSession, instance_id: str, says: str
    ) -> None:
        """The error names where it was searched, and what the wait knew."""
        with pytest.raises(CivoSnapshotsError) as caught:
            await session.wait_until_complete(instance_id, "snap-9", poll=PollPolicy(interval=10))

        assert str(caught.value) == says

    async def test_a_volume_that_is_never_reported_is_waited_for(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The response to the creation named it; what comes after does not."""
        half = {"state": "Complete", "volumes": [{"id": "vol-1", "state": "Completed"}]}
        civo.script_next("web-1", scripts.timeline([(0.0, half), (60.0, scripts.completed())]))
        snapshot = await session.create_snapshot("web-1")

        with pytest.raises(WaitTimeoutError, match="volume vol-2 has no state yet"):
            await session.wait_until_complete("web-1", snapshot.id, timeout=20)
        with pytest.raises(SnapshotNotCompleteError, match="volume vol-2 has no state yet"):
            await session.restore_snapshot("web-1", snapshot.id)
        snapshot = await session.wait_until_complete("web-1", snapshot.id)

        assert snapshot.included_volumes == ("vol-1", "vol-2")
        assert (await session.list_snapshots("web-1"))[0].included_volumes == ("vol-1", "vol-2")

    async def test_a_revoked_token_ends_it(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """Although it arrives as a 404, it is not a snapshot that is gone."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())
        wait = asyncio.ensure_future(session.wait_until_complete("web-1", "snap-1"))
        await fake_clock.sleep(60)

        civo.token = "another-token"
        with pytest.raises(AuthenticationError) as caught:
            await wait

        assert caught.value.snapshot is not None

    async def test_the_modules_coroutine_is_the_same(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """It is the session's own wait, on its clock."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.completes(takes=500))

        snapshot = await wait_until_complete(session, "web-1", "snap-1")

        assert snapshot.is_complete
        assert fake_clock.now() >= 500

    async def test_the_modules_coroutine_takes_a_region(self, fake_clock: FakeClock) -> None:
        """It goes along with each poll."""
        async with FakeCivo(clock=fake_clock, takes=0, other_regions=["FAKE2"]) as civo:
            civo.add_instance("db-1", region="FAKE2")
            civo.add_snapshot("db-1", "snap-1")
            async with SnapshotSession(civo.token, region="FAKE1", api_url=civo.api_url) as session:
                snapshot = await wait_until_complete(session, "db-1", "snap-1", region="FAKE2")

        assert snapshot.region == "FAKE2"

    async def test_refuses_a_bad_id_before_any_poll(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """As every call does."""
        with pytest.raises(ValueError, match="snapshot_id must be"):
            await session.wait_until_complete("web-1", "..")

        assert civo.requests == []

    async def test_by_default_the_time_is_the_machines(self, civo: FakeCivo) -> None:
        """A wait on a complete snapshot shows it without taking any."""
        civo.add_snapshot("web-1", "snap-1")
        async with SnapshotSession(civo.token, region="FAKE1", api_url=civo.api_url) as session:
            assert isinstance(session.clock, SystemClock)
            await session.wait_until_complete("web-1", "snap-1")
            with pytest.raises(SnapshotVanishedError):
                await session.wait_until_complete(
                    "web-1", "none", poll=PollPolicy(interval=0.01, not_found_grace=0.02)
                )


class TestRestoring:
    """Nothing is restored from what is not complete."""

    async def test_overwrites_only_by_an_option(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The disk is what it was when the snapshot was made."""
        civo.instance("web-1").disk = "good"
        civo.add_snapshot("web-1", "snap-1")
        civo.instance("web-1").disk = "broken"

        restore = await session.restore_snapshot("web-1", "snap-1", overwrite_existing=True)

        assert civo.requests[-1].fields == {"overwrite_existing": True}
        assert restore.overwrite_existing is True
        assert civo.instance("web-1").disk == "good"

    async def test_checks_first_and_then_restores_what_it_saw(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Given a name, it restores by the id that it checked."""
        civo.add_snapshot("web-1", "snap-1", name="nightly")

        await session.restore_snapshot(
            "web-1", "nightly", hostname="copy", private_ip="10.0.0.9", description="drill"
        )

        assert kinds(civo) == ["get", "restore"]
        assert civo.requests[1].path == "/v2/instances/web-1/snapshots/snap-1/restore"
        assert civo.requests[1].fields == {
            "hostname": "copy",
            "private_ip": "10.0.0.9",
            "private_ipv4": "10.0.0.9",
            "description": "drill",
        }

    @pytest.mark.parametrize(
        ("script", "reasons"),
        [
            (scripts.stuck(), "the snapshot is Pending, volume vol-1 is Pending, volume vol-2 is"),
            (scripts.complete_with_pending_volume("vol-1"), "volume vol-1 is Pending"),
            (scripts.fails("vol-2"), "volume vol-2 is Failed"),
            (scripts.timeline([(0.0, {})]), "the snapshot has no state yet"),
        ],
    )
    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_refuses_what_is_not_complete(
        self,
        civo: FakeCivo,
        session: SnapshotSession,
        script: scripts.Script,
        reasons: str,
        overwrite: bool,  # noqa: FBT001
    ) -> None:
        """With the reasons, and no restore is sent."""
        civo.add_snapshot("web-1", "snap-1", script=script)

        with pytest.raises(
            SnapshotNotCompleteError,
            match=f"snap-1 of instance web-1 is not complete, and no restore was sent: {reasons}",
        ) as caught:
            await session.restore_snapshot("web-1", "snap-1", overwrite_existing=overwrite)

        assert kinds(civo) == ["get"]
        assert caught.value.snapshot is not None
        assert caught.value.snapshot.verdict.reasons

    async def test_sends_one_request_without_the_check(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """Then it is Civo that refuses."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

        with pytest.raises(ConflictError):
            await session.restore_snapshot("web-1", "snap-1", require_complete=False)

        assert kinds(civo) == ["restore"]

    async def test_restores_when_complete(
        self, civo: FakeCivo, session: SnapshotSession, fake_clock: FakeClock
    ) -> None:
        """The last poll of the wait is the check before the restore."""
        civo.add_snapshot("web-1", "snap-1", name="nightly", script=scripts.completes(takes=60))
        reported: list[Snapshot] = []

        await session.restore_when_complete(
            "web-1", "nightly", hostname="copy", on_change=lambda _, after: reported.append(after)
        )

        assert fake_clock.now() >= 60
        assert kinds(civo)[-2:] == ["get", "restore"]
        assert kinds(civo).count("restore") == 1
        assert civo.requests[-1].path.endswith("/snap-1/restore")
        assert reported[-1].is_complete

    async def test_restores_nothing_when_it_does_not_get_complete(
        self, civo: FakeCivo, session: SnapshotSession
    ) -> None:
        """The error is the wait's."""
        civo.add_snapshot("web-1", "snap-1", script=scripts.stuck())

        with pytest.raises(WaitTimeoutError):
            await session.restore_when_complete("web-1", "snap-1", timeout=30)

        assert "restore" not in kinds(civo)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"hostname": "a_b"},
            {"private_ip": "10.0.0"},
            {"overwrite_existing": 1},
            {"overwrite_existing": True, "hostname": "copy"},
            {"timeout": 0},
        ],
    )
    async def test_refuses_bad_input_before_the_wait(
        self, civo: FakeCivo, session: SnapshotSession, wrong: dict[str, Any]
    ) -> None:
        """And not half an hour later."""
        with pytest.raises((ValueError, TypeError)):
            await session.restore_when_complete("web-1", "snap-1", **wrong)

        assert civo.requests == []

    @pytest.mark.parametrize("value", [None, 0, "no"])
    async def test_the_guard_is_on_or_off(
        self, civo: FakeCivo, session: SnapshotSession, value: Any
    ) -> None:
        """Nothing that merely counts as False takes it away."""
        with pytest.raises(TypeError, match="require_complete must be True or False"):
            await session.restore_snapshot("web-1", "snap-1", require_complete=value)

        assert civo.requests == []
