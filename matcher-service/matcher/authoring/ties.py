"""Ties: playbooks of the same priority that are chosen for the same exception, so that only their dates decide.

A tie is told only with an exception that shows it, and that was matched against the whole catalogue.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from matcher.authoring import witness
from matcher.matching import AppliedPolicy, Catalogue, Playbook, match
from sentinai.clock import format_time
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation import context
from sentinai.conditions.evaluation.context import TagRule
from sentinai.conditions.lint.implication import holds
from sentinai.documents import strict_json
from sentinai.problems import EvaluationBudgetExceeded, Finding

Pack = Mapping[str, Any]
_AS_OF = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""The time of every example, so that findings are always the same."""
_MOST_RIVALS, _MOST_TRIED = 1000, 40
"""How many others of its priority a playbook is compared with, and for how many an exception is sought."""
_LONGEST_SHOWN = 300
"""How many characters of an exception a message has."""


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs of exceptions of one domain, compiled, and their policy, applied to the catalogue."""

    domain_pack: Pack
    policy_pack: Pack
    tag_rules: tuple[TagRule, ...]
    policy: AppliedPolicy


@dataclass(frozen=True, slots=True)
class Contest:
    """A catalogue, and the packs of exceptions by domain."""

    catalogue: Catalogue
    packs_of: Callable[[str | None], Packs]
    _required: dict[int, witness.Required] = field(default_factory=dict)

    def tie(
        self, conditions: Conditions, name: str | None, *, is_published: bool, told: Collection[str | None]
    ) -> Finding | None:
        """A warning about a playbook that is chosen over another only because it is newer, if one is found.

        ``is_published`` says that the catalogue has it; else it would be the newest. ``told`` are the names of
        playbooks that other warnings are about.
        """
        try:
            for exception in self._shared(conditions, {name, *told}):
                beaten = self._beaten(exception, conditions, name, is_published)
                if beaten and beaten.name not in told:
                    return _finding(beaten, exception)
        except EvaluationBudgetExceeded:
            return None
        return None

    def _shared(self, conditions: Conditions, others: Collection[str | None]) -> Iterator[dict[str, Any]]:
        """Exceptions that probably fit both these conditions and those of a rival, which is none of ``others``."""
        own = witness.required(clause.logic for clause in conditions.clauses)
        rivals = (
            each
            for each in islice(self._of_priority(conditions.priority), _MOST_RIVALS)
            if each.name not in others and not witness.exclude_each_other(own, self._required_by(each))
        )
        for rival in islice(rivals, _MOST_TRIED):
            clauses = [clause.logic for each in (conditions, rival.conditions) for clause in each.clauses]
            exception = witness.exception_for(clauses, _AS_OF)
            if exception is not None:
                yield exception

    def _of_priority(self, priority: int) -> Iterator[Playbook]:
        playbooks = self.catalogue.playbooks
        first = bisect_left(playbooks, -priority, key=lambda each: -each.conditions.priority)
        return takewhile(lambda each: each.conditions.priority == priority, islice(playbooks, first, None))

    def _required_by(self, playbook: Playbook) -> witness.Required:
        known = self._required.get(playbook.playbook_id)
        if known is None:
            known = witness.required(clause.logic for clause in playbook.conditions.clauses)
            self._required[playbook.playbook_id] = known
        return known

    def _beaten(
        self, exception: Mapping[str, Any], conditions: Conditions, name: str | None, is_published: bool
    ) -> Playbook | None:
        """The playbook of the same priority over which the one in question is chosen for an exception."""
        packs = self.packs_of(exception.get("domain"))
        seen = context.build(
            exception,
            domain_pack=packs.domain_pack,
            policy_pack=packs.policy_pack,
            as_of=_AS_OF,
            tag_rules=packs.tag_rules,
        )
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
    text = strict_json.dumps(exception)
    excerpt = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    message = (
        f"{beaten.name} v{beaten.version} has the same priority ({priority:,}), and this one is chosen only as "
        f"the newer one, for example for {excerpt}."
    )
    hint = "Give one of them another priority, or narrow its conditions."
    given = {"exception": exception, "as_of": format_time(_AS_OF)}
    return Finding("", "tie", message, hint, playbook=beaten.name, witness=given)
