"""Taking a bundle in: everything is checked first, then all of it is stored in one transaction, or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from executor.domain.model import Packs, Playbook
from executor.import_export.bundle import Bundle, Document, playbook_as_written, text_of
from executor.import_export.export import stored_domain_packs
from executor.import_export.folder import Read, UnreadableFolder
from executor.publishing import packs, playbooks
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.store import tenants
from sentinai.conditions import domain_named
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.strict_json import same
from sentinai.problems import Finding, InvalidDocument, Problem
from sentinai.versions import newest

NEW, NEW_VERSION, UNCHANGED, RETIRED = "new", "new version", "unchanged", "retired"
Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one document. ``diff`` has the lines of a unified diff where a version stands already."""

    kind: str
    name: str
    action: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to take a bundle in.

    ``dry_run`` stores nothing. ``retire_missing`` takes playbooks out of use that the bundle has not.
    ``domain_packs`` stores Domain Packs that differ; without it that is refused, for other tenants share them.
    """

    dry_run: bool = False
    retire_missing: bool = False
    domain_packs: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the tenant has now."""

    policy_pack: Document | None
    domain_packs: Mapping[str, Document]
    playbooks: Mapping[str, Playbook]


def import_bundle(
    database: Database, tenant_id: str, given: Read, now: datetime, options: Options, tick: Tick = lambda: None
) -> list[Change]:
    """Store what differs from what stands; the changes, in order of kind and name. Again, it changes nothing.

    ``tick`` is called once for each playbook that was checked.

    Raises:
        UnreadableFolder: documents may not be stored; every finding of every file. Nothing was stored.
    """
    bundle = given.bundle

    def check(session: TenantSession) -> tuple[_Standing, list[Change]]:
        standing = _standing(session, bundle)
        _check(tenant_id, given, standing, options, tick)
        return standing, [*_pack_changes(bundle, standing), *_playbook_changes(bundle, standing, options)]

    def work(session: TenantSession) -> list[Change]:
        tenants.ensure_tenant(session, tenant_id)
        tenants.lock_catalogue(session)
        standing, changes = check(session)
        _store(session, bundle, standing, changes, now)
        return changes

    if options.dry_run:
        with database.read(tenant_id) as session:
            return check(session)[1]
    return database.write(tenant_id, work)


def _standing(session: TenantSession, bundle: Bundle) -> _Standing:
    row = pack_store.newest_policy_pack(session)
    policy_pack = row.pack if row else None
    domains = {domain_named(document.get("conditions")) for document in bundle.playbooks.values()}
    domains |= {(pack or {}).get("domain_name") for pack in (bundle.policy_pack, policy_pack)}
    named = {name for name in domains if isinstance(name, str)} | set(bundle.domain_packs)
    return _Standing(
        policy_pack=policy_pack,
        domain_packs=stored_domain_packs(session, named),
        playbooks=newest(playbook_store.active_playbooks(session)),
    )


def _check(tenant_id: str, given: Read, standing: _Standing, options: Options, tick: Tick) -> None:
    wrong: dict[Path, Sequence[Finding]] = {}

    def hold(kind: str, name: str, check: Callable[[], object]) -> None:
        try:
            check()
        except Problem as problem:
            wrong[given.sources[kind, name]] = problem.findings or [Finding("", problem.code, problem.detail)]

    bundle = given.bundle
    if bundle.policy_pack is not None:
        hold("policy pack", "", partial(packs.check_policy_pack, tenant_id, bundle.policy_pack))
    for name, pack in bundle.domain_packs.items():
        hold("domain pack", name, partial(packs.check_domain_pack, name, pack))
        if not options.domain_packs and not same(pack, standing.domain_packs.get(name)):
            hold("domain pack", name, _refuse_shared)
    for name, document in bundle.playbooks.items():
        hold("playbook", name, partial(playbooks.check_playbook, document, _packs_for(document, bundle, standing)))
        tick()
    if wrong:
        raise UnreadableFolder(wrong)


def _refuse_shared() -> None:
    raise InvalidDocument(
        "The pack differs from the one that is stored, which tenants share.",
        findings=[
            Finding(
                "", "shared", "It differs from the one that is stored, which tenants share.", "Say --domain-packs."
            )
        ],
    )


def _packs_for(document: Document, bundle: Bundle, standing: _Standing) -> Packs:
    policy = bundle.policy_pack or standing.policy_pack or {}
    domain = domain_named(document.get("conditions")) or policy.get("domain_name")
    pack = bundle.domain_packs.get(domain or "") or standing.domain_packs.get(domain or "") or {}
    return Packs(domain=pack, policy=policy)


def _pack_changes(bundle: Bundle, standing: _Standing) -> list[Change]:
    changes = []
    if bundle.policy_pack is not None:
        changes.append(_change("policy pack", "", standing.policy_pack, bundle.policy_pack))
    for name, pack in bundle.domain_packs.items():
        changes.append(_change("domain pack", name, standing.domain_packs.get(name), pack))
    return changes


def _playbook_changes(bundle: Bundle, standing: _Standing, options: Options) -> list[Change]:
    changes = []
    for name, document in bundle.playbooks.items():
        stands = standing.playbooks.get(name)
        if stands is not None and playbooks.is_content_of(stands, document):
            changes.append(Change("playbook", name, UNCHANGED))
        else:
            before = playbook_as_written(stands) if stands else None
            changes.append(_change("playbook", name, before, document))
    if options.retire_missing:
        missing = sorted(set(standing.playbooks) - set(bundle.playbooks))
        changes += [Change("playbook", name, RETIRED) for name in missing]
    return changes


def _change(kind: str, name: str, before: Document | None, after: Document) -> Change:
    if before is None:
        return Change(kind, name, NEW)
    if same(before, after):
        return Change(kind, name, UNCHANGED)
    lines = difflib.unified_diff(text_of(before).splitlines(), text_of(after).splitlines(), n=2, lineterm="")
    return Change(kind, name, NEW_VERSION, tuple(lines)[2:])


def _store(
    session: TenantSession, bundle: Bundle, standing: _Standing, changes: Sequence[Change], now: datetime
) -> None:
    wanted = [change for change in changes if change.action != UNCHANGED]
    versions = playbook_store.newest_versions(session)
    for change in wanted:
        if change.kind == "policy pack" and bundle.policy_pack is not None:
            pack_store.add_policy_pack(session, bundle.policy_pack, now)
        elif change.kind == "playbook" and change.action == RETIRED:
            playbook_store.retire(session, standing.playbooks[change.name].playbook_id)
        elif change.kind == "playbook":
            version = versions.get(change.name, 0) + 1
            playbook_store.add_playbook(session, bundle.playbooks[change.name], version, now)
    # Last, for they belong to no tenant: what follows in the transaction could not see this one's rows.
    for change in wanted:
        if change.kind == "domain pack":
            pack_store.add_domain_pack(session, change.name, bundle.domain_packs[change.name], now)
