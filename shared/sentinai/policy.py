"""What the packs allow: whether a playbook may be assigned, whether a step needs a person, and why.

Every decision of either service about policy is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Self

from sentinai import packs
from sentinai.approval_rules import ApprovalRule, moments
from sentinai.clock import parse_time
from sentinai.conditions.evaluation.budget import Budget, spending
from sentinai.conditions.evaluation.context import TagRule, build, tag_rules_of
from sentinai.documents.schemas import schemas
from sentinai.problems import EvaluationBudgetExceeded

Pack = Mapping[str, Any]
Rules = tuple[ApprovalRule, ...]
ALIGNED, NEEDS_APPROVAL, BLOCKED = "aligned", "needs_approval", "blocked"


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """Why policy blocks a step, or asks for a person; ``rule_index`` is that of the approval rule.

    ``held_at`` is an instant (RFC 3339) at which an approval rule held that does not hold any more.
    ``code`` is ``action_blocked``, ``tool_blocked``, ``tool_not_approved``, ``tool_undefined``,
    ``external_effect``, ``step_requires_approval`` or ``approval_rule``.
    """

    code: str
    text: str
    step_order: int
    tool_id: str | None = None
    rule_index: int | None = None
    held_at: str | None = None

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
        self._packs = domain_pack, policy_pack
        self._blocked = frozenset(policy_pack.get("blocked_actions", ()))
        self._approved = frozenset(policy_pack.get("approved_tools", ()))
        self._tools = packs.tools(domain_pack)
        self._approval_rules = tuple(
            ApprovalRule.of(index, rule)
            for index, rule in enumerate(policy_pack.get("human_approval_rules", ()))
            if rule.get("require_approval", True)
        )

    @property
    def approval_conditions(self) -> list[Any]:
        """The JSON-Logic of the approval rules that have any."""
        return [rule.when.rule for rule in self._approval_rules if rule.when]

    def rules_in_force(self, context: Mapping[str, Any]) -> Rules:
        """The approval rules that hold for an exception, by what they say of it; ``context`` is a rule's context.

        Raises:
            EvaluationBudgetExceeded: evaluating them would cost more than is left of the current budget.
        """
        return tuple(rule for rule in self._approval_rules if rule.holds(context))

    def rules_held(
        self, exception: Mapping[str, Any], first: datetime, last: datetime
    ) -> dict[ApprovalRule, datetime]:
        """The approval rules that hold at any moment from ``first`` to ``last``, each with one at which it does.

        ``exception`` is as a match request has it. A rule for which the current budget does not suffice counts as
        held.
        """
        found = ((rule, self._held_at(rule, exception, first, last)) for rule in self._approval_rules)
        return {rule: at for rule, at in found if at}

    def _held_at(
        self, rule: ApprovalRule, exception: Mapping[str, Any], first: datetime, last: datetime
    ) -> datetime | None:
        if rule.when is None:
            return last if rule.names(exception) else None
        text = exception.get("sla_deadline")
        deadline = parse_time(text) if text else None
        conditions = [rule.when.rule, *(each.when.rule for each in self._tag_rules)]
        try:
            instants = moments(conditions, deadline, first, last)
            return next((at for at in instants if rule.holds(self._context(exception, at))), None)
        except EvaluationBudgetExceeded:
            return last

    def _context(self, exception: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        domain_pack, policy_pack = self._packs
        return build(
            exception, domain_pack=domain_pack, policy_pack=policy_pack, as_of=at, tag_rules=self._tag_rules
        )

    @cached_property
    def _tag_rules(self) -> tuple[TagRule, ...]:
        return tag_rules_of(self._packs[1])

    def verdict(self, steps: Iterable[PolicyStep], rules: Rules) -> Verdict:
        """The verdict on a playbook with these steps, with these approval rules in force."""
        blocked: list[PolicyReason] = []
        approvals: list[PolicyReason] = []
        for step in steps:
            blocked += (located(step, reason) for reason in self.reasons_to_block(step))
            approvals += (located(step, reason) for reason in self.reasons_for_approval(step, rules))
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

    def reasons_for_approval(self, step: PolicyStep, rules: Iterable[ApprovalRule]) -> Iterator[PolicyReason]:
        """Why a step needs a person: by its effect, its ``requires_approval``, and the approval rules in force."""
        order = step.step_order
        if effect_of(step.action_type) == "external":
            yield PolicyReason("external_effect", f"{step.action_type} acts outside this system", order)
        if step.requires_approval:
            yield PolicyReason("step_requires_approval", "the step requires approval", order)
        yield from self.reasons_by_rule(step, rules)

    def reasons_by_rule(self, step: PolicyStep, rules: Iterable[ApprovalRule]) -> Iterator[PolicyReason]:
        """The reasons that approval rules in force give a step."""
        for rule in rules:
            if rule.covers(step.action_type, step.tool_id):
                yield PolicyReason("approval_rule", rule.text, step.step_order, rule_index=rule.index)


def bounded() -> AbstractContextManager[object]:
    """What ``rules_held`` is called in, so that all its calls together cost no more than one exception may."""
    return spending(Budget())


def located(step: PolicyStep, reason: PolicyReason) -> PolicyReason:
    """The reason with a text that names its step."""
    return replace(reason, text=f"step {step.step_order} ({step.name}): {reason.text}")
