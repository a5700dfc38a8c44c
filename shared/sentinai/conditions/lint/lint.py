"""Warnings about valid conditions that may not do what their author intended.

A warning is given only if it is certain, by the shapes of the clauses and the available packs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sentinai.conditions.evaluation.budget import LINT_UNITS, Budget, current, spending
from sentinai.conditions.language.clause_shapes import MEMBER, TRUE, Shape, shape_of, shown_values
from sentinai.conditions.language.document import Clause, Conditions
from sentinai.conditions.language.vocabulary import PATHS
from sentinai.conditions.lint import pack_references, paths
from sentinai.conditions.lint.implication import Constraints, constant
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule, covering, rank_of, same_as
from sentinai.problems import EvaluationBudgetExceeded, Finding

Pack = Mapping[str, Any]


def lint(
    conditions: Conditions,
    *,
    domain_pack: Pack | None = None,
    policy_pack: Pack | None = None,
    domains: Sequence[str] | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
    others: Sequence[PublishedRule] = (),
    name: str | None = None,
    published: Origin | None = None,
) -> list[Finding]:
    """Every warning about a conditions document that ``parse`` accepted, with pointers into it.

    A pack that is None is not available, and warnings that need it are left out; ``domains`` are all domains with
    a pack. ``steps`` are the playbook's. ``others`` are the tenant's active playbooks ``by_rank``; the one called
    ``name`` is another version of it. ``published`` is the origin by which it ranks; None if its conditions are
    yet to be published, after all others. When looking takes too much work, the last warning is ``incomplete``.
    """
    found = [*conditions.warnings]
    listed = pack_references.KnownNames.of(domain_pack, policy_pack, domains)
    whole = current()
    try:
        with spending(whole.part(LINT_UNITS) if whole else Budget(LINT_UNITS)):
            for clause in conditions.clauses:
                found.extend(_about_clause(clause, listed))
            found.extend(pack_references.unknown_tools(steps, domain_pack))
            contradictions = _contradictions(conditions)
            found += contradictions
            if not contradictions and not any(each.code == "always_false" for each in found):
                found.extend(_about_others(conditions, [each for each in others if each.name != name], published))
    except EvaluationBudgetExceeded:
        message = "Looking for warnings takes too much work; there may be more than these."
        found.append(Finding("", "incomplete", message, "Write fewer or shorter patterns, values and clauses."))
    return found


def _about_clause(clause: Clause, listed: pack_references.KnownNames) -> Iterator[Finding]:
    yield from paths.impossible_paths(clause)
    yield from paths.paths_as_texts(clause)
    always = constant(clause.logic)
    if always is not None:
        yield from _about_constant(clause, always)
        return
    shape = shape_of(clause.logic)
    if shape is None:
        yield Finding(
            clause.pointer,
            "not_indexed",
            "This condition cannot use the index: it is evaluated for every exception that meets the others.",
            "Use an equivalent predicate of match, if there is one.",
        )
        return
    yield from _cross_type(clause, shape)
    yield from listed.unknown(clause, shape)


def _about_constant(clause: Clause, always: bool) -> Iterator[Finding]:
    if not always:
        message = "This condition never holds, so the playbook is never selected."
        yield Finding(clause.pointer, "always_false", message)
    elif clause.logic is not True:
        message = "This condition holds for every exception."
        yield Finding(clause.pointer, "always_true", message, "Remove it.")


def _cross_type(clause: Clause, shape: Shape) -> Iterator[Finding]:
    expected = _expected_type(shape.path)
    if expected is None or shape.kind == TRUE or (expected == "a list" and shape.kind == MEMBER):
        return
    wrong = [value for value in shown_values(shape) if value is not None and not _is_of(expected, value)]
    if wrong:
        written = json.dumps(wrong[0], ensure_ascii=False)[:80]
        message = f"{shape.path} is {expected}, but is compared with {written}."
        hint = 'To test for an element: {"in": ["…", {"var": "policy.tags"}]}.'
        yield Finding(
            clause.pointer, "cross_type", message, hint if expected == "a list" else f"Compare it with {expected}."
        )


def _expected_type(path: str) -> str | None:
    kind = PATHS.get(path, "")
    kinds = {"number": "a number", "boolean": "true or false", "text": "a string", "list": "a list"}
    return next((name for word, name in kinds.items() if kind.startswith(word)), None)


def _is_of(expected: str, value: Any) -> bool:
    if expected == "true or false":
        return isinstance(value, bool)
    if expected == "a number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return expected == "a string" and isinstance(value, str)


def _contradictions(conditions: Conditions) -> list[Finding]:
    """The first clause that contradicts those before it."""
    known = Constraints()
    for clause in conditions.clauses:
        if constant(clause.logic) is False:
            return []
        excluded = known.imply({"!": [clause.logic]})
        known.add(clause.logic)
        if excluded or known.is_impossible:
            message = "This contradicts the conditions before it, so the playbook is never selected."
            return [Finding(clause.pointer, "contradiction", message, "Remove one of them.")]
    return []


def _about_others(
    conditions: Conditions,
    others: Sequence[PublishedRule],
    published: Origin | None,
) -> Iterator[Finding]:
    rank = rank_of(conditions.priority, published) if published else (conditions.priority, math.inf, 0)
    same = same_as(conditions, others)
    for other in same:
        before = other.rank > rank
        hint = "It ranks higher, so this one is never selected." if before else "This one ranks higher."
        yield Finding("", "duplicate", f"{_named(other)} has the same conditions.", hint, playbook=other.name)
    if same and same[0].rank > rank:
        return
    better = covering(conditions, rank, others)
    if better is not None:
        why = _advantage(better, conditions, published)
        message = f"{_named(better)}, {why} ({better.conditions.priority:,}), matches whenever this does."
        hint = "Raise the priority, or narrow the other playbook's conditions."
        yield Finding("", "never_chosen", message, hint, playbook=better.name)


def _advantage(better: PublishedRule, conditions: Conditions, published: Origin | None) -> str:
    if better.conditions.priority > conditions.priority:
        return "which has a higher priority"
    newer = published is None or better.origin.created_at > published.created_at
    return f"which has the same priority and {'newer conditions' if newer else 'a higher id'}"


def _named(other: PublishedRule) -> str:
    return f"{other.name} v{other.version}"
