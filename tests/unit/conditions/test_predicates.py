"""Predicates mean what the language says they mean, null and absence included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentinai.conditions import normalise, parse
from sentinai.conditions.evaluation import context, evaluate
from sentinai.conditions.language.guard import MAX_DEPTH, MAX_NODES
from sentinai.problems import MAX_FINDINGS, InvalidDocument

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EXCEPTION = {
    "exception_id": "C-9",
    "domain": "Freight",
    "exception_type": "Customs Hold.Port",
    "severity": "HIGH",
    "status": "open",
    "amount": 1200.5,
    "entity": "Baltic Lines",
    "sla_deadline": (NOW + timedelta(minutes=45)).isoformat(),
    "normalized_context": {"port": "Gdynia", "crates": 12, "cleared": False, "policy_tags": ["cold"]},
}
POLICY = {
    "tags": ["eu"],
    "tag_rules": [
        {"tag": "bulky", "when": {"match": {"context.crates_gt": 10}}},
        {"tag": "of_old", "when": {"amount_gt": 1000, "entity": "Baltic Lines"}},
        {"tag": "never", "when": {"/": [1, 0]}},
        {"tag": "also", "when": {"in": ["eu", {"var": "policy.tags"}]}},
    ],
}


def holds(match: dict[str, Any], **changes: Any) -> bool:
    seen = context.build({**EXCEPTION, **changes}, domain_pack={}, policy_pack=POLICY, as_of=NOW)
    return evaluate.holds(parse({"match": match}).rule, seen)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"domain": "Freight"}, True),
        ({"domain": "freight"}, False),
        ({"domain": ["Air", "Freight"]}, True),
        ({"exception_type": "customs hold.port"}, True),
        ({"exception_type": "customs*"}, True),
        ({"exception_type": "customs holdXport"}, False),
        ({"exception_types": ["Lost", "*.port"]}, True),
        ({"exception_type_not": "Lost*"}, True),
        ({"severity": "High"}, True),
        ({"severity_in": ["low", "CRITICAL"]}, False),
        ({"severity_gte": "medium", "severity_lt": "critical"}, True),
        ({"severity_gt": "high"}, False),
        ({"amount_gte": 1200.5, "amount_lt": 1201}, True),
        ({"amount": 1200.5}, True),
        ({"sla_minutes_remaining_lt": 45}, False),
        ({"sla_minutes_remaining_lte": 45}, True),
        ({"sla_window": {"minutes_remaining_lt": 46, "minutes_remaining_gte": 45}}, True),
        ({"sla_breached": False}, True),
        ({"policy_tags": ["eu", "cold", "bulky", "also"]}, True),
        ({"policy_tags": "never"}, False),
        ({"policy_tags_any": ["x", "bulky"]}, True),
        ({"policy_tags_none": ["x", "never"]}, True),
        ({"policy_tags_none": ["x", "eu"]}, False),
        ({"policy_tags": []}, True),
        ({"context.port": "Gdynia", "context.crates_in": [11, 12]}, True),
        ({"context.cleared": False}, True),
        ({"context.cleared_not": True}, True),
        ({"context.crates": "12"}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_predicate_holds_or_not(match: dict[str, Any], expected: bool) -> None:
    assert holds(match) is expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"entity": "None"}, False),
        ({"entity_in": ["None", ""]}, False),
        ({"entity_not": "X"}, True),
        ({"entity_not_in": ["X"]}, True),
        ({"severity_lt": "critical"}, False),
        ({"severity_not": "low"}, True),
        ({"amount_lt": 10}, False),
        ({"amount_gte": -10}, False),
        ({"sla_minutes_remaining_lt": 10**6}, False),
        ({"sla_breached": False}, True),
        ({"context.nothing.here": "x"}, False),
        ({"context.nothing.here_not": "x"}, True),
        ({"context.nothing_lte": 5}, False),
    ],
    ids=str,
)
def test_what_is_absent_fails_the_positive_and_meets_the_negative(match: dict[str, Any], expected: bool) -> None:
    nothing = {"entity": None, "severity": None, "amount": None, "sla_deadline": None}
    assert holds(match, **nothing) is expected


@pytest.mark.parametrize("value", ["10", "abc", "", "1e1", True, False, None, [], [10], {"a": 10}])
@pytest.mark.parametrize("suffix", ["lt", "lte", "gt", "gte"])
def test_only_a_number_compares_with_a_number(suffix: str, value: Any) -> None:
    for bound in (-5, 0, 1, 10, 11):
        assert not holds({f"context.n_{suffix}": bound}, normalized_context={"n": value})


def test_numbers_compare_as_before() -> None:
    seen = {"normalized_context": {"n": 10.0}}
    assert holds({"context.n_gte": 10, "context.n_lte": 10, "context.n_gt": 9.5, "context.n_lt": 10**20}, **seen)


EARLY, LATE = "2026-06-01T10:30:00+02:00", "2026-06-01T09:00:00Z"


@pytest.mark.parametrize("field", ["created_at", "sla_deadline", "context.due"])
def test_times_compare_as_instants_whatever_their_offsets(field: str) -> None:
    def at(time: Any) -> dict[str, Any]:
        return {"normalized_context": {"due": time}} if field == "context.due" else {field: time}

    assert holds({f"{field}_lt": LATE}, **at(EARLY))
    assert holds({f"{field}_lte": LATE, f"{field}_gte": "2026-06-01t08:30:00.000z"}, **at(EARLY))
    assert not holds({f"{field}_gt": EARLY}, **at(EARLY))
    assert holds({f"{field}_gt": EARLY}, **at(LATE))
    assert not holds({f"{field}_gt": LATE}, **at(EARLY))
    assert holds({f"{field}_gt": "9999-12-31T23:59:59.999998Z"}, **at("9999-12-31T23:59:59.999999Z"))
    assert not holds({f"{field}_lt": LATE}, **at(None))


@pytest.mark.parametrize("field", ["created_at", "sla_deadline"])
def test_equal_times_are_equal_in_any_notation(field: str) -> None:
    same, seen = "2026-06-01T08:30:00Z", {field: EARLY}
    assert holds({field: same, f"{field}_in": [LATE, same]}, **seen)
    assert not holds({f"{field}_not": same}, **seen)
    assert holds({f"{field}_not": LATE, f"{field}_not_in": [LATE]}, **seen)
    assert holds({f"{field}_not": LATE}, **{field: None})
    assert not holds({field: LATE}, **{field: None})


@pytest.mark.parametrize(
    "value", ["tomorrow", "", "2026-06-01", "2026-13-01T00:00:00Z", 5, True, None, [EARLY], "x" * 70_000]
)
def test_what_is_no_time_satisfies_no_comparison_with_one(value: Any) -> None:
    for suffix in ("lt", "lte", "gt", "gte"):
        assert not holds({f"context.due_{suffix}": LATE}, normalized_context={"due": value})


def test_the_normal_form_has_times_in_utc_and_is_a_document_itself() -> None:
    normal = normalise({"match": {"created_at_lt": EARLY, "context.n_gt": 3}})
    created, number = {"var": "exception.created_at"}, {"var": "exception.normalized_context.n"}
    assert normal["logic"] == {
        "and": [
            {"<": [{"instant": created}, {"instant": "2026-06-01T08:30:00Z"}]},
            {">": [{"number": number}, 3]},
        ]
    }
    assert normalise(normal) == normal


def findings(document: Any) -> dict[str, tuple[str, str | None]]:
    with pytest.raises(InvalidDocument) as refused:
        parse(document)
    return {found.pointer: (found.code, found.hint) for found in refused.value.findings}


@pytest.mark.parametrize(
    ("document", "pointer", "code"),
    [
        ({}, "", "empty_conditions"),
        ([], "", "wrong_type"),
        ({"match": []}, "/match", "wrong_type"),
        ({"match": {"severty": "high"}}, "/match/severty", "unknown_predicate"),
        ({"match": {"severity": "urgent"}}, "/match/severity", "unknown_severity"),
        ({"match": {"amount_lt": "10"}}, "/match/amount_lt", "wrong_type"),
        ({"match": {"amount": [1, True]}}, "/match/amount/1", "wrong_type"),
        ({"match": {"domain_in": []}}, "/match/domain_in", "empty_list"),
        ({"match": {"policy_tags_any": []}}, "/match/policy_tags_any", "empty_list"),
        ({"match": {"domain_lt": 3}}, "/match/domain_lt", "unknown_predicate"),
        ({"match": {"owner": None}}, "/match/owner", "wrong_type"),
        ({"match": {"sla_window": {"hours_lt": 3}}}, "/match/sla_window/hours_lt", "unknown_predicate"),
        ({"match": {"context.": 3}}, "/match/context.", "unknown_predicate"),
        ({"match": {"created_at_lt": "tomorrow"}}, "/match/created_at_lt", "wrong_type"),
        ({"match": {"created_at_lt": "2026-06-01"}}, "/match/created_at_lt", "wrong_type"),
        ({"match": {"sla_deadline_gte": 5}}, "/match/sla_deadline_gte", "wrong_type"),
        ({"match": {"sla_deadline_in": [EARLY, "x"]}}, "/match/sla_deadline_in/1", "wrong_type"),
        ({"match": {"context.due_gt": "10"}}, "/match/context.due_gt", "wrong_type"),
        ({"match": {"context.due_gt": True}}, "/match/context.due_gt", "wrong_type"),
        ({"match": {"context.due_gt": [LATE]}}, "/match/context.due_gt", "wrong_type"),
        ({"match": {}, "severity": "low"}, "/severity", "root_predicates"),
        ({"logic": True, "prio": 3}, "/prio", "unknown_field"),
        ({"logic": True, "a/b": 3}, "/a~1b", "unknown_field"),
        ({"logic": {">": [1]}}, "/logic/>", "wrong_arguments"),
        ({"logic": "yes"}, "/logic", "wrong_type"),
        ({"match": {}, "priority": 1.5}, "/priority", "wrong_type"),
        ({"match": {}, "priority": 1_000_001}, "/priority", "wrong_type"),
    ],
    ids=str,
)
def test_a_mistake_is_named_at_its_place(document: Any, pointer: str, code: str) -> None:
    assert findings(document)[pointer][0] == code


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"sevrity": "high"}, "Did you mean 'severity', in match?"),
        ({"severity": "low", "entiti": "x"}, "Did you mean 'entity', in match?"),
        ({"match": {}, "prioritty": 1}, "Did you mean 'priority'?"),
        ({"match": {}, "when": True}, "Known fields: match, logic, priority."),
    ],
)
def test_an_unknown_key_at_the_root_comes_with_what_may_have_been_meant(document: Any, hint: str) -> None:
    found = findings(document)
    (key,) = {"sevrity", "entiti", "prioritty", "when"} & set(document)
    assert found[f"/{key}"] == ("unknown_field", hint)


def test_what_belongs_beside_match_is_sent_there() -> None:
    assert findings({"match": {"priority": 5}}) == {
        "/match/priority": ("unknown_predicate", "Move it out of match.")
    }


def deep(levels: int) -> Any:
    rule: Any = {"var": "exception.entity"}
    for _ in range(levels - 1):
        rule = {"!": rule}
    return rule


@pytest.mark.parametrize(
    "document",
    [
        {"logic": deep(MAX_DEPTH)},
        {"logic": {"or": [True] * (MAX_NODES - 1)}},
        {"logic": {"and": [True, {"or": [False] * (MAX_NODES - 3)}]}},
        {"match": {"exception_types": ["a"] * ((MAX_NODES - 1) // 3)}},
        {"match": {"entity": "a"}, "logic": deep(MAX_DEPTH - 1)},
    ],
    ids=["deep", "large", "large and", "many types", "both"],
)
def test_what_is_just_within_the_limits_is_so_in_its_normal_form_too(document: Any) -> None:
    normal = normalise(document)
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    "document",
    [
        {"logic": deep(MAX_DEPTH + 1)},
        {"logic": {"or": [True] * MAX_NODES}},
        {"logic": {"and": [False] * MAX_NODES}},
        {"match": {"exception_types": ["a"] * ((MAX_NODES - 1) // 3 + 1)}},
        {"match": {"entity": "a"}, "logic": deep(MAX_DEPTH)},
    ],
    ids=["deep", "large", "large and", "many types", "both"],
)
def test_what_exceeds_a_limit_in_its_normal_form_is_refused(document: Any) -> None:
    assert {code for code, _ in findings(document).values()} <= {"too_deep", "too_many_nodes"}


@pytest.mark.parametrize(
    "document",
    [
        {"match": {f"k{number}": 1 for number in range(5_000)}},
        {f"k{number}": 1 for number in range(5_000)},
        {"match": {}, **{f"k{number}": 1 for number in range(5_000)}},
        {"match": {"amount_in": ["x"] * 1000, "entity_in": [1] * 1000}},
    ],
    ids=["in match", "at the root", "beside match", "in lists"],
)
def test_of_very_many_mistakes_the_first_are_named(document: Any) -> None:
    assert len(findings(document)) == MAX_FINDINGS


def test_very_many_predicates_at_the_root_all_count() -> None:
    many = {f"context.k{number}": number for number in range(150)}
    assert len(parse(many).clauses) == 150


def test_every_mistake_is_named_at_once() -> None:
    wrong = {"match": {"severity": 3, "amount_gt": "x"}, "logic": {"method": []}, "priority": "high"}
    assert set(findings(wrong)) == {"/match/severity", "/match/amount_gt", "/logic/method", "/priority"}


def test_an_unknown_predicate_names_the_nearest() -> None:
    assert "exception_type" in str(findings({"match": {"exeption_type": "x"}})["/match/exeption_type"][1])


def test_predicates_at_the_root_are_taken_with_a_warning() -> None:
    older = {"domain": "Freight", "severity_in": ["low"], "priority": 4}
    read = parse(older)
    assert [found.code for found in read.warnings] == ["root_predicates"]
    assert normalise(older) == normalise({"match": {"domain": "Freight", "severity_in": ["low"]}, "priority": 4})


def test_match_and_logic_become_clauses_of_one_rule() -> None:
    document = {"match": {"domain": "A"}, "logic": {"and": [{"and": [{"var": "x"}, True]}, {"!": [{"var": "y"}]}]}}
    assert parse(document).rule == {
        "and": [{"===": [{"var": "exception.domain"}, "A"]}, {"var": "x"}, {"!": [{"var": "y"}]}]
    }
    assert parse({"match": {}}).rule == {"and": [True]}
