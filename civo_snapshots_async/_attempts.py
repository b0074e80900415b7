"""The attempts of one request, and what each got."""

import attrs


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt to send a request, and what it got."""

    outcome: str
    """The outcome in words, such as `503` or `ServerDisconnectedError`."""
    may_have_arrived: bool
    """Whether the request may have reached Civo and taken effect."""
    elapsed: float = 0.0
    """Seconds from the start of the first attempt to the end of this one."""


def effort_of(attempts: tuple[Attempt, ...]) -> str:
    """Return the attempts in words, to end a sentence with; empty for a single attempt.

    An outcome that all attempts share is in the sentence already, so it is left out.
    """
    if not attempts[1:]:
        return ""
    effort = f"{len(attempts)} attempts in {attempts[-1].elapsed:.1f} s"
    if len({attempt.outcome for attempt in attempts}) == 1:
        return f", {effort}"

    return f" ({effort}: {'; '.join(attempt.outcome for attempt in attempts)})"
