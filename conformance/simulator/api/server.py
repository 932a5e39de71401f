"""The HTTP side of the simulated API server: authentication, routing, content types, errors as Status objects."""

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web

from conformance.simulator.api import discovery, errors, openapi, protobuf
from conformance.simulator.api.access import Access, User
from conformance.simulator.api.aggregation import Aggregation, UnavailableError
from conformance.simulator.api.errors import Refused
from conformance.simulator.api.paths import resolve
from conformance.simulator.api.trouble import Trouble
from conformance.simulator.api.verbs import Answer, Call, Verbs
from conformance.simulator.objects import Obj

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 3 * 1024 * 1024
"""Largest body that the real server takes."""
_OPEN = ("/healthz", "/livez", "/readyz")
_PATHS = ("/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version")
_GROUP_VERSION = 2
"""Steps that name a group and its version."""


class Server:
    """Answers requests; the verbs do the work."""

    def __init__(self, verbs: Verbs, access: Access, trouble: Trouble, version: str, aggregation: Aggregation) -> None:
        self._aggregation = aggregation
        self._verbs, self._access, self._trouble = verbs, access, trouble
        self._kinds, self._version = verbs.registry.kinds, version

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=LIMIT)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            struck = self._trouble.strike()
            if struck:
                raise struck
            if request.path.startswith(_OPEN):
                return web.Response(text="ok")
            user = self._access.identify(request.headers.get("Authorization", ""))
            return await self._route(request, user)
        except Refused as refused:
            return reply(refused.status, refused.code, headers=refused.headers)

    async def _route(self, request: web.Request, user: User) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        plain = self._document(path, request)
        if plain is not None:
            return plain
        try:
            found = await self._aggregation.handle(request.method, path, request.query, user, self._access)
        except UnavailableError:
            return web.Response(text="service unavailable\n", status=HTTPStatus.SERVICE_UNAVAILABLE)
        if found is not None:
            return reply(found)
        target = resolve(self._kinds, request.method, path, request.query)
        if target.kind.plain:  # everybody may ask what they may do
            self._access.check(user, target.verb, target.permission, target.namespace, target.name)
        call = Call(target, request, user, await _body(request))
        answer = await self._verbs.run(call)
        if isinstance(answer, Answer):
            headers = [("Warning", f"299 - {json.dumps(words)}") for words in answer.warnings]
            return reply(answer.body, answer.code, headers=headers)
        return answer

    def _document(self, path: str, request: web.Request) -> web.Response | None:
        """Documents about the server itself."""
        if path in ("/api", "/apis"):
            return self._discovery(path, request)
        fixed: dict[str, Callable[[], Obj]] = {
            "/": lambda: {"paths": list(_PATHS)},
            "/version": lambda: _version(self._version),
            "/openapi/v3": lambda: openapi.index(self._kinds),
        }
        if path in fixed:
            return reply(fixed[path]())
        found = self._of_group(path.strip("/").split("/"))
        return reply(found) if found else None

    def _of_group(self, steps: list[str]) -> Obj | None:
        """Documents about one group or group version: ``api/V``, ``apis/G``, ``apis/G/V``, and ``openapi/v3`` before them."""
        described = steps[:2] == ["openapi", "v3"]
        head, *rest = steps[2:] if described else steps
        groups = self._kinds.groups()
        group = "" if head == "api" else rest[0] if rest else ""
        version = rest[-1] if len(rest) == (1 if head == "api" else _GROUP_VERSION) else ""
        if version and head in ("api", "apis") and version in groups.get(group, ()):
            make = openapi.document if described else discovery.resource_list
            return make(self._kinds, group, version)
        if described:
            raise errors.no_such_path()
        served = {**groups, **self._aggregation.groups()}
        if head == "apis" and len(rest) == 1 and group in served:
            return discovery.group(group, served[group])
        return None

    def _discovery(self, path: str, request: web.Request) -> web.Response:
        accepted = request.headers.get("Accept", "")
        for version in ("v2", "v2beta1"):
            if f"g=apidiscovery.k8s.io;v={version};" in accepted.replace(" ", ""):
                body = discovery.aggregated(self._kinds, core=path == "/api", version=version)
                body["items"] += [] if path == "/api" else self._aggregation.discovery()
                return reply(body, content_type=discovery.AGGREGATED.format(version=version))
        if path == "/api":
            return reply(discovery.api_versions(request.host))
        return reply(discovery.group_list({**self._kinds.groups(), **self._aggregation.groups()}))


def reply(
    body: Any, code: int = HTTPStatus.OK, *, headers: Any = None, content_type: str = "application/json"
) -> web.Response:
    """A JSON answer."""
    response = web.Response(body=json.dumps(body, separators=(",", ":")).encode(), status=code, headers=headers)
    response.headers["Content-Type"] = content_type
    return response


def _version(version: str) -> Obj:
    major, minor = version.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": version,
        "gitCommit": "simulated",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "simulated",
        "compiler": "simulated",
        "platform": "linux/amd64",
    }


async def _body(request: web.Request) -> Any:
    if not request.can_read_body:
        return None
    kind = request.content_type
    if "cbor" in kind:
        raise errors.unsupported_media(f"the simulated server reads JSON, YAML and protobuf, not {kind}")
    try:
        data = await request.read()
        read = protobuf.decode if "protobuf" in kind else yaml.safe_load if "yaml" in kind else json.loads
        return read(data) if data.strip() else None
    except web.HTTPRequestEntityTooLarge as large:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", "limit is 3145728") from large
    except (ValueError, yaml.YAMLError) as wrong:
        raise errors.bad_request(f"couldn't get version/kind; json parse error: {wrong}") from wrong
