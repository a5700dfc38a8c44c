"""A prepared rule is the rule: the library's result, or the library's error, for any rule and any data."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinai.conditions import EvaluationError, check_logic
from sentinai.conditions.evaluation.compile import compile_rule, for_two
from sentinai.conditions.evaluation.engine import engine, run_library
from sentinai.conditions.evaluation.errors import wrap_errors
from sentinai.conditions.evaluation.path_reader import reader
from sentinai.conditions.language import vocabulary as words

TEXTS = st.sampled_from(["", "a", "b", "0", "1", "-1", "1.5", "a.b", "a.0", "b.a.1", "None"])
SCALARS = st.one_of(st.none(), st.booleans(), st.sampled_from([0, 1, -2, 0.5, 2.0, 10**30]), TEXTS)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)
OPERATORS = st.sampled_from(list(words.OPERATORS))
NAMES = st.one_of(TEXTS, st.none(), st.integers(-1, 2), st.lists(SCALARS, max_size=2))
VARS = NAMES.map(lambda name: {"var": name})
RULES = st.recursive(
    st.one_of(SCALARS, VARS),
    lambda inner: st.one_of(
        st.builds(lambda name, values: {name: values}, OPERATORS, st.lists(inner, max_size=3)),
        st.builds(lambda name, value: {name: value}, OPERATORS, inner),
        st.lists(inner, max_size=3),
    ),
    max_leaves=10,
)


def outcome(run: Any, *given_values: Any) -> Any:
    """The outcome as ``repr``, which distinguishes 1, 1.0 and true."""
    try:
        return repr(wrap_errors(run, *given_values))
    except EvaluationError as error:
        return str(error)


@settings(max_examples=400)
@given(RULES.filter(lambda rule: not check_logic(rule)), DATA)
def test_a_prepared_rule_gives_what_the_library_gives(rule: Any, data: Any) -> None:
    assert outcome(compile_rule(rule), data) == outcome(run_library, rule, data)


@given(TEXTS.filter(bool), DATA.filter(bool))
def test_a_reader_reads_what_var_reads(path: str, data: Any) -> None:
    assert outcome(reader(path), data) == outcome(run_library, {"var": path}, data)


NUMBERS = st.one_of(
    st.integers(-(2**60), 2**60),
    st.sampled_from([2**53, 2**53 - 1, 1 - 2**53, 10**30, 10**160, True, False, None, "3", 0.1, -0.0, 1e300]),
    st.floats(allow_nan=False),
)


@settings(max_examples=400)
@given(st.sampled_from(["<", "<=", ">", ">=", "==", "===", "!=", "!==", "+", "-", "*"]), NUMBERS, NUMBERS)
def test_a_shortcut_gives_what_the_operator_gives(name: str, left: Any, right: Any) -> None:
    assert outcome(for_two(name), left, right) == outcome(engine().operations[name], left, right)
