"""Reading a tenant's catalogue out of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from executor.domain.model import Playbook
from executor.import_export.bundle import Bundle, playbook_as_written
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.versions import newest


def export(database: Database, tenant_id: str) -> Bundle:
    """The newest active version of each playbook, the Policy Pack, and the Domain Packs that they are about.

    Raises:
        DatabaseUnavailable: the database does not serve.
    """
    with database.read(tenant_id) as session:
        playbooks = newest(playbook_store.active_playbooks(session))
        policy_row = pack_store.newest_policy_pack(session)
        policy_pack = None if policy_row is None else policy_row.pack
        domain_packs = _domain_packs(session, policy_pack or {}, playbooks)
    return Bundle(
        policy_pack=policy_pack,
        domain_packs=domain_packs,
        playbooks={name: playbook_as_written(playbooks[name]) for name in sorted(playbooks)},
    )


def _domain_packs(
    session: TenantSession, policy_pack: Mapping[str, Any], playbooks: Mapping[str, Playbook]
) -> dict[str, Mapping[str, Any]]:
    domains = _texts(policy_pack.get("domain_name"))
    for playbook in playbooks.values():
        match = playbook.conditions.get("match", playbook.conditions)
        domains |= _texts(match.get("domain")) | _texts(match.get("domain_in"))
    return stored_domain_packs(session, domains)


def stored_domain_packs(session: TenantSession, domains: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The newest Domain Pack of each domain that has one, with its name in it."""
    packs = {name: pack_store.newest_domain_pack(session, name) for name in sorted(domains)}
    return {name: {"domain_name": name, **row.pack} for name, row in packs.items() if row is not None}


def _texts(value: Any) -> set[str]:
    return {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
