"""The allowed transitions of the status. A Policy Pack can restrict them, but not extend them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinai.problems import IllegalTransition

_UNRESOLVED = ("analyzing", "pending_review", "escalated")
ALLOWED: Mapping[str, frozenset[str]] = {
    "open": frozenset({*_UNRESOLVED, "resolved"}),
    **{status: frozenset({*_UNRESOLVED, "resolved"} - {status}) for status in _UNRESOLVED},
    "resolved": frozenset({"analyzing"}),
}


def check(
    current: str, target: str, *, actor_type: str, has_completed_step: bool, policy_pack: Mapping[str, Any]
) -> None:
    """Check that the status may change from ``current`` to ``target``.

    Raises:
        IllegalTransition: it may not; the message says why, and what is allowed.
    """
    if target not in ALLOWED[current]:
        raise IllegalTransition(
            f"The status cannot change from {current} to {target}, only to {_words(ALLOWED[current])}."
        )
    if (current, target) == ("open", "resolved") and not has_completed_step:
        raise IllegalTransition(
            "An open exception can be resolved only after a step of its playbook has been completed."
        )
    if current == "resolved" and actor_type != "human":
        raise IllegalTransition("Only a person can reopen a resolved exception.")
    narrowed = policy_pack.get("status_transitions", {}).get(current)
    if narrowed is not None and target not in narrowed:
        allowed = ALLOWED[current] & frozenset(narrowed)
        raise IllegalTransition(
            f"The Policy Pack does not allow {current} to change to {target}, only to {_words(allowed)}."
        )


def _words(statuses: frozenset[str]) -> str:
    return ", ".join(sorted(statuses)) or "nothing"
