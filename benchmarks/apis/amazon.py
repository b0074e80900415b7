"""Amazon EC2: snapshots of EBS volumes, as its query API writes them, in XML."""

import re

from .api import CREATED_AT, Routes

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>6f1c2a52-94cc-4f0e-a1a3-0d1c5a5ff3b1</requestId>"
    "<snapshotSet>{}</snapshotSet></DescribeSnapshotsResponse>"
)
_ITEM = (
    "<item><snapshotId>{}</snapshotId><volumeId>vol-049df61146c4d7901</volumeId>"
    "<status>{}</status><startTime>{}</startTime><progress>{}</progress>"
    "<ownerId>111122223333</ownerId><volumeSize>8</volumeSize>"
    "<description>taken before the upgrade</description><encrypted>false</encrypted>"
    "<tagSet><item><key>Name</key><value>nightly-web-1</value></item></tagSet></item>"
)


def _item(snapshot_id: str, *, pending: bool) -> str:
    status, progress = ("pending", "40%") if pending else ("completed", "100%")

    return _ITEM.format(snapshot_id, status, CREATED_AT, progress)


def _one(asked: re.Match[str], pending: bool) -> bytes:  # noqa: FBT001 - as every body takes it
    return _ENVELOPE.format(_item(asked[1], pending=pending)).encode()


def _many(asked: re.Match[str], pending: bool) -> bytes:  # noqa: FBT001 - as every body takes it
    ids = (f"snap-{number:017x}" for number in range(int(asked[1])))

    return _ENVELOPE.format("".join(_item(each, pending=pending) for each in ids)).encode()


ROUTES: Routes = {
    r"POST / .*Action=DescribeSnapshots.*&SnapshotId\.1=([^&]+).*": _one,
    r"POST / .*Action=DescribeSnapshots.*&MaxResults=(\d+).*": _many,
}
