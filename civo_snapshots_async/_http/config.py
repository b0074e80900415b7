"""Token, region and URL: from the arguments, then the environment, then the official CLI's file."""

import ipaddress
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import SplitResult, urlsplit

import attrs

from .. import _checks as check
from .._errors import ConfigurationError
from .token import Token

__all__ = ["DEFAULT_API_URL", "Account", "Token", "checked_account", "find_account"]

DEFAULT_API_URL = "https://api.civo.com"


@attrs.frozen(kw_only=True)
class Account:
    """The account to use: its token, its region and the URL of the API."""

    token: Token
    region: str
    api_url: str


def checked_account(
    token: Token, *, region: object, api_url: object, allow_insecure_http: bool
) -> Account:
    """Return the account, or raise an error if an argument is invalid."""
    token.check()
    if region is None or region == "":
        raise ConfigurationError(
            "no region: region must be a region's code, such as LON1; Civo has no default"
        )

    return Account(
        token=token,
        region=check.plain_name("region", region),
        api_url=_checked_url(
            api_url,
            allow_insecure_http=check.boolean("allow_insecure_http", allow_insecure_http),
        ),
    )


def _checked_url(api_url: object, *, allow_insecure_http: bool) -> str:
    try:
        parts = urlsplit(check.text("api_url", api_url))
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"api_url is not a URL: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("api_url must not contain a user name or a password")
    for problem in _url_problems(parts, allow_insecure_http=allow_insecure_http):
        # A query may hold a token.
        shown = parts._replace(query=parts.query and "...", fragment=parts.fragment and "...")
        raise ConfigurationError(f"api_url {problem}, not {shown.geturl()!r}")

    return parts.geturl().rstrip("/")


def _url_problems(parts: SplitResult, *, allow_insecure_http: bool) -> Iterator[str]:
    if not parts.geturl().isascii() or any(c.isspace() for c in parts.geturl()):
        yield "must be ASCII without spaces"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield "must be a URL like https://api.civo.com"
    elif parts.scheme == "http" and not (allow_insecure_http or _is_loopback(parts.hostname)):
        yield (
            "must be https, because each request holds the token (allow_insecure_http=True sends"
            " it in the clear)"
        )
    elif not _is_host(parts.hostname):
        yield "must have a valid host"
    if parts.query or parts.fragment:
        yield "must have no query and no fragment"
    if parts.path.rstrip("/").endswith("/v2"):
        yield "must not end with /v2, which each call adds"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return check.is_hostname(host)
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_account(
    *, token: Token, region: object, api_url: object, allow_insecure_http: bool
) -> Account:
    """Return the account, with what was not given taken from the environment or the CLI's file.

    Raises `ConfigurationError`, with the places searched, if the token or the region is in none.
    """
    token = Token(os.environ.get("CIVO_TOKEN")) if token.is_missing else token
    region = region or os.environ.get("CIVO_REGION")
    api_url = api_url or os.environ.get("CIVO_API_URL")
    path = _cli_path()
    if token.is_missing or not region or not api_url:
        file = _read_cli_file(path)
        token = file.token if token.is_missing else token
        region = region or file.region
        api_url = api_url or file.api_url or DEFAULT_API_URL
    _require("token", "CIVO_TOKEN", path, is_found=not token.is_missing)
    _require("region", "CIVO_REGION", path, is_found=bool(region))

    return checked_account(
        token, region=region, api_url=api_url, allow_insecure_http=allow_insecure_http
    )


def _cli_path() -> Path:
    path = Path(os.environ.get("CIVO_CONFIG") or "~/.civo.json")
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _require(what: str, variable: str, path: Path, *, is_found: bool) -> None:
    if not is_found:
        state = f"which has no {what}" if path.exists() else "which does not exist"
        raise ConfigurationError(
            f"no {what}: searched the argument {what}, the environment variable {variable} and the "
            f"Civo CLI's file {path} ({state})"
        )


@attrs.frozen(kw_only=True)
class _CliFile:
    """What the official CLI has saved."""

    token: Token = attrs.field(factory=lambda: Token(None))
    region: object = None
    api_url: object = None


def _read_cli_file(path: Path) -> _CliFile:
    try:
        payload: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return _CliFile()
    except (OSError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    else:
        return _cli_file(payload)
    # Raised outside the `except` block: a parser's error holds the text of the file, with its keys.
    raise ConfigurationError(
        f"the Civo CLI's file {path} can't be read as JSON ({problem}): fix it, or set CIVO_TOKEN, "
        "CIVO_REGION and CIVO_API_URL, so that it is not read"
    )


def _cli_file(payload: object) -> _CliFile:
    meta = _member(payload, "meta")

    return _CliFile(
        token=Token(_member(_member(payload, "apikeys"), _member(meta, "current_apikey"))),
        region=_member(meta, "default_region"),
        api_url=_member(meta, "url"),
    )


def _member(payload: object, key: object) -> object:
    # Raises nothing: a traceback could show the keys.
    if not isinstance(payload, dict) or not isinstance(key, str):
        return None

    return cast("dict[str, object]", payload).get(key)
