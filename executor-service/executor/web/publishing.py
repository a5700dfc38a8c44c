"""``/api/playbooks``, ``/api/policy-pack`` and ``/api/domain-packs``: the catalogue and the packs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from executor.bootstrap import Services
from executor.domain.documents import members, playbook_document
from executor.publishing import packs as pack_authoring
from executor.publishing import playbooks as playbook_authoring
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.web.actors import ACTOR_HEADERS, acting
from executor.web.queries import PlaybooksQuery, PublishQuery, left_out, paging
from sentinai.clock import format_time
from sentinai.conditions.explanation.explain import describe_document
from sentinai.database.tables import DomainPackRow, PolicyPackRow
from sentinai.problems import Finding, NotFound
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Catalogue", "Playbooks, the Policy Pack and Domain Packs.")
_Call = Call[Services]


@api.operation(
    "POST",
    "/api/playbooks",
    answers={201: "playbook", 200: "publish-answer"},
    role="author",
    body="playbook-publish",
    query=PublishQuery,
    request_headers=ACTOR_HEADERS,
)
def publish_playbook(call: _Call) -> Answer:
    """Publish a playbook as the next version under its name. Unchanged content creates no version."""
    published = playbook_authoring.publish(
        call.services.database,
        call.identity.tenant_id,
        call.body,
        acting(call.identity, call.headers),
        call.services.clock(),
        dry_run=call.query["dry_run"],
        cache=call.services.other_playbooks,
    )
    warnings = _json(published.warnings)
    if published.playbook is None or call.query["dry_run"]:
        checked = {"valid": True, "name": call.body["name"], "version": published.next_version}
        return Answer({**checked, "unchanged": not published.is_new, "warnings": warnings})
    document = {**playbook_document(published.playbook), "warnings": warnings}
    return Answer(document, 201 if published.is_new else 200)


@api.operation(
    "GET",
    "/api/playbooks",
    answers={200: "playbook-page"},
    role="viewer",
    query=PlaybooksQuery,
)
def list_playbooks(call: _Call) -> Answer:
    """List playbook versions, newest first."""
    query = call.query
    with call.services.database.read(call.identity.tenant_id) as session:
        playbooks, cursor, unreadable = playbook_store.page(
            session, status=query.get("status"), name=query.get("name"), **paging(query)
        )
    items = [playbook_document(each) for each in playbooks]
    return Answer({"items": items, "next_cursor": cursor, **left_out(unreadable)})


@api.operation("GET", "/api/playbooks/{playbook_id}", answers={200: "playbook"}, role="viewer")
def get_playbook(call: _Call, playbook_id: int) -> Answer:
    """Get one playbook version, with its conditions also in words."""
    with call.services.database.read(call.identity.tenant_id) as session:
        playbook = playbook_store.get_playbook(session, playbook_id)
    return Answer({**playbook_document(playbook), "in_words": describe_document(playbook.conditions)})


@api.operation(
    "POST",
    "/api/playbooks/{playbook_id}/retire",
    answers={200: "playbook"},
    role="author",
    body="actor-request",
    body_optional=True,
    request_headers=ACTOR_HEADERS,
)
def retire_playbook(call: _Call, playbook_id: int) -> Answer:
    """Retire a playbook version: it no longer matches. Exceptions on which it is in progress stay on it."""
    actor = acting(call.identity, call.headers, call.body)
    services = call.services
    playbook = playbook_authoring.retire(
        services.database, call.identity.tenant_id, playbook_id, actor, services.clock()
    )
    return Answer(playbook_document(playbook))


@api.operation("GET", "/api/policy-pack", answers={200: "stored-policy-pack"}, role="viewer")
def get_policy_pack(call: _Call) -> Answer:
    """Get the current Policy Pack; version 0, and empty, if none was stored."""
    tenant_id = call.identity.tenant_id
    with call.services.database.read(tenant_id) as session:
        row = pack_store.newest_policy_pack(session)
    if row is None:
        return Answer({"tenant_id": tenant_id, "version": 0, "pack": {}, "created_at": None})
    return Answer(_policy_pack(row))


@api.operation(
    "PUT",
    "/api/policy-pack",
    answers={200: "stored-policy-pack"},
    role="author",
    body="policy-pack",
    request_headers=ACTOR_HEADERS,
)
def put_policy_pack(call: _Call) -> Answer:
    """Store the next version of the Policy Pack. Unchanged content creates no version."""
    row, warnings = pack_authoring.put_policy_pack(
        call.services.database,
        call.identity.tenant_id,
        call.body,
        acting(call.identity, call.headers),
        call.services.clock(),
    )
    return Answer({**_policy_pack(row), "warnings": _json(warnings)})


@api.operation("GET", "/api/domain-packs/{domain}", answers={200: "stored-domain-pack"}, role="viewer")
def get_domain_pack(call: _Call, domain: str) -> Answer:
    """Get the current Domain Pack of a domain."""
    with call.services.database.read(call.identity.tenant_id) as session:
        row = pack_store.newest_domain_pack(session, domain)
    if row is None:
        raise NotFound(f"Domain Pack {domain!r} does not exist.")
    return Answer(_domain_pack(row))


@api.operation(
    "PUT",
    "/api/domain-packs/{domain}",
    answers={200: "stored-domain-pack"},
    role="admin",
    body="domain-pack",
    request_headers=ACTOR_HEADERS,
)
def put_domain_pack(call: _Call, domain: str) -> Answer:
    """Store the next version of a Domain Pack, which all tenants share."""
    row, warnings = pack_authoring.put_domain_pack(
        call.services.database,
        call.identity.tenant_id,
        domain,
        call.body,
        acting(call.identity, call.headers),
        call.services.clock(),
    )
    return Answer({**_domain_pack(row), "warnings": _json(warnings)})


def _json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [finding.to_json() for finding in findings]


def _policy_pack(row: PolicyPackRow) -> dict[str, Any]:
    return {**members(row, "tenant_id", "version", "pack"), "created_at": format_time(row.created_at)}


def _domain_pack(row: DomainPackRow) -> dict[str, Any]:
    return {**members(row, "domain", "version", "pack"), "created_at": format_time(row.created_at)}
