"""What an error of aiohttp's comes to: in words, and whether the same would happen again."""

import errno
import os
import ssl
from http import HTTPStatus
from typing import cast

import aiohttp
import attrs

from .._errors import CertificateError, TransportError

# OpenSSL's X509_V_ERR_… of a certificate that is sound, but not now or not here.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
# A proxy that refuses for now, and not for good.
_TRANSIENT_REFUSALS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class ConnectionLostError(aiohttp.ClientError):
    """A lost connection, as an error that makes aiohttp send nothing again."""


@attrs.frozen(kw_only=True)
class Failure:
    """What became of an attempt that got no complete response."""

    text: str
    kind: type[TransportError] = TransportError
    is_unsent: bool = False
    """Whether the error proves that nothing was sent: there was no connection to send it on."""
    is_transient: bool = True


def failure_of(error: aiohttp.ClientError) -> Failure:
    """Judge an error, in one place for all that is asked of it."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _invalid_certificate(error)
        case aiohttp.ServerFingerprintMismatch():
            return _bad_certificate(f"{error.host}:{error.port}", "is not the pinned one")
        case aiohttp.ClientHttpProxyError():
            return Failure(
                text=f"the proxy answered {error.status}, and nothing was sent",
                is_unsent=True,
                # It will refuse again, as with 407; where it failed, it may do better.
                is_transient=error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                or error.status in _TRANSIENT_REFUSALS,
            )
        case aiohttp.ClientConnectorError():
            text = f"{_not_reached(error)} ({_reason(error.os_error)})"
            return Failure(text=text, is_unsent=True)
        case _:
            return Failure(text=named(error))


def named(error: Exception) -> str:
    """Name an error, with as much of its text as holds neither a secret nor a server's words."""
    if isinstance(error, ConnectionLostError):
        return str(error)
    name = type(error).__name__
    # Their texts are the server's, or hold the URL of a proxy with its password.
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)):
        return name
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"{name}: the body was cut or malformed"

    return f"{name}: {error}"


def _invalid_certificate(error: aiohttp.ClientConnectorCertificateError) -> Failure:
    # `ssl.CertificateError`, which aiohttp catches, is another name of it.
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
        # OpenSSL's, such as WRONG_VERSION_NUMBER, where it comes from there; its number is none of
        # the system's.
        reason: str | None = getattr(error, "reason", None)
        return f"TLS: {(reason or 'the handshake failed').replace('_', ' ').lower()}"
    code, words = error.errno, error.strerror
    # The system's own words, as asyncio's name the address once more; a resolver's code is none.
    if code is not None and code in errno.errorcode:
        words = os.strerror(code)

    return (words or str(error)).lower()
