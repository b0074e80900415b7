"""What an error response means: by Civo's code first, and only then by its HTTP status."""

import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from .._attempts import effort_of
from .._errors import (
    ApiError,
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
)
from .._strict_json import excerpt, parse_json
from .message import Request, Response

# The response to a bad token is a 404 with a code of its own: by its status alone, it would mean
# that a snapshot is gone. The first pattern that fits the whole code wins.
_BY_CODE: tuple[tuple[str, type[ApiError]], ...] = (
    (r"authentication_.*|requires_authentication", AuthenticationError),
    (r"database_account_not_found", AuthenticationError),
    (r"database_account_access_denied", PermissionDeniedError),
    (r"database_region_not_found", RegionNotFoundError),
    (r"database_(.*_)?snapshots?_(not_found|find)", SnapshotNotFoundError),
    (r"database_instances?_(not_found|find)", InstanceNotFoundError),
    (r"database_snapshots?_create_instance_not_found", InstanceNotFoundError),
    (r"quota_limit_reached", QuotaExceededError),
    (r"database_quota_lock_failed", ConflictError),
    (r".*_already_in_process|.*_in_use|.*_duplicate_.*|instance_state_.*", ConflictError),
    (r"parameter_.*", InvalidRequestError),
)
_CODES = tuple((re.compile(pattern, re.IGNORECASE), error) for pattern, error in _BY_CODE)
_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidRequestError,
    429: RateLimitedError,
}
_IN_PROCESS = re.compile(r"database_snapshot_create_already_in_process", re.IGNORECASE)
_MAX_RETRY_AFTER = 3600.0


def error_of(request: Request[object], response: Response) -> ApiError:
    """Return the error that a response other than 2xx means."""
    envelope = _envelope(response.body)
    # Older responses to a bad token have their code in `result`, which elsewhere is just "failed".
    code = envelope.get("code") or envelope.get("result", "").replace("failed", "")
    reason = envelope.get("reason") or envelope.get("details", "")

    kind = _class_of(code, response.status)
    sentence = _sentence(kind, request, response, code, reason)
    advice = _advice(kind, request, code, retry_after(response))

    return kind(
        f"{sentence}{f' ({advice})' if advice else ''}{effort_of(response.attempts)}",
        status=response.status,
        method=request.method,
        path=request.path,
        code=envelope.get("code", ""),
        reason=reason,
        request_id=response.headers.get("x-request-id", ""),
        body_excerpt=excerpt(response.body),
        retry_after=retry_after(response),
        attempts=response.attempts,
    )


def code_of(response: Response) -> str:
    """Return Civo's code for what was wrong; empty where there is none."""
    return _envelope(response.body).get("code", "")


def _class_of(code: str, status: int) -> type[ApiError]:
    by_status = _BY_STATUS.get(status, ApiError)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        by_status = ServerError
    by_code = next((error for pattern, error in _CODES if pattern.fullmatch(code)), by_status)
    # A server that fails has searched for nothing, so nothing is known to be gone. Where a create
    # gives this as its own reason, it has searched.
    is_of_create = "_create_" in code.lower()
    if by_status is ServerError and issubclass(by_code, NotFoundError) and not is_of_create:
        return ServerError

    return by_code


def _sentence(
    kind: type[ApiError], request: Request[object], response: Response, code: str, reason: str
) -> str:
    call = f"{request.method} {request.path}"
    if response.is_redirect:
        host = _host(response.headers.get("location", ""))
        return f"{call}: Civo returned {response.status}, a redirect to {host}: not followed"
    text = " ".join(reason.split()) or ("" if code else _page(response.body))
    what = " ".join(filter(None, ("Civo returned", str(response.status), code)))
    # Nobody expects a bad token behind a 404.
    if issubclass(kind, AuthenticationError):
        what = f"the token was refused ({what})"

    return f"{call}: {what}{f': {text}' if text else ''}"


def _advice(
    kind: type[ApiError], request: Request[object], code: str, seconds: float | None
) -> str:
    """Say what the response leaves out and what helps, where that is known."""
    advice: list[str] = []
    # The path does not show the region, and in a wrong one everything seems to be gone.
    if issubclass(kind, (SnapshotNotFoundError, InstanceNotFoundError)):
        advice.append(f"searched region {request.region}; if it is in another one, pass region=")
    if issubclass(kind, RegionNotFoundError):
        advice.append(f"the region was {request.region}; pass the code of another one as region=")
    if _IN_PROCESS.fullmatch(code):
        advice.append(
            "the instance has a snapshot that is still being created; ensure_snapshot returns it "
            "if it has the name you want"
        )
    # A restore needs quota for an instance, which no deletion of snapshots frees.
    if issubclass(kind, QuotaExceededError) and request.call == "create_snapshot":
        advice.append("plan_prune and prune delete snapshots that are no longer needed")
    if seconds:
        advice.append(f"asked to wait {seconds:g} s")

    return "; ".join(advice)


def _page(body: bytes) -> str:
    text = excerpt(body, max_length=120)
    # A gateway's page has nothing but the status, in a hundred tags.
    return "an HTML page" if text.startswith("<") else text


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "itself"
    except ValueError:
        return "no valid URL"


def _envelope(body: bytes) -> dict[str, str]:
    try:
        payload = parse_json(body)
    except ValueError:
        return {}
    if not isinstance(payload, dict):
        return {}
    values = cast("dict[str, object]", payload)

    return {key: _as_text(value) for key, value in values.items()}


def _as_text(value: object) -> str:
    if value is None:
        return ""

    text = value if isinstance(value, str) else str(value)

    # Half a surrogate pair can't be printed.
    return text.encode(errors="replace").decode()


def retry_after(response: Response) -> float | None:
    """Return the seconds that `Retry-After` asks for; `None` for none, and for over an hour."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        seconds = float(value)
    else:
        seconds = _seconds_until(value, response)

    return seconds if 0 <= seconds <= _MAX_RETRY_AFTER else None


def _seconds_until(date: str, response: Response) -> float:
    try:
        until = parsedate_to_datetime(date)
        # By the server's own clock, where a header shows it: ours may be off.
        header = response.headers.get("date", "")
        now = parsedate_to_datetime(header) if header else response.received_at
        return -1.0 if now is None else (until - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return -1.0
