"""The fields of a body, from JSON or form, and the rules of each."""

import gzip
import ipaddress
import json
import re
import zlib
from collections.abc import Mapping
from typing import NoReturn, TypeAlias, cast
from urllib.parse import parse_qsl

from ._errors import bad_parameter

__all__ = ["Fields", "flag", "hostname", "name", "pairs", "private_ip", "read_fields", "text"]

Fields: TypeAlias = Mapping[str, object]

_GZIP = b"\x1f\x8b"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOSTNAME = re.compile(rf"(?=.{{1,253}}$){_LABEL.pattern}(\.{_LABEL.pattern})*", re.IGNORECASE)


def read_fields(body: bytes, content_type: str) -> Fields:
    """Return the fields of a body; `CivoError` if it is neither a JSON object nor a form.

    A JSON object is read as one whatever the `Content-Type`; an empty body is `{}`.
    """
    body = _decompressed(body).strip()
    if not body:
        return {}
    if body[:1] in {b"{", b"["} or "json" in content_type.lower():
        return _from_json(body)
    return _from_form(body)


def pairs(query: str) -> dict[str, str]:
    """Return the parameters of a query; of those given twice, the first counts, as in Go."""
    return dict(reversed(parse_qsl(query, keep_blank_values=True)))


def text(fields: Fields, field: str) -> str | None:
    """Return a field that must be a string; `None` if it is absent or null."""
    value = fields.get(field)
    if value is not None and not isinstance(value, str):
        raise bad_parameter(field, "it must be a string")

    return value


def name(fields: Fields) -> str | None:
    """Return the name; `None` if there is none, for which the official Go client sends ""."""
    value = text(fields, "name") or None
    if value is not None and not _LABEL.fullmatch(value):
        raise bad_parameter("name", "it must conform to RFC 1123")

    return value


def hostname(fields: Fields) -> str | None:
    """Return the host name of a restore; `None` if there is none or an empty one."""
    value = text(fields, "hostname") or None
    if value is not None and not _HOSTNAME.fullmatch(value):
        raise bad_parameter("hostname", "it must conform to RFC 1123")

    return value


def private_ip(fields: Fields) -> str | None:
    """Return the private IP: `private_ip` on the page, `private_ipv4` in the official client."""
    given = {text(fields, field) or None for field in ("private_ip", "private_ipv4")} - {None}
    if len(given) > 1:
        raise bad_parameter("private_ip", "private_ip and private_ipv4 differ")
    value = given.pop() if given else None
    if value is not None and not _is_ipv4(value):
        raise bad_parameter("private_ip", "it must be an IPv4 address")

    return value


def flag(fields: Fields, field: str) -> bool:
    """Return a boolean field, or its text in a form; `False` if it is absent, null or empty."""
    value = fields.get(field)
    # Nothing but the page's "true / false": a fake that read "True" or 1 as true would hide a
    # client's mistake.
    if value in (None, "", "false") or value is False:
        return False
    if value == "true" or value is True:
        return True

    raise bad_parameter(field, "it must be true or false")


def _decompressed(body: bytes) -> bytes:
    # The header `Content-Encoding: gzip` proves nothing: the official Go client sends it with
    # bodies that are not compressed.
    if not body.startswith(_GZIP):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise bad_parameter("body", "it is not gzip, though it starts so") from None


def _from_json(body: bytes) -> Fields:
    try:
        document: object = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise bad_parameter("body", "it is not JSON") from None
    if not isinstance(document, dict):
        raise bad_parameter("body", "it must be an object")

    return cast("Fields", document)


def _from_form(body: bytes) -> Fields:
    try:
        query = body.decode()
        parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise bad_parameter("body", "it is neither JSON nor a form") from None

    return pairs(query)


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _is_ipv4(value: str) -> bool:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True
