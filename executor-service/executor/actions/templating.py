"""The values that templates of a step can use, and the checks of templates when a playbook is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from executor.actions import placeholder_check
from executor.actions.base import StepContext
from executor.domain.documents import exception_document
from executor.domain.model import Packs
from sentinai.documents import json_pointer
from sentinai.problems import MAX_FINDINGS, Finding
from sentinai.templates import render


def values(context: StepContext) -> dict[str, Any]:
    """The roots of placeholders. An attribute without a value is missing rather than null."""
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
    """The roots, and the extra names that the step's ``placeholders`` define with templates of their own."""
    roots = values(context)
    return {**_previewed(_extra(context), roots), **roots}


def payload(context: StepContext, document: Any) -> Any:
    """A document rendered for use, with the extra names that it needs.

    Raises:
        TemplateUnresolved: a value is missing, in the document or in an extra name that it uses.
        InvalidDocument: the result is too long.
    """
    roots = values(context)
    used = {each.root for each in render.placeholders_in(document)}
    extra = {name: value for name, value in _extra(context).items() if name in used}
    return render.render_payload(document, {**render.render_payload(extra, roots), **roots})


def check_document(document: Any, pointer: str, names: tuple[str, ...] = ()) -> list[Finding]:
    """Errors in the templates of a document, each at its pointer."""
    return [
        finding.under(place)
        for place, text in _texts(document, pointer)
        for finding in render.check(text, names=names)
    ]


def warnings(document: Any, pointer: str, packs: Packs) -> list[Finding]:
    """Warnings about the templates of a document, each at its pointer: paths that never have a value."""
    found = (
        finding.under(place)
        for place, text in _texts(document, pointer)
        for finding in placeholder_check.unknown_paths(text, packs)
    )
    return list(islice(found, MAX_FINDINGS))


def check_placeholders(params: Mapping[str, Any], packs: Packs) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings about the ``placeholders`` of a step: their templates, and reserved names."""
    given = params.get("placeholders", {})
    reserved = [
        Finding(
            f"/placeholders/{name}",
            "reserved_placeholder",
            f"{{{name}}} always means the {name}; this entry is never used.",
            "Choose another name.",
        )
        for name in given
        if name in render.ROOTS
    ]
    return check_document(given, "/placeholders"), [*reserved, *warnings(given, "/placeholders", packs)]


def _extra(context: StepContext) -> Mapping[str, Any]:
    given: Mapping[str, Any] = context.step.params.get("placeholders", {})
    return {name: value for name, value in given.items() if name not in render.ROOTS}


def _previewed(extra: Mapping[str, Any], roots: Mapping[str, Any]) -> dict[str, Any]:
    return {name: render.preview_payload(value, roots) for name, value in extra.items()}


def _texts(document: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """The strings of a document except its keys, with their pointers."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from _texts(value, json_pointer.join(pointer, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from _texts(value, f"{pointer}/{index}")
    elif isinstance(document, str):
        yield pointer, document


def _sla(context: StepContext) -> dict[str, Any]:
    deadline = context.record.sla_deadline
    if deadline is None:
        return {"breached": False}
    minutes = (deadline - context.as_of).total_seconds() / 60
    return {"minutes_remaining": minutes, "breached": minutes < 0}
