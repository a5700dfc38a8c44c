"""``valid_until``: until then, the passing of time alone does not change the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matcher.matching import Playbook, compile_catalogue, match
from sentinai.conditions import EvaluationError, check_logic, parse
from sentinai.conditions.evaluation import context, evaluate, sla_thresholds
from sentinai.conditions.lint.other_playbooks import Origin

START = datetime(2026, 8, 9, 10, 11, 12, 131_415, tzinfo=UTC)
MINUTES = st.one_of(st.sampled_from([-5, -0.5, 0, 0.25, 1, 1 / 3, 2, 5, 7.1, 60]), st.floats(-10, 70))
COMPARISONS = st.sampled_from(["<", "<=", ">", ">="])
READ = {"var": "sla.minutes_remaining"}

SCOPES: list[Any] = [
    "",
    None,
    [],
    [""],
    [None],
    ["", 0],
    [None, 0],
    ["sla", 0],
    "sla",
    ["sla.minutes_remaining", 0],
]
WHOLE_SCOPES = st.sampled_from([{"var": name} for name in SCOPES])
VALUES = st.one_of(
    st.just(READ),
    st.just({"var": "sla.breached"}),
    WHOLE_SCOPES,
    MINUTES,
    st.sampled_from(
        [True, False, None, "30", 2**1024 - 1, {"var": "exception.domain"}, {"var": ["no.path", READ]}]
    ),
)
COMPUTED = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.builds(
            lambda op, a, b: {op: [a, b]}, st.sampled_from(["and", "or", "==", "<", ">=", "+", "in"]), inner, inner
        ),
        st.builds(lambda a, b, c: {"if": [a, b, c]}, inner, inner, inner),
        st.builds(lambda op, a: {op: [a]}, st.sampled_from(["!", "!!", "cat", "merge", "max", "missing"]), inner),
        st.builds(
            lambda a, body: {"some": [[a], body]}, inner, st.sampled_from([{"var": ""}, {"<": [{"var": ""}, 30]}])
        ),
    ),
    max_leaves=5,
)
RULES = st.one_of(COMPUTED, st.builds(lambda op, value, c: {op: [value, c]}, COMPARISONS, COMPUTED, MINUTES))
"""Rules that read time in any way that the guard allows: in the whole scope, as the value of an ``or``, ..."""
CLAUSES = st.one_of(
    st.builds(lambda op, c: {op: [{"var": "sla.breached"}, c]}, COMPARISONS, st.sampled_from([-5, 0, 0.5, 1, 5])),
    st.builds(lambda op, c: {op: [READ, c]}, COMPARISONS, MINUTES),
    st.builds(lambda op, c: {op: [c, READ]}, COMPARISONS, MINUTES),
    st.builds(lambda a, b: {"<": [a, READ, b]}, MINUTES, MINUTES),
    st.builds(lambda c: {"!": [{"<": [READ, c]}]}, MINUTES),
    st.builds(lambda c: {"if": [{"<": [READ, c]}, True, {"var": "sla.breached"}]}, MINUTES),
    st.just({"var": "sla.breached"}),
    st.just({"!": [{"var": "sla.breached"}]}),
    st.just({"===": [{"var": "exception.domain"}, "D"]}),
)
STEPS = st.one_of(st.integers(0, 3), st.integers(0, 70 * 60 * 1_000_000))


def _times_to_try(start: datetime, valid_until: datetime | None, steps: list[int]) -> Iterator[datetime]:
    """Instants before ``valid_until``: at some distance from ``start``, and just before the end."""
    for step in steps:
        later = start + timedelta(microseconds=step)
        if valid_until is None or later < valid_until:
            yield later
        if valid_until is not None and valid_until - timedelta(microseconds=1 + step % 3) >= start:
            yield valid_until - timedelta(microseconds=1 + step % 3)


def _answer(playbooks: list[Playbook], exception: dict[str, Any], as_of: datetime) -> tuple[Any, datetime | None]:
    seen = context.build(exception, domain_pack={}, policy_pack={}, as_of=as_of)
    result = match(compile_catalogue(playbooks), seen, as_of=as_of, limit=100)
    return [entry.playbook.playbook_id for entry in result.ranked], result.valid_until


DEADLINES = st.integers(-5 * 60_000_000, 65 * 60_000_000)


@given(
    st.lists(st.lists(CLAUSES, min_size=1, max_size=3), min_size=1, max_size=6),
    st.one_of(st.none(), DEADLINES),
    st.lists(STEPS, min_size=1, max_size=6),
)
@example([[{">": [{"var": "sla.breached"}, 0.5]}]], 18_000_000, [60_000_000])
@settings(max_examples=300)
def test_the_answer_stays_the_same_until_valid_until(
    rules: list[list[Any]], deadline: int | None, steps: list[int]
) -> None:
    valid_until = _valid_until_of_same_answers(rules, deadline, steps)
    assert valid_until is None or valid_until > START


def _valid_until_of_same_answers(
    rules: list[list[Any]], deadline: int | None, steps: list[int]
) -> datetime | None:
    playbooks = [
        Playbook(number, f"P{number}", 1, Origin(START, number), parse({"logic": {"and": rule}}))
        for number, rule in enumerate(rules, 1)
    ]
    exception: dict[str, Any] = {"exception_id": "E", "domain": "D"}
    if deadline is not None:
        exception["sla_deadline"] = (START + timedelta(microseconds=deadline)).isoformat()
    ranked, valid_until = _answer(playbooks, exception, START)
    for instant in _times_to_try(START, valid_until, steps):
        assert _answer(playbooks, exception, instant)[0] == ranked
    return valid_until


@given(RULES, CLAUSES, DEADLINES, st.lists(STEPS, min_size=1, max_size=6))
@settings(max_examples=300)
def test_the_answer_stays_the_same_for_any_rule(rule: Any, clause: Any, deadline: int, steps: list[int]) -> None:
    if isinstance(rule, dict) and not check_logic(rule):
        _valid_until_of_same_answers([[rule], [rule, clause]], deadline, steps)


@given(RULES, DEADLINES, st.lists(STEPS, min_size=3, max_size=8))
@example({"<": [{"or": [READ, 5]}, 30]}, 3_600_000_000, [0])
@example({"missing": [{"if": [{"var": "sla.breached"}, "no.path", "exception.domain"]}]}, 3_600_000_000, [0])
@settings(max_examples=600)
def test_no_rule_changes_between_its_thresholds(rule: Any, deadline: int, steps: list[int]) -> None:
    if check_logic(rule):
        return
    end = START + timedelta(microseconds=deadline)
    exception = {"exception_id": "E", "domain": "D", "sla_deadline": end.isoformat()}
    until = sla_thresholds.next_change(sla_thresholds.thresholds_of(rule), end, START)
    crossings = [end - timedelta(minutes=minutes) for minutes in (-5, 0, 1, 2, 30, 60)]
    instants = [each for each in crossings if each >= START and (until is None or each < until)]
    outcomes = {
        _outcome(rule, exception, each) for each in (START, *instants, *_times_to_try(START, until, steps))
    }
    assert until == START or len(outcomes) == 1


def _outcome(rule: Any, exception: dict[str, Any], as_of: datetime) -> bool:
    seen = context.build(exception, domain_pack={}, policy_pack={}, as_of=as_of)
    try:
        return evaluate.holds(rule, seen)
    except EvaluationError:
        return False


@pytest.mark.parametrize("scope", SCOPES[:7])
def test_a_rule_that_reads_the_whole_scope_may_change_at_any_time(scope: Any) -> None:
    rule = {"in": ["'breached': True", {"cat": [{"var": scope}]}]}
    end = START + timedelta(hours=1)
    exception = {"exception_id": "E", "sla_deadline": end.isoformat()}
    assert _outcome(rule, exception, START) != _outcome(rule, exception, end + timedelta(seconds=1))
    playbook = Playbook(1, "P", 1, Origin(START, 1), parse({"logic": rule}))
    assert _answer([playbook], exception, START)[1] == START


def test_a_rule_that_computes_with_time_is_valid_only_at_its_own_instant() -> None:
    logic = {"<": [{"*": [READ, 2]}, 30]}
    playbook = Playbook(1, "P", 1, Origin(START, 1), parse({"logic": logic}))
    exception = {"exception_id": "E", "sla_deadline": (START + timedelta(hours=1)).isoformat()}
    assert _answer([playbook], exception, START)[1] == START


def test_minutes_compared_with_true_are_compared_with_one() -> None:
    playbook = Playbook(1, "P", 1, Origin(START, 1), parse({"logic": {"<": [READ, True]}}))
    exception = {"exception_id": "E", "sla_deadline": (START + timedelta(hours=1)).isoformat()}
    assert _answer([playbook], exception, START) == ([], START + timedelta(minutes=59))
