"""The review of a conditions document: errors, warnings, the normal form, and the clauses in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.authoring.ties import Contest
from sentinai.conditions import Clause, Conditions, parse
from sentinai.conditions.explanation import explain
from sentinai.conditions.language.clause_shapes import shape_of
from sentinai.conditions.language.guard import variables
from sentinai.conditions.lint.lint import lint
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule
from sentinai.problems import Finding, InvalidDocument

Pack = Mapping[str, Any]
_NEVER = {"always_false", "contradiction", "never_chosen"}
"""The warnings about a playbook that is chosen for nothing."""


@dataclass(frozen=True, slots=True)
class Review:
    """The findings about a document, and its parsed conditions; None if there are errors."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    conditions: Conditions | None

    def to_json(self) -> dict[str, Any]:
        """The review as the response of ``/api/conditions/validate``."""
        read = self.conditions
        return {
            "valid": not self.errors,
            "errors": [finding.to_json() for finding in self.errors],
            "warnings": [finding.to_json() for finding in self.warnings],
            "normalized": read.rule if read else None,
            "clauses": [_clause(clause) for clause in read.clauses] if read else [],
            "variables": _variables(read) if read else [],
        }


def review(
    document: Any,
    *,
    domain_pack: Pack | None = None,
    policy_pack: Pack | None = None,
    domains: Sequence[str] | None = None,
    others: Sequence[PublishedRule] = (),
    steps: Sequence[Mapping[str, Any]] = (),
    name: str | None = None,
    published: Origin | None = None,
    contest: Contest | None = None,
) -> Review:
    """Review a conditions document against the packs and the other playbooks; pointers are into ``document``.

    Without a pack there are no warnings about names that it does not list. ``name`` and ``published`` are those of
    the playbook that the conditions belong to, as in ``lint``. In a ``contest``, ties are looked for.
    """
    try:
        conditions = parse(document)
    except InvalidDocument as problem:
        return Review(problem.findings, (), None)
    found = lint(
        conditions,
        domain_pack=domain_pack,
        policy_pack=policy_pack,
        domains=domains,
        steps=steps,
        others=others,
        name=name,
        published=published,
    )
    if contest and not {finding.code for finding in found} & _NEVER:
        told = {finding.playbook for finding in found}
        tie = contest.tie(conditions, name, is_published=published is not None, told=told)
        found += [tie] if tie else []
    return Review((), tuple(found), conditions)


def _clause(clause: Clause) -> dict[str, Any]:
    indexed = shape_of(clause.logic) is not None
    return {"text": explain.describe(clause.logic), "logic": clause.logic, "indexed": indexed}


def _variables(conditions: Conditions) -> list[str]:
    return sorted({str(name) for name in variables(conditions.rule) if name not in ("", None)})
