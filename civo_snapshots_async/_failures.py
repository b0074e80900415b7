"""What an error of aiohttp's means, in words, and whether the same would happen again."""

import errno
import os
import ssl
from http import HTTPStatus
from typing import cast

import aiohttp

from ._errors import CertificateError, TransportError

# OpenSSL's X509_V_ERR_… of a certificate that is sound, but not now or not here.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
# No connection was made, by ourselves or by the proxy.
UNSENT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)


class ConnectionLostError(aiohttp.ClientError):
    """A lost connection, as an error that makes aiohttp send nothing again."""


def failure(error: aiohttp.ClientError) -> tuple[type[TransportError], str]:
    """Return what a failed request comes to, and why it failed, in words."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return CertificateError, (
                f"the TLS certificate of {error.host}:{error.port} {_objection(error)}, and "
                "nothing was sent: renew it, or give an ssl_context that trusts it"
            )
        case aiohttp.ClientHttpProxyError():
            return TransportError, f"the proxy answered {error.status}, and nothing was sent"
        case aiohttp.ClientConnectorDNSError():
            return TransportError, f"cannot resolve {error.host} ({_reason(error)})"
        # Its subclass for TLS has its reason, such as WRONG_VERSION_NUMBER, in its own text.
        case aiohttp.ClientConnectorError() if not isinstance(error, aiohttp.ClientSSLError):
            where = f"{error.host}:{error.port}"
            return TransportError, f"cannot connect to {where} ({_reason(error)})"
        case _:
            return TransportError, named(error)


def _objection(error: aiohttp.ClientConnectorCertificateError) -> str:
    # `ssl.CertificateError`, which aiohttp catches, is another name of it.
    problem = cast("ssl.SSLCertVerificationError", error.certificate_error)
    known = {
        _EXPIRED: "has expired",
        _NOT_YET_VALID: "is not valid yet (is this machine's clock right?)",
        _OTHER_HOST: "is for another host name",
        _OTHER_ADDRESS: "is for another address",
    }

    return known.get(problem.verify_code, f"is not trusted ({problem.verify_message})")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    code, words = error.os_error.errno, error.os_error.strerror
    # The system's own words, as asyncio's name the address once more; a resolver's code is none.
    if code is not None and code in errno.errorcode:
        words = os.strerror(code)

    return (words or str(error.os_error)).lower()


def is_refused_by_proxy(error: aiohttp.ClientError) -> bool:
    """Tell whether a proxy refuses to connect, as with 407: it will do so again."""
    return (
        isinstance(error, aiohttp.ClientHttpProxyError)
        and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    )


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
