"""Whether the names in conditions and steps are listed by the packs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.budget import charge_request
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.language.clause_shapes import COMPARE, GLOB, MEMBER, TRUE, Shape, shown_values
from sentinai.conditions.language.document import Clause
from sentinai.conditions.language.operators import INSTANT
from sentinai.conditions.language.vocabulary import CONTEXT_PATH
from sentinai.documents.suggestions import LONGEST_NAME, did_you_mean, nearest, some_of
from sentinai.problems import EvaluationBudgetExceeded, Finding

Pack = Mapping[str, Any]
_COMPARED_NAME, _COMPARED_CHARACTERS_A_UNIT = 30, 4


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The domains, exception types and tags that the packs list; None where they are unknown.

    ``attributes`` has the types of those attributes of contexts that are described, each as one type only.
    """

    domains: Sequence[str] | None
    types: Sequence[str] | None
    tags: Sequence[str] | None
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, domain_pack: Pack | None, policy_pack: Pack | None, domains: Sequence[str] | None) -> KnownNames:
        """The names that packs list; without types or a domain in the pack they are unknown."""
        if domains is None and domain_pack is not None and domain_pack.get("domain_name"):
            domains = [domain_pack["domain_name"]]
        types = list(domain_pack.get("exception_types", ())) if domain_pack is not None else []
        tags = None
        if policy_pack is not None:
            tags = [*policy_pack.get("tags", ()), *(rule["tag"] for rule in policy_pack.get("tag_rules", ()))]
        return cls(domains or None, types or None, tags, _attributes(domain_pack or {}))

    def unknown(self, clause: Clause, shape: Shape) -> Iterator[Finding]:
        """A warning for each value of a clause that the packs do not list."""
        if shape.kind == COMPARE:
            yield from _of_another_type(clause, shape, self.attributes)
        if shape.kind in (COMPARE, TRUE):
            return
        if shape.path == "exception.domain":
            yield from _unlisted(clause, shape, "unknown_domain", "domain", self.domains)
        elif shape.path == "exception.exception_type":
            yield from _unlisted(clause, shape, "unknown_exception_type", "exception type", self.types)
        elif shape.path == "policy.tags" and shape.kind == MEMBER:
            yield from _unlisted(clause, shape, "unknown_tag", "policy tag", self.tags)


def _unlisted(
    clause: Clause, shape: Shape, code: str, what: str, listed: Sequence[str] | None
) -> Iterator[Finding]:
    if listed is None:
        return
    for value in shape.values:
        if not isinstance(value, str) or _is_listed(value, shape, listed):
            continue
        suggestion = _nearest(value, listed)
        message = f"Unknown {what} {value!r}: no pack lists it."
        yield Finding(clause.pointer, code, message, did_you_mean(suggestion), suggestion)


def _is_listed(value: str, shape: Shape, listed: Sequence[str]) -> bool:
    return any(_fits(each, value) for each in listed) if shape.kind == GLOB else value in listed


def _fits(name: str, pattern: str) -> bool:
    """Whether a listed name matches; no warning where that cannot be evaluated."""
    try:
        return evaluate.holds({"glob": [name, pattern]}, {})
    except EvaluationError:
        return True


def _nearest(name: str, listed: Sequence[str]) -> str | None:
    """The listed name that was probably meant; None where finding it takes more work than is left."""
    # Each name is compared with it, a character with every other.
    compared = min(len(name), LONGEST_NAME) * sum(min(len(each), LONGEST_NAME) for each in listed)
    try:
        charge_request(_COMPARED_NAME * len(listed) + compared // _COMPARED_CHARACTERS_A_UNIT)
    except EvaluationBudgetExceeded:
        return None
    return nearest(name, listed)


def _attributes(domain_pack: Pack) -> dict[str, str]:
    """The types of the attributes that contexts have, by path, where all descriptions agree."""
    types = domain_pack.get("exception_types")
    described = [about.get("context", {}) for about in types.values()] if isinstance(types, Mapping) else []
    described += [about.get("attributes", {}) for about in domain_pack.get("entities", {}).values()]
    found: dict[str, set[str]] = {}
    for attributes in described:
        for name, about in attributes.items():
            found.setdefault(CONTEXT_PATH + name, set()).add(about.get("format") or about.get("type") or "")
    return {path: next(iter(given)) for path, given in found.items() if len(given) == 1}


def _of_another_type(clause: Clause, shape: Shape, attributes: Mapping[str, str]) -> Iterator[Finding]:
    """A warning for a comparison with a number where the pack says time, and the reverse."""
    given = attributes.get(shape.path)
    time, written = shape.reading == INSTANT, json.dumps(shown_values(shape)[0])
    if not time and given == "date-time":
        hint = 'Compare it with a time, for example "2026-11-23T09:30:00Z".'
    elif time and given in ("number", "integer"):
        hint = "Compare it with a number."
    else:
        return
    message = f"{shape.path} is a {'time' if given == 'date-time' else 'number'}, but is compared with {written}."
    yield Finding(clause.pointer, "cross_type", message, hint)


def unknown_tools(steps: Sequence[Mapping[str, Any]], domain_pack: Pack | None) -> Iterator[Finding]:
    """A warning for each step that calls a tool that the Domain Pack does not define."""
    if domain_pack is None:
        return
    tools = list(domain_pack.get("tools", ()))
    for index, step in enumerate(steps):
        tool_id = step.get("params", {}).get("tool_id") if step.get("action_type") == "call_tool" else None
        if isinstance(tool_id, str) and tool_id not in tools:
            suggestion = _nearest(tool_id, tools)
            hint = did_you_mean(suggestion, f"Its tools: {some_of(tools)}.")
            message = f"The Domain Pack does not define the tool {tool_id!r}."
            yield Finding(f"/steps/{index}/params/tool_id", "unknown_tool", message, hint, suggestion)
