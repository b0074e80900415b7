"""Strict JSON and strict times."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civo_snapshots_async._strict_json import excerpt, parse_json, parse_time


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
    """What is no RFC 3339 time, or no moment, is refused."""
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
    """Any aware datetime with an offset of whole minutes survives, as UTC."""
    parsed = parse_time(moment.isoformat())

    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b'{"a": Infinity}', b'{"a": 1, "a": 2}', b"\xff\xfe{}", b"\x80",
        b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5_000, b"<html>",
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_guesses_no_json(body: bytes) -> None:
    """What two parsers could read apart, or none can, is a ValueError and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        parse_json(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    )
)
def test_reads_back_all_json_that_python_writes(value: object) -> None:
    """Reading is the inverse of writing."""
    assert parse_json(json.dumps(value).encode("utf-8")) == value


def test_accepts_a_byte_order_mark() -> None:
    """Some gateways put one there."""
    assert parse_json(b"\xef\xbb\xbf{}") == {}


def test_an_excerpt_is_one_short_line() -> None:
    """Whatever the body is, its beginning can be printed."""
    assert (
        excerpt(b"<html>\n  502\xff Bad\r\nGateway")
        == "<html> 502\N{REPLACEMENT CHARACTER} Bad Gateway"
    )
    assert excerpt(b"a" * 10_000) == "a" * 500 + "…"
