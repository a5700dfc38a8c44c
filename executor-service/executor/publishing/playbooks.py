"""Publishing of playbooks: validation with all findings at once, then the next version of the name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor.actions.registry import check_params
from executor.domain.model import Actor, Packs, Playbook
from executor.publishing import approval_guard
from executor.publishing.other_playbooks import OtherPlaybooksCache
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.store import tenants
from sentinai.conditions import Conditions, domain_named, parse
from sentinai.conditions.lint.lint import lint
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.schemas import check
from sentinai.documents.strict_json import same
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument

_NO_PACKS = Packs(domain={}, policy={})


@dataclass(frozen=True, slots=True)
class Published:
    """The result of a publication. After a dry run of a new version, ``playbook`` is None."""

    playbook: Playbook | None
    next_version: int
    is_new: bool
    warnings: tuple[Finding, ...]


def publish(
    database: Database,
    tenant_id: str,
    document: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    *,
    dry_run: bool,
    cache: OtherPlaybooksCache | None = None,
) -> Published:
    """Validate a ``playbook-publish`` document and store it as the next version of its name.

    Nothing is stored if the newest version is active and has the same content. ``cache`` holds the other
    playbooks, which the document is checked against, between calls.

    Raises:
        InvalidDocument: with every finding, each at its pointer. HumanRequired: only a person may change this.
    """
    # The check against the other playbooks may take long, so it runs outside of the write transaction.
    with database.read(tenant_id) as session:
        others = (cache or OtherPlaybooksCache()).read(session)
        # A document that is not valid may have neither; checking it says so.
        origin = playbook_store.origin_of_next(session, str(document.get("name")), document.get("conditions"))
        warnings = check_playbook(document, packs_for(session, document), others, origin)

    def work(session: TenantSession) -> Published:
        tenants.ensure_tenant(session, tenant_id)
        tenants.lock_catalogue(session)
        check_playbook(document, packs_for(session, document))
        newest = playbook_store.newest_version(session, document["name"])
        current = playbook_store.newest_active(session, document["name"])
        if current and newest and current.playbook_id == newest.playbook_id and has_content(current, document):
            return Published(current, newest.version, is_new=False, warnings=warnings)
        if current:
            approval_guard.require_playbook(actor, current, document)
        version = newest.version + 1 if newest else 1
        if dry_run:
            return Published(None, version, is_new=True, warnings=warnings)
        playbook = playbook_store.add_playbook(session, document, version, actor, now)
        return Published(playbook, version, is_new=True, warnings=warnings)

    return database.write(tenant_id, work)


def retire(database: Database, tenant_id: str, playbook_id: int, actor: Actor, now: datetime) -> Playbook:
    """Retire a playbook version, if it is not retired yet.

    Raises:
        NotFound: no such playbook. HumanRequired: it has steps that need a person, and the actor is none.
    """

    def work(session: TenantSession) -> Playbook:
        tenants.lock_catalogue(session)
        playbook = playbook_store.get_playbook(session, playbook_id)
        if playbook.status == "active":
            approval_guard.require_playbook(actor, playbook, None)
            playbook_store.retire(session, playbook, actor, now)
        return playbook_store.get_playbook(session, playbook_id)

    return database.write(tenant_id, work)


def check_playbook(
    document: Mapping[str, Any],
    packs: Packs,
    others: Sequence[PublishedRule] = (),
    origin: Origin | None = None,
) -> tuple[Finding, ...]:
    """The warnings about a playbook document. ``origin`` is what it ranks by; None if its conditions are new.

    Raises:
        InvalidDocument: it cannot be published; with every finding, each at its pointer.
    """
    errors = check("playbook-publish", document)
    if errors:
        raise _invalid(errors)
    conditions = _conditions(document["conditions"], errors)
    warnings: list[Finding] = []
    for index, step in enumerate(document["steps"]):
        # What is wrong with the params does not depend on the packs; only warnings do.
        seen = packs if len(warnings) < MAX_FINDINGS else _NO_PACKS
        step_errors, step_warnings = _check_step(step, index, seen)
        errors += step_errors
        warnings += step_warnings
    if errors or conditions is None:
        raise _invalid(errors)
    lint_warnings = lint(
        conditions,
        domain_pack=packs.domain or None,
        policy_pack=packs.policy or None,
        others=others,
        name=document["name"],
        published=origin,
    )
    return (*(each.under("/conditions") for each in lint_warnings), *warnings, *_completion_warnings(document))


def _completion_warnings(document: Mapping[str, Any]) -> Iterator[Finding]:
    if (document.get("on_completion") or {}).get("set_status") == "open":
        yield Finding(
            "/on_completion/set_status",
            "unreachable_status",
            "An exception cannot return to open, so the completion will not change its status.",
            "Choose another status.",
        )


def packs_for(session: TenantSession, document: Mapping[str, Any]) -> Packs:
    """The packs that a playbook is checked against: of the one domain that it names, or of the Policy Pack's."""
    policy = pack_store.newest_policy_pack(session)
    domain = domain_named(document.get("conditions")) or (policy.pack.get("domain_name") if policy else None)
    return pack_store.packs(session, domain or "")


def _conditions(document: Any, errors: list[Finding]) -> Conditions | None:
    try:
        return parse(document)
    except InvalidDocument as problem:
        errors += [finding.under("/conditions") for finding in problem.findings]
        return None


def _check_step(step: Mapping[str, Any], index: int, packs: Packs) -> tuple[list[Finding], list[Finding]]:
    pointer = f"/steps/{index}"
    errors: list[Finding] = []
    if step.get("step_order", index + 1) != index + 1:
        message = f"step_order must be {index + 1}, the position in the list."
        errors.append(Finding(f"{pointer}/step_order", "out_of_order", message, "Correct or remove step_order."))
    param_errors, warnings = check_params(step["action_type"], step.get("params", {}), packs)
    errors += [finding.under(f"{pointer}/params") for finding in param_errors]
    return errors, [finding.under(f"{pointer}/params") for finding in warnings]


def _invalid(errors: Sequence[Finding]) -> InvalidDocument:
    return InvalidDocument.about("The playbook is not valid", errors)


def has_content(playbook: Playbook, document: Mapping[str, Any]) -> bool:
    """Whether a stored version has the content of a ``playbook-publish`` document."""
    return same(_with_defaults(publish_document(playbook)), _with_defaults(document))


def publish_document(playbook: Playbook) -> dict[str, Any]:
    """A stored version as a ``playbook-publish`` document, without members that have their default value."""
    steps = [
        {
            "name": step.name,
            "action_type": step.action_type,
            "params": step.params,
            **({"requires_approval": True} if step.requires_approval else {}),
        }
        for step in playbook.steps
    ]
    document = {
        "name": playbook.name,
        "description": playbook.description,
        "conditions": playbook.conditions,
        "steps": steps,
        "on_completion": playbook.on_completion,
    }
    return {key: value for key, value in document.items() if value is not None}


def _with_defaults(document: Mapping[str, Any]) -> dict[str, Any]:
    steps = [
        {
            "name": step["name"],
            "action_type": step["action_type"],
            "params": step.get("params", {}),
            "requires_approval": step.get("requires_approval", False),
        }
        for step in document["steps"]
    ]
    return {
        "description": document.get("description"),
        "conditions": document["conditions"],
        "on_completion": document.get("on_completion"),
        "steps": steps,
    }
