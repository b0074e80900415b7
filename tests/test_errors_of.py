"""What Civo's error responses mean: by code first, then by status."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from civo_snapshots_async import (
    ApiError,
    Attempt,
    AuthenticationError,
    ConflictError,
    InstanceNotFoundError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitedError,
    RegionNotFoundError,
    ServerError,
    SnapshotNotFoundError,
    SnapshotRef,
)
from civo_snapshots_async._http import endpoints
from civo_snapshots_async._http.errors_of import error_of
from civo_snapshots_async._http.message import Request, Response

GET = endpoints.get_snapshot(SnapshotRef("web-1", "snap-1", "LON1"))
CREATE = endpoints.create_snapshot("web-1", region="LON1", name="nightly")
RESTORE = endpoints.restore_snapshot(SnapshotRef("web-1", "snap-1", "LON1"), hostname="copy")
RECEIVED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def refuse(
    status: int, body: object = b"", request: Request[object] = GET, **headers: str
) -> ApiError:
    """Make the error that such a response means."""
    return error_of(
        request,
        Response(
            status=status,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            received_at=RECEIVED,
        ),
    )


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("database_account_not_found", 404, AuthenticationError),
        ("authentication_invalid_key", 403, AuthenticationError),
        ("AUTHENTICATION_failed", 500, AuthenticationError),
        ("database_account_access_denied", 404, PermissionDeniedError),
        ("database_region_not_found", 404, RegionNotFoundError),
        ("database_snapshot_not_found", 404, SnapshotNotFoundError),
        ("database_snapshot_not_found", 400, SnapshotNotFoundError),
        ("database_instance_snapshot_not_found", 404, SnapshotNotFoundError),
        ("database_snapshot_not_found", 500, ServerError),
        ("database_instance_not_found", 404, InstanceNotFoundError),
        ("database_instance_find", 404, InstanceNotFoundError),
        ("database_instance_find", 500, ServerError),
        ("database_snapshot_create_instance_not_found", 404, InstanceNotFoundError),
        ("database_snapshot_create_instance_not_found", 400, InstanceNotFoundError),
        ("database_snapshot_create_instance_not_found", 500, InstanceNotFoundError),
        ("database_network_not_found", 404, NotFoundError),
        ("quota_limit_reached", 403, QuotaExceededError),
        ("database_quota_lock_failed", 500, ConflictError),
        ("database_snapshot_create_already_in_process", 409, ConflictError),
        ("database_snapshot_cannot_delete_in_use", 500, ConflictError),
        ("database_instance_duplicate_name", 400, ConflictError),
        ("instance_state_must_be_active_or_shutoff", 409, ConflictError),
        ("instance_state_must_be_active_or_shutoff", 400, ConflictError),
        ("parameter_name_invalid", 500, InvalidRequestError),
        ("out_of_capacity", 503, ServerError),
        ("region_unavailable", 503, ServerError),
        ("disabled_service", 403, PermissionDeniedError),
        ("something_new", 418, ApiError),
        ("", 400, InvalidRequestError),
        ("", 401, AuthenticationError),
        ("", 403, PermissionDeniedError),
        ("", 404, NotFoundError),
        ("", 409, ConflictError),
        ("", 422, InvalidRequestError),
        ("", 429, RateLimitedError),
        ("", 500, ServerError),
        ("", 504, ServerError),
        ("", 451, ApiError),
    ],
)
def test_classifies_by_code_and_then_by_status(
    code: str, status: int, kind: type[ApiError]
) -> None:
    """A bad token is a 404 with a code of its own, so the code comes first."""
    error = refuse(status, {"code": code, "reason": "Because", "result": "failed"})

    assert type(error) is kind
    assert (error.code, error.status, error.reason) == (code, status, "Because")


def test_an_older_error_for_a_token_has_only_a_result() -> None:
    """Older reports show no code at all."""
    error = refuse(404, {"result": "requires_authentication"})

    assert type(error) is AuthenticationError


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"code": "database_network_not_found", "reason": "No\nsuch  network"},
            "Civo returned 404 database_network_not_found: No such network",
        ),
        ({"code": "x_y"}, "Civo returned 404 x_y"),
        ({"details": "it is gone"}, "Civo returned 404: it is gone"),
        ({"code": None, "reason": {"a": 1}}, "Civo returned 404: {'a': 1}"),
        ({"code": 7}, "Civo returned 404 7"),
        (["no", "object"], 'Civo returned 404: ["no", "object"]'),
        (b"<html>\n<h1>Not here</h1>", "Civo returned 404: an HTML page"),
        (b"", "Civo returned 404"),
    ],
)
def test_its_text_is_one_sentence(body: object, sentence: str) -> None:
    """Whatever the body is, the error can be read."""
    assert str(refuse(404, body)) == f"GET /v2/instances/web-1/snapshots/snap-1: {sentence}"


@pytest.mark.parametrize(
    ("request_", "status", "body", "sentence"),
    [
        pytest.param(
            GET,
            404,
            {"code": "database_account_not_found", "reason": "Failed to find the account"},
            "GET /v2/instances/web-1/snapshots/snap-1: the token was refused (Civo returned 404 "
            "database_account_not_found): Failed to find the account",
            id="a wrong token",
        ),
        pytest.param(
            CREATE,
            401,
            {"result": "requires_authentication"},
            "POST /v2/instances/web-1/snapshots: the token was refused (Civo returned 401 "
            "requires_authentication)",
            id="no token",
        ),
        pytest.param(
            GET,
            404,
            {"code": "database_instance_find", "reason": "Failed to find"},
            "GET /v2/instances/web-1/snapshots/snap-1: Civo returned 404 database_instance_find: "
            "Failed to find (searched region LON1; if it is in another one, pass region=)",
            id="an unknown instance",
        ),
        pytest.param(
            GET,
            404,
            {"code": "database_snapshot_not_found"},
            "GET /v2/instances/web-1/snapshots/snap-1: Civo returned 404 "
            "database_snapshot_not_found (searched region LON1; if it is in another one, pass "
            "region=)",
            id="an unknown snapshot",
        ),
        pytest.param(
            CREATE,
            404,
            {"code": "database_region_not_found", "reason": "No such region"},
            "POST /v2/instances/web-1/snapshots: Civo returned 404 database_region_not_found: No "
            "such region (the region was LON1; pass the code of another one as region=)",
            id="an unknown region",
        ),
        pytest.param(
            CREATE,
            409,
            {"code": "database_snapshot_create_already_in_process", "reason": "In process"},
            "POST /v2/instances/web-1/snapshots: Civo returned 409 "
            "database_snapshot_create_already_in_process: In process (the instance has a snapshot "
            "that is still being created; ensure_snapshot returns it if it has the name you want)",
            id="a second create",
        ),
        pytest.param(
            CREATE,
            403,
            {"code": "quota_limit_reached", "reason": "Snapshot count"},
            "POST /v2/instances/web-1/snapshots: Civo returned 403 quota_limit_reached: Snapshot "
            "count (plan_prune and prune delete snapshots that are no longer needed)",
            id="a create over the quota",
        ),
        pytest.param(
            RESTORE,
            403,
            {"code": "quota_limit_reached", "reason": "Instance count"},
            "POST /v2/instances/web-1/snapshots/snap-1/restore: Civo returned 403 "
            "quota_limit_reached: Instance count",
            id="a restore over the quota",
        ),
    ],
)
def test_its_text_is_what_it_means_and_what_helps(
    request_: Request[object], status: int, body: object, sentence: str
) -> None:
    """Where a newcomer would search in the wrong place."""
    assert str(refuse(status, body, request_)) == sentence


@pytest.mark.parametrize(
    ("status", "asked", "sentence"),
    [
        (429, "30", "Civo returned 429 (asked to wait 30 s)"),
        (503, "Mon, 23 Nov 2026 12:00:07 GMT", "Civo returned 503 (asked to wait 7 s)"),
        (429, "0", "Civo returned 429"),
        (429, "soon", "Civo returned 429"),
    ],
)
def test_its_text_has_the_seconds_of_retry_after(status: int, asked: str, sentence: str) -> None:
    """Where that is a time that can be waited for."""
    error = refuse(status, retry_after=asked)

    assert str(error) == f"GET /v2/instances/web-1/snapshots/snap-1: {sentence}"


def test_the_attempts_come_last() -> None:
    """After what helps."""
    attempts = tuple(Attempt(outcome="429", may_have_arrived=False, elapsed=n) for n in (0.1, 30.2))
    response = Response(status=429, headers={"retry-after": "30"}, attempts=attempts)

    assert str(error_of(GET, response)) == (
        "GET /v2/instances/web-1/snapshots/snap-1: Civo returned 429 (asked to wait 30 s), "
        "2 attempts in 30.2 s"
    )


def test_a_reason_can_be_printed() -> None:
    """Half a surrogate pair could not."""
    error = refuse(400, rb'{"reason": "\ud800!"}')

    assert str(error).endswith(": ?!")


def test_carries_what_support_needs() -> None:
    """Method, path, request id and the beginning of the body are there."""
    error = refuse(502, b"<html>" + b"x" * 1000, x_request_id="abc-1")

    assert (error.method, error.path) == ("GET", "/v2/instances/web-1/snapshots/snap-1")
    assert error.request_id == "abc-1"
    assert error.body_excerpt.startswith("<html>xxx")
    assert len(error.body_excerpt) <= 501


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://user:pw@evil.example/x?token=1", "evil.example"),
        ("/elsewhere", "itself"),
        ("", "itself"),
        ("http://[broken", "no valid URL"),
    ],
)
def test_a_redirect_is_refused_with_only_the_host_named(location: str, host: str) -> None:
    """Where it points to is not followed, and not quoted."""
    error = refuse(307, b"", location=location)

    assert type(error) is ApiError
    assert str(error).endswith(f"Civo returned 307, a redirect to {host}: not followed")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": " 7 "}, 7.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "3600"}, 3600.0),
        ({"retry_after": "3601"}, None),
        ({"retry_after": "999999999999"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "1.5"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "1_000"}, None),
        ({"retry_after": "٣"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        (
            {
                "retry_after": "Mon, 23 Nov 2026 13:00:30 GMT",
                "date": "Mon, 23 Nov 2026 13:00:00 GMT",
            },
            30.0,
        ),
        ({"retry_after": "Mon, 23 Nov 2026 11:59:30 GMT"}, None),
        ({"retry_after": "Mon, 23 Nov 2026 12:00:30"}, None),
        ({"retry_after": "Mon, 99 Nov 2026 12:00:30 GMT"}, None),
    ],
)
def test_reads_retry_after(headers: dict[str, Any], seconds: float | None) -> None:
    """Seconds or a date, by the server's clock where it shows it; nothing absurd."""
    assert refuse(429, b"", **headers).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (429, "", True),
        (500, "", True),
        (504, "", True),
        (409, "database_quota_lock_failed", True),
        (409, "database_snapshot_create_already_in_process", False),
        (409, "instance_state_must_be_active_or_shutoff", False),
        (404, "database_account_not_found", False),
        (404, "", False),
        (400, "", False),
        (307, "", False),
    ],
)
def test_knows_what_is_transient(status: int, code: str, transient: bool) -> None:  # noqa: FBT001
    """These are worth another attempt a little later; the others are not."""
    assert refuse(status, {"code": code}).is_transient is transient
