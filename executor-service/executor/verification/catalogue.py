"""Checks a tenant's packs and playbooks against the log of who published and retired them.

What was published before there was this log is not in it, and is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from executor.domain.hash_chain import ChainCheck
from executor.domain.model import Event
from executor.store import integrity, packs, playbooks
from executor.store.packs import DomainPackVersion
from executor.verification.faults import RecordFault
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A tenant's catalogue as it is stored: its log, and digests by version; None for what cannot be read."""

    tenant_id: str
    chain: ChainCheck
    log: list[Event]
    policy_packs: Mapping[int, str | None]
    playbooks: Mapping[int, str | None]
    statuses: Mapping[int, str]

    def logged_domain_packs(self) -> dict[DomainPackVersion, str]:
        """The digests that the log has, by version; none if it is broken."""
        changes = _of_type(self.log, "DomainPackChanged") if self.chain.valid else ()
        return {(each.payload["domain"], each.payload["version"]): each.payload["sha256"] for each in changes}


def read(session: TenantSession) -> Catalogue:
    """Read the catalogue of the session's tenant."""
    chain, log = integrity.verify_catalogue_log(session)
    statuses = {each.playbook_id: each.status for each in playbooks.versions(session)}
    return Catalogue(
        session.tenant_id,
        chain,
        log,
        packs.policy_pack_digests(session),
        playbooks.digests(session, sorted(statuses)),
        statuses,
    )


def faults(stored: Catalogue) -> list[RecordFault]:
    """What differs from the log. What a broken log says is not compared."""
    if not stored.chain.valid:
        return [RecordFault(stored.tenant_id, "catalogue_log", "", "broken_chain", stored.chain.first_broken_seq)]
    found = (*_policy_packs(stored), *_playbooks(stored))
    return [RecordFault(stored.tenant_id, kind, str(key), code) for kind, key, code in found]


def domain_pack_faults(
    database: Database,
    before: Mapping[DomainPackVersion, str | None],
    logged: Mapping[DomainPackVersion, tuple[str, str]],
    *,
    all_tenants: bool,
) -> Iterator[RecordFault]:
    """What differs from the logs of all tenants, ``logged`` as (tenant, digest).

    ``before`` is what was stored before the logs were read: what was stored meanwhile may not be in them.
    """
    stored = before if logged.keys() <= before.keys() else packs.domain_pack_digests(database)
    for (domain, version), (tenant_id, expected) in logged.items():
        if stored.get((domain, version)) != expected:
            code = "changed" if (domain, version) in stored else "missing"
            yield RecordFault(tenant_id, "domain_pack", f"{domain} {version}", code)
    first: dict[str, int] = {}
    for domain, version in logged:
        first[domain] = min(version, first.get(domain, version))
    for domain, version in before if all_tenants else ():
        if domain in first and version > first[domain] and (domain, version) not in logged:
            yield RecordFault(None, "domain_pack", f"{domain} {version}", "unrecorded")


_Found = Iterator[tuple[str, int, str]]


def _policy_packs(stored: Catalogue) -> _Found:
    changes = _of_type(stored.log, "PolicyPackChanged")
    logged = {each.payload["version"]: each.payload["sha256"] for each in changes}
    for version, code in _compared(logged, stored.policy_packs):
        yield "policy_pack", version, code


def _playbooks(stored: Catalogue) -> _Found:
    published = _of_type(stored.log, "PlaybookPublished")
    logged = {each.payload["playbook_id"]: each.payload["sha256"] for each in published}
    for playbook_id, code in _compared(logged, stored.playbooks):
        yield "playbook", playbook_id, code
    retired = {each.payload["playbook_id"] for each in _of_type(stored.log, "PlaybookRetired")}
    for playbook_id, status in stored.statuses.items():
        is_known = playbook_id in logged or playbook_id in retired
        if is_known and (status == "retired") != (playbook_id in retired):
            yield "playbook", playbook_id, "status"


def _compared(logged: Mapping[int, str], stored: Mapping[int, str | None]) -> Iterator[tuple[int, str]]:
    for key, expected in logged.items():
        if key not in stored:
            yield key, "missing"
        elif stored[key] != expected:
            yield key, "changed"
    first = min(logged, default=None)
    yield from ((key, "unrecorded") for key in stored if first is not None and key > first and key not in logged)


def _of_type(log: Iterable[Event], event_type: str) -> Iterator[Event]:
    return (event for event in log if event.event_type == event_type)
