"""Copies of an error, one for each wait that one request or one bug ends."""

import copy


def copied(error: Exception) -> Exception:
    """Return a copy that one wait may raise and add notes to, and that no other wait sees.

    It keeps the text, the cause, the notes and the traceback. An error of a class that can't be
    copied is returned itself.
    """
    try:
        own = copy.copy(error)
        # A class whose `args` are not the arguments of its `__init__` is copied wrongly.
        if type(own) is not type(error) or own.args != error.args:
            return error
    except Exception:  # noqa: BLE001 - whatever such a class does
        return error
    if notes := getattr(error, "__notes__", None):
        own.__notes__ = [*notes]
    own.__context__ = error.__context__
    own.__cause__ = error.__cause__
    own.__suppress_context__ = error.__suppress_context__

    return own.with_traceback(error.__traceback__)
