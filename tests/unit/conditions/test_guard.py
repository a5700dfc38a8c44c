"""What may run, tested as an attacker would."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from sentinai.conditions import EvaluationError, check_logic, parse
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.glob import glob
from sentinai.conditions.language.guard import MAX_DEPTH, MAX_LIST, MAX_NODES, MAX_STRING_BYTES
from sentinai.problems import InvalidDocument

METHOD: dict[str, Any] = {"method": ["x", "__class__"]}
READ = {"var": "exception.amount"}


def codes(rule: Any) -> set[str]:
    return {finding.code for finding in check_logic(rule)}


def deep(depth: int) -> Any:
    rule: Any = True
    for _ in range(depth):
        rule = {"!": [rule]}
    return rule


@pytest.mark.parametrize(
    "rule",
    [
        METHOD,
        {"and": [True, METHOD]},
        {"if": [False, METHOD, 1]},
        {"==": [[1, [METHOD]], 1]},
        {"in": [READ, [METHOD, "a"]]},
        {"var": ["exception.amount", METHOD]},
        {"map": [[1], METHOD]},
        {"reduce": [[1], {"+": [{"var": "current"}, 1]}, METHOD]},
        {"missing": [METHOD]},
        {"cat": {"method": ["x", "upper"]}},
        {"!": METHOD},
        {"Method": ["x", "y"]},
        {"method ": ["x", "y"]},
        {"m\u0435thod": ["x", "y"]},
        {"method.call": ["x"]},
        {".method": ["x"]},
        {"log": "x"},
        {"count": [1]},
        {"": [1]},
        {"glob.__call__": ["a", "b"]},
        {"datetime.now": []},
    ],
    ids=lambda rule: json.dumps(rule)[:40],
)
def test_no_operator_but_those_allowed_is_let_through_in_any_disguise(rule: Any) -> None:
    assert "operator_not_allowed" in codes(rule)
    with pytest.raises(InvalidDocument):
        parse({"logic": {"and": [{"==": [READ, 1]}, rule]}})


def test_the_pointer_leads_to_the_operator() -> None:
    (found,) = check_logic({"and": [True, {"some": [[1], {"lookup": ["a~/b"]}]}]}, "/logic")
    assert found.pointer == "/logic/and/1/some/1/lookup"


def test_two_operators_in_one_object_are_refused_wherever_it_stands() -> None:
    assert codes({"==": [READ, 1], "method": ["x", "y"]}) == {"one_operator"}
    assert codes({"in": [READ, [{"a": 1, "b": 2}]]}) == {"one_operator"}
    assert codes({"==": [READ, {}]}) == {"one_operator"}


@pytest.mark.parametrize("name", [{"cat": ["exception", ".amount"]}, ["a"], True, 1.5, {"var": "x"}])
def test_the_name_in_var_is_a_literal(name: Any) -> None:
    assert codes({"var": [name]}) & {"var_not_literal", "one_operator"}


def test_limits_are_named_when_they_are_passed_and_not_before() -> None:
    assert check_logic(deep(MAX_DEPTH - 1)) == []
    assert codes(deep(MAX_DEPTH + 1)) == {"too_deep"}
    assert check_logic({"or": [True] * (MAX_NODES - 1)}) == []
    assert codes({"or": [{"!": [True]}] * MAX_NODES}) == {"too_many_nodes"}
    assert check_logic({"in": [READ, list(range(MAX_LIST))]}) == []
    assert codes({"in": [READ, list(range(MAX_LIST + 1))]}) == {"list_too_long"}
    assert check_logic({"==": [READ, "é" * (MAX_STRING_BYTES // 2)]}) == []
    assert codes({"==": [READ, "é" * (MAX_STRING_BYTES // 2) + "x"]}) == {"string_too_long"}
    assert codes({"==": [READ, 10**400]}) == {"number_too_large"}


def test_iterators_do_not_nest() -> None:
    inner = {"some": [{"var": "b"}, True]}
    assert codes({"map": [{"var": "a"}, inner]}) == {"nested_iterator"}
    assert codes({"map": [{"if": [True, {"filter": [{"var": "a"}, True]}]}, True]}) == {"nested_iterator"}
    assert check_logic({"and": [inner, {"map": [{"var": "a"}, {"var": ""}]}]}) == []


def test_reduce_cannot_double_itself() -> None:
    twice = {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}
    assert "reduce_doubles" in codes({"reduce": [[1, 2], twice, "x"]})
    by_path = {"cat": [{"var": "accumulator"}, {"var": ["accumulator.0", "y"]}]}
    assert "reduce_doubles" in codes({"reduce": [[1, 2], by_path, "x"]})
    for whole in ({"var": ""}, {"var": []}, {"var": None}):
        assert "reduce_scope" in codes({"reduce": [[1, 2], {"merge": [whole]}, 0]})
    summed = {"+": [{"var": "accumulator"}, {"var": "current"}]}
    assert check_logic({"reduce": [{"var": "a"}, summed, 0]}) == []


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ({"<": ["a", 1]}, {}),
        ({"/": [1, 0]}, {}),
        ({"%": [1, 0]}, {}),
        ({"substr": [5, 1]}, {}),
        ({"in": [1, "abc"]}, {}),
        ({"var": "list.5"}, {"list": [1]}),
        ({"+": ["x", 1]}, {}),
        ({"*": [{"var": "a"}, {"var": "a"}]}, {"a": 10**200}),
        ({"cat": [{"var": "a"}] * 20}, {"a": "x" * 5000}),
        ({"merge": [{"var": "a"}] * 400}, {"a": [0] * 5000}),
        ({"==": [{"var": "a"}, "x"]}, {"a": [0] * 70_000}),
        ({"!=": ["x", {"var": "a"}]}, {"a": {"b": ["y" * 40_000, {"z" * 40_000: 1}]}}),
        ({"in": ["x", {"var": "a"}]}, {"a": [0] * 10_001}),
        ({"glob": [{"var": "a"}, "*?b*"]}, {"a": "a" * 300_000}),
        ({"some": [{"var": "a"}, {"==": [{"var": ""}, 1]}]}, {"a": [0] * 20_000}),
        ({"map": [{"var": "a"}, {"+": [{"var": ""}] * 40}]}, {"a": [0] * 9_000}),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_raises_or_costs_too_much_is_one_kind_of_error(rule: Any, data: Any) -> None:
    assert check_logic(rule) == []
    with pytest.raises(EvaluationError):
        evaluate.apply(rule, data)


def test_an_accepted_rule_cannot_hold_a_worker() -> None:
    # Unbounded, either would run for hours; the suite's own time limit would say so.
    product = {"reduce": [{"var": "a"}, {"*": [{"var": "accumulator"}, {"var": "current"}]}, 1]}
    longest = {"reduce": [{"var": "a"}, {"cat": [{"var": "accumulator"}, {"var": "current"}]}, ""]}
    for rule in (product, longest):
        assert check_logic(rule) == []
        with pytest.raises(EvaluationError):
            evaluate.apply(rule, {"a": [10**300] * 9_999})


@pytest.mark.parametrize(
    "rule", [{"cat": [{"var": "a"}] * 200}, {"merge": [{"var": "b"}] * 200}], ids=["cat", "merge"]
)
def test_what_would_be_too_large_is_not_made_first(rule: Any) -> None:
    data = {"a": "x" * 60_000, "b": [0] * 60_000}
    tracemalloc.start()
    try:
        with pytest.raises(EvaluationError):
            evaluate.apply(rule, data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ([1, "a"], "[1, 'a']", True),
        ("{'a': [None]}", {"a": [None]}, True),
        ([1], "1", False),
        ({"a": 1}, {"a": 1.0}, True),
        ([0] * 70_000, [0] * 70_000, True),
    ],
)
def test_equality_with_a_bound_is_that_of_the_library(left: Any, right: Any, equal: bool) -> None:
    data = {"left": left, "right": right}
    assert evaluate.apply({"==": [{"var": "left"}, {"var": "right"}]}, data) is equal
    assert evaluate.apply({"!=": [{"var": "left"}, {"var": "right"}]}, data) is not equal


@pytest.mark.parametrize(
    ("value", "pattern", "fits"),
    [
        ("Trade Fail", "trade*", True),
        ("Trade Fail", "*FAIL", True),
        ("Trade Fail", "t*d?*l", True),
        ("Trade.Fail", "trade.fail", True),
        ("TradeXFail", "trade.fail", False),
        ("abc", "a?c", True),
        ("ac", "a?c", False),
        ("ab", "ab*b", False),
        ("", "*", True),
        ("", "?", False),
        ("a[b]", "a[b]", True),
        (None, "*", False),
        (5, "5", False),
        ("a" * 3000, "*a" * 1000 + "b", False),
    ],
)
def test_glob_knows_two_wildcards_and_no_other(value: Any, pattern: str, fits: bool) -> None:
    assert glob(value, pattern) is fits
