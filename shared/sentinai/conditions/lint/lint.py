"""What an author may not have meant: warnings about conditions that would be published as they are.

A warning is given only where it is right. What cannot be shown, by the shapes of the clauses and the packs
at hand, is not said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sentinai.conditions.language.clause_shapes import MEMBER, TRUE, Shape, shape_of
from sentinai.conditions.language.document import Clause, Conditions
from sentinai.conditions.language.vocabulary import PATHS
from sentinai.conditions.lint import pack_references, paths
from sentinai.conditions.lint.implication import Constraints, constant
from sentinai.conditions.lint.other_playbooks import OtherPlaybooks, PublishedRule
from sentinai.problems import Finding

Pack = Mapping[str, Any]
__all__ = ["OtherPlaybooks", "PublishedRule", "lint"]


def lint(
    conditions: Conditions,
    *,
    domain_pack: Pack | None = None,
    policy_pack: Pack | None = None,
    domains: Sequence[str] | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
    others: OtherPlaybooks | Iterable[PublishedRule] = (),
    name: str | None = None,
    published: tuple[datetime, int] | None = None,
) -> list[Finding]:
    """Every warning about a conditions document that ``parse`` accepted, with pointers into it.

    Packs that are None are not known, and nothing is said that would need them; ``domains`` are all that there
    are packs of. ``steps`` are the playbook's, ``others`` the active playbooks of the tenant; what has this
    one's ``name`` is another version of it. It ranks by the time and the id it was ``published`` with; None is
    yet to be, and so after all others.
    """
    found = [*conditions.warnings]
    listed = pack_references.KnownNames.of(domain_pack, policy_pack, domains)
    for clause in conditions.clauses:
        found += _about_clause(clause, listed)
    found += pack_references.unknown_tools(steps, domain_pack)
    contradictions = _contradictions(conditions)
    found += contradictions
    if not contradictions and not any(each.code == "always_false" for each in found):
        other_playbooks = others if isinstance(others, OtherPlaybooks) else OtherPlaybooks(others)
        found += _about_others(conditions, other_playbooks, name, published)
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
            "The index cannot help with this clause: it is evaluated for every exception that meets the rest.",
            "Use a predicate of match where one says the same.",
        )
        return
    yield from _cross_type(clause, shape)
    yield from listed.unknown(clause, shape)


def _about_constant(clause: Clause, always: bool) -> Iterator[Finding]:
    if not always:
        message = "This never holds, so the playbook is never chosen."
        yield Finding(clause.pointer, "always_false", message)
    elif clause.logic is not True:
        message = "This holds for every exception, so it says nothing."
        yield Finding(clause.pointer, "always_true", message, "Take it out.")


def _cross_type(clause: Clause, shape: Shape) -> Iterator[Finding]:
    expected = _expected_type(shape.path)
    if expected is None or shape.kind == TRUE or (expected == "a list" and shape.kind == MEMBER):
        return
    wrong = [value for value in shape.values if value is not None and not _is_of(expected, value)]
    if wrong:
        written = json.dumps(wrong[0], ensure_ascii=False)[:80]
        message = f"{shape.path} is {expected}, and is held against {written}."
        hint = 'Ask whether it has an element: {"in": ["…", {"var": "policy.tags"}]}.'
        yield Finding(
            clause.pointer, "cross_type", message, hint if expected == "a list" else "Compare like with like."
        )


def _expected_type(path: str) -> str | None:
    kind = PATHS.get(path, "")
    kinds = {"number": "a number", "boolean": "true or false", "text": "a text", "list": "a list"}
    return next((name for word, name in kinds.items() if kind.startswith(word)), None)


def _is_of(expected: str, value: Any) -> bool:
    if expected == "true or false":
        return isinstance(value, bool)
    if expected == "a number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return expected == "a text" and isinstance(value, str)


def _contradictions(conditions: Conditions) -> list[Finding]:
    """The first clause that cannot hold together with those before it."""
    known = Constraints()
    for clause in conditions.clauses:
        if constant(clause.logic) is False:
            return []
        excluded = known.imply({"!": [clause.logic]})
        known.add(clause.logic)
        if excluded or known.is_impossible:
            message = "This and the conditions before it cannot all hold: the playbook is never chosen."
            return [Finding(clause.pointer, "contradiction", message, "Take one of them out.")]
    return []


def _about_others(
    conditions: Conditions,
    other_playbooks: OtherPlaybooks,
    name: str | None,
    published: tuple[datetime, int] | None,
) -> Iterator[Finding]:
    created, number = (published[0].timestamp(), published[1]) if published else (math.inf, 0)
    rank = (conditions.priority, created, number)
    same = other_playbooks.same_as(conditions, name)
    for other in same:
        before = other.rank > rank
        hint = "It ranks before this one, which is never chosen." if before else "This one ranks before it."
        yield Finding("", "duplicate", f"{_named(other)} has the same conditions.", hint)
    if same and same[0].rank > rank:
        return
    better = other_playbooks.covering(conditions, rank, name)
    if better is not None:
        higher = better.conditions.priority > conditions.priority
        why = "of higher priority" if higher else "of the same priority and published later"
        message = f"{_named(better)}, {why} ({better.conditions.priority:,}), matches whenever this does."
        yield Finding("", "never_chosen", message, "Raise the priority, or narrow the other one.")


def _named(other: PublishedRule) -> str:
    return f"{other.name} v{other.version}"
