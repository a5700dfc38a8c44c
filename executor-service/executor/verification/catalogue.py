"""Checks a tenant's packs and playbooks against the log of who published and retired them.

What was published before there was this log is not in it, and is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from executor.domain.model import Event
from executor.store import integrity, packs, playbooks
from executor.verification.report import CatalogueFault
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession

Version = tuple[str, int]
"""A domain and the version of its pack."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: events read, faults, and the versions of Domain Packs that the log has."""

    events: int
    faults: list[CatalogueFault]
    domain_packs: set[Version] = field(default_factory=set)


def check(session: TenantSession) -> Checked:
    """Check the catalogue of the session's tenant. What a broken log says is not compared."""
    found, log = integrity.verify_catalogue_log(session)
    if not found.valid:
        fault = CatalogueFault(session.tenant_id, "log", "", "broken_chain", found.first_broken_seq)
        return Checked(found.events, [fault])
    domain_packs = {
        (event.payload["domain"], event.payload["version"]): event.payload["sha256"]
        for event in _of_type(log, "DomainPackChanged")
    }
    faults = [
        CatalogueFault(session.tenant_id, kind, key, code)
        for kind, key, code in (
            *_policy_packs(session, log),
            *_domain_packs(session, domain_packs),
            *_playbooks(session, log),
        )
    ]
    return Checked(found.events, faults, set(domain_packs))


def unrecorded_domain_packs(database: Database, logged: set[Version]) -> list[CatalogueFault]:
    """Versions of Domain Packs that no tenant's log has, although one has an earlier version."""
    first: dict[str, int] = {}
    for domain, version in logged:
        first[domain] = min(version, first.get(domain, version))
    return [
        CatalogueFault(None, "domain_pack", f"{domain} {version}", "unrecorded")
        for domain, version in packs.domain_pack_versions(database)
        if domain in first and version > first[domain] and (domain, version) not in logged
    ]


_Found = Iterator[tuple[str, str, str]]


def _policy_packs(session: TenantSession, log: Iterable[Event]) -> _Found:
    logged = {event.payload["version"]: event.payload["sha256"] for event in _of_type(log, "PolicyPackChanged")}
    stored = packs.policy_pack_digests(session)
    for version, code in _compared(logged, stored):
        yield "policy_pack", str(version), code


def _domain_packs(session: TenantSession, logged: Mapping[Version, str]) -> _Found:
    for (domain, version), expected in logged.items():
        stored = packs.domain_pack_digest(session, domain, version)
        if stored != expected:
            yield "domain_pack", f"{domain} {version}", "missing" if stored is None else "changed"


def _playbooks(session: TenantSession, log: list[Event]) -> _Found:
    logged = {
        event.payload["playbook_id"]: event.payload["sha256"] for event in _of_type(log, "PlaybookPublished")
    }
    statuses = {each.playbook_id: each.status for each in playbooks.versions(session)}
    for playbook_id, code in _compared(logged, playbooks.digests(session, sorted(statuses))):
        yield "playbook", str(playbook_id), code
    retired = {event.payload["playbook_id"] for event in _of_type(log, "PlaybookRetired")}
    for playbook_id, status in statuses.items():
        is_known = playbook_id in logged or playbook_id in retired
        if is_known and (status == "retired") != (playbook_id in retired):
            yield "playbook", str(playbook_id), "status"


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
