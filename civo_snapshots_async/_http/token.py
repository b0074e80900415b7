"""The token, held so that nothing that prints, logs or pickles an object can show it."""

import re
from typing import AnyStr

from .._errors import ConfigurationError

_SENDABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
# A shorter one is no secret, and masking it would garble what a server says.
_SHORTEST_MASKED = 8


class Token:
    """A bearer token. Whoever takes one from a caller wraps it first and forgets the text."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    @classmethod
    def of(cls, value: object) -> "Token":
        """Wrap a token, unless it is wrapped already."""
        return value if isinstance(value, Token) else cls(value)

    def __repr__(self) -> str:
        return "Token('***')"

    def __reduce__(self) -> str:
        raise TypeError("a token is not pickled: make the session where it is used")

    def check(self) -> None:
        """Raise what is wrong with it, without telling it."""
        if self._value is None or self._value == "":
            raise ConfigurationError("no token: token must be the account's API key")
        if not isinstance(self._value, str):
            raise TypeError(f"token must be a string, not {type(self._value).__name__}")
        if _SENDABLE.fullmatch(self._value) is None:
            raise ConfigurationError(
                "token must be printable ASCII characters without spaces; the one given is not "
                "(a line end from a file, perhaps)"
            )

    @property
    def is_missing(self) -> bool:
        """Whether there is none at all."""
        return self._value is None or self._value == ""

    @property
    def authorization(self) -> str:
        """The `Authorization` header: `bearer` as the official Go client spells it."""
        return f"bearer {self._value}"

    def mask(self, text: AnyStr) -> AnyStr:
        """Take the token out of what a server said."""
        secret = str(self._value)
        if len(secret) < _SHORTEST_MASKED:
            return text
        if isinstance(text, bytes):
            return text.replace(secret.encode(), b"***")

        return text.replace(secret, "***")
