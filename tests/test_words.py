"""One word for one thing: the package, its tests and docs use the words that people search for."""

import re
from pathlib import Path

import pytest

import civo_snapshots_async

ROOT = Path(__file__).parents[1]
PACKAGE = Path(civo_snapshots_async.__file__).parent
PATHS = sorted(
    path
    for pattern in (
        "civo_snapshots_async/**/*.py",
        "tests/**/*.py",
        "docs/**/*.md",
        "examples/*.py",
        "benchmarks/**/*.py",
        "noxfile.py",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
    )
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts and path != Path(__file__)
)
# What not to write, as a regular expression in any case, and what to write instead. A space stands
# for a line break as well; an identifier's `_` ends a word.
SWAPPED: dict[str, str] = {
    r"look(s|ed|ing)?": "poll, check, search",
    r"told|tells of": "reported, logged, known",
    r"(in )?passing": "transient, temporarily",
    r"answer(s|ed|ing)?": "response, responded, returned",
    r"sendings|(a|an|each|every|one|per|last|first) sending": "attempt",
    r"(send|sends|sent|sending) again|repeat(s|ed|ing)?": "retry, retried",
    r"sent once": "not retried, sent at most once",
    r"(attempt|request|poll|response|it) met": "got",
    r"settle(s|d)?|settling": "terminal (of a snapshot), resolve (of a lost create)",
    r"adopt(s|ed|ing)?": "resolve, return",
    r"paus(e|es|ed|ing)": "backoff, interval",
    r"_(most|longest|shortest)_\w+|(longest|shortest)_\w+": "MAX_, MIN_, max_, min_",
    r"(?<!in[-_\s])flight|riders?|aboard": "in-flight request, subscriber",
    r"slow(s|ed|ing)? down": "throttled, throttle",
    r"begun|under way": "started, in flight",
    r"baseline": "existing",
    r"asked for": "requested",
    r"refusals?|answered: (yes|no)|says no": "error response",
    r"news": "change, event",
    r"mend(s|ed|ing)?": "fix",
    r"in the making": "being created",
    r"time-outs?|time (is|was) up": "timeout, timed out",
    r"hand(s|ed|ing)?[-\s]over": "resume elsewhere, continue in another process",
    r"ways? back": "roll back, rollback",
    r"(a|the) whole snapshot|snapshot is whole": "complete",
    r"his own|how manieth": "their own, how many",
    r"colou(r|rs|red)|behaviou(r|rs)|(?<!\.)cancell(ed|ing)": "color, behavior, canceled",
}
# Between two words: a space, the end of a line, of a comment as well, or the `_` of a name.
BETWEEN = r"(?:\s+(?:#\s+)?|_)"
PATTERNS = {
    re.compile(rf"(?<![a-z])(?:{words.replace(' ', BETWEEN)})(?![a-z])", re.IGNORECASE): instead
    for words, instead in SWAPPED.items()
}
# Where such a word is right: the file, and the words around it.
ALLOWED: dict[str, tuple[str, ...]] = {
    "civo_snapshots_async/_creating.py": ("import chain, repeat", "repeat(_BACKOFF"),
    "civo_snapshots_async/testing/faults.py": (
        "import chain, repeat",
        "repeat(member",
        "repeat(chunk",
        "504 Gateway Time-out",
    ),
    # A method of aiogram's.
    "examples/telegram_bot.py": ("query.answer(",),
    "tests/fake/test_faults_responses.py": ("504 Gateway Time-out",),
}


def name_of(path: Path) -> str:
    """Return the name of a file in the source tree."""
    return path.relative_to(ROOT).as_posix()


def complaints(text: str, allowed: tuple[str, ...] = ()) -> list[tuple[int, str, str]]:
    """Return the line of each swapped word, the word, and what to write instead."""
    for phrase in allowed:
        text = text.replace(phrase, "." * len(phrase))
    return sorted(
        (text.count("\n", 0, found.start()) + 1, found[0], instead)
        for pattern, instead in PATTERNS.items()
        for found in pattern.finditer(text)
    )


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_a_file_uses_the_fields_words(path: Path) -> None:
    """In names, comments, docstrings and texts; a reader who stops at a word is lost."""
    name = name_of(path)
    found = complaints(path.read_text(encoding="utf-8"), ALLOWED.get(name, ()))

    if found:
        lines = "\n".join(
            f"{name}:{line}: not {word!r}, but: {instead}" for line, word, instead in found
        )
        pytest.fail(f"see SWAPPED and ALLOWED in tests/test_words.py\n{lines}", pytrace=False)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("It looks at the snapshot.", "looks"),
        ("One\nline, and then:\n# it is sent\n# again.", "sent\n# again"),
        ("_LONGEST_NAME = 63", "_LONGEST_NAME"),
        ("def is_told() -> bool:", "told"),
        ("Cancelled while it ran.", "Cancelled"),
        ("the flight ended", "flight"),
    ],
)
def test_a_swapped_word_is_found(text: str, word: str) -> None:
    """In a sentence, over two lines of a comment, and in a name."""
    assert [found for _, found, _ in complaints(text)] == [word]


@pytest.mark.parametrize(
    "text",
    [
        "except asyncio.CancelledError:",
        "if task.cancelled() or task.cancelling():",
        "self._in_flight = 1  # one request in flight, the in-flight request",
        "a lookup, an outlook, the newsletter, the repeater",
        "sending a request; a timeout; it timed out; a terminal phase",
    ],
)
def test_another_word_is_left_alone(text: str) -> None:
    """The list helps, and does not nag."""
    assert complaints(text) == []


def test_what_is_allowed_is_there() -> None:
    """An exception that nothing needs any more is taken off the list."""
    for name, phrases in ALLOWED.items():
        root = PACKAGE.parent if name.startswith(PACKAGE.name) else ROOT
        text = (root / name).read_text(encoding="utf-8")

        assert [phrase for phrase in phrases if phrase not in text] == []
