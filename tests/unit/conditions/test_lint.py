"""Warnings by example: typical mistakes are found, and correct conditions cause none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentinai.conditions import parse
from sentinai.conditions.evaluation.budget import Budget, spending
from sentinai.conditions.lint.lint import lint
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule, by_rank
from sentinai.problems import DeadlineExceeded

START = datetime(2026, 2, 2, tzinfo=UTC)
READ = {"var": "exception.entity"}
X = {"var": "exception.normalized_context.x"}


def published(number: int, document: Any, *, name: str | None = None, version: int = 1) -> PublishedRule:
    origin = Origin(START + timedelta(days=number), number)
    return PublishedRule(number, name or f"P{number}", version, origin, parse(document))


def codes(document: Any, others: Sequence[PublishedRule] = (), **known: Any) -> list[str]:
    return [finding.code for finding in lint(parse(document), others=by_rank(others), **known)]


SHADOWED = [
    ({"context.x_gt": 5}, {"context.x_gt": 3}),
    ({"created_at_lt": "2026-06-01T10:30:00+02:00"}, {"created_at_lt": "2026-06-01T09:00:00Z"}),
    ({"exception_type": "Ferry Late"}, {"exception_type": "Ferry *"}),
    ({"exception_type": "Ferry Late"}, {"exception_type": "ferry late"}),
    ({"exception_type": "Ferry L*"}, {"exception_type": "Ferry *"}),
    ({"exception_type": "Ferry ?ate"}, {"exception_type": "ferry*"}),
    ({"exception_type": "*Late"}, {"exception_type_not": "Bus*Early"}),
    ({"exception_type": "Ferry Late", "severity": "low"}, {"exception_type": "Ferry Late"}),
    ({"exception_types": ["Ferry Late", "Bus Late"]}, {"exception_types": ["* Late", "Tram*"]}),
    ({"severity": "critical"}, {"severity_gte": "high"}),
    ({"severity_gt": "medium"}, {"severity_in": ["high", "critical"]}),
    ({"severity_in": ["low", "medium"]}, {"severity_not": "critical"}),
    ({"severity_lte": "low"}, {"severity": "LOW"}),
    ({"amount_gt": 500}, {"amount_gt": 100}),
    ({"amount_gte": 500}, {"amount_gt": 499.5}),
    ({"amount": 7}, {"amount_lt": 8, "amount_gt": 6}),
    ({"amount_in": [7, 9]}, {"amount_gte": 7}),
    ({"amount_gt": 10}, {"amount_not": 3}),
    ({"amount_gte": 5}, {"amount_not": 1}),
    ({"context.route.legs_gte": 1}, {"context.route.legs_gt": 0}),
    ({"context.route.legs_gte": 5}, {"context.route.legs_gt": 0.5}),
    ({"context.route.legs_gt": 3}, {"context.route.legs_gt": 1}),
    ({"context.route.legs_gte": 5}, {"context.route.legs_gt": 2}),
    ({"context.route.line": "B4"}, {"context.route.line_in": ["B4", "B5"]}),
    ({"domain": "Transit"}, {"domain_in": ["Transit", "Freight"]}),
    ({"domain": "Transit"}, {"domain_not_in": ["Freight", "Air"]}),
    ({"owner_not_in": ["a", "b"]}, {"owner_not": "a"}),
    ({"policy_tags": ["vip", "night"]}, {"policy_tags": "night"}),
    ({"policy_tags": ["vip", "night"]}, {"policy_tags_any": ["night", "day"]}),
    ({"policy_tags_none": ["vip", "night"]}, {"policy_tags_none": ["night"]}),
    ({"sla_minutes_remaining_lt": 15}, {"sla_window": {"minutes_remaining_lt": 60}}),
    ({"sla_minutes_remaining_gte": 30}, {"sla_breached": False}),
    ({"sla_breached": True}, {"sla_minutes_remaining_lt": 30}),
    ({"sla_breached_not": True}, {"sla_breached": False}),
    ({"sla_breached_not": False}, {"sla_minutes_remaining_lt": 30}),
    ({"sla_minutes_remaining_lt": -10}, {"sla_breached": True}),
    ({"entity": "Pier 4"}, {}),
]


@pytest.mark.parametrize(("narrow", "wide"), SHADOWED, ids=str)
def test_a_rule_that_another_covers_is_found(narrow: Any, wide: Any) -> None:
    own, other = {"match": narrow, "priority": 3}, {"match": wide, "priority": 4}
    found = codes(own, others=[published(1, other)])
    if "duplicate" not in found:
        assert "never_chosen" in found
    assert "never_chosen" not in codes({**own, "priority": 4}, others=[published(1, other)]), (
        "published later, it wins"
    )


NOT_SHADOWED = [
    ({"exception_type": "Ferry *"}, {"exception_type": "Ferry Late"}),
    ({"exception_type": "Ferry *"}, {"exception_type": "Ferry ?*"}),
    ({"exception_type": "Ferry*"}, {"exception_type": "Ferry?Late"}),
    ({"severity_gte": "high"}, {"severity": "critical"}),
    ({"severity_not": "low"}, {"severity_gt": "low"}),
    ({"amount_gte": 100}, {"amount_gt": 100}),
    ({"amount_not": 5}, {"amount_gt": 5}),
    ({"sla_breached": False}, {"sla_minutes_remaining_gte": 0}),
    ({"sla_minutes_remaining_lte": 0}, {"sla_breached": True}),
    ({"policy_tags_any": ["vip", "night"]}, {"policy_tags": "night"}),
    ({"entity": "Pier 4"}, {"entity": "pier 4"}),
    ({"domain": "Transit"}, {"domain": "Transit", "owner_not": "a"}),
    ({}, {"entity": "Pier 4"}),
]


@pytest.mark.parametrize(("narrow", "wide"), NOT_SHADOWED, ids=str)
def test_a_rule_that_another_does_not_cover_is_left_alone(narrow: Any, wide: Any) -> None:
    own, other = {"match": narrow, "priority": 3}, {"match": wide, "priority": 4}
    assert not {"never_chosen", "duplicate"} & set(codes(own, others=[published(1, other)]))


def test_of_equal_priority_the_later_one_covers() -> None:
    own, wide = {"match": {"entity": "Pier 4"}}, published(5, {"match": {}})
    assert codes(own, others=[wide], published=Origin(START + timedelta(days=4), 4)) == ["never_chosen"]
    assert codes(own, others=[wide], published=Origin(START + timedelta(days=5), 4)) == ["never_chosen"]
    assert codes(own, others=[wide], published=Origin(START + timedelta(days=5), 6)) == []
    assert codes(own, others=[wide]) == []


def test_only_the_newest_version_of_another_name_counts() -> None:
    wide = published(1, {"match": {}, "priority": 9}, name="Catch-all")
    narrowed = published(2, {"match": {"entity": "Pier 9"}, "priority": 9}, name="Catch-all", version=2)
    own = {"match": {"entity": "Pier 4"}}
    assert codes(own, others=[wide]) == ["never_chosen"]
    assert codes(own, others=[wide], name="Catch-all") == []
    assert codes(own, others=[narrowed, wide]) == []


def test_a_duplicate_is_reported_with_which_of_the_two_is_selected() -> None:
    others = by_rank(
        [published(1, {"match": {"severity_in": ["low", "high"], "entity": "Pier 4"}, "priority": 2})]
    )
    same = {"match": {"entity": "Pier 4", "severity": ["HIGH", "low"]}}
    (below,) = lint(parse(same), others=others)
    (above,) = lint(parse({**same, "priority": 3}), others=others)
    assert (below.code, below.playbook, below.hint) == (
        "duplicate",
        "P1",
        "It ranks higher, so this one is never selected.",
    )
    assert (above.code, above.playbook, above.hint) == ("duplicate", "P1", "This one ranks higher.")


CONTRADICTIONS = [
    {"match": {"amount_gt": 5, "amount_lt": 5.0}},
    {"match": {"amount": 4, "amount_gte": 5}},
    {"match": {"amount_gt": 5, "amount_in": [4, 5]}},
    {"match": {"entity": "a", "entity_not": "a"}},
    {"match": {"entity_in": ["a", "b"], "entity_not_in": ["b", "a"]}},
    {"match": {"entity_in": ["a", "b"], "entity_not": "a"}, "logic": {"!==": [READ, "b"]}},
    {"match": {"severity": "low", "severity_gte": "medium"}},
    {"match": {"severity_gt": "low", "severity_lt": "medium"}},
    {"match": {"sla_breached": True, "sla_minutes_remaining_gt": 0}},
    {"match": {"sla_minutes_remaining_gte": 0, "sla_breached": True}},
    {"match": {"exception_type": "Ferry *", "exception_type_not": "ferry *"}},
    {"match": {"exception_type": "Ferry *"}, "logic": {"glob": [{"var": "exception.exception_type"}, "Bus *"]}},
    {"match": {"policy_tags": "vip", "policy_tags_none": ["night", "vip"]}},
    {"match": {"context.x": True, "context.x_not": True}},
    {"match": {"context.x_gt": 10, "context.x_lt": 5}},
    {"match": {"context.x_gte": 5, "context.x_lt": 1}},
    {"match": {"context.x_gte": 5, "context.x_lt": 3}},
    {"match": {"context.x_gt": 10}, "logic": {"<": [{"var": "exception.normalized_context.x"}, 5]}},
    {"match": {"context.x": "10", "context.x_gt": 5}},
    {"match": {"context.x_lte": 1, "context.x": True}},
    {"match": {"context.x_gt": 5, "context.x_lt": "2026-06-01T09:00:00Z"}},
    {"match": {"context.x": "2026-06-01T10:00:00Z", "context.x_lt": "2026-06-01T09:00:00Z"}},
    {"match": {"context.x": "soon", "context.x_lt": "2026-06-01T09:00:00Z"}},
    {"match": {"created_at_gt": "2026-06-01T10:30:00+02:00", "created_at_lt": "2026-06-01T08:00:00Z"}},
    {"match": {"created_at": "2026-06-01T10:30:00+02:00", "created_at_gt": "2026-06-01T08:30:00Z"}},
    {"match": {"sla_deadline": "2026-06-01T10:30:00+02:00", "sla_deadline_not": "2026-06-01T08:30:00Z"}},
    {"logic": {"and": [{"!": [{"some": [[1], READ]}]}, {"some": [[1], READ]}]}},
]


@pytest.mark.parametrize("document", CONTRADICTIONS, ids=str)
def test_clauses_that_cannot_all_hold_are_found(document: Any) -> None:
    assert "contradiction" in codes(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"match": {"amount_gte": 5, "amount_lte": 5}}, []),
        # To the library true is 5, as it is any number but 0, and less than 3.
        ({"logic": {"and": [{">=": [X, 5]}, {"<": [X, 3]}]}}, []),
        ({"match": {"context.x_gte": 5, "context.x_lt": 5.5}}, []),
        ({"match": {"context.x": 10, "context.x_gt": 5}}, []),
        ({"match": {"created_at_gt": "2026-06-01T10:30:00+02:00", "created_at_lt": "2026-06-01T09:00:00Z"}}, []),
        ({"match": {"created_at": ["2026-06-01T10:30:00+02:00"], "created_at_lte": "2026-06-01T08:30:00Z"}}, []),
        ({"match": {"context.x_not": "2026-06-01T09:00:00Z", "context.x_lte": "2026-06-01T09:00:00Z"}}, []),
        ({"match": {"entity_in": ["a", "b"], "entity_not": "a"}}, []),
        ({"match": {"severity_gte": "high", "severity_not": "high"}}, []),
        ({"match": {}}, []),
        ({"match": {"policy_tags": []}}, ["always_true"]),
        ({"match": {"entity": "a", "owner_not_in": []}}, ["always_true"]),
        ({"match": {"policy_tags_none": []}}, ["always_true"]),
        ({"logic": {"!!": [READ]}}, []),
        ({"logic": {"in": ["ier", READ]}}, []),
        ({"logic": {"==": [{"var": "exception.entity.0"}, "P"]}}, []),
        ({"logic": {"some": [{"var": "policy.tags"}, {"==": [{"var": "x.y"}, 1]}]}}, ["not_indexed"]),
        (
            {"logic": {"some": [{"var": "policy.tagz"}, {"==": [{"var": ""}, 1]}]}},
            ["impossible_path", "not_indexed"],
        ),
        ({"logic": {"missing": ["exception.amout"]}}, ["impossible_path", "not_indexed"]),
        ({"logic": {"==": [1, {"+": [0, 1]}]}}, ["always_true"]),
        ({"logic": {"/": [1, 0]}}, ["always_false"]),
        ({"logic": {"in": [READ, []]}}, ["always_false"]),
        ({"logic": {">": [{"var": "exception.severity_rank"}, 4]}}, ["always_false"]),
        ({"logic": {"===": [{"var": "exception.severity"}, "High"]}}, ["always_false"]),
        ({"logic": {"missing": [{"cat": ["exception.", "amount"]}]}}, ["not_indexed"]),
        ({"logic": {"===": [{"var": "policy.tags"}, "vip"]}}, ["cross_type"]),
        ({"logic": {">": [READ, 5]}}, ["cross_type"]),
        ({"logic": {"==": [{"var": "sla.breached"}, "true"]}}, ["cross_type"]),
    ],
    ids=str,
)
def test_a_rule_brings_just_its_warnings(document: Any, expected: list[str]) -> None:
    assert codes(document) == expected


def test_a_path_without_its_first_part_gets_a_suggestion() -> None:
    (finding, *_) = lint(parse({"logic": {">": [{"var": "amount"}, 5]}}))
    assert (finding.code, finding.suggestion) == ("impossible_path", "exception.amount")


PACK = {"domain_name": "Transit", "exception_types": ["Ferry Late", "Bus Late"]}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"domain": "transit"}, "unknown_domain"),
        ({"domain_in": ["Transit", "Fright"]}, "unknown_domain"),
        ({"exception_type": "Fery *"}, "unknown_exception_type"),
        ({"exception_type": "fer?y l*"}, None),
        ({"exception_types": ["FERRY LATE", "tram late"]}, "unknown_exception_type"),
        ({"domain": "Transit", "exception_type": "bus late"}, None),
        ({"policy_tags": "Vip"}, "unknown_tag"),
        ({"policy_tags_none": ["vip"]}, None),
        ({"policy_tags_any": ["vip", "late_night"]}, None),
    ],
    ids=str,
)
def test_names_are_held_against_the_packs(match: Any, expected: str | None) -> None:
    policy = {"tags": ["vip"], "tag_rules": [{"tag": "late_night", "when": {"match": {}}}]}
    found = codes({"match": match}, domain_pack=PACK, policy_pack=policy)
    assert found == ([expected] if expected else [])


DESCRIBED = {
    "exception_types": {
        "Ferry Late": {
            "context": {"due": {"type": "date-time"}, "legs": {"type": "integer"}, "either": {"type": "number"}}
        },
        "Bus Late": {
            "context": {"due": {"type": "string", "format": "date-time"}, "either": {"type": "date-time"}}
        },
    }
}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"context.due_lt": "2026-06-01T09:00:00Z"}, []),
        ({"context.due_lt": 5}, ["cross_type"]),
        ({"context.legs_lt": 5}, []),
        ({"context.legs_gte": "2026-06-01T09:00:00Z"}, ["cross_type"]),
        ({"context.either_lt": 5, "context.other_lt": "2026-06-01T09:00:00Z"}, []),
    ],
    ids=str,
)
def test_comparisons_are_held_against_the_types_that_the_pack_declares(match: Any, expected: list[str]) -> None:
    assert codes({"match": match}, domain_pack=DESCRIBED) == expected


def test_a_domain_is_held_against_all_that_there_are_packs_of() -> None:
    assert codes({"match": {"domain": "Fright"}}, domains=["Freight", "Transit"]) == ["unknown_domain"]
    assert codes({"match": {"domain": "Freight"}}, domain_pack=PACK, domains=["Freight", "Transit"]) == []
    assert codes({"match": {"domain": "Fright"}}, domains=[]) == []


def patterns(count: int, length: int = 190) -> list[str]:
    return [f"*{'ab?' * (length // 3)}{number}*" for number in range(count)]


def words(count: int) -> list[str]:
    """Names that are alike, so that comparing them takes long."""
    return [("abcdefgh" * 12)[number % 8 :] + str(number) for number in range(count)]


TYPE = {"var": "exception.exception_type"}
MANY_PATTERNS = [
    published(number, {"match": {"exception_type": each}}) for number, each in enumerate(patterns(120))
]
LONG_RULES = [
    published(number, {"logic": {"!": [{"in": [str(number), ["x" * 4_000] * 8]}]}}) for number in range(3_000)
]
ALIKE = {"domain_name": "Quay", "exception_types": words(3_000)}


@pytest.mark.parametrize(
    ("document", "known"),
    [
        ({"logic": {"and": [{"glob": [TYPE, f"{each}a*"]} for each in patterns(100)]}}, {"others": MANY_PATTERNS}),
        ({"match": {"exception_types": [f"{each}x" for each in words(150)]}}, {"domain_pack": ALIKE}),
        ({"match": {"exception_types": patterns(100, 90)}}, {"domain_pack": ALIKE}),
        (
            {"match": {"policy_tags_any": [f"{each}x" for each in words(150)]}},
            {"policy_pack": {"tags": words(1_000)}},
        ),
        ({"match": {"amount_gt": 5}}, {"others": LONG_RULES}),
    ],
    ids=["patterns", "types", "type patterns", "tags", "rules"],
)
def test_looking_for_warnings_takes_bounded_time(document: Any, known: dict[str, Any]):
    conditions = parse(document)
    started = time.process_time()
    found = lint(conditions, **known)
    assert time.process_time() - started < 0.6
    assert found


def test_what_is_not_looked_for_is_said():
    document = {"logic": {"and": [{"glob": [TYPE, f"{each}a*"]} for each in patterns(100)]}}
    assert codes(document, MANY_PATTERNS)[-1] == "incomplete"
    assert "incomplete" not in codes({"match": {"exception_type": "Ferry *"}}, MANY_PATTERNS)


def test_a_budget_around_it_is_spent_too_and_may_give_the_work_up():
    def give_up() -> None:
        raise DeadlineExceeded("Too late.")

    document = {"logic": {"and": [{"glob": [TYPE, f"{each}a*"]} for each in patterns(100)]}}
    with spending(Budget(check=give_up)), pytest.raises(DeadlineExceeded):
        codes(document, MANY_PATTERNS)
