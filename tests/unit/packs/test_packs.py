"""Domain and Policy Packs: read in the shapes they come in, and what is wrong with them found."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sentinai import packs
from sentinai.documents.foreign_schemas import check_schema


@pytest.mark.parametrize("given", [["Spill", "Fire"], {"Spill": {}, "Fire": {"description": "hot"}}])
def test_exception_types_are_a_list_or_an_object(given: Any) -> None:
    assert packs.exception_types({"exception_types": given}) == ["Spill", "Fire"]


def test_an_empty_pack_has_nothing() -> None:
    assert packs.exception_types({}) == []
    assert packs.tools({}) == {}
    assert packs.notification_templates({}) == {}
    assert packs.context_names({}) is None


SCHEMA = {"type": "object", "properties": {"crane": {"type": "string"}}, "required": ["crane"]}


@pytest.mark.parametrize(
    ("parameters", "payload", "fits"),
    [
        (None, {"anything": 1}, True),
        ({}, {"anything": 1}, True),
        (SCHEMA, {"crane": "K2", "more": 1}, True),
        (SCHEMA, {}, False),
        ({"crane": {"type": "string", "required": True}}, {"crane": "K2"}, True),
        ({"crane": {"type": "string", "required": True}}, {}, False),
        ({"crane": {"type": "string"}}, {}, True),
        ({"crane": {"type": "string"}}, {"crane": 2}, False),
        ({"crane": {"type": "string"}}, {"krane": "K2"}, False),
        ({"crane": "string"}, {"crane": "K2"}, True),
        ({"crane": "string"}, {"crane": 5}, False),
        ({"type": {"type": "integer"}}, {"type": 5}, True),
        ({"type": {"type": "integer"}}, {"type": "five"}, False),
        ({"box": {"type": "object", "required": ["id"]}}, {"box": {}}, False),
        ({"box": {"type": "object", "required": ["id"]}}, {}, True),
        ({"minProperties": 1}, {}, False),
        ({"type": ["object", "null"]}, {}, True),
    ],
)
def test_parameters_are_a_schema_or_names(parameters: Any, payload: Any, fits: bool) -> None:
    tool = {} if parameters is None else {"parameters": parameters}
    assert (check_schema(packs.tool_parameters(tool), payload) == []) is fits


_ENDLESS = "^(a+)+$"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("schema", "fitting", "pointer", "code"),
    [
        ({"properties": {"ref": {"pattern": _ENDLESS}}}, "aaa", "/ref", "wrong_format"),
        ({"additionalProperties": {"pattern": _ENDLESS}}, "aaa", "/ref", "wrong_format"),
        (
            {"propertyNames": {"maxLength": 3}, "patternProperties": {"": {"pattern": _ENDLESS}}},
            "a",
            "/ref",
            "invalid",
        ),
        ({"properties": {"ref": {"pattern": r"^(?:(a+)+)\1$"}}}, "aa", "/ref", "wrong_format"),
        ({"properties": {"ref": {"$schema": _DIALECT, "pattern": _ENDLESS}}}, "aaa", "/ref", "wrong_format"),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"$schema": _DIALECT, "additionalProperties": {"pattern": _ENDLESS}}},
            },
            "aaa",
            "/ref",
            "wrong_format",
        ),
    ],
)
def test_a_pattern_with_catastrophic_backtracking_is_bounded(
    schema: Any, fitting: str, pointer: str, code: str
) -> None:
    begun = time.monotonic()
    assert check_schema(schema, {"ref": fitting}) == []
    found = check_schema(schema, {"ref": "a" * 60 + "!"})
    assert time.monotonic() - begun < 5
    assert [(finding.pointer, finding.code) for finding in found] == [(pointer, code)]


def test_a_pattern_for_names_with_catastrophic_backtracking_is_bounded() -> None:
    begun = time.monotonic()
    assert check_schema({"patternProperties": {_ENDLESS: False}}, {"a" * 60 + "!": 1}) == []
    assert check_schema({"patternProperties": {_ENDLESS: False}}, {"aa": 1}) != []
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "schema",
    [{"pattern": "("}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "file:///etc/hostname"}, {"type": "nope"}],
)
def test_an_invalid_schema_or_one_that_refers_elsewhere_is_the_finding(schema: Any) -> None:
    assert [finding.code for finding in check_schema(schema, {})] == ["invalid_schema"]


def test_who_may_own_is_listed_by_kind_or_not_at_all() -> None:
    pack = {"assignable": {"queues": ["berth"]}}
    assert packs.assignable({}, "queue") is None
    assert packs.assignable(pack, "queue") == ["berth"]
    assert packs.assignable(pack, "user") == ()


def test_names_of_the_context_are_known_when_every_type_describes_its_own() -> None:
    described = {"exception_types": {"A": {"context": {"row": {}}}, "B": {"context": {"bay": {}}}}}
    entities = {"entities": {"Box": {"attributes": {"seal": {}}}, "Crane": {}}}
    assert packs.context_names({**described, **entities}) == {"row", "bay", "seal", "policy_tags"}
    assert packs.context_names({"exception_types": {"A": {"context": {"row": {}}}, "B": {}}}) is None
    assert packs.context_names({"exception_types": ["A"]}) is None


@pytest.mark.parametrize(
    ("pack", "pointer"),
    [
        ({"severity_rules": [{"when": {"match": {"amuont": 1}}, "severity": "low"}]}, "/severity_rules/0/when"),
        ({"severity_rules": [{"when": {"method": ["", "upper"]}, "severity": "low"}]}, "/severity_rules/0/when"),
        ({"tools": {"lift": {"parameters": {"type": "objekt"}}}}, "/tools/lift/parameters"),
        ({"notification_templates": {"go": {"message": "{open"}}}, "/notification_templates/go/message"),
        (
            {"notification_templates": {"go": {"message": "", "subject": "}"}}},
            "/notification_templates/go/subject",
        ),
    ],
)
def test_what_the_schema_of_a_domain_pack_cannot_see_is_an_error_at_its_place(pack: Any, pointer: str) -> None:
    errors, _ = packs.check_domain_pack(pack)
    assert errors
    assert all(found.pointer.startswith(pointer) for found in errors)


@pytest.mark.parametrize("member", ["tag_rules", "severity_overrides"])
def test_a_rule_that_the_guard_refuses_is_an_error_of_a_policy_pack(member: str) -> None:
    rules = [{"when": {"match": {}}}, {"when": {"log": "x"}}]
    errors, _ = packs.check_policy_pack({member: rules})
    assert [found.pointer.startswith(f"/{member}/1/when") for found in errors] == [True]


def test_sound_packs_have_no_findings() -> None:
    domain = {
        "severity_rules": [{"when": {">": [{"var": "exception.amount"}, 10]}, "severity": "high"}],
        "tools": {"lift": {"parameters": SCHEMA}},
        "notification_templates": {"go": {"message": "{extra} and {exception.entity}"}},
    }
    assert packs.check_domain_pack(domain) == ([], [])
    assert packs.check_policy_pack({"severity_overrides": [{"exception_type": "A", "severity": "low"}]}) == (
        [],
        [],
    )


def test_a_tool_both_approved_and_blocked_is_doubtful() -> None:
    errors, (doubt,) = packs.check_policy_pack({"approved_tools": ["a", "lift"], "blocked_actions": ["lift"]})
    assert (errors, doubt.pointer, doubt.code) == ([], "/approved_tools/1", "approved_and_blocked")


def _levels(count: int, keyword: str = "allOf") -> dict[str, Any]:
    """A schema of a few lines that expands to two to the power of ``count`` parts."""
    parts = {
        f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
        for level in range(count)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{count}": {"type": "object"}}}


_ITSELF = {"$ref": "#"}


@pytest.mark.parametrize(
    "schema",
    [
        _levels(15),
        _levels(15, "anyOf"),
        {"properties": {"a": {"allOf": [_ITSELF, _ITSELF]}}},
        {"$defs": {"a": {"$anchor": "a"}}, "$ref": "#a"},
        {"$dynamicRef": "#/$defs/a", "$defs": {"a": {}}},
        {"$defs": {"a": {"$id": "urn:x:a"}}, "$ref": "#/$defs/a"},
    ],
    ids=["allOf", "anyOf", "recursive", "anchor", "dynamic", "embedded"],
)
def test_a_schema_whose_expansion_is_not_bounded_is_not_usable(schema: dict[str, Any]) -> None:
    assert [finding.code for finding in check_schema(schema, {})] == ["invalid_schema"]


@pytest.mark.parametrize("schema", [_levels(5), {"properties": {"children": {"type": "array", "items": _ITSELF}}}])
def test_a_schema_may_refer_to_its_own_parts(schema: dict[str, Any]) -> None:
    assert check_schema(schema, {}) == []
