"""Publishing, retiring, packs, and what playbooks come to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.support.casework import PERSON, Casework, call, note, own, step_path, tell, to_status
from tests.support.pair import Client
from tests.support.threaded import Threaded

from sentinai.documents.schemas import check


def test_what_is_published_is_answered_and_read_again(work: Casework):
    document = work.playbook("Visit", [tell(), note()], severity_in=["low"], priority=4)
    document["description"] = "Go and look."
    answer = work.admin("POST", "/api/playbooks", document)
    stored = answer.json()
    assert (answer.status_code, stored["version"], stored["status"]) == (201, 1, "active")
    assert [step["step_order"] for step in stored["steps"]] == [1, 2]
    read = work.admin.ok("GET", f"/api/playbooks/{stored['playbook_id']}")
    assert check("playbook", read) == []
    assert (read["conditions"], read["description"]) == (document["conditions"], "Go and look.")
    assert any("severity" in words for words in read["in_words"])


def test_the_same_again_makes_no_version_and_another_makes_the_next(work: Casework):
    document = work.playbook("Visit", [note()])
    first = work.admin.ok("POST", "/api/playbooks", document)
    again = work.admin("POST", "/api/playbooks", document)
    assert (again.status_code, again.json()["playbook_id"]) == (200, first["playbook_id"])
    other = work.admin("POST", "/api/playbooks", {**document, "steps": [note(), own(queue="field")]})
    assert (other.status_code, other.json()["version"]) == (201, 2)
    assert other.json()["playbook_id"] != first["playbook_id"]
    assert work.state(work.create_exception())["playbook"]["version"] == 2


def test_a_truth_value_in_the_place_of_a_number_is_other_content(work: Casework):
    first = work.admin.ok("POST", "/api/playbooks", work.playbook("Visit", [call(meter="M", confirm=1)]))
    second = work.admin.ok("POST", "/api/playbooks", work.playbook("Visit", [call(meter="M", confirm=True)]))
    assert (first["version"], second["version"]) == (1, 2)
    assert second["steps"][0]["params"]["payload_template"]["confirm"] is True
    path = f"/api/domain-packs/{work.domain}"
    tools = [{"t": {"parameters": {"properties": {"n": {"const": n}}}}} for n in (1, True, True)]
    versions = [work.admin.ok("PUT", path, {"tools": each})["version"] for each in tools]
    assert versions == [2, 3, 3]
    rules = [{"tag_rules": [{"tag": "t", "when": {"===": [{"var": "x"}, value]}}]} for value in (1, 1.0, True)]
    assert [work.policy(**rule)["version"] for rule in rules] == [2, 2, 3]


def test_a_retired_version_published_again_is_a_new_one(work: Casework):
    document = work.playbook("Visit", [note()])
    first = work.admin.ok("POST", "/api/playbooks", document)
    work.admin.ok("POST", f"/api/playbooks/{first['playbook_id']}/retire")
    again = work.admin("POST", "/api/playbooks", document)
    assert (again.status_code, again.json()["version"]) == (201, 2)


def test_a_dry_run_checks_and_stores_nothing(work: Casework):
    document = work.playbook("Visit", [note()])
    dry = work.admin("POST", "/api/playbooks?dry_run=true", document)
    assert dry.status_code == 200
    assert check("publish-answer", dry.json()) == []
    assert (dry.json()["valid"], dry.json()["version"]) == (True, 1)
    assert work.admin.ok("GET", "/api/playbooks")["items"] == []
    work.admin.ok("POST", "/api/playbooks", document)
    assert work.admin.ok("POST", "/api/playbooks?dry_run=true", document)["unchanged"] is True
    broken = {**document, "steps": []}
    work.admin.problem(422, "invalid_document", "POST", "/api/playbooks?dry_run=true", broken)


def test_two_who_publish_at_once_get_two_versions(work: Casework):
    documents = [work.playbook("Visit", [note(text=f"By {number}.")]) for number in range(6)]
    clients = [work.acting({"actor_type": "human", "actor_id": f"a-{n}"}, "author") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(_publish, clients, documents)
    assert sorted(answer["version"] for answer in answers) == [1, 2, 3, 4, 5, 6]


def _publish(client: Client, document: dict[str, Any]) -> Any:
    return client.ok("POST", "/api/playbooks", document)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"steps": []}, "/steps"),
        ({"steps": [{"name": "X", "action_type": "explode", "params": {}}]}, "/steps/0/action_type"),
        ({"steps": [note(), {"name": "X", "action_type": "notify", "params": {}}]}, "/steps/1/params"),
        ({"steps": [note(text="{exception.entity")]}, "/steps/0/params/text_template"),
        ({"steps": [note(text="{nobody.knows}")]}, "/steps/0/params/text_template"),
        ({"steps": [{**note(), "step_order": 2}]}, "/steps/0/step_order"),
        ({"steps": [note(), to_status("open")]}, "/steps/1/params/status"),
        ({"conditions": {}}, "/conditions"),
        ({"conditions": {"match": {"severty": "high"}}}, "/conditions/match/severty"),
        ({"conditions": {"match": {"amount_gt": "12"}}}, "/conditions/match/amount_gt"),
        ({"conditions": {"logic": {"method": [{"var": "exception"}, "keys"]}}}, "/conditions/logic"),
        ({"on_completion": {"set_status": "done"}}, "/on_completion/set_status"),
        ({"name": ""}, "/name"),
    ],
)
def test_a_mistake_is_refused_at_its_pointer(work: Casework, change: dict[str, Any], pointer: str):
    document = {**work.playbook("Visit", [note()]), **change}
    problem = work.admin.problem(422, "invalid_document", "POST", "/api/playbooks", document)
    assert any(error["pointer"].startswith(pointer) for error in problem["errors"])
    assert work.admin.ok("GET", "/api/playbooks")["items"] == []


def test_warnings_do_not_prevent_publication(work: Casework):
    work.policy(assignable={"queues": ["office"], "users": []})
    steps = [own(queue="field"), call("unknown_tool"), tell(template_id="unknown")]
    end = {"set_status": "open"}
    document = work.playbook("Doubtful", steps, exception_type="Meter Silnt", on_completion=end)
    answer = work.admin("POST", "/api/playbooks", document)
    assert answer.status_code == 201
    pointers = {warning["pointer"] for warning in answer.json()["warnings"]}
    assert {"/steps/0/params/queue", "/steps/2/params/template_id", "/on_completion/set_status"} <= pointers
    assert any(pointer.startswith("/steps/1/params") for pointer in pointers)
    assert any(pointer.startswith("/conditions/match") for pointer in pointers)


def test_a_playbook_that_is_never_selected_causes_a_warning(work: Casework):
    work.publish("Wide", [note()], priority=10)
    document = work.playbook("Narrow", [note()], severity="high", priority=1)
    warnings = work.admin.ok("POST", "/api/playbooks?dry_run=true", document)["warnings"]
    assert any("Wide" in warning["message"] for warning in warnings)


def test_retiring_takes_out_of_matching_and_leaves_running_ones(work: Casework):
    playbook_id = work.publish("Old", [note(), note()])
    running = work.create_exception()
    work.complete(running, 1)
    for _ in range(2):
        assert work.admin.ok("POST", f"/api/playbooks/{playbook_id}/retire")["status"] == "retired"
    assert work.admin.ok("GET", f"/api/exceptions/{work.create_exception()}")["playbook"] is None
    assert work.complete(running, 2)["outcome"] == "completed"
    assert work.state(running)["playbook"]["status"] == "retired"


def test_playbooks_are_listed_narrowed_and_paged(work: Casework):
    ids = [work.publish(name, [note(text=f"{number}")]) for number, name in enumerate(("A", "B", "A", "C"))]
    work.admin.ok("POST", f"/api/playbooks/{ids[1]}/retire")

    def listed(**query: Any) -> list[int]:
        return [item["playbook_id"] for item in work.admin.ok("GET", "/api/playbooks", params=query)["items"]]

    assert listed() == ids[::-1]
    assert listed(name="A") == [ids[2], ids[0]]
    assert listed(status="retired") == [ids[1]]
    first = work.admin.ok("GET", "/api/playbooks", params={"limit": 3})
    assert listed(limit=3, cursor=first["next_cursor"]) == [ids[0]]


def test_a_policy_pack_makes_versions_only_of_what_changed(work: Casework):
    first = work.admin.ok("GET", "/api/policy-pack")
    assert (first["version"], first["pack"]) == (1, {"approved_tools": ["reread_meter"]})
    assert work.policy()["version"] == 1
    assert work.policy(tags=["winter"])["version"] == 2
    assert work.admin.ok("GET", "/api/policy-pack")["pack"]["tags"] == ["winter"]


def test_a_policy_pack_counts_from_the_very_next_exception(work: Casework):
    playbook_id = work.publish("Winter", [note()], policy_tags=["winter"])
    assert work.admin.ok("GET", f"/api/exceptions/{work.create_exception()}")["current_playbook_id"] is None
    rule = {"tag": "winter", "when": {">": [{"var": "exception.amount"}, 1000]}}
    work.policy(tag_rules=[rule])
    assert work.admin.ok("GET", f"/api/exceptions/{work.create_exception()}")["current_playbook_id"] == playbook_id
    assert (
        work.admin.ok("GET", f"/api/exceptions/{work.create_exception(amount=9)}")["current_playbook_id"] is None
    )


def test_a_tenant_without_a_policy_pack_has_an_empty_one(work: Casework, pair: Threaded):
    newcomer = pair.client(f"{work.tenant_id}-new", "viewer")
    assert newcomer.ok("GET", "/api/policy-pack") == {
        "tenant_id": f"{work.tenant_id}-new",
        "version": 0,
        "pack": {},
        "created_at": None,
    }


@pytest.mark.parametrize(
    "pack",
    [
        {"approved_tools": "all"},
        {"colour": "red"},
        {"status_transitions": {"open": ["closed"]}},
        {"severity_overrides": [{"severity": "worst"}]},
        {"tag_rules": [{"tag": "x", "when": {"method": ["", "upper"]}}]},
        {"tenant_id": "another tenant"},
    ],
)
def test_an_invalid_policy_pack_is_refused(work: Casework, pack: dict[str, Any]):
    work.admin.problem(422, "invalid_document", "PUT", "/api/policy-pack", pack)
    assert work.admin.ok("GET", "/api/policy-pack")["version"] == 1


def test_a_policy_pack_of_another_tenant_is_refused(work: Casework):
    work.admin.problem(403, "tenant_mismatch", "PUT", "/api/policy-pack", {"tenant_id": "elsewhere"})


def test_a_domain_pack_is_shared_and_makes_versions_only_of_what_changed(work: Casework, pair: Threaded):
    path = f"/api/domain-packs/{work.domain}"
    stored = work.admin.ok("GET", path)
    assert stored["version"] == 1
    assert work.admin.ok("PUT", path, stored["pack"])["version"] == 1
    assert work.admin.ok("PUT", path, {**stored["pack"], "tools": {}})["version"] == 2
    neighbour = pair.client(f"{work.tenant_id}-two", "viewer")
    assert neighbour.ok("GET", path)["pack"]["tools"] == {}


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("viewer", (403, 403, 403)),
        ("operator", (403, 403, 403)),
        ("author", (201, 200, 403)),
        ("admin", (201, 200, 200)),
    ],
)
def test_authors_publish_and_admins_keep_domain_packs(work: Casework, role: str, status: tuple[int, ...]):
    caller = work.acting(PERSON, role)
    answers = (
        caller("POST", "/api/playbooks", work.playbook("Mine", [note()])),
        caller("PUT", "/api/policy-pack", {}),
        caller("PUT", f"/api/domain-packs/{work.domain}", {"domain_name": work.domain}),
    )
    assert tuple(answer.status_code for answer in answers) == status
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} <= {"forbidden"}


def test_analytics_sum_up_what_was_started_completed_and_skipped(work: Casework, pair: Threaded):
    playbook_id = work.publish("Two", [note(), note("Last")])
    for minutes, skip, allowed in ((10, False, 60), (30, True, 20), (50, False, 90)):
        deadline = pair.clock() + timedelta(minutes=allowed)
        exception_id = work.create_exception(sla_deadline=deadline.isoformat())
        work.complete(exception_id, 1)
        pair.clock.advance(minutes=minutes)
        verb, body = ("skip", {**PERSON, "reason": "No."}) if skip else ("complete", PERSON)
        work.admin.ok("POST", step_path(exception_id, 2, verb), body)
    work.complete(work.create_exception(), 1)
    answer = work.admin.ok("GET", "/api/analytics/playbooks")
    assert check("playbook-analytics", answer) == []
    [item] = answer["items"]
    assert (item["playbook_id"], item["recommended"], item["started"], item["completed"]) == (playbook_id, 4, 4, 3)
    assert (item["skipped_steps"], item["sla_kept"], item["sla_missed"]) == (1, 2, 1)
    assert item["steps"][1] == {"step_order": 2, "name": "Last", "completed": 2, "skipped": 1}
    assert (item["median_seconds"], item["p90_seconds"]) == (1800, 2760)


def test_analytics_come_in_pages_most_started_first(work: Casework):
    names = ["Bread", "Apple", "Cider", "Dates", "Elder"]
    ids = {name: work.publish(name, [note()], entity=name) for name in names}
    for name, times in (("Dates", 2), ("Cider", 1)):
        for _ in range(times):
            work.complete(work.create_exception(entity=name), 1)
    work.admin.ok("POST", f"/api/playbooks/{ids['Dates']}/retire")
    work.admin.ok("POST", f"/api/playbooks/{ids['Elder']}/retire")
    found: list[str] = []
    cursor = None
    while True:
        page = work.admin.ok("GET", "/api/analytics/playbooks", params={"limit": 3, "cursor": cursor})
        assert check("playbook-analytics", page) == []
        found += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["Dates", "Cider", "Apple", "Bread"]


@pytest.mark.parametrize("cursor", ["x", "é", "WyJpZCIsIDk5OTk5OV0", "WyJzZXEiLCAxXQ", "W10", "bnVsbA"])
def test_an_invalid_analytics_cursor_is_refused(work: Casework, cursor: str):
    work.admin.problem(400, "invalid_cursor", "GET", "/api/analytics/playbooks", params={"cursor": cursor})
