"""The schema of conditions says what the language says, as far as a schema can see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinai.conditions import parse
from sentinai.conditions.language import vocabulary
from sentinai.documents.schemas import check, schemas
from sentinai.problems import InvalidDocument

DEMO = sorted((Path(__file__).parents[3] / "deploy" / "demo").glob("*/playbooks/*.json"))


def test_every_predicate_is_in_the_schema_and_no_other() -> None:
    assert set(schemas()["conditions"]["$defs"]["predicates"]["properties"]) == set(vocabulary.predicates())


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.stem)
def test_the_demo_playbooks_fit(path: Path) -> None:
    assert check("conditions", json.loads(path.read_text("utf-8"))["conditions"]) == []


@pytest.mark.parametrize(
    "document",
    [
        {"match": {}},
        {"logic": True},
        {"match": {}, "logic": {"!": [False]}, "priority": -1_000_000},
        {"severity": "HIGH"},
        {"entity_not_in": [], "logic": True, "priority": 2.0},
        {"match": {"entity": ["a"], "amount_not": [], "policy_tags": [], "policy_tags_none": []}},
        {"match": {"severity": "Low", "severity_lte": "CRITICAL", "severity_not_in": ["high"]}},
        {"match": {"sla_window": {"minutes_remaining_lt": 5}, "sla_breached": [True, False]}},
        {"match": {"context.a.b": "x", "context.a_in": [1, True], "context.a_lt": 5, "context.in_not_in": []}},
        {"match": {"exception_types": ["A *"], "policy_tags_any": ["t"]}},
        {"match": {"created_at": "2026-06-01T08:30:00Z", "sla_deadline_not_in": ["2026-06-01T10:30:00+02:00"]}},
        {"match": {"created_at_lt": "2026-06-01T08:30:00Z", "context.due_gte": "2026-06-01T08:30:00.5z"}},
    ],
    ids=str,
)
def test_what_the_language_takes_the_schema_takes(document: Any) -> None:
    parse(document)
    assert check("conditions", document) == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"priority": 3},
        {"match": []},
        {"match": {"sevrity": "high"}},
        {"match": {"severity": "urgent"}},
        {"match": {"severity_lt": ["high"]}},
        {"match": {"amount_lt": "10"}},
        {"match": {"amount": [1, True]}},
        {"match": {"domain_in": []}},
        {"match": {"domain": []}},
        {"match": {"domain_lt": "a"}},
        {"match": {"owner": None}},
        {"match": {"entity_in": "a"}},
        {"match": {"policy_tags_any": []}},
        {"match": {"policy_tags_not": ["a"]}},
        {"match": {"sla_window": {}}},
        {"match": {"sla_window": {"hours_lt": 3}}},
        {"match": {"context.": 3}},
        {"match": {"context.a": {"b": 1}}},
        {"match": {"context.a_gte": "3"}},
        {"match": {"context.a_gte": "2026-06-01"}},
        {"match": {"created_at_lt": "soon"}},
        {"match": {"sla_deadline": 5}},
        {"match": {"sla_deadline_gt": "2026-06-01T08:30:00Z" + " " * 60}},
        {"match": {}, "severity": "low"},
        {"logic": True, "prio": 3},
        {"logic": "yes"},
        {"match": {}, "priority": 1.5},
        {"match": {}, "priority": True},
        {"match": {}, "priority": 1_000_001},
    ],
    ids=str,
)
def test_what_the_language_refuses_at_sight_the_schema_refuses(document: Any) -> None:
    with pytest.raises(InvalidDocument):
        parse(document)
    assert check("conditions", document)
