"""Publishing a playbook: every finding at once, then the next version, or the one that stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor.actions.registry import check_params
from executor.domain.model import Packs, Playbook
from executor.publishing.other_playbooks import peers_of
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.store import tenants
from sentinai.conditions import Conditions, domain_named, parse
from sentinai.conditions.lint.lint import lint
from sentinai.conditions.lint.other_playbooks import OtherPlaybooks, OtherPlaybooksCache
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.schemas import check
from sentinai.documents.strict_json import same
from sentinai.problems import Finding, InvalidDocument


@dataclass(frozen=True, slots=True)
class Published:
    """What came of a publication. ``playbook`` is None after a dry run."""

    playbook: Playbook | None
    next_version: int
    is_new: bool
    warnings: tuple[Finding, ...]


def publish(
    database: Database,
    tenant_id: str,
    document: Mapping[str, Any],
    now: datetime,
    *,
    dry_run: bool,
    kept: OtherPlaybooksCache | None = None,
) -> Published:
    """Check a ``playbook-publish`` document and store it as the next version of its name.

    Content that is that of the newest version, if active, makes no new one. ``kept`` are the peers that
    earlier publications were held against.

    Raises:
        InvalidDocument: with every finding, each at its pointer.
    """
    # A tenant may have many playbooks, and while they are gone through others must be able to write.
    with (
        database.read(tenant_id) as session,
        peers_of(session, tenant_id, kept or OtherPlaybooksCache()) as other_playbooks,
    ):
        warnings = check_playbook(document, packs_for(session, document), other_playbooks)

    def work(session: TenantSession) -> Published:
        tenants.ensure_tenant(session, tenant_id)
        tenants.lock_catalogue(session)
        check_playbook(document, packs_for(session, document))
        newest = playbook_store.newest_version(session, document["name"])
        if newest and newest.status == "active" and is_content_of(newest, document):
            return Published(newest, newest.version, is_new=False, warnings=warnings)
        version = newest.version + 1 if newest else 1
        if dry_run:
            return Published(None, version, is_new=True, warnings=warnings)
        playbook = playbook_store.add_playbook(session, document, version, now)
        return Published(playbook, version, is_new=True, warnings=warnings)

    return database.write(tenant_id, work)


def check_playbook(
    document: Mapping[str, Any], packs: Packs, others: OtherPlaybooks | None = None
) -> tuple[Finding, ...]:
    """The warnings about a playbook document.

    Raises:
        InvalidDocument: it may not be published; with every finding, each at its pointer.
    """
    errors = check("playbook-publish", document)
    if errors:
        raise _invalid(errors)
    conditions = _conditions(document["conditions"], errors)
    warnings: list[Finding] = []
    for index, step in enumerate(document["steps"]):
        found, doubtful = _check_step(step, index, packs)
        errors += found
        warnings += doubtful
    if errors or conditions is None:
        raise _invalid(errors)
    found_by_lint = lint(
        conditions,
        domain_pack=packs.domain or None,
        policy_pack=packs.policy or None,
        others=others or (),
        name=document["name"],
    )
    return (*(finding.under("/conditions") for finding in found_by_lint), *warnings, *_doubts_at_the_end(document))


def _doubts_at_the_end(document: Mapping[str, Any]) -> Iterator[Finding]:
    if (document.get("on_completion") or {}).get("set_status") == "open":
        yield Finding(
            "/on_completion/set_status",
            "unreachable_status",
            "No status is followed by open: the completion will leave the status as it is.",
            "Choose another.",
        )


def packs_for(session: TenantSession, document: Mapping[str, Any]) -> Packs:
    """The packs that a playbook is checked against: of the one domain it names, if it names one."""
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
    at = f"/steps/{index}"
    errors: list[Finding] = []
    if step.get("step_order", index + 1) != index + 1:
        errors.append(
            Finding(f"{at}/step_order", "out_of_order", f"This is step {index + 1}.", "Leave step_order out.")
        )
    found, doubtful = check_params(step["action_type"], step.get("params", {}), packs)
    errors += [finding.under(f"{at}/params") for finding in found]
    return errors, [finding.under(f"{at}/params") for finding in doubtful]


def _invalid(errors: Sequence[Finding]) -> InvalidDocument:
    return InvalidDocument.about("The playbook is not valid", errors)


def is_content_of(playbook: Playbook, document: Mapping[str, Any]) -> bool:
    """Whether a stored version has the content of a ``playbook-publish`` document."""
    return same(_content(playbook), _asked(document))


def _content(playbook: Playbook) -> dict[str, Any]:
    steps = [
        {
            "name": step.name,
            "action_type": step.action_type,
            "params": step.params,
            "requires_approval": step.requires_approval,
        }
        for step in playbook.steps
    ]
    return {
        "description": playbook.description,
        "conditions": playbook.conditions,
        "on_completion": playbook.on_completion,
        "steps": steps,
    }


def _asked(document: Mapping[str, Any]) -> dict[str, Any]:
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
