"""Reading Domain Packs and Policy Packs in all accepted shapes, and the checks that their schemas cannot make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sentinai.conditions.evaluation.budget import charge_reading
from sentinai.conditions.evaluation.pack_rules import logic_of
from sentinai.documents.foreign_schemas import check_schema
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument
from sentinai.templates import render

Pack = Mapping[str, Any]
Checked = tuple[Sequence[Finding], Sequence[Finding]]
"""Errors and warnings."""

_RULES = ("severity_rules", "tag_rules", "severity_overrides", "human_approval_rules")
_SCHEMA_WORDS = frozenset({"$ref", "properties"})
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


def exception_types(domain_pack: Pack) -> list[str]:
    """The exception types that a Domain Pack lists."""
    return list(domain_pack.get("exception_types", ()))


def context_names(domain_pack: Pack) -> frozenset[str] | None:
    """The names that an exception's context may have; None unless every exception type describes its own.

    Attributes of entities count too, and so do ``policy_tags``, which any exception may have.
    """
    types = domain_pack.get("exception_types")
    described = list(types.values()) if isinstance(types, Mapping) else []
    if not described or not all(about.get("context") for about in described):
        return None
    entities = domain_pack.get("entities", {}).values()
    return frozenset(
        name
        for names in (
            ("policy_tags",),
            *(about["context"] for about in described),
            *(entity.get("attributes", ()) for entity in entities),
        )
        for name in names
    )


def tools(domain_pack: Pack) -> Mapping[str, Any]:
    """The tools that a Domain Pack defines, by id."""
    found = domain_pack.get("tools", {})
    return found if isinstance(found, Mapping) else {}


def tool_parameters(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a tool's payload; parameters given by name only are converted to one."""
    given = tool.get("parameters", {})
    if not given:
        return {"type": "object"}
    if not _only_names(given):
        return dict(given)
    about = {name: {"type": each} if isinstance(each, str) else each for name, each in given.items()}
    return {
        "type": "object",
        "properties": {name: _without_flag(each) for name, each in about.items()},
        "required": [name for name, each in about.items() if each.get("required") is True],
        "additionalProperties": False,
    }


def _without_flag(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's schema without a boolean ``required``, which is not JSON Schema's keyword."""
    return {key: value for key, value in parameter.items() if key != "required" or isinstance(value, list)}


def _only_names(parameters: Mapping[str, Any]) -> bool:
    """Whether these are parameters by name (to ``{type, required}``, or to a type), rather than a JSON Schema."""
    return (
        not isinstance(parameters.get("type"), str)
        and not _SCHEMA_WORDS & parameters.keys()
        and all(isinstance(each, Mapping) or each in _TYPES for each in parameters.values())
    )


def notification_templates(domain_pack: Pack) -> Mapping[str, Any]:
    """The notification templates that a Domain Pack defines, by id."""
    found = domain_pack.get("notification_templates", {})
    return found if isinstance(found, Mapping) else {}


def assignable(policy_pack: Pack, owner_kind: str) -> Sequence[str] | None:
    """The queues or users that may own exceptions; None if the Policy Pack does not restrict them."""
    listed = policy_pack.get("assignable")
    if not isinstance(listed, Mapping):
        return None
    found: Sequence[str] = listed.get("queues" if owner_kind == "queue" else "users", ())
    return found


def check_domain_pack(pack: Pack) -> Checked:
    """Errors and warnings about a Domain Pack that its schema accepts."""
    errors = check_rules(pack)
    for tool_id, tool in tools(pack).items():
        schema_errors = check_schema(tool_parameters(tool), {})
        errors += [
            finding.under(f"/tools/{tool_id}/parameters")
            for finding in schema_errors
            if finding.code == "invalid_schema"
        ]
    for template_id, template in notification_templates(pack).items():
        errors += _check_template(template, f"/notification_templates/{template_id}")
    return errors, []


def check_policy_pack(pack: Pack) -> Checked:
    """Errors and warnings about a Policy Pack that its schema accepts."""
    return check_rules(pack), list(_warnings(pack))


def check_rules(pack: Pack) -> list[Finding]:
    """Errors in the rules of a pack of either kind: those that the guard refuses, up to ``MAX_FINDINGS``."""
    found = (
        finding
        for name in _RULES
        for index, rule in enumerate(pack.get(name, ()))
        for finding in _check_when(rule, f"/{name}/{index}")
    )
    return list(islice(found, MAX_FINDINGS))


def _check_when(rule: Pack, pointer: str) -> list[Finding]:
    """A rule's ``when`` is a conditions document or a bare JSON-Logic rule; it may be left out."""
    if "when" not in rule:
        return []
    charge_reading(rule["when"])
    try:
        logic_of(rule["when"])
    except InvalidDocument as problem:
        return [finding.under(f"{pointer}/when") for finding in problem.findings]
    return []


def _check_template(template: Pack, pointer: str) -> list[Finding]:
    """Errors of syntax; which other names a template may use is known only where a step uses it."""
    return [
        finding.under(f"{pointer}/{part}")
        for part in ("subject", "message")
        for finding in render.check(template.get(part, ""))
        if finding.code == "template_syntax"
    ]


def _warnings(pack: Pack) -> Iterator[Finding]:
    blocked = set(pack.get("blocked_actions", ()))
    for index, tool_id in enumerate(pack.get("approved_tools", ())):
        if tool_id in blocked:
            yield Finding(
                f"/approved_tools/{index}",
                "approved_and_blocked",
                f"{tool_id!r} is approved and blocked; it stays blocked.",
                "Remove it from one of the two lists.",
            )
