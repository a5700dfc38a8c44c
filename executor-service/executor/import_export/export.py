"""Reads a tenant's catalogue from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from executor.domain.model import Playbook
from executor.import_export.bundle import Bundle
from executor.publishing.playbooks import publish_document
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from sentinai import published
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession


def export(database: Database, tenant_id: str) -> Bundle:
    """The newest active version of each playbook, the Policy Pack, and the Domain Packs of the domains they name.

    Raises:
        DatabaseUnavailable: the database cannot be reached. CorruptData: one of the documents cannot be read.
    """
    with database.read(tenant_id) as session:
        playbooks = playbook_store.newest_active_playbooks(session)
        rules = playbook_store.rules_of(session, [each.playbook_id for each in playbooks.values()])
        policy_row = pack_store.newest_policy_pack(session)
        policy_pack = None if policy_row is None else policy_row.pack
        domain_packs = stored_domain_packs(session, _domains(policy_pack or {}, playbooks.values()))
    names = sorted(playbooks)
    entries = {name: published.entry(*rules[playbooks[name].playbook_id]) for name in names}
    return Bundle(
        policy_pack=policy_pack,
        domain_packs=domain_packs,
        playbooks={name: publish_document(playbooks[name]) for name in names},
        published={name: entry for name, entry in entries.items() if entry},
    )


def stored_domain_packs(session: TenantSession, domains: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The newest Domain Pack of each domain that has one, with ``domain_name``."""
    rows = {domain: pack_store.newest_domain_pack(session, domain) for domain in sorted(domains)}
    return {domain: {"domain_name": domain, **row.pack} for domain, row in rows.items() if row is not None}


def _domains(policy_pack: Mapping[str, Any], playbooks: Iterable[Playbook]) -> set[str]:
    domains = _strings(policy_pack.get("domain_name"))
    for playbook in playbooks:
        match = playbook.conditions.get("match", playbook.conditions)
        if isinstance(match, Mapping):
            domains |= _strings(match.get("domain")) | _strings(match.get("domain_in"))
    return domains


def _strings(value: Any) -> set[str]:
    return {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
