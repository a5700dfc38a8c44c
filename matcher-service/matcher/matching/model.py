"""The input and output values of matching."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sentinai.clock import format_optional_time
from sentinai.conditions.explanation.explain import Reason
from sentinai.conditions.lint.other_playbooks import PublishedRule
from sentinai.policy import PolicyReason, PolicyStep, Verdict


@dataclass(frozen=True, slots=True)
class Playbook(PublishedRule):
    """A playbook version as matching uses it: how it ranks, when it applies, and what policy looks at.

    ``steps`` is None if they are not known; policy then has no verdict on it, and does not block it.
    """

    steps: tuple[PolicyStep, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The members that identify a playbook in responses."""
        return {
            "playbook_id": self.playbook_id,
            "name": self.name,
            "version": self.version,
            "priority": self.conditions.priority,
        }


class Ranked(NamedTuple):
    """A playbook that matches, and why; with the verdict of policy, None if its steps are not known."""

    playbook: Playbook
    rank: int
    reasons: tuple[Reason, ...]
    policy: Verdict | None

    def to_json(self) -> dict[str, Any]:
        """The entry in the response."""
        entry = self.playbook.to_json()
        entry["rank"] = self.rank
        entry["reasons"] = [reason.to_json() for reason in self.reasons]
        entry["policy"] = self.policy.to_json() if self.policy else None
        return entry


class PassedOver(NamedTuple):
    """A playbook that matches and outranks the selected one, but that policy blocks."""

    playbook: Playbook
    reasons: tuple[PolicyReason, ...]

    def to_json(self) -> dict[str, Any]:
        """The entry in the response."""
        entry = self.playbook.to_json()
        entry["reasons"] = [reason.to_json() for reason in self.reasons]
        return entry


class NearMiss(NamedTuple):
    """A playbook that fails in exactly one clause."""

    playbook: Playbook
    failed: Reason

    def to_json(self) -> dict[str, Any]:
        """The entry in the response."""
        entry = self.playbook.to_json()
        entry["failed"] = self.failed.to_json()
        return entry


class Tie(NamedTuple):
    """The playbook that would be selected but for a tie: it has the priority of the selected one, and matches too.

    The selected one is ahead by ``decided_by``: ``created_at``, that of its conditions, or ``playbook_id``.
    """

    playbook: Playbook
    decided_by: str

    def to_json(self) -> dict[str, Any]:
        """The member of the response."""
        return {**self.playbook.to_json(), "decided_by": self.decided_by}


@dataclass(frozen=True, slots=True)
class MatchError:
    """A clause that raised, or that this version does not accept; its playbook does not match."""

    playbook_id: int
    clause: Any
    message: str
    code: str

    def to_json(self) -> dict[str, Any]:
        """The error in the response."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The result. ``matched`` counts all that match, ``candidates`` all that were considered.

    ``selected`` is the best ranked playbook that policy does not block. It is in ``ranked``, whatever its rank.
    """

    selected: Ranked | None
    tie: Tie | None
    passed_over: tuple[PassedOver, ...]
    ranked: tuple[Ranked, ...]
    near_misses: tuple[NearMiss, ...]
    reasoning: str
    valid_until: datetime | None
    candidates: int
    matched: int
    errors: tuple[MatchError, ...]

    def to_json(self) -> dict[str, Any]:
        """The members of the schema ``match-response`` that depend on the match."""
        return {
            "selected": self.selected.playbook.to_json() if self.selected else None,
            "tie": self.tie.to_json() if self.tie else None,
            "passed_over": [entry.to_json() for entry in self.passed_over],
            "ranked": [entry.to_json() for entry in self.ranked],
            "near_misses": [entry.to_json() for entry in self.near_misses],
            "reasoning": self.reasoning,
            "valid_until": format_optional_time(self.valid_until),
            "candidates": self.candidates,
            "matched": self.matched,
            "errors": [error.to_json() for error in self.errors],
        }

    def choice_json(self) -> dict[str, Any]:
        """The members of the schema ``match-choice`` that depend on the match."""
        policy = self.selected.policy if self.selected else None
        return {
            "selected": self.selected.playbook.to_json() if self.selected else None,
            "policy": policy.to_json() if policy else None,
            "valid_until": format_optional_time(self.valid_until),
            "candidates": self.candidates,
            "matched": self.matched,
            "errors": [error.to_json() for error in self.errors],
        }
