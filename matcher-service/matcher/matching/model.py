"""The input and output values of matching."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sentinai.clock import format_optional_time
from sentinai.conditions.explanation.explain import Reason
from sentinai.conditions.lint.other_playbooks import PublishedRule


@dataclass(frozen=True, slots=True)
class Playbook(PublishedRule):
    """A playbook version as matching uses it: how it ranks, and when it applies."""

    def to_json(self) -> dict[str, Any]:
        """The members that identify a playbook in responses."""
        return {
            "playbook_id": self.playbook_id,
            "name": self.name,
            "version": self.version,
            "priority": self.conditions.priority,
        }


class Ranked(NamedTuple):
    """A playbook that matches, and why."""

    playbook: Playbook
    rank: int
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """The entry in the response."""
        entry = self.playbook.to_json()
        entry["rank"] = self.rank
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
    """The result. ``matched`` counts all that match, ``candidates`` all that were considered."""

    ranked: tuple[Ranked, ...]
    near_misses: tuple[NearMiss, ...]
    reasoning: str
    valid_until: datetime | None
    candidates: int
    matched: int
    errors: tuple[MatchError, ...]

    @property
    def selected(self) -> Playbook | None:
        """The best ranked playbook."""
        return self.ranked[0].playbook if self.ranked else None

    def to_json(self) -> dict[str, Any]:
        """The members of the schema ``match-response`` that depend on the match."""
        return {
            "selected": self.selected.to_json() if self.selected else None,
            "ranked": [entry.to_json() for entry in self.ranked],
            "near_misses": [entry.to_json() for entry in self.near_misses],
            "reasoning": self.reasoning,
            "valid_until": format_optional_time(self.valid_until),
            "candidates": self.candidates,
            "matched": self.matched,
            "errors": [error.to_json() for error in self.errors],
        }
