"""The words of the language: operators, fields, suffixes and the paths that a rule can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentinai.exception_fields import EXCEPTION_FIELDS

OPERATORS: Mapping[str, str] = {
    "var": "the value at a path; a second argument is the default",
    "missing": "those of the given paths that have no value",
    "missing_some": "the paths without a value, unless enough of them have one",
    "==": 'equal, with coercion ("1" equals 1)',
    "===": "equal, of the same type",
    "!=": "not equal, with coercion",
    "!==": "not equal, or of another type",
    "<": "less; with three arguments, between",
    "<=": "less or equal; with three arguments, between",
    ">": "greater",
    ">=": "greater or equal",
    "!": "not",
    "!!": "as true or false",
    "and": "the first false value, or the last one",
    "or": "the first true value, or the last one",
    "if": "if, then, else; any number of times",
    "?:": "if, then, else",
    "+": "sum",
    "-": "difference, or the negative",
    "*": "product",
    "/": "quotient",
    "%": "remainder",
    "min": "the smallest",
    "max": "the largest",
    "in": "is an element of a list, or a part of a text",
    "cat": "the arguments as one text",
    "substr": "a part of a text",
    "merge": "the arguments as one list",
    "map": "a list with a rule applied to each item",
    "filter": "the items for which a rule holds",
    "reduce": "a list brought to one value",
    "all": "a rule holds for every item, and there is one",
    "none": "a rule holds for no item",
    "some": "a rule holds for an item",
    "glob": "a text fits a pattern with * and ?, whatever the case",
}
ITERATORS = frozenset({"map", "filter", "reduce", "all", "none", "some"})

TEXT, NUMBER, BOOLEAN, TAGS, TYPE, SEVERITY, ANY = "text", "number", "boolean", "tags", "type", "severity", "any"


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
"""Paths below which anything may stand."""

_OPERATORS_ELSEWHERE = {
    "==": "= eq equals",
    "===": "is",
    "!=": "ne <> not_equals",
    ">": "gt",
    ">=": "gte ge =>",
    "<": "lt",
    "<=": "lte le =< between",
    "and": "&& &",
    "or": "|| |",
    "!": "not",
    "!!": "exists",
    "in": "contains",
    "some": "any",
    "all": "every",
    "+": "add sum",
    "cat": "concat",
    "glob": "like matches",
}
_FIELDS_ELSEWHERE = {
    "exception_type": "type",
    "exception_types": "types",
    "policy_tags": "tags tag",
    "source_system": "source system",
    "sla_minutes_remaining": "sla minutes_remaining",
    "sla_breached": "breached",
    "owner": "assignee",
}
OTHER_NAMES: Mapping[str, str] = {
    other: name
    for called in (_OPERATORS_ELSEWHERE, _FIELDS_ELSEWHERE)
    for name, others in called.items()
    for other in others.split()
}
"""What operators and fields are called elsewhere, for those who mistake one language for another."""


def predicates() -> list[str]:
    """Every key that ``match`` knows, but for ``context.…``."""
    keys = [
        f"{name}_{suffix}" if suffix else name for name, field in FIELDS.items() for suffix in SUFFIXES[field.kind]
    ]
    return [*keys, "sla_window", "exception_types"]


def description() -> dict[str, Any]:
    """The whole vocabulary, for editors."""
    return {
        "operators": [{"name": name, "description": text} for name, text in OPERATORS.items()],
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
