"""What templates of a step may refer to, and how their problems are told at publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.actions.registry import StepContext
from executor.execution.documents import exception_document
from sentinai import templates
from sentinai.problems import Finding


def values(context: StepContext) -> dict[str, Any]:
    """The roots that placeholders start from. An attribute that the exception lacks is missing, not null."""
    record = context.record
    exception = {name: value for name, value in exception_document(record).items() if value is not None}
    return {
        "exception": exception,
        "domain_pack": context.packs.domain,
        "policy_pack": {"tenant_id": record.tenant_id, **context.packs.policy},
        "sla": _sla(context),
        "step": {
            "name": context.step.name,
            "order": context.step.step_order,
            "action_type": context.step.action_type,
        },
        "actor": {"id": context.actor.actor_id, "type": context.actor.actor_type},
    }


def with_placeholders(context: StepContext) -> dict[str, Any]:
    """The roots, and the extra names that the step's ``placeholders`` define by templates of their own."""
    roots = values(context)
    extra = context.step.params.get("placeholders", {})
    return {**{name: templates.preview_payload(value, roots) for name, value in extra.items()}, **roots}


def check_document(document: Any, pointer: str, names: tuple[str, ...] = ()) -> list[Finding]:
    """What is wrong with the templates in a document, each at its pointer."""
    if isinstance(document, Mapping):
        return [
            finding
            for key, value in document.items()
            for finding in check_document(value, f"{pointer}/{_escaped(key)}", names)
        ]
    if isinstance(document, list):
        return [
            finding
            for index, value in enumerate(document)
            for finding in check_document(value, f"{pointer}/{index}", names)
        ]
    if isinstance(document, str):
        return [finding.under(pointer) for finding in templates.check(document, names=names)]
    return []


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _sla(context: StepContext) -> dict[str, Any]:
    deadline = context.record.sla_deadline
    if deadline is None:
        return {"breached": False}
    minutes = (deadline - context.as_of).total_seconds() / 60
    return {"minutes_remaining": minutes, "breached": minutes < 0}
