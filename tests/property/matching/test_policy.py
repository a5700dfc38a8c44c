"""The best match that policy does not block is selected, whatever the catalogue, the packs and the limit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.matching import Playbook, compile_catalogue, match
from sentinai.conditions import parse
from sentinai.conditions.evaluation import context
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.policy import Policy, PolicyStep

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
ACTIONS = ("add_comment", "notify", "call_tool", "set_status")
TOOLS = ("wire", "recall", "lift")
KINDS = ("Break", "Fail")
RULES: tuple[dict[str, Any], ...] = (
    {"match": {"exception_type": "Break"}},
    {"match": {"exception_type": "*a*"}},
    {"logic": {"!==": [{"%": [{"var": "exception.amount"}, 2]}, 1]}},  # no index covers it
    {"logic": True},
)
STEPS = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(TOOLS), st.booleans())
PLAYBOOKS = st.lists(
    st.tuples(st.sampled_from(RULES), st.integers(-1, 2), st.none() | st.lists(STEPS, min_size=1, max_size=3)),
    max_size=12,
)
PACKS = st.builds(
    lambda approved, blocked, tools, rules: (
        {"tools": {name: {} for name in tools}},
        {"approved_tools": approved, "blocked_actions": blocked, "human_approval_rules": rules},
    ),
    st.lists(st.sampled_from(TOOLS)),
    st.lists(st.sampled_from((*ACTIONS, *TOOLS)), max_size=2),
    st.lists(st.sampled_from(TOOLS)),
    st.lists(st.sampled_from([{}, {"severity": "low"}, {"action_type": "notify"}]), max_size=2),
)


def playbooks(drawn: list[Any]) -> list[Playbook]:
    return [
        Playbook(
            number, f"P{number}", 1, Origin(NOW, number), parse({**rule, "priority": priority}), steps_of(steps)
        )
        for number, (rule, priority, steps) in enumerate(drawn, 1)
    ]


def steps_of(drawn: list[Any] | None) -> tuple[PolicyStep, ...] | None:
    if drawn is None:
        return None
    return tuple(
        PolicyStep(order, f"S{order}", action, tool if action == "call_tool" else None, approval)
        for order, (action, tool, approval) in enumerate(drawn, 1)
    )


@given(PLAYBOOKS, PACKS, st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 5))
@settings(max_examples=300)
def test_the_best_that_is_not_blocked_is_selected(
    drawn: list[Any], packs: tuple[dict[str, Any], dict[str, Any]], kind: str, amount: int, limit: int
) -> None:
    catalogue = compile_catalogue(playbooks(drawn))
    exception = {"exception_id": "E", "exception_type": kind, "amount": amount, "severity": "low"}
    seen = context.build(exception, domain_pack=packs[0], policy_pack=packs[1], as_of=NOW)
    everything = match(catalogue, seen, as_of=NOW, limit=len(drawn) + 1)
    found = match(catalogue, seen, as_of=NOW, limit=limit)

    policy = Policy(*packs)
    rules = policy.rules_in_force(seen)
    order = [entry.playbook for entry in everything.ranked]
    verdicts = [policy.verdict(each.steps, rules) if each.steps is not None else None for each in order]
    allowed = [rank for rank, each in enumerate(verdicts, 1) if each is None or each.verdict != "blocked"]
    best = allowed[0] if allowed else None

    assert (found.selected.rank if found.selected else None) == best
    assert [entry.playbook for entry in found.passed_over] == order[: best - 1 if best else len(order)]
    listed = sorted({*range(1, min(limit, len(order)) + 1), *([best] if best else [])})
    assert [entry.rank for entry in found.ranked] == listed
    assert [entry.playbook for entry in found.ranked] == [order[rank - 1] for rank in listed]
    assert [entry.policy for entry in found.ranked] == [verdicts[rank - 1] for rank in listed]
    assert all(entry.reasons for entry in found.passed_over)
    first, second = [*(order[rank - 1] for rank in allowed), None, None][:2]
    tied = first is not None and second is not None and first.conditions.priority == second.conditions.priority
    assert (found.tie.playbook if found.tie else None) == (second if tied else None)
    assert found.matched == len(order)
    if found.selected:
        assert found.reasoning.startswith(f"{found.selected.playbook.name} v1 is selected: ")
    for entry in found.passed_over[:3]:
        assert f"{entry.playbook.name} v1 is passed over by policy: " in found.reasoning
