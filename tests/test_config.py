"""Where token, region and URL come from, and which of them are refused."""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from civo_snapshots_async import ConfigurationError, HttpOptions, SnapshotSession
from civo_snapshots_async._http.config import Token, find_account
from civo_snapshots_async.testing import FakeCivo

TOKEN = "secret-token-of-the-argument-0001"
ENVIRONMENT_TOKEN = "secret-token-of-the-environment-2"
FILE_TOKEN = "secret-token-of-the-file-00000003"
GOOD: dict[str, Any] = {"token": TOKEN, "region": "LON1"}


@pytest.fixture
def cli_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the official CLI's file, as that writes it, and point to it."""
    path = tmp_path / "civo.json"
    path.write_text(
        json.dumps(
            {
                "apikeys": {"work": FILE_TOKEN, "home": "other"},
                "meta": {
                    "current_apikey": "work",
                    "default_region": "PHX1",
                    "url": "https://private.example",
                    "admin": False,
                },
            }
        )
    )
    monkeypatch.setenv("CIVO_CONFIG", str(path))
    return path


def found(
    *, token: str | None = None, region: str | None = None, api_url: str | None = None
) -> tuple[str, str, str]:
    """Return the token, region and URL of the session that `from_env` makes."""
    account = find_account(
        token=Token.of(token), region=region, api_url=api_url, allow_insecure_http=False
    )
    return account.token.authorization.removeprefix("bearer "), account.region, account.api_url


async def test_a_session_uses_what_is_found(
    civo: FakeCivo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token, region and URL."""
    monkeypatch.setenv("CIVO_TOKEN", civo.token)
    monkeypatch.setenv("CIVO_REGION", civo.region)
    monkeypatch.setenv("CIVO_API_URL", civo.api_url)

    async with SnapshotSession.from_env() as session:
        await session.list_snapshots("web-1")

    (request,) = civo.requests
    assert request.headers["Authorization"] == f"bearer {civo.token}"
    assert request.query == {"region": civo.region}
    assert (session.region, session.api_url) == (civo.region, civo.api_url)


@pytest.mark.usefixtures("cli_file")
def test_the_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given is used, whatever else there is."""
    monkeypatch.setenv("CIVO_TOKEN", ENVIRONMENT_TOKEN)
    monkeypatch.setenv("CIVO_REGION", "FRA1")
    monkeypatch.setenv("CIVO_API_URL", "https://environment.example")

    account = found(**GOOD, api_url="https://argument.example")

    assert account == (TOKEN, "LON1", "https://argument.example")


@pytest.mark.usefixtures("cli_file")
def test_then_comes_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file."""
    monkeypatch.setenv("CIVO_TOKEN", ENVIRONMENT_TOKEN)
    monkeypatch.setenv("CIVO_REGION", "FRA1")
    monkeypatch.setenv("CIVO_API_URL", "https://environment.example/")

    account = found()

    assert account == (ENVIRONMENT_TOKEN, "FRA1", "https://environment.example")


@pytest.mark.usefixtures("cli_file")
def test_then_comes_the_file_of_the_cli() -> None:
    """The token is the CLI's current key."""
    assert found() == (FILE_TOKEN, "PHX1", "https://private.example")


@pytest.mark.usefixtures("cli_file")
def test_each_value_is_searched_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One from each place is fine; an empty variable is none."""
    monkeypatch.setenv("CIVO_REGION", "FRA1")
    monkeypatch.setenv("CIVO_API_URL", "")

    assert found(token=TOKEN) == (TOKEN, "FRA1", "https://private.example")


def test_the_file_is_in_the_home_folder(
    cli_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without CIVO_CONFIG it is ~/.civo.json."""
    monkeypatch.delenv("CIVO_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    cli_file.rename(tmp_path / ".civo.json")

    assert found()[0] == FILE_TOKEN


def test_without_a_file_the_url_is_civos() -> None:
    """Most people name no URL."""
    assert found(**GOOD)[2] == "https://api.civo.com"


@pytest.mark.parametrize(
    ("given", "content", "message"),
    [
        (
            {"region": "LON1"},
            None,
            (
                "no token: searched the argument token, the environment variable CIVO_TOKEN and "
                r"the Civo CLI's file .*civo.json \(which does not exist\)"
            ),
        ),
        ({"token": TOKEN}, None, "no region: searched .* CIVO_REGION .*which does not exist"),
        ({"region": "LON1"}, "{}", r"no token: .*which has no token"),
        ({"token": TOKEN}, '{"meta": {}}', r"no region: .*which has no region"),
        ({"region": "LON1"}, '{"meta": 5, "apikeys": []}', r"no token: .*which has no token"),
        ({"region": "LON1"}, "[1]", r"no token: .*which has no token"),
        (
            {"region": "LON1"},
            f'{{"apikeys": {{"a": "{FILE_TOKEN}"}}, "meta": {{"current_apikey": ["a"]}}}}',
            r"no token: .*which has no token",
        ),
        ({"region": "LON1"}, "[" * 100_000, r"can't be read as JSON \(RecursionError\)"),
        (
            {"token": TOKEN},
            f'{{"apikeys": {{"work": "{FILE_TOKEN}"',
            r"file .*civo.json can't be read as JSON \(JSONDecodeError\): fix it, or set",
        ),
    ],
)
def test_names_where_it_searched(
    given: dict[str, Any],
    content: str | None,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is missing, and each place where it could have been."""
    path = tmp_path / "civo.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("CIVO_CONFIG", str(path))

    with pytest.raises(ConfigurationError, match=message) as caught:
        SnapshotSession.from_env(**given)

    assert_shows_no_token(caught.value)


def test_a_home_that_is_none_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that can't be is a file that is not there."""
    monkeypatch.setenv("CIVO_CONFIG", "~no-such-user-at-all/civo.json")

    assert found(**GOOD)[0] == TOKEN


def test_a_file_that_is_not_needed_is_not_read(cli_file: Path) -> None:
    """A broken file is no trouble for those who set all three."""
    cli_file.write_text("{")

    account = found(**GOOD, api_url="https://api.civo.com")

    assert account[0] == TOKEN


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"token": None}, ConfigurationError, "no token"),
        ({"token": ""}, ConfigurationError, "no token"),
        ({"token": b"abc"}, TypeError, "token must be a string, not bytes"),
        ({"token": f"{TOKEN} x"}, ConfigurationError, "token must be printable ASCII"),
        ({"token": f"{TOKEN}\n"}, ConfigurationError, "token must be printable ASCII"),
        ({"token": f"{TOKEN}\x00"}, ConfigurationError, "token must be printable ASCII"),
        ({"token": f"{TOKEN}é"}, ConfigurationError, "token must be printable ASCII"),
        ({"region": None}, ConfigurationError, "no region"),
        ({"region": ""}, ConfigurationError, "no region"),
        ({"region": "lon1&x=y"}, ValueError, "region must be 1 to 128"),
        ({"region": 5}, TypeError, "region must be a string"),
        ({"api_url": None}, TypeError, "api_url must be a string"),
        ({"api_url": ""}, ConfigurationError, "api_url must be a URL like https://api.civo.com"),
        ({"api_url": "api.civo.com"}, ConfigurationError, "must be a URL like"),
        ({"api_url": "ftp://api.civo.com"}, ConfigurationError, "must be a URL like"),
        ({"api_url": "https://"}, ConfigurationError, "must be a URL like"),
        (
            {"api_url": "http://api.civo.com"},
            ConfigurationError,
            "must be https, because each request",
        ),
        (
            {"api_url": "http://128.0.0.1"},
            ConfigurationError,
            "must be https, because each request",
        ),
        ({"api_url": "https://api.civo.com/v2/"}, ConfigurationError, "must not end with /v2"),
        ({"api_url": "https://api.civo.com?x=1"}, ConfigurationError, "no query"),
        ({"api_url": "https://api.civo.com?token=x"}, ConfigurationError, r"not '.*\?\.\.\.'$"),
        ({"api_url": "https://api.civo.com#x"}, ConfigurationError, "no fragment"),
        ({"api_url": "https://api civo.com"}, ConfigurationError, "must be ASCII"),
        ({"api_url": "https://ápi.civo.com"}, ConfigurationError, "must be ASCII"),
        ({"api_url": "https://api.civo.com:x"}, ConfigurationError, "is not a URL"),
        ({"api_url": "https://[::1"}, ConfigurationError, "is not a URL"),
        ({"api_url": "https://me:pw@x.y"}, ConfigurationError, "must not contain a user name"),
        ({"api_url": "https://api..civo.com"}, ConfigurationError, "must have a valid host"),
        ({"api_url": f"https://{'a' * 64}.com"}, ConfigurationError, "must have a valid host"),
    ],
)
def test_refuses_what_no_session_can_be_made_of(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message names the argument and the rule; never the token."""
    with pytest.raises(error, match=message) as caught:
        SnapshotSession(**{**GOOD, **wrong})

    assert_shows_no_token(caught.value)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"allow_insecure_http": "no"}, TypeError, "allow_insecure_http must be True or False"),
        ({"max_connections": 0}, ValueError, "max_connections must be at least 1, not 0"),
        ({"max_connections": 1.5}, TypeError, "max_connections must be a whole number, not 1.5"),
        ({"requests_per_second": 0}, ValueError, "requests_per_second must be at least 0.001"),
        ({"requests_per_second": "5"}, TypeError, "requests_per_second must be a number, not '5'"),
        ({"body_format": "xml"}, ValueError, "body_format must be 'json' or 'form', not 'xml'"),
        ({"ssl_context": False}, TypeError, "ssl_context must be an ssl.SSLContext or None"),
        ({"trust_env": "yes"}, TypeError, "trust_env must be True or False, not 'yes'"),
        ({"application": "a\r\nb"}, ValueError, "application must be printable ASCII"),
        ({"application": " a"}, ValueError, "application must be printable ASCII"),
        ({"proxy": "proxy.example:3128"}, ValueError, "proxy must be a URL like"),
        ({"proxy": "http://proxy.example:port"}, ValueError, "proxy must be a URL like"),
        ({"proxy": 5}, TypeError, "proxy must be a string"),
    ],
)
def test_refuses_http_options_that_cannot_be_used(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Where they are made; a proxy's URL is not shown, as it may hold a password."""
    with pytest.raises(error, match=message):
        HttpOptions(**wrong)


@pytest.mark.parametrize(
    "api_url",
    [
        "https://api.civo.com/",
        "https://gateway.example/civo",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ],
)
def test_accepts_https_and_this_machine(api_url: str) -> None:
    """A trailing slash does not matter."""
    assert SnapshotSession(**GOOD, api_url=api_url).api_url == api_url.rstrip("/")


def test_accepts_plain_http_elsewhere_by_an_option() -> None:
    """The option names what it does."""
    session = SnapshotSession(
        **GOOD, api_url="http://civo.internal:8080", http=HttpOptions(allow_insecure_http=True)
    )

    assert session.api_url == "http://civo.internal:8080"


def assert_shows_no_token(error: BaseException) -> None:
    """Fail if the error, or a traceback that shows our frames' locals, shows a token."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in trace.stack if "/civo_snapshots_async/" in frame.filename]
    shown = "".join(traceback.StackSummary.from_list(frames).format())
    assert "held = Token('***')" in shown
    for secret in (TOKEN, ENVIRONMENT_TOKEN, FILE_TOKEN):
        assert secret not in str(error)
        assert secret not in shown
