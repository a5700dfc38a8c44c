"""The words of ``match`` and the paths that a rule can read; operators are in ``operators``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentinai.conditions.language.operators import OPERATORS
from sentinai.exception_fields import EXCEPTION_FIELDS

TEXT, NUMBER, BOOLEAN, TAGS, TYPE, SEVERITY, ANY = "text", "number", "boolean", "tags", "type", "severity", "any"
INSTANT, ORDERED = "instant", "ordered"
"""Instants are given as RFC 3339 texts; what is ordered is a number or an instant."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of ``match``: the path it reads and the kind of its values."""

    path: str
    kind: str


FIELDS: Mapping[str, Field] = {
    **{each.name: Field(f"exception.{each.name}", each.predicate) for each in EXCEPTION_FIELDS if each.predicate},
    "policy_tags": Field("policy.tags", TAGS),
    "sla_minutes_remaining": Field("sla.minutes_remaining", NUMBER),
    "sla_breached": Field("sla.breached", BOOLEAN),
}
CONTEXT_PREFIX = "context."
CONTEXT_PATH = "exception.normalized_context."

COMPARISONS: Mapping[str, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_EQUALITIES = ("", "in", "not", "not_in")
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    TEXT: _EQUALITIES,
    TYPE: _EQUALITIES,
    BOOLEAN: _EQUALITIES,
    NUMBER: (*_EQUALITIES, *COMPARISONS),
    INSTANT: (*_EQUALITIES, *COMPARISONS),
    SEVERITY: (*_EQUALITIES, *COMPARISONS),
    ANY: (*_EQUALITIES, *COMPARISONS),
    TAGS: ("", "any", "none"),
}
ALL_SUFFIXES = ("not_in", "none", "any", "not", "lte", "gte", "in", "lt", "gt")

PATHS: Mapping[str, str] = {
    **{f"exception.{each.name}": each.rule_type for each in EXCEPTION_FIELDS if each.rule_type},
    "exception.severity_rank": "number: low 1 to critical 4",
    "sla.minutes_remaining": "number, negative once breached; null without a deadline",
    "sla.breached": "boolean; false without a deadline",
    "policy.tags": "list of texts",
    "domain_pack": "object: the Domain Pack as stored",
    "policy_pack": "object: the Policy Pack as stored",
}
OPEN_PATHS = ("exception.normalized_context", "domain_pack", "policy_pack")
"""Paths of objects with arbitrary members."""

_FIELDS_ELSEWHERE = {
    "exception_type": ("type",),
    "exception_types": ("types",),
    "policy_tags": ("tags", "tag"),
    "source_system": ("source", "system"),
    "sla_minutes_remaining": ("sla", "minutes_remaining"),
    "sla_breached": ("breached",),
    "owner": ("assignee",),
}
OTHER_NAMES: Mapping[str, str] = {
    **{alias: each.name for each in OPERATORS.values() for alias in each.aliases},
    **{alias: name for name, aliases in _FIELDS_ELSEWHERE.items() for alias in aliases},
}
"""What other languages call operators and fields, for hints."""


def predicates() -> list[str]:
    """Every key of ``match``, except ``context.…``."""
    keys = [
        f"{name}_{suffix}" if suffix else name for name, field in FIELDS.items() for suffix in SUFFIXES[field.kind]
    ]
    return [*keys, "sla_window", "exception_types"]


def description() -> dict[str, Any]:
    """The vocabulary by the schema ``operators``, for editors."""
    return {
        "operators": [{"name": each.name, "description": each.description} for each in OPERATORS.values()],
        "predicates": [
            {
                "name": f"{name}_{suffix}" if suffix else name,
                "field": name,
                "suffix": suffix or None,
                "path": field.path,
                "type": field.kind,
            }
            for name, field in FIELDS.items()
            for suffix in SUFFIXES[field.kind]
        ]
        + [
            {
                "name": f"context.<path>_{suffix}" if suffix else "context.<path>",
                "field": "context.<path>",
                "suffix": suffix or None,
                "path": CONTEXT_PATH + "<path>",
                "type": ANY,
            }
            for suffix in SUFFIXES[ANY]
        ]
        + [
            {
                "name": "exception_types",
                "field": "exception_type",
                "suffix": "in",
                "path": FIELDS["exception_type"].path,
                "type": TYPE,
            },
            {
                "name": "sla_window",
                "field": "sla_minutes_remaining",
                "suffix": None,
                "path": FIELDS["sla_minutes_remaining"].path,
                "type": "window",
            },
        ],
        "paths": [{"path": path, "type": kind} for path, kind in PATHS.items()],
    }
