# ruff: noqa: E501 - a rule and its words are on one line
"""Clauses of every operator in words, with the values they met."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sentinai.conditions.explanation import rule_text
from sentinai.conditions.explanation.explain import explain
from sentinai.conditions.language import vocabulary

CONTEXT: dict[str, Any] = {
    "exception": {
        "amount": 81250.5,
        "entity": "Quay 9",
        "owner": None,
        "domain": "Port",
        "exception_type": "Crane Stop",
        "severity": "high",
        "severity_rank": 3,
        "created_at": "2026-06-01T10:30:00+02:00",
        "normalized_context": {
            "crates": [{"kg": 40, "mark": "B"}, {"kg": 1250, "mark": "K"}],
            "n": [3, 9],
            "none": [],
            "hold": "x9",
            "lots": 0,
        },
    },
    "sla": {"minutes_remaining": -3.5, "breached": True},
    "policy": {"tags": ["night", "vip"]},
}
WORDS = """
{">": [{"var": "exception.amount"}, 80000]}  ->  amount is more than 80,000 (actual: 81,250.5)
{">=": [{"var": "exception.amount"}, 80000]}  ->  amount is at least 80,000 (actual: 81,250.5)
{"<": [{"var": "exception.amount"}, 80000]}  ->  amount is less than 80,000 (actual: 81,250.5)
{"<=": [{"var": "exception.amount"}, 80000.5]}  ->  amount is at most 80,000.5 (actual: 81,250.5)
{"<": [80000, {"var": "exception.amount"}]}  ->  amount is more than 80,000 (actual: 81,250.5)
{"!": [{">": [{"var": "exception.amount"}, 5]}]}  ->  amount is not more than 5 (actual: 81,250.5)
{"<": [1, {"var": "exception.amount"}, 9]}  ->  amount is between 1 and 9 (actual: amount is 81,250.5)
{"<=": [1, {"var": "exception.amount"}, 9]}  ->  amount is from 1 to 9 (actual: amount is 81,250.5)
{"==": [{"var": "exception.entity"}, "Quay 9"]}  ->  entity is Quay 9 (actual: Quay 9)
{"===": [{"var": "exception.entity"}, "Quay 8"]}  ->  entity is Quay 8 (actual: Quay 9)
{"!=": [{"var": "exception.entity"}, "Quay 8"]}  ->  entity is not Quay 8 (actual: Quay 9)
{"!==": [{"var": "exception.entity"}, "Quay 9"]}  ->  entity is not Quay 9 (actual: Quay 9)
{"===": [{"var": "exception.owner"}, "ann"]}  ->  owner is ann (actual: no value)
{"==": [{"var": "exception.owner"}, null]}  ->  owner is null (actual: no value)
{"in": [{"var": "exception.entity"}, ["Quay 1", "Quay 2"]]}  ->  entity is one of Quay 1, Quay 2 (actual: Quay 9)
{"!": [{"in": [{"var": "exception.entity"}, ["Quay 1", "Quay 2"]]}]}  ->  entity is not one of Quay 1, Quay 2 (actual: Quay 9)
{"in": ["uay", {"var": "exception.entity"}]}  ->  entity contains uay (actual: Quay 9)
{"!": [{"in": ["uay", {"var": "exception.entity"}]}]}  ->  entity does not contain uay (actual: Quay 9)
{"or": [{"in": ["u", {"var": "exception.entity"}]}, {"in": ["v", {"var": "exception.entity"}]}]}  ->  entity contains any of u, v (actual: Quay 9)
{"glob": [{"var": "exception.entity"}, "q*"]}  ->  entity matches q* (actual: Quay 9)
{"!": [{"glob": [{"var": "exception.entity"}, "q*"]}]}  ->  entity does not match q* (actual: Quay 9)
{"glob": [{"var": "exception.entity"}, "quay 9"]}  ->  entity is quay 9 (actual: Quay 9)
{"or": [{"glob": [{"var": "exception.entity"}, "q*"]}, {"glob": [{"var": "exception.entity"}, "r*"]}]}  ->  entity is one of q*, r* (actual: Quay 9)
{"in": ["vip", {"var": "policy.tags"}]}  ->  policy tags include vip (actual: night, vip)
{"!": [{"in": ["vip", {"var": "policy.tags"}]}]}  ->  policy tags do not include vip (actual: night, vip)
{"or": [{"in": ["vip", {"var": "policy.tags"}]}, {"in": ["day", {"var": "policy.tags"}]}]}  ->  policy tags include any of vip, day (actual: night, vip)
{"!": [{"or": [{"in": ["vip", {"var": "policy.tags"}]}, {"in": ["day", {"var": "policy.tags"}]}]}]}  ->  policy tags do not include any of vip, day (actual: night, vip)
{">=": [{"var": "exception.severity_rank"}, 3]}  ->  severity is at least high (actual: high)
{"<": [{"var": "exception.severity_rank"}, 4]}  ->  severity is less than critical (actual: high)
{"<": [{"var": "sla.minutes_remaining"}, 15]}  ->  SLA minutes remaining is less than 15 (actual: -3.5)
{">=": [{"var": "sla.minutes_remaining"}, 0]}  ->  SLA minutes remaining is at least 0 (actual: -3.5)
{"===": [{"var": "sla.breached"}, true]}  ->  SLA breached is true (actual: true)
{"!!": [{"var": "sla.breached"}]}  ->  SLA breached is true (actual: true)
{"!": [{"var": "sla.breached"}]}  ->  SLA breached is not true (actual: true)
{"!!": [{"var": "exception.owner"}]}  ->  owner is set (actual: no value)
{"!": [{"var": "exception.owner"}]}  ->  owner is not set (actual: no value)
{"var": "exception.normalized_context.hold"}  ->  context.hold is set (actual: x9)
{"<": [{"number": {"var": "exception.normalized_context.lots"}}, 5]}  ->  context.lots is less than 5 (actual: 0)
{"<": [{"number": {"var": "exception.normalized_context.hold"}}, 5]}  ->  context.hold is less than 5 (actual: x9, not a number)
{"<": [{"number": {"var": "exception.normalized_context.no"}}, 5]}  ->  context.no is less than 5 (actual: no value)
{"<": [{"number": {"var": "exception.normalized_context.lots"}}, {"var": "exception.amount"}]}  ->  context.lots as a number is less than amount (actual: amount is 81,250.5, context.lots is 0)
{"<": [{"instant": {"var": "exception.created_at"}}, {"instant": "2026-06-01T09:00:00Z"}]}  ->  created at is before 2026-06-01T09:00:00Z (actual: 2026-06-01T10:30:00+02:00)
{"<=": [{"instant": "2026-06-01T11:00:00+02:00"}, {"instant": {"var": "exception.created_at"}}]}  ->  created at is at or after 2026-06-01T09:00:00Z (actual: 2026-06-01T10:30:00+02:00)
{"!": [{">": [{"instant": {"var": "exception.normalized_context.hold"}}, {"instant": "2026-06-01T09:00:00Z"}]}]}  ->  context.hold is not after 2026-06-01T09:00:00Z (actual: x9, not a time)
{"===": [{"instant": {"var": "exception.created_at"}}, {"instant": "2026-06-01T09:00:00Z"}]}  ->  created at is 2026-06-01T09:00:00Z (actual: 2026-06-01T10:30:00+02:00)
{"<": [{"instant": {"var": "exception.created_at"}}, {"instant": {"var": "exception.sla_deadline"}}]}  ->  created at as a time is less than sla deadline as a time (actual: created at is 2026-06-01T10:30:00+02:00, sla deadline has no value)
true  ->  applies to every exception
false  ->  applies to no exception
{"some": [{"var": "exception.normalized_context.crates"}, {">": [{"var": "kg"}, 1000]}]}  ->  for at least one item of context.crates: kg is more than 1,000 (actual: context.crates is a list with kg 40, 1,250)
{"all": [{"var": "exception.normalized_context.crates"}, {">": [{"var": "kg"}, 1000]}]}  ->  for every item of context.crates (at least one): kg is more than 1,000 (actual: context.crates is a list with kg 40, 1,250)
{"none": [{"var": "exception.normalized_context.crates"}, {"==": [{"var": "mark"}, "Z"]}]}  ->  for no item of context.crates: mark is Z (actual: context.crates is a list with mark B, K)
{"some": [{"var": "exception.normalized_context.n"}, {"<": [{"var": ""}, 5]}]}  ->  for at least one item of context.n: it is less than 5 (actual: context.n is 3, 9)
{"some": [{"var": "exception.normalized_context.none"}, {"<": [{"var": ""}, 5]}]}  ->  for at least one item of context.none: it is less than 5 (actual: context.none is empty)
{"some": [{"var": "exception.normalized_context.crates"}, {"and": [{">": [{"var": "kg"}, 9]}, {"==": [{"var": "mark"}, "B"]}]}]}  ->  for at least one item of context.crates: (kg is more than 9) and (mark is B) (actual: context.crates is a list with kg 40, 1,250; mark B, K)
{"some": [{"var": "policy.tags"}, {"glob": [{"var": ""}, "v*"]}]}  ->  for at least one item of policy tags: it matches v* (actual: policy tags are night, vip)
{">": [{"reduce": [{"var": "exception.normalized_context.crates"}, {"+": [{"var": "accumulator"}, {"var": "current.kg"}]}, 0]}, 1000]}  ->  the result so far + kg, accumulated over context.crates, is more than 1,000 (actual: context.crates is a list with kg 40, 1,250)
{"in": ["K", {"map": [{"var": "exception.normalized_context.crates"}, {"var": "mark"}]}]}  ->  K is in mark of each item of context.crates (actual: context.crates is a list with mark B, K)
{"filter": [{"var": "exception.normalized_context.crates"}, {"<": [{"var": "kg"}, 50]}]}  ->  the items of context.crates where kg is less than 50 (actual: context.crates is a list with kg 40, 1,250)
{">": [{"+": [{"var": "exception.amount"}, 1]}, 3]}  ->  (amount + 1) is more than 3 (actual: amount is 81,250.5)
{">": [{"-": [{"var": "exception.amount"}, 1]}, 3]}  ->  (amount - 1) is more than 3 (actual: amount is 81,250.5)
{">": [{"-": {"var": "exception.amount"}}, 3]}  ->  (minus amount) is more than 3 (actual: amount is 81,250.5)
{">": [{"*": [{"var": "exception.amount"}, 2]}, 3]}  ->  (amount times 2) is more than 3 (actual: amount is 81,250.5)
{">": [{"/": [{"var": "exception.amount"}, {"var": "exception.normalized_context.lots"}]}, 3]}  ->  (amount / context.lots) is more than 3 (evaluation failed: ZeroDivisionError: float division by zero)
{"==": [{"%": [{"var": "exception.normalized_context.lots"}, 2]}, 0]}  ->  (context.lots modulo 2) is 0 (actual: context.lots is 0)
{">": [{"min": [{"var": "exception.amount"}, 5]}, 3]}  ->  the smallest of amount, 5 is more than 3 (actual: amount is 81,250.5)
{">": [{"max": [{"var": "exception.amount"}, {"var": "sla.minutes_remaining"}]}, 3]}  ->  the largest of amount, SLA minutes remaining is more than 3 (actual: amount is 81,250.5, SLA minutes remaining is -3.5)
{"==": [{"cat": [{"var": "exception.entity"}, "!"]}, "Quay 9!"]}  ->  (the concatenation of entity, !) is Quay 9! (actual: entity is Quay 9)
{"==": [{"substr": [{"var": "exception.entity"}, 0, 4]}, "Quay"]}  ->  (the substring of entity from 0, length 4) is Quay (actual: entity is Quay 9)
{"in": ["a", {"merge": [{"var": "policy.tags"}, ["a"]]}]}  ->  a is in (the merged list of policy tags, a) (actual: policy tags are night, vip)
{"missing": ["exception.owner"]}  ->  the missing values among owner (actual: owner has no value)
{"missing_some": [1, ["exception.owner", "exception.entity"]]}  ->  the missing values among owner, entity, unless at least 1 are present (actual: entity is Quay 9, owner has no value)
{"or": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}  ->  (entity is x) or (amount is more than 1) (actual: amount is 81,250.5, entity is Quay 9)
{"and": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}  ->  (entity is x) and (amount is more than 1) (actual: amount is 81,250.5, entity is Quay 9)
{"if": [{"var": "sla.breached"}, {">": [{"var": "exception.amount"}, 1]}, false]}  ->  if SLA breached then amount is more than 1, else false (actual: amount is 81,250.5, SLA breached is true)
{"?:": [{"var": "exception.owner"}, true, false]}  ->  if owner then true, else false (actual: owner has no value)
{">": [{"var": ["exception.normalized_context.fails", 0]}, 3]}  ->  context.fails (default 0) is more than 3 (actual: context.fails has no value)
{"!": [{"or": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}]}  ->  not ((entity is x) or (amount is more than 1)) (actual: amount is 81,250.5, entity is Quay 9)
"""
ROWS = [(json.loads(rule), words) for rule, words in (line.split("  ->  ") for line in WORDS.strip().splitlines())]


@pytest.mark.parametrize(("rule", "words"), ROWS, ids=[words[:50] for _, words in ROWS])
def test_a_clause_reads_well_with_what_it_met(rule: Any, words: str) -> None:
    assert explain(rule, CONTEXT).text == words


@pytest.mark.parametrize("operator", vocabulary.OPERATORS)
def test_every_operator_has_words(operator: str) -> None:
    assert f'"{operator}": ' in WORDS


def test_a_long_rule_is_cut() -> None:
    rule = {"or": [{"==": [{"var": "exception.entity"}, f"Quay {number}"]} for number in range(90)] + [True]}
    text = explain(rule, CONTEXT).text
    assert len(text) < 400
    assert text.endswith("… (actual: entity is Quay 9)")


def test_each_part_of_a_nested_rule_is_put_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rule: Any = {"-": [{"var": "exception.amount"}]}
    for _ in range(8):
        rule = {"or": [rule]}
    calls: list[Any] = []
    words = rule_text._words
    monkeypatch.setattr(rule_text, "_words", lambda logic: calls.append(logic) or words(logic))
    rule_text.rule_in_words(rule)
    assert len(calls) == 10
