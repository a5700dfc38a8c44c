"""Only a person publishes what lets others act without one; agents and systems publish all else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.casework import AGENT, Casework, call, domain_pack, note, own
from tests.support.threaded import Threaded

SYSTEM = {"actor_type": "system", "actor_id": "nightly-publisher"}
LARGE = {"amount_gte": 5000, "description": "Large."}
CRITICAL = {"severity": "critical"}
PACK = {
    "human_approval_rules": [LARGE, CRITICAL, {"require_approval": False, "severity": "low"}],
    "severity_overrides": [{"exception_type": "Bill Mismatch", "severity": "high"}],
    "tags": ["regulated"],
    "tag_rules": [{"tag": "vip", "when": {"==": [{"var": "exception.entity"}, "Pier 9"]}}],
    "approved_tools": ["reread_meter"],
}
RISKY = [note(), {**own(queue="crew"), "requires_approval": True}, call()]


def without(pack: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in pack.items() if key != name}


@pytest.mark.parametrize("actor", [AGENT, SYSTEM], ids=lambda each: each["actor_type"])
@pytest.mark.parametrize(
    "pack",
    [
        without(PACK, "human_approval_rules"),
        {**PACK, "human_approval_rules": [LARGE]},
        {**PACK, "human_approval_rules": [{**LARGE, "amount_gte": 5001}, CRITICAL]},
        {**PACK, "human_approval_rules": [{**LARGE, "require_approval": False}, CRITICAL]},
        without(PACK, "severity_overrides"),
        {**PACK, "severity_overrides": [{"exception_type": "Bill Mismatch", "severity": "low"}]},
        without(PACK, "tags"),
        {**PACK, "tags": []},
        without(PACK, "tag_rules"),
        {},
    ],
    ids=str,
)
def test_a_policy_pack_that_asks_less_is_for_people(work: Casework, actor: dict[str, str], pack: dict[str, Any]):
    work.policy(**PACK)
    stored = work.admin.ok("GET", "/api/policy-pack")
    work.acting(actor, "admin").problem(403, "human_required", "PUT", "/api/policy-pack", pack)
    assert work.admin.ok("GET", "/api/policy-pack") == stored
    assert work.admin.ok("PUT", "/api/policy-pack", pack)["version"] == stored["version"] + 1


@pytest.mark.parametrize(
    "pack",
    [
        {**PACK, "human_approval_rules": [{"exception_type": "Meter Silent"}, CRITICAL, LARGE]},
        {**PACK, "human_approval_rules": [CRITICAL, LARGE]},
        {**PACK, "approved_tools": [], "blocked_actions": ["notify"]},
    ],
    ids=str,
)
def test_an_agent_may_publish_a_policy_pack_that_asks_as_much(work: Casework, pack: dict[str, Any]):
    work.policy(**PACK)
    agent = work.acting(AGENT, "author")
    assert agent.ok("PUT", "/api/policy-pack", pack)["pack"] == pack


def test_an_agent_may_publish_the_first_of_everything(work: Casework):
    agent = work.acting(AGENT, "admin")
    agent.ok("PUT", f"/api/domain-packs/{work.domain}-2", domain_pack(f"{work.domain}-2"))
    agent.ok("POST", "/api/playbooks", work.playbook("Risky", RISKY))


def test_the_severity_rules_of_a_domain_pack_are_for_people(work: Casework):
    path, pack = f"/api/domain-packs/{work.domain}", domain_pack(work.domain)
    agent = work.acting(AGENT, "admin")
    other_rules = {**pack, "severity_rules": pack["severity_rules"][1:]}
    agent.problem(403, "human_required", "PUT", path, other_rules)
    agent.problem(403, "human_required", "PUT", path, without(pack, "severity_rules"))
    assert agent.ok("PUT", path, {**pack, "tools": {}})["version"] == 2
    assert work.admin.ok("PUT", path, other_rules)["version"] == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": [note()]},
        {"steps": [RISKY[0], own(queue="crew"), RISKY[2]]},
        {"steps": [*RISKY[:2], call(meter="EM-45")]},
        {"steps": [*RISKY[:1], {**own(queue="others"), "requires_approval": True}, RISKY[2]]},
        {"conditions": {"match": {}, "priority": 0}},
    ],
    ids=str,
)
def test_what_a_playbook_needs_a_person_for_only_a_person_changes(work: Casework, changes: dict[str, Any]):
    work.publish("Risky", RISKY)
    changed = {**work.playbook("Risky", RISKY), **changes}
    agent = work.acting(AGENT, "author")
    problem = agent.problem(403, "human_required", "POST", "/api/playbooks", changed)
    assert "'Risky'" in problem["detail"]
    agent.problem(403, "human_required", "POST", "/api/playbooks?dry_run=true", changed)
    assert work.admin.ok("POST", "/api/playbooks", changed)["version"] == 2


def test_an_agent_may_add_to_such_a_playbook(work: Casework):
    work.publish("Risky", RISKY)
    more = [note("First"), *RISKY, {**note("Last"), "requires_approval": True}]
    assert work.acting(AGENT, "author").ok("POST", "/api/playbooks", work.playbook("Risky", more))["version"] == 2


def test_two_equal_steps_are_not_kept_by_one(work: Casework):
    step = {**own(queue="crew"), "requires_approval": True}
    work.publish("Twice", [step, step])
    agent = work.acting(AGENT, "author")
    agent.problem(403, "human_required", "POST", "/api/playbooks", work.playbook("Twice", [step]))


def test_only_a_person_retires_a_playbook_that_needs_one(work: Casework):
    risky, harmless = work.publish("Risky", RISKY), work.publish("Harmless", [note()])
    agent = work.acting(AGENT, "author")
    agent.problem(403, "human_required", "POST", f"/api/playbooks/{risky}/retire")
    assert agent.ok("POST", f"/api/playbooks/{harmless}/retire")["status"] == "retired"
    assert work.admin.ok("POST", f"/api/playbooks/{risky}/retire")["status"] == "retired"
    assert agent.ok("POST", f"/api/playbooks/{risky}/retire")["status"] == "retired"


def test_a_backend_publishes_for_a_person(work: Casework, pair: Threaded):
    work.policy(**PACK)
    backend = pair.client(
        work.tenant_id, "author", subject="workbench", actor_type="system", may_act_for=["human"]
    )
    backend.problem(403, "human_required", "PUT", "/api/policy-pack", {})
    person = {"X-Actor-Type": "human", "X-Actor-Id": "imani"}
    assert backend.ok("PUT", "/api/policy-pack", {}, headers=person)["pack"] == {}
