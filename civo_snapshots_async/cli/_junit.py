"""An audit as JUnit's XML, which CI servers show as tests: one for each instance."""

from xml.etree import ElementTree as ET

from .. import AuditEntry, AuditReport
from .._audit_report import remarks
from .._sentences import named, on_one_line


def junit(report: AuditReport) -> str:
    """Return the XML document of an audit.

    A violation is a failure; an instance whose snapshots could not be listed is an error.
    """
    wrong = [entry for entry in report.entries if not entry.is_ok]
    unknown = sum(map(_is_unknown, wrong))
    counts = {
        "name": f"civo-snapshots audit {report.region}",
        "tests": str(len(report.entries)),
        "failures": str(len(wrong) - unknown),
        "errors": str(unknown),
        "skipped": "0",
        "time": "0",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(
        root, "testsuite", {**counts, "timestamp": report.made_at.isoformat(timespec="seconds")}
    )
    for entry in report.entries:
        _add(suite, entry, report.region)
    if lines := list(remarks(report)):
        ET.SubElement(suite, "system-out").text = "\n".join(lines)
    ET.indent(root)

    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _add(suite: ET.Element, entry: AuditEntry, region: str) -> None:
    about = {"name": named(entry.hostname, entry.instance_id), "classname": on_one_line(region)}
    case = ET.SubElement(suite, "testcase", {**about, "time": "0"})
    if entry.is_ok:
        return
    # Some readers take one failure of a test, and no more.
    reasons = [violation.reason for violation in entry.violations]
    kinds = ",".join(violation.kind for violation in entry.violations)
    found = ET.SubElement(
        case,
        "error" if _is_unknown(entry) else "failure",
        {"type": kinds, "message": "; ".join(map(on_one_line, reasons))},
    )
    found.text = "\n".join(map(on_one_line, reasons))


def _is_unknown(entry: AuditEntry) -> bool:
    return any(violation.kind == "unknown" for violation in entry.violations)
