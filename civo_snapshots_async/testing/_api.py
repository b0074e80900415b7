"""Civo's side of the calls: a recorded request to an answer, without any network."""

import hmac
import re
from collections.abc import Callable, Mapping

import attrs

from . import _fields as fields
from ._account import Account, RestoreOrder
from ._answers import Answer, json_answer
from ._documents import (
    PastLastPage,
    created,
    deleted,
    details,
    envelope,
    instance_details,
    instance_page,
    quota,
    resource_snapshot,
    restore_operation,
    summary,
)
from ._documents import region as region_details
from ._limit import RateLimit
from ._records import FakeInstance, FakeSnapshot
from ._refused import (
    RefusedError,
    account_not_found,
    bad_parameter,
    create_instance_not_found,
    method_not_allowed,
    region_not_found,
    requires_authentication,
    route_not_found,
    snapshot_not_found,
)
from ._requests import RecordedRequest
from ._routes import Kind, route

__all__ = ["Api"]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@attrs.define(kw_only=True)
class Api:
    """The account as seen over HTTP, by those who hold the token."""

    account: Account
    token: str = attrs.field(repr=False)
    regions: tuple[str, ...]
    default_region: str | None
    past_last_page: PastLastPage
    rate_limit: RateLimit | None

    def answer(self, request: RecordedRequest) -> Answer:
        """Do what the request asks for, or refuse it."""
        try:
            return self._call(request)
        except RefusedError as refused:
            return json_answer(refused.status, envelope(refused), refused.headers)

    def _call(self, request: RecordedRequest) -> Answer:
        # First of all, as by a gateway: who has no token is counted, too.
        if self.rate_limit is not None:
            self.rate_limit.take()
        if request.kind == "unknown":
            raise _no_call(request)
        _require_token(request, self.token)
        if of_account := _OF_ACCOUNT.get(request.kind):
            return of_account(self)
        region = self._region(request)
        if of_region := _OF_REGION.get(request.kind):
            return of_region(self, region, request)
        instance = self._instance(request, region)
        said = fields.read_fields(request.body, request.headers.get("Content-Type", ""))

        return _OF_INSTANCE[request.kind](self.account, instance, request.snapshot_id or "", said)

    def _instance(self, request: RecordedRequest, region: str) -> FakeInstance:
        name = request.instance_id or ""
        try:
            return self.account.find_instance(name, region)
        except RefusedError as refused:
            raise create_instance_not_found(name) if request.kind == "create" else refused from None

    def _region(self, request: RecordedRequest) -> str:
        region = request.query.get("region") or self.default_region or ""
        if region not in self.regions:
            raise region_not_found(region)

        return region


def _no_call(request: RecordedRequest) -> RefusedError:
    allowed = route(request.method, request.path).allowed

    return method_not_allowed(request.method, allowed) if allowed else route_not_found(request.path)


def _require_token(request: RecordedRequest, token: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # The official spelling is `bearer`; servers accept any case. Another scheme bears no token.
    if scheme.lower() != "bearer" or not given.strip():
        raise requires_authentication()
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise account_not_found()


def _list_regions(api: Api) -> Answer:
    default = api.default_region or api.regions[0]

    return json_answer(
        200, [region_details(code, is_default=code == default) for code in api.regions]
    )


def _get_quota(api: Api) -> Answer:
    account = api.account
    document = quota(
        account.instances.values(),
        snapshots=len(account.all_snapshots()),
        snapshot_limit=account.snapshot_quota,
    )

    return json_answer(200, document)


def _list_instances(api: Api, region: str, request: RecordedRequest) -> Answer:
    document = instance_page(
        [each for each in api.account.instances.values() if each.region == region],
        api.account.calendar,
        page=_number(request.query, "page", 1),
        per_page=_number(request.query, "per_page", 20),
        past_last=api.past_last_page,
    )

    return json_answer(200, document)


def _list_resource_snapshots(api: Api, region: str, _: RecordedRequest) -> Answer:
    there = _snapshots_of(api, region)

    return json_answer(200, [resource_snapshot(each, api.account.calendar) for each in there])


def _get_resource_snapshot(api: Api, region: str, request: RecordedRequest) -> Answer:
    for snapshot in _snapshots_of(api, region):
        if snapshot.id == request.snapshot_id:
            return json_answer(200, resource_snapshot(snapshot, api.account.calendar))

    raise snapshot_not_found(request.snapshot_id or "")


def _snapshots_of(api: Api, region: str) -> list[FakeSnapshot]:
    return [each for each in api.account.all_snapshots() if each.region == region]


def _create(account: Account, instance: FakeInstance, _: str, said: fields.Fields) -> Answer:
    name, description = fields.name(said), fields.text(said, "description")
    snapshot = account.create(instance, name=name, description=description or "")

    return json_answer(201, created(snapshot, account.calendar))


def _list(account: Account, instance: FakeInstance, _: str, _said: fields.Fields) -> Answer:
    there = account.snapshots(instance)

    return json_answer(200, [summary(snapshot, account.calendar) for snapshot in there])


def _get(account: Account, instance: FakeInstance, snapshot_id: str, _: fields.Fields) -> Answer:
    snapshot = account.find_snapshot(instance, snapshot_id)

    return json_answer(200, details(snapshot, account.calendar))


def _update(
    account: Account, instance: FakeInstance, snapshot_id: str, said: fields.Fields
) -> Answer:
    snapshot = account.find_snapshot(instance, snapshot_id)
    name, description = fields.name(said), fields.text(said, "description")
    account.update(snapshot, name=name, description=description)

    return json_answer(200, details(snapshot, account.calendar))


def _restore(
    account: Account, instance: FakeInstance, snapshot_id: str, said: fields.Fields
) -> Answer:
    snapshot = account.find_snapshot(instance, snapshot_id)
    order = RestoreOrder(
        hostname=fields.hostname(said),
        private_ip=fields.private_ip(said),
        description=fields.text(said, "description") or "",
        overwrite_existing=fields.flag(said, "overwrite_existing"),
    )
    restore = account.restore(instance, snapshot, order)

    # The page names no status; its Node example looks for a 201.
    return json_answer(201, restore_operation(restore, account.calendar))


def _delete(account: Account, instance: FakeInstance, snapshot_id: str, _: fields.Fields) -> Answer:
    account.delete(instance, account.find_snapshot(instance, snapshot_id))

    return json_answer(200, deleted())


def _get_instance(account: Account, shown: FakeInstance, _: str, _said: fields.Fields) -> Answer:
    return json_answer(200, instance_details(shown, account.calendar))


def _delete_instance(account: Account, shown: FakeInstance, _: str, _said: fields.Fields) -> Answer:
    account.delete_instance(shown)

    return json_answer(200, deleted())


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not _NUMBER.fullmatch(value):
        raise bad_parameter(name, "it must be a whole number, 1 or more")

    return int(value)


# The official CLI asks for regions before anybody has chosen one, with a region that may not be
# there; of the quota, Civo's page says that it takes no parameters.
_OF_ACCOUNT: Mapping[Kind, Callable[[Api], Answer]] = {
    "list_regions": _list_regions,
    "get_quota": _get_quota,
}
_OF_REGION: Mapping[Kind, Callable[[Api, str, RecordedRequest], Answer]] = {
    "list_instances": _list_instances,
    "list_resource_snapshots": _list_resource_snapshots,
    "get_resource_snapshot": _get_resource_snapshot,
}
_OF_INSTANCE: Mapping[Kind, Callable[[Account, FakeInstance, str, fields.Fields], Answer]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "update": _update,
    "restore": _restore,
    "delete": _delete,
    "get_instance": _get_instance,
    "delete_instance": _delete_instance,
}
