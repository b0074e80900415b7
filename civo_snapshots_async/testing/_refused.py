"""Every way in which FakeCivo says no, with Civo's codes where they are known."""

from collections.abc import Iterable

import attrs

__all__ = [
    "RefusedError",
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
class RefusedError(Exception):
    """A request that is answered with an error envelope, without `code` and `reason` if empty."""

    status: int
    code: str
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    result: str = "failed"


def requires_authentication() -> RefusedError:
    """Refuse a request without a token: the one error response that has no code."""
    return RefusedError(401, "", "", result="requires_authentication")


def account_not_found() -> RefusedError:
    """Refuse a token that is not ours. Yes, with 404: so the real one does."""
    return RefusedError(404, "database_account_not_found", "Failed to find the account")


def region_not_found(region: str) -> RefusedError:
    """Refuse a region that is not there, or none."""
    return RefusedError(404, "database_region_not_found", f"Failed to find region '{region}'")


def instance_not_found(name: str) -> RefusedError:
    """Refuse an instance that this region does not have."""
    # So the official Go client has it: `database_instance_not_found` stands in no source of Civo's.
    return RefusedError(404, "database_instance_find", f"Failed to find instance '{name}'")


def create_instance_not_found(name: str) -> RefusedError:
    """Refuse to create a snapshot of an instance that this region does not have."""
    # The official Go client has this code beside the other one, and only a create can be meant by
    # it. That Civo sends it here, and with 404, is our inference.
    return RefusedError(
        404, "database_snapshot_create_instance_not_found", f"Failed to find instance '{name}'"
    )


def snapshot_not_found(name: str) -> RefusedError:
    """Refuse a snapshot that the instance does not have."""
    return RefusedError(404, "database_snapshot_not_found", f"Failed to find snapshot '{name}'")


def in_process() -> RefusedError:
    """Refuse to create while another snapshot of the instance is not settled."""
    return RefusedError(
        409,
        "database_snapshot_create_already_in_process",
        "Another snapshot of this instance is in process",
    )


def instance_busy(name: str, status: str) -> RefusedError:
    """Refuse to create while the instance is neither active nor shut off."""
    # The code is the official Go client's; the 409, and that a create gets it, are our inference.
    return RefusedError(
        409,
        "instance_state_must_be_active_or_shutoff",
        f"Instance '{name}' is {status}: it must be active or shut off",
    )


def being_deleted(name: str) -> RefusedError:
    """Refuse to restore or update what is about to be gone."""
    # No source says what comes of it: both the 409 and the code are our inference.
    return RefusedError(409, "database_snapshot_deleting", f"Snapshot '{name}' is being deleted")


def in_use() -> RefusedError:
    """Refuse to delete what a restore is reading."""
    return RefusedError(
        409,
        "database_snapshot_cannot_delete_in_use",
        "The snapshot is in use and cannot be deleted",
    )


def duplicate_hostname(hostname: str) -> RefusedError:
    """Refuse a host name that an instance has already."""
    return RefusedError(
        409, "database_instance_duplicate_name", f"An instance named '{hostname}' is there already"
    )


def private_ip_taken(address: str) -> RefusedError:
    """Refuse a private IP that an instance of the network has already."""
    # No source says what Civo does then: both the 409 and the code are our inference.
    return RefusedError(
        409, "database_private_ip_in_use", f"The private IP {address} is in use in the network"
    )


def not_complete(name: str) -> RefusedError:
    """Refuse to restore too soon; the page: after a snapshot has completed."""
    # No source gives a code for this: both the 409 and the code are our inference.
    return RefusedError(
        409, "database_snapshot_not_complete", f"Snapshot '{name}' is not complete yet"
    )


def quota_reached(limit: int) -> RefusedError:
    """Refuse one snapshot more than the account may hold."""
    return RefusedError(403, "quota_limit_reached", f"The quota of {limit} snapshots is reached")


def rate_limited(retry_after: int | None) -> RefusedError:
    """Refuse one request more than the rate limit allows."""
    # Civo's limit is undocumented: that there is one, and 429, pollers have met. The rest is our
    # inference.
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)

    return RefusedError(429, "", "Too many requests", headers=headers)


def bad_parameter(name: str, rule: str) -> RefusedError:
    """Refuse a field, or the whole body, that is not what Civo takes."""
    return RefusedError(400, f"parameter_{name}_invalid", f"The {name} is not valid: {rule}")


def route_not_found(path: str) -> RefusedError:
    """Refuse a path that is no call's."""
    # Not one of the `database_…_not_found` codes: nobody may take a wrong path for a snapshot
    # that is gone.
    return RefusedError(404, "route_not_found", f"There is nothing at '{path}'")


def method_not_allowed(method: str, allowed: Iterable[str]) -> RefusedError:
    """Refuse a method that the path does not know."""
    return RefusedError(
        405,
        "method_not_allowed",
        f"{method} is not allowed here",
        headers=(("Allow", ", ".join(allowed)),),
    )
