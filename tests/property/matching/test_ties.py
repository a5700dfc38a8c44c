"""A tie is told only with an exception that really shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.authoring.ties import Contest, Packs
from matcher.matching import AppliedPolicy, Playbook, compile_catalogue, match
from sentinai.clock import parse_time
from sentinai.conditions import parse
from sentinai.conditions.evaluation import context
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.policy import Policy, PolicyStep

NOW = datetime(2026, 7, 1, tzinfo=UTC)
POLICY = {"tag_rules": [{"tag": "vip", "when": {"match": {"amount_gt": 5}}}]}
PREDICATES: dict[str, st.SearchStrategy[Any]] = {
    "exception_type": st.sampled_from(["Trade Break", "Trade *", "*Break", "Cash ?"]),
    "entity_not": st.sampled_from(["A", "B"]),
    "severity_in": st.lists(st.sampled_from(["low", "high"]), min_size=1, unique=True),
    "severity_gte": st.sampled_from(["medium", "high"]),
    "amount_gte": st.integers(0, 9),
    "amount_lt": st.integers(1, 9),
    "sla_minutes_remaining_lt": st.integers(-9, 99),
    "sla_breached": st.booleans(),
    "policy_tags_any": st.just(["vip"]),
    "context.desk": st.sampled_from(["X", "Y"]),
    "context.note_exists": st.booleans(),
}
CONDITIONS = st.tuples(st.fixed_dictionaries({}, optional=PREDICATES), st.integers(0, 1))
STEPS = st.sampled_from([None, "blocked"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CONDITIONS, STEPS), min_size=2, max_size=5), st.booleans())
def test_the_witness_of_a_tie_is_decided_by_a_tie(drawn: list[Any], is_published: bool) -> None:
    playbooks = [
        Playbook(
            number,
            f"P{number}",
            1,
            Origin(NOW, number),
            parse({"match": predicates, "priority": priority}),
            (PolicyStep(1, "Call", "call_tool", "phone", False),) if steps else (),
        )
        for number, ((predicates, priority), steps) in enumerate(drawn, 1)
    ]
    newest = playbooks[-1]
    everything = compile_catalogue(playbooks)
    catalogue = everything if is_published else compile_catalogue(playbooks[:-1])
    packs = Packs({}, POLICY, context.tag_rules_of(POLICY), AppliedPolicy(Policy({}, POLICY), catalogue))
    contest = Contest(catalogue, lambda _: packs)
    found = contest.tie(newest.conditions, newest.name, is_published=is_published, told=set())
    if found is None:
        return
    assert found.witness is not None
    as_of = parse_time(found.witness["as_of"])
    seen = context.build(found.witness["exception"], domain_pack={}, policy_pack=POLICY, as_of=as_of)
    result = match(everything, seen, as_of=as_of)
    if not is_published and drawn[-1][1]:
        # Of conditions alone, nobody knows the steps.
        assert newest in [entry.playbook for entry in result.ranked]
        return
    assert result.selected is not None
    assert result.tie is not None
    assert (result.selected.playbook, result.tie.playbook.name) == (newest, found.playbook)
