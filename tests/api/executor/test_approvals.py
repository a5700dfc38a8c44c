"""Approval rules: what they read, and that one which held in a run holds to its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.casework import AGENT, PERSON, Casework, note, own, step_path
from tests.support.pair import Client
from tests.support.threaded import Threaded

VISITS_OVER_3 = {">": [{"var": "exception.normalized_context.visits"}, 3]}
SHORTLY_BEFORE = {
    "and": [{"<": [{"var": "sla.minutes_remaining"}, 40]}, {">": [{"var": "sla.minutes_remaining"}, 30]}]
}


def finishing(client: Client, exception_id: str, step: int = 1) -> int:
    """The status of an attempt of the agent to complete a step."""
    return client("POST", step_path(exception_id, step), AGENT).status_code


@pytest.mark.parametrize(
    ("rule", "asked_of", "free"),
    [
        ({"exception_type": ["bill mismatch"]}, {"exception_type": "Bill Mismatch"}, {}),
        ({"amount_gte": 2000}, {"amount": 2000}, {"amount": 1999.99}),
        ({"amount_gte": 2000}, {"amount": 2e9}, {"amount": None}),
        (
            {"when": VISITS_OVER_3},
            {"normalized_context": {"visits": 4}},
            {"normalized_context": {"visits": 3}},
        ),
        ({"when": VISITS_OVER_3}, {"normalized_context": {"visits": "often"}}, {}),
        ({"when": {"match": {"policy_tags": ["vip"]}}}, {"normalized_context": {"grade": 1}}, {}),
        ({"when": {"match": {"amount_gte": 10}}, "severity": "high"}, {"severity": "high"}, {"amount": 2000}),
    ],
)
def test_a_rule_asks_by_type_amount_and_condition(
    work: Casework, rule: dict[str, Any], asked_of: dict[str, Any], free: dict[str, Any]
):
    vip = {"tag": "vip", "when": {"==": [{"var": "exception.normalized_context.grade"}, 1]}}
    work.policy(human_approval_rules=[rule], tag_rules=[vip])
    work.publish("Harmless", [note()])
    agent = work.acting(AGENT)
    assert finishing(agent, work.create_exception(**asked_of)) == 403
    assert finishing(agent, work.create_exception(**free)) == 200


@pytest.mark.parametrize("roles", [("operator",), ("operator", "author"), ("admin",)])
def test_only_a_person_lowers_a_severity(work: Casework, roles: tuple[str, ...]):
    work.publish("Harmless", [note()])
    exception_id = work.create_exception(severity="high")
    path = f"/api/exceptions/{exception_id}"
    agent = work.acting(AGENT, *roles)
    for lower in ("low", "medium", None):
        agent.problem(403, "human_required", "PATCH", path, {"severity": lower})
    assert work.admin.ok("GET", path)["severity"] == "high"
    assert agent.ok("PATCH", path, {"severity": "critical"})["severity"] == "critical"
    assert work.admin.ok("PATCH", path, {"severity": "low"})["severity"] == "low"


@pytest.mark.parametrize(
    ("rule", "at_first", "change", "by"),
    [
        ({"severity": "high"}, {"severity": "high"}, {"severity": "low"}, PERSON),
        ({"amount_gte": 1000}, {}, {"amount": 999}, AGENT),
        ({"exception_type": "Meter Silent"}, {}, {"exception_type": "Bill Mismatch"}, AGENT),
        (
            {"when": VISITS_OVER_3},
            {"normalized_context": {"visits": 9}},
            {"normalized_context": {"visits": 1}},
            AGENT,
        ),
        ({"when": {"match": {"sla_minutes_remaining_lt": 60}}}, {"minutes": 50}, {"minutes": 500}, AGENT),
    ],
)
def test_what_held_before_a_change_still_needs_a_person(
    work: Casework, rule: dict[str, Any], at_first: dict[str, Any], change: dict[str, Any], by: dict[str, str]
):
    work.policy(human_approval_rules=[{**rule, "action_type": "add_comment"}])
    work.publish("Two", [own(queue="field"), note()])
    exception_id = work.create_exception(**_due(work, at_first))
    agent = work.acting(AGENT)
    assert finishing(agent, exception_id) == 200
    work.acting(by).ok("PATCH", f"/api/exceptions/{exception_id}", _due(work, change))
    refused = agent.problem(403, "human_required", "POST", step_path(exception_id, 2), AGENT)
    assert "earlier" in refused["detail"]
    (reason,) = work.state(exception_id)["steps"][1]["requires_human_reasons"]
    assert (reason["code"], reason["rule_index"]) == ("approval_rule", 0)
    assert reason["held_at"]
    (event,) = work.events(exception_id, "ApprovalRulesKept")
    assert [each["step_order"] for each in event["payload"]["reasons"]] == [2]
    assert work.complete(exception_id, 2)["outcome"] == "completed"


def test_a_rule_of_a_pack_replaced_during_the_run_holds(work: Casework, pair: Threaded):
    work.policy(human_approval_rules=[{"severity": "medium"}])
    work.publish("One", [note()])
    exception_id = work.create_exception()
    pair.clock.advance(minutes=1)
    work.policy(human_approval_rules=[])
    agent = work.acting(AGENT)
    assert finishing(agent, exception_id) == 403
    held_at = work.state(exception_id)["steps"][0]["requires_human_reasons"][0]["held_at"]
    assert held_at == pair.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert finishing(agent, work.create_exception()) == 200


def test_a_condition_that_held_only_for_a_while_between_two_calls_holds(work: Casework, pair: Threaded):
    work.policy(human_approval_rules=[{"when": SHORTLY_BEFORE}])
    work.publish("One", [note()])
    early, late = (work.create_exception(sla_deadline=work.due(minutes=100)) for _ in range(2))
    agent = work.acting(AGENT)
    assert finishing(agent, early) == 200
    pair.clock.advance(minutes=80)
    assert finishing(agent, late) == 403
    assert finishing(agent, work.create_exception(sla_deadline=work.due(minutes=100))) == 200


def test_another_run_begins_with_what_holds_then(work: Casework):
    work.policy(human_approval_rules=[{"amount_gte": 5000}])
    work.publish("For silent meters", [note()], exception_type="Meter Silent")
    work.publish("For bills", [note()], exception_type="Bill Mismatch")
    exception_id = work.create_exception(amount=6000)
    work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"exception_type": "Bill Mismatch", "amount": 10})
    assert work.state(exception_id)["steps"][0]["requires_human"] is False
    assert work.events(exception_id, "ApprovalRulesKept") == []
    assert finishing(work.acting(AGENT), exception_id) == 200


def test_a_match_judges_by_the_rules_too_and_says_until_when(work: Casework, pair: Threaded):
    work.policy(human_approval_rules=[{"when": {"match": {"sla_minutes_remaining_lt": 60}}}])
    work.publish("One", [note()])
    matcher = pair.client(work.tenant_id, service="matcher")
    document = work.document(sla_deadline=work.due(minutes=90))

    def judged(at: datetime) -> tuple[str, str | None]:
        answer = matcher.ok("POST", "/api/match", {"exception": document, "as_of": at.isoformat()})
        return answer["ranked"][0]["policy"]["verdict"], answer["valid_until"]

    verdict, until = judged(work.now)
    assert (verdict, until) == ("aligned", (work.now + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert judged(work.now + timedelta(minutes=31)) == ("needs_approval", None)


def _due(work: Casework, attributes: dict[str, Any]) -> dict[str, Any]:
    given = dict(attributes)
    if "minutes" in given:
        given["sla_deadline"] = work.due(minutes=given.pop("minutes"))
    return given
