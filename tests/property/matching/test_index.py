"""The index gives exactly what evaluating every condition with json-logic-qubit gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.matching import Catalogue, Playbook, compile_catalogue, match
from sentinai.conditions import EvaluationError, parse
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.lint.other_playbooks import Origin

NO_PACKS: dict[str, Any] = {"domain_pack": {}, "policy_pack": {}}
START = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
PATHS = (
    "exception.kind",
    "exception.amount",
    "exception.normalized_context.a.b",
    "policy.tags",
    "sla.minutes_remaining",
)
TEXTS = st.sampled_from(["", "a", "A", "ab", "1", "1.0", "True", "None", "0", "a*", "x", "10"])
NUMBERS = st.sampled_from([0, 1, -1, 2, 10, 0.5, 1.0, 2.5, -0.0, 10**20])
TIMES = st.sampled_from(
    [
        "2026-02-03T10:30:00+02:00",
        "2026-02-03T08:30:00Z",
        "2026-02-03T08:30:00.000001z",
        "2026-02-03t09:00:00Z",
        "2026-02-03T09:00",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2026-02-03",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.one_of(SCALARS, TIMES, st.lists(SCALARS, max_size=3), st.just({"k": 1}), st.just([["a"]]))


def readings(read: Any) -> st.SearchStrategy[Any]:
    """Clauses that read the value as a number or as an instant."""
    operators = st.sampled_from(["<", "<=", ">", ">=", "===", "!==", "=="])
    pairs = st.one_of(
        NUMBERS.map(lambda number: [{"number": read}, number]),
        st.sampled_from([True, "1", None, {"number": 1}]).map(lambda literal: [{"number": [read]}, literal]),
        TIMES.map(lambda time: [{"instant": read}, {"instant": time}]),
        st.just([{"instant": read}, {"number": 5}]),
    )
    one = st.builds(
        lambda operator, pair, turned: {operator: pair[::-1] if turned else pair}, operators, pairs, st.booleans()
    )
    return st.one_of(one, one, st.lists(one, min_size=1, max_size=2).map(lambda found: {"or": found}))


@st.composite
def clauses(draw: st.DrawFn) -> Any:
    """A clause about one path, of a common shape or nearly so."""
    read = {"var": draw(st.sampled_from(PATHS))}
    clause = draw(
        st.one_of(
            st.builds(lambda op, v: {op: [read, v]}, st.sampled_from(["==", "===", "!=", "!=="]), SCALARS),
            st.builds(lambda op, v: {op: [v, read]}, st.sampled_from(["==", "===", "!==", "in"]), SCALARS),
            st.builds(lambda vs: {"in": [read, vs]}, st.lists(SCALARS, max_size=4)),
            st.builds(lambda op, n: {op: [read, n]}, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS),
            st.builds(lambda op, n: {op: [n, read]}, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS),
            st.builds(lambda p: {"glob": [read, p]}, TEXTS),
            st.builds(
                lambda vs: {"or": [{"in": [v, read]} for v in vs]}, st.lists(SCALARS, min_size=1, max_size=3)
            ),
            st.builds(lambda n: {">": [{"+": [read, 1]}, n]}, NUMBERS),
            readings(read),
            readings(read),
            st.just({"!!": read}),
            st.just(read),
            st.booleans(),
        )
    )
    return {"!": [clause]} if draw(st.booleans()) else clause


CATALOGUES = st.lists(st.tuples(st.lists(clauses(), min_size=1, max_size=4), st.integers(-2, 2)), max_size=12)


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    exception: dict[str, Any] = {}
    for name in ("kind", "amount"):
        if draw(st.integers(0, 5)):
            exception[name] = draw(st.one_of(NUMBERS, VALUES))
    exception["normalized_context"] = (
        draw(st.sampled_from([{}, {"a": None}, {"a": {}}])) if draw(st.booleans()) else {"a": {"b": draw(VALUES)}}
    )
    return {
        "exception": exception,
        "sla": {"minutes_remaining": draw(st.one_of(st.none(), NUMBERS))},
        "policy": {"tags": draw(st.lists(TEXTS, max_size=3))},
        **NO_PACKS,
    }


def compiled(rules: list[tuple[list[Any], int]]) -> Catalogue:
    playbooks = [
        Playbook(
            playbook_id=number,
            name=f"P{number}",
            version=1,
            # Ties in priority and in time, so that the id has to decide.
            origin=Origin(START + timedelta(minutes=number % 2), number),
            conditions=parse({"logic": {"and": rule}, "priority": priority}),
        )
        for number, (rule, priority) in enumerate(rules, 1)
    ]
    return compile_catalogue(playbooks)


def by_hand(catalogue: Catalogue, context: dict[str, Any]) -> list[int]:
    """The ids of the playbooks whose whole rule the library finds true, in the order of the catalogue."""
    found = []
    for playbook in catalogue.playbooks:
        try:
            if evaluate.holds(playbook.conditions.rule, context):
                found.append(playbook.playbook_id)
        except EvaluationError:
            pass
    return found


def check(rules: list[tuple[list[Any], int]], seen: list[dict[str, Any]]) -> None:
    # Several exceptions against one catalogue: what it remembers of one must not answer for another.
    catalogue = compiled(rules)
    for context in seen:
        result = match(catalogue, context, as_of=START, limit=len(rules) + 1)
        expected = by_hand(catalogue, context)
        assert [entry.playbook.playbook_id for entry in result.ranked] == expected
        assert (result.matched, result.candidates) == (len(expected), len(rules))
        few = match(catalogue, context, as_of=START, limit=2)
        assert [entry.playbook.playbook_id for entry in few.ranked] == expected[:2]
        assert few.matched == len(expected)


@given(CATALOGUES, st.lists(contexts(), min_size=1, max_size=4))
@settings(max_examples=300)
def test_the_index_agrees_with_the_library_on_every_condition(
    rules: list[tuple[list[Any], int]], seen: list[dict[str, Any]]
) -> None:
    check(rules, seen)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(CATALOGUES, st.lists(contexts(), min_size=1, max_size=4))
@settings(max_examples=10_000)
def test_the_index_agrees_with_the_library_in_a_longer_run(
    rules: list[tuple[list[Any], int]], seen: list[dict[str, Any]]
) -> None:
    check(rules, seen)


@given(CATALOGUES, contexts())
@settings(max_examples=200)
def test_a_near_miss_fails_in_exactly_one_clause_and_ranks_best_first(
    rules: list[tuple[list[Any], int]], context: dict[str, Any]
) -> None:
    catalogue = compiled(rules)
    found = match(catalogue, context, as_of=START, near_misses=len(rules) + 1).near_misses
    expected = [p.playbook_id for p in catalogue.playbooks if _failures(p, context) == 1]
    assert [miss.playbook.playbook_id for miss in found] == expected
    assert not any(miss.failed.satisfied for miss in found)


def _failures(playbook: Playbook, context: dict[str, Any]) -> int:
    failed = 0
    for clause in playbook.conditions.clauses:
        try:
            failed += not evaluate.holds(clause.logic, context)
        except EvaluationError:
            failed += 1
    return failed


def test_a_catalogue_larger_than_the_head_finds_misses_beyond_it() -> None:
    rules: list[tuple[list[Any], int]] = [
        ([{"==": [{"var": "exception.kind"}, "no"]}, {"==": [{"var": "exception.amount"}, -number]}], 1)
        for number in range(1, 2100)
    ]
    rules.append(([{"==": [{"var": "exception.kind"}, "no"]}], 0))
    context = {
        "exception": {"kind": "yes", "amount": 5, "normalized_context": {}},
        "sla": {},
        "policy": {"tags": []},
        **NO_PACKS,
    }
    result = match(compiled(rules), context, as_of=START)
    assert [miss.playbook.playbook_id for miss in result.near_misses] == [2100]


def test_what_is_beyond_a_bound_of_the_evaluation_is_an_error_for_the_index_too() -> None:
    read = {"var": "exception.kind"}
    rules: list[tuple[list[Any], int]] = [
        ([{"in": ["x", read]}], 0),
        ([{"!": [{"in": ["x", read]}]}], 0),
        ([{"==": [read, "x"]}], 0),
        ([{"glob": [read, "*?x*"]}], 0),
    ]
    for value, raising in (([0] * 70_000, 3), ("a" * 300_000, 1)):
        context = {"exception": {"kind": value}, "sla": {}, "policy": {"tags": []}, **NO_PACKS}
        check(rules, [context])
        assert len(match(compiled(rules), context, as_of=START).errors) == raising
