"""Validation by a schema that came as data, such as a tool's parameters: any failure is the schema's fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry

from sentinai.documents.schema_expansion import why_unbounded
from sentinai.documents.schema_messages import ExplainingValidator, finding_of_fast, findings_of
from sentinai.problems import Finding


def check_schema(schema: Any, document: Any) -> list[Finding]:
    """What is wrong with ``document`` by a given schema; an unusable schema is a finding, not an exception.

    The schema may refer only to its own parts, and is bounded in what it expands to. Its patterns are left to
    jsonschema-rs, whose search is bounded: in Python's, a pattern such as ``^(a+)+$`` takes hours for a few dozen
    characters.
    """
    try:
        unbounded = why_unbounded(schema)
        if unbounded:
            return [Finding("", "invalid_schema", f"The schema is not usable: {unbounded}.")]
        Draft202012Validator.check_schema(schema)
        fast = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse)
        if fast.is_valid(document):
            return []
        slow = ExplainingValidator(schema, registry=Registry())
        explained = [] if _names_by_pattern(schema) else findings_of(slow.iter_errors(document))
        return explained or [finding_of_fast(error) for error in fast.iter_errors(document)]
    except Exception as error:  # noqa: BLE001 - any failure of a foreign schema is the schema's fault
        return [Finding("", "invalid_schema", f"The schema is not usable: {str(error)[:200]}")]


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"it refers to {uri}, outside itself")


def _names_by_pattern(schema: Any) -> bool:
    """Whether members may be distinguished by patterns, which jsonschema searches for in several places."""
    if isinstance(schema, Mapping):
        return "patternProperties" in schema or any(map(_names_by_pattern, schema.values()))
    return isinstance(schema, list) and any(map(_names_by_pattern, schema))
