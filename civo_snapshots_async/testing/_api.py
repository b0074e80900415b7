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
    restore_operation,
    summary,
)
from ._records import FakeInstance
from ._refused import (
    RefusedError,
    account_not_found,
    bad_parameter,
    create_instance_not_found,
    method_not_allowed,
    region_not_found,
    requires_authentication,
    route_not_found,
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

    def answer(self, request: RecordedRequest) -> Answer:
        """Do what the request asks for, or refuse it."""
        try:
            return self._call(request)
        except RefusedError as refused:
            return json_answer(refused.status, envelope(refused), refused.headers)

    def _call(self, request: RecordedRequest) -> Answer:
        if request.kind == "unknown":
            raise _no_call(request)
        _require_token(request, self.token)
        region = self._region(request)
        if request.instance_id is None:
            return self._list_instances(region, request.query)
        instance = self._instance(request, request.instance_id, region)
        said = fields.read_fields(request.body, request.headers.get("Content-Type", ""))

        return _CALLS[request.kind](self.account, instance, request.snapshot_id or "", said)

    def _instance(self, request: RecordedRequest, name: str, region: str) -> FakeInstance:
        try:
            return self.account.find_instance(name, region)
        except RefusedError as refused:
            raise create_instance_not_found(name) if request.kind == "create" else refused from None

    def _list_instances(self, region: str, query: Mapping[str, str]) -> Answer:
        there = [each for each in self.account.instances.values() if each.region == region]
        page, per_page = _number(query, "page", 1), _number(query, "per_page", 20)
        document = instance_page(
            there,
            self.account.calendar,
            page=page,
            per_page=per_page,
            past_last=self.past_last_page,
        )

        return json_answer(200, document)

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


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not _NUMBER.fullmatch(value):
        raise bad_parameter(name, "it must be a whole number, 1 or more")

    return int(value)


_CALLS: Mapping[Kind, Callable[[Account, FakeInstance, str, fields.Fields], Answer]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "update": _update,
    "restore": _restore,
    "delete": _delete,
    "get_instance": _get_instance,
}
