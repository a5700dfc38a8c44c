"""The workbench page, and its data beyond the public API: the author's own packs and playbooks."""

from __future__ import annotations

from flask import Blueprint, Response, g, render_template
from sqlalchemy import select

from matcher.web.workbench import access
from matcher.web.workbench.access import services
from matcher.web.workbench.material import material
from sentinai.database.corruption import reading
from sentinai.database.tables import PlaybookRow
from sentinai.documents import strict_json
from sentinai.problems import NotFound

pages = Blueprint(
    "workbench",
    __name__,
    url_prefix="/workbench",
    template_folder="templates",
    static_folder="static",
    static_url_path="/assets",
)
access.guard(pages)


@pages.get("")
def page() -> str:
    """The workbench page; its script fetches everything on it."""
    return render_template("workbench/workbench.html")


@pages.get("/material")
def material_of_tenant() -> Response:
    """The data for completion, samples and starting points."""
    catalogue = services().catalogues.current(g.person.tenant_id).stored
    policy = catalogue.policy_pack
    found = material(
        domain_packs={name: stored.pack for name, stored in catalogue.domain_packs.items()},
        policy_pack=policy.pack if policy else {},
        playbooks=catalogue.playbooks.values(),
        now=services().clock(),
    )
    return Response(strict_json.dumps(found), mimetype="application/json")


@pages.get("/playbooks/<int:playbook_id>")
def conditions_of_playbook(playbook_id: int) -> Response:
    """The conditions of a published playbook, as its author wrote them."""
    with services().database.read(g.person.tenant_id) as db, reading(f"Playbook {playbook_id}"):
        row = db.execute(
            select(PlaybookRow.name, PlaybookRow.version, PlaybookRow.conditions).where(
                PlaybookRow.playbook_id == playbook_id
            )
        ).one_or_none()
    if row is None:
        raise NotFound(f"There is no playbook {playbook_id}.")
    found = {"playbook_id": playbook_id, "name": row.name, "version": row.version, "conditions": row.conditions}
    return Response(strict_json.dumps(found), mimetype="application/json")
