"""``valid_until``: until then, the passing of time alone does not change the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.matching import Playbook, compile_catalogue, match
from sentinai.conditions import parse
from sentinai.conditions.evaluation import context

START = datetime(2026, 8, 9, 10, 11, 12, 131_415, tzinfo=UTC)
MINUTES = st.one_of(st.sampled_from([-5, -0.5, 0, 0.25, 1, 1 / 3, 2, 5, 7.1, 60]), st.floats(-10, 70))
COMPARISONS = st.sampled_from(["<", "<=", ">", ">="])
READ = {"var": "sla.minutes_remaining"}

CLAUSES = st.one_of(
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


def _answer(playbooks: list[Playbook], exception: dict[str, Any], as_of: datetime) -> tuple[Any, datetime | None]:
    seen = context.build(exception, domain_pack={}, policy_pack={}, as_of=as_of)
    result = match(compile_catalogue(playbooks), seen, as_of=as_of, limit=100)
    return [entry.playbook.playbook_id for entry in result.ranked], result.valid_until


@given(
    st.lists(st.lists(CLAUSES, min_size=1, max_size=3), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(-5 * 60_000_000, 65 * 60_000_000)),
    st.lists(STEPS, min_size=1, max_size=6),
)
@settings(max_examples=300)
def test_the_answer_stands_until_valid_until(
    rules: list[list[Any]], deadline: int | None, steps: list[int]
) -> None:
    playbooks = [
        Playbook(number, f"P{number}", 1, START, parse({"logic": {"and": rule}}))
        for number, rule in enumerate(rules, 1)
    ]
    exception: dict[str, Any] = {"exception_id": "E", "domain": "D"}
    if deadline is not None:
        exception["sla_deadline"] = (START + timedelta(microseconds=deadline)).isoformat()
    ranked, valid_until = _answer(playbooks, exception, START)
    assert valid_until is None or valid_until > START
    for step in steps:
        # Near the end of the time that was promised, and anywhere within it.
        later = START + timedelta(microseconds=step)
        near_the_end = None if valid_until is None else valid_until - timedelta(microseconds=1 + step % 3)
        for instant in filter(None, (later, near_the_end)):
            if instant >= START and (valid_until is None or instant < valid_until):
                assert _answer(playbooks, exception, instant)[0] == ranked


def test_a_rule_that_computes_with_time_promises_its_own_instant_only() -> None:
    logic = {"<": [{"*": [READ, 2]}, 30]}
    playbook = Playbook(1, "P", 1, START, parse({"logic": logic}))
    exception = {"exception_id": "E", "sla_deadline": (START + timedelta(hours=1)).isoformat()}
    assert _answer([playbook], exception, START)[1] == START


def test_minutes_held_against_true_are_held_against_one() -> None:
    playbook = Playbook(1, "P", 1, START, parse({"logic": {"<": [READ, True]}}))
    exception = {"exception_id": "E", "sla_deadline": (START + timedelta(hours=1)).isoformat()}
    assert _answer([playbook], exception, START) == ([], START + timedelta(minutes=59))
