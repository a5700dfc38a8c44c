"""The log of the catalogue over HTTP: who stored and retired what, chained, a tenant's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.casework import Casework, call, domain_pack, new_casework, note
from tests.support.threaded import Threaded

from sentinai.documents.schemas import check

LOG = "/api/catalogue/events"


def _without_digests(events: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (each["event_type"], {name: value for name, value in each["payload"].items() if name != "sha256"})
        for each in events
    ]


def test_every_change_is_an_event_that_says_what_and_who(work: Casework):
    first = work.publish("Visit", [note()])
    changed = {**work.playbook("Visit", [note(), call()]), "description": "Look, then read again."}
    author = work.acting({"actor_type": "human", "actor_id": "amina"}, "author")
    second = author.ok("POST", "/api/playbooks", changed)["playbook_id"]
    work.policy(tags=["night"], approved_tools=["reread_meter", "cut_supply"])
    pack = {**domain_pack(work.domain), "severity_rules": []}
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", pack)
    author.ok("POST", f"/api/playbooks/{second}/retire")
    log = work.catalogue_events()
    visit = {"playbook_name": "Visit"}
    assert _without_digests(log) == [
        (
            "DomainPackChanged",
            {
                "domain": work.domain,
                "version": 1,
                "previous_version": None,
                "changed": sorted(domain_pack(work.domain)),
            },
        ),
        ("PolicyPackChanged", {"version": 1, "previous_version": None, "changed": ["approved_tools"]}),
        (
            "PlaybookPublished",
            {
                **visit,
                "playbook_id": first,
                "playbook_version": 1,
                "previous_version": None,
                "changed": ["conditions", "steps"],
            },
        ),
        (
            "PlaybookPublished",
            {
                **visit,
                "playbook_id": second,
                "playbook_version": 2,
                "previous_version": 1,
                "changed": ["description", "steps"],
            },
        ),
        ("PolicyPackChanged", {"version": 2, "previous_version": 1, "changed": ["approved_tools", "tags"]}),
        (
            "DomainPackChanged",
            {"domain": work.domain, "version": 2, "previous_version": 1, "changed": ["severity_rules"]},
        ),
        ("PlaybookRetired", {**visit, "playbook_id": second, "playbook_version": 2}),
    ]
    by = ["noor", "noor", "noor", "amina", "noor", "noor", "amina"]
    assert [(each["actor_type"], each["actor_id"]) for each in log] == [("human", name) for name in by]


def test_the_log_is_chained_and_verifies_itself(work: Casework):
    playbook_id = work.publish("Visit", [note()])
    work.admin.ok("POST", f"/api/playbooks/{playbook_id}/retire")
    log = work.catalogue_events()
    assert [each["seq"] for each in log] == [1, 2, 3, 4]
    assert [each["prev_hash"] for each in log] == ["0" * 64, *(each["hash"] for each in log[:-1])]
    assert {(each["tenant_id"], each["exception_id"]) for each in log} == {(work.tenant_id, None)}
    proof = work.admin.ok("GET", f"{LOG}/verify")
    assert check("chain-check", proof) == []
    assert proof == {"valid": True, "events": 4, "first_broken_seq": None}


def test_what_changes_nothing_is_no_event(work: Casework):
    playbook_id = work.publish("Visit", [note()])
    work.admin.ok("POST", f"/api/playbooks/{playbook_id}/retire")
    again = work.publish("Visit", [note()])
    before = work.catalogue_events()
    assert work.publish("Visit", [note()]) == again
    work.admin.ok("POST", f"/api/playbooks/{playbook_id}/retire")
    work.policy()
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", domain_pack(work.domain))
    work.admin.ok("POST", "/api/playbooks", work.playbook("New", [note()]), params={"dry_run": "true"})
    work.admin.problem(422, "invalid_document", "POST", "/api/playbooks", {"name": "Wrong"})
    work.admin.problem(404, "not_found", "POST", "/api/playbooks/999999999/retire")
    assert work.catalogue_events() == before


@pytest.mark.parametrize("limit", [1, 2, 200])
def test_pages_give_the_whole_log(work: Casework, limit: int):
    for number in range(3):
        work.publish(f"Visit {number}", [note()])
    query, paged = {"limit": limit}, []
    while True:
        page = work.admin.ok("GET", LOG, params=query)
        assert check("event-page", page) == []
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert paged == work.catalogue_events()
    assert len(paged) == 5


def test_the_log_is_read_after_a_place_and_by_type(work: Casework):
    work.publish("Visit", [note()])
    work.policy(tags=["night"])
    log = work.catalogue_events()
    assert work.admin.ok("GET", LOG, params={"after_seq": 2})["items"] == log[2:]
    assert work.admin.ok("GET", LOG, params={"after_seq": 99})["items"] == []
    assert work.catalogue_events("PolicyPackChanged") == [log[1], log[3]]
    assert work.catalogue_events("CommentAdded") == []
    for query in ({"after_seq": -1}, {"limit": 0}, {"wait": 1}):
        work.admin.problem(422, "invalid_query", "GET", LOG, params=query)
    work.admin.problem(400, "invalid_cursor", "GET", LOG, params={"cursor": "xyz"})


def test_a_tenant_has_a_log_of_its_own(work: Casework, pair: Threaded):
    other = new_casework(pair, pair.clock())
    other.publish("Visit", [note()])
    before = work.catalogue_events()
    # All tenants share a Domain Pack; the event is in the log of the tenant for which it was stored.
    pack = {**domain_pack(work.domain), "severity_rules": []}
    other.admin.ok("PUT", f"/api/domain-packs/{work.domain}", pack)
    assert work.catalogue_events() == before
    newest = other.catalogue_events()[-1]
    assert (newest["event_type"], newest["payload"]["version"], newest["tenant_id"]) == (
        "DomainPackChanged",
        2,
        other.tenant_id,
    )
    assert pair.client(f"{work.tenant_id}-new", "viewer").ok("GET", LOG)["items"] == []


def test_what_is_stored_at_once_is_logged_one_after_the_other(work: Casework):
    def publish(number: int) -> int:
        return work.publish(f"Visit {number % 4}", [note(text=f"Seen {number}.")])

    with ThreadPoolExecutor(6) as callers:
        playbook_ids = sorted(callers.map(publish, range(18)))
    log = work.catalogue_events()
    assert [each["seq"] for each in log] == list(range(1, len(log) + 1))
    published = [each["payload"] for each in log if each["event_type"] == "PlaybookPublished"]
    assert sorted(each["playbook_id"] for each in published) == sorted(set(playbook_ids))
    for payload in published:
        assert payload["previous_version"] == (payload["playbook_version"] - 1 or None)
    assert work.admin.ok("GET", f"{LOG}/verify")["valid"]
