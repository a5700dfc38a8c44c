"""Whether a step needs a person, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.domain.model import Step


@dataclass(frozen=True, slots=True)
class Risk:
    """Whether a person is required, and the reasons in words; none if no person is required."""

    requires_human: bool
    reasons: tuple[str, ...]


def assess(step: Step, effect: str, *, severity: str | None, policy_pack: Mapping[str, Any]) -> Risk:
    """The risk of a step: by its effect, its ``requires_approval``, and the Policy Pack's approval rules.

    A rule applies if everything it names (severity, action_type, tool_id) matches; one with
    ``require_approval: false`` requires nothing, and cancels nothing.
    """
    reasons = []
    if effect == "external":
        reasons.append(f"{step.action_type} acts outside this system")
    if step.requires_approval:
        reasons.append("the step requires approval")
    facts = {"severity": severity, "action_type": step.action_type, "tool_id": step.params.get("tool_id")}
    for rule in policy_pack.get("human_approval_rules", ()):
        if rule.get("require_approval", True) and _applies(rule, facts):
            reasons.append(f"the Policy Pack requires approval{_where(rule)}")
    return Risk(bool(reasons), tuple(reasons))


def _applies(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return all(facts[name] in _listed(name, rule[name]) for name in facts if name in rule)


def _listed(name: str, value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return [each.lower() for each in values] if name == "severity" else values


def _where(rule: Mapping[str, Any]) -> str:
    named = [
        f"{name} {' or '.join(map(str, _listed(name, rule[name])))}"
        for name in ("severity", "action_type", "tool_id")
        if name in rule
    ]
    return f" for {', '.join(named)}" if named else ""
