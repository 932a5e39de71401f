"""The verbs: what get, list, watch, create, update, patch and delete do with a request."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from conformance.simulator.api import access, errors, selectors, subresources, table
from conformance.simulator.api.access import User
from conformance.simulator.api.decoding import decode
from conformance.simulator.api.options import Options
from conformance.simulator.api.patching import Apply, Strategic, json_patch, merge_patch
from conformance.simulator.api.paths import Target
from conformance.simulator.api.registry import Registry
from conformance.simulator.api.selectors import Match
from conformance.simulator.api.streams import Logs, number, send_log, send_watch
from conformance.simulator.api.trouble import Trouble
from conformance.simulator.api.watch import Wish
from conformance.simulator.kinds.conversion import convert
from conformance.simulator.objects import Obj, dig, labels_of, name_of, namespace_of

RETURNS_DELETED = ("pods", "services", "serviceaccounts", "namespaces", "persistentvolumeclaims", "resourcequotas")
"""Resources whose deletion is answered with the object, as everything in resource.k8s.io."""
_REVIEWS: dict[str, Callable[[User, Obj], Obj]] = {
    "selfsubjectaccessreviews": access.self_review,
    "selfsubjectrulesreviews": access.rules_review,
    "selfsubjectreviews": access.self_identity,
}
_MISSING_VERSION = "the body of the request was in an unknown format - accepted media types include: "
_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)


@dataclass(frozen=True)
class Call:
    """One authenticated request."""

    target: Target
    request: web.Request
    user: User
    body: Any

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off."""
        return self.request.query.get(name) in ("1", "true")

    def options(self) -> Options:
        """Write options from query and body."""
        query, body = (
            self.request.query,
            self.body if self.target.verb.startswith("delete") and isinstance(self.body, dict) else {},
        )
        dry = query.getall("dryRun", []) or body.get("dryRun") or []
        if any(word != "All" for word in dry):
            raise errors.bad_request(f"dryRun: Unsupported value: {dry}: supported values: All")
        grace = number(query, "gracePeriodSeconds")
        grace = body.get("gracePeriodSeconds") if grace is None else grace
        conditions = body.get("preconditions") or {}
        orphan = "Orphan" if body.get("orphanDependents") else "Background"
        return Options(
            user=self.user.name,
            dry_run=bool(dry),
            field_validation=query.get("fieldValidation") or "Warn",
            grace=None if grace is None else int(grace),
            propagation=query.get("propagationPolicy") or body.get("propagationPolicy") or orphan,
            uid=conditions.get("uid"),
            resource_version=conditions.get("resourceVersion"),
        )


@dataclass(frozen=True)
class Answer:
    """A JSON answer."""

    body: Obj
    code: int = HTTPStatus.OK
    warnings: list[str] = field(default_factory=list)


Handler = Callable[[Call], Awaitable["Answer | web.StreamResponse"]]


class Verbs:
    """Carries out calls on the registry."""

    def __init__(self, registry: Registry, trouble: Trouble, logs: Logs) -> None:
        self.registry, self._trouble, self._logs = registry, trouble, logs

    async def run(self, call: Call) -> "Answer | web.StreamResponse":
        """The answer to a call."""
        handlers: dict[str, Handler] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_all,
        }
        return await handlers[call.target.verb](call)

    async def _get(self, call: Call) -> "Answer | web.StreamResponse":
        target = call.target
        if target.sub == "log":
            return await send_log(self.registry, self._logs, call.target, call.request)
        obj = self.registry.get(target.kind, target.namespace, target.name)
        if target.sub == "scale":
            return Answer(subresources.scale_of(target, obj))
        if target.sub not in ("", "status"):
            raise errors.no_such_path()
        return Answer(self._shape(call, obj))

    def _shape(self, call: Call, obj: Obj) -> Obj:
        accepted = call.request.headers.get("Accept", "").partition(",")[0]
        if "as=Table" in accepted:
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return table.table(call.target.kind, [obj], meta, call.request.query.get("includeObject", "Metadata"))
        return table.partial(obj) if "as=PartialObjectMetadata" in accepted else obj

    def _match(self, call: Call) -> Match:
        query, kind = call.request.query, call.target.kind
        labels = selectors.parse_labels(query.get("labelSelector", ""))
        fields = selectors.parse_fields(query.get("fieldSelector", ""), kind.stored_as)
        return lambda obj: labels(labels_of(obj)) and fields(obj)

    def _chosen(self, call: Call) -> list[Obj]:
        match, kind = self._match(call), call.target.kind
        found = self.registry.store.select(kind.stored_as, call.target.namespace)
        return [obj for stored in found if match(obj := convert(kind, stored))]

    async def _list(self, call: Call) -> Answer:
        kind, query = call.target.kind, call.request.query
        chosen = self._chosen(call)
        meta: Obj = {"resourceVersion": str(self.registry.store.revision)}
        if query.get("continue"):
            after = _read_continue(query["continue"])
            chosen = [obj for obj in chosen if [namespace_of(obj), name_of(obj)] > after]
        limit = number(query, "limit") or 0
        if limit and len(chosen) > limit:
            meta["remainingItemCount"] = len(chosen) - limit
            chosen = chosen[:limit]
            meta["continue"] = _continue(chosen[-1])
        accepted = call.request.headers.get("Accept", "").partition(",")[0]
        if "as=Table" in accepted:
            return Answer(table.table(kind, chosen, meta, query.get("includeObject", "Metadata")))
        if "as=PartialObjectMetadataList" in accepted:
            items = [table.partial(obj) for obj in chosen]
            return Answer(
                {"kind": "PartialObjectMetadataList", "apiVersion": table.PARTIAL, "metadata": meta, "items": items}
            )
        items = (
            chosen
            if kind.custom
            else [{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in chosen]
        )
        return Answer({"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta, "items": items})

    async def _watch(self, call: Call) -> web.StreamResponse:
        query, target = call.request.query, call.target
        match = self._match(call)
        if target.name:
            match = _only(target.name, match)
        revision = query.get("resourceVersion", "")
        if revision and not revision.isdigit():
            raise errors.bad_request(f'invalid resource version "{revision}"')
        wish = Wish(
            kind=target.kind,
            namespace=target.namespace,
            match=match,
            revision=revision,
            bookmarks=call.flag("allowWatchBookmarks"),
            initial=call.flag("sendInitialEvents"),
            timeout=float(number(query, "timeoutSeconds") or 1800),
        )
        return await send_watch(self.registry.store, wish, call.request, self._trouble.drop_watch_after)

    async def _create(self, call: Call) -> Answer:
        target, options = call.target, call.options()
        if target.kind.plural in _REVIEWS:
            review, _ = decode(self.registry.kinds, target.kind, call.body or {}, options)
            return Answer(_REVIEWS[target.kind.plural](call.user, review), HTTPStatus.CREATED)
        action = subresources.CREATES.get("binding" if target.kind.plural == "bindings" else target.sub)
        if action:
            return Answer(action(self.registry, target, call.body or {}, options), HTTPStatus.CREATED)
        if target.sub or not target.kind.plain:
            raise errors.Refused(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", f"{target.permission} is not simulated")
        if call.body is None:
            raise errors.bad_request("a create needs an object")
        obj = self.registry.create(target.kind, target.namespace, call.body, options)
        return Answer(self._shape(call, obj), HTTPStatus.CREATED, options.warnings)

    async def _update(self, call: Call) -> Answer:
        target, options = call.target, call.options()
        if call.body is None:
            raise errors.bad_request("an update needs an object")
        action = subresources.UPDATES.get(target.sub)
        if action:
            return Answer(action(self.registry, target, call.body, options))
        obj = self.registry.update(target.kind, target.namespace, target.name, call.body, options, target.sub)
        return Answer(self._shape(call, obj), HTTPStatus.OK, options.warnings)

    async def _patch(self, call: Call) -> Answer:
        target, options, kind = call.target, call.options(), call.request.content_type
        if kind not in _PATCHES or (target.kind.custom and "strategic" in kind):
            raise errors.unsupported_media(_MISSING_VERSION + ", ".join(_PATCHES))
        apply = "apply-patch" in kind
        if apply and not call.request.query.get("fieldManager"):
            raise errors.bad_request(
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
            )
        current = self.registry.store.get(target.kind.stored_as, target.namespace, target.name)
        if current is None and apply and not target.sub:
            return Answer(
                self.registry.create(target.kind, target.namespace, call.body, options),
                HTTPStatus.CREATED,
                options.warnings,
            )
        obj = self.registry.get(target.kind, target.namespace, target.name)
        if target.sub == "scale":
            obj = subresources.scale_of(target, obj)
        patched = self._patched(kind, target, obj, call.body)
        action = subresources.UPDATES.get(target.sub)
        if action:
            return Answer(action(self.registry, target, patched, options))
        written = self.registry.update(target.kind, target.namespace, target.name, patched, options, target.sub)
        return Answer(self._shape(call, written), HTTPStatus.OK, options.warnings)

    def _patched(self, kind: str, target: Target, obj: Obj, patch: Any) -> Obj:
        schema, resolve = target.kind.schema, self.registry.kinds.resolve
        if kind == _PATCHES[0]:
            return dict(json_patch(obj, patch))
        if not isinstance(patch, dict):
            raise errors.bad_request("error decoding patch: want an object")
        if kind == _PATCHES[1]:
            return dict(merge_patch(obj, patch))
        merger = Strategic(resolve) if kind == _PATCHES[2] else Apply(resolve)
        return dict(merger.merge(schema, obj, patch))

    async def _delete(self, call: Call) -> Answer:
        target = call.target
        obj, gone = self.registry.delete(target.kind, target.namespace, target.name, call.options())
        resource = target.kind.resource
        if not gone or resource in RETURNS_DELETED or target.kind.group == "resource.k8s.io":
            return Answer(self._shape(call, obj))
        details: Obj = {"name": name_of(obj), "kind": target.kind.plural, "uid": dig(obj, "metadata", "uid")}
        if target.kind.group:
            details["group"] = target.kind.group
        return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def _delete_all(self, call: Call) -> Answer:
        kind = call.target.kind
        items = self.registry.delete_all(kind, call.target.namespace, self._chosen(call), call.options())
        meta = {"resourceVersion": str(self.registry.store.revision)}
        return Answer({"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta, "items": items})


def _continue(obj: Obj) -> str:
    return base64.urlsafe_b64encode(json.dumps([namespace_of(obj), name_of(obj)]).encode()).decode()


def _read_continue(token: str) -> list[str]:
    try:
        after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as wrong:
        raise errors.bad_request("continue key is not valid") from wrong
    return [str(part) for part in after]


def _only(name: str, match: Match) -> Match:
    """A match that takes one object alone."""
    return lambda obj: name_of(obj) == name and match(obj)
