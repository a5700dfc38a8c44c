"""What lint claims is so: no exception, of all that are tried, is a counterexample to any of its claims.

The judge is json-logic-qubit itself, run on what a rule sees of generated exceptions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinai.conditions import Conditions, EvaluationError, parse
from sentinai.conditions.evaluation import context
from sentinai.conditions.evaluation.engine import run_library
from sentinai.conditions.evaluation.errors import wrap_errors
from sentinai.conditions.lint.implication import Constraints
from sentinai.conditions.lint.lint import lint
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule, by_rank, same_as
from sentinai.problems import InvalidDocument

AS_OF = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEVER = {"contradiction", "always_false"}

TYPES = ["Berth Clash", "berth clash", "Berth *", "*Clash", "B?rth*", "Crane Stop", "Crane*", "*", "ber*sh"]
TEXTS = ["Alpha", "alpha", "Beta", "7", "True", "0", ""]
NUMBERS = [-5, -1, 0, 0.5, 1, 1.0, 7, 10, -0.0, 2.5]
TAGS = ["night", "reefer", "hazard"]
SEVERITIES = ["low", "MEDIUM", "high", "Critical"]
text_lists = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)
tag_lists = st.lists(st.sampled_from(TAGS), max_size=2)
types = st.one_of(st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=2))
severities = st.one_of(st.sampled_from(SEVERITIES), st.lists(st.sampled_from(SEVERITIES), min_size=1, max_size=3))
numbers = st.sampled_from(NUMBERS)
TIMES = [
    "2026-05-01T10:30:00+02:00",
    "2026-05-01T08:30:00Z",
    "2026-05-01T08:30:00.000001Z",
    "2026-05-01T08:00:00Z",
    "2026-05-01T09:00",
]
times = st.sampled_from(TIMES)
minutes = st.sampled_from([-30, 0, 15, 15.5, 60])
COMPARISONS = ("lt", "lte", "gt", "gte")


def predicate(keys: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.sampled_from(keys), values)


def as_list(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return values.map(lambda value: value if isinstance(value, list) else [value])


PREDICATES = st.one_of(
    predicate(["domain", "domain_in", "entity_not_in", "entity_in", "context.a", "context.a_not_in"], text_lists),
    predicate(["entity", "entity_not", "context.a", "context.a_not"], st.sampled_from(TEXTS)),
    predicate(["exception_type", "exception_type_not"], types),
    predicate(["severity", "severity_not"], severities),
    predicate([f"severity_{each}" for each in COMPARISONS], st.sampled_from(SEVERITIES)),
    predicate(["amount", "amount_not", "context.a", "context.a_not"], numbers),
    predicate(
        ["amount_in", "context.a_in", "context.a_not_in"], as_list(st.lists(numbers, min_size=1, max_size=3))
    ),
    predicate([f"{name}_{each}" for name in ("amount", "context.a") for each in COMPARISONS], numbers),
    predicate([f"{name}_{each}" for name in ("created_at", "context.a") for each in COMPARISONS], times),
    predicate(["created_at", "created_at_not", "context.a", "context.a_not"], times),
    predicate(["created_at_in", "created_at_not_in"], st.lists(times, min_size=1, max_size=3)),
    predicate([f"sla_minutes_remaining_{each}" for each in COMPARISONS], minutes),
    predicate(["sla_breached", "sla_breached_not"], st.booleans()),
    predicate(["policy_tags", "policy_tags_any", "policy_tags_none"], tag_lists),
    predicate(["context.a", "context.a_not"], st.booleans()),
)
PATHS = st.sampled_from(
    [
        "exception.amount",
        "exception.entity",
        "exception.exception_type",
        "exception.created_at",
        "exception.severity",
        "exception.severity_rank",
        "exception.normalized_context.a",
        "sla.minutes_remaining",
        "sla.breached",
        "policy.tags",
    ]
)
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.sampled_from([*TEXTS, *TYPES, *TAGS, "high", "low"]),
)
READS = PATHS.map(lambda path: {"var": path})
BARE = st.one_of(
    st.builds(
        lambda operator, read, literal: {operator: [read, literal]},
        st.sampled_from(["==", "===", "!=", "!==", "<", "<=", ">", ">=", "glob"]),
        READS,
        LITERALS,
    ),
    st.builds(lambda read, given_values: {"in": [read, given_values]}, READS, st.lists(LITERALS, max_size=3)),
    st.builds(lambda read, literal: {"in": [literal, read]}, READS, LITERALS),
    st.builds(lambda literal, read: {"<": [literal, read]}, numbers, READS),
    st.builds(
        lambda operator, read, pair: {operator: [{pair[0]: read}, pair[1]]},
        st.sampled_from(["==", "===", "!==", "<", "<=", ">", ">="]),
        READS,
        st.one_of(
            numbers.map(lambda number: ("number", number)),
            times.map(lambda time: ("instant", {"instant": time})),
        ),
    ),
    READS.map(lambda read: {"!!": [read]}),
    st.just({"missing": ["exception.amount"]}),
    st.just({"some": [{"var": "policy.tags"}, {"==": [{"var": ""}, "night"]}]}),
    st.builds(lambda path: {"missing": [{"cat": path}]}, PATHS),
)
CLAUSES = st.one_of(
    BARE,
    BARE.map(lambda clause: {"!": [clause]}),
    st.lists(BARE, max_size=3).map(lambda clauses: {"or": clauses}),
    st.booleans(),
)
DOCUMENTS = st.one_of(
    st.lists(PREDICATES, max_size=3).map(lambda found: {"match": dict(found)}),
    st.builds(
        lambda found, clauses: {"match": dict(found), "logic": {"and": clauses}},
        st.lists(PREDICATES, max_size=1),
        st.lists(CLAUSES, min_size=1, max_size=2),
    ),
)
PRIORITIES = st.sampled_from([0, 0, 1])

EXCEPTIONS = st.fixed_dictionaries(
    {"exception_id": st.just("E")},
    optional={
        "domain": st.sampled_from(TEXTS),
        "exception_type": st.sampled_from(
            ["Berth Clash", "BERTH CLASH", "Crane Stop", "crane", "Berth", "Bersh", ""]
        ),
        "severity": st.sampled_from([*SEVERITIES, None]),
        "entity": st.sampled_from([*TEXTS, None]),
        "created_at": st.sampled_from([*TIMES, None]),
        "amount": st.sampled_from([*NUMBERS, None, 0.0, 7.0, -7, 12]),
        "sla_deadline": st.sampled_from([-31, -30, -0.5, 0, 15, 15.25, 60, 61]).map(
            lambda given_minutes: (AS_OF + timedelta(minutes=given_minutes)).isoformat().replace("+00:00", "Z")
        ),
        "normalized_context": st.fixed_dictionaries(
            {},
            optional={
                "a": st.one_of(
                    st.sampled_from([*NUMBERS, *TEXTS, *TAGS, "1.0", "-5", "0.5", "x", "Berth Clash", None]),
                    st.booleans(),
                    st.lists(st.one_of(st.sampled_from([*TAGS, "Alpha"]), numbers), max_size=2),
                    st.just({"Alpha": 1}),
                    times,
                ),
                "policy_tags": tag_lists,
            },
        ),
    },
)


def read(document: Any, priority: int = 0) -> Conditions | None:
    try:
        return parse({**document, "priority": priority})
    except InvalidDocument:
        return None


def matches(conditions: Conditions, seen: Any) -> bool:
    """As matching does: each clause by the library, and one that raises keeps the playbook out."""
    try:
        return all(wrap_errors(run_library, clause.logic, seen) for clause in conditions.clauses)
    except EvaluationError:
        return False


def seen_of(exception: Any) -> Any:
    return context.build(exception, domain_pack={}, policy_pack={}, as_of=AS_OF)


def published_rule(number: int, conditions: Conditions) -> PublishedRule:
    origin = Origin(AS_OF + timedelta(seconds=number % 3), number)
    return PublishedRule(number, f"P{number}", 1, origin, conditions)


def claims_hold(own: Any, priority: int, others: list[tuple[Any, int]], exceptions: list[Any]) -> None:
    conditions = read(own, priority)
    if conditions is None:
        return
    read_others = [each for document, rank in others if (each := read(document, rank))]
    other_playbooks = [published_rule(number, each) for number, each in enumerate(read_others, 1)]
    published = Origin(AS_OF + timedelta(seconds=1), 2)
    found = lint(conditions, others=by_rank(other_playbooks), published=published)
    codes = {finding.code for finding in found}
    contexts = [seen_of(each) for each in exceptions]
    if codes & NEVER:
        assert not any(matches(conditions, seen) for seen in contexts)
    for finding in found:
        if finding.code == "always_true":
            # A predicate that asks for nothing is no clause at all.
            logics = {
                repr(each.logic): each.logic for each in conditions.clauses if each.pointer == finding.pointer
            }
            assert len(logics) <= 1
            assert all(wrap_errors(run_library, logic, seen) for logic in logics.values() for seen in contexts)
        if finding.code in ("never_chosen", "duplicate"):
            other = next(each for each in other_playbooks if each.name == finding.playbook)
            for seen in contexts:
                assert not matches(conditions, seen) or matches(other.conditions, seen)
                assert finding.code != "duplicate" or matches(conditions, seen) == matches(other.conditions, seen)
            rank = (priority, published[0].timestamp(), published[1])
            assert finding.code == "duplicate" or other.rank > rank
    if not codes & (NEVER | {"duplicate"}):
        finds_what_trying_all_finds(conditions, other_playbooks, priority, published, codes)


def finds_what_trying_all_finds(
    conditions: Conditions,
    other_playbooks: list[PublishedRule],
    priority: int,
    published: tuple[datetime, int],
    codes: set[str],
) -> None:
    known = Constraints(clause.logic for clause in conditions.clauses)
    rank = (priority, published[0].timestamp(), published[1])
    covering = [
        each
        for each in other_playbooks
        if each.rank > rank and all(known.imply(clause.logic) for clause in each.conditions.clauses)
    ]
    assert ("never_chosen" in codes) == bool(covering)


def narrowed(pair: tuple[Any, list[tuple[Any, int]], Any]) -> tuple[Any, list[tuple[Any, int]]]:
    """Half of the rules are those of another with something added, so that covering is common."""
    own, others, extra = pair
    if others and extra is not None and "match" in others[0][0]:
        wide = others[0][0]
        parts = [wide.get("logic"), own.get("logic")]
        logic = [part for part in parts if part is not None]
        own = {"match": {**own["match"], **wide["match"]}, **({"logic": {"and": logic}} if logic else {})}
    return own, others


CATALOGUES = st.tuples(
    DOCUMENTS,
    st.lists(st.tuples(DOCUMENTS, PRIORITIES), max_size=5),
    st.one_of(st.none(), st.just(True)),
).map(narrowed)
MANY = st.lists(EXCEPTIONS, min_size=12, max_size=30)
GENEROUS = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(CATALOGUES, PRIORITIES, MANY)
@settings(max_examples=150, suppress_health_check=GENEROUS)
def test_no_exception_is_a_counterexample_to_a_warning(
    catalogue: tuple[Any, list[tuple[Any, int]]], priority: int, exceptions: list[Any]
) -> None:
    claims_hold(catalogue[0], priority, catalogue[1], exceptions)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(CATALOGUES, PRIORITIES, MANY)
@settings(max_examples=10_000, suppress_health_check=GENEROUS)
def test_no_exception_of_very_many_is_a_counterexample_to_a_warning(
    catalogue: tuple[Any, list[tuple[Any, int]]], priority: int, exceptions: list[Any]
) -> None:
    claims_hold(catalogue[0], priority, catalogue[1], exceptions)


CONTEXTS_OF_A = [
    seen_of({"exception_id": "E", "normalized_context": {"a": value}})
    for value in (
        *NUMBERS,
        *TEXTS,
        *TAGS,
        "1.0",
        "-5",
        "0.5",
        "x",
        "Berth Clash",
        "-0.0",
        None,
        True,
        False,
        3,
        "3",
        [],
        {},
        ["night"],
        ["Alpha", 1],
        {"Alpha": 1},
        12.5,
        "12.5",
        "7.0",
        "1e5",
        " 7 ",
        *TIMES,
        "2026-05-01T07:00:00+00:00",
        "2026-05-01",
        "",
    )
]
ABOUT_A = st.one_of(
    BARE, BARE.map(lambda clause: {"!": [clause]}), st.lists(BARE, max_size=3).map(lambda each: {"or": each})
)


def about_a(logic: Any) -> Any:
    """The same rule, about the one value that may be of any type."""
    if isinstance(logic, list):
        return [about_a(each) for each in logic]
    if isinstance(logic, dict):
        return {
            key: "exception.normalized_context.a" if key == "var" and value != "" else about_a(value)
            for key, value in logic.items()
        }
    return logic


def clauses_about_one_value(own: list[Any], wanted: Any) -> None:
    rules = [about_a(each) for each in own]
    target = about_a(wanted)
    known = Constraints(rules)
    holding = [seen for seen in CONTEXTS_OF_A if all(_holds(each, seen) for each in rules)]
    if known.is_impossible:
        assert not holding
    if known.imply(target):
        assert all(_holds(target, seen) for seen in holding)


def _holds(logic: Any, seen: Any) -> bool:
    try:
        return bool(wrap_errors(run_library, logic, seen))
    except EvaluationError:
        return False


@given(st.lists(ABOUT_A, min_size=1, max_size=2), ABOUT_A)
@settings(max_examples=300, suppress_health_check=GENEROUS)
def test_what_follows_for_a_value_of_any_type_is_so(own: list[Any], wanted: Any) -> None:
    clauses_about_one_value(own, wanted)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(st.lists(ABOUT_A, min_size=1, max_size=2), ABOUT_A)
@settings(max_examples=20_000, suppress_health_check=GENEROUS)
def test_what_follows_for_a_value_of_any_type_is_so_very_often(own: list[Any], wanted: Any) -> None:
    clauses_about_one_value(own, wanted)


@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
@settings(max_examples=50)
def test_a_rule_follows_from_itself(documents: list[Any]) -> None:
    for conditions in filter(None, map(read, documents)):
        assert same_as(conditions, [published_rule(1, conditions)])
