"""No document brings an unhandled error or an evaluation without bound. Steps are counted, never timed."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import json_logic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinai.clock import parse_time
from sentinai.conditions import parse
from sentinai.conditions.evaluation import context
from sentinai.conditions.explanation import explain
from sentinai.conditions.language.guard import MAX_NODES
from sentinai.conditions.language.operators import OPERATORS
from sentinai.conditions.lint.lint import lint
from sentinai.problems import InvalidDocument

MOST_CALLS = MAX_NODES * 100
"""How many calls a rule may take here: lists are short, so each node is gone to few times."""

LEGS = {"var": "exception.normalized_context.legs"}
VALID: list[Any] = [
    {"match": {"domain": "Rail", "severity_gte": "high"}, "logic": {">": [{"var": "exception.amount"}, 5]}},
    {"logic": {"some": [LEGS, {">": [{"var": "n"}, 1]}]}},
    {"logic": {">": [{"reduce": [LEGS, {"+": [{"var": "accumulator"}, {"var": "current.n"}]}, 0]}, 1]}},
    {"logic": {"if": [{"missing": ["exception.owner"]}, {"cat": [LEGS, LEGS]}, {"merge": [LEGS, LEGS]}]}},
    {"logic": {"in": [{"substr": [{"var": "exception.entity"}, 0, 2]}, {"map": [LEGS, {"var": "n"}]}]}},
    {"match": {"policy_tags_any": ["a", "b"], "sla_window": {"minutes_remaining_lt": 9}}, "priority": 3},
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**25), 10**25), st.floats(), st.text(max_size=6))
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from([*OPERATORS, "match", "logic"]), st.text(max_size=4)), inner, max_size=2
        ),
    ),
    max_leaves=15,
)
SEEN = context.build(
    {
        "exception_id": "E",
        "amount": 7,
        "entity": "Ely",
        "normalized_context": {"legs": [{"n": 1}, {"n": 5}, None, "x"]},
    },
    domain_pack={},
    policy_pack={"tags": ["a"]},
    as_of=parse_time("2026-04-04T04:00:00Z"),
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid document in which one to three places are something else."""
    document = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        place = document
        while isinstance(place, (dict, list)) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], (dict, list)) or draw(st.booleans()):
                place[key] = copy.deepcopy(
                    draw(st.one_of(ANY_JSON, st.just({"var": "exception.amount"}), st.just(LEGS)))
                )
                break
            if isinstance(place, dict) and key in OPERATORS and draw(st.booleans()):
                place[draw(st.sampled_from(list(OPERATORS)))] = place.pop(key)
                break
            place = place[key]
    return document


DOCUMENTS = st.one_of(mutated(), ANY_JSON, ANY_JSON.map(lambda logic: {"logic": logic}))


def calls_of(run: Callable[[], Any]) -> int:
    """How many of the library's functions were called meanwhile."""
    count = 0

    def seen(frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename == json_logic.__file__

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def is_harmless(document: Any) -> None:
    try:
        conditions = parse(document)
    except InvalidDocument as problem:
        assert problem.findings
        return
    lint(conditions)
    for clause in conditions.clauses:
        assert calls_of(lambda logic=clause.logic: explain.explain(logic, SEEN)) <= MOST_CALLS  # type: ignore[misc]


RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(DOCUMENTS)
@settings(max_examples=300, suppress_health_check=RELAXED)
def test_no_document_does_harm(document: Any) -> None:
    is_harmless(document)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(DOCUMENTS)
@settings(max_examples=20_000, suppress_health_check=RELAXED)
def test_none_of_very_many_documents_does_harm(document: Any) -> None:
    is_harmless(document)
