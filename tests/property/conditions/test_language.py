"""The condition language under any input: one normal form, one kind of refusal, contained errors."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinai.conditions import Conditions, EvaluationError, check_logic, normalise, parse
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.language import vocabulary as words
from sentinai.problems import InvalidDocument

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.text(max_size=8)
)
PATHS = st.sampled_from(
    [*words.PATHS, "exception.normalized_context.a", "exception.amount.b", "", "policy.tags.0", "sla"]
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
)


def rules(operators: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    leaf = st.one_of(SCALARS, PATHS.map(lambda path: {"var": path}))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda op, args: {op: args}, operators, st.lists(inner, max_size=4)),
            st.lists(inner, max_size=3),
        ),
        max_leaves=12,
    )


ALLOWED = rules(st.sampled_from(list(words.OPERATORS)))
HOSTILE = rules(
    st.one_of(
        st.sampled_from([*words.OPERATORS, "method", "log", "count", "a.b", "__class__"]), st.text(max_size=5)
    )
)
CONTEXT = {
    "exception": {"amount": 5, "domain": "D", "normalized_context": {"a": [1, "x", None, {"b": 2}]}},
    "sla": {"minutes_remaining": 3.5, "breached": False},
    "policy": {"tags": ["t"]},
    "domain_pack": {},
    "policy_pack": {},
}

KEYS = st.one_of(
    st.sampled_from(words.predicates()),
    st.sampled_from(
        ["context.a", "context.a.b_in", "context.x_gte", "context.", "severity_lt", "sla_window", "nonsense"]
    ),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.sampled_from(["high", ["LOW", "critical"], {"minutes_remaining_lt": 5}]),
)
DOCUMENTS = st.one_of(
    DATA,
    st.fixed_dictionaries(
        {}, optional={"match": st.dictionaries(KEYS, VALUES, max_size=4), "logic": HOSTILE, "priority": SCALARS}
    ),
)
TIDY = st.fixed_dictionaries(
    {"match": st.dictionaries(KEYS, VALUES, max_size=4)},
    optional={"logic": ALLOWED, "priority": st.integers(-9, 9)},
)


@given(DOCUMENTS)
@settings(max_examples=400)
def test_any_document_is_read_or_refused_with_findings(document: Any) -> None:
    try:
        assert isinstance(parse(document), Conditions)
    except InvalidDocument as problem:
        assert problem.findings
        assert all(found.pointer == "" or found.pointer.startswith("/") for found in problem.findings)


@given(TIDY)
@settings(max_examples=300)
def test_normalising_twice_is_normalising_once(document: Any) -> None:
    try:
        once = normalise(document)
    except InvalidDocument:
        return
    assert normalise(once) == once


@given(ALLOWED, DATA)
@settings(max_examples=500)
def test_evaluating_what_the_guard_lets_through_raises_one_kind_of_error(rule: Any, data: Any) -> None:
    if check_logic(rule):
        return
    for against in (data, CONTEXT):
        try:
            evaluate.apply(rule, against)
        except EvaluationError as error:
            assert str(error)


@given(HOSTILE)
@settings(max_examples=400)
def test_accepted_rules_use_only_allowed_operators(rule: Any) -> None:
    if not check_logic(rule):
        assert set(_operators(rule)) <= set(words.OPERATORS)


def _operators(node: Any) -> list[Any]:
    if isinstance(node, list):
        return [each for item in node for each in _operators(item)]
    if isinstance(node, dict):
        return [*node, *(each for value in node.values() for each in _operators(value))]
    return []
