"""What an aiohttp error means: its text, whether anything was sent, whether it is transient."""

import errno
import os
import ssl
from http import HTTPStatus
from typing import cast

import aiohttp
import attrs

from .._errors import CertificateError, TransportError

# OpenSSL's X509_V_ERR_… codes of a certificate that is trusted, but expired or of another host.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
# What a proxy may return for a while, of its 4xx.
_TRANSIENT_CLIENT_ERRORS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class ConnectionLostError(aiohttp.ClientError):
    """A lost connection, as an error on which aiohttp does not retry by itself."""


@attrs.frozen(kw_only=True)
class Failure:
    """How an attempt without a complete response failed."""

    text: str
    kind: type[TransportError] = TransportError
    is_unsent: bool = False
    """Whether the error proves that nothing was sent, because there was no connection."""
    is_transient: bool = True


def failure_of(error: aiohttp.ClientError) -> Failure:
    """Return what an error means."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _invalid_certificate(error)
        case aiohttp.ServerFingerprintMismatch():
            return _bad_certificate(f"{error.host}:{error.port}", "is not the pinned one")
        case aiohttp.ClientHttpProxyError():
            return Failure(
                text=f"the proxy returned {error.status}, and nothing was sent",
                is_unsent=True,
                # A 5xx may pass; any other 4xx, such as 407, would come again.
                is_transient=error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                or error.status in _TRANSIENT_CLIENT_ERRORS,
            )
        case aiohttp.ClientConnectorError():
            text = f"{_not_reached(error)} ({_reason(error.os_error)})"
            return Failure(text=text, is_unsent=True)
        case _:
            return Failure(text=named(error))


def named(error: Exception) -> str:
    """Return an error's name, with its text if that holds no secret and no text of a server."""
    if isinstance(error, ConnectionLostError):
        return str(error)
    name = type(error).__name__
    # Their texts come from the server, or hold the URL of a proxy with its password.
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)):
        return name
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"{name}: the body was cut or malformed"

    return f"{name}: {error}"


def _invalid_certificate(error: aiohttp.ClientConnectorCertificateError) -> Failure:
    # aiohttp catches `ssl.CertificateError`, which is an alias of this class.
    problem = cast("ssl.SSLCertVerificationError", error.certificate_error)
    where = f"{error.host}:{error.port}"
    known = {
        _EXPIRED: "has expired (is this machine's clock right?)",
        _NOT_YET_VALID: "is not valid yet (is this machine's clock right?)",
        _OTHER_HOST: "is for another host name",
        _OTHER_ADDRESS: "is for another address",
    }
    if problem.verify_code in known:
        return _bad_certificate(where, known[problem.verify_code])

    return _bad_certificate(
        where,
        f"is not trusted ({problem.verify_message})",
        advice=": an ssl_context can trust the authority that signed it",
    )


def _bad_certificate(where: str, problem: str, *, advice: str = "") -> Failure:
    return Failure(
        text=f"the TLS certificate of {where} {problem}, and nothing was sent{advice}",
        kind=CertificateError,
        is_unsent=True,
        is_transient=False,
    )


def _not_reached(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"cannot resolve {error.host}"
    proxy = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""

    return f"cannot connect to {proxy}{error.host}:{error.port}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        # OpenSSL's reason, such as WRONG_VERSION_NUMBER. Its number is no errno.
        reason: str | None = getattr(error, "reason", None)
        return f"TLS: {(reason or 'the handshake failed').replace('_', ' ').lower()}"
    code, words = error.errno, error.strerror
    # The system's text: asyncio's would contain the address again. A resolver's code is no errno.
    if code is not None and code in errno.errorcode:
        words = os.strerror(code)

    return (words or str(error)).lower()
