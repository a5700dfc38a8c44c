"""The Policy agent: logs what policy says about the recommended playbook, as the matcher decided by the packs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executor.domain.model import NewEvent, Playbook
from sentinai.policy import BLOCKED

_WORDS = {
    "aligned": "is within policy",
    "needs_approval": "needs a person's approval",
    "blocked": "is in progress, but policy blocks it now",
}


def evaluated(
    playbook: Playbook | None, verdict: Mapping[str, Any] | None, passed_over: Sequence[Mapping[str, Any]]
) -> NewEvent:
    """The event with the selected playbook and its verdict, and the better ranked ones that policy blocks.

    ``verdict`` and ``passed_over`` are those of the matcher's answer.
    """
    return NewEvent(
        "PolicyEvaluated",
        {
            "verdict": verdict["verdict"] if verdict else BLOCKED,
            "playbook_id": playbook.playbook_id if playbook else None,
            "playbook_name": playbook.name if playbook else None,
            "playbook_version": playbook.version if playbook else None,
            "reasons": verdict["reasons"] if verdict else [],
            "rejected": [
                {
                    "playbook_id": each["playbook_id"],
                    "playbook_name": each["name"],
                    "playbook_version": each["version"],
                    "reasons": each["reasons"],
                }
                for each in passed_over
            ],
            "summary": _summary(playbook, verdict, len(passed_over)),
        },
    )


def _summary(playbook: Playbook | None, verdict: Mapping[str, Any] | None, rejected: int) -> str:
    if playbook is None or verdict is None:
        if rejected == 1:
            return "Policy blocks the only matching playbook."
        return f"Policy blocks all {rejected:,} matching playbooks."
    more = f"; {rejected:,} ranked higher, blocked by policy" if rejected else ""
    return f"{playbook.name} v{playbook.version} {_WORDS[verdict['verdict']]}{more}."
