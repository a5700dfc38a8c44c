"""Ties: playbooks of the same priority that are chosen for the same exception, so that only their dates decide.

A tie is told only with an exception that shows it, and that was matched against the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from matcher.authoring import witness
from matcher.matching import AppliedPolicy, Catalogue, Playbook, match
from sentinai.clock import format_time
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation import context
from sentinai.conditions.lint.implication import holds
from sentinai.documents import strict_json
from sentinai.problems import EvaluationBudgetExceeded, Finding

Pack = Mapping[str, Any]
_AS_OF = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""The time of every example, so that findings are always the same."""
_MOST_RIVALS = 30
"""With how many others of its priority a playbook is compared."""


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs of exceptions of one domain, and their policy, applied to the catalogue."""

    domain_pack: Pack
    policy_pack: Pack
    policy: AppliedPolicy


@dataclass(frozen=True, slots=True)
class Contest:
    """A catalogue, and the packs of exceptions by domain."""

    catalogue: Catalogue
    packs_of: Callable[[str | None], Packs]

    def tie(
        self, conditions: Conditions, name: str | None, *, is_published: bool, told: Collection[str | None]
    ) -> Finding | None:
        """A warning about a playbook that is chosen over another only because it is newer, if one is found.

        ``is_published`` says that the catalogue has it; else it would be the newest. ``told`` are the names of
        playbooks that other warnings are about.
        """
        rivals = (each for each in self._rivals(conditions, name) if each.name not in told)
        try:
            for rival in islice(rivals, _MOST_RIVALS):
                clauses = [clause.logic for each in (conditions, rival.conditions) for clause in each.clauses]
                exception = witness.exception_for(clauses, _AS_OF)
                beaten = exception and self._beaten(exception, conditions, name, is_published)
                if exception and beaten and beaten.name not in told:
                    return _finding(beaten, exception)
        except EvaluationBudgetExceeded:
            return None
        return None

    def _rivals(self, conditions: Conditions, name: str | None) -> Iterator[Playbook]:
        for each in self.catalogue.playbooks:
            if each.conditions.priority < conditions.priority:
                return
            if each.conditions.priority == conditions.priority and each.name != name:
                yield each

    def _beaten(
        self, exception: Mapping[str, Any], conditions: Conditions, name: str | None, is_published: bool
    ) -> Playbook | None:
        """The playbook of the same priority over which the one in question is chosen for an exception."""
        packs = self.packs_of(exception.get("domain"))
        seen = context.build(exception, domain_pack=packs.domain_pack, policy_pack=packs.policy_pack, as_of=_AS_OF)
        found = match(self.catalogue, seen, as_of=_AS_OF, limit=0, near_misses=0, policy=packs.policy)
        selected = found.selected.playbook if found.selected else None
        if selected is None or found.errors:
            return None
        if is_published:
            return found.tie.playbook if found.tie and selected.name == name else None
        is_equal = selected.conditions.priority == conditions.priority and selected.name != name
        fits = is_equal and all(holds(clause.logic, seen) for clause in conditions.clauses)
        return selected if fits else None


def _finding(beaten: Playbook, exception: Mapping[str, Any]) -> Finding:
    priority = beaten.conditions.priority
    message = (
        f"{beaten.name} v{beaten.version} has the same priority ({priority:,}), and this one is chosen only as "
        f"the newer one, for example for {strict_json.dumps(exception)}."
    )
    hint = "Give one of them another priority, or narrow its conditions."
    shown = {"exception": exception, "as_of": format_time(_AS_OF)}
    return Finding("", "tie", message, hint, playbook=beaten.name, witness=shown)
