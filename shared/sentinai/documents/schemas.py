"""The JSON Schemas of ``schemas/``: loaded once, for validation and for OpenAPI.

Two validators read the same files. jsonschema-rs accepts a valid document in about a microsecond; only when it
refuses one does jsonschema find the pointers, messages and hints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sentinai.clock import parse_time
from sentinai.documents.schema_messages import ExplainingValidator, finding_of_fast, findings_of
from sentinai.problems import Finding, InvalidDocument

URN = "urn:sentinai:schemas:"
_SHARED = f"{URN}common#/$defs/"
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or (bool(parse_time(value)) and "T" in value.upper())


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or len(value) == 36


def schema_folder() -> Path:
    """Where the schema files are: in the installed package, or at the top of a checkout."""
    packaged = Path(__file__).parents[1] / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schemas"


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """Every schema by name: ``exception``, ``match-request``, ``events/PlaybookStarted``, …

    The action types are those whose params have a schema in ``actions/``. Shared attributes (an ``allOf`` beside
    ``unevaluatedProperties``) are merged into each schema, which suits tools and is faster to validate.
    """
    folder = schema_folder()
    found = {
        path.relative_to(folder).as_posix().removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.schema.json"))
    }
    action_types = [name.removeprefix("actions/") for name in found if name.startswith("actions/")]
    found["common"]["$defs"]["action_type"]["enum"] = action_types
    return {name: _merged(schema, found["common"]["$defs"]) for name, schema in found.items()}


def _merged(schema: Any, shared: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_merged(item, shared) for item in schema]
    if not isinstance(schema, dict):
        return schema
    merged = {keyword: _merged(value, shared) for keyword, value in schema.items()}
    parts = [part.get("$ref", "") for part in merged.get("allOf", ())]
    if "unevaluatedProperties" in merged and parts and all(part.startswith(_SHARED) for part in parts):
        for part in parts:
            merged["properties"] |= shared[part.removeprefix(_SHARED)]["properties"]
        del merged["allOf"]
        merged["additionalProperties"] = merged.pop("unevaluatedProperties")
    return merged


def is_valid(name: str, document: Any) -> bool:
    """Whether there is a schema ``name`` and ``document`` is valid by it."""
    return (name in schemas() or "#" in name) and bool(_fast(name).is_valid(document))


def check(name: str, document: Any) -> list[Finding]:
    """What is wrong with ``document`` by the schema ``name``; empty for a valid one.

    A part of a schema is named with its pointer: ``common#/$defs/row_id``.
    """
    fast = _fast(name)
    if fast.is_valid(document):
        return []
    found = findings_of(_slow(name).iter_errors(document))
    return found or [finding_of_fast(error) for error in fast.iter_errors(document)]


def require(name: str, document: Any) -> None:
    """Insist that ``document`` is valid by the schema ``name``.

    Raises:
        InvalidDocument: with every finding, each at its pointer.
    """
    found = check(name, document)
    if found:
        raise InvalidDocument.about(_schema(name)["title"], found)


@cache
def _registry() -> Registry[Any]:
    resources = ((URN + name, DRAFT202012.create_resource(body)) for name, body in schemas().items())
    return Registry[Any]().with_resources(resources)


@cache
def _schema(name: str) -> dict[str, Any]:
    if "#" not in name:
        return schemas()[name]
    return {"title": name.rpartition("/")[2].capitalize(), "$ref": URN + name}


@cache
def _slow(name: str) -> Validator:
    return ExplainingValidator(_schema(name), registry=_registry(), format_checker=_FORMATS)


@cache
def _fast(name: str) -> Any:
    registry = jsonschema_rs.Registry([(URN + other, body) for other, body in schemas().items()])
    return jsonschema_rs.validator_for(
        _schema(name), registry=registry, validate_formats=True, formats={"date-time": _fast_time}
    )


def _fast_time(value: str) -> bool:
    try:
        return _is_time(value)
    except ValueError:
        return False
