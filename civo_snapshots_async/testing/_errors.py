"""Every error response of FakeCivo, with Civo's codes where they are known."""

from collections.abc import Iterable

import attrs

__all__ = [
    "CivoError",
    "account_not_found",
    "bad_parameter",
    "being_deleted",
    "create_instance_not_found",
    "duplicate_hostname",
    "in_process",
    "in_use",
    "instance_busy",
    "instance_not_found",
    "method_not_allowed",
    "not_complete",
    "private_ip_taken",
    "quota_reached",
    "rate_limited",
    "region_not_found",
    "requires_authentication",
    "route_not_found",
    "snapshot_not_found",
]


@attrs.define(eq=False)
class CivoError(Exception):
    """What makes an error response; `code` and `reason` are left out of it where empty."""

    status: int
    code: str
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    result: str = "failed"


def requires_authentication() -> CivoError:
    """Refuse a request without a token: the one error response that has no code."""
    return CivoError(401, "", "", result="requires_authentication")


def account_not_found() -> CivoError:
    """Refuse a token that is not ours: with a 404, as the real Civo does."""
    return CivoError(404, "database_account_not_found", "Failed to find the account")


def region_not_found(region: str) -> CivoError:
    """Refuse a region that does not exist, or none."""
    return CivoError(404, "database_region_not_found", f"Failed to find region '{region}'")


def instance_not_found(name: str) -> CivoError:
    """Refuse an instance that the region does not have."""
    # The official Go client's code: `database_instance_not_found` is in no source of Civo's.
    return CivoError(404, "database_instance_find", f"Failed to find instance '{name}'")


def create_instance_not_found(name: str) -> CivoError:
    """Refuse to create a snapshot of an instance that the region does not have."""
    # The official Go client has this code in addition to the other one, and only a create can mean
    # it. That Civo sends it here, and with 404, is our inference.
    return CivoError(
        404, "database_snapshot_create_instance_not_found", f"Failed to find instance '{name}'"
    )


def snapshot_not_found(name: str) -> CivoError:
    """Refuse a snapshot that the instance does not have."""
    return CivoError(404, "database_snapshot_not_found", f"Failed to find snapshot '{name}'")


def in_process() -> CivoError:
    """Refuse to create while another snapshot of the instance is not terminal."""
    return CivoError(
        409,
        "database_snapshot_create_already_in_process",
        "Another snapshot of this instance is in process",
    )


def instance_busy(name: str, status: str) -> CivoError:
    """Refuse to create while the instance is neither active nor shut off."""
    # The code is the official Go client's; the 409, and that a create gets it, are our inference.
    return CivoError(
        409,
        "instance_state_must_be_active_or_shutoff",
        f"Instance '{name}' is {status}: it must be active or shut off",
    )


def being_deleted(name: str) -> CivoError:
    """Refuse to restore or update a snapshot that is being deleted."""
    # In no source of Civo's: both the 409 and the code are our inference.
    return CivoError(409, "database_snapshot_deleting", f"Snapshot '{name}' is being deleted")


def in_use() -> CivoError:
    """Refuse to delete a snapshot that a restore is reading."""
    return CivoError(
        409,
        "database_snapshot_cannot_delete_in_use",
        "The snapshot is in use and cannot be deleted",
    )


def duplicate_hostname(hostname: str) -> CivoError:
    """Refuse a host name that an instance has already."""
    return CivoError(
        409, "database_instance_duplicate_name", f"An instance named '{hostname}' exists already"
    )


def private_ip_taken(address: str) -> CivoError:
    """Refuse a private IP that an instance of the network has already."""
    # In no source of Civo's: both the 409 and the code are our inference.
    return CivoError(
        409, "database_private_ip_in_use", f"The private IP {address} is in use in the network"
    )


def not_complete(name: str) -> CivoError:
    """Refuse to restore a snapshot that is not complete: the page allows it after that."""
    # In no source of Civo's: both the 409 and the code are our inference.
    return CivoError(
        409, "database_snapshot_not_complete", f"Snapshot '{name}' is not complete yet"
    )


def quota_reached(limit: int) -> CivoError:
    """Refuse one snapshot more than the account may hold."""
    return CivoError(403, "quota_limit_reached", f"The quota of {limit} snapshots is reached")


def rate_limited(retry_after: int | None) -> CivoError:
    """Refuse one request more than the rate limit allows; `retry_after` is in seconds."""
    # Civo's limit is undocumented: programs that poll have got a 429. The rest is our inference.
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)

    return CivoError(429, "", "Too many requests", headers=headers)


def bad_parameter(name: str, rule: str) -> CivoError:
    """Refuse a field, or the whole body, that Civo does not accept."""
    return CivoError(400, f"parameter_{name}_invalid", f"The {name} is not valid: {rule}")


def route_not_found(path: str) -> CivoError:
    """Refuse a path that no call has."""
    # Not one of the `database_…_not_found` codes: a wrong path must not be taken for a snapshot
    # that is gone.
    return CivoError(404, "route_not_found", f"There is nothing at '{path}'")


def method_not_allowed(method: str, allowed: Iterable[str]) -> CivoError:
    """Refuse a method that the path does not take."""
    return CivoError(
        405,
        "method_not_allowed",
        f"{method} is not allowed here",
        headers=(("Allow", ", ".join(allowed)),),
    )
