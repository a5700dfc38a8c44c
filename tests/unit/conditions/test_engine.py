"""Changes to the library's own table of operators do not affect the engine."""

from __future__ import annotations

from typing import Any

import json_logic
import pytest

from sentinai.conditions import EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.engine import FUNCTIONS, engine
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.evaluation.operator_limits import MAX_ITEMS
from sentinai.conditions.language.operators import OPERATORS

READS_LIST = {"in": [1, {"var": "list"}]}
TOO_MANY = {"list": [0] * (MAX_ITEMS + 1)}


def test_every_operator_of_the_language_can_be_evaluated() -> None:
    assert set(OPERATORS) <= set(engine().operations)
    assert set(FUNCTIONS) <= set(OPERATORS)


def test_the_library_s_own_table_is_left_alone() -> None:
    evaluate.holds({"glob": ["a", "a"]}, {})
    assert "glob" not in json_logic.operations
    assert json_logic.operations["in"] is not FUNCTIONS["in"]


@pytest.mark.parametrize("holds", [evaluate.holds, lambda rule, data: Evaluator(rule).holds(data)])
def test_operators_stay_bounded_when_others_register_their_own(holds: Any) -> None:
    json_logic.add_operation("in", lambda *_: True)
    try:
        with pytest.raises(EvaluationError):
            holds(READS_LIST, TOO_MANY)
        with pytest.raises(EvaluationError):
            holds({"if": [READS_LIST, True, False]}, TOO_MANY)
        assert not holds(READS_LIST, {"list": [2]})
    finally:
        json_logic.rm_operation("in")
