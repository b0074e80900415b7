"""The command that checks a policy, on a FakeCivo."""

import json
from datetime import timedelta

import pytest
from junitparser import Error, Failure, JUnitXml, TestSuite
from prometheus_client.parser import text_string_to_metric_families

from civo_snapshots_async import AuditEntry, AuditReport, AuditViolation
from civo_snapshots_async.cli._durations import duration
from civo_snapshots_async.cli._junit import junit
from civo_snapshots_async.testing import FakeCivo, faults

from ..make import NOW
from .conftest import Run

HOUR = 3600


@pytest.fixture
def account(served: FakeCivo) -> FakeCivo:
    """Return an account with a fresh instance, and one whose snapshot is three days old."""
    served.add_instance("web-2")
    served.add_snapshot("web-1", "snap-1", name="nightly", age=2 * HOUR)
    served.add_snapshot("web-2", "snap-2", name="weekly", age=72 * HOUR)
    return served


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("1.5d", timedelta(hours=36)),
        ("1d12h", timedelta(hours=36)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    """Or several of them."""
    assert duration(text) == span


@pytest.mark.parametrize("text", ["", "24", "h", "24H", "-1h", "1h 2m", "1e3h", "٣h", "24h!", "1y"])
def test_nothing_else_is_a_duration(text: str) -> None:
    """The error shows what is."""
    with pytest.raises(ValueError, match=r"is no duration: .* such as 90m, 24h or 7d"):
        duration(text)


def test_a_duration_has_an_end() -> None:
    """Python's own error names no text."""
    with pytest.raises(ValueError, match="'999999999w' is too long"):
        duration("999999999w")


@pytest.mark.parametrize(
    ("instances", "status"), [([], 10), (["web-1"], 0), (["web-2"], 10), (["gone"], 10)], ids=str
)
@pytest.mark.usefixtures("account")
def test_a_broken_policy_has_a_status(run: Run, instances: list[str], status: int) -> None:
    """Of the instances that are given, or of all."""
    assert run("audit", *instances, "--max-age=24h").status == status


@pytest.mark.usefixtures("account")
def test_the_table_has_a_row_for_each_instance(run: Run) -> None:
    """With what is wrong."""
    ended = run("audit", "--max-age=24h")

    head, one, two = ended.out.splitlines()
    assert head.split()[0] == "INSTANCE"
    assert one.split() == ["web-1", "nightly", "(snap-1)", "2", "h", "1", "-"]
    assert two.endswith("weekly (snap-2), is 3 days old, more than 24 h")
    assert "1 of 2 instances ok" in ended.err
    assert "quota: " in ended.err


def test_nothing_of_a_long_row_is_cut(account: FakeCivo, run: Run) -> None:
    """A program reads it."""
    account.add_instance("x" * 120)
    account.add_snapshot("x" * 120, "y" * 120, name="z" * 60, age=72 * HOUR)

    ended = run("audit", "--max-age=24h")

    assert len(ended.out.splitlines()) == 4
    assert ended.out.count("y" * 120) == 2
    assert "…" not in ended.out


@pytest.mark.usefixtures("account")
def test_the_rules_may_be_stricter(run: Run) -> None:
    """By options."""
    ended = run("audit", "web-1", "--max-age=24h", "--min-count=2", "--max-pending=30m")

    assert ended.status == 10
    assert "it has 1 complete snapshot, fewer than 2" in ended.out


@pytest.mark.usefixtures("account")
def test_json_is_the_report(run: Run) -> None:
    """Alone on stdout."""
    ended = run("audit", "--max-age=24h", "-o", "json", "--quiet")

    document = json.loads(ended.out)
    assert (document["is_ok"], len(document["entries"]), ended.err) == (False, 2, "")


@pytest.mark.usefixtures("account")
def test_junit_is_read_by_a_parser(run: Run) -> None:
    """A violation is the failure of a test."""
    ended = run("audit", "--max-age=24h", "-o", "junit")

    (suite,) = JUnitXml.fromstring(ended.out.encode())
    assert isinstance(suite, TestSuite)
    assert (suite.tests, suite.failures, suite.errors) == (2, 1, 0)
    one, two = suite
    assert (one.name, one.result) == ("web-1", [])
    ((failure,), name) = (two.result, two.name)
    assert (name, type(failure), failure.type) == ("web-2", Failure, "too_old")
    assert failure.message.endswith("is 3 days old, more than 24 h")
    assert "quota: " in ended.out
    assert ended.status == 10


def test_junit_has_errors_for_what_is_not_known() -> None:
    """No name and no reason of a server's breaks the XML."""
    hostname = '<&"\x00\u2028\ufffe\ud800>'
    violation = AuditViolation(kind="unknown", reason="no\x01\nlist", instance_id="web-3")
    entry = AuditEntry(instance_id="web-3", hostname=hostname, violations=(violation,))
    report = AuditReport(region="LON1", made_at=NOW, entries=(entry,))

    (suite,) = JUnitXml.fromstring(junit(report).encode())

    assert (suite.tests, suite.failures, suite.errors) == (1, 0, 1)
    (case,) = suite
    assert [type(each) for each in case.result] == [Error]
    assert case.name.endswith("(web-3)")


def test_junit_of_nothing_wrong_has_no_failure(served: FakeCivo, run: Run) -> None:
    """Nor a remark, where the account has a list and no quota."""
    served.add_snapshot("web-1", "snap-1", name="nightly", age=2 * HOUR)
    served.inject("get_quota", faults.status(404))

    ended = run("audit", "--max-age=24h", "-o", "junit")

    (suite,) = JUnitXml.fromstring(ended.out.encode())
    assert (suite.tests, suite.failures, suite.errors, ended.status) == (1, 0, 0, 0)


@pytest.mark.usefixtures("account")
def test_prometheus_is_read_by_a_parser(run: Run) -> None:
    """For a textfile collector."""
    ended = run("audit", "--max-age=24h", "-o", "prometheus")

    families = {family.name: family for family in text_string_to_metric_families(ended.out)}
    (sample,) = families["civo_snapshots_audit_instances_in_violation"].samples
    assert sample.value == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-age=24"], "'24' is no duration: give numbers with s, m, h, d or w"),
        ([], "--max-age"),
        (["--max-age=0s"], "max_age must be"),
        (["--max-age=1h", "-o", "jsonl"], "jsonl"),
    ],
    ids=str,
)
def test_wrong_use_is_one_sentence(
    served: FakeCivo, run: Run, arguments: list[str], says: str
) -> None:
    """Before anything is sent."""
    ended = run("audit", *arguments)

    assert (ended.status, served.requests) == (2, [])
    assert says in ended.err.splitlines()[0]
