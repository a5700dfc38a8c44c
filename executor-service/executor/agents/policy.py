"""The Policy agent: holds a recommended playbook against the Policy Pack."""

from __future__ import annotations

from collections.abc import Sequence

from executor.domain.model import Actor, NewEvent, Playbook
from executor.policy import PolicyVerdict, evaluate

AGENT = Actor("agent", "policy-agent", None)

Rejected = Sequence[tuple[Playbook, PolicyVerdict]]


def evaluated(playbook: Playbook | None, verdict: PolicyVerdict | None, rejected: Rejected) -> NewEvent:
    """The event that says which playbook the policy lets through, and which it passed over and why."""
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
        return f"The policy blocks every playbook that fits ({rejected})."
    words = {"aligned": "is within the policy", "needs_approval": "needs a person's approval"}
    more = f"; {rejected} better ranked passed over" if rejected else ""
    return f"{playbook.name} v{playbook.version} {words[verdict.verdict]}{more}."


__all__ = ["AGENT", "evaluate", "evaluated"]
