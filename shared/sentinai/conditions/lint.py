"""What an author may not have meant: warnings about conditions that would be published as they are.

A warning is given only where it is right. What cannot be shown, by the shapes of the clauses and the packs
at hand, is not said.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sentinai.conditions import ranges
from sentinai.conditions.document import Clause, Conditions
from sentinai.conditions.guard import variables
from sentinai.conditions.shapes import GLOB, MEMBER, Shape, shape_of
from sentinai.conditions.vocabulary import OPEN_PATHS, PATHS
from sentinai.problems import Finding

Pack = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another playbook of the tenant, by what decides between two that match."""

    playbook_id: int
    name: str
    version: int
    conditions: Conditions
    created_at: datetime


def lint(
    conditions: Conditions,
    *,
    document: Any,
    domain_pack: Pack | None = None,
    policy_pack: Pack | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
    others: Iterable[Peer] = (),
) -> list[Finding]:
    """Every warning about a conditions document that ``parse`` accepted, with pointers into it.

    Packs that are None are not known, and nothing is said that would need them. ``steps`` are the playbook's,
    ``others`` the active playbooks of the tenant but for the versions of this one.
    """
    found = [*conditions.warnings]
    for clause in conditions.clauses:
        found += _about_clause(clause, domain_pack, policy_pack)
    found += _unknown_tools(steps, domain_pack)
    found += _contradictions(conditions)
    found += _about_others(conditions, list(others))
    return found


def _about_clause(clause: Clause, domain_pack: Pack | None, policy_pack: Pack | None) -> Iterator[Finding]:
    yield from _impossible_paths(clause)
    if isinstance(clause.logic, bool):
        if not clause.logic:
            yield Finding(clause.pointer, "always_false", "This never holds, so the playbook is never chosen.")
        return
    shape = shape_of(clause.logic)
    if shape is None:
        if not set(variables(clause.logic)):
            yield Finding(clause.pointer, "constant", "This reads nothing: it is always true or always false.")
        yield Finding(
            clause.pointer,
            "not_indexed",
            "The index cannot help with this clause: it is evaluated for every exception that meets the rest.",
            "Use a predicate of match where one says the same.",
        )
        return
    yield from _cross_type(clause, shape)
    yield from _unknown_to_packs(clause, shape, domain_pack, policy_pack)


def _impossible_paths(clause: Clause) -> Iterator[Finding]:
    for name in dict.fromkeys(variables(clause.logic)):
        if not isinstance(name, str) or name == "" or _is_possible(name) or _reads_items(clause.logic):
            continue
        near = difflib.get_close_matches(name, PATHS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(PATHS)}."
        message = f"No exception or pack has {name!r}: it reads null."
        yield Finding(clause.pointer, "impossible_path", message, hint)


def _is_possible(name: str) -> bool:
    if name in PATHS or any(name == path or name.startswith(f"{path}.") for path in OPEN_PATHS):
        return True
    return any(path.startswith(f"{name}.") for path in PATHS) or name.startswith("policy.tags.")


def _reads_items(logic: Any) -> bool:
    """Whether a clause has an iterator, inside of which paths start from an item."""
    text = repr(logic)
    return any(f"'{name}':" in text for name in ("map", "filter", "reduce", "all", "none", "some"))


_NUMBERS = ("exception.amount", "exception.severity_rank", "sla.minutes_remaining")
_TEXTS = tuple(path for path, kind in PATHS.items() if kind.startswith("text"))


def _cross_type(clause: Clause, shape: Shape) -> Iterator[Finding]:
    expected = _expected_type(shape.path)
    wrong = [value for value in shape.values if value is not None and not _is_of(expected, value)]
    if expected and wrong:
        message = f"{shape.path} is {expected}, and is held against {wrong[0]!r}."
        yield Finding(clause.pointer, "cross_type", message, "Compare like with like.")


def _expected_type(path: str) -> str | None:
    if path in _NUMBERS:
        return "a number"
    if path == "sla.breached":
        return "true or false"
    return "a text" if path in _TEXTS else None


def _is_of(expected: str | None, value: Any) -> bool:
    if expected == "true or false":
        return isinstance(value, bool)
    if expected == "a number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, str)


def _unknown_to_packs(
    clause: Clause, shape: Shape, domain_pack: Pack | None, policy_pack: Pack | None
) -> Iterator[Finding]:
    if domain_pack is not None and shape.path == "exception.domain" and domain_pack.get("domain_name"):
        yield from _unlisted(clause, shape, "unknown_domain", "domain", [domain_pack["domain_name"]])
    if domain_pack is not None and shape.path == "exception.exception_type" and shape.kind == GLOB:
        listed = list(domain_pack.get("exception_types", ()))
        if listed:
            yield from _unlisted(clause, shape, "unknown_exception_type", "exception type", listed)
    if policy_pack is not None and shape.path == "policy.tags" and shape.kind == MEMBER:
        given = [*policy_pack.get("tags", ()), *(rule["tag"] for rule in policy_pack.get("tag_rules", ()))]
        yield from _unlisted(clause, shape, "unknown_tag", "policy tag", given)


def _unlisted(clause: Clause, shape: Shape, code: str, what: str, listed: list[str]) -> Iterator[Finding]:
    lowered = {name.lower() for name in listed}
    for value in shape.values:
        wildcard = shape.kind == GLOB and ("*" in value or "?" in value)
        if not isinstance(value, str) or wildcard or value.lower() in lowered:
            continue
        near = difflib.get_close_matches(value, listed, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else None
        yield Finding(clause.pointer, code, f"No pack lists the {what} {value!r}.", hint)


def _unknown_tools(steps: Sequence[Mapping[str, Any]], domain_pack: Pack | None) -> Iterator[Finding]:
    if domain_pack is None:
        return
    tools = list(domain_pack.get("tools", ()))
    for index, step in enumerate(steps):
        tool_id = step.get("params", {}).get("tool_id") if step.get("action_type") == "call_tool" else None
        if tool_id is not None and tool_id not in tools:
            near = difflib.get_close_matches(tool_id, tools, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It defines: {', '.join(tools) or 'none'}."
            message = f"The Domain Pack does not define the tool {tool_id!r}."
            yield Finding(f"/steps/{index}/params/tool_id", "unknown_tool", message, hint)


def _contradictions(conditions: Conditions) -> Iterator[Finding]:
    clause = ranges.first_contradiction(conditions)
    if clause is not None:
        yield Finding(
            clause.pointer,
            "contradiction",
            "This and the conditions before it cannot all hold: the playbook is never chosen.",
            "Take one of them out.",
        )


def _about_others(conditions: Conditions, others: Sequence[Peer]) -> Iterator[Finding]:
    own = ranges.canonical(conditions)
    for other in others:
        name = f"{other.name} v{other.version}"
        if ranges.canonical(other.conditions) == own:
            yield Finding("", "duplicate", f"{name} has the same conditions.")
        elif other.conditions.priority > conditions.priority and ranges.implies(conditions, other.conditions):
            yield Finding(
                "",
                "never_chosen",
                f"{name}, of higher priority ({other.conditions.priority:,}), matches whenever this does.",
                "Raise the priority, or narrow the other one.",
            )
            return
