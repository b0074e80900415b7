"""Civo's side of the calls: from a recorded request to a response, without any network."""

import hmac
import re
from collections.abc import Callable, Mapping
from typing import get_args

import attrs

from . import _checks as check
from . import _fields as fields
from ._account import Account, RestoreOrder
from ._documents import (
    AccountListIds,
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
from ._errors import (
    CivoError,
    account_not_found,
    bad_parameter,
    create_instance_not_found,
    method_not_allowed,
    region_not_found,
    requires_authentication,
    route_not_found,
    snapshot_not_found,
)
from ._rate_limit import RateLimit
from ._records import FakeInstance, FakeSnapshot
from ._requests import RecordedRequest
from ._responses import Response, json_response
from ._routes import Kind, route

__all__ = ["Api"]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def _check_regions(_: object, __: object, regions: tuple[str, ...]) -> None:
    for region in regions:
        check.one_word("region", region)


def _check_default_region(api: "Api", _: object, region: str | None) -> None:
    check.one_of("default_region", region, allowed=(*api.regions, None))


@attrs.define(kw_only=True)
class Api:
    """The account as seen over HTTP, by those who hold the token."""

    account: Account
    token: str = attrs.field(repr=False, validator=check.field(check.one_word))
    regions: tuple[str, ...] = attrs.field(validator=_check_regions)
    default_region: str | None = attrs.field(validator=_check_default_region)
    past_last_page: PastLastPage = attrs.field(
        validator=check.field(check.one_of, allowed=get_args(PastLastPage))
    )
    account_list_ids: AccountListIds = attrs.field(
        validator=check.field(check.one_of, allowed=get_args(AccountListIds))
    )
    rate_limit: RateLimit | None

    def respond(self, request: RecordedRequest) -> Response:
        """Handle a request."""
        try:
            return self._call(request)
        except CivoError as error:
            return json_response(error.status, envelope(error), error.headers)

    def _call(self, request: RecordedRequest) -> Response:
        # First, as by a gateway: a request without a token counts as well.
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
        body = fields.read_fields(request.body, request.headers.get("Content-Type", ""))

        return _OF_INSTANCE[request.kind](self.account, instance, request.snapshot_id or "", body)

    def _instance(self, request: RecordedRequest, region: str) -> FakeInstance:
        name = request.instance_id or ""
        try:
            return self.account.find_instance(name, region)
        except CivoError as error:
            raise create_instance_not_found(name) if request.kind == "create" else error from None

    def _region(self, request: RecordedRequest) -> str:
        region = request.query.get("region") or self.default_region or ""
        if region not in self.regions:
            raise region_not_found(region)

        return region


def _no_call(request: RecordedRequest) -> CivoError:
    allowed = route(request.method, request.path).allowed

    return method_not_allowed(request.method, allowed) if allowed else route_not_found(request.path)


def _require_token(request: RecordedRequest, token: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # The official spelling is `bearer`; servers accept any case. Another scheme holds no token.
    if scheme.lower() != "bearer" or not given.strip():
        raise requires_authentication()
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise account_not_found()


def _list_regions(api: Api) -> Response:
    default = api.default_region or api.regions[0]

    return json_response(
        200, [region_details(code, is_default=code == default) for code in api.regions]
    )


def _get_quota(api: Api) -> Response:
    account = api.account
    document = quota(
        account.instances.values(),
        snapshots=len(account.all_snapshots()),
        snapshot_limit=account.snapshot_quota,
    )

    return json_response(200, document)


def _list_instances(api: Api, region: str, request: RecordedRequest) -> Response:
    document = instance_page(
        [each for each in api.account.instances.values() if each.region == region],
        api.account.calendar,
        page=_number(request.query, "page", 1),
        per_page=_number(request.query, "per_page", 20),
        past_last=api.past_last_page,
    )

    return json_response(200, document)


def _list_resource_snapshots(api: Api, region: str, _: RecordedRequest) -> Response:
    shown = [_resource_snapshot(api, each) for each in _snapshots_of(api, region)]

    return json_response(200, shown)


def _get_resource_snapshot(api: Api, region: str, request: RecordedRequest) -> Response:
    for snapshot in _snapshots_of(api, region):
        if snapshot.id == request.snapshot_id:
            return json_response(200, _resource_snapshot(api, snapshot))

    raise snapshot_not_found(request.snapshot_id or "")


def _resource_snapshot(api: Api, snapshot: FakeSnapshot) -> dict[str, object]:
    return resource_snapshot(snapshot, api.account.calendar, ids=api.account_list_ids)


def _snapshots_of(api: Api, region: str) -> list[FakeSnapshot]:
    return [each for each in api.account.all_snapshots() if each.region == region]


def _create(account: Account, instance: FakeInstance, _: str, body: fields.Fields) -> Response:
    name, description = fields.name(body), fields.text(body, "description")
    snapshot = account.create(instance, name=name, description=description or "")

    return json_response(201, created(snapshot, account.calendar))


def _list(account: Account, instance: FakeInstance, _: str, __: fields.Fields) -> Response:
    calendar = account.calendar

    return json_response(
        200, [summary(snapshot, calendar) for snapshot in account.snapshots(instance)]
    )


def _get(account: Account, instance: FakeInstance, snapshot_id: str, _: fields.Fields) -> Response:
    snapshot = account.find_snapshot(instance, snapshot_id)

    return json_response(200, details(snapshot, account.calendar))


def _update(
    account: Account, instance: FakeInstance, snapshot_id: str, body: fields.Fields
) -> Response:
    snapshot = account.find_snapshot(instance, snapshot_id)
    name, description = fields.name(body), fields.text(body, "description")
    account.update(instance, snapshot, name=name, description=description)

    return json_response(200, details(snapshot, account.calendar))


def _restore(
    account: Account, instance: FakeInstance, snapshot_id: str, body: fields.Fields
) -> Response:
    snapshot = account.find_to_restore(instance, snapshot_id)
    order = RestoreOrder(
        hostname=fields.hostname(body),
        private_ip=fields.private_ip(body),
        description=fields.text(body, "description") or "",
        overwrite_existing=fields.flag(body, "overwrite_existing"),
    )
    restore = account.restore(instance, snapshot, order)

    # The page names no status; its Node example expects a 201.
    return json_response(201, restore_operation(restore, account.calendar))


def _delete(
    account: Account, instance: FakeInstance, snapshot_id: str, _: fields.Fields
) -> Response:
    account.delete(instance, account.find_snapshot(instance, snapshot_id))

    return json_response(200, deleted())


def _get_instance(account: Account, instance: FakeInstance, _: str, __: fields.Fields) -> Response:
    return json_response(200, instance_details(instance, account.calendar))


def _delete_instance(
    account: Account, instance: FakeInstance, _: str, __: fields.Fields
) -> Response:
    account.delete_instance(instance)

    return json_response(200, deleted())


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not _NUMBER.fullmatch(value):
        raise bad_parameter(name, "it must be a whole number, 1 or more")

    return int(value)


# The official CLI lists regions before one is chosen, with a region that may not exist; and by
# Civo's page, the quota takes no parameters.
_OF_ACCOUNT: Mapping[Kind, Callable[[Api], Response]] = {
    "list_regions": _list_regions,
    "get_quota": _get_quota,
}
_OF_REGION: Mapping[Kind, Callable[[Api, str, RecordedRequest], Response]] = {
    "list_instances": _list_instances,
    "list_resource_snapshots": _list_resource_snapshots,
    "get_resource_snapshot": _get_resource_snapshot,
}
_OF_INSTANCE: Mapping[Kind, Callable[[Account, FakeInstance, str, fields.Fields], Response]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "update": _update,
    "restore": _restore,
    "delete": _delete,
    "get_instance": _get_instance,
    "delete_instance": _delete_instance,
}
