"""Findings from the errors of jsonschema: a pointer, a code, a message and a hint for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from sentinai.documents import json_pointer
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.problems import MAX_FINDINGS, Finding

_LONGEST = 300
_SHORT = 60
_EXAMPLES = {"date-time": "2026-11-23T09:30:00Z", "uuid": "6f1c2f0e-5d0b-4d63-9f0b-0d6a3f1c9a77"}
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


def findings_of(errors: Iterable[ValidationError]) -> list[Finding]:
    """The findings of the errors of an :data:`ExplainingValidator`, at most ``MAX_FINDINGS``, by pointer."""
    found = [finding for error in _bounded(errors) for finding in _explain(error)][:MAX_FINDINGS]
    return sorted(set(found), key=lambda finding: (finding.pointer, finding.code, finding.message))


def finding_of_fast(error: Any) -> Finding:
    """The finding of an error that only jsonschema-rs reports."""
    return Finding(json_pointer.join("", *error.instance_path), "invalid", str(error.message)[:_LONGEST])


def _check_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """``pattern`` as jsonschema-rs has it: bounded in time, and ``$`` matches only at the very end."""
    if isinstance(instance, str) and not _pattern(pattern).is_valid(instance):
        yield ValidationError("pattern")


def _check_required(
    _validator: Any, required: Sequence[str], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    """``required`` with the path of the missing key, which jsonschema itself names only in a message."""
    if isinstance(instance, dict):
        yield from (ValidationError("required", path=[key]) for key in required if key not in instance)


def _check_dependent(
    _validator: Any, dependent: Mapping[str, Sequence[str]], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    """``dependentRequired`` with the path of the missing key, too."""
    if isinstance(instance, dict):
        wanted = {key for present, keys in dependent.items() if present in instance for key in keys}
        yield from (ValidationError("required", path=[key]) for key in sorted(wanted - instance.keys()))


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> Any:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern})


ExplainingValidator: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _check_pattern, "required": _check_required, "dependentRequired": _check_dependent},
)
"""jsonschema's validator, with bounded patterns and a path to every missing key."""
_evolve_by_dialect = ExplainingValidator.evolve


def _evolve(validator: Validator, **changes: Any) -> Validator:
    """A validator of the same class for a part of the schema, even if the part has a ``$schema`` of its own."""
    schema = changes.get("schema")
    if isinstance(schema, Mapping):
        changes["schema"] = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    return _evolve_by_dialect(validator, **changes)


ExplainingValidator.evolve = _evolve  # type: ignore[assignment]


def _bounded(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The first errors; none inside an array that has too many items."""
    for error in islice(errors, MAX_FINDINGS):
        yield error
        if error.validator == "maxItems":
            return


def _explain(error: ValidationError) -> list[Finding]:
    pointer, keyword = json_pointer.join("", *error.absolute_path), str(error.validator)
    if keyword == "additionalProperties" and isinstance(error.instance, dict):
        known = list(_schema_of(error).get("properties", {}))
        unknown = islice((key for key in error.instance if key not in known), MAX_FINDINGS)
        return [_unknown_key(json_pointer.join(pointer, key), key, known) for key in unknown]
    if keyword in ("required", "dependentRequired"):
        key = error.absolute_path[-1]
        return [Finding(pointer, "required", f"Missing required field {key!r}.", f"Add {key!r}.")]
    if keyword in ("anyOf", "oneOf") and error.context:
        return _closest_branch(error.context)
    message = _MESSAGES[keyword](error) if keyword in _MESSAGES else error.message[:_LONGEST]
    # A schema describes what its pattern is for.
    hint = _schema_of(error).get("description") if keyword == "pattern" else None
    expected = _if_short(error.validator_value, _LONGEST) if keyword in _MESSAGES else None
    actual = None if isinstance(error.instance, (dict, list)) else _if_short(error.instance, _SHORT)
    return [Finding(pointer, _CODES.get(keyword, keyword), message, hint, expected=expected, actual=actual)]


def _if_short(value: Any, most: int) -> Any:
    """The value if its text is short enough to be repeated in each finding."""
    return value if len(json.dumps(value, default=str)) <= most else None


def _schema_of(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _unknown_key(pointer: str, key: str, known: list[str]) -> Finding:
    suggestion = nearest(key, known)
    hint = did_you_mean(suggestion, f"Known fields: {', '.join(known)}.")
    return Finding(pointer, "unknown_field", f"Unknown field {key!r}.", hint, suggestion)


def _closest_branch(errors: Iterable[ValidationError]) -> list[Finding]:
    """The findings of the alternative with the fewest errors, of those that are of the instance's type."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in errors:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    typed = [found for found in branches.values() if not any(e.validator == "type" and not e.path for e in found)]
    best = min(typed or branches.values(), key=len)
    return [finding for inner in best for finding in _explain(inner)]


def _expected_type(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    names = " or ".join(wanted) if isinstance(wanted, list) else str(wanted)
    actual = "null" if error.instance is None else _TYPES.get(type(error.instance), "object")
    return f"Expected {names}, got {actual}."


def _invalid_format(error: ValidationError) -> str:
    name = str(error.validator_value)
    example = f", such as {_EXAMPLES[name]}" if name in _EXAMPLES else ""
    return f"{_short(error.instance)} is not a valid {name}{example}."


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "…"


def _count(number: Any, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


_MESSAGES: dict[str, Any] = {
    "type": _expected_type,
    "enum": lambda e: f"{_short(e.instance)} is not one of {', '.join(map(_short, e.validator_value))}.",
    "const": lambda e: f"Expected {_short(e.validator_value)}, got {_short(e.instance)}.",
    "pattern": lambda e: f"{_short(e.instance)} does not match the pattern {e.validator_value}.",
    "format": _invalid_format,
    "minLength": lambda e: f"Must have at least {_count(e.validator_value, 'character')}.",
    "maxLength": lambda e: f"Must have at most {_count(e.validator_value, 'character')}, has {len(e.instance)}.",
    "minItems": lambda e: f"Must have at least {_count(e.validator_value, 'item')}.",
    "maxItems": lambda e: f"Must have at most {_count(e.validator_value, 'item')}, has {len(e.instance)}.",
    "minimum": lambda e: f"Must be at least {e.validator_value}, is {_short(e.instance)}.",
    "maximum": lambda e: f"Must be at most {e.validator_value}, is {_short(e.instance)}.",
    "minProperties": lambda e: f"Must have at least {_count(e.validator_value, 'field')}.",
}
_CODES = {
    "type": "wrong_type",
    "enum": "not_allowed",
    "const": "not_allowed",
    "pattern": "wrong_format",
    "format": "wrong_format",
}
