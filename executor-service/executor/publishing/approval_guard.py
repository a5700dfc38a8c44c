"""Only a person may have fewer approvals asked for: what others may not publish, whatever their roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from executor.domain.model import Actor, Playbook, Step
from sentinai.documents.strict_json import same
from sentinai.policy import effect_of
from sentinai.problems import HumanRequired

Pack = Mapping[str, Any]
_LOWERING = ("severity_overrides", "tag_rules", "tags")
"""The members of a Policy Pack, beside its approval rules, that decide which of them hold."""


def require_policy_pack(actor: Actor, before: Pack, after: Pack) -> None:
    """Insist that a Policy Pack keeps every approval rule, and what decides whether one holds.

    Raises:
        HumanRequired: it does not, and the actor is not a person.
    """
    kept = after.get("human_approval_rules", [])
    lost = [
        f"human_approval_rules/{index}"
        for index, rule in enumerate(before.get("human_approval_rules", []))
        if rule.get("require_approval", True) and not any(same(rule, each) for each in kept)
    ]
    lost += [name for name in _LOWERING if _differs(before, after, name)]
    _refuse(actor, lost, "changes or removes {} of the Policy Pack: they decide which steps need a person")


def require_domain_pack(actor: Actor, before: Pack, after: Pack) -> None:
    """Insist that a Domain Pack keeps its severity rules, by which approval rules hold.

    Raises:
        HumanRequired: it does not, and the actor is not a person.
    """
    changed = ["severity_rules"] if _differs(before, after, "severity_rules") else []
    _refuse(actor, changed, "changes the {} of the Domain Pack: they decide which steps need a person")


def require_playbook(actor: Actor, before: Playbook, after: Mapping[str, Any] | None) -> None:
    """Insist that a playbook with steps that need a person keeps them and its conditions; ``after`` may be None.

    Raises:
        HumanRequired: it does not, and the actor is not a person.
    """
    risky = [step for step in before.steps if step.requires_approval or effect_of(step.action_type) == "external"]
    if not risky:
        return
    if after is None:
        lost = ["playbook"]
    else:
        lost = [f"step {step.step_order}" for step in _not_kept(risky, after["steps"])]
        lost += [] if same(before.conditions, after["conditions"]) else ["conditions"]
    _refuse(actor, lost, f"changes or removes the {{}} of {before.name!r}, which has steps that need a person")


def _differs(before: Pack, after: Pack, name: str) -> bool:
    return not same(before.get(name) or None, after.get(name) or None)


def _not_kept(risky: list[Step], steps: list[Mapping[str, Any]]) -> Iterator[Step]:
    left = list(steps)
    for step in risky:
        found = next((each for each in left if _keeps(step, each)), None)
        if found is None:
            yield step
        else:
            left.remove(found)


def _keeps(step: Step, other: Mapping[str, Any]) -> bool:
    return (
        step.action_type == other["action_type"]
        and same(step.params, other.get("params", {}))
        and (other.get("requires_approval", False) or not step.requires_approval)
    )


def _refuse(actor: Actor, lost: list[str], what: str) -> None:
    if lost and actor.actor_type != "human":
        raise HumanRequired(f"Only a person {what.format(', '.join(lost))}.")
