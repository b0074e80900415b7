"""The token, wrapped so that no repr, log, error or pickle can show it."""

import re
from typing import AnyStr

from .._errors import ConfigurationError

_SENDABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
# A shorter token is no secret, and masking it would garble a server's text.
_MIN_MASKED = 8


class Token:
    """A bearer token. Code that receives one wraps it at once and deletes the text."""

    __slots__ = ("_secret", "_value")

    def __init__(self, value: object) -> None:
        self._value = value
        # Made once: every response is searched for it.
        self._secret = b""
        if isinstance(value, str) and len(value) >= _MIN_MASKED:
            self._secret = value.encode(errors="replace")

    @classmethod
    def of(cls, value: object) -> "Token":
        """Return a token wrapped, unless it already is."""
        return value if isinstance(value, Token) else cls(value)

    def __repr__(self) -> str:
        return "Token('***')"

    def __reduce__(self) -> str:
        raise TypeError("a token can't be pickled: create the session in the process that uses it")

    def check(self) -> None:
        """Raise an error if the token is invalid; the error does not show it."""
        if self._value is None or self._value == "":
            raise ConfigurationError("no token: token must be the account's API key")
        if not isinstance(self._value, str):
            raise TypeError(f"token must be a string, not {type(self._value).__name__}")
        if _SENDABLE.fullmatch(self._value) is None:
            raise ConfigurationError(
                "token must be printable ASCII characters without spaces; the given one is not "
                "(it may have a line break from a file)"
            )

    @property
    def is_missing(self) -> bool:
        """Whether there is no token at all."""
        return self._value is None or self._value == ""

    @property
    def authorization(self) -> str:
        """The `Authorization` header: `bearer` as the official Go client spells it."""
        return f"bearer {self._value}"

    def mask(self, text: AnyStr) -> AnyStr:
        """Replace the token in a server's text by `***`."""
        if not self._secret:
            return text
        if isinstance(text, bytes):
            return text.replace(self._secret, b"***")

        return text.replace(self._secret.decode(), "***")

    def is_in(self, text: bytes) -> bool:
        """Return whether the bytes of a server contain the token, unescaped."""
        return bool(self._secret) and self._secret in text
