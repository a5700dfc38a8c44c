"""What policy blocks, and what needs a person, by the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sentinai.conditions.evaluation.context import build
from sentinai.policy import Policy, PolicyStep, Rules


def step(
    action: str = "add_comment", tool: str | None = None, *, approval: bool = False, order: int = 1
) -> PolicyStep:
    return PolicyStep(order, f"S{order}", action, tool, approval)


def in_force(policy: Policy, severity: str | None, **others: Any) -> Rules:
    exception = {"exception_type": "Break", "severity": severity, "amount": None, **others}
    now = datetime(2026, 3, 1, tzinfo=UTC)
    rules = tuple(policy.rules_held(exception, now, now))
    assert rules == policy.rules_in_force(build(exception, domain_pack={}, policy_pack={}, as_of=now))
    return rules


@pytest.mark.parametrize(
    ("given", "rules", "codes"),
    [
        (step(), [], []),
        (step("call_tool", "t"), [], ["external_effect"]),
        (step("notify", approval=True), [], ["step_requires_approval"]),
        (step("notify"), [{"severity": "HIGH"}], ["approval_rule"]),
        (step("notify"), [{"severity": ["low", "critical"]}], []),
        (step("assign_owner"), [{"severity": "high", "action_type": "notify"}], []),
        (step("notify"), [{"severity": "high", "action_type": ["notify", "set_status"]}], ["approval_rule"]),
        (step("notify"), [{"tool_id": "t"}], []),
        (step("call_tool", "t"), [{"tool_id": "t"}, {}], ["external_effect", "approval_rule", "approval_rule"]),
        (step("notify"), [{"severity": "high", "require_approval": False}], []),
        (step(approval=True), [{"require_approval": False}], ["step_requires_approval"]),
    ],
)
def test_a_person_is_needed_by_effect_step_or_rule(given: PolicyStep, rules: list[Any], codes: list[str]) -> None:
    policy = Policy({}, {"human_approval_rules": rules})
    assert [reason.code for reason in policy.reasons_for_approval(given, in_force(policy, "high"))] == codes


def test_the_reason_names_what_the_rule_asks_about_and_which_rule_it_is() -> None:
    rules = [{"require_approval": False}, {"severity": ["HIGH", "low"], "action_type": "notify"}, {}]
    policy = Policy({}, {"human_approval_rules": rules})
    found = list(policy.reasons_for_approval(step("notify"), in_force(policy, "high")))
    assert [(reason.rule_index, reason.text) for reason in found] == [
        (1, "the Policy Pack requires approval for severity high or low, action_type notify"),
        (2, "the Policy Pack requires approval"),
    ]


@pytest.mark.parametrize(
    ("policy_pack", "tools", "codes"),
    [
        ({"approved_tools": ["wire"]}, {"wire": {}}, []),
        ({"approved_tools": ["other"]}, {"wire": {}}, ["tool_not_approved"]),
        ({}, {"wire": {}}, ["tool_not_approved"]),
        ({"approved_tools": ["wire"]}, {}, ["tool_undefined"]),
        ({"approved_tools": ["wire"], "blocked_actions": ["wire"]}, {"wire": {}}, ["tool_blocked"]),
        ({"approved_tools": ["wire"], "blocked_actions": ["call_tool"]}, {"wire": {}}, ["action_blocked"]),
    ],
)
def test_a_step_with_a_tool_is_blocked_unless_all_of_the_packs_allow_it(
    policy_pack: dict[str, Any], tools: dict[str, Any], codes: list[str]
) -> None:
    policy = Policy({"tools": tools}, policy_pack)
    given = step("call_tool", "wire", order=3)
    assert [reason.code for reason in policy.reasons_to_block(given)] == codes
    verdict = policy.verdict([step(), given], ())
    assert verdict.verdict == ("blocked" if codes else "needs_approval")
    assert {reason.step_order for reason in verdict.reasons} == {3}


def test_a_harmless_playbook_is_aligned() -> None:
    assert Policy({}, {}).verdict([step()], ()).to_json() == {"verdict": "aligned", "reasons": []}


def test_a_reason_carries_only_what_applies() -> None:
    (reason,) = Policy({}, {}).verdict([step("notify", approval=True)], ()).reasons
    assert reason.to_json() == {
        "code": "step_requires_approval",
        "text": "step 1 (S1): the step requires approval",
        "step_order": 1,
    }
