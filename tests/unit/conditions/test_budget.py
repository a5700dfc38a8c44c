"""What operators cost is charged before they work, by the size of what they are given. Nothing here is timed."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from sentinai.conditions import EvaluationError, check_logic
from sentinai.conditions.evaluation import budget, evaluate
from sentinai.conditions.evaluation.budget import Budget
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.evaluation.glob import glob
from sentinai.problems import EvaluationBudgetExceeded

A, B = {"var": "a"}, {"var": "b"}
GROWING = {"reduce": [A, {"missing": {"merge": [{"var": "current"}, {"var": "accumulator"}]}}, []]}
COSTLY: list[Any] = [
    ({"and": [{"!": {"missing": A}} for _ in range(100)]}, {"a": [""] * 30_000}),
    ({"or": [{"missing": A}, {"!": [1]}]}, {"a": ["x.y" * 20_000] * 20}),
    ({"or": [{"missing_some": [30_000, A]}]}, {"a": ["name"] * 60_000}),
    ({"or": [{"==": [A, "x"]} for _ in range(160)]}, {"a": [1] * 16_000}),
    ({"or": [{"==": [A, B]} for _ in range(160)]}, {"a": [1] * 16_000, "b": [1] * 15_999 + [2]}),
    (GROWING, {"a": [f"name{number}" for number in range(2_000)]}),
    ({"or": [{"in": [A, B]} for _ in range(160)]}, {"a": "ab" * 40_000 + "c", "b": "ba" * 450_000}),
    ({"or": [{"in": [A, B]} for _ in range(160)]}, {"a": "a" * 49 + "b" + "a" * 49, "b": "a" * 29_000}),
    ({"or": [{"in": [[A], B]} for _ in range(100)]}, {"a": 1, "b": [[2]] * 9_000}),
    ({"or": [{"<=": [B, A]} for _ in range(160)]}, {"a": "a" * 900_000, "b": "a" * 899_999 + "b"}),
    ({"or": [{"!": {"substr": [A, 1]}} for _ in range(100)]}, {"a": "a" * 900_000}),
    ({"or": [{"!": {"cat": [A]}} for _ in range(160)]}, {"a": "a" * 60_000}),
    ({"or": [{"!": {"merge": [A]}} for _ in range(160)]}, {"a": [1] * 90_000}),
    ({"or": [{">": [A, 1]} for _ in range(160)]}, {"a": "0." + "0" * 900_000}),
    ({"or": [{"glob": [A, B]} for _ in range(160)]}, {"a": "a" * 3_000, "b": "*" + "a?" * 150 + "b*"}),
    ({"some": [A, {"==": [[1, 2, 3, {"var": ""}], 1]}]}, {"a": [0] * 9_999}),
]


@pytest.mark.parametrize(("rule", "data"), COSTLY, ids=lambda value: json.dumps(value)[:50])
@pytest.mark.parametrize("apply", [evaluate.apply, lambda rule, data: Evaluator(rule).apply(data)])
def test_a_clause_over_its_share_is_an_evaluation_error(apply: Any, rule: Any, data: Any) -> None:
    assert check_logic(rule) == []
    with pytest.raises(EvaluationError) as raised:
        apply(rule, data)
    assert raised.value.code == "budget"


@pytest.mark.parametrize(("rule", "data"), COSTLY, ids=lambda value: json.dumps(value)[:50])
def test_a_clause_is_charged_no_more_than_its_share(rule: Any, data: Any) -> None:
    spent = Budget()
    with budget.spending(spent), pytest.raises(EvaluationError):
        evaluate.apply(rule, data)
    assert 0 <= spent.spent <= budget.CLAUSE_UNITS


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ({"<": [A, 5]}, {"a": 4}),
        ({"==": [A, "open"]}, {"a": "open"}),
        ({"in": ["x", A]}, {"a": ["x"] * 10_000}),
        ({"in": [A, [f"name {number}" for number in range(1000)]]}, {"a": "name 999"}),
        ({"some": [A, {">": [{"var": "n"}, 5]}]}, {"a": [{"n": n} for n in range(2_000)]}),
        ({">": [{"reduce": [A, {"+": [{"var": "accumulator"}, {"var": "current"}]}, 0]}, 1]}, {"a": [1] * 2_000}),
        ({"in": ["needle", A]}, {"a": "hay" * 21_000 + "needle"}),
        ({"glob": [A, "*?eedle"]}, {"a": "hay" * 2_000 + "needle"}),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_what_authors_write_is_within_the_share(rule: Any, data: Any) -> None:
    assert evaluate.holds(rule, data)


def test_the_share_is_of_one_clause_and_others_have_their_own() -> None:
    missing = Evaluator({"!": {"missing": A}})
    with budget.spending(Budget()):
        with pytest.raises(EvaluationError):
            missing.holds({"a": ["name"] * 60_000})
        assert not missing.holds({"a": ["name"]})


def test_a_request_over_its_budget_is_refused_as_a_whole() -> None:
    missing = Evaluator({"!": {"missing": A}})
    with budget.spending(Budget(units=300_000)):
        missing.holds({"a": ["name"] * 12_000})
        with pytest.raises(EvaluationBudgetExceeded) as raised:
            missing.holds({"a": ["name"] * 12_000})
    assert (raised.value.status, raised.value.code) == (422, "evaluation_budget_exceeded")


def test_a_budget_is_shared_with_the_one_it_comes_from() -> None:
    whole = Budget(1_000)
    part = whole.part(800)
    part.charge(700)
    assert (part.left, whole.left) == (100, 300)
    assert whole.part(800).left == 300


def test_without_a_limit_nothing_is_refused() -> None:
    with budget.spending(Budget(float("inf"), clause=float("inf"))):
        assert evaluate.apply({"missing": A}, {"a": ["name"] * 60_000}) == ["name"] * 60_000


def test_an_evaluation_leaves_no_budget_behind() -> None:
    evaluate.holds({"==": [1, 1]}, {})
    assert budget.current() is None


def test_items_of_the_data_are_not_taken_for_rules() -> None:
    items = [{"var": "b"}, {"method": ["x", "upper"]}]
    assert evaluate.apply({"map": [A, {"var": ""}]}, {"a": items, "b": 1}) == items


@pytest.mark.parametrize("kind", ["all", "none", "some", "map", "filter"])
@pytest.mark.parametrize("given", [None, "", "text", 0, 7, {}, {"a": 1}, [], [0]])
def test_iterators_see_what_is_no_list_as_the_library_does(kind: str, given: Any) -> None:
    expected = {"all": False, "none": True, "some": False, "map": [], "filter": []}
    if given == [0]:
        expected |= {"map": [{}]}
    assert evaluate.apply({kind: [A, {"var": ""}]}, {"a": given}) == expected[kind]


def test_patterns_from_data_leave_nothing_behind() -> None:
    glob("warm", "*w?rm*")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2_000):
            glob("text", f"*a?{number}" + "b?" * 500)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
