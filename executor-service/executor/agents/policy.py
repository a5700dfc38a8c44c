"""The Policy agent: checks recommended playbooks against the Policy Pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.actions.registry import action_of
from executor.domain import risk
from executor.domain.model import Actor, NewEvent, Packs, Playbook, Step

AGENT = Actor("agent", "policy-agent", None)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """``aligned``, ``needs_approval`` or ``blocked``, with the reasons in words."""

    verdict: str
    reasons: tuple[str, ...]


Rejected = Sequence[tuple[Playbook, PolicyVerdict]]


def evaluate(playbook: Playbook, packs: Packs, severity: str | None) -> PolicyVerdict:
    """Check a playbook against the Policy Pack: approved tools, blocked actions, required approvals."""
    blocked = tuple(reason for step in playbook.steps for reason in _reasons_to_block(step, packs))
    if blocked:
        return PolicyVerdict("blocked", blocked)
    needed = tuple(
        f"step {step.step_order} ({step.name}): {reason}"
        for step in playbook.steps
        for reason in risk.assess(
            step, action_of(step.action_type).effect, severity=severity, policy_pack=packs.policy
        ).reasons
    )
    return PolicyVerdict("needs_approval" if needed else "aligned", needed)


def evaluated(playbook: Playbook | None, verdict: PolicyVerdict | None, rejected: Rejected) -> NewEvent:
    """The event with the playbook that policy allows, and the better ranked ones that it blocks, and why."""
    passed_over = [
        {"playbook_id": each.playbook_id, "playbook_name": each.name, "reasons": list(why.reasons)}
        for each, why in rejected
    ]
    return NewEvent(
        "PolicyEvaluated",
        {
            "verdict": verdict.verdict if verdict else "blocked",
            "playbook_id": playbook.playbook_id if playbook else None,
            "playbook_name": playbook.name if playbook else None,
            "playbook_version": playbook.version if playbook else None,
            "reasons": list(verdict.reasons) if verdict else [],
            "rejected": passed_over,
            "summary": _summary(playbook, verdict, len(passed_over)),
        },
    )


def _summary(playbook: Playbook | None, verdict: PolicyVerdict | None, rejected: int) -> str:
    if playbook is None or verdict is None:
        return f"Policy blocks every matching playbook ({rejected})."
    words = {"aligned": "is within policy", "needs_approval": "needs a person's approval"}
    more = f"; {rejected} ranked higher, blocked by policy" if rejected else ""
    return f"{playbook.name} v{playbook.version} {words[verdict.verdict]}{more}."


def _reasons_to_block(step: Step, packs: Packs) -> Iterator[str]:
    where = f"step {step.step_order} ({step.name})"
    blocked = packs.policy.get("blocked_actions", ())
    if step.action_type in blocked:
        yield f"{where}: the action {step.action_type} is blocked"
    tool_id = step.params.get("tool_id")
    if tool_id is None:
        return
    if tool_id in blocked:
        yield f"{where}: the tool {tool_id} is blocked"
    if tool_id not in _approved(packs.policy):
        yield f"{where}: the tool {tool_id} is not approved"
    if tool_id not in packs.domain.get("tools", {}):
        yield f"{where}: the Domain Pack does not define the tool {tool_id}"


def _approved(policy_pack: Mapping[str, Any]) -> list[str]:
    """The approved tools; a Policy Pack that lists none approves none."""
    return list(policy_pack.get("approved_tools", ()))
