"""OpenAPI 3.1 from the declared operations; its components are the files in ``schemas/``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from sentinai.documents.schemas import URN, schemas
from sentinai.web import paths
from sentinai.web.operations import Operation

_PROBLEMS = {
    400: "Malformed JSON or cursor",
    401: "No acceptable token",
    403: "Not allowed for this caller",
    404: "No such object in this tenant",
    409: "Not in this state",
    413: "Body too large",
    415: "Not JSON",
    422: "The document is not valid",
    429: "Too many requests",
    503: "A service this one needs is away",
}


def document(title: str, description: str, version: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole OpenAPI document of a service."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": version},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {component(name): _rewrite(body) for name, body in schemas().items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def component(schema_name: str) -> str:
    """The component name of a schema: ``events/PlaybookStarted`` is ``events.PlaybookStarted``."""
    return schema_name.replace("/", ".")


def _rewrite(node: Any, own: str | None = None) -> Any:
    """The schema with its URN references as references into the components."""
    if isinstance(node, list):
        return [_rewrite(item, own) for item in node]
    if not isinstance(node, dict):
        return node
    own = own or component(str(node.get("$id", "")).removeprefix(URN))
    return {
        key: _reference(value, own) if key == "$ref" else _rewrite(value, own)
        for key, value in node.items()
        if key not in ("$id", "$schema")
    }


def _reference(target: str, own: str) -> str:
    name, _, fragment = target.partition("#")
    place = component(name.removeprefix(URN)) if name else own
    return f"#/components/schemas/{place}{fragment}"


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation.path), *_query(operation.query), *_headers(operation)],
        "responses": {**_answers(operation), **_problems(operation)},
    }
    if operation.role:
        described["description"] = f"Needs the role `{operation.role}`."
    if operation.body:
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": {"schema": _schema_reference(operation.body)}},
        }
    return described


def _schema_reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{component(name)}"}


def _answers(operation: Operation) -> dict[str, Any]:
    return {
        str(status): {
            "description": schemas()[name]["title"],
            "content": {"application/json": {"schema": _schema_reference(name)}},
        }
        for status, name in operation.answers.items()
    }


def _problems(operation: Operation) -> dict[str, Any]:
    # The WSGI server itself refuses some malformed requests with 400 before any operation is reached.
    statuses = {400, 401, 403, 503, *operation.problems}
    if operation.body:
        statuses |= {413, 415, 422}
    if operation.query:
        statuses.add(422)
    if "{" in operation.path:
        statuses.add(404)
    content = {"application/problem+json": {"schema": _schema_reference("problem")}}
    return {str(status): {"description": _PROBLEMS[status], "content": content} for status in sorted(statuses)}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    definitions = schemas()["common"]["$defs"]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": definitions[paths.schema(name).rpartition("/")[2]],
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
            "description": field.metadata.get("description", ""),
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
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in operation.request_headers
    ]
