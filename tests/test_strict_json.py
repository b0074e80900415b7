"""Strict JSON and strict times."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async import _strict_json
from civo_snapshots_async._strict_json import (
    exact_parser,
    excerpt,
    parse_json,
    parse_time,
    parse_times,
)

Parser = Callable[[bytes], object]


@pytest.fixture(params=["with orjson", "without"])
def parse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Parser:
    """Give `parse_json` with and without the extra `[speed]`."""
    if request.param == "without":
        monkeypatch.setattr(_strict_json, "_parse_exactly", None)
    else:
        assert _strict_json._parse_exactly is not None
    return parse_json


def parse_strictly(body: bytes) -> object:
    """Parse as without the extra."""
    return _strict_json._parse_strictly(body)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-04-01T09:11:14Z", datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)),
        ("2025-04-01t09:11:14z", datetime(2025, 4, 1, 9, 11, 14, tzinfo=UTC)),
        ("2025-04-01T09:11:14+02:00", datetime(2025, 4, 1, 7, 11, 14, tzinfo=UTC)),
        ("2025-04-01T09:11:14-00:30", datetime(2025, 4, 1, 9, 41, 14, tzinfo=UTC)),
        ("2025-04-01T09:11:14.5Z", datetime(2025, 4, 1, 9, 11, 14, 500_000, tzinfo=UTC)),
        (
            "2025-04-01T09:11:14.123456789Z",
            datetime(2025, 4, 1, 9, 11, 14, 123_456, tzinfo=UTC),
        ),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_reads_every_time_that_civo_writes(text: str, moment: datetime | None) -> None:
    """Offsets, nine digits and Go's zero time all become UTC or None."""
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "2025-04-01", "2025-04-01T09:11:14", "2025-W14-2T09:11:14Z", "2025-04-01T09:11:14,5Z",
        "2025-02-30T09:11:14Z", "2025-04-01T25:11:14Z", "2025-04-01T09:11:14+99:00",
        "9999-12-31T23:59:59-01:00", "٢٠٢٥-04-01T09:11:14Z", "2025-04-01T09:11:14Z\n",
        "0000-01-01T00:00:00Z", "1743498674",
    ],
)  # fmt: skip
def test_guesses_no_time(text: str) -> None:
    """What is no RFC 3339 time, or no real time, is an error."""
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    st.datetimes(
        min_value=datetime(2, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=OFFSETS,
    )
)
def test_reads_back_every_time_that_python_writes(moment: datetime) -> None:
    """Any aware datetime with an offset of full minutes survives, as UTC."""
    parsed = parse_time(moment.isoformat())

    assert parsed == moment
    assert parsed.tzinfo is UTC


PLAIN_TIMES = st.from_regex(
    r"(20[0-9]{2}|0001|9999)-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
    r"(\.[0-9]{1,12})?[Zz]",
    fullmatch=True,
)


@given(PLAIN_TIMES)
def test_the_short_way_reads_what_the_long_way_reads(text: str) -> None:
    """`fromisoformat` is given only what it reads right; an offset takes the long way."""

    def outcome(text: str) -> object:
        try:
            return parse_time(text)
        except ValueError:
            return ValueError

    assert outcome(text) == outcome(f"{text[:-1]}+00:00")


@given(st.lists(PLAIN_TIMES | st.sampled_from(["", "2025-04-01T09:11:14+02:00", "2025-04-01\n"])))
def test_many_times_are_read_as_each_alone(texts: list[str]) -> None:
    """However they are checked: the same moments, or none."""

    def outcome(parse: Callable[[], list[datetime | None]]) -> object:
        try:
            return parse()
        except ValueError:
            return ValueError

    assert outcome(lambda: parse_times(texts)) == outcome(lambda: list(map(parse_time, texts)))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b'{"a": Infinity}', b'{"a": 1, "a": 2}', b"\xff\xfe{}", b"\x80",
        b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5_000, b"<html>", b"1e999", b'{"a":1,"a":1}',
        b"[-1e999]",
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_guesses_no_json(body: bytes, parse: Parser) -> None:
    """What two parsers could read apart, or none can, is a ValueError and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        parse(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)
SPELLINGS = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
    }
)


@given(JSON, SPELLINGS, st.sampled_from(["", "\n", " \r\n"]))
def test_reads_back_all_json_that_python_writes(
    value: object, spelling: dict[str, Any], end: str
) -> None:
    """Reading is the inverse of writing, with orjson and without, however it is spelled."""
    body = f"{json.dumps(value, **spelling)}{end}".encode()

    assert parse_json(body) == parse_strictly(body) == value


@given(st.binary() | st.text('{}[]":,1e9.-+ \nabtrufl\\').map(str.encode))
def test_orjson_changes_nothing(body: bytes) -> None:
    """Whatever the bytes are, with it comes what comes without it: the same value, or none."""

    def outcome(parse: Parser) -> tuple[str, object]:
        try:
            return "value", repr(parse(body))
        except ValueError:
            return "no value", None

    assert outcome(parse_json) == outcome(parse_strictly)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}', b"18446744073709551616", b"9007199254740993.0", b"-0", b"1.10", b"[1, 2]",
        b'"\\u0061"', b"[" * 300 + b"]" * 300, b'\xef\xbb\xbf"a"',
    ],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_what_does_not_come_out_as_it_went_in_proves_nothing(body: bytes) -> None:
    """A key given twice is dropped, a number rounded: the strict parser has to decide."""
    parse_exactly = exact_parser()
    assert parse_exactly is not None

    assert parse_exactly(body) is _strict_json._UNPROVEN


def test_what_comes_out_as_it_went_in_is_taken() -> None:
    """With the line end that Go puts after a document."""
    parse_exactly = exact_parser()
    assert parse_exactly is not None

    assert parse_exactly(b'{"a":[1,2.5,"\xc3\xa9",null]}\n') == {"a": [1, 2.5, "é", None]}


def test_without_orjson_there_is_only_the_strict_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "orjson", None)

    assert exact_parser() is None


def test_accepts_a_byte_order_mark(parse: Parser) -> None:
    """Some gateways put one there."""
    assert parse(b"\xef\xbb\xbf{}") == {}


def test_an_excerpt_is_one_short_line() -> None:
    """Whatever the body is, its beginning can be printed."""
    assert (
        excerpt(b"<html>\n  502\xff Bad\r\nGateway")
        == "<html> 502\N{REPLACEMENT CHARACTER} Bad Gateway"
    )
    assert excerpt(b"a" * 10_000) == "a" * 500 + "…"
