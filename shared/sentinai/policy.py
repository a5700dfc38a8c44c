"""What the packs allow: whether a playbook may be assigned, whether a step needs a person, and why.

Every decision of either service about policy is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from sentinai import packs
from sentinai.documents.schemas import schemas

Pack = Mapping[str, Any]
ALIGNED, NEEDS_APPROVAL, BLOCKED = "aligned", "needs_approval", "blocked"


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """Why policy blocks a step, or asks for a person; ``rule_index`` is that of the approval rule.

    ``code`` is ``action_blocked``, ``tool_blocked``, ``tool_not_approved``, ``tool_undefined``,
    ``external_effect``, ``step_requires_approval`` or ``approval_rule``.
    """

    code: str
    text: str
    step_order: int
    tool_id: str | None = None
    rule_index: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The reason as responses and events carry it, without what does not apply."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value is not None}


class PolicyStep(NamedTuple):
    """What policy looks at of a step."""

    step_order: int
    name: str
    action_type: str
    tool_id: str | None
    requires_approval: bool

    @classmethod
    def of(cls, step_order: int, step: Mapping[str, Any]) -> Self:
        """A step as its author writes it."""
        tool_id = step.get("params", {}).get("tool_id")
        named = tool_id if isinstance(tool_id, str) else None
        return cls(step_order, step["name"], step["action_type"], named, step.get("requires_approval", False))


@dataclass(frozen=True, slots=True)
class Verdict:
    """``aligned``, ``needs_approval`` or ``blocked``, and the reasons, each naming its step."""

    verdict: str
    reasons: tuple[PolicyReason, ...]

    def to_json(self) -> dict[str, Any]:
        """The verdict as responses carry it."""
        return {"verdict": self.verdict, "reasons": [reason.to_json() for reason in self.reasons]}


def effect_of(action_type: str) -> str:
    """``read_only``, ``changes_exception`` or ``external``: the keyword ``x-effect`` of the action's schema.

    An action that does not say is taken to be external, so that it needs a person.
    """
    effect: str = schemas().get(f"actions/{action_type}", {}).get("x-effect", "external")
    return effect


class Policy:
    """What the Domain Pack and the Policy Pack of an exception allow."""

    def __init__(self, domain_pack: Pack, policy_pack: Pack) -> None:
        self._blocked = frozenset(policy_pack.get("blocked_actions", ()))
        self._approved = frozenset(policy_pack.get("approved_tools", ()))
        self._tools = packs.tools(domain_pack)
        self._approval_rules = [
            (index, rule)
            for index, rule in enumerate(policy_pack.get("human_approval_rules", ()))
            if rule.get("require_approval", True)
        ]

    def verdict(self, steps: Iterable[PolicyStep], severity: str | None) -> Verdict:
        """The verdict on a playbook with these steps, for an exception of this severity."""
        blocked: list[PolicyReason] = []
        approvals: list[PolicyReason] = []
        for step in steps:
            blocked += _located(step, self.reasons_to_block(step))
            approvals += _located(step, self.reasons_for_approval(step, severity))
        if blocked:
            return Verdict(BLOCKED, tuple(blocked))
        return Verdict(NEEDS_APPROVAL if approvals else ALIGNED, tuple(approvals))

    def reasons_to_block(self, step: PolicyStep) -> Iterator[PolicyReason]:
        """Why no playbook with this step may be assigned; of the step, only its action and its tool matter."""
        order, tool_id = step.step_order, step.tool_id
        if step.action_type in self._blocked:
            yield PolicyReason("action_blocked", f"the action {step.action_type} is blocked", order)
        if tool_id is None:
            return
        if tool_id in self._blocked:
            yield PolicyReason("tool_blocked", f"the tool {tool_id} is blocked", order, tool_id)
        if tool_id not in self._approved:
            yield PolicyReason("tool_not_approved", f"the tool {tool_id} is not approved", order, tool_id)
        if tool_id not in self._tools:
            text = f"the Domain Pack does not define the tool {tool_id}"
            yield PolicyReason("tool_undefined", text, order, tool_id)

    def reasons_for_approval(self, step: PolicyStep, severity: str | None) -> Iterator[PolicyReason]:
        """Why a step needs a person: by its effect, its ``requires_approval``, and the Policy Pack's rules.

        A rule applies if everything it names (severity, action_type, tool_id) matches; one with
        ``require_approval: false`` requires nothing, and cancels nothing.
        """
        order = step.step_order
        if effect_of(step.action_type) == "external":
            yield PolicyReason("external_effect", f"{step.action_type} acts outside this system", order)
        if step.requires_approval:
            yield PolicyReason("step_requires_approval", "the step requires approval", order)
        facts = {"severity": severity, "action_type": step.action_type, "tool_id": step.tool_id}
        for index, rule in self._approval_rules:
            if all(facts[name] in _listed(name, rule[name]) for name in facts if name in rule):
                text = f"the Policy Pack requires approval{_where(rule)}"
                yield PolicyReason("approval_rule", text, order, rule_index=index)


def _located(step: PolicyStep, reasons: Iterable[PolicyReason]) -> Iterator[PolicyReason]:
    for reason in reasons:
        yield replace(reason, text=f"step {step.step_order} ({step.name}): {reason.text}")


def _listed(name: str, value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return [each.lower() for each in values] if name == "severity" else values


def _where(rule: Pack) -> str:
    named = [
        f"{name} {' or '.join(map(str, _listed(name, rule[name])))}"
        for name in ("severity", "action_type", "tool_id")
        if name in rule
    ]
    return f" for {', '.join(named)}" if named else ""
