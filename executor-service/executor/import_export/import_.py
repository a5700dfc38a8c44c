"""Imports a bundle: validates everything, then stores all changes in one transaction, or none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from executor.domain.model import Actor, Packs, Playbook
from executor.import_export.bundle import Bundle, Document, file_text
from executor.import_export.export import stored_domain_packs
from executor.import_export.folder import FolderContent, InvalidFolder
from executor.publishing import packs, playbooks
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.store import tenants
from sentinai.conditions import domain_named
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.strict_json import same
from sentinai.problems import Finding, InvalidDocument, Problem
from sentinai.published import origin_in

IMPORTER = Actor("system", "import")
NEW, NEW_VERSION, UNCHANGED, RETIRED = "new", "new version", "unchanged", "retired"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one document. ``diff`` has the lines of a unified diff against the stored version."""

    kind: str
    name: str
    action: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of an import.

    ``dry_run`` stores nothing. ``retire_missing`` retires playbooks that are not in the bundle. ``domain_packs``
    stores Domain Packs that differ; without it they are rejected, because all tenants share them.
    """

    dry_run: bool = False
    retire_missing: bool = False
    domain_packs: bool = False


@dataclass(frozen=True, slots=True)
class _Stored:
    """The tenant's catalogue before the import."""

    policy_pack: Document | None
    domain_packs: Mapping[str, Document]
    playbooks: Mapping[str, Playbook]


def import_bundle(
    database: Database,
    tenant_id: str,
    content: FolderContent,
    actor: Actor,
    now: datetime,
    options: Options,
    on_checked: Callable[[], None] = lambda: None,
) -> list[Change]:
    """Store the documents that differ from the stored ones. Returns what happens to each document.

    ``on_checked`` is called for each playbook that has been validated.

    Raises:
        InvalidFolder: documents are not valid; with every finding of every file. Nothing was stored.
    """
    bundle = content.bundle

    def plan(session: TenantSession) -> tuple[_Stored, list[Change]]:
        stored = _read_stored(session, bundle)
        _check(tenant_id, content, stored, options, on_checked)
        return stored, [*_pack_changes(bundle, stored), *_playbook_changes(bundle, stored, options)]

    def work(session: TenantSession) -> list[Change]:
        tenants.ensure_tenant(session, tenant_id)
        tenants.lock_catalogue(session)
        stored, changes = plan(session)
        _store(session, bundle, stored, changes, actor, now)
        return changes

    if options.dry_run:
        with database.read(tenant_id) as session:
            return plan(session)[1]
    return database.write(tenant_id, work)


def _read_stored(session: TenantSession, bundle: Bundle) -> _Stored:
    row = pack_store.newest_policy_pack(session)
    policy_pack = row.pack if row else None
    domains = {domain_named(document.get("conditions")) for document in bundle.playbooks.values()}
    domains |= {(pack or {}).get("domain_name") for pack in (bundle.policy_pack, policy_pack)}
    domains |= set(bundle.domain_packs)
    return _Stored(
        policy_pack=policy_pack,
        domain_packs=stored_domain_packs(session, (name for name in domains if isinstance(name, str))),
        playbooks=playbook_store.newest_active_playbooks(session),
    )


def _check(
    tenant_id: str, content: FolderContent, stored: _Stored, options: Options, on_checked: Callable[[], None]
) -> None:
    findings: dict[Path, Sequence[Finding]] = {}

    def collect(kind: str, name: str, check: Callable[[], object]) -> None:
        try:
            check()
        except Problem as problem:
            findings[content.sources[kind, name]] = problem.findings or [Finding("", problem.code, problem.detail)]

    bundle = content.bundle
    if bundle.policy_pack is not None:
        collect("policy pack", "", partial(packs.check_policy_pack, tenant_id, bundle.policy_pack))
    for name, pack in bundle.domain_packs.items():
        collect("domain pack", name, partial(packs.check_domain_pack, name, pack))
        if not options.domain_packs and not same(pack, stored.domain_packs.get(name)):
            collect("domain pack", name, _reject_shared)
    for name, document in bundle.playbooks.items():
        collect(
            "playbook", name, partial(playbooks.check_playbook, document, _packs_for(document, bundle, stored))
        )
        on_checked()
    if findings:
        raise InvalidFolder(findings)


def _reject_shared() -> None:
    message = "The pack differs from the stored Domain Pack, which all tenants share."
    hint = "To store it for all tenants, pass --domain-packs."
    raise InvalidDocument.about("The import is not allowed", [Finding("", "shared", message, hint)])


def _packs_for(document: Document, bundle: Bundle, stored: _Stored) -> Packs:
    policy = bundle.policy_pack or stored.policy_pack or {}
    domain = domain_named(document.get("conditions")) or policy.get("domain_name") or ""
    return Packs(domain=bundle.domain_packs.get(domain) or stored.domain_packs.get(domain) or {}, policy=policy)


def _pack_changes(bundle: Bundle, stored: _Stored) -> list[Change]:
    changes = []
    if bundle.policy_pack is not None:
        changes.append(_change("policy pack", "", stored.policy_pack, bundle.policy_pack))
    for name, pack in bundle.domain_packs.items():
        changes.append(_change("domain pack", name, stored.domain_packs.get(name), pack))
    return changes


def _playbook_changes(bundle: Bundle, stored: _Stored, options: Options) -> list[Change]:
    changes = []
    for name, document in bundle.playbooks.items():
        current = stored.playbooks.get(name)
        if current is not None and playbooks.has_content(current, document):
            changes.append(Change("playbook", name, UNCHANGED))
        else:
            before = playbooks.publish_document(current) if current else None
            changes.append(_change("playbook", name, before, document))
    if options.retire_missing:
        missing = sorted(set(stored.playbooks) - set(bundle.playbooks))
        changes += [Change("playbook", name, RETIRED) for name in missing]
    return changes


def _change(kind: str, name: str, before: Document | None, after: Document) -> Change:
    if before is None:
        return Change(kind, name, NEW)
    if same(before, after):
        return Change(kind, name, UNCHANGED)
    lines = difflib.unified_diff(file_text(before).splitlines(), file_text(after).splitlines(), n=2, lineterm="")
    return Change(kind, name, NEW_VERSION, tuple(lines)[2:])


def _place(bundle: Bundle, change: Change) -> tuple[Any, ...]:
    """Playbooks are stored in the order in which they were published elsewhere, so that they rank the same here.

    Those without a date come after them, in the order of their files.
    """
    document = bundle.playbooks.get(change.name) if change.kind == "playbook" else None
    origin = document and origin_in(bundle.published, change.name, document["conditions"])
    return (False, *origin) if origin else (True,)


def _store(
    session: TenantSession,
    bundle: Bundle,
    stored: _Stored,
    changes: Sequence[Change],
    actor: Actor,
    now: datetime,
) -> None:
    changed = [change for change in changes if change.action != UNCHANGED]
    changed.sort(key=partial(_place, bundle))
    versions = playbook_store.newest_versions(session)
    for change in changed:
        if change.kind == "policy pack" and bundle.policy_pack is not None:
            pack_store.add_policy_pack(session, bundle.policy_pack, actor, now)
        elif change.kind == "playbook" and change.action == RETIRED:
            playbook_store.retire(session, stored.playbooks[change.name], actor, now)
        elif change.kind == "playbook":
            version = versions.get(change.name, 0) + 1
            playbook_store.add_playbook(session, bundle.playbooks[change.name], version, actor, now)
        else:
            pack_store.add_domain_pack(session, change.name, bundle.domain_packs[change.name], actor, now)
