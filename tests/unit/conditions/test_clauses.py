# ruff: noqa: E501 - a rule and its words stand in one line
"""Clauses of every operator in words, with the values they met."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
{">": [{"var": "exception.amount"}, 80000]}  ->  amount is more than 80,000 (it is 81,250.5)
{">=": [{"var": "exception.amount"}, 80000]}  ->  amount is at least 80,000 (it is 81,250.5)
{"<": [{"var": "exception.amount"}, 80000]}  ->  amount is less than 80,000 (it is 81,250.5)
{"<=": [{"var": "exception.amount"}, 80000.5]}  ->  amount is at most 80,000.5 (it is 81,250.5)
{"<": [80000, {"var": "exception.amount"}]}  ->  amount is more than 80,000 (it is 81,250.5)
{"!": [{">": [{"var": "exception.amount"}, 5]}]}  ->  amount is not more than 5 (it is 81,250.5)
{"<": [1, {"var": "exception.amount"}, 9]}  ->  amount is between 1 and 9 (amount is 81,250.5)
{"<=": [1, {"var": "exception.amount"}, 9]}  ->  amount is from 1 to 9 (amount is 81,250.5)
{"==": [{"var": "exception.entity"}, "Quay 9"]}  ->  entity is Quay 9 (it is Quay 9)
{"===": [{"var": "exception.entity"}, "Quay 8"]}  ->  entity is Quay 8 (it is Quay 9)
{"!=": [{"var": "exception.entity"}, "Quay 8"]}  ->  entity is not Quay 8 (it is Quay 9)
{"!==": [{"var": "exception.entity"}, "Quay 9"]}  ->  entity is not Quay 9 (it is Quay 9)
{"===": [{"var": "exception.owner"}, "ann"]}  ->  owner is ann (there is none)
{"==": [{"var": "exception.owner"}, null]}  ->  owner is null (there is none)
{"in": [{"var": "exception.entity"}, ["Quay 1", "Quay 2"]]}  ->  entity is one of Quay 1, Quay 2 (it is Quay 9)
{"!": [{"in": [{"var": "exception.entity"}, ["Quay 1", "Quay 2"]]}]}  ->  entity is none of Quay 1, Quay 2 (it is Quay 9)
{"in": ["uay", {"var": "exception.entity"}]}  ->  entity contains uay (it is Quay 9)
{"!": [{"in": ["uay", {"var": "exception.entity"}]}]}  ->  entity does not contain uay (it is Quay 9)
{"or": [{"in": ["u", {"var": "exception.entity"}]}, {"in": ["v", {"var": "exception.entity"}]}]}  ->  entity contains any of u, v (it is Quay 9)
{"glob": [{"var": "exception.entity"}, "q*"]}  ->  entity is like q* (it is Quay 9)
{"!": [{"glob": [{"var": "exception.entity"}, "q*"]}]}  ->  entity is not like q* (it is Quay 9)
{"glob": [{"var": "exception.entity"}, "quay 9"]}  ->  entity is quay 9 (it is Quay 9)
{"or": [{"glob": [{"var": "exception.entity"}, "q*"]}, {"glob": [{"var": "exception.entity"}, "r*"]}]}  ->  entity is one of q*, r* (it is Quay 9)
{"in": ["vip", {"var": "policy.tags"}]}  ->  policy tags have vip (they are night, vip)
{"!": [{"in": ["vip", {"var": "policy.tags"}]}]}  ->  policy tags have no vip (they are night, vip)
{"or": [{"in": ["vip", {"var": "policy.tags"}]}, {"in": ["day", {"var": "policy.tags"}]}]}  ->  policy tags have at least one of vip, day (they are night, vip)
{"!": [{"or": [{"in": ["vip", {"var": "policy.tags"}]}, {"in": ["day", {"var": "policy.tags"}]}]}]}  ->  policy tags have none of vip, day (they are night, vip)
{">=": [{"var": "exception.severity_rank"}, 3]}  ->  severity is at least high (it is high)
{"<": [{"var": "exception.severity_rank"}, 4]}  ->  severity is less than critical (it is high)
{"<": [{"var": "sla.minutes_remaining"}, 15]}  ->  SLA minutes remaining is less than 15 (it is -3.5)
{">=": [{"var": "sla.minutes_remaining"}, 0]}  ->  SLA minutes remaining is at least 0 (it is -3.5)
{"===": [{"var": "sla.breached"}, true]}  ->  SLA breached is true (it is true)
{"!!": [{"var": "sla.breached"}]}  ->  SLA breached is true (it is true)
{"!": [{"var": "sla.breached"}]}  ->  SLA breached is not true (it is true)
{"!!": [{"var": "exception.owner"}]}  ->  owner is set (there is none)
{"!": [{"var": "exception.owner"}]}  ->  owner is not set (there is none)
{"var": "exception.normalized_context.hold"}  ->  context.hold is set (it is x9)
true  ->  applies to every exception
false  ->  applies to no exception
{"some": [{"var": "exception.normalized_context.crates"}, {">": [{"var": "kg"}, 1000]}]}  ->  for some of context.crates: kg is more than 1,000 (in context.crates: kg 40, 1,250)
{"all": [{"var": "exception.normalized_context.crates"}, {">": [{"var": "kg"}, 1000]}]}  ->  for each of context.crates, and there are some: kg is more than 1,000 (in context.crates: kg 40, 1,250)
{"none": [{"var": "exception.normalized_context.crates"}, {"==": [{"var": "mark"}, "Z"]}]}  ->  for none of context.crates: mark is Z (in context.crates: mark B, K)
{"some": [{"var": "exception.normalized_context.n"}, {"<": [{"var": ""}, 5]}]}  ->  for some of context.n: it is less than 5 (context.n is 3, 9)
{"some": [{"var": "exception.normalized_context.none"}, {"<": [{"var": ""}, 5]}]}  ->  for some of context.none: it is less than 5 (context.none is empty)
{"some": [{"var": "exception.normalized_context.crates"}, {"and": [{">": [{"var": "kg"}, 9]}, {"==": [{"var": "mark"}, "B"]}]}]}  ->  for some of context.crates: (kg is more than 9) and (mark is B) (in context.crates: kg 40, 1,250; mark B, K)
{"some": [{"var": "policy.tags"}, {"glob": [{"var": ""}, "v*"]}]}  ->  for some of policy tags: it is like v* (policy tags are night, vip)
{">": [{"reduce": [{"var": "exception.normalized_context.crates"}, {"+": [{"var": "accumulator"}, {"var": "current.kg"}]}, 0]}, 1000]}  ->  context.crates brought to one value by the result so far + kg is more than 1,000 (in context.crates: kg 40, 1,250)
{"in": ["K", {"map": [{"var": "exception.normalized_context.crates"}, {"var": "mark"}]}]}  ->  K is in mark for each of context.crates (in context.crates: mark B, K)
{"filter": [{"var": "exception.normalized_context.crates"}, {"<": [{"var": "kg"}, 50]}]}  ->  those of context.crates for which kg is less than 50 (in context.crates: kg 40, 1,250)
{">": [{"+": [{"var": "exception.amount"}, 1]}, 3]}  ->  (amount + 1) is more than 3 (amount is 81,250.5)
{">": [{"-": [{"var": "exception.amount"}, 1]}, 3]}  ->  (amount - 1) is more than 3 (amount is 81,250.5)
{">": [{"-": {"var": "exception.amount"}}, 3]}  ->  (minus amount) is more than 3 (amount is 81,250.5)
{">": [{"*": [{"var": "exception.amount"}, 2]}, 3]}  ->  (amount times 2) is more than 3 (amount is 81,250.5)
{">": [{"/": [{"var": "exception.amount"}, {"var": "exception.normalized_context.lots"}]}, 3]}  ->  (amount / context.lots) is more than 3 (evaluation failed: ZeroDivisionError: float division by zero)
{"==": [{"%": [{"var": "exception.normalized_context.lots"}, 2]}, 0]}  ->  (context.lots modulo 2) is 0 (context.lots is 0)
{">": [{"min": [{"var": "exception.amount"}, 5]}, 3]}  ->  the smallest of amount, 5 is more than 3 (amount is 81,250.5)
{">": [{"max": [{"var": "exception.amount"}, {"var": "sla.minutes_remaining"}]}, 3]}  ->  the largest of amount, SLA minutes remaining is more than 3 (amount is 81,250.5, SLA minutes remaining is -3.5)
{"==": [{"cat": [{"var": "exception.entity"}, "!"]}, "Quay 9!"]}  ->  (the text of entity, ! joined) is Quay 9! (entity is Quay 9)
{"==": [{"substr": [{"var": "exception.entity"}, 0, 4]}, "Quay"]}  ->  (the part of entity from 0, 4 long) is Quay (entity is Quay 9)
{"in": ["a", {"merge": [{"var": "policy.tags"}, ["a"]]}]}  ->  a is in (the list of policy tags, a) (policy tags are night, vip)
{"missing": ["exception.owner"]}  ->  which of owner are missing (owner is missing)
{"missing_some": [1, ["exception.owner", "exception.entity"]]}  ->  which of owner, entity are missing, unless 1 are there (entity is Quay 9, owner is missing)
{"or": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}  ->  (entity is x) or (amount is more than 1) (amount is 81,250.5, entity is Quay 9)
{"and": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}  ->  (entity is x) and (amount is more than 1) (amount is 81,250.5, entity is Quay 9)
{"if": [{"var": "sla.breached"}, {">": [{"var": "exception.amount"}, 1]}, false]}  ->  if SLA breached then amount is more than 1, else false (amount is 81,250.5, SLA breached is true)
{"?:": [{"var": "exception.owner"}, true, false]}  ->  if owner then true, else false (owner is missing)
{">": [{"var": ["exception.normalized_context.fails", 0]}, 3]}  ->  context.fails, or else 0 is more than 3 (context.fails is missing)
{"!": [{"or": [{"==": [{"var": "exception.entity"}, "x"]}, {">": [{"var": "exception.amount"}, 1]}]}]}  ->  not ((entity is x) or (amount is more than 1)) (amount is 81,250.5, entity is Quay 9)
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
    assert text.endswith("… (entity is Quay 9)")
