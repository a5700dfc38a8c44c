"""The JSON Schemas of ``schemas/``: loaded once, used to validate, and told to OpenAPI.

Two validators read the same files. jsonschema-rs says yes in about a microsecond; only on its no does
jsonschema find the words, the pointer and the hint.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sentinai.clock import parse_time
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument

URN = "urn:sentinai:schemas:"
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

    The action types are those that have a schema of their params in ``actions/``.
    """
    folder = schema_folder()
    found = {
        path.relative_to(folder).as_posix().removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.schema.json"))
    }
    action_types = [name.removeprefix("actions/") for name in found if name.startswith("actions/")]
    found["common"]["$defs"]["action_type"]["enum"] = action_types
    return found


def check(name: str, document: Any) -> list[Finding]:
    """What is wrong with ``document`` by the schema ``name``; an empty list when nothing is.

    A part of a schema is named with its pointer: ``match-request#/$defs/exception``.
    """
    fast = _fast(name)
    if fast.is_valid(document):
        return []
    found = _findings(_slow(name).iter_errors(document))
    return found or [_from_fast(error) for error in fast.iter_errors(document)]


def require(name: str, document: Any) -> None:
    """Insist that ``document`` is valid by the schema ``name``.

    Raises:
        InvalidDocument: with every finding, each at its pointer.
    """
    found = check(name, document)
    if found:
        title = _schema(name)["title"]
        raise InvalidDocument(f"{title}: {summary(found)}", findings=found)


def summary(findings: list[Finding]) -> str:
    """The findings in one line: the first, and how many more."""
    first = findings[0]
    where = f" (at {first.pointer})" if first.pointer else ""
    more = f" And {len(findings) - 1} more." if len(findings) > 1 else ""
    return f"{first.message}{where}{more}"


def check_schema(schema: Any, document: Any) -> list[Finding]:
    """Hold ``document`` against a schema that came as data, such as a tool's parameters.

    The schema may refer only into itself. One that is no JSON Schema is a finding, not an exception. Its patterns
    are left to jsonschema-rs, whose search is bounded: in Python's, a pattern such as ``^(a+)+$`` takes hours for
    a few dozen characters.
    """
    try:
        Draft202012Validator.check_schema(schema)
        fast = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse)
        if fast.is_valid(document):
            return []
        in_words = () if _names_by_pattern(schema) else _Bounded(schema, registry=Registry()).iter_errors(document)
        return _findings(in_words) or [_from_fast(error) for error in fast.iter_errors(document)]
    except Exception as error:  # noqa: BLE001 - any failure of a foreign schema is the schema's fault
        return [Finding("", "invalid_schema", f"The schema itself is not usable: {str(error)[:200]}")]


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"it refers to {uri}, outside itself")


def _names_by_pattern(schema: Any) -> bool:
    """Whether members may be told apart by patterns, which jsonschema looks for in several places."""
    if isinstance(schema, Mapping):
        return "patternProperties" in schema or any(map(_names_by_pattern, schema.values()))
    return isinstance(schema, list) and any(map(_names_by_pattern, schema))


def _check_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """``pattern`` as the other validator has it: its ``$`` is the end, and not a last line's end before that."""
    if isinstance(instance, str) and not _pattern(pattern).is_valid(instance):
        yield ValidationError(f"It does not fit the pattern {pattern}.")


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> Any:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern})


_Bounded: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _check_pattern}
)


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
    return _Bounded(_schema(name), registry=_registry(), format_checker=_FORMATS)


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


def _findings(errors: Iterable[ValidationError]) -> list[Finding]:
    found = [finding for error in _first(errors) for finding in _explain(error)][:MAX_FINDINGS]
    return sorted(set(found), key=lambda finding: (finding.pointer, finding.code, finding.message))


def _first(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """As many errors as are told. What is in a list that is too long is not gone through."""
    for error in islice(errors, MAX_FINDINGS):
        yield error
        if error.validator == "maxItems":
            return


def _explain(error: ValidationError) -> list[Finding]:
    pointer = "".join("/" + _escape(part) for part in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(_schema_of(error).get("properties", {}))
        strangers = islice((key for key in error.instance if key not in known), MAX_FINDINGS)
        return [_unknown_key(pointer, key, known) for key in strangers]
    if error.validator == "required":
        return [_missing_key(pointer, error)]
    if error.validator in ("anyOf", "oneOf") and error.context:
        return _closest_branch(error)
    words = _WORDS.get(str(error.validator))
    message = words(error) if words else error.message[:300]
    # What a pattern is for stands beside it.
    hint = _schema_of(error).get("description") if error.validator == "pattern" else None
    return [Finding(pointer, _CODES.get(str(error.validator), str(error.validator)), message, hint)]


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _schema_of(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _unknown_key(pointer: str, key: str, known: list[str]) -> Finding:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
    return Finding(f"{pointer}/{_escape(key)}", "unknown_field", f"{key!r} is not known here.", hint)


def _missing_key(pointer: str, error: ValidationError) -> Finding:
    wanted: Any = error.validator_value
    key = next(key for key in wanted if f"'{key}'" in error.message.split(" is ")[0])
    return Finding(f"{pointer}/{_escape(key)}", "required", f"{key!r} is required.", f"Add {key!r}.")


def _closest_branch(error: ValidationError) -> list[Finding]:
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    typed = [found for found in branches.values() if not any(e.validator == "type" and not e.path for e in found)]
    best = min(typed or branches.values(), key=len)
    return [finding for inner in best for finding in _explain(inner)]


def _is_root_type(error: ValidationError) -> bool:
    return error.validator == "type" and not error.path


def _expected_type(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    names = " or ".join(wanted) if isinstance(wanted, list) else str(wanted)
    return f"Expected {names}, got {_type_name(error.instance)}."


def _type_name(value: object) -> str:
    names: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


_WORDS: dict[str, Any] = {
    "type": _expected_type,
    "enum": lambda e: f"{_short(e.instance)} is none of {', '.join(map(_short, e.validator_value))}.",
    "const": lambda e: f"Must be {_short(e.validator_value)}, not {_short(e.instance)}.",
    "pattern": lambda e: f"{_short(e.instance)} does not fit the pattern {e.validator_value}.",
    "format": lambda e: f"{_short(e.instance)} is no {e.validator_value} (such as 2026-11-23T09:30:00Z).",
    "minLength": lambda e: f"Must have at least {e.validator_value} character(s).",
    "maxLength": lambda e: f"Must have at most {e.validator_value} characters, has {len(e.instance)}.",
    "minItems": lambda e: f"Must have at least {e.validator_value} item(s).",
    "maxItems": lambda e: f"Must have at most {e.validator_value} items, has {len(e.instance)}.",
    "minimum": lambda e: f"Must be at least {e.validator_value}, is {_short(e.instance)}.",
    "maximum": lambda e: f"Must be at most {e.validator_value}, is {_short(e.instance)}.",
    "minProperties": lambda e: "Must name at least one thing.",
}
_CODES = {
    "type": "wrong_type",
    "enum": "not_allowed",
    "const": "not_allowed",
    "pattern": "wrong_format",
    "format": "wrong_format",
}


def _from_fast(error: Any) -> Finding:
    pointer = "".join("/" + _escape(part) for part in error.instance_path)
    return Finding(pointer, "invalid", str(error.message)[:300])
