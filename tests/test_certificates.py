"""Certificates are always checked, and one that is not good is final."""

import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import trustme

from civo_snapshots_async import (
    CertificateError,
    CivoSnapshotsError,
    HttpOptions,
    PruneEntry,
    PrunePlan,
    SnapshotSession,
    TransportError,
)
from civo_snapshots_async.testing import FakeCivo, FakeClock

from .calls import SIX_CALLS, Call
from .make import make_snapshot
from .raw_server import http, raw_server, responds

SNAPSHOT = '{"id": "snap-1", "name": "nightly"}'
PLAN = PrunePlan(
    entries=tuple(
        PruneEntry(
            snapshot=make_snapshot("Complete", snapshot_id=f"snap-{number}"),
            is_deletion=True,
            reason="it is old",
        )
        for number in range(3)
    )
)


async def prune(session: SnapshotSession) -> None:
    """Delete three snapshots, and raise what the last deletion came to."""
    result = await session.prune(PLAN)
    raise result.failed[2].error or AssertionError("it was deleted")


CALLS: dict[str, Call] = {
    **SIX_CALLS,
    "overwrite": lambda s: s.restore_snapshot(
        "web-1", "snap-1", overwrite_existing=True, require_complete=False
    ),
    "ensure": lambda s: s.ensure_snapshot("web-1", name="nightly"),
    "prune": prune,
    "wait": lambda s: s.wait_until_complete("web-1", "snap-1"),
    "wait for a deletion": lambda s: s.wait_until_deleted("web-1", "snap-1"),
    "wait for an instance": lambda s: s.wait_until_active("web-1"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def server_context(cert: trustme.LeafCert) -> ssl.SSLContext:
    """Return what a server needs to show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """Return a client's context that trusts one authority."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


NOW = datetime.now(UTC)
CA = trustme.CA()
GOOD = CA.issue_cert("127.0.0.1")
# What the server shows, whom the client trusts, and the text of the error.
BAD: dict[str, tuple[trustme.LeafCert, ssl.SSLContext | None, str]] = {
    "untrusted": (GOOD, None, r"is not trusted \(unable to get local issuer certificate\)"),
    "expired": (
        CA.issue_cert("127.0.0.1", not_before=NOW - timedelta(9), not_after=NOW - timedelta(2)),
        trusting(CA),
        r"has expired \(is this machine's clock right\?\)",
    ),
    "not valid yet": (
        CA.issue_cert("127.0.0.1", not_before=NOW + timedelta(2), not_after=NOW + timedelta(9)),
        trusting(CA),
        r"is not valid yet \(is this machine's clock right\?\)",
    ),
    "another address": (CA.issue_cert("127.0.0.2"), trusting(CA), "is for another address"),
}


async def call_and_count(
    cert: trustme.LeafCert,
    context: ssl.SSLContext | None,
    call: Callable[[SnapshotSession], Any],
    host: str = "127.0.0.1",
) -> tuple[CivoSnapshotsError, int, list[str]]:
    """Call a server that shows a certificate; return the error, the handshakes, the requests."""
    hellos: list[object] = []
    tls = server_context(cert)
    # OpenSSL calls it once for each handshake, whatever becomes of that.
    tls.sni_callback = lambda _, name, __: hellos.append(name)
    async with (
        raw_server(responds(http("200 OK", SNAPSHOT)), tls) as server,
        SnapshotSession(
            "canary-token",
            region="FAKE1",
            api_url=server.api_url.replace("127.0.0.1", host),
            http=HttpOptions(ssl_context=context),
            clock=FakeClock(),
        ) as session,
    ):
        with pytest.raises(CivoSnapshotsError) as caught:
            await call(session)

        return caught.value, len(hellos), server.requests


@every_call
@pytest.mark.parametrize(("cert", "context", "text"), BAD.values(), ids=BAD.keys())
async def test_a_bad_certificate_is_final(
    cert: trustme.LeafCert,
    context: ssl.SSLContext | None,
    text: str,
    call: Callable[[SnapshotSession], Any],
) -> None:
    """One handshake for any call, and no request; a wait ends at that poll."""
    error, handshakes, requests = await call_and_count(cert, context, call)

    assert (handshakes, requests) == (1, [])
    assert isinstance(error, CertificateError)
    assert re.search(
        rf"the TLS certificate of 127\.0\.0\.1:\d+ {text}, and nothing was", str(error)
    )
    assert (error.may_have_arrived, error.may_have_taken_effect, error.is_transient) == (
        False, False, False,
    )  # fmt: skip


async def test_a_certificate_for_another_host_name_is_final() -> None:
    """As by a certificate for an address."""
    cert = CA.issue_cert("civo.example")

    error, handshakes, _ = await call_and_count(cert, trusting(CA), CALLS["get"], "localhost")

    assert isinstance(error, CertificateError)
    assert handshakes == 1
    assert "is for another host name, and nothing was sent" in str(error)


async def test_a_certificate_that_is_not_the_pinned_one_is_final() -> None:
    """A given session's connector may pin one."""
    hellos: list[object] = []
    tls = server_context(GOOD)
    tls.sni_callback = lambda _, name, __: hellos.append(name)
    pinned = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes(32)))
    async with (
        raw_server(responds(http("200 OK", SNAPSHOT)), tls) as server,
        aiohttp.ClientSession(connector=pinned) as mine,
        SnapshotSession(
            "canary-token",
            region="LON1",
            api_url=server.api_url,
            http_session=mine,
            clock=FakeClock(),
        ) as session,
    ):
        with pytest.raises(
            CertificateError, match=r"1:\d+ is not the pinned one, and nothing was sent$"
        ) as caught:
            await session.get_snapshot("web-1", "snap-1")

    assert (len(hellos), server.requests) == (1, [])
    assert not caught.value.may_have_arrived


async def test_a_context_sets_whom_to_trust() -> None:
    """A private region may have an authority of its own."""
    async with (
        raw_server(responds(http("200 OK", SNAPSHOT)), server_context(GOOD)) as server,
        SnapshotSession(
            "canary-token",
            region="LON1",
            api_url=server.api_url,
            http=HttpOptions(ssl_context=trusting(CA)),
        ) as session,
    ):
        await session.get_snapshot("web-1", "snap-1")

    assert len(server.requests) == 1


async def test_a_server_without_tls_is_no_bad_certificate(civo: FakeCivo) -> None:
    """It may be starting; nothing was sent either."""
    api_url = civo.api_url.replace("http:", "https:")
    async with SnapshotSession(civo.token, region="FAKE1", api_url=api_url, retry=None) as session:
        with pytest.raises(TransportError, match=r"cannot connect to .* \(TLS: .*\)$") as caught:
            await session.get_snapshot("web-1", "snap-1")

    assert not isinstance(caught.value, CertificateError)
    assert (caught.value.may_have_arrived, caught.value.is_transient) == (False, True)


@every_call
@pytest.mark.parametrize(
    ("status", "is_final"), [(407, True), (403, True), (429, False), (502, False)]
)
async def test_a_proxy_that_refuses_to_connect_is_final(
    status: int, call: Callable[[SnapshotSession], Any], *, is_final: bool
) -> None:
    """One CONNECT for any call; a proxy that fails may do better a little later."""
    async with (
        raw_server(responds(http(f"{status} No"))) as proxy,
        SnapshotSession(
            "canary-token", region="FAKE1", http=HttpOptions(proxy=proxy.api_url), clock=FakeClock()
        ) as session,
    ):
        with pytest.raises(TransportError) as caught:
            await call(session)

    assert (len(proxy.requests) == 1) is (is_final or call is CALLS["overwrite"])
    assert {line.split()[0] for line in proxy.requests} == {"CONNECT"}
    assert f"the proxy returned {status}, and nothing was sent" in str(caught.value)
    assert (caught.value.may_have_arrived, caught.value.is_transient) == (False, not is_final)
