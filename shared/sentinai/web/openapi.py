"""OpenAPI 3.1 from the declared operations; its components are the files in ``schemas/``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from sentinai import deadline
from sentinai.documents.schemas import schemas
from sentinai.web import paths
from sentinai.web.operations import Api, Operation

_SCHEMAS = "#/components/schemas/"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JSON Web Token; it names the tenant, the caller and the caller's roles.",
}
_PROBLEMS = {
    400: "The request or its JSON is malformed.",
    401: "The bearer token is missing or invalid.",
    403: "The caller is not allowed to do this.",
    404: "Not found in this tenant.",
    409: "The resource is not in the required state.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "The request is not valid; every finding has its pointer.",
    429: "Too many requests; retry later.",
    503: "The service, or one that it needs, is unavailable.",
    504: "The deadline that the caller gave has passed.",
}
_DEADLINE = {
    "name": deadline.HEADER,
    "in": "header",
    "required": False,
    "description": "The milliseconds that the caller will wait, counted from receipt; then the work stops.",
    "schema": {"type": "integer", "minimum": 1, "maximum": deadline.LONGEST_MILLISECONDS},
}


def document(title: str, description: str, version: str, apis: Sequence[Api[Any]]) -> dict[str, Any]:
    """The whole OpenAPI document of a service."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in (operation for api in apis for operation in api.operations):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": version},
        "servers": [{"url": "/", "description": "The service that serves this document."}],
        "tags": [{"name": api.tag, "description": api.description} for api in apis],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": reachable(paths),
            "securitySchemes": {"bearer": _BEARER},
        },
    }


def component(name: str) -> str:
    """The component name of a schema, or of a shared part of one: ``match-request`` is ``MatchRequest``."""
    if name == "exception":  # the name of a built-in class in many languages
        return "ExceptionDocument"
    return "".join(word[0].upper() + word[1:] for word in re.split("[-_/]", name))


def reachable(node: Any) -> dict[str, Any]:
    """The schema components that a part of a document refers to, directly or through each other, by name."""
    found: dict[str, Any] = {}
    pending = list(_references(node))
    while pending:
        name = pending.pop().removeprefix(_SCHEMAS)
        if name not in found:
            found[name] = _components()[name]
            pending.extend(_references(found[name]))
    return dict(sorted(found.items()))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if str(node.get("$ref", "")).startswith(_SCHEMAS):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


@cache
def _components() -> Mapping[str, Any]:
    """Every file of ``schemas/`` and every shared part (``$defs``) of one, as a component."""
    named = [part for name, body in schemas().items() for part in ((name, body), *body.get("$defs", {}).items())]
    components = {component(name): _rewrite(_own(body)) for name, body in named}
    if len(components) < len(named):
        raise ValueError("Two schemas have the same component name; rename one of them.")
    return components


def _own(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without its name as a file, its title (generators would name types by it), and its shared parts."""
    return {key: value for key, value in schema.items() if key not in ("$id", "$schema", "$defs", "title")}


def _rewrite(node: Any) -> Any:
    """The schema with its references as references to components."""
    if isinstance(node, list):
        return [_rewrite(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: reference(re.split("[:/]", value)[-1]) if key == "$ref" else _rewrite(value)
        for key, value in node.items()
    }


def reference(name: str) -> str:
    """The reference to the component of a schema, or of a shared part of one."""
    return _SCHEMAS + component(name)


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation.path), *_query(operation.query), *_headers(operation)],
        "responses": {**_answers(operation), **_problems(operation)},
    }
    if operation.role:
        described["description"] = f"Requires the role `{operation.role}`."
    if operation.body:
        described["requestBody"] = {"required": not operation.body_optional, "content": _json(operation.body)}
    return described


def _json(schema: str, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": reference(schema)}}}


def _answers(operation: Operation) -> dict[str, Any]:
    return {
        str(status): {"description": schemas()[name]["description"], "content": _json(name)}
        for status, name in operation.answers.items()
    }


def _problems(operation: Operation) -> dict[str, Any]:
    # The WSGI server itself refuses some malformed requests with 400 before any operation is reached.
    statuses = {400, 401, 403, 409, 422, 503, 504, *operation.problems}
    if operation.body:
        statuses |= {413, 415}
    if "{" in operation.path:
        statuses.add(404)
    content = _json("problem", "application/problem+json")
    return {str(status): {"description": _PROBLEMS[status], "content": content} for status in sorted(statuses)}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": paths.DESCRIPTIONS[name],
            "schema": _rewrite({"$ref": paths.schema(name)}),
        }
        for name in paths.names(path)
    ]


def _query(schema: type[Schema] | None) -> list[dict[str, Any]]:
    if schema is None:
        return []
    return [
        {
            "name": field.data_key or name,
            "in": "query",
            "required": field.required,
            "description": field.metadata["description"],
            "schema": _field_schema(field),
        }
        for name, field in schema().fields.items()
    ]


def _field_schema(field: fields.Field[Any]) -> dict[str, Any]:
    if isinstance(field, fields.List):
        return {"type": "array", "items": _field_schema(field.inner)}
    kinds = ((fields.Integer, "integer"), (fields.Number, "number"), (fields.Boolean, "boolean"))
    described: dict[str, Any] = {"type": next((name for kind, name in kinds if isinstance(field, kind)), "string")}
    for check in field.validators:
        described.update(_constraint(check))
    if isinstance(field.load_default, (int, float, str, bool)):
        described["default"] = field.load_default
    return described


def _constraint(check: Any) -> Mapping[str, Any]:
    if isinstance(check, validate.Range):
        bounds = {"minimum": check.min, "maximum": check.max}
        return {key: value for key, value in bounds.items() if value is not None}
    if isinstance(check, validate.OneOf):
        return {"enum": list(check.choices)}
    if isinstance(check, validate.Length):
        return {"minLength": check.min or 0, **({"maxLength": check.max} if check.max else {})}
    return {}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    own = [
        {"name": name, "in": "header", "required": False, "description": purpose, "schema": {"type": "string"}}
        for name, purpose in operation.request_headers.items()
    ]
    return [*own, _DEADLINE]
